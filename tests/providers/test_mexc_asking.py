"""MEXC: the requests that are made, the signature, its errors."""

from collections import Counter

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    IpNotAllowed,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request, encode_query
from marketctl.models import KeyInfo, Platform
from marketctl.providers.cex import mexc
from marketctl.providers.cex.mexc import MexcAdapter

KEY = {"api_key": "mx0TESTKEY0000000001", "api_secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
KEY_PATH = "GET /api/v3/apiKeyInfo"


def answer(body, status=200, headers=None, is_json=True):
    return Answer(status, headers or {}, body, b"", is_json, 1767225600000, 1767225600080)


@pytest.mark.parametrize(
    ("query", "signed", "signature"),
    [
        (
            {},
            "recvWindow=5000&timestamp=1767225600000",
            "7b7af0b104cf0a4f05875e14082f35f1a9533319d24ea479e4e0330834f0f9b7",
        ),
        (
            {"accessKey": "mx0TESTKEY0000000001"},
            "accessKey=mx0TESTKEY0000000001&recvWindow=5000&timestamp=1767225600000",
            "77efaf8c7b21e488ead524852996c8c70aa516853a66d96b3ebfd50ad3cf0ca6",
        ),
        (
            {"coin": "USDT", "network": "Tron(TRC20)"},
            "coin=USDT&network=Tron%28TRC20%29&recvWindow=5000&timestamp=1767225600000",
            "709319aa92160427b643e5082a70bfa96e85a337ebcae3bfe16c0e5b9ca5fdce",
        ),
    ],
)
def test_signature_matches_the_vector(adapt, query, signed, signature):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1", credentials=KEY)
    request = Request("GET", "api.mexc.com", "/api/v3/capital/config/getall", encode_query(query), 1767225600000)
    adapter.sign(request)
    assert request.query == f"{signed}&signature={signature}"
    assert request.headers == {"X-MEXC-APIKEY": "mx0TESTKEY0000000001"}


def test_signature_without_a_window_matches_the_vector():
    signature = mexc.hmac_hex(KEY["api_secret"], "timestamp=1767225600000")
    assert signature == "5767ffbee0943e3ba61dae2e84110d839487b54bc204f97b7c70fc6692a94f2e"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"serverTime": 1767225600123},
        {"data": [], "code": 0, "msg": "success"},
        {"data": [], "code": 200, "msg": None},
        {"data": [], "code": None},
    ],
)
def test_every_form_of_a_good_answer_is_good(adapt, body):
    assert adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body)) is None


@pytest.mark.parametrize(
    ("number", "status", "expected"),
    [
        (400, 400, AuthFailed),
        (401, 401, AuthFailed),
        (602, 400, AuthFailed),
        (10072, 400, AuthFailed),
        (700001, 400, AuthFailed),
        (700002, 400, AuthFailed),
        (700002, 200, AuthFailed),
        (700013, 400, AuthFailed),
        (99, 401, AuthFailed),
        (700003, 400, ClockSkew),
        (10073, 400, ClockSkew),
        (700006, 403, IpNotAllowed),
        (700007, 403, PermissionDenied),
        (26, 400, PermissionDenied),
        (99, 403, Blocked),
        (500, 200, Unavailable),
        (503, 503, Unavailable),
        (504, 504, Unavailable),
        (20002, 400, Unavailable),
        (730000, 400, Unavailable),
        (99, 500, Unavailable),
        (700004, 400, BadAnswer),
        (700005, 400, BadAnswer),
        (10007, 200, BadAnswer),
        (-1121, 400, BadAnswer),
        (30016, 400, BadAnswer),
    ],
)
def test_error_codes_choose_the_class_and_stay_in_the_message(adapt, number, status, expected):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected, match=rf"^HTTP {status}: .*its words \(code {number}\)$") as caught:
        adapter.check_answer(answer({"code": number, "msg": "its words", "_extend": None}, status))
    assert type(caught.value) is expected


def test_words_of_an_error_may_stand_under_message(adapt):
    body = {"code": 500, "message": "Under maintenance, please try again later", "announcement": "https://example.com"}
    with pytest.raises(Unavailable, match=r"^HTTP 503: Under maintenance, please try again later \(code 500\)$"):
        adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body, 503))


@pytest.mark.parametrize(
    ("body", "status", "headers", "wait"),
    [
        ({"code": 429, "msg": "Too many requests"}, 200, {}, 10.0),
        ({"code": 429, "msg": "Too many requests"}, 429, {"retry-after": "3"}, 3.0),
        (None, 429, {"retry-after": "4"}, 4.0),
        (None, 429, {}, 10.0),
    ],
)
def test_rate_limit_waits_as_told_else_ten_seconds(adapt, body, status, headers, wait):
    with pytest.raises(RateLimited) as caught:
        adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body, status, headers, body is not None))
    assert caught.value.retry_after == wait


def test_ban_is_never_asked_again_and_says_until_when(adapt):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1")
    banned = answer({"code": 418, "msg": "ip banned"}, 418, {"retry-after": "3600"})._replace(received_ms=1767225600000)
    words = r"^HTTP 418: this address is banned for a while: ip banned \(code 418\)$"
    with pytest.raises(Blocked, match=words) as told:
        adapter.check_answer(banned)
    assert (told.value.retryable, told.value.retry_after, told.value.until_ms) == (False, 3600.0, 1767229200000)
    # Without a header it lasts the documented least, two minutes.
    silent = answer(None, 418, is_json=False)._replace(received_ms=1767225600000)
    with pytest.raises(Blocked, match=r"^HTTP 418: this address is banned for a while$") as caught:
        adapter.check_answer(silent)
    assert (caught.value.retryable, caught.value.until_ms) == (False, 1767225720000)


def test_jobs_against_the_sandbox_make_these_requests(sandbox, adapt):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    assets = adapter.assets().assets
    assert assets["USDT"].networks["TRX"].network == "tron"
    half = assets["HALF"].networks["ETH"]
    assert (half.deposit, half.note) == (True, "Deposits paused for a wallet upgrade")
    batch = adapter.prices()
    statuses = {key: batch.quotes[key].status for key in ("BTC/USDT", "ABC3L/USDT", "SHUT/USDT", "龙猫/USDT")}
    assert statuses == {"BTC/USDT": "trading", "ABC3L/USDT": "halted", "SHUT/USDT": None, "龙猫/USDT": "trading"}
    assert batch.quotes["DEAD/USDT"].bid is None
    assert batch.quotes["67/USDT"].ask == "0.03920"
    assert batch.skipped == Counter({"no-price": 1, "unknown-symbol": 1})
    assert adapter.check_key() == KeyInfo(("SPOT_ACCOUNT_READ", "SPOT_WITHDRAW_READ"), (), 82)
    adapter.prices()
    assert sandbox.requests("MEXC") == {
        "GET /api/v3/capital/config/getall": 1,
        "GET /api/v3/ticker/24hr": 2,
        "GET /api/v3/exchangeInfo": 1,  # remembered
        "GET /api/v3/symbol/offline": 1,
        KEY_PATH: 1,
    }


OFFLINE_FAULTS = [("empty-object", 1), ("error", 4), ("permission", 1), ("403", 1), ("429:3600", 1)]


@pytest.mark.parametrize(("fault", "requests"), OFFLINE_FAULTS)
def test_what_trades_is_unknown_without_the_offline_list(sandbox, adapt, no_sleep, fault, requests):
    sandbox.fault(f"MEXC/api/v3/symbol/offline={fault}")
    batch = adapt(MexcAdapter, sandbox.url("MEXC")).prices()
    assert batch.pairs.by_symbol["BTCUSDT"].status is None
    assert batch.quotes["BTC/USDT"].status is None
    # What exchangeInfo itself calls paused is halted all the same.
    assert batch.quotes["ABC3L/USDT"].status == "halted"
    assert sandbox.requests("MEXC")["GET /api/v3/symbol/offline"] == requests


def test_stats_count_what_only_the_offline_list_names(sandbox, adapt):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"))
    adapter.prices()
    stats = adapter.stats()
    listed = len(sandbox.world.pairs) + 7
    # One has status 2, one stands in both lists, two in the offline list alone; of one the status is unknown.
    assert stats.pairs == {"total": listed + 2, "trading": listed - 3, "halted": 4}
    assert stats.assets == {"total": None, "deposit_open": None, "withdraw_open": None}
    assert (stats.platform, stats.quota) == (Platform("unknown"), None)
    assert abs(stats.clock.skew_ms) < 1000


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "mx0ANOTHERKEY000001"}, r"HTTP 400: api_key is unknown: Api key info invalid \(code 10072\)$"),
        (
            {"api_secret": "00000000000000000000000000000000"},
            r"HTTP 400: api_secret is wrong: Signature for this request is not valid. \(code 700002\)$",
        ),
    ],
)
def test_wrong_key_and_wrong_secret_are_told_apart(sandbox, adapt, changed, words):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys | changed)
    with pytest.raises(AuthFailed, match=words):
        adapter.check_key()
    with pytest.raises(AuthFailed, match=words):
        adapter.assets()
    assert sandbox.requests("MEXC") == {KEY_PATH: 1, "GET /api/v3/capital/config/getall": 1}


@pytest.mark.parametrize("skew", [120_000, -120_000])
def test_clock_two_minutes_off_is_measured_and_tried_once_more(sandbox, adapt, skew):
    sandbox.fault(f"MEXC=skew:{skew}")
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    assert adapter.assets().assets
    assert adapter.check_key().warnings == ()
    assert sandbox.requests("MEXC") == {
        "GET /api/v3/capital/config/getall": 2,
        "GET /api/v3/time": 1,
        KEY_PATH: 1,
    }


def test_clock_refused_again_is_clock_skew(sandbox, adapt):
    sandbox.fault("MEXC/api/v3/apiKeyInfo=clock")
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    with pytest.raises(ClockSkew, match="outside of the recvWindow"):
        adapter.check_key()
    assert sandbox.requests("MEXC") == {KEY_PATH: 2, "GET /api/v3/time": 1}


def test_wallet_needs_both_keys_and_the_permission(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: api_key, api_secret missing$"):
        adapt(MexcAdapter, sandbox.url("MEXC")).assets()
    assert sandbox.requests("MEXC") == {}
    sandbox.fault("MEXC=permission")
    with pytest.raises(PermissionDenied, match="700007"):
        adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys).assets()
    assert sandbox.requests("MEXC") == {"GET /api/v3/capital/config/getall": 1}
