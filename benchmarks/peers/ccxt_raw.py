"""ccxt as a plain transport, the toughest peer: the raw ticker endpoints, no markets, no parsing into its shapes."""

import json
import os

import ccxt
import redis
from local import point_to

URLS = json.loads(os.environ["BENCH_URLS"])
ASK = {
    "bybit": lambda one: one.publicGetV5MarketTickers({"category": "spot"})["result"]["list"],
    "mexc": lambda one: one.spotPublicGetTicker24hr(),
    "whitebit": lambda one: one.v1PublicGetTickers()["result"],
    "htx": lambda one: one.spotPublicGetMarketTickers()["data"],
    "kucoin": lambda one: one.publicGetMarketAllTickers()["data"]["ticker"],
}

pipeline = redis.Redis.from_url(os.environ["BENCH_REDIS"]).pipeline(transaction=False)
for name, ask in ASK.items():
    exchange = getattr(ccxt, name)({"enableRateLimit": False})
    point_to(exchange, URLS[name.upper()])
    found = ask(exchange)
    rows = found.items() if isinstance(found, dict) else ((row["symbol"], row) for row in found)
    pipeline.hset(f"raw:{name}", mapping={symbol: json.dumps(row) for symbol, row in rows})
pipeline.execute()
