"""Today's readers over answers that servers once sent, where a folder of them lies: MARKETCTL_RECORDED names it."""

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from marketctl.errors import AuthFailed, BadAnswer, PermissionDenied, RateLimited
from marketctl.http.messages import Answer
from marketctl.models import KeyInfo, Pair
from marketctl.providers.bank import cbr, ecb, nbu
from marketctl.providers.bank.base import Fixing
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash import frankfurter, openexchangerates, twelvedata
from marketctl.providers.cash.credits import UnknownSymbol
from marketctl.providers.cash.openexchangerates import OpenExchangeRatesCashAdapter
from marketctl.providers.cash.twelvedata import TwelveDataCashAdapter
from marketctl.providers.cex import bybit, htx, kucoin, mexc, whitebit

PLACE = os.environ.get("MARKETCTL_RECORDED")  # before the tests clear their surroundings
NOW = 1_795_000_000_000

pytestmark = pytest.mark.skipif(not PLACE, reason="MARKETCTL_RECORDED names no folder of recorded answers")


def content(name: str) -> bytes:
    path = Path(PLACE or "") / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path.read_bytes()


def load(name: str):
    return json.loads(content(f"{name}.json"), parse_float=Decimal)


def within(body, key: str):
    return body if isinstance(body, dict) and key in body else {key: body}


PAIRS = {
    "bybit/instruments-info-spot-doc": bybit.parse_pairs,
    "bybit/instruments-info-spot-1": lambda body: bybit.parse_pairs({"result": body["Spot"]}),
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
    "kucoin/ua-user-api-key-1": kucoin.parse_key,
    "mexc/apiKeyInfo-1": mexc.parse_key,
    "twelvedata/api_usage-1": twelvedata.parse_usage,
    "twelvedata/api_usage-2": twelvedata.parse_usage,
    "twelvedata/api_usage-docs-example": twelvedata.parse_usage,
    "htx/v2-settings-common-currencies-1": htx.parse_names,
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
    pairs = [Pair(row["symbol"], *row["symbol"].split("-"), *row["symbol"].split("-"), None) for row in rows]
    batch = kucoin.parse_prices(tickers, QuoteBatch(PairList(pairs)))
    assert len(batch.quotes) + len(batch.skips) == len(rows)
    body = load("mexc/ticker-24hr-all-1")
    listed = PairList(mexc.parse_pairs(load("mexc/exchangeInfo-1"), frozenset()))
    assert mexc.parse_prices(body, QuoteBatch(listed)).rows == len(body)


def test_a_ticker_of_bybit_is_joined_with_its_list_of_pairs():
    for name in ("1", "doc"):
        tickers, listed = load(f"bybit/tickers-spot-{name}"), load(f"bybit/instruments-info-spot-{name}")
        if name == "1":  # under the client's own key
            tickers, listed = ({"result": one["Spot"]} for one in (tickers, listed))
        rows = tickers["result"]["list"]
        batch = bybit.parse_prices(tickers, QuoteBatch(PairList(bybit.parse_pairs(listed))))
        assert batch.quotes
        assert len(batch.quotes) + len(batch.skips) == batch.rows == len(rows)
        assert batch.skipped.keys() <= {"unknown-symbol", "no-price", "crossed"}


def test_tickers_of_htx_are_read_with_exact_numbers():
    body = load("htx/market-tickers-1")
    pairs = [Pair(row["symbol"], row["symbol"][:-4], "USDT", "", "", None) for row in body["data"]]
    batch = htx.parse_prices(body, QuoteBatch(PairList(pairs)))
    first = batch.quotes[f"{pairs[0].base}/USDT"]
    assert (len(batch.quotes), first.last, first.volume, first.at_ms) == (
        len(pairs), "0.00468", "36551302.17544405", 1629789355531,
    )  # fmt: skip


def test_names_of_htx_are_tickers_with_kind_and_full_name():
    assert all(
        isinstance(ticker, str) and kind in (1, 2)
        for ticker, _name, kind in htx.parse_names(load("htx/v2-settings-common-currencies-1")).values()
    )


def test_the_own_key_is_found_among_those_of_htx():
    body = load("htx/v2-user-api-key-1")
    row = body["data"][0]
    told = htx.parse_key(body, row["accessKey"])
    assert told.permissions == ("trade", "readOnly")
    assert "trade" in told.warnings[0]
    assert htx.parse_key(body, "another") == KeyInfo()


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("1", {"plan": "basic", "limit": 8, "used": 2, "day_used": 10, "day_limit": 800}),
        ("2", {"plan": None, "limit": 610, "used": 1, "day_used": None, "day_limit": None}),
        ("docs-example", {"plan": "enterprise", "limit": 20000, "used": 4003, "day_used": None, "day_limit": None}),
    ],
)
def test_usage_of_twelvedata(name, usage):
    assert twelvedata.parse_usage(load(f"twelvedata/api_usage-{name}")) == usage


def test_rates_of_twelvedata_flat_and_keyed_with_one_that_is_refused():
    body = load("twelvedata/exchange_rate-docs-example")
    assert twelvedata.parse_rates(body, ["USD/JPY"]) == {"USD/JPY": ["105.12", 1602714051, None]}
    body = load("twelvedata/currency_conversion-1")
    assert twelvedata.parse_rates(body, ["EUR/USD"]) == {"EUR/USD": ["1.16009", 1755861240, None]}
    # Of /price, whose shape the batch of rates has: the refused symbol is told by its own key.
    refused = load("twelvedata/price-batch-partial-error-1")["NIKK"]
    both = {"USD/JPY": load("twelvedata/exchange_rate-docs-example"), "NIKK/USD": refused}
    assert twelvedata.parse_rates(both, ["USD/JPY", "NIKK/USD"]) == {
        "USD/JPY": ["105.12", 1602714051, None],
        "NIKK/USD": [None, None, "unknown-symbol"],
    }


YEARS_MS = 365 * 86_400_000
REFUSALS = [
    (TwelveDataCashAdapter, "twelvedata/error-400-docs-example", 400, BadAnswer, "Invalid **interval**"),
    (TwelveDataCashAdapter, "twelvedata/error-400-symbol-not-found-old", 200, UnknownSymbol, "not found: FAKE"),
    (TwelveDataCashAdapter, "twelvedata/error-403-demo-key", 200, PermissionDenied, "'demo' API key"),
    (TwelveDataCashAdapter, "twelvedata/error-429-day-2", 429, RateLimited, "for the day"),
    (TwelveDataCashAdapter, "twelvedata/error-429-minute", 200, RateLimited, "current minute"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-access_restricted-429", 429, RateLimited, "2050-01-01"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-too_many_requests-429", 429, RateLimited, "2075-12-25"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-app_id_inactive-401", 401, AuthFailed, "switched off"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-invalid_app_id-401", 401, AuthFailed, "Invalid App ID"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-missing_app_id-401", 401, AuthFailed, "No App ID"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-not_allowed-403", 403, PermissionDenied, "the plan"),
    (OpenExchangeRatesCashAdapter, "openexchangerates/error-not_allowed-403", 429, PermissionDenied, "the plan"),
    (bybit.BybitAdapter, "bybit/error-10032", 200, BadAnswer, "Demo trading are not supported. (code 10032)"),
]


@pytest.mark.parametrize(("cls", "name", "status", "kind", "words"), REFUSALS)
def test_a_refusal_is_told_as_what_it_is(adapt, cls, name, status, kind, words):
    adapter = adapt(cls, "http://127.0.0.1:1")
    adapter.client.provider = "X"
    body = load(name)
    with pytest.raises(kind) as caught:
        adapter.check_answer(Answer(status, {}, body, b"", True, NOW, NOW, where="GET example.com/x"))
    assert type(caught.value) is kind
    assert caught.value.message.startswith(f"GET example.com/x: HTTP {status}: ")
    assert words in caught.value.message
    if kind is RateLimited:
        assert caught.value.of_key
        assert caught.value.until_ms > NOW
        far = (caught.value.retry_after or 0) * 1000 > YEARS_MS
        assert far == (cls is OpenExchangeRatesCashAdapter)


BANKS = {
    "cbr/XML_daily_2026-04-26.cp1251.xml": (cbr.parse_daily, "RUB", date(2026, 4, 25)),
    "ecb/eurofxref-daily_2017-03-08.xml": (ecb.parse_daily, "EUR", date(2017, 3, 8)),
    "ecb/eurofxref-daily_2026-07-09_cut.xml": (ecb.parse_daily, "EUR", date(2026, 7, 9)),
}


@pytest.mark.parametrize("name", BANKS)
def test_official_rates_are_read_under_their_own_day(name):
    parse, home, day = BANKS[name]
    fixing = parse(content(name))
    assert (fixing.home, fixing.skips) == (home, [])
    assert "USD" in fixing.rates
    assert {rate.day for rate in fixing.rates.values()} == {day}


def test_an_error_of_cbr_in_a_good_answer_is_told_in_its_words():
    with pytest.raises(BadAnswer, match="Error in parameters"):
        cbr.parse_daily(content("cbr/error_in_parameters.xml"))


def test_a_rate_of_nbu_that_is_carried_over_a_sunday_keeps_its_day():
    body = load("nbu/exchange_site_2026-03_cut")
    fixing = nbu.parse_rates(body, date(2026, 3, 1))
    assert {rate.day for rate in fixing.rates.values()} == {date(2026, 2, 27)}
    assert (fixing.rates["USD"].value, fixing.rates["VND"].value) == ("43.2081", "0.0016565")


def test_rates_of_frankfurter_are_read():
    fixing = frankfurter.parse_rates(load("frankfurter/v2_rates_USD_2026-07-03"), Fixing("USD", home_first=True))
    assert {key: rate.value for key, rate in fixing.rates.items()} == {"EUR": "0.87598", "TWD": "31.913"}
