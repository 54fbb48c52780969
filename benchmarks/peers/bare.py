"""The bare script: requests and redis-py, fetch and one HSET for each exchange; it keeps none of the promises.

With `5` as argument the exchanges are asked in five threads.
"""

import json
import os
import sys

import redis
import requests
from endpoints import PATHS, rows

URLS = json.loads(os.environ["BENCH_URLS"])
store = redis.Redis.from_url(os.environ["BENCH_REDIS"])


def collect(name):
    body = requests.get(URLS[name] + PATHS[name], timeout=10).json()
    store.hset(f"bare:{name}", mapping={symbol: json.dumps(row) for symbol, row in rows(name, body).items()})


if sys.argv[1:] == ["5"]:
    from threading import Thread

    threads = [Thread(target=collect, args=(name,)) for name in PATHS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    for name in PATHS:
        collect(name)
