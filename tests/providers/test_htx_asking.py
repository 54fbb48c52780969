"""HTX: the requests that are made, the signature, the errors told apart by words."""

import time

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    ClockSkew,
    IpNotAllowed,
    Maintenance,
    MarketctlError,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request
from marketctl.models import KeyInfo, Platform
from marketctl.providers.cex.htx import HtxAdapter

KEY = {"api_key": "mk-htx-0000-access-key", "api_secret": "mk-htx-0000-secret-key"}
COMMON = "AccessKeyId=mk-htx-0000-access-key&SignatureMethod=HmacSHA256&SignatureVersion=2"
STAMP = "Timestamp=2026-01-02T03%3A04%3A05"


NOT_VALID = "api-signature-not-valid"


def answer(body, status=200, headers=None):
    return Answer(status, headers or {}, body, b"", True, 0, 0)


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (NOT_VALID, "Signature not valid: Incorrect Access key [Access key错误]", AuthFailed),
        (NOT_VALID, "Signature not valid: APIkey has expired", AuthFailed),
        (NOT_VALID, "Signature not valid: Verification failure [校验失败]", AuthFailed),
        (NOT_VALID, "Signature not valid: INCORRECT IP address [IP地址错误]:192.0.2.77", IpNotAllowed),
        (NOT_VALID, "Signature not valid: ip地址错误", IpNotAllowed),
        (NOT_VALID, "Signature not valid: 无效的提交时间", ClockSkew),
        (NOT_VALID, "Signature not valid: Invalid submission time or incorrect time format", ClockSkew),
        ("api-signature-check-failed", "no", AuthFailed),
        ("login-required", "no", AuthFailed),
        (1002, "forbidden", PermissionDenied),
        (1002, "unauthorized", AuthFailed),
        (1002, "signature missing", AuthFailed),
        (1003, "invalid signature", AuthFailed),
        (2000, "invalid.ip", IpNotAllowed),
        (2002, "auth.fail", AuthFailed),
        (2002, "invalid field value in `currency`", BadAnswer),
        (2003, "missing field", BadAnswer),
        (1006, "no", RateLimited),
        (40403, "no", RateLimited),
        (4000, "too.many.request", RateLimited),
        ("bad-request", "429 too many request", RateLimited),
        ("invalid-parameter", "request limit", RateLimited),
        ("base-request-exceed-frequency-limit", "no", RateLimited),
        ("too-many-requests", "no", RateLimited),
        ("too-many-request", "no", RateLimited),
        ("invalid-parameter", "invalid symbol", BadAnswer),
        ("bad-request", "invalid symbol", BadAnswer),
        ("base-symbol-error", "no", BadAnswer),
        (2001, "invalid.symbol", BadAnswer),
        ("base-symbol-trade-disabled", "symbol trade not open now", BadAnswer),
        ("system-maintenance", "no", Maintenance),
        ("gateway-internal-error", "no", Unavailable),
        ("base-system-error", "no", Unavailable),
        ("timeout", "no", Unavailable),
        ("bad-request", "request timeout", Unavailable),
        (500, "system error", Unavailable),
    ],
)
def test_errors_are_told_apart_by_their_words_in_every_envelope(adapt, code, words, expected):
    adapter = adapt(HtxAdapter, "http://127.0.0.1:1")
    bodies = [{"code": code, "message": words}]
    if isinstance(code, str):
        bodies = [
            {"status": "error", "err-code": code, "err-msg": words, "data": None},
            {"status": "error", "err_code": code, "err_msg": words},
        ]
    for body in bodies:
        with pytest.raises(expected) as caught:
            adapter.check_answer(answer(body))
        assert type(caught.value) is expected
        assert caught.value.message.startswith("HTTP 200: ")
        assert caught.value.message.endswith(f"{words} (code {code})")


def test_errors_by_status_and_answers_of_another_shape(adapt):
    adapter = adapt(HtxAdapter, "http://127.0.0.1:1")
    wrong_path = {"status": "error", "err-code": "method-not-allowed", "err-msg": "no such method"}
    for body, status, expected in [
        (wrong_path, 405, BadAnswer),
        ({}, 200, BadAnswer),
        ([], 200, BadAnswer),
        ({"status": "error"}, 200, BadAnswer),
        ({}, 502, Unavailable),
        ({}, 429, RateLimited),
    ]:
        with pytest.raises(expected):
            adapter.check_answer(answer(body, status))
    for good in ({"status": "ok", "data": []}, {"code": 200, "data": []}):
        adapter.check_answer(answer(good))


def test_rate_limit_waits_to_the_end_of_the_window_told_in_a_header(adapt):
    adapter = adapt(HtxAdapter, "http://127.0.0.1:1")
    now_ms = round(time.time() * 1000)

    def wait(headers):
        with pytest.raises(RateLimited) as caught:
            adapter.check_answer(answer({"code": 1006, "message": "slow down"}, headers=headers))
        return caught.value.retry_after

    assert wait({"x-hb-ratelimit-requests-expire": str(now_ms + 60_000)}) == pytest.approx(60, abs=5)
    assert wait({"x-hb-ratelimit-requests-expire": str(now_ms - 60_000)}) == 2.0
    assert wait({"x-hb-ratelimit-requests-expire": "1767323044", "retry-after": "7"}) == 7.0
    assert wait({}) == 2.0


@pytest.mark.parametrize(
    ("host", "path", "own", "signed", "signature"),
    [
        (
            "api.huobi.pro",
            "/v2/user/uid",
            "",
            f"{COMMON}&{STAMP}",
            "gKvR1SVnGXs6JzIadFnjIfY%2BfLatfe5KRk5ZB7%2F7re0%3D",
        ),
        (
            "api.huobi.pro",
            "/v1/account/accounts",
            "",
            f"{COMMON}&{STAMP}",
            "af9L9bEGUe47vQnfzrYiSNI%2BAM%2FV%2FMn%2BlyTc%2BMnzpCk%3D",
        ),
        (
            "api.huobi.pro",
            "/v2/user/api-key",
            "uid=123456789&accessKey=mk-htx-0000-access-key",
            f"{COMMON}&{STAMP}&accessKey=mk-htx-0000-access-key&uid=123456789",
            "T9JNUD9C%2BBniGhS8bibrO2q44P8DWrzsGm04zYhyx2M%3D",
        ),
        (
            "api-aws.huobi.pro",
            "/v2/user/uid",
            "",
            f"{COMMON}&{STAMP}",
            "UynzohPbcPZh7sT6831vnyHDylOMwsMfdTSzXxzY%2FZ8%3D",
        ),
    ],
)
def test_signature_matches_the_vector(adapt, host, path, own, signed, signature):
    adapter = adapt(HtxAdapter, "http://127.0.0.1:1", credentials=KEY)
    request = Request("GET", host, path, own, 1767323045999)
    adapter.sign(request)
    assert request.query == f"{signed}&Signature={signature}"
    assert (request.headers, request.body) == ({}, None)


def test_jobs_against_the_sandbox_make_these_requests(sandbox, adapt):
    adapter = adapt(HtxAdapter, sandbox.url("HTX"), credentials=sandbox.apis["HTX"].keys)
    assets = adapter.assets().assets
    assert (assets["NEWGALA"].ticker, assets["USDT"].networks["trc20usdt"].network) == ("GALA", "tron")
    quotes = adapter.prices().quotes
    assert (quotes["BTC/USDT"].status, quotes["USDT/HUSD"].symbol) == ("trading", "usdthusd")
    assert quotes["OLDDEF/USDT"].bid == "0.00004147"
    assert adapter.platform() == Platform("ok")
    assert adapter.check_key() == KeyInfo(("readOnly",))
    assert sandbox.requests("HTX") == {
        "GET /v2/reference/currencies": 1,
        "GET /v2/settings/common/currencies": 1,
        "GET /v2/settings/common/symbols": 2,  # the unknown symbol in the tickers asks once more
        "GET /market/tickers": 1,
        "GET /v2/market-status": 1,
        "GET /v2/user/uid": 1,
        "GET /v2/user/api-key": 1,
    }


def test_stats_count_delisted_pairs_too(sandbox, adapt):
    stats = adapt(HtxAdapter, sandbox.url("HTX")).stats()
    listed = len(sandbox.world.pairs) + 8
    assert stats.pairs == {"total": listed, "trading": listed - 3, "halted": 3}
    assert stats.platform == Platform("ok")
    assert abs(stats.clock.skew_ms) < 5000


@pytest.mark.parametrize("path", ["/v2/settings/common/currencies", "/v2/settings/common/symbols"])
@pytest.mark.parametrize("fault", ["empty-object", "truncated", "permission", "451"])
def test_wallet_without_the_lists_of_names_keeps_the_last_known_ones_or_fails(sandbox, adapt, path, fault):
    # Another coin may wear a code as its ticker: names nobody knows are no names.
    sandbox.fault(f"HTX{path}={fault}")
    with pytest.raises(MarketctlError):
        adapt(HtxAdapter, sandbox.url("HTX"), pairs_max_age_s=0).assets()
    sandbox.fault()
    known = adapt(HtxAdapter, sandbox.url("HTX"), pairs_max_age_s=0).assets().assets
    assert known["NEWGALA"].ticker == "GALA"
    sandbox.fault(f"HTX{path}={fault}")
    again = adapt(HtxAdapter, sandbox.url("HTX"), pairs_max_age_s=0).assets().assets
    assert {key: (one.ticker, one.name) for key, one in again.items()} == {
        key: (one.ticker, one.name) for key, one in known.items()
    }


def test_wallet_that_cannot_be_read_asks_for_no_names(sandbox, adapt):
    sandbox.fault("HTX/v2/reference=empty-list")
    with pytest.raises(BadAnswer, match=r"^GET 127.0.0.1/v2/reference/currencies: HTTP 200: data is an empty list$"):
        adapt(HtxAdapter, sandbox.url("HTX")).assets()
    assert sandbox.requests("HTX") == {"GET /v2/reference/currencies": 1}


@pytest.mark.parametrize(
    ("wrong", "meaning", "words"),
    [
        (
            {"api_key": "another"},
            "api_key is unknown, or deleted",
            "Signature not valid: Incorrect Access key [Access key错误]",
        ),
        ({"api_secret": "another"}, "api_secret is wrong", "Signature not valid: Verification failure [校验失败]"),
    ],
)
def test_wrong_key_and_wrong_secret_are_named(sandbox, adapt, wrong, meaning, words):
    adapter = adapt(HtxAdapter, sandbox.url("HTX"), credentials=sandbox.apis["HTX"].keys | wrong)
    with pytest.raises(AuthFailed) as caught:
        adapter.check_key()
    assert caught.value.message == (
        f"GET 127.0.0.1/v2/user/uid: HTTP 200: {meaning}: {words} (code api-signature-not-valid)"
    )
    assert sandbox.requests("HTX") == {"GET /v2/user/uid": 1}


def test_clock_two_minutes_off_is_put_right_once(sandbox, adapt):
    sandbox.fault("HTX=skew:-120000")
    adapter = adapt(HtxAdapter, sandbox.url("HTX"), credentials=sandbox.apis["HTX"].keys)
    assert adapter.check_key() == KeyInfo(("readOnly",))
    assert sandbox.requests("HTX") == {
        "GET /v2/user/uid": 2,
        "GET /v1/common/timestamp": 1,
        "GET /v2/user/api-key": 1,
    }


def test_clock_refused_again_is_clock_skew(sandbox, adapt):
    sandbox.fault("HTX/v2/user=clock")
    adapter = adapt(HtxAdapter, sandbox.url("HTX"), credentials=sandbox.apis["HTX"].keys)
    with pytest.raises(ClockSkew, match="无效的提交时间"):
        adapter.check_key()
    assert sandbox.requests("HTX") == {"GET /v2/user/uid": 2, "GET /v1/common/timestamp": 1}


def test_key_that_may_not_read_its_own_permissions_is_good(sandbox, adapt):
    sandbox.fault("HTX/v2/user/api-key=permission")
    adapter = adapt(HtxAdapter, sandbox.url("HTX"), credentials=sandbox.apis["HTX"].keys)
    assert adapter.check_key() == KeyInfo()


def test_rate_limit_in_disguise_is_tried_again(sandbox, adapt, no_sleep):
    sandbox.fault("HTX/market/tickers=rate-limit*1")
    assert "BTC/USDT" in adapt(HtxAdapter, sandbox.url("HTX")).prices().quotes
    assert sandbox.requests("HTX")["GET /market/tickers"] == 2
    assert no_sleep == [pytest.approx(2.05, abs=0.06)]


def test_check_without_a_key_is_refused_before_any_request(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: api_key, api_secret missing$"):
        adapt(HtxAdapter, sandbox.url("HTX")).check_key()
    assert sandbox.requests("HTX") == {}
