"""Quotes put into Redis, and what lies there then."""

from typing import Any

from marketctl.config.registry import HistorySettings
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.publish import Published, publish_l1
from marketctl.redis.quotes import read_history
from marketctl.times import now_ms

HISTORY = HistorySettings(enabled=True, max_len=1000, max_age_s=86400, pairs=("*",))
T0 = now_ms() - 60_000


def quote(
    bid: str | None = "1", ask: str | None = "2", *, symbol: str = "BTCUSDT", at_ms: int | None = None, **more: Any
) -> Quote:
    empty = dict.fromkeys(("bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status"))
    return Quote(symbol=symbol, bid=bid, ask=ask, at_ms=at_ms, **{**empty, **more})


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
