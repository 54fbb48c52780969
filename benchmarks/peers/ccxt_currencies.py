"""What a user of ccxt would write to learn KUCOIN's coins and networks."""

import json
import os

import ccxt
from local import point_to

exchange = ccxt.kucoin({"enableRateLimit": False})
point_to(exchange, json.loads(os.environ["BENCH_URLS"])["KUCOIN"])
found = exchange.fetch_currencies()
if os.environ.get("BENCH_COUNT"):
    print(len(found))
