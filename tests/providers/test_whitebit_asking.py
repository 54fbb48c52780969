"""WHITEBIT: the requests that are made, the signature, its errors."""

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
from marketctl.models import KeyInfo, Platform
from marketctl.providers.cex.whitebit import WhitebitAdapter

KEY = {"api_key": "wb_key_0d4e7a", "api_secret": "wb_secret_7f3a9c21e5d84b60"}
BALANCE, TIME = "POST /api/v4/trade-account/balance", "GET /api/v4/public/time"


def answer(body, status=200, content=b"", is_json=True):
    return Answer(status, {}, body, content, is_json, 1735689600000, 1735689600080)


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
