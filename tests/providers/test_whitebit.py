"""WHITEBIT: sample answers to exact models, the requests that are made, the signature, its errors."""

import json
from collections import Counter

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import whitebit
from marketctl.providers.cex.whitebit import WhitebitAdapter

KEY = {"api_key": "wb_key_0d4e7a", "api_secret": "wb_secret_7f3a9c21e5d84b60"}
BALANCE, TIME = "POST /api/v4/trade-account/balance", "GET /api/v4/public/time"


def answer(body, status=200, content=b"", is_json=True):
    return Answer(status, {}, body, content, is_json, 1735689600000, 1735689600080)


def test_assets_join_the_fee_of_each_network_and_keep_retired_ones(sample):
    batch = whitebit.parse_assets(sample("whitebit/assets"), sample("whitebit/fee"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether US",
            precision=6,
            networks={
                "ERC20": Network(
                    network="ethereum",
                    deposit=True,
                    withdraw=True,
                    deposit_min="6.0",
                    withdraw_min="14",
                    withdraw_fee="0",
                    withdraw_fee_percent="0",
                    confirmations=32,
                    memo_required=False,
                ),
                "TRC20": Network(
                    network="tron",
                    deposit=True,
                    withdraw=False,
                    deposit_min="2.5",
                    withdraw_min="3.5",
                    withdraw_max="250000",
                    withdraw_fee="1.90",
                    withdraw_fee_percent="0",
                    confirmations=20,
                    memo_required=False,
                ),
                # 10^18 as a minimum means closed.
                "BEP20": Network(network="bsc", deposit=False, withdraw=False, memo_required=False),
                "OMNI": Network(
                    network=batch.assets["USDT"].networks["OMNI"].network,
                    deposit=False,
                    withdraw=False,
                    confirmations=3,
                    memo_required=False,
                ),
            },
        ),
        # One network: the plain fee is its own, and so is what is told of the whole coin.
        "BTC": Asset(
            "BTC",
            "BTC",
            "Bitcoin",
            precision=8,
            networks={
                "BTC": Network(
                    network="bitcoin",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.0002",
                    withdraw_min="0.0005",
                    withdraw_max="40",
                    withdraw_fee="0.00025",
                    withdraw_fee_percent="0",
                    confirmations=2,
                    memo_required=False,
                )
            },
        ),
        "AVX": Asset(
            "AVX",
            "AVX",
            "Averix",
            precision=8,
            networks={
                "AVX": Network(
                    deposit=False,
                    withdraw=False,
                    deposit_min="3",
                    withdraw_min="8",
                    withdraw_max="500",
                    confirmations=15,
                    memo_required=True,
                )
            },
        ),
        "FLX": Asset(
            "FLX",
            "FLX",
            "Flexcoin",
            precision=4,
            networks={
                "ERC20": Network(
                    network="ethereum",
                    deposit=False,
                    withdraw=True,
                    deposit_min="2",
                    withdraw_min="5",
                    withdraw_max="9000",
                    withdraw_fee="0.5",
                    withdraw_fee_percent="1.5",
                    memo_required=True,
                    note="min_fee 3",
                ),
                "SOL": Network(
                    network="solana",
                    deposit=False,
                    withdraw=True,
                    withdraw_min="5",
                    withdraw_fee="0",
                    withdraw_fee_percent="2",
                    memo_required=True,
                    note="min_fee 1, max_fee 8",
                ),
            },
        ),
        # A plain fee is not spread over two networks; a missing switch is unknown.
        "PLN1": Asset(
            "PLN1",
            "PLN1",
            "Plain fee, two networks",
            networks={
                "BEP20": Network(network="bsc", deposit=None, withdraw=True, confirmations=15),
                "BEP2": Network(
                    network=batch.assets["PLN1"].networks["BEP2"].network,
                    deposit=False,
                    withdraw=False,
                    confirmations=1,
                ),
            },
        ),
        "NONE": Asset("NONE", "NONE", precision=8, deposit=False, withdraw=False),
        "EUR": Asset("EUR", "EUR", "Euro", fiat=True, precision=2, deposit=True, withdraw=False),
        "UAH": Asset("UAH", "UAH", "Гривня", fiat=True, deposit=True, withdraw=True),
    }
    assert batch.skipped == Counter({"not-an-asset": 2, "bad-row": 1})


@pytest.mark.parametrize(
    ("row", "deposit", "needed"),
    [
        ({"can_deposit": True, "networks": {"deposits": ["X"]}, "memo": {"deposit": True}}, True, True),
        ({"can_deposit": True, "networks": {"deposits": "X"}, "is_memo": True, "memo": {"deposit": False}}, None, True),
        (
            {"can_deposit": False, "networks": {"deposits": "X"}, "memo": {"deposit": False, "withdraw": False}},
            False,
            False,
        ),
        ({"can_deposit": True, "networks": None, "memo": None}, False, None),
        ({"can_deposit": True, "networks": "X"}, None, None),
        ({"can_deposit": True, "networks": ["X"]}, None, None),
        ({"can_deposit": False, "networks": "X"}, False, None),
        ({"can_deposit": "1", "networks": {"deposits": ["X"]}, "is_memo": False}, True, False),
        ({"can_deposit": "yes", "networks": {"deposits": ["X"]}}, None, None),
        (
            {
                "can_deposit": True,
                "networks": {"deposits": ["X"]},
                "limits": {"deposit": {"X": {"min": "1" + "0" * 17}}},
            },
            False,
            None,
        ),
    ],
)
def test_deposit_and_memo_are_told_by_the_finest_word(row, deposit, needed):
    assets = whitebit.parse_assets({"X": row | {"confirmations": {"X": 1}}}, {"Y": {}}).assets
    network = assets["X"].networks["X"]
    assert (network.deposit, network.memo_required, network.deposit_min) == (deposit, needed, None)


def test_fee_that_is_not_told_is_unknown_and_null_is_none_at_all():
    def fee(withdraw):
        body = {"X": {"confirmations": {"X": 1}}}
        network = whitebit.parse_assets(body, {"X": {"ticker": "X", "withdraw": withdraw}}).assets["X"].networks["X"]
        return network.withdraw_fee, network.withdraw_fee_percent, network.note

    assert fee({"fixed": None, "flex": None}) == ("0", "0", None)
    assert fee({"fixed": "0.1", "flex": {"percent": "1.50", "min_fee": "0", "max_fee": None}}) == ("0.1", "1.50", None)
    assert fee({"fixed": "-1"}) == (None, None, None)
    assert fee({}) == (None, None, None)
    assert fee(None) == (None, None, None)


def test_fees_in_parentheses_belong_to_the_ticker_the_entry_names():
    body = {"A (B) (C)": {"ticker": "A (B)"}, "X": {"ticker": "X"}, "Y (Z)": {"ticker": "OTHER"}, "N": {}}
    assert whitebit.parse_fees(body) == {
        ("A (B)", "C"): {"ticker": "A (B)"},
        ("X", ""): {"ticker": "X"},
        ("N", ""): {},
    }


def test_pairs_halts_come_from_the_ticker_and_only_spot_is_spot(sample):
    expected = [
        Pair("BTC_USDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("1INCH_BTC", "1INCH", "BTC", "1INCH", "BTC", "trading"),
        Pair("A_USDT", "A", "USDT", "A", "USDT", "halted"),
        Pair("OFF_EUR", "OFF", "EUR", "OFF", "EUR", "halted"),
        Pair("NEW_USDT", "NEW", "USDT", "NEW", "USDT", None),
        Pair("BTC_PERP", "BTC", "USDT", "BTC", "USDT", "trading", spot=False),
        Pair("AAPL_USD", "AAPL", "USD", "AAPL", "USD", None, spot=False),
        Pair("DBTC_DUSDT", "DBTC", "DUSDT", "DBTC", "DUSDT", None, spot=False),
    ]
    assert whitebit.parse_pairs(sample("whitebit/markets"), sample("whitebit/ticker")) == expected
    statuses = [pair.status for pair in whitebit.parse_pairs(sample("whitebit/markets"), {})]
    assert statuses == [None, None, None, "halted", None, None, None, None]


def test_prices_one_sided_books_stay_and_other_rows_are_counted(sample):
    pairs = PairList(whitebit.parse_pairs(sample("whitebit/markets"), sample("whitebit/ticker")))
    batch = whitebit.parse_prices(sample("whitebit/tickers"), QuoteBatch(pairs))
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTC_USDT",
            "91230.40",
            "91232.5",
            None,
            None,
            "91231",
            None,
            "5633.120041",
            "512345678.90123",
            "trading",
            1767225600000,
        ),
        "1INCH/BTC": Quote(
            "1INCH_BTC",
            None,
            "0.000004135",
            None,
            None,
            "0.0000042",
            None,
            "0",
            "0",
            "trading",
            1767225600000,
        ),
        "A/USDT": Quote("A_USDT", "0.61", None, None, None, "0.61", None, "12", "7.32", "halted", None),
    }
    assert batch.skipped == Counter({"not-spot": 2, "crossed": 1, "no-price": 1, "unknown-symbol": 1})


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("system operational", Platform("ok")),
        ("1", Platform("ok")),
        (1, Platform("ok")),
        ("system maintenance", Platform("maintenance", "system maintenance")),
        ("0", Platform("maintenance", "0")),
        (0, Platform("maintenance", "0")),
        ("half awake", Platform("unknown", "half awake")),
        (None, Platform("unknown")),
    ],
)
def test_status_in_all_its_forms_and_unknown_is_not_down(told, expected):
    assert whitebit.parse_status({"status": told}) == expected


def test_status_of_another_shape_is_unknown():
    assert whitebit.parse_status([]) == whitebit.parse_status({}) == Platform("unknown")


@pytest.mark.parametrize(
    ("path", "params", "nonce", "body", "payload", "signature"),
    [
        (
            "/api/v4/trade-account/balance",
            b'{"ticker":"BTC"}',
            1735689600123,
            b'{"ticker":"BTC","request":"/api/v4/trade-account/balance","nonce":1735689600123,"nonceWindow":true}',
            "eyJ0aWNrZXIiOiJCVEMiLCJyZXF1ZXN0IjoiL2FwaS92NC90cmFkZS1hY2NvdW50L2JhbGFuY2UiLCJub25jZSI6MTczNTY4OTYwMDEyMy"
            "wibm9uY2VXaW5kb3ciOnRydWV9",
            "3eb80cc05b1e08294a74d25b0ae66667fc16aefe19261e6dbc5ea6593e723990e44b2603714807d791e6b07b22a638fd"
            "a95546a9c7fcff9a465f257d24985359",
        ),
        (
            "/api/v4/main-account/fee",
            None,
            1735689600456,
            b'{"request":"/api/v4/main-account/fee","nonce":1735689600456,"nonceWindow":true}',
            "eyJyZXF1ZXN0IjoiL2FwaS92NC9tYWluLWFjY291bnQvZmVlIiwibm9uY2UiOjE3MzU2ODk2MDA0NTYsIm5vbmNlV2luZG93Ijp0cnVlfQ==",
            "badf2cefc8977f4ef82080ba0af86833176797e7f97d04338e2d63124826e71a60a374988b7ca81707911bf6f120be03"
            "51cb27e4185e90582f8ff865ff756b31",
        ),
    ],
)
def test_signature_matches_the_vector(adapt, path, params, nonce, body, payload, signature):
    adapter = adapt(WhitebitAdapter, "http://127.0.0.1:1", credentials=KEY)
    request = Request("POST", "whitebit.com", path, "", nonce, body=params)
    adapter.sign(request)
    assert request.body == body
    assert request.headers == {
        "Content-Type": "application/json",
        "X-TXC-APIKEY": "wb_key_0d4e7a",
        "X-TXC-PAYLOAD": payload,
        "X-TXC-SIGNATURE": signature,
    }


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (
            401,
            {"code": 10, "message": "Unauthorized request.", "errors": {}},
            AuthFailed,
            "HTTP 401: api_key is unknown, or api_secret is wrong: Unauthorized request. (code 10)",
        ),
        (
            403,
            {"code": 2, "message": "This action is unauthorized. Enable your key in API settings"},
            AuthFailed,
            "HTTP 403: the key is off, unused for 14 days, or bound to other addresses: "
            "This action is unauthorized. Enable your key in API settings (code 2)",
        ),
        (
            403,
            {"code": 4, "message": "This API Key is not authorized to perform this action.", "errors": {}},
            PermissionDenied,
            "HTTP 403: the key lacks a permission: This API Key is not authorized to perform this action. (code 4)",
        ),
        (
            403,
            {"code": 4, "message": "You don't have permission to use this endpoint.", "errors": []},
            PermissionDenied,
            "HTTP 403: the key lacks a permission: You don't have permission to use this endpoint. (code 4)",
        ),
        (
            429,
            {"code": 0, "errors": {}, "message": "Too many requests."},
            ClockSkew,
            "HTTP 429: the nonce did not rise: the clock, or another user of this key: Too many requests. (code 0)",
        ),
        (429, {"message": "Too many requests."}, RateLimited, "HTTP 429: Too many requests."),
        (
            422,
            {"code": 5, "message": "Your nonce is more than 5 seconds lesser than the current nonce"},
            ClockSkew,
            "HTTP 422: this machine's clock is off: "
            "Your nonce is more than 5 seconds lesser than the current nonce (code 5)",
        ),
        (400, {"code": 9, "message": "Invalid payload."}, BadAnswer, "HTTP 400: Invalid payload. (code 9)"),
        (
            422,
            {"code": 30, "message": "Validation failed", "errors": {"ticker": ["Currency was not found."]}},
            BadAnswer,
            "HTTP 422: Validation failed ticker: Currency was not found. (code 30)",
        ),
        # The same number with another meaning.
        (422, {"code": 10, "message": "Market not found"}, BadAnswer, "HTTP 422: Market not found (code 10)"),
        (422, {"market": ["Market is not available."]}, BadAnswer, "HTTP 422: market: Market is not available."),
        (
            200,
            {"success": False, "message": {"market": ["Market is not available."]}, "result": None},
            BadAnswer,
            "HTTP 200: market: Market is not available.",
        ),
        (200, {"success": False, "message": "closed", "result": []}, BadAnswer, "HTTP 200: closed"),
        (200, {"code": 77, "message": "odd"}, BadAnswer, "HTTP 200: odd (code 77)"),
        (
            451,
            {"success": False, "message": "api.futures.unavailable", "errors": []},
            Blocked,
            "HTTP 451: api.futures.unavailable",
        ),
        (500, {"error": ["Internal server error."]}, Unavailable, "HTTP 500: error: Internal server error."),
        (429, None, RateLimited, "HTTP 429"),
    ],
)
def test_errors_are_told_by_status_and_words_not_by_number(adapt, status, body, expected, message):
    adapter = adapt(WhitebitAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected) as caught:
        adapter.check_answer(answer(body, status, is_json=body is not None))
    assert type(caught.value) is expected
    assert caught.value.message == message


@pytest.mark.parametrize(
    "body", [["pong"], {"available": "0.12", "freeze": "0"}, {}, {"success": True, "message": None}]
)
def test_good_answers_have_neither_code_nor_failure(adapt, body):
    adapt(WhitebitAdapter, "http://127.0.0.1:1").check_answer(answer(body))


def test_jobs_against_the_sandbox_make_these_requests_without_a_key(sandbox, adapt):
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"))
    batch = adapter.assets()
    usdt = batch.assets["USDT"].networks
    assert usdt["TRC20"].network == "tron"
    assert (usdt["OMNI"].deposit, usdt["OMNI"].deposit_min, usdt["OMNI"].confirmations) == (False, None, 3)
    assert [code for code, asset in batch.assets.items() if asset.fiat] == ["EUR", "UAH"]
    assert batch.skipped == Counter({"not-an-asset": 3})
    assert batch.assets["BTC"].networks["BTC"].withdraw_fee is not None
    assert {network.withdraw_fee for network in batch.assets["TWO"].networks.values()} == {None}
    assert batch.assets["FLX"].networks["FLX"].withdraw_fee_percent == "1.5"
    prices = adapter.prices()
    assert prices.quotes["BTC/USDT"].status == "trading"
    assert prices.quotes["FRZ/USDT"].status == "halted"
    assert prices.quotes["1INCH/BTC"].bid is None
    assert prices.skipped == Counter({"not-spot": 3, "no-price": 1, "unknown-symbol": 1})
    adapter.prices()
    assert sandbox.requests("WHITEBIT") == {
        "GET /api/v4/public/assets": 1,
        "GET /api/v4/public/fee": 1,
        "GET /api/v1/public/tickers": 2,
        # Once, and once more for the unknown symbol of the remembered list.
        "GET /api/v4/public/markets": 2,
        "GET /api/v4/public/ticker": 2,
    }


def test_every_network_of_the_sandbox_has_a_common_name(sandbox, adapt):
    assets = adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).assets().assets
    for coin in sandbox.world.coins:
        networks = assets[coin.ticker].networks.values()
        assert {network.network for network in networks if network.withdraw_fee} == set(coin.networks)


def test_stats_count_spot_only_and_need_no_key(sandbox, adapt):
    stats = adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).stats()
    total = len(sandbox.world.pairs) + 3
    assert stats.pairs == {"total": total, "trading": total - 1, "halted": 1}
    assert stats.platform == Platform("ok")
    assert abs(stats.clock.skew_ms) < 1000
    assert set(stats.turnover_24h) == {"USDT", "USDC", "BTC", "ETH", "EUR"}


def test_halts_are_unknown_when_they_cannot_be_asked_for(sandbox, adapt):
    sandbox.fault("WHITEBIT/api/v4/public/ticker=empty-object")
    assert adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).prices().quotes["FRZ/USDT"].status is None


@pytest.mark.parametrize("path", ["/api/v4/public/fee", "/api/v4/public/assets"])
def test_wallet_without_one_of_its_two_answers_is_a_failure(sandbox, adapt, path):
    sandbox.fault(f"WHITEBIT{path}=empty-object")
    with pytest.raises(BadAnswer, match=rf"^GET 127.0.0.1{path}: HTTP 200: the answer is an empty object$"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).assets()


def test_wrong_types_leave_no_asset(sandbox, adapt):
    sandbox.fault("WHITEBIT=types")
    with pytest.raises(BadAnswer):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).assets().refuse_if_empty()


def test_check_of_a_good_key_needs_one_request(sandbox, adapt):
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    assert adapter.check_key() == KeyInfo()
    assert sandbox.requests("WHITEBIT") == {BALANCE: 1}


@pytest.mark.parametrize("changed", [{"api_key": "wb_key_other"}, {"api_secret": "wb_secret_other"}])
def test_wrong_key_and_wrong_secret_cannot_be_told_apart(sandbox, adapt, changed):
    keys = sandbox.apis["WHITEBIT"].keys | changed
    with pytest.raises(AuthFailed, match="api_key is unknown, or api_secret is wrong"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=keys).check_key()
    assert sandbox.requests("WHITEBIT") == {BALANCE: 1}


def test_check_without_all_keys_asks_nothing(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: api_secret missing$"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials={"api_key": "k"}).check_key()
    assert sandbox.requests("WHITEBIT") == {}


@pytest.mark.parametrize("skew", [120_000, -120_000])
def test_clock_two_minutes_off_is_measured_and_tried_once_more(sandbox, adapt, skew):
    sandbox.fault(f"WHITEBIT=skew:{skew}")
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    assert adapter.check_key() == KeyInfo()
    assert sandbox.requests("WHITEBIT") == {BALANCE: 2, TIME: 1}
    assert abs(adapter.clock().skew_ms - skew) < 1000


@pytest.mark.parametrize("fault", ["clock", "nonce"])
def test_nonce_refused_again_is_clock_skew_after_one_more_try(sandbox, adapt, fault):
    sandbox.fault(f"WHITEBIT/api/v4/trade-account={fault}")
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    with pytest.raises(ClockSkew):
        adapter.check_key()
    assert sandbox.requests("WHITEBIT") == {BALANCE: 2, TIME: 1}


def test_nonce_refused_once_gets_a_new_one(sandbox, adapt):
    sandbox.fault("WHITEBIT/api/v4/trade-account=nonce*1")
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    assert adapter.check_key() == KeyInfo()
    assert sandbox.requests("WHITEBIT") == {BALANCE: 2, TIME: 1}


def test_rate_limit_without_json_waits_a_second(sandbox, adapt, no_sleep):
    sandbox.fault("WHITEBIT/api/v1=rate-limit*1")
    assert adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).prices().quotes
    assert [round(wait) for wait in no_sleep] == [1]


@pytest.mark.parametrize(
    ("fault", "expected", "requests"),
    [
        ("maintenance", Unavailable, 4),
        ("error", Unavailable, 4),
        ("region", Blocked, 1),
        ("permission", PermissionDenied, 1),
    ],
)
def test_faults_of_its_own_have_their_class_and_number_of_requests(sandbox, adapt, no_sleep, fault, expected, requests):
    sandbox.fault(f"WHITEBIT={fault}")
    with pytest.raises(expected):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).prices()
    assert sandbox.requests("WHITEBIT") == {"GET /api/v1/public/tickers": requests}


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b'{"request": "/api/v4/trade-account/balance"}', {}, "Invalid payload"),
        (b"{}", {"X-TXC-PAYLOAD": ""}, "Payload not provided"),
        (b'{"request":"/api/v4/other","nonce":1}', {}, "Request not provided"),
        (b'{"request":"/api/v4/trade-account/balance"}', {}, "Nonce not provided"),
        (b'{"request":"/api/v4/trade-account/balance","nonce":1,"nonceWindow":2}', {}, "Invalid nonceWindow"),
        (b'{"request":"/api/v4/trade-account/balance","nonce":0}', {}, "Too many requests"),
    ],
)
def test_sandbox_refuses_malformed_calls(sandbox, adapt, monkeypatch, body, headers, words):
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    monkeypatch.setattr(whitebit, "private_body", lambda path, params, nonce: body)
    signed = adapter.sign

    def sign(request):
        signed(request)
        request.headers |= headers

    adapter.sign = sign
    with pytest.raises((BadAnswer, ClockSkew), match=words):
        adapter.check_key()


def test_sandbox_takes_a_nonce_once_and_answers_unknown_paths_with_nothing(sandbox, adapt, monkeypatch):
    keys = sandbox.apis["WHITEBIT"].keys
    fixed = json.dumps(
        {"request": "/api/v4/trade-account/balance", "nonce": 10**15, "nonceWindow": False}, separators=(",", ":")
    ).encode()
    monkeypatch.setattr(whitebit, "private_body", lambda path, params, nonce: fixed)
    adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=keys).check_key()
    with pytest.raises(ClockSkew, match="the nonce did not rise"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=keys).check_key()
    monkeypatch.setattr(WhitebitAdapter, "endpoints", ("GET /api/v4/platform/status",))
    with pytest.raises(BadAnswer, match="HTTP 404"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).get("/api/v4/platform/status")
