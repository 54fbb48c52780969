"""Publishing into a real Redis: every key of the contract, whole sets only, times that are never renewed."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import RedisFailed, Suspect
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.forms import l1_texts
from marketctl.redis.publish import Published, mark_failed, publish_l1, publish_stats, publish_wallet
from marketctl.redis.quotes import read_history, read_l1, read_meta, write_merged_mirror
from marketctl.times import now_ms, to_iso
from tests.redis import puts
from tests.redis.puts import bids, keys, live, put, quote

# What a publish writes ---------------------------------------------------------------------


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
        "schema": 1, "run_id": "r1", "seq": 1, "collected_ms": puts.T0, "count": 2, "added": 2, "removed": 0,
        "changed": 0, "skipped": 3, "complete": 1, "interval_s": 10.0, "status": "ok", "peak": 2, "peak_ms": last_ok_ms,
        "held": 0, "asked": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    }  # fmt: skip
    assert store.call("PTTL", store.key("BYBIT", "l1:meta")) == -1
    ((_, event),) = store.call("XRANGE", store.key("BYBIT", "events"), "-", "+")
    assert dict(zip(event[::2], event[1::2], strict=True)) == {
        b"run_id": b"r1", b"seq": b"1", b"count": b"2", b"added": b"2", b"removed": b"0", b"changed": b"0",
        b"held": b"0",
    }  # fmt: skip
    assert store.call("XRANGE", store.key("BYBIT", "h:BTC/USDT"), "-", "+") == [
        [f"{puts.T0}-0".encode(), [b"bid", b"97000.10", b"ask", b"97000.2", b"last", b"97000"]]
    ]
    assert read_history(store, "BYBIT", "USD/ETH") == [{"at_ms": puts.T0, "mid": "0.0003"}]


@pytest.mark.parametrize(("interval_s", "life_ms"), [(10, 3_600_000), (0.5, 3_600_000), (3600, 36_000_000)])
def test_expiry_is_anchored_on_the_collection(store: RedisConnection, interval_s: float, life_ms: int) -> None:
    put(store, {"BTC/USDT": quote()}, interval_s=interval_s)
    left = store.call("PTTL", store.key("BYBIT", "l1"))
    assert puts.T0 + life_ms - 5000 < now_ms() + left <= puts.T0 + life_ms + 100
    read_l1(store, "BYBIT")
    assert store.call("PTTL", store.key("BYBIT", "l1")) <= left


def test_expired_quotes_are_gone_and_meta_tells_when_they_were(store: RedisConnection) -> None:
    put(store, {"BTC/USDT": quote()}, -3000)
    store.call("PEXPIRE", store.key("BYBIT", "l1"), 0)
    quotes, meta = read_l1(store, "BYBIT")
    assert quotes == {}
    assert meta["collected_ms"] == puts.T0 - 3_000_000


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
    assert 8_990_000 < store.call("PTTL", store.key("BYBIT", "l1")) <= 9_000_000


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
    publish_l1(store, "BYBIT", quotes, run_id="r", collected_ms=puts.T0 + 1, interval_s=10, skipped=0, meanwhile=look)
    assert seen[-1] == 2  # on another connection: the reply was not read yet


def test_script_unknown_to_the_server_is_sent(store: RedisConnection) -> None:
    store.call("SCRIPT", "FLUSH")
    assert put(store, {"A/B": quote()}).seq == 1


# Merging -----------------------------------------------------------------------------------


def test_incomplete_set_merges_and_the_older_quotes_keep_their_time(store: RedisConnection, tmp_path: Path) -> None:
    put(store, {"A/B": quote("1"), "C/D": quote("2", at_ms=1_767_225_600_000), "E/F": quote("3", derived=True)})
    assert put(store, {"A/B": quote("7"), "G/H": quote()}, 10, complete=False) == Published(4, 1, 0, 1, 2)
    assert live(store) == {
        "A/B": '{"bid":"7","ask":"2","symbol":"BTCUSDT"}',
        "C/D": f'{{"bid":"2","ask":"2","symbol":"BTCUSDT","at":1767225600000,"collected_ms":{puts.T0}}}',
        "E/F": f'{{"bid":"3","ask":"2","symbol":"BTCUSDT","derived":true,"collected_ms":{puts.T0}}}',
        "G/H": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}',
    }
    assert read_meta(store, "BYBIT")["complete"] == 0
    assert bids(store, "C/D") == ["2"]
    put(store, {"C/D": quote("2")}, 20, complete=False)
    assert json.loads(live(store)["E/F"])["collected_ms"] == puts.T0  # not renewed by the second merge

    write_merged_mirror(tmp_path / "BYBIT.json", {"schema": 1}, store, "BYBIT")
    mirror = json.loads((tmp_path / "BYBIT.json").read_text())["quotes"]
    assert list(mirror) == ["A/B", "C/D", "E/F", "G/H"]
    assert mirror["E/F"] == {
        "ask": "2", "ask_size": None, "at": None, "bid": "3", "bid_size": None, "collected_at": to_iso(puts.T0),
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


# The rest of what goes out -----------------------------------------------------------------


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
