"""Quotes read back, and their mirror: sorted and whole; what others wrote is refused and named."""

from pathlib import Path

import pytest

from marketctl.errors import RedisFailed
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.publish import Published
from marketctl.redis.quotes import last_of_history, read_history, read_l1, read_meta, write_mirror
from tests.redis.puts import put, quote


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
    with pytest.raises(RedisFailed, match=r"h:A/B is not as marketctl writes it: 5-0 holds bid"):
        read_history(store, "BYBIT", "A/B")
    store.call("SET", store.key("BYBIT", "l1"), "mine")
    with pytest.raises(RedisFailed, match=r"key t\d+:\{BYBIT\}:l1 is a string, not a hash: something else wrote it$"):
        read_l1(store, "BYBIT")


def test_of_the_last_entries_of_histories_those_of_another_shape_are_left_out(store: RedisConnection) -> None:
    for at_ms, bid in (("4-0", "1"), ("5-0", "2.50")):
        store.call("XADD", store.key("BYBIT", "h:A/B"), at_ms, "bid", bid, "ask", "3")
    store.call("XADD", store.key("BYBIT", "h:C/D"), "5-0", "bid", b"\xff")
    store.call("XADD", store.key("BYBIT", "h:E/F"), "5-0", "bid", "many")
    store.call("SET", store.key("BYBIT", "h:G/H"), "mine")
    found = last_of_history(store, "BYBIT", ["A/B", "C/D", "E/F", "G/H", "I/J"])
    assert found == {"A/B": {"at_ms": 5, "bid": "2.50", "ask": "3"}}
    assert last_of_history(store, "BYBIT", []) == {}
