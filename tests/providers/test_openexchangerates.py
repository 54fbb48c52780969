"""OPENEXCHANGERATES. Long: one adapter's answers, the models they become and its requests, written out.

Sample answers to exact models, how seldom it is asked, what its refusals mean.
"""

import json
from collections import Counter
from decimal import getcontext

import pytest

from marketctl.errors import AuthFailed, BadAnswer, ConfigError, NoCredentials, PermissionDenied, RateLimited
from marketctl.http.messages import Answer, Request
from marketctl.models import Asset, Clock, KeyInfo, Platform, Quota, Quote, Stats
from marketctl.providers.cash import openexchangerates as oxr
from marketctl.providers.cash.base import date_clock
from marketctl.providers.cash.openexchangerates import OpenExchangeRatesCashAdapter, Usage
from marketctl.sandbox.base import Call
from tests.providers.clock import HandClock

NAME = "OPENEXCHANGERATES"
KEY = {"app_id": "0123456789abcdef0123456789abcdef"}
CURRENCIES, LATEST, USAGE = ("GET /api/currencies.json", "GET /api/latest.json", "GET /api/usage.json")
AT = 1767225600000


@pytest.fixture
def hand_clock(monkeypatch):
    return HandClock(monkeypatch)


@pytest.fixture
def make(sandbox, adapt):
    """An adapter with a good key; the next one remembers what this one did."""

    def one(**given):
        given.setdefault("credentials", sandbox.apis[NAME].keys)
        return adapt(OpenExchangeRatesCashAdapter, sandbox.url(NAME), **given)

    return one


def rate(pair, mid, bid=None, ask=None, *, at_ms=AT, derived=False):
    return Quote(pair, bid, ask, None, None, None, mid, None, None, None, at_ms, derived)


def answered(status, message, description=""):
    body = {"error": True, "status": status, "message": message, "description": description}
    return Answer(status, {}, body, b"", True, AT, AT)


# Reading --------------------------------------------------------------------------------------


def test_assets_are_all_codes_and_fiat_is_iso_4217(sample):
    batch = oxr.parse_currencies(sample("openexchangerates/currencies"))
    assert batch.assets == {
        "BTC": Asset("BTC", "BTC", "Bitcoin"),
        "CNH": Asset("CNH", "CNH", "Chinese Yuan (Offshore)"),
        "EUR": Asset("EUR", "EUR", "Euro", fiat=True),
        "STN": Asset("STN", "STN", "São Tomé and Príncipe Dobra", fiat=True),
        "TOP": Asset("TOP", "TOP", "Tongan Pa'anga", fiat=True),
        "USD": Asset("USD", "USD", "United States Dollar", fiat=True),
        "VEF": Asset("VEF", "VEF", "Venezuelan Bolívar Fuerte (Old)", fiat=True),
        "VEF_DICOM": Asset("VEF_DICOM", "VEF_DICOM"),
        "XAU": Asset("XAU", "XAU", "Gold Ounce", fiat=True),
    }
    assert batch.skipped == Counter({"no-name": 1, "no-code": 1})


def test_rates_without_pairs_are_all_against_the_base_with_their_own_digits(sample):
    batch = oxr.quote(oxr.parse_latest(sample("openexchangerates/latest")), ())
    assert batch.quotes == {
        "USD/BBD": rate("USD/BBD", "2"),
        "USD/BTC": rate("USD/BTC", "0.000010412"),
        "USD/DOGE": rate("USD/DOGE", "6.82113"),
        "USD/EUR": rate("USD/EUR", "0.913492"),
        "USD/GBP": rate("USD/GBP", "0.7645120"),
        "USD/RUB": rate("USD/RUB", "92.5"),
        "USD/TINY": rate("USD/TINY", "0.00000015"),
        "USD/VEF_BLKMKT": rate("USD/VEF_BLKMKT", "75724.82"),
    }
    assert batch.skipped == Counter({"no-price": 2, "negative": 1, "not-a-number": 1})


def test_rates_of_wanted_pairs_are_exact_inverse_or_crossed_to_28_digits(sample, monkeypatch):
    monkeypatch.setattr(getcontext(), "prec", 5)  # the global context must not matter
    latest = oxr.parse_latest(sample("openexchangerates/latest"))
    wanted = ("USD/RUB", "EUR/RUB", "EUR/USD", "BTC/USD", "RUB/BBD", "BBD/USD")
    refused = ("USD/VEF", "VEF/EUR", "EUR/NUL", "ZWX/USD", "LBX/USD", "LBX/LBX", "USD/LBX", "ODD/USD")
    batch = oxr.quote(latest, wanted + refused)
    assert batch.quotes == {
        "USD/RUB": rate("USD/RUB", "92.5"),
        "EUR/RUB": rate("EUR/RUB", "101.2597811475086809736702675", derived=True),
        "EUR/USD": rate("EUR/USD", "1.094700336729823578093732622", derived=True),
        "BTC/USD": rate("BTC/USD", "96043.02727621974644640799078", derived=True),
        "RUB/BBD": rate("RUB/BBD", "0.02162162162162162162162162162", derived=True),
        "BBD/USD": rate("BBD/USD", "0.5", derived=True),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 2, "negative": 3, "not-a-number": 1})
    assert batch.rows == 14


def test_rates_with_bid_and_ask_swap_the_sides_of_what_is_turned_round(sample):
    latest = oxr.parse_latest(sample("openexchangerates/latest-bid-ask"))
    assert latest["rates"]["XDR"] == ["0.735081", None, None]
    batch = oxr.quote(latest, ("USD/EUR", "EUR/USD", "EUR/RUB", "USD/KPW", "KPW/EUR"))
    at_ms = 1767225630000
    assert batch.quotes == {
        "USD/EUR": rate("USD/EUR", "0.868211", "0.868150", "0.868270", at_ms=at_ms),
        "EUR/USD": rate(
            "EUR/USD",
            "1.151793745990318021771205387",
            "1.151715480207769472629481613",
            "1.151874676035247365086678569",
            at_ms=at_ms,
            derived=True,
        ),
        "EUR/RUB": rate(
            "EUR/RUB",
            "106.5100016009933069265420503",
            "106.4876133000103654393218699",
            "106.5253700397396763232160341",
            at_ms=at_ms,
            derived=True,
        ),
        "USD/KPW": rate("USD/KPW", "900", at_ms=at_ms),
        "KPW/EUR": rate("KPW/EUR", "0.0009646788888888888888888888889", at_ms=at_ms, derived=True),
    }


@pytest.mark.parametrize("timestamp", [None, "soon", 10**17, -5])
def test_rates_without_a_time_are_undated(timestamp):
    latest = oxr.parse_latest({"timestamp": timestamp, "base": "EUR", "rates": {"USD": 1}})
    assert oxr.quote(latest, ()).quotes == {"EUR/USD": rate("EUR/USD", "1", at_ms=None)}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"rates": {"EUR": 1}}, "base is missing from the answer"),
        ({"base": {}, "rates": {"EUR": 1}}, "base is no currency code"),
        ({"base": "USD", "rates": {}}, "rates is an empty object"),
        ({"base": "USD", "rates": "none"}, "rates is a text, expected an object"),
    ],
)
def test_rates_of_another_shape_are_a_bad_answer(body, words):
    with pytest.raises(BadAnswer, match=f"^{words}$"):
        oxr.parse_latest(body)


def test_usage_minus_one_is_unlimited_and_missing_features_are_unknown(sample):
    free = oxr.parse_usage(sample("openexchangerates/usage"))
    assert free == Usage("active", 3600, free.features, Quota("Free", 41, 1000, 959), 27)
    assert (free.features["base"], free.features["experimental"]) == (False, True)
    unlimited = oxr.parse_usage(sample("openexchangerates/usage-unlimited"))
    assert unlimited == Usage("access_restricted", 300, {}, Quota("Unlimited", 5120, None, None), 26)
    assert oxr.parse_usage({"data": {}}) == Usage()


@pytest.mark.parametrize(
    ("frequency", "seconds"),
    [
        ("3600s", 3600),
        ("1s", 1),
        ("hourly", 3600),
        ("30-minute", 1800),
        ("2 hours", 7200),
        ("daily", 86400),
        ("", 3600),
    ],
)
def test_refresh_is_read_in_its_old_and_new_form(frequency, seconds):
    assert oxr.refresh_seconds(frequency) == seconds


@pytest.mark.parametrize(
    ("fetched", "timestamp", "refresh", "expected"),
    [
        ("00:20:05", "00:00:00", 3600, "01:01:30"),
        ("00:01:29", "23:00:00", 3600, "00:01:30"),
        ("00:01:30", "23:00:00", 3600, "01:01:30"),
        ("00:20:05", "00:20:00", 300, "00:21:30"),
        ("00:20:05", "99:00:00", 3600, "01:01:30"),  # a time in the future
        ("00:20:05", None, 1800, "00:50:05"),
    ],
)
def test_next_fetch_is_at_the_first_refresh_and_never_later_than_one(fetched, timestamp, refresh, expected):
    def at(clock):
        hours, minutes, seconds = map(int, clock.split(":"))
        return AT // 1000 + ((hours - 24 if hours == 23 else hours) * 60 + minutes) * 60 + seconds

    timestamp_s = None if timestamp is None else at(timestamp)
    assert oxr.next_fetch_ms(at(fetched) * 1000, timestamp_s, refresh) == at(expected) * 1000


def test_clock_is_read_from_the_date_header():
    def read(headers):
        return date_clock(Answer(200, headers, {}, b"", True, AT, AT + 100))

    assert read({"date": "Thu, 01 Jan 2026 00:00:02 GMT"}) == Clock(AT + 2000, 1950, 100)
    assert read({"date": "yesterday"}) == read({}) == Clock(None, None, 100)


# Asking ---------------------------------------------------------------------------------------


def test_key_travels_in_the_header_alone(adapt):
    request = Request("GET", "openexchangerates.org", "/api/latest.json", "prettyprint=false", AT)
    adapt(OpenExchangeRatesCashAdapter, "http://127.0.0.1:1", credentials=KEY).sign(request)
    assert request.headers == {"Authorization": "Token 0123456789abcdef0123456789abcdef"}
    assert request.query == "prettyprint=false"


def test_prices_ask_once_an_hour_and_say_when_an_answer_is_used_again(sandbox, make, hand_clock):
    first = make(pairs=("EUR/RUB",)).prices()
    assert (first.cached, first.complete, first.collected_ms) == (False, True, 1767226805000)
    assert first.quotes["EUR/RUB"].at_ms == AT
    hand_clock.forward(2484)  # 01:01:29
    second = make().prices()
    assert (second.cached, second.complete, second.collected_ms) == (True, True, 1767226805000)
    assert len(second.quotes) == 64
    assert second.quotes["USD/BTC"] == rate("USD/BTC", "0.000011606943")  # was sent with an exponent
    assert sandbox.requests(NAME) == {USAGE: 1, LATEST: 1}
    hand_clock.forward(1)
    third = make().prices()
    assert (third.cached, third.collected_ms, third.quotes["USD/EUR"].at_ms) == (False, 1767229290000, AT + 3600000)
    assert sandbox.requests(NAME) == {USAGE: 2, LATEST: 2}


def test_prices_of_another_base_are_not_those_remembered(sandbox, make, hand_clock, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", "Developer")
    make().prices()
    batch = make(options={"base": "EUR"}).prices()
    assert not batch.cached
    assert "EUR/USD" in batch.quotes
    assert "USD/EUR" not in batch.quotes
    assert make(options={"base": "EUR"}).prices().cached
    assert sandbox.requests(NAME) == {USAGE: 2, LATEST: 2}


def test_prices_of_a_plan_with_bid_and_ask_have_them(sandbox, make, hand_clock, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", "VIP Platinum")
    adapter = make(pairs=("USD/EUR", "EUR/USD", "USD/KPW"), recording=True)
    assert adapter.prices().quotes == {
        "USD/EUR": rate("USD/EUR", "0.867540", "0.867479", "0.867601"),
        "EUR/USD": rate(
            "EUR/USD",
            "1.152684602439080618761094589",
            "1.152603558548226661794995626",
            "1.152765657727737501426547501",
            derived=True,
        ),
        "USD/KPW": rate("USD/KPW", "900"),
    }
    assert [one.query for one in adapter.client.recorded] == [{}, {"prettyprint": "false", "show_bid_ask": "1"}]
    hand_clock.forward(60)
    assert not make().prices().cached  # this plan moves every minute


def test_prices_with_a_base_the_plan_lacks_are_refused_before_they_cost(sandbox, make):
    with pytest.raises(PermissionDenied, match=r"^this plan has only the base USD$"):
        make(options={"base": "EUR"}).prices()
    assert sandbox.requests(NAME) == {USAGE: 1}


def test_prices_of_a_used_up_plan_are_not_asked_for(sandbox, make, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "used_before", 1000)
    with pytest.raises(
        RateLimited, match=r"^the plan Free has no requests left or is restricted, its month ends in \d+ days$"
    ):
        make().prices()
    assert make().check_key().warnings == ("no requests are left this month",)
    assert sandbox.requests(NAME) == {USAGE: 2}


def test_prices_of_a_restricted_key_fail_at_once_with_the_day(sandbox, make, hand_clock, no_sleep, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "restricted_until", "2075-12-25")
    assert make().check_key().warnings == ("the key is access_restricted",)
    with pytest.raises(RateLimited, match="restricted"):
        make().prices()
    sandbox.fault(f"{NAME}/api/latest.json=rate-limit")
    monkeypatch.setattr(sandbox.apis[NAME], "restricted_until", None)
    with pytest.raises(RateLimited, match="access_restricted") as caught:
        make().prices()
    assert caught.value.hint == "not before 2075-12-25T00:00:00.000Z"
    assert no_sleep == []
    assert sandbox.requests(NAME) == {USAGE: 3, LATEST: 1}


def test_prices_survive_a_usage_answer_nobody_can_read(sandbox, make, hand_clock):
    sandbox.fault(f"{NAME}/api/usage.json=empty-object")
    assert len(make().prices().quotes) == 64
    assert make().prices().cached


def test_a_wrong_key_is_told_by_the_first_request(sandbox, make):
    words = r"HTTP 401: app_id is refused: Invalid App ID .* \(code invalid_app_id\)$"
    for ask in ("prices", "check_key"):
        with pytest.raises(AuthFailed, match=words):
            getattr(make(credentials=KEY), ask)()
    assert sandbox.requests(NAME) == {USAGE: 2}


def test_a_wrong_key_takes_no_public_statistics_away(sandbox, make):
    stats = make(credentials=KEY).stats()
    assert (stats.assets["total"], stats.quota) == (66, None)


def test_a_restriction_is_remembered_until_its_day(sandbox, make, hand_clock, no_sleep):
    sandbox.fault(f"{NAME}/api/latest.json=rate-limit")
    with pytest.raises(RateLimited, match="access_restricted"):
        make().prices()
    hand_clock.forward(86400)
    with pytest.raises(RateLimited, match="used up") as caught:
        make().prices()
    assert caught.value.hint == "not before 2075-12-25T00:00:00.000Z"
    assert sandbox.requests(NAME) == {USAGE: 1, LATEST: 1}


@pytest.mark.parametrize("shape", [[], {}, "x", {"base": "USD", "timestamp": 1, "rates": [1], "refresh_s": 3600}])
def test_what_another_version_remembered_is_asked_anew(sandbox, make, shape):
    one = make()
    one.memory.put("latest-USD", shape)
    one.memory.put("credits", shape)
    assert len(one.prices().quotes) == 64


def test_wallet_and_stats_need_no_key(sandbox, make):
    assert len(make(credentials={}).assets().assets) == 66
    stats = make(credentials={}).stats()
    assert stats == Stats(
        pairs={"halted": None, "total": 65, "trading": None},
        assets={"deposit_open": None, "total": 66, "withdraw_open": None},
        networks={"deposit_open": None, "total": 0, "withdraw_open": None},
        turnover_24h={},
        clock=stats.clock,
        platform=Platform("unknown"),
        quota=None,
    )
    assert -2000 < stats.clock.skew_ms < 1000
    with pytest.raises(NoCredentials):
        make(credentials={}).prices()
    assert sandbox.requests(NAME) == {CURRENCIES: 2}


def test_stats_with_a_key_tell_the_quota_and_spend_none(sandbox, make):
    make().prices()
    assert make().stats().quota == Quota("Free", 28, 1000, 972)
    assert make().stats().quota == Quota("Free", 28, 1000, 972)
    assert make().check_key() == KeyInfo(("experimental",), ())
    assert sandbox.requests(NAME) == {CURRENCIES: 2, LATEST: 1, USAGE: 4}


def test_remembered_rates_do_not_hold_the_key(sandbox, make, tmp_path):
    make().prices()
    files = list((tmp_path / "cache").iterdir())
    assert files
    assert not any(sandbox.apis[NAME].keys["app_id"] in file.read_text() for file in files)


# Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (401, "missing_app_id", AuthFailed),
        (401, "invalid_app_id", AuthFailed),
        (401, "app_id_inactive", AuthFailed),
        (401, "new_word", AuthFailed),
        (403, "not_allowed", PermissionDenied),
        (429, "not_allowed", PermissionDenied),
        (403, "access_restricted", RateLimited),
        (429, "access_restricted", RateLimited),
        (429, "too_many_requests", RateLimited),
        (400, "invalid_base", ConfigError),
        (404, "not_found", BadAnswer),
        (200, "new_word", BadAnswer),
    ],
)
def test_errors_are_told_by_their_message_not_by_the_status(adapt, status, message, expected):
    adapter = adapt(OpenExchangeRatesCashAdapter, "http://127.0.0.1:1", credentials=KEY)
    with pytest.raises(expected, match=rf"^HTTP {status}( without words|: .*) \(code {message}\)$") as caught:
        adapter.check_answer(answered(status, message))
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("description", "wait"),
    [
        ("Access restricted until 2050-01-01 (reason: too_many_requests).", 757381195.0),
        ("Access restricted until 2026-01-02 (reason: unpaid).", 85195.0),
        ("Access restricted until 2025-01-01.", 3600.0),
        ("Access restricted until 2025-13-41.", 3600.0),
        ("Access restricted.", 3600.0),
    ],
)
def test_a_restriction_lasts_until_the_day_in_its_words(adapt, hand_clock, description, wait):
    adapter = adapt(OpenExchangeRatesCashAdapter, "http://127.0.0.1:1", credentials=KEY)
    with pytest.raises(RateLimited) as caught:
        adapter.check_answer(answered(429, "access_restricted", description))
    assert caught.value.retry_after == wait


# The sandbox ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "header", "message"),
    [
        ("", "", "missing_app_id"),
        ("", "Bearer 5a4db0c5a4db0c5a4db0c5a4db0c0001", "missing_app_id"),
        ("", "Token wrong", "invalid_app_id"),
        ("app_id=wrong", "Token 5a4db0c5a4db0c5a4db0c5a4db0c0001", "invalid_app_id"),
        ("app_id=5a4db0c5a4db0c5a4db0c5a4db0c0001&base=EUR", "", "not_allowed"),
        ("show_bid_ask=1", "Token 5a4db0c5a4db0c5a4db0c5a4db0c0001", "not_allowed"),
    ],
)
def test_sandbox_refuses_what_the_api_refuses(sandbox, query, header, message):
    call = Call("GET", "/api/latest.json", query, {"authorization": header}, b"")
    reply = sandbox.apis[NAME].answer(call)
    assert (reply.body["message"], reply.body["status"]) == (message, reply.status)


def test_sandbox_answers_numbers_letter_for_letter(sandbox):
    call = Call(
        "GET", "/api/latest.json", f"app_id={sandbox.apis[NAME].keys['app_id']}&symbols=BTC,JPY,BBD,??", {}, b""
    )
    body = sandbox.apis[NAME].answer(call).body
    assert b'"rates":{"BBD":2,"BTC":1.1606943e-5,"JPY":156.37078532}}' in body
    assert json.loads(body)["base"] == "USD"
    assert sandbox.apis[NAME].answer(Call("GET", "/api/status.json", "", {}, b"")).body["message"] == "not_found"
