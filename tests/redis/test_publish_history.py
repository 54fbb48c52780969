"""The streams of a pair's prices: a line a change, trimmed, never in the way of a publish."""

import pytest

from marketctl.config.registry import HistorySettings
from marketctl.redis.connection import RedisConnection
from marketctl.redis.publish import Published
from marketctl.redis.quotes import read_history
from marketctl.times import now_ms
from tests.redis import puts
from tests.redis.puts import bids, keys, live, put, quote


def test_history_grows_only_when_a_price_changes(store: RedisConnection) -> None:
    for after_s, found in enumerate([quote("1"), quote("1", bid_size="5"), quote("2"), quote("2", None), quote("2")]):
        put(store, {"BTC/USDT": found}, after_s)
    assert read_history(store, "BYBIT", "BTC/USDT") == [
        {"at_ms": puts.T0, "bid": "1", "ask": "2"},
        {"at_ms": puts.T0 + 2000, "bid": "2", "ask": "2"},
        {"at_ms": puts.T0 + 3000, "bid": "2"},
        {"at_ms": puts.T0 + 4000, "bid": "2", "ask": "2"},
    ]
    assert [e["at_ms"] - puts.T0 for e in read_history(store, "BYBIT", "BTC/USDT", puts.T0 + 3000)] == [
        3000,
        4000,
    ]
    assert [e["at_ms"] - puts.T0 for e in read_history(store, "BYBIT", "BTC/USDT", puts.T0, 1)] == [4000]


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
    left = 86_400_000 - (now_ms() - puts.T0)  # from the time of its data on
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
