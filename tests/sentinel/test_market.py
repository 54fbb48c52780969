"""What others have published is looked for once a second, by a process that publishes one provider after another."""

import json
import re
from typing import Any

import pytest

from marketctl.config.sentinel import Limits, SentinelSettings
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import RedisConnection
from marketctl.redis.publish import publish_l1
from marketctl.sentinel import market as market_module
from marketctl.sentinel.market import Market, market_of
from marketctl.times import now_ms
from tests.desk import quote

pytestmark = pytest.mark.made_up


def test_others_are_looked_for_once_a_second(redis_server: Any, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    redis_server.say("FLUSHALL")
    registry = load_registry(folder / "providers.toml")
    entries = [registry.providers[name] for name in ("BYBIT", "KUCOIN")]
    moment = [100.0]
    monkeypatch.setattr(market_module.time, "monotonic", lambda: moment[0])
    with RedisConnection(redis_server.url, folder, "marketctl") as store:

        def publish(name: str, bid: str, at_ms: int) -> None:
            quotes = {"BTC/USDT": quote(bid, "200")}
            publish_l1(store, name, quotes, run_id=f"r{at_ms}", collected_ms=at_ms, interval_s=1e6, skipped=0)

        def seen(market: Market) -> str | None:
            good = market.venue("KUCOIN").good("BTC/USDT")
            return good.bid if good is not None else None

        def refresh() -> list[Any]:
            return market.refresh(registry, store, entries, [("PING",)])

        now = now_ms()
        market = Market()
        publish("BYBIT", "100", now)
        assert refresh() == [b"PONG"]
        assert seen(market) is None
        publish("KUCOIN", "101", now)
        assert refresh() == [b"PONG"]
        assert seen(market) == "101"  # somebody had nothing yet, so it was looked for at once
        publish("KUCOIN", "102", now + 1)
        moment[0] += 0.9
        assert refresh() == [b"PONG"]
        assert seen(market) == "101"
        moment[0] += 0.2
        refresh()
        assert seen(market) == "102"
        publish("KUCOIN", "103", now + 2)
        market.forget("KUCOIN")  # ours did not go out: what stands there is not known
        refresh()
        assert seen(market) == "103"


def test_several_pairs_of_hands_look_ahead_once_and_without_a_sentinel_not_at_all(
    redis_server: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.say("FLUSHALL")
    registry = load_registry(folder / "providers.toml")
    monkeypatch.setattr(market_module, "_markets", {})
    with RedisConnection(redis_server.url, folder, "marketctl") as store:
        for name in ("BYBIT", "KUCOIN"):
            quotes = {"BTC/USDT": quote("100", "200")}
            publish_l1(store, name, quotes, run_id=name, collected_ms=now_ms(), interval_s=1e6, skipped=0)
        read: list[list[str]] = []
        real = Market._read_anew
        monkeypatch.setattr(
            Market, "_read_anew", lambda self, store, names: (read.append(sorted(names)), real(self, store, names))[1]
        )
        off = registry._replace(sentinel=SentinelSettings(Limits(enabled=False)))
        market_of(off).look_ahead(off, store, {})
        assert read == []
        market_of(registry).look_ahead(
            registry, store, {"BYBIT": [("ECHO", "a"), ("ECHO", "b")], "HTX": [("ECHO", "c")]}
        )
        market_of(registry).refresh(registry, store, registry.enabled())
        assert read == [["BYBIT", "KUCOIN"]]
        for name, told in (("HTX", [b"c"]), ("BYBIT", [b"a", b"b"]), ("BYBIT", [b"d"])):  # once, then it is asked again
            assert market_of(registry).refresh(registry, store, registry.enabled(), [("ECHO", "d")], name) == told
        assert market_of(registry).bands.centres["BTC/USDT"] == 150.0


def test_what_is_held_is_told_with_the_lock_or_else_asked_for(
    redis_server: Any, ctl: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.say("FLUSHALL")
    path = folder / "providers.toml"
    path.write_text(re.sub('redis_url = ".*"', f'redis_url = "{redis_server.url}"', path.read_text()))
    collect = ("prices", "collect", "-p", "BYBIT")
    assert ctl(*collect)[0] == 0
    trips: list[bytes] = []
    real = RedisConnection._round_trip
    monkeypatch.setattr(
        RedisConnection,
        "_round_trip",
        lambda self, sent, *more: (trips.append(b"".join(sent)), real(self, sent, *more))[1],
    )
    for command in (collect, collect):
        trips.clear()
        assert ctl(*command)[0] == 0
        (told,) = [sent for sent in trips if b"{BYBIT}:release" in sent]
        assert b"{BYBIT}:lock:prices" in told
    redis_server.say("SET", "marketctl:{BYBIT}:release", "mine")
    code, _, err = ctl(*collect)
    assert code == 1
    assert "key marketctl:{BYBIT}:release is a string, not a hash: something else wrote it" in err


@pytest.mark.parametrize("task", ["prices", "wallet"])
def test_what_cannot_be_read_ahead_is_told_by_its_job_alone(ctl: Any, folder: Any, task: str) -> None:
    path = folder / "providers.toml"
    path.write_text(re.sub('redis_url = ".*"', 'redis_url = "redis://127.0.0.1:1/0"', path.read_text()))
    code, out, err = ctl("run", "--once", "--task", task, "-p", "BYBIT", "-p", "HTX", "--jobs", "2", "--json")
    found = {one["provider"]: (one["status"], one["reason"]) for one in json.loads(out)["results"]}
    told = ("failed", "redis") if task == "prices" else ("ok", None)
    assert found == {"BYBIT": told, "HTX": told}
    assert "Traceback" not in err
    assert code == (1 if task == "prices" else 3)


NOT_OURS = "is not as marketctl writes it"
SPOILT: dict[str, tuple[list[tuple[Any, ...]], str]] = {
    "text": ([("SETRANGE", "reference", -3, "x")], f"reference {NOT_OURS}"),
    "type": ([("DEL", "reference"), ("LPUSH", "reference", "x")], "reference is a list, not a string"),
    "set": ([("SET", "reference", b"\xff"), ("HSET", "l1", b"\xff/USDT", "x")], f"l1 {NOT_OURS}"),
    "meta": ([("DEL", "l1:meta"), ("SET", "l1:meta", "x")], "l1:meta is a string, not a hash"),
    "odd meta": ([("HSET", "l1:meta", "run_id", b"\xff", "earlier_ms", b"\xff")], f"l1:meta {NOT_OURS}"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_is_spoilt_of_one_venue_is_told_once_and_harms_no_other(
    desk: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    commands, words = SPOILT[kind]
    assert desk.collect()[0] == 0
    size = desk.redis.say("STRLEN", "marketctl:{BYBIT}:reference")
    for command, key, *more in commands:
        desk.redis.say(command, f"marketctl:{{BYBIT}}:{key}", *(size + one if one == -3 else one for one in more))
    monkeypatch.setattr(market_module, "_markets", {})  # another process
    code, out, err = desk.collect("MEXC", "KUCOIN")
    assert (code, out.count("ok")) == (0, 2)
    told = [line for line in err.splitlines() if "BYBIT" in line]
    assert len(told) == (2 if kind == "set" else 1)
    assert f"key marketctl:{{BYBIT}}:{words}" in told[-1]
    assert told[-1].endswith("The sentinel goes without it until BYBIT publishes anew")


@pytest.mark.parametrize("kind", ["text", "set", "odd meta"])
def test_a_spoilt_reference_is_replaced_by_the_next_collection(
    desk: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    test_what_is_spoilt_of_one_venue_is_told_once_and_harms_no_other(desk, monkeypatch, kind)
    monkeypatch.setattr(market_module, "_markets", {})
    assert desk.collect("BYBIT")[0] == 0
    monkeypatch.setattr(market_module, "_markets", {})
    assert "BYBIT" not in desk.collect("MEXC")[2]
