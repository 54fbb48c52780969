"""What a user of ccxt would write: load_markets, fetch_tickers, one pipelined HSET for each exchange.

Spot only, where ccxt lets one choose: less work than its defaults. Without its rate limiter, which only waits.
"""

import json
import os

import ccxt
import redis
from local import point_to

URLS = json.loads(os.environ["BENCH_URLS"])

pipeline = redis.Redis.from_url(os.environ["BENCH_REDIS"]).pipeline(transaction=False)
for name in ("bybit", "mexc", "whitebit", "htx", "kucoin"):
    types = {"spot": True, "linear": False, "inverse": False} if name == "htx" else ["spot"]
    options = {"defaultType": "spot", "fetchMarkets": {"types": types}}
    exchange = getattr(ccxt, name)({"enableRateLimit": False, "options": options})
    point_to(exchange, URLS[name.upper()])
    exchange.load_markets()
    tickers = exchange.fetch_tickers()
    quotes = {
        symbol: json.dumps({"bid": ticker["bid"], "ask": ticker["ask"], "last": ticker["last"]})
        for symbol, ticker in tickers.items()
    }
    pipeline.hset(f"ccxt:{name}", mapping=quotes)
    if os.environ.get("BENCH_COUNT"):
        print(name, len(quotes))
pipeline.execute()
