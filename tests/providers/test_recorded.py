"""Today's readers over answers that servers once sent, where a folder of them lies: MARKETCTL_RECORDED names it."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash import openexchangerates
from marketctl.providers.cex import bybit, htx, kucoin, mexc, whitebit

PLACE = os.environ.get("MARKETCTL_RECORDED")  # before the tests clear their surroundings
NOW = 1_795_000_000_000

pytestmark = pytest.mark.skipif(not PLACE, reason="MARKETCTL_RECORDED names no folder of recorded answers")


def load(name: str):
    path = Path(PLACE or "") / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return json.loads(path.read_bytes(), parse_float=Decimal)


def within(body, key: str):
    return body if isinstance(body, dict) and key in body else {key: body}


PAIRS = {
    "bybit/instruments-info-spot-doc": bybit.parse_pairs,
    "kucoin/symbols-1": lambda body: kucoin.parse_pairs(within(body, "data"), NOW),
    "kucoin/symbols-3": lambda body: kucoin.parse_pairs(within(body, "data"), NOW),
    "mexc/exchangeInfo-1": lambda body: mexc.parse_pairs(body, frozenset()),
    "mexc/exchangeInfo-2": lambda body: mexc.parse_pairs(body, frozenset()),
    "mexc/exchangeInfo-3": lambda body: mexc.parse_pairs(body, frozenset()),
    "htx/v2-settings-common-symbols-1": htx.parse_pairs,
    "htx/v1-settings-common-symbols-1": htx.parse_pairs,
    "whitebit/markets-2": lambda body: whitebit.parse_pairs(body, {}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read(name):
    pairs = PAIRS[name](load(name))
    assert pairs
    assert all(pair.symbol for pair in pairs)


WALLETS = {
    "bybit/coin-query-info-doc": bybit.parse_assets,
    "kucoin/currencies-1": lambda body: kucoin.parse_assets(within(body, "data")),
    "kucoin/currencies-3": lambda body: kucoin.parse_assets(within(body, "data")),
    "htx/reference-currencies-5": lambda body: htx.parse_assets(body, {}),
    "openexchangerates/currencies-1": openexchangerates.parse_currencies,
    "openexchangerates/currencies-2": openexchangerates.parse_currencies,
}


@pytest.mark.parametrize("name", WALLETS)
def test_assets_are_read(name):
    batch = WALLETS[name](load(name))
    assert batch.assets
    assert batch.skipped.total() <= len(batch.assets) / 50 + 1, batch.skipped


KEYS = {
    "bybit/query-api-1": lambda body: bybit.parse_key(within(body, "result")),
    "bybit/query-api-doc": bybit.parse_key,
    "kucoin/user-api-key-1": lambda body: kucoin.parse_key(within(body, "data")),
    "mexc/apiKeyInfo-1": mexc.parse_key,
    "openexchangerates/usage-1": openexchangerates.parse_usage,
    "bybit/system-status-doc": bybit.parse_status,
    "kucoin/status-1": lambda body: kucoin.parse_status(within(body, "data")),
    "htx/v2-market-status-1": htx.parse_status,
    "openexchangerates/latest-1": openexchangerates.parse_latest,
    "openexchangerates/latest-2": openexchangerates.parse_latest,
    "openexchangerates/latest-3": openexchangerates.parse_latest,
    "openexchangerates/latest-4": openexchangerates.parse_latest,
}


@pytest.mark.parametrize("name", KEYS)
def test_what_else_is_told_is_read(name):
    assert KEYS[name](load(name))


def test_quotes_are_read_with_the_pairs_of_the_same_answers():
    tickers = within(load("kucoin/allTickers-2"), "data")
    rows = tickers["data"]["ticker"]
    pairs = [kucoin.Pair(row["symbol"], *row["symbol"].split("-"), *row["symbol"].split("-"), None) for row in rows]
    batch = kucoin.parse_prices(tickers, QuoteBatch(PairList(pairs)))
    assert len(batch.quotes) + len(batch.skips) == len(rows)
    body = load("mexc/ticker-24hr-all-1")
    listed = PairList(mexc.parse_pairs(load("mexc/exchangeInfo-1"), frozenset()))
    assert mexc.parse_prices(body, QuoteBatch(listed)).rows == len(body)
