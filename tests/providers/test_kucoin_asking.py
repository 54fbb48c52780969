"""KUCOIN: the requests that are made, the signature, its errors."""

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
from marketctl.http.messages import Answer, Request
from marketctl.models import KeyInfo, Platform, Quota
from marketctl.providers.cex.kucoin import KucoinAdapter

KEY = {
    "api_key": "6500000000000000000000aa",
    "api_secret": "00000000-1111-2222-3333-444444444444",
    "passphrase": "marketctl-pass",
}
KEY_PATH = "GET /api/v1/user/api-key"
TIME_PATH = "GET /api/v1/timestamp"


def answer(body, status=200, headers=None, is_json=True, content=b""):
    return Answer(status, headers or {}, body, content, is_json, 1767323045000, 1767323045080)


@pytest.mark.parametrize(
    ("path", "query", "signature"),
    [
        ("/api/v1/user/api-key", "", "JoXQ7RDYl0ZUVFFTwugE1m/vtuHGKP0RKDYen66ap64="),
        ("/api/v1/accounts", "", "puH2JdFTE5j9IC6oScAEZLko9mSDtmXzx3VOLT9btLM="),
        ("/api/v1/accounts", "currency=USDT&type=main", "d0iJiwxsbv/jmgdqQjqBjhbsv5qJ8+l+HVPJoYleSlk="),
    ],
)
@pytest.mark.parametrize(("options", "version"), [({}, "3"), ({"key_version": 2}, "2"), ({"key_version": 3}, "3")])
def test_signature_matches_the_vector_for_both_key_versions(adapt, path, query, signature, options, version):
    adapter = adapt(KucoinAdapter, "http://127.0.0.1:1", credentials=KEY, options=options)
    request = Request("GET", "api.kucoin.com", path, query, 1767323045000)
    adapter.sign(request)
    assert (request.query, request.body) == (query, None)
    assert request.headers == {
        "KC-API-KEY": "6500000000000000000000aa",
        "KC-API-SIGN": signature,
        "KC-API-TIMESTAMP": "1767323045000",
        "KC-API-PASSPHRASE": "RopUHhUA1XXqVNyPB68OtgJqIx1zFybaeg5uigjQ4nA=",
        "KC-API-KEY-VERSION": version,
    }


@pytest.mark.parametrize(
    ("number", "status", "expected"),
    [
        ("400000", 400, BadAnswer),
        ("400001", 400, AuthFailed),
        ("400002", 400, ClockSkew),
        ("400003", 401, AuthFailed),
        ("400003", 400, AuthFailed),
        ("400004", 401, AuthFailed),
        ("400005", 401, AuthFailed),
        ("400006", 403, IpNotAllowed),
        ("400007", 403, PermissionDenied),
        ("400008", 400, AuthFailed),
        ("400009", 400, AuthFailed),
        ("400010", 403, PermissionDenied),
        ("400100", 400, BadAnswer),
        ("400301", 403, Blocked),
        ("400302", 200, Blocked),
        ("400303", 400, PermissionDenied),
        ("404000", 404, BadAnswer),
        ("411100", 400, AuthFailed),
        ("415000", 415, BadAnswer),
        ("900001", 200, BadAnswer),
        ("499999", 401, AuthFailed),
        ("230005", 500, Unavailable),
        ("500000", 500, Unavailable),
        ("599999", 503, Unavailable),
    ],
)
def test_error_codes_choose_the_class_and_stay_in_the_message(adapt, number, status, expected):
    adapter = adapt(KucoinAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected, match=rf"its words \(code {number}\)$") as caught:
        adapter.check_answer(answer({"code": number, "msg": "its words"}, status))
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("number", "status", "headers", "wait"),
    [
        ("429000", 429, {"gw-ratelimit-reset": "1500", "gw-ratelimit-limit": "2000"}, 1.5),
        ("429000", 429, {"gw-ratelimit-reset": "-5"}, 0.0),
        ("429000", 429, {"gw-ratelimit-reset": "9" * 17}, 3600.0),
        ("429000", 429, {}, 1.0),
        ("200002", 200, {}, 10.0),
        ("200002", 429, {"gw-ratelimit-reset": "12000"}, 12.0),
        ("1015", 403, {}, 30.0),
        (1015, 429, {"retry-after": "5"}, 30.0),
    ],
)
def test_rate_limits_wait_as_told_and_never_shorter_than_their_block(adapt, number, status, headers, wait):
    adapter = adapt(KucoinAdapter, "http://127.0.0.1:1")
    with pytest.raises(RateLimited) as caught:
        adapter.check_answer(answer({"code": number, "msg": "Too Many Requests"}, status, headers))
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    ("content", "status"), [(b"error code: 1015", 429), (b"<html><span>Error</span><span>1015</span></html>", 403)]
)
def test_limit_of_the_cdn_waits_for_its_block(adapt, content, status):
    adapter = adapt(KucoinAdapter, "http://127.0.0.1:1")
    with pytest.raises(RateLimited, match=r"HTTP \d+: the CDN limits this address") as caught:
        adapter.check_answer(answer(None, status, is_json=False, content=content))
    assert caught.value.retry_after == 30.0


def test_quota_is_of_the_last_answer_and_unknown_before_one(adapt):
    adapter = adapt(KucoinAdapter, "http://127.0.0.1:1")
    assert adapter.quota() is None
    headers = {"gw-ratelimit-limit": "2000", "gw-ratelimit-remaining": "1985", "gw-ratelimit-reset": "29920"}
    adapter.last_answer = answer({}, headers=headers)
    assert adapter.quota() == Quota(limit=2000, remaining=1985, resets_at="2026-01-02T03:04:35.000Z")
    adapter.last_answer = answer({}, headers={"gw-ratelimit-limit": "2000"})
    assert adapter.quota() == Quota(limit=2000)
    adapter.last_answer = answer({})
    assert adapter.quota() is None


def test_jobs_against_the_sandbox_make_these_requests_without_a_key(sandbox, adapt):
    adapter = adapt(KucoinAdapter, sandbox.url("KUCOIN"))
    assets = adapter.assets().assets
    assert assets["USDT"].networks["trx"].network == "tron"
    assert assets["GALAX"].ticker == "GALA"
    assert [code for code, asset in assets.items() if asset.fiat] == ["EUR", "BRL"]
    batch = adapter.prices()
    statuses = {key: batch.quotes[key].status for key in ("BTC/USDT", "GALA/USDT", "DEF/EUR", "KAGI/USDT")}
    assert statuses == {"BTC/USDT": "trading", "GALA/USDT": "trading", "DEF/EUR": "halted", "KAGI/USDT": "trading"}
    assert batch.quotes["ABC3L/USDT"].bid is None
    assert batch.skipped == Counter({"no-price": 1, "unknown-symbol": 1})
    adapter.prices()
    assert sandbox.requests("KUCOIN") == {
        "GET /api/v3/currencies": 1,
        "GET /api/v1/market/allTickers": 2,
        "GET /api/v2/symbols": 2,  # once, and once more for the unknown symbol of the remembered list
    }


def test_stats_count_what_is_halted_and_tell_the_quota(sandbox, adapt):
    stats = adapt(KucoinAdapter, sandbox.url("KUCOIN")).stats()
    total = len(sandbox.world.pairs) + 7
    assert stats.pairs == {"total": total, "trading": total - 3, "halted": 3}
    assert stats.platform == Platform("ok")
    assert abs(stats.clock.skew_ms) < 1000
    assert (stats.quota.limit, stats.quota.plan, stats.quota.used) == (2000, None, None)
    assert stats.quota.remaining < 2000


def test_check_of_a_good_key_needs_one_request(sandbox, adapt):
    for version in (2, 3):
        adapter = adapt(
            KucoinAdapter,
            sandbox.url("KUCOIN"),
            credentials=sandbox.apis["KUCOIN"].keys,
            options={"key_version": version},
        )
        assert adapter.check_key() == KeyInfo(("General",))
    assert sandbox.requests("KUCOIN") == {KEY_PATH: 2}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "6500000000000000000000bb"}, "api_key is unknown, or of another KUCOIN site: .*400003"),
        ({"api_secret": "5a4d0000-0000-0000-0000-000000000000"}, "the signature is wrong: check api_secret: .*400005"),
        ({"passphrase": "not-this-one"}, "the passphrase is wrong, or the api_secret it is hashed with: .*400004"),
    ],
)
def test_wrong_key_secret_and_passphrase_are_told_apart(sandbox, adapt, changed, words):
    keys = sandbox.apis["KUCOIN"].keys | changed
    adapter = adapt(KucoinAdapter, sandbox.url("KUCOIN"), credentials=keys)
    with pytest.raises(AuthFailed, match=words):
        adapter.check_key()
    assert sandbox.requests("KUCOIN") == {KEY_PATH: 1}


def test_key_version_the_provider_does_not_know_is_named(sandbox, adapt):
    adapter = adapt(
        KucoinAdapter,
        sandbox.url("KUCOIN"),
        credentials=sandbox.apis["KUCOIN"].keys,
        options={"key_version": 1},
    )
    with pytest.raises(AuthFailed, match="the option key_version does not fit the key"):
        adapter.check_key()


@pytest.mark.parametrize("skew", [120_000, -120_000])
def test_clock_two_minutes_off_is_measured_and_tried_once_more(sandbox, adapt, skew):
    sandbox.fault(f"KUCOIN=skew:{skew}")
    adapter = adapt(KucoinAdapter, sandbox.url("KUCOIN"), credentials=sandbox.apis["KUCOIN"].keys)
    assert adapter.check_key().permissions == ("General",)
    assert sandbox.requests("KUCOIN") == {KEY_PATH: 2, TIME_PATH: 1}
    assert abs(adapter.clock().skew_ms - skew) < 1000


def test_clock_refused_again_is_clock_skew(sandbox, adapt):
    sandbox.fault("KUCOIN/api/v1/user/api-key=clock")
    adapter = adapt(KucoinAdapter, sandbox.url("KUCOIN"), credentials=sandbox.apis["KUCOIN"].keys)
    with pytest.raises(ClockSkew, match="the clock is off by more than 5 s"):
        adapter.check_key()
    assert sandbox.requests("KUCOIN") == {KEY_PATH: 2, TIME_PATH: 1}


def test_rate_limit_waits_for_the_points_to_be_whole(sandbox, adapt, no_sleep):
    sandbox.fault("KUCOIN=rate-limit*1")
    assert adapt(KucoinAdapter, sandbox.url("KUCOIN")).assets().assets
    assert [round(wait, 1) for wait in no_sleep] in ([0.8], [0.9])
    assert sandbox.requests("KUCOIN") == {"GET /api/v3/currencies": 2}


def test_unsigned_and_half_signed_calls_are_refused(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: passphrase missing$"):
        adapt(KucoinAdapter, sandbox.url("KUCOIN"), credentials={"api_key": "k", "api_secret": "s"}).check_key()
    with pytest.raises(AuthFailed, match="400001"):
        adapt(KucoinAdapter, sandbox.url("KUCOIN")).get("/api/v1/user/api-key")
    assert sandbox.requests("KUCOIN") == {KEY_PATH: 1}


def test_page_of_a_geo_block_is_no_limit(sandbox, adapt):
    sandbox.fault("KUCOIN=403")
    with pytest.raises(Blocked):
        adapt(KucoinAdapter, sandbox.url("KUCOIN")).assets()
    assert sandbox.requests("KUCOIN") == {"GET /api/v3/currencies": 1}
