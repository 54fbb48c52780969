"""BYBIT: sample answers to exact models, the requests that are made, the signature."""

from collections import Counter

import pytest

from marketctl.errors import NoCredentials
from marketctl.http.messages import Request
from marketctl.models import Asset, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import bybit
from marketctl.providers.cex.bybit import BybitAdapter

KEY = {"api_key": "MKTCTLTESTKEY00001", "api_secret": "mktctl-test-secret-0123456789abcdef01"}


def test_assets_empty_texts_are_unknown_and_a_missing_direction_is_off(sample):
    batch = bybit.parse_assets(sample("bybit/coins"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether",
            networks={
                "ETH": Network(
                    name="Ethereum",
                    network="ethereum",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0",
                    withdraw_min="9",
                    withdraw_max="7500000",
                    withdraw_fee="4.2",
                    withdraw_fee_percent="0",
                    precision=4,
                    confirmations=6,
                    contract="0x00000000000000000000000000000000000000b2",
                ),
                "OMNI": Network(
                    name="OMNI",
                    network=batch.assets["USDT"].networks["OMNI"].network,
                    deposit=True,
                    withdraw=False,
                    deposit_min="0",
                    precision=4,
                    confirmations=1,
                ),
            },
        ),
        "OLDC": Asset(
            "OLDC",
            "OLDC",
            "OLDC",
            networks={
                "ZKSYNC": Network(
                    name="zkSync Lite",
                    network=batch.assets["OLDC"].networks["ZKSYNC"].network,
                    deposit=False,
                    withdraw=False,
                    withdraw_min="0.5",
                    withdraw_fee="0.5",
                    withdraw_fee_percent="2.2",
                    precision=4,
                )
            },
        ),
        "GONE": Asset("GONE", "GONE"),
    }
    assert batch.skipped == Counter({"no-code": 2})
    assert (batch.assets["OLDC"].deposit, batch.assets["GONE"].deposit) == (False, None)


def test_pairs_status_one_of_2023_is_trading(sample):
    assert bybit.parse_pairs(sample("bybit/instruments")) == [
        Pair("BTCUSDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("DEADEUR", "DEAD", "EUR", "DEAD", "EUR", "trading"),
        Pair("ABC3LUSDT", "ABC3L", "USDT", "ABC3L", "USDT", "trading"),
        Pair("SOONUSDT", "SOON", "USDT", "SOON", "USDT", "halted"),
    ]


def test_prices_empty_and_zero_sides_are_none_and_bad_rows_are_counted(sample):
    pairs = PairList(bybit.parse_pairs(sample("bybit/instruments")))
    batch = bybit.parse_prices(sample("bybit/tickers"), QuoteBatch(pairs))
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTCUSDT",
            "91230.40",
            "91230.5",
            "0.412",
            "1.07",
            "91230.4",
            None,
            "5633.12",
            "512345678.90123",
            "trading",
            1767225600533,
        ),
        "ABC3L/USDT": Quote(
            "ABC3LUSDT", "0.043", None, "1250", None, "0.045", None, "0", "0", "trading", 1767225600533
        ),
    }
    assert batch.skipped == Counter({"no-price": 1, "crossed": 1, "unknown-symbol": 1})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"state": "ongoing", "env": 1, "product": [1, 2], "title": "now"}, Platform("maintenance", "now")),
        ({"state": "ongoing", "env": "1", "product": [1], "title": "futures only"}, Platform("ok")),
        ({"state": "ongoing", "env": 2, "product": [2], "title": "demo only"}, Platform("ok")),
        ({"state": "completed", "env": 1, "product": [2], "title": "over"}, Platform("ok")),
    ],
)
def test_status_is_down_only_for_an_ongoing_event_on_spot_in_production(event, expected):
    assert bybit.parse_status({"retCode": 0, "result": {"list": [event]}}) == expected


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("", "58f728fbcebff4a5765ff50e410ac69764a2f31d18cc2729f293f7289a23d98f"),
        ("coin=USDT", "4d7e2d1abbcc71947ff739d47946a1c793fc8f44c532b9e6771ac256da3844d5"),
    ],
)
def test_signature_matches_the_vector(adapt, query, signature):
    adapter = adapt(BybitAdapter, "http://127.0.0.1:1", credentials=KEY)
    request = Request("GET", "api.bybit.com", "/v5/asset/coin/query-info", query, 1767225600000)
    adapter.sign(request)
    assert request.headers == {
        "X-BAPI-API-KEY": "MKTCTLTESTKEY00001",
        "X-BAPI-TIMESTAMP": "1767225600000",
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": signature,
    }


def test_jobs_against_the_sandbox_make_these_requests(sandbox, adapt):
    adapter = adapt(BybitAdapter, sandbox.url("BYBIT"), credentials=sandbox.apis["BYBIT"].keys)
    assert adapter.assets().assets["USDT"].networks["TRX"].network == "tron"
    assert adapter.prices().quotes["BTC/USDT"].status == "trading"
    assert adapter.check_key().warnings == ()
    assert sandbox.requests("BYBIT") == {
        "GET /v5/asset/coin/query-info": 1,
        "GET /v5/market/tickers": 1,
        "GET /v5/market/instruments-info": 1,
        "GET /v5/user/query-api": 1,
    }


def test_wallet_without_a_key_is_refused_before_any_request(sandbox, adapt):
    adapter = adapt(BybitAdapter, sandbox.url("BYBIT"), credentials={"api_key": "only half"})
    with pytest.raises(NoCredentials, match=r"^no credentials: api_secret missing$"):
        adapter.assets()
    assert sandbox.requests("BYBIT") == {}
