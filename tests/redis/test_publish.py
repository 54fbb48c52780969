"""Publishing into a real Redis: whole sets only, refusals that touch nothing, times that are never renewed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from marketctl.config.registry import HistorySettings
from marketctl.errors import ConfigError, RedisFailed, Suspect
from marketctl.models import Quote
from marketctl.redis import connection as redis_store
from marketctl.redis import publish
from marketctl.redis.connection import RedisConnection, connect, packed
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.failures import refusal
from marketctl.redis.forms import l1_texts
from marketctl.redis.publish import Published, mark_failed, publish_l1, publish_stats, publish_wallet
from marketctl.redis.quotes import read_history, read_l1, read_meta, write_merged_mirror, write_mirror
from marketctl.redis.server import server_info
from marketctl.times import now_ms, to_iso

HISTORY = HistorySettings(enabled=True, max_len=1000, max_age_s=86400, pairs=("*",))
T0 = now_ms() - 60_000
prefixes = count()


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin a minute after T0, however long those before took."""
    monkeypatch.setattr(f"{__name__}.T0", now_ms() - 60_000)


def quote(
    bid: str | None = "1", ask: str | None = "2", *, symbol: str = "BTCUSDT", at_ms: int | None = None, **more: Any
) -> Quote:
    empty = dict.fromkeys(("bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status"))
    return Quote(symbol=symbol, bid=bid, ask=ask, at_ms=at_ms, **{**empty, **more})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one embedded server for this file; return its data folder."""
    folder = tmp_path_factory.mktemp("server")
    with EmbeddedRedis(folder):
        yield folder


@pytest.fixture
def store(server: Path) -> Iterator[RedisConnection]:
    """Each test has its own prefix."""
    with RedisConnection("embedded", server, f"t{next(prefixes)}") as found:
        yield found


def put(store: RedisConnection, quotes: dict[str, Quote], after_s: int = 0, **options: Any) -> Published:
    given: dict[str, Any] = {"run_id": f"run{after_s}", "interval_s": 10, "skipped": 0, "history": HISTORY}
    return publish_l1(store, "BYBIT", quotes, collected_ms=T0 + after_s * 1000, **(given | options))


def live(store: RedisConnection) -> dict[str, str]:
    raw = store.call("HGETALL", store.key("BYBIT", "l1"))
    return {pair.decode(): value.decode() for pair, value in zip(raw[::2], raw[1::2], strict=True)}


def keys(store: RedisConnection) -> list[str]:
    return sorted(key.decode() for key in store.call("KEYS", f"{store.prefix}:*"))


def bids(store: RedisConnection, pair: str = "BTC/USDT") -> list[str]:
    return [entry["bid"] for entry in read_history(store, "BYBIT", pair)]


# What a publish writes --------------------------------------------------------------------


def test_publish_writes_every_key_of_the_contract(store: RedisConnection) -> None:
    before = now_ms()
    full = Quote(
        symbol="BTCUSDT", bid="97000.10", ask="97000.2", bid_size="0.5", ask_size="1.25", last="97000", mid=None,
        volume="12", quote_volume="1164000", status="trading", at_ms=1_767_225_600_123,
    )  # fmt: skip
    derived = quote(None, None, symbol='E"T\\H', mid="0.0003", derived=True)
    published = put(store, {"BTC/USDT": full, "USD/ETH": derived}, run_id="r1", skipped=3)
    assert published == Published(count=2, added=2, removed=0, changed=0, seq=1, history_error=None)
    p = store.prefix
    assert keys(store) == [
        f"{p}:providers",
        f"{p}:{{BYBIT}}:events",
        f"{p}:{{BYBIT}}:h:BTC/USDT",
        f"{p}:{{BYBIT}}:h:USD/ETH",
        f"{p}:{{BYBIT}}:l1",
        f"{p}:{{BYBIT}}:l1:meta",
    ]
    assert store.call("SMEMBERS", f"{p}:providers") == [b"BYBIT"]
    assert live(store) == {
        "BTC/USDT": '{"bid":"97000.10","ask":"97000.2","last":"97000","symbol":"BTCUSDT","bid_size":"0.5",'
        '"ask_size":"1.25","volume":"12","quote_volume":"1164000","status":"trading","at":1767225600123}',
        "USD/ETH": '{"mid":"0.0003","symbol":"E\\"T\\\\H","derived":true}',
    }
    quotes, meta = read_l1(store, "BYBIT")
    assert quotes["USD/ETH"] == {"mid": "0.0003", "symbol": 'E"T\\H', "derived": True}
    last_ok_ms = meta.pop("last_ok_ms")
    assert before <= last_ok_ms <= now_ms()
    assert meta == {
        "schema": 1, "run_id": "r1", "seq": 1, "collected_ms": T0, "count": 2, "added": 2, "removed": 0, "changed": 0,
        "skipped": 3, "complete": 1, "interval_s": 10.0, "status": "ok", "peak": 2, "peak_ms": last_ok_ms,
        "held": 0, "asked": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    }  # fmt: skip
    assert store.call("PTTL", store.key("BYBIT", "l1:meta")) == -1
    ((_, event),) = store.call("XRANGE", store.key("BYBIT", "events"), "-", "+")
    assert dict(zip(event[::2], event[1::2], strict=True)) == {
        b"run_id": b"r1", b"seq": b"1", b"count": b"2", b"added": b"2", b"removed": b"0", b"changed": b"0",
        b"held": b"0",
    }  # fmt: skip
    assert store.call("XRANGE", store.key("BYBIT", "h:BTC/USDT"), "-", "+") == [
        [f"{T0}-0".encode(), [b"bid", b"97000.10", b"ask", b"97000.2", b"last", b"97000"]]
    ]
    assert read_history(store, "BYBIT", "USD/ETH") == [{"at_ms": T0, "mid": "0.0003"}]


@pytest.mark.parametrize(("interval_s", "life_ms"), [(10, 3_600_000), (0.5, 3_600_000), (3600, 36_000_000)])
def test_expiry_is_anchored_on_the_collection(store: RedisConnection, interval_s: float, life_ms: int) -> None:
    put(store, {"BTC/USDT": quote()}, interval_s=interval_s)
    left = store.call("PTTL", store.key("BYBIT", "l1"))
    assert T0 + life_ms - 5000 < now_ms() + left <= T0 + life_ms + 100
    read_l1(store, "BYBIT")
    assert store.call("PTTL", store.key("BYBIT", "l1")) <= left


def test_expired_quotes_are_gone_and_meta_tells_when_they_were(store: RedisConnection) -> None:
    put(store, {"BTC/USDT": quote()}, -3000)
    store.call("PEXPIRE", store.key("BYBIT", "l1"), 0)
    quotes, meta = read_l1(store, "BYBIT")
    assert quotes == {}
    assert meta["collected_ms"] == T0 - 3_000_000


def test_set_that_would_expire_at_once_is_refused(store: RedisConnection) -> None:
    """This machine's clock is behind Redis': published would mean gone."""
    put(store, {"BTC/USDT": quote()}, -4200, until_ms=now_ms() + 120_000)
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    with pytest.raises(Suspect) as caught:
        put(store, {"BTC/USDT": quote("9")}, -4000)
    assert re.fullmatch(r"BYBIT: these quotes are 4[01]\d\d s old by Redis' clock and would be gone at once",
                        caught.value.message)  # fmt: skip
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before


def test_set_lives_until_its_source_can_next_be_asked(store: RedisConnection) -> None:
    put(store, {"BTC/USDT": quote()}, until_ms=now_ms() + 9_000_000)
    assert 8_990_000 < store.call("PTTL", store.key("BYBIT", "l1")) < 9_000_000


def test_time_ahead_of_redis_holds_nobody_up(store: RedisConnection) -> None:
    """A machine whose clock is a day ahead publishes once: the next one with a right clock goes on, history too."""
    put(store, {"A/B": quote("1")}, 0)
    ahead = put(store, {"A/B": quote("666")}, 86_400)
    assert ahead.ahead_ms is not None
    assert 86_000_000 < ahead.ahead_ms < 86_400_000
    put(store, {"A/B": quote("3")}, 10)
    assert json.loads(live(store)["A/B"])["bid"] == "3"
    assert bids(store, "A/B") == ["1", "3"]
    assert put(store, {"A/B": quote("4")}, 20).seq == 4


def test_never_published_is_empty(store: RedisConnection) -> None:
    assert read_l1(store, "BYBIT") == ({}, {})
    assert read_meta(store, "BYBIT") == {}
    assert read_history(store, "BYBIT", "BTC/USDT") == []


def test_second_set_replaces_the_first_and_counts_what_moved(store: RedisConnection) -> None:
    put(store, {"A/B": quote(), "C/D": quote(), "E/F": quote("5"), "G/H": quote()})
    fresh = {"A/B": quote(bid_size="9", at_ms=7), "C/D": quote(mid="1.5"), "E/F": quote("5.0"), "I/J": quote()}
    assert put(store, fresh, 10) == Published(count=4, added=1, removed=1, changed=2, seq=2)
    assert live(store) == dict(zip(fresh, l1_texts(list(fresh.items())), strict=True))


def test_publish_tells_the_channel(store: RedisConnection, server: Path) -> None:
    with RedisConnection("embedded", server, store.prefix) as listener:
        assert listener.call("SUBSCRIBE", f"{store.prefix}:changed:BYBIT")[0] == b"subscribe"
        put(store, {"A/B": quote()}, run_id="r7")
        message = listener._idle[None][0].connection.read_response()
    assert message == [b"message", f"{store.prefix}:changed:BYBIT".encode(), b"r7"]


def test_large_set_and_names_beyond_ascii(store: RedisConnection) -> None:
    quotes = {f"C{i}/USDT": quote(str(i), symbol=f"С{i}") for i in range(3001)} | {"币/USDT": quote(symbol="\ud800")}
    assert put(store, quotes).count == 3002
    found, _ = read_l1(store, "BYBIT")
    assert found == {pair: {"bid": q.bid, "ask": "2", "symbol": q.symbol} for pair, q in quotes.items()}


def test_one_round_trip_a_publish(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, {"A/B": quote()})
    trips: list[int] = []
    original = RedisConnection._round_trip

    def counted(self: RedisConnection, pack: Any, replies: int, *more: Any) -> list[Any]:
        trips.append(replies)
        return original(self, pack, replies, *more)

    monkeypatch.setattr(RedisConnection, "_round_trip", counted)
    put(store, {f"{i}/B": quote() for i in range(1000)}, 10)
    assert trips == [6]  # MULTI HSET HSET PEXPIRE EXEC EVALSHA


def test_what_is_done_meanwhile_is_done_once_all_is_sent(store: RedisConnection) -> None:
    put(store, {"A/B": quote()})  # the server knows the script now
    seen: list[int] = []

    def look() -> None:
        until = time.monotonic() + 5
        while not seen or (seen[-1] == 1 and time.monotonic() < until):
            seen.append(store.call("HLEN", store.key("BYBIT", "l1")))

    quotes = {"A/B": quote(), "B/C": quote()}
    publish_l1(store, "BYBIT", quotes, run_id="r", collected_ms=T0 + 1, interval_s=10, skipped=0, meanwhile=look)
    assert seen[-1] == 2  # on another connection: the reply was not read yet


def test_script_unknown_to_the_server_is_sent(store: RedisConnection) -> None:
    store.call("SCRIPT", "FLUSH")
    assert put(store, {"A/B": quote()}).seq == 1


# Refusals: nothing live is touched --------------------------------------------------------


def test_older_set_is_refused(store: RedisConnection) -> None:
    put(store, {"A/B": quote("1")}, 10)
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    with pytest.raises(Suspect) as caught:
        put(store, {"A/B": quote("2")}, 9)
    assert caught.value.message == f"BYBIT: the live quotes are newer, of {to_iso(T0 + 10_000)}"
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    assert put(store, {"A/B": quote("2")}, 9, force=True).changed == 1


def test_same_collection_again_is_there_already(store: RedisConnection) -> None:
    first = put(store, {"A/B": quote("1"), "C/D": quote()}, run_id="r1")
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    assert put(store, {"A/B": quote("2")}, run_id="r1") == first  # a reply lost on the way, asked again
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    mark_failed(store, "BYBIT", "storage: no room", T0)
    again = put(store, {"A/B": quote("1"), "C/D": quote()}, run_id="r2")  # rates that were used again
    assert again == Published(count=2, added=0, removed=0, changed=0, seq=1)
    now = live(store), read_meta(store, "BYBIT") | {"last_ok_ms": before[1]["last_ok_ms"]}, keys(store)
    assert now == (before[0], before[1] | {"run_id": "r2"}, before[2])


def test_other_quotes_under_the_same_time_replace_the_live_ones(store: RedisConnection) -> None:
    """`pairs` was edited while the answer is used again: Redis has to agree with the mirror."""
    put(store, {"EUR/USD": quote("1"), "USD/RUB": quote("90")}, asked=("EUR/USD", "USD/RUB"))
    edited = {"EUR/USD": quote("1"), "USD/JPY": quote("150"), "USD/TRY": quote("40")}
    assert put(store, edited, run_id="r2", asked=tuple(edited)) == Published(3, 2, 1, 0, 2)
    assert set(live(store)) == set(edited)
    assert "earlier_ms" not in read_meta(store, "BYBIT")


def test_garbage_in_meta_is_no_time_and_no_count(store: RedisConnection) -> None:
    put(store, {"A/B": quote()})
    store.call("HSET", store.key("BYBIT", "l1:meta"), "seq", "1e20", "collected_ms", "inf")
    assert put(store, {"A/B": quote("2")}, 10).seq == 1
    assert put(store, {"A/B": quote("3")}, 20).seq == 2
    assert read_meta(store, "BYBIT")["seq"] == 2


def test_publish_without_a_right_changes_nothing(server: Path, store: RedisConnection) -> None:
    """Each right the script needs after the rename is proven before it."""
    put(store, {"A/B": quote("1"), "C/D": quote()})
    before = live(store), read_meta(store, "BYBIT")
    needed = ("pexpireat", "hdel", "rename", "hset", "hlen", "hgetall", "hmget", "type")
    for right in needed:
        user = f"no{right}"
        store.call("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all", f"-{right}")
        url = f"unix://{user}:pw@{server}/redis/redis.sock"
        with connect(url, server, store.prefix) as limited, pytest.raises(RedisFailed):
            put(limited, {"A/B": quote("9")}, 10, complete=False)
        assert (live(store), read_meta(store, "BYBIT")) == before, right


def test_quotes_older_than_the_rest_keep_their_own_time(store: RedisConnection, tmp_path: Path) -> None:
    quotes = {"A/B": quote(), "C/D": quote()}
    put(store, quotes, own_ms={"C/D": T0 - 5000})
    found, meta = read_l1(store, "BYBIT")
    assert (found["C/D"]["collected_ms"], found["A/B"].get("collected_ms"), meta["collected_ms"]) == (
        T0 - 5000, None, T0)  # fmt: skip
    write_mirror(tmp_path / "BYBIT.json", {"schema": 1}, quotes, {"C/D": T0 - 5000})
    mirror = json.loads((tmp_path / "BYBIT.json").read_bytes())["quotes"]
    assert mirror["C/D"]["collected_at"] == to_iso(T0 - 5000)
    assert "collected_at" not in mirror["A/B"]


def test_set_that_shrank_by_more_than_half_is_refused(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    with pytest.raises(Suspect) as caught:
        put(store, {f"{i}/B": quote() for i in range(4)}, 10)
    assert caught.value.message == "BYBIT: 4 quotes where 10 are live: more than half are gone"
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    assert caught.value.hint == "If that is right, run `marketctl prices collect -p BYBIT --force` once."
    assert put(store, {f"{i}/B": quote() for i in range(5)}, 20).removed == 5
    with pytest.raises(Suspect, match="3 quotes where there were 10"):  # step by step is no way around
        put(store, {f"{i}/B": quote() for i in range(3)}, 25)
    assert put(store, {"0/B": quote()}, 30, force=True).removed == 4
    assert put(store, {"0/B": quote("2")}, 40).seq == 4


def test_half_a_set_is_refused_when_the_live_one_has_expired_or_redis_is_new(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    store.call("DEL", store.key("BYBIT", "l1"))
    with pytest.raises(Suspect, match="4 quotes where there were 10"):
        put(store, {f"{i}/B": quote() for i in range(4)}, 10)
    store.call("DEL", store.key("BYBIT", "l1:meta"))
    with pytest.raises(Suspect, match="4 quotes where there were 9"):
        put(store, {f"{i}/B": quote() for i in range(4)}, 10, known=lambda: 9)
    assert put(store, {f"{i}/B": quote() for i in range(5)}, 10, known=lambda: 9).count == 5


def test_narrowing_ones_own_pairs_is_not_suspect(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    assert put(store, {"1/B": quote()}, 10, asked=("1/B",)).removed == 9
    wider = tuple(f"{i}/B" for i in range(8))
    put(store, {name: quote() for name in wider}, 20, asked=wider)
    with pytest.raises(Suspect, match="3 quotes where 8 are live"):
        put(store, {name: quote() for name in wider[:3]}, 30, asked=wider)


def test_run_that_was_overtaken_marks_no_good_set_as_failing(store: RedisConnection) -> None:
    began = now_ms() - 20_000
    put(store, {"A/B": quote()})
    mark_failed(store, "BYBIT", "suspect: the live quotes are newer", began, began_ms=began)
    assert read_meta(store, "BYBIT")["status"] == "ok"
    store.call("HSET", store.key("BYBIT", "l1:meta"), "last_ok_ms", str(began - 1))
    mark_failed(store, "BYBIT", "timeout: no answer", began, began_ms=began)
    assert read_meta(store, "BYBIT")["status"] == "failing"


def test_empty_set_is_refused(store: RedisConnection) -> None:
    with pytest.raises(Suspect, match=r"^BYBIT: no quotes to publish$"):
        put(store, {}, force=True)


@pytest.mark.parametrize("name", ["{BYBIT}:l1", "{BYBIT}:l1:meta", "{BYBIT}:events", "providers"])
def test_key_of_a_wrong_type_is_named(store: RedisConnection, name: str) -> None:
    key = f"{store.prefix}:{name}"
    store.call("SET", key, "mine")
    with pytest.raises(RedisFailed) as caught:
        put(store, {"A/B": quote()})
    assert key in caught.value.message
    assert caught.value.message.endswith("something else wrote it")
    assert caught.value.hint == "Delete it, or change redis_prefix."
    assert store.call("GET", key) == b"mine"
    assert "h:A/B" not in "".join(keys(store))


def test_temporary_key_that_vanished_is_told(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, {"A/B": quote()})
    monkeypatch.setattr(publish, "_fill", lambda *args: [])
    with pytest.raises(RedisFailed, match=r"lost 1 of 1 quotes on the way: evicted, or the server restarted$"):
        put(store, {"A/B": quote("5")}, 10)
    assert live(store) == {"A/B": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}'}


KILLED = """
import os, signal, sys, pathlib
from marketctl.redis import connection as redis_store
from marketctl.redis.publish import publish_l1
from marketctl.models import Quote
store = redis_store.RedisConnection("embedded", pathlib.Path(sys.argv[1]), sys.argv[2])
exchange = redis_store.RedisConnection._exchange
def filled_and_killed(self, address, sent, count, meanwhile=None):
    if count > 1:  # all but the script
        exchange(self, address, sent[:-1], count - 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return exchange(self, address, sent, count)
redis_store.RedisConnection._exchange = filled_and_killed
quotes = {f"{i}/B": Quote("X", "9", "9", *[None] * 8) for i in range(2000)}
publish_l1(store, "BYBIT", quotes, run_id="dead", collected_ms=int(sys.argv[3]), interval_s=10, skipped=0)
"""


def test_kill_between_fill_and_rename_leaves_no_mix_and_nothing_lasting(store: RedisConnection, server: Path) -> None:
    put(store, {"A/B": quote()})
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    command = [sys.executable, "-c", KILLED, str(server), store.prefix, str(T0 + 10_000)]
    assert subprocess.run(command, check=False, timeout=20).returncode == -signal.SIGKILL
    (leftover,) = set(keys(store)) - set(before[2])
    assert leftover.startswith(f"{store.prefix}:{{BYBIT}}:l1:fill:dead:")
    assert store.call("HLEN", leftover) == 2000
    assert 0 < store.call("PTTL", leftover) <= 60_000
    assert (live(store), read_meta(store, "BYBIT")) == before[:2]


TORTURED = """
import sys, pathlib
from marketctl.redis import connection as redis_store
from marketctl.redis.publish import publish_l1
from marketctl.models import Quote
from marketctl.times import now_ms
store = redis_store.RedisConnection("embedded", pathlib.Path(sys.argv[1]), sys.argv[2])
i = int(sys.argv[3])
while True:
    i += 1
    quotes = {f"{n}/B": Quote("X", str(i), "9", *[None] * 8) for n in range(1500)}
    publish_l1(store, "BYBIT", quotes, run_id=str(i), collected_ms=now_ms(), interval_s=10, skipped=0)
"""


def test_readers_never_see_a_mix_while_publishers_are_killed(store: RedisConnection, server: Path) -> None:
    for round_number in range(1, 5):
        command = [sys.executable, "-c", TORTURED, str(server), store.prefix, str(round_number * 1000)]
        seen: set[str] = set()
        with subprocess.Popen(command) as process:
            while len(seen) < 5:
                assert process.poll() is None
                quotes, meta = read_l1(store, "BYBIT")
                if meta and int(meta["run_id"]) > round_number * 1000:
                    seen.add(meta["run_id"])
                assert {value["bid"] for value in quotes.values()} == ({meta["run_id"]} if meta else set())
                assert len(quotes) == (1500 if meta else 0)
            process.kill()
    assert all(store.call("PTTL", key) > 0 for key in keys(store) if ":fill:" in key)


# Merging ----------------------------------------------------------------------------------


def test_incomplete_set_merges_and_the_older_quotes_keep_their_time(store: RedisConnection, tmp_path: Path) -> None:
    put(store, {"A/B": quote("1"), "C/D": quote("2", at_ms=1_767_225_600_000), "E/F": quote("3", derived=True)})
    assert put(store, {"A/B": quote("7"), "G/H": quote()}, 10, complete=False) == Published(4, 1, 0, 1, 2)
    assert live(store) == {
        "A/B": '{"bid":"7","ask":"2","symbol":"BTCUSDT"}',
        "C/D": f'{{"bid":"2","ask":"2","symbol":"BTCUSDT","at":1767225600000,"collected_ms":{T0}}}',
        "E/F": f'{{"bid":"3","ask":"2","symbol":"BTCUSDT","derived":true,"collected_ms":{T0}}}',
        "G/H": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}',
    }
    assert read_meta(store, "BYBIT")["complete"] == 0
    assert bids(store, "C/D") == ["2"]
    put(store, {"C/D": quote("2")}, 20, complete=False)
    assert json.loads(live(store)["E/F"])["collected_ms"] == T0  # not renewed by the second merge

    write_merged_mirror(tmp_path / "BYBIT.json", {"schema": 1}, store, "BYBIT")
    mirror = json.loads((tmp_path / "BYBIT.json").read_text())["quotes"]
    assert list(mirror) == ["A/B", "C/D", "E/F", "G/H"]
    assert mirror["E/F"] == {
        "ask": "2", "ask_size": None, "at": None, "bid": "3", "bid_size": None, "collected_at": to_iso(T0),
        "derived": True, "last": None, "mid": None, "quote_volume": None, "status": None, "symbol": "BTCUSDT",
        "volume": None,
    }  # fmt: skip


def test_merge_drops_what_is_older_than_a_live_set_may_be(store: RedisConnection) -> None:
    put(store, {"A/B": quote(), "C/D": quote()}, -3000)
    put(store, {"A/B": quote()}, 0, complete=False)
    assert put(store, {"A/B": quote()}, 601, complete=False) == Published(1, 0, 1, 0, 3)


def test_merge_of_many_pairs(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(5000)})
    assert put(store, {"A/B": quote()}, 10, complete=False) == Published(5001, 1, 0, 0, 2)
    assert put(store, {"A/B": quote()}, 20, force=True) == Published(1, 0, 5000, 0, 3)


# History ----------------------------------------------------------------------------------


def test_history_grows_only_when_a_price_changes(store: RedisConnection) -> None:
    for after_s, found in enumerate([quote("1"), quote("1", bid_size="5"), quote("2"), quote("2", None), quote("2")]):
        put(store, {"BTC/USDT": found}, after_s)
    assert read_history(store, "BYBIT", "BTC/USDT") == [
        {"at_ms": T0, "bid": "1", "ask": "2"},
        {"at_ms": T0 + 2000, "bid": "2", "ask": "2"},
        {"at_ms": T0 + 3000, "bid": "2"},
        {"at_ms": T0 + 4000, "bid": "2", "ask": "2"},
    ]
    assert [e["at_ms"] - T0 for e in read_history(store, "BYBIT", "BTC/USDT", T0 + 3000)] == [3000, 4000]
    assert [e["at_ms"] - T0 for e in read_history(store, "BYBIT", "BTC/USDT", T0, 1)] == [4000]


def test_history_is_trimmed_by_length(store: RedisConnection) -> None:
    history = HistorySettings(enabled=True, max_len=100, max_age_s=86400, pairs=("*",))
    for i in range(450):
        put(store, {"BTC/USDT": quote(str(i))}, i, history=history)
    found = bids(store)
    assert found[-100:] == [str(i) for i in range(350, 450)]
    assert len(found) <= 201  # Redis drops whole nodes of 100


def test_history_is_trimmed_by_age(store: RedisConnection) -> None:
    history = HistorySettings(enabled=True, max_len=10_000, max_age_s=50, pairs=("*",))
    for i in range(450):
        put(store, {"BTC/USDT": quote(str(i))}, i, history=history)
    found = bids(store)
    assert found[-50:] == [str(i) for i in range(400, 450)]
    assert len(found) <= 151


def test_history_of_chosen_pairs_only(store: RedisConnection) -> None:
    history = HistorySettings(enabled=True, max_len=10, max_age_s=10, pairs=("BTC/*", "ETH/EUR"))
    put(store, {"BTC/USDT": quote(), "ETH/EUR": quote(), "ETH/USDT": quote()}, history=history)
    assert [key.partition(":h:")[2] for key in keys(store) if ":h:" in key] == ["BTC/USDT", "ETH/EUR"]


@pytest.mark.parametrize("history", [None, HistorySettings(False, 10, 10, ("*",))], ids=["none", "disabled"])
def test_history_off(store: RedisConnection, history: HistorySettings | None) -> None:
    put(store, {"BTC/USDT": quote()}, history=history)
    assert not [key for key in keys(store) if ":h:" in key]


def test_history_of_a_delisted_pair_expires_and_lives_on_when_relisted(store: RedisConnection) -> None:
    put(store, {"A/B": quote(), "C/D": quote()})
    key = store.key("BYBIT", "h:C/D")
    assert store.call("PTTL", key) == -1
    put(store, {"A/B": quote()}, 10)
    left = 86_400_000 - (now_ms() - T0)  # from the time of its data on
    assert left - 60_000 < store.call("PTTL", key) <= left + 70_000
    put(store, {"A/B": quote(), "C/D": quote()}, 20)
    assert store.call("PTTL", key) == -1
    assert bids(store, "C/D") == ["1", "1"]


def test_history_of_a_clock_set_back_is_left_out_and_prices_go_on(store: RedisConnection) -> None:
    put(store, {"BTC/USDT": quote("1")}, 40)
    assert put(store, {"BTC/USDT": quote("2")}, 20, force=True) == Published(1, 0, 0, 1, 2)
    assert bids(store) == ["1"]
    put(store, {"BTC/USDT": quote("3")}, 50)
    assert bids(store) == ["1", "3"]


def test_history_that_cannot_be_kept_is_told_and_prices_go_on(store: RedisConnection) -> None:
    key = store.key("BYBIT", "h:BTC/USDT")
    store.call("SET", key, "mine")
    published = put(store, {"BTC/USDT": quote(), "C/D": quote()})
    assert published.history_error == f"{key}: WRONGTYPE Operation against a key holding the wrong kind of value"
    assert len(live(store)) == 2
    assert bids(store, "C/D") == ["1"]


def test_events_are_trimmed(store: RedisConnection) -> None:
    for i in range(1250):
        put(store, {"A/B": quote()}, i, history=None)
    assert 1000 <= store.call("XLEN", store.key("BYBIT", "events")) <= 1100


# The rest of what goes out ----------------------------------------------------------------


def test_mark_failed_touches_nothing_else_and_the_next_success_clears_it(store: RedisConnection) -> None:
    put(store, {"A/B": quote()})
    before = read_meta(store, "BYBIT")
    mark_failed(store, "BYBIT", "timeout: no answer\nwithin 10 s", 1_767_225_600_000)
    assert read_meta(store, "BYBIT") == before | {
        "status": "failing",
        "last_error": "2026-01-01T00:00:00.000Z timeout: no answer within 10 s",
    }
    put(store, {"A/B": quote()}, 10)
    after = read_meta(store, "BYBIT")
    assert after["status"] == "ok"
    assert "last_error" not in after


def test_wallet_is_replaced_as_a_whole(store: RedisConnection) -> None:
    publish_wallet(store, "BYBIT", {"OLD": {"a": 1}}, {"run_id": "r0", "gone": True})
    head = {"schema": 1, "run_id": "r1", "collected_at": "2026-01-01T00:00:00.000Z", "none": None}
    publish_wallet(store, "BYBIT", {"USDT": {"ticker": "USDT", "name": "Тетер"}, "BTC": '{"as":"it is"}'}, head)
    key = store.key("BYBIT", "wallet")
    assert store.call("HGETALL", key) == [
        b"USDT", b'{"name":"\\u0422\\u0435\\u0442\\u0435\\u0440","ticker":"USDT"}', b"BTC", b'{"as":"it is"}'
    ]  # fmt: skip
    assert store.call("HGETALL", f"{key}:meta") == [
        b"schema", b"1", b"run_id", b"r1", b"collected_at", b"2026-01-01T00:00:00.000Z"
    ]  # fmt: skip


def test_stats_are_one_text(store: RedisConnection) -> None:
    publish_stats(store, "BYBIT", {"schema": 1, "stats": {"pairs": {"total": 2}}})
    assert store.call("GET", store.key("BYBIT", "stats")) == b'{"schema":1,"stats":{"pairs":{"total":2}}}'


def test_wallet_and_stats_refuse_a_key_of_another_type(store: RedisConnection) -> None:
    for name in ("wallet", "stats"):
        store.call("LPUSH", store.key("BYBIT", name), "mine")
    with pytest.raises(RedisFailed, match=r"wallet is a list, not a hash: something else wrote it$"):
        publish_wallet(store, "BYBIT", {"BTC": {}}, {})
    with pytest.raises(RedisFailed, match=r"stats is a list, not a string: something else wrote it$"):
        publish_stats(store, "BYBIT", {})


def test_mirror_holds_every_key_sorted(tmp_path: Path) -> None:
    full = Quote("BTCUSDT", "1", "2", "3", "4", "5", "6", "7", "8", "halted", 1_767_225_600_123, True)
    write_mirror(tmp_path / "X.json", {"schema": 1, "job": "prices"}, {"B/C": full, "A/B": quote(None, None)})
    assert (tmp_path / "X.json").read_text() == (
        "{\n"
        '  "job": "prices",\n'
        '  "quotes": {\n'
        '    "A/B": {"ask": null, "ask_size": null, "at": null, "bid": null, "bid_size": null, "derived": false, '
        '"last": null, "mid": null, "quote_volume": null, "status": null, "symbol": "BTCUSDT", "volume": null},\n'
        '    "B/C": {"ask": "2", "ask_size": "4", "at": "2026-01-01T00:00:00.123Z", "bid": "1", "bid_size": "3", '
        '"derived": true, "last": "5", "mid": "6", "quote_volume": "8", "status": "halted", "symbol": "BTCUSDT", '
        '"volume": "7"}\n'
        "  },\n"
        '  "schema": 1\n'
        "}\n"
    )


# Reading what others wrote ----------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b"\xff", b'{"bid":1.5}', b'{"at":"now"}', b'{"symbol":null}', b'{"derived":1}', b"5", b"null"],
)
def test_foreign_quote_is_refused_and_named(store: RedisConnection, value: bytes) -> None:
    key = store.key("BYBIT", "l1")
    store.call("HSET", key, "A/B", value)
    with pytest.raises(RedisFailed) as caught:
        read_l1(store, "BYBIT")
    assert f"key {key} is not as marketctl writes it: A/B holds" in caught.value.message
    assert caught.value.message.isprintable()


def test_foreign_quote_does_not_hinder_the_next_publish(store: RedisConnection) -> None:
    store.call("HSET", store.key("BYBIT", "l1"), "A/B", b"\xff", "C/D", "{}")
    assert put(store, {"A/B": quote(), "C/D": quote()}) == Published(2, 0, 0, 2, 1)


def test_foreign_meta_and_history_are_refused_and_named(store: RedisConnection) -> None:
    store.call("HSET", store.key("BYBIT", "l1:meta"), "seq", "many")
    with pytest.raises(RedisFailed, match=r"l1:meta is not as marketctl writes it: seq is many$"):
        read_meta(store, "BYBIT")
    store.call("XADD", store.key("BYBIT", "h:A/B"), "5-0", "bid", b"\xff")
    with pytest.raises(RedisFailed, match=r"h:A/B is not as marketctl writes it: it holds bid"):
        read_history(store, "BYBIT", "A/B")
    store.call("SET", store.key("BYBIT", "l1"), "mine")
    with pytest.raises(RedisFailed, match=r"key t\d+:\{BYBIT\}:l1 is a string, not a hash: something else wrote it$"):
        read_l1(store, "BYBIT")


# The connection ---------------------------------------------------------------------------


def test_server_info(store: RedisConnection) -> None:
    info = server_info(store)
    assert info.pop("version").split(".")[0].isdecimal()
    assert info.pop("server") in ("redis", "valkey")
    assert min(info.pop("pid"), info.pop("memory_bytes"), info.pop("saved_at_s")) > 0
    assert min(info.pop("uptime_s"), info.pop("unsaved_changes")) >= 0
    assert info == {"role": "master", "maxmemory": 0, "maxmemory_policy": "noeviction", "save_failed": False}


def test_url_none_is_no_store(tmp_path: Path) -> None:
    assert connect("none", tmp_path) is None


@pytest.mark.parametrize("url", ["redis://:hun/ter2@host", "http://:hunter2@host", "redis://u:hunter2@host:port"])
def test_url_that_is_none_is_a_config_error_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url, tmp_path)
    assert caught.value.message == "redis_url cannot be understood"
    assert "ter2" not in f"{caught.value} {caught.value.hint}"


def test_refused_connection_is_one_line_without_the_password(tmp_path: Path) -> None:
    store = RedisConnection("redis://user:hunter2@127.0.0.1:1/3?socket_timeout=1", tmp_path, "p")
    with pytest.raises(RedisFailed) as caught:
        store.open()
    assert caught.value.message == (
        "cannot reach Redis at redis://127.0.0.1:1/3: Error 111 connecting to 127.0.0.1:1. Connection refused."
    )
    store.close()


def test_broken_idle_connection_is_opened_anew_once(store: RedisConnection, server: Path) -> None:
    store.open()
    with RedisConnection("embedded", server, "other") as other:
        other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert put(store, {"A/B": quote()}).count == 1


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisConnection]:
    """A server of its own for tests that change its settings, spoken to by URL."""
    with EmbeddedRedis(tmp_path) as server:
        store = RedisConnection(f"unix://{server.start()}", tmp_path, "p")
        yield store
        store.close()


def test_out_of_memory_leaves_the_live_quotes(own: RedisConnection) -> None:
    put(own, {"A/B": quote()})
    own.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(RedisFailed, match=r"is out of memory$"):
        put(own, {"A/B": quote("5")}, 10)
    own.call("CONFIG", "SET", "maxmemory", "0")
    assert live(own) == {"A/B": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}'}


def test_read_only_replica(own: RedisConnection) -> None:
    own.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(RedisFailed, match=r"is a read-only replica$"):
        put(own, {"A/B": quote()})
    own.call("REPLICAOF", "NO", "ONE")


def test_password_wanted_and_refused(own: RedisConnection, tmp_path: Path) -> None:
    path = own.where.removeprefix("Redis at ")
    own.call("CONFIG", "SET", "requirepass", "s3cr3t")
    for url, ending in ((path, "wants a password"), (path.replace("//", "//:wr0ng@"), "refused the password")):
        store = RedisConnection(url, tmp_path, "p")
        with pytest.raises(RedisFailed) as caught:
            store.open()
        assert caught.value.message == f"Redis at {path} {ending}"
        store.close()
    own.call("CONFIG", "SET", "requirepass", "")


@pytest.mark.parametrize(
    ("error", "url", "message", "hint"),
    [
        (RedisTimeout("timed out"), "redis://h", "did not answer in time", "Check whether it is overloaded"),
        (RedisTimeout("timed out"), "rediss://h", "did not answer in time", "Check whether it speaks TLS there"),
        (ResponseError("DB index is out of range"), "redis://h/99", "has no database of this number", "Correct it"),
    ],
)
def test_what_a_server_is_asked_in_vain_says_what_to_look_at(
    error: Exception, url: str, message: str, hint: str
) -> None:
    told = refusal(error, "Redis", url)
    assert (told.message, told.hint and told.hint.startswith(hint)) == (f"Redis {message}", True)


def test_slow_server_is_told(own: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "READ_S", 0.05)
    own.open()
    with pytest.raises(RedisFailed, match=r"did not answer in time$"):
        own.call("BLPOP", "nothing comes", "0.3")  # DEBUG SLEEP is refused by Redis 7


def test_embedded_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with RedisConnection("embedded", tmp_path, "p") as store:
        put(store, {"A/B": quote()})
        store.call("SAVE")
        os.kill(int((tmp_path / "redis" / "server.lock").read_text()), signal.SIGKILL)
        assert put(store, {"A/B": quote("2")}, 10) == Published(1, 0, 0, 1, 2)


def test_a_command_is_written_in_redis_protocol_with_lengths_in_bytes():
    assert packed("PING") == b"*1\r\n$4\r\nPING\r\n"
    sent = packed("SET", "ю", 5, b"\xff\r\n")
    assert sent == b"*4\r\n$3\r\nSET\r\n$2\r\n\xd1\x8e\r\n$1\r\n5\r\n$3\r\n\xff\r\n\r\n"
