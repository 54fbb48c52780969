"""TWELVEDATA. Long: one adapter's answers, the models they become and its requests, written out.

Sample answers to exact models, what every pair costs, what its refusals mean.
"""

from collections import Counter

import pytest

from marketctl.errors import AuthFailed, BadAnswer, NoCredentials, PermissionDenied, RateLimited, Unavailable
from marketctl.http.messages import Answer, Request, encode_query
from marketctl.models import Asset, KeyInfo, Platform, Quota, Quote, Stats
from marketctl.providers.cash import twelvedata
from marketctl.providers.cash.credits import Plan, RateBook, parse_quota
from marketctl.providers.cash.twelvedata import ListTooLong, TwelveDataCashAdapter, UnknownSymbol
from marketctl.sandbox.base import Call
from tests.providers.clock import HandClock

NAME = "TWELVEDATA"
KEY = {"api_key": "td_0123456789abcdef0123456789abcdef"}
PAIRS, RATES, USAGE = ("GET /forex_pairs", "GET /exchange_rate", "GET /api_usage")
NINE = ("EUR/USD", "GBP/USD", "USD/RUB", "USD/TRY", "USD/JPY", "USD/CNY", "USD/KZT", "EUR/RUB", "USD/UZS")
MINUTE = (
    "You have run out of API credits for the current minute. 12 API credits were used, with the current limit being 8."
)
DAY = "You have run out of API credits for the day. 812 API credits were used, with the current limit being 800."


@pytest.fixture(autouse=True)
def hand_clock(monkeypatch):
    return HandClock(monkeypatch)


@pytest.fixture
def make(sandbox, adapt):
    """An adapter with a good key; the next one remembers what this one did."""

    def one(**given):
        given.setdefault("credentials", sandbox.apis[NAME].keys)
        return adapt(TwelveDataCashAdapter, sandbox.url(NAME), **given)

    return one


@pytest.fixture
def alone(adapt):
    """An adapter without a server."""
    return adapt(TwelveDataCashAdapter, "http://127.0.0.1:1", credentials=KEY)


def rate(pair, mid, at_ms=1767226800000):
    return Quote(pair, None, None, None, None, None, mid, None, None, None, at_ms)


def answered(status, body):
    return Answer(status, {}, body, b"", True, 0, 0)


# Reading --------------------------------------------------------------------------------------


def test_assets_are_the_codes_of_all_symbols_and_bad_rows_are_counted(sample):
    batch, pairs = twelvedata.parse_list(sample("twelvedata/forex_pairs")["data"])
    assert batch.assets == {
        "EUR": Asset("EUR", "EUR", "Euro", fiat=True),
        "USD": Asset("USD", "USD", "US Dollar", fiat=True),
        "RUB": Asset("RUB", "RUB", "Russian Ruble", fiat=True),
        "TRY": Asset("TRY", "TRY", fiat=True),
        "JPY": Asset("JPY", "JPY", fiat=True),
        "CNH": Asset("CNH", "CNH", "Chinese Yuan Offshore"),
    }
    assert (batch.skipped, pairs) == (Counter({"no-code": 3}), 4)


def test_rates_of_a_batch_are_told_by_their_keys_each_with_its_own_fate(sample, make):
    asked = [
        *("EUR/USD", "USD/JPY", "VND/XAU", "USD/TRY", "USD/KZT", "USD/CNY", "XXX/YYY", "OLD/WAY", "XAU/USD"),
        *("EUR/ZAR", "EUR/PLN", "EUR/CZK", "NOT/TLD"),
    ]
    found = twelvedata.parse_rates(sample("twelvedata/exchange_rate-batch"), asked)
    assert set(asked) - found.keys() == {"EUR/PLN"}
    book = RateBook(make().memory, found)
    book.take(found, 1767226805000)
    batch = book.batch([])
    assert batch.quotes == {
        "EUR/USD": rate("EUR/USD", "1.15230", 1767225540000),
        "USD/JPY": rate("USD/JPY", "156.38500214", 1767052740000),
        "VND/XAU": rate("VND/XAU", "0.00000000927", 1767225540000),
        "EUR/CZK": rate("EUR/CZK", "24.2231", None),
    }
    assert [(skip.symbol, skip.reason) for skip in batch.skips] == [
        ("USD/TRY", "no-price"),
        ("USD/KZT", "negative"),
        ("USD/CNY", "unknown-symbol"),  # what came is the rate of another pair
        ("XXX/YYY", "unknown-symbol"),
        ("OLD/WAY", "unknown-symbol"),
        ("XAU/USD", "permission"),
        ("EUR/ZAR", "no-price"),
        ("NOT/TLD", "no-price"),
    ]


def test_rates_of_a_single_pair_come_flat(sample):
    body = sample("twelvedata/exchange_rate")
    assert twelvedata.parse_rates(body, ["USD/RUB"]) == {"USD/RUB": ["92.47315", 1767225540, None]}
    assert twelvedata.parse_rates({"rate": 2}, ["USD/RUB"]) == {"USD/RUB": ["2", None, None]}
    assert twelvedata.parse_rates(body, ["EUR/USD"]) == {"EUR/USD": [None, None, None]}


def test_quota_is_of_the_day_where_there_is_one_else_of_the_minute(sample):
    def read(body):
        return parse_quota(twelvedata.parse_usage(body), 1767226805000)

    basic = read(sample("twelvedata/api_usage"))
    assert basic == Quota("basic", 120, 800, 680, "2026-01-02T00:00:00.000Z")
    assert read(sample("twelvedata/api_usage-paid")) == Quota(None, 12, 987, 975, "2026-01-01T00:21:00.000Z")
    assert read({"plan_limit": 610}) == Quota(None, None, 610, None, "2026-01-01T00:21:00.000Z")
    with pytest.raises(BadAnswer, match=r"^plan_limit is missing from the answer$"):
        read({})


@pytest.mark.parametrize(
    ("plan", "pairs", "seconds"),
    [
        (Plan(8, 800), 1, 108),
        (Plan(8, 800), 7, 756),
        (Plan(8, None), 7, 60),
        (Plan(8, None), 9, 68),
        (Plan(610, None), 1300, 128),
    ],
)
def test_a_pair_is_asked_as_seldom_as_the_plan_needs(plan, pairs, seconds):
    assert plan.min_age_ms(pairs) == seconds * 1000


# Asking ---------------------------------------------------------------------------------------


def test_key_travels_in_the_header_and_the_query_is_the_vector(alone):
    request = Request("GET", "api.twelvedata.com", "/exchange_rate", "dp=11", 0)
    alone.sign(request)
    assert request.headers == {"Authorization": "apikey td_0123456789abcdef0123456789abcdef"}
    assert encode_query({"symbol": "EUR/USD,USD/RUB", "dp": "11"}) == "symbol=EUR%2FUSD%2CUSD%2FRUB&dp=11"


def test_prices_without_configured_pairs_are_the_seven_and_used_again_while_young(sandbox, make, hand_clock):
    adapter = make(recording=True)
    first = adapter.prices()
    assert first.quotes == {
        "EUR/USD": rate("EUR/USD", "1.15268460244"),
        "GBP/USD": rate("GBP/USD", "1.30802394207"),
        "USD/RUB": rate("USD/RUB", "92.515188"),
        "USD/TRY": rate("USD/TRY", "42.4429"),
        "USD/JPY": rate("USD/JPY", "156.37078532"),
        "USD/CNY": rate("USD/CNY", "7.1017"),
        "USD/KZT": rate("USD/KZT", "519.956005"),
    }
    assert (first.complete, first.cached, first.collected_ms) == (True, False, 1767226805000)
    assert adapter.client.recorded[1].query == {
        "symbol": "EUR/USD,GBP/USD,USD/RUB,USD/TRY,USD/JPY,USD/CNY,USD/KZT",
        "dp": "11",
    }
    hand_clock.forward(755)
    second = make().prices()
    assert (second.complete, second.cached, second.collected_ms) == (True, True, 1767226805000)
    assert second.quotes == first.quotes
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 1}
    hand_clock.forward(1)
    assert not make().prices().cached
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 2}


def test_prices_beyond_the_credits_of_a_minute_are_asked_by_the_next_run(sandbox, make, hand_clock):
    first = make(pairs=NINE).prices()
    assert list(first.quotes) == list(NINE[:7])  # the eighth credit went for the plan
    assert (first.complete, first.cached) == (False, False)
    again = make(pairs=NINE).prices()
    assert (again.quotes, again.complete, again.cached) == (first.quotes, False, True)
    assert again.collected_ms == 1767226805000
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 1}
    hand_clock.forward(60)
    adapter = make(pairs=NINE, recording=True)
    rest = adapter.prices()
    assert [one.query["symbol"] for one in adapter.client.recorded] == ["EUR/RUB,USD/UZS"]
    assert (set(rest.quotes), rest.complete, rest.cached) == (set(NINE), True, False)
    assert rest.quotes["EUR/USD"] == first.quotes["EUR/USD"]
    assert rest.quotes["EUR/RUB"].at_ms == 1767226860000


def test_prices_go_round_robin_when_the_credits_never_suffice(sandbox, make, hand_clock, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", (4, None))
    seen = []
    for _ in range(4):
        adapter = make(pairs=NINE, recording=True)
        adapter.prices()
        seen.append([one.query["symbol"] for one in adapter.client.recorded if one.query])
        hand_clock.forward(60)
    assert seen == [
        ["EUR/USD,GBP/USD,USD/RUB"],
        ["USD/TRY,USD/JPY,USD/CNY,USD/KZT"],
        ["EUR/RUB,USD/UZS"],  # the first ones are young: nine pairs at four a minute take 135 s
        ["EUR/USD,GBP/USD,USD/RUB"],
    ]


def test_prices_of_a_large_plan_go_out_in_lists_of_120(sandbox, make, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", (610, None))
    codes = sorted(asset for asset in make().assets().assets if asset not in ("XAG", "XAU", "XDR"))
    pairs = tuple(f"{base}/{quote}" for base in codes for quote in codes if base < quote)[:250]
    adapter = make(pairs=pairs, recording=True)
    batch = adapter.prices()
    assert (len(batch.quotes), batch.complete, batch.skipped) == (250, True, Counter())
    lists = [one.query["symbol"].split(",") for one in adapter.client.recorded if "dp" in one.query]
    assert [len(one) for one in lists] == [120, 120, 10]
    assert adapter.credits.left(610) == 359


@pytest.mark.parametrize(("longest", "asked"), [(5, [7, 3, 3, 1]), (2, [7, 3])])
def test_a_list_that_is_too_long_is_halved_once(sandbox, make, monkeypatch, longest, asked):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", (610, None))
    monkeypatch.setattr(sandbox.apis[NAME], "longest_list", longest)
    adapter = make(recording=True)
    try:
        assert len(adapter.prices().quotes) == 7
    except ListTooLong:
        assert longest == 2
    assert [len(one.query["symbol"].split(",")) for one in adapter.client.recorded if one.query] == asked


def test_prices_of_unknown_and_gated_pairs_are_counted_beside_the_good_ones(sandbox, make):
    batch = make(pairs=("XXX/YYY", "USD/RUB", "XDR/USD", "VND/XAU")).prices()
    assert batch.quotes == {"USD/RUB": rate("USD/RUB", "92.515188"), "VND/XAU": rate("VND/XAU", "0.00000000927")}
    assert [(skip.symbol, skip.reason) for skip in batch.skips] == [
        ("XXX/YYY", "unknown-symbol"),
        ("XDR/USD", "permission"),
    ]
    assert batch.complete


@pytest.mark.parametrize(("pair", "expected"), [("XXX/YYY", UnknownSymbol), ("XDR/USD", PermissionDenied)])
def test_a_single_pair_that_is_refused_says_why_and_spoils_no_other(sandbox, make, hand_clock, pair, expected):
    with pytest.raises(expected, match=r"\(code 404\)$"):
        make(pairs=(pair,)).prices()
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 1}
    make(pairs=("EUR/USD",)).prices()
    batch = make(pairs=("EUR/USD", pair)).prices()
    assert (set(batch.quotes), batch.complete) == ({"EUR/USD"}, True)
    assert [skip.symbol for skip in batch.skips] == [pair]


def test_credits_are_guessed_where_no_header_tells_them(sandbox, make, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "tells_credits", False)
    adapter = make(pairs=("EUR/USD", "USD/RUB"))
    adapter.prices()
    assert adapter.credits.left(8) == 5
    assert make(pairs=NINE).prices().complete is False
    assert make().credits.left(8) == 0


def test_prices_without_credits_fail_at_once_until_the_next_minute(sandbox, make, hand_clock, no_sleep):
    make(pairs=NINE[:7]).prices()
    with pytest.raises(RateLimited) as caught:
        make(pairs=("EUR/RUB",)).prices()
    assert (caught.value.retry_after, caught.value.hint) == (55.0, "not before 2026-01-01T00:21:00.000Z")
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 1}
    hand_clock.forward(55)
    assert make(pairs=("EUR/RUB",)).prices().complete
    assert no_sleep == []


def test_a_refused_minute_longer_than_the_deadline_fails_at_once(sandbox, make, no_sleep):
    sandbox.fault(f"{NAME}/exchange_rate=rate-limit")
    with pytest.raises(RateLimited, match="for the current minute") as caught:
        make().prices()
    assert caught.value.retry_after == 56.5
    assert caught.value.hint == "not before 2026-01-01T00:21:01.500Z"
    with pytest.raises(RateLimited, match=r"^the credits of the plan are used up$"):
        make().prices()
    assert (no_sleep, sandbox.requests(NAME)) == ([], {USAGE: 1, RATES: 1})


def test_a_refused_minute_is_waited_for_only_where_it_is_nearly_over(sandbox, make, hand_clock, no_sleep):
    hand_clock.forward(52)
    sandbox.fault(f"{NAME}/exchange_rate=rate-limit*1")
    assert make(deadline_s=120).prices().complete
    assert [round(wait, 1) for wait in no_sleep] in ([4.5], [4.6])
    assert sandbox.requests(NAME) == {USAGE: 1, RATES: 2}


def test_older_rates_keep_their_own_time_beside_newer_ones(sandbox, make, hand_clock):
    make(pairs=NINE).prices()
    hand_clock.forward(60)
    batch = make(pairs=NINE).prices()
    assert (batch.complete, batch.collected_ms) == (True, 1767226865000)
    assert batch.own_ms == dict.fromkeys(NINE[:7], 1767226805000)
    assert set(batch.quotes) == set(NINE)


@pytest.mark.parametrize("shape", [[], {}, "x", {"EUR/USD": [1]}, {"EUR/USD": ["x", 1, 2, 3]}, {"limit": "8"}])
def test_what_another_version_remembered_is_asked_anew(sandbox, make, shape):
    one = make(pairs=("EUR/USD",))
    for key in ("rates", "usage", "credits"):
        one.memory.put(key, shape)
    assert len(one.prices().quotes) == 1


def test_a_refusal_leaves_what_is_still_young(sandbox, make, hand_clock, no_sleep):
    make(pairs=NINE[:2]).prices()
    hand_clock.forward(60)
    sandbox.fault(f"{NAME}/exchange_rate=rate-limit")
    batch = make(pairs=NINE[:4]).prices()
    assert (set(batch.quotes), batch.complete, batch.cached) == (set(NINE[:2]), False, True)
    assert batch.collected_ms == 1767226805000


def test_a_limit_told_by_a_refusal_is_kept_in_mind(sandbox, make, hand_clock, monkeypatch):
    monkeypatch.setattr(sandbox.apis[NAME], "plan", (610, None))
    make(pairs=("EUR/USD",)).prices()
    monkeypatch.setattr(sandbox.apis[NAME], "plan", (8, None))
    hand_clock.forward(60)
    with pytest.raises(RateLimited):
        make(pairs=NINE).prices()
    assert make().plan() == Plan(8, None)
    hand_clock.forward(60)
    batch = make(pairs=NINE).prices()
    assert (len(batch.quotes), batch.complete) == (8, False)


def test_a_used_up_day_is_over_at_midnight_utc(sandbox, make, hand_clock, no_sleep):
    make(pairs=NINE[:1]).prices()
    sandbox.apis[NAME].spent[1767225600 // 60] = 799
    hand_clock.forward(120)
    with pytest.raises(RateLimited, match="for the day") as caught:
        make(pairs=NINE[:1]).prices()
    assert caught.value.hint == "not before 2026-01-02T00:00:00.000Z"
    hand_clock.forward(3600)
    with pytest.raises(RateLimited, match="used up") as caught:
        make(pairs=NINE[:1]).prices()
    assert caught.value.hint == "not before 2026-01-02T00:00:00.000Z"
    assert (no_sleep, sandbox.requests(NAME)) == ([], {USAGE: 1, RATES: 2})
    hand_clock.forward(82675)  # 2026-01-02 00:00:00
    assert make(pairs=NINE[:1]).prices().complete


def test_prices_survive_a_plan_nobody_can_read(sandbox, make):
    sandbox.fault(f"{NAME}/api_usage=empty-object")
    assert make().plan() == Plan(8, 800)
    assert len(make().prices().quotes) == 7


def test_rates_of_other_types_are_a_failure(sandbox, make):
    sandbox.fault(f"{NAME}/exchange_rate=types")
    with pytest.raises(BadAnswer, match=r"^none of 7 quotes can be used: 7 unknown-symbol$"):
        make().prices().refuse_if_empty()


def test_a_wrong_key_is_told_though_http_says_200(sandbox, make):
    words = r"HTTP 200: api_key is refused: \*\*apikey\*\* parameter is incorrect .* \(code 401\)$"
    for ask in ("prices", "check_key"):
        with pytest.raises(AuthFailed, match=words):
            getattr(make(credentials=KEY), ask)()
    assert sandbox.requests(NAME) == {USAGE: 2}


def test_a_wrong_key_takes_no_public_statistics_away(sandbox, make):
    stats = make(credentials=KEY).stats()
    assert (stats.assets["total"], stats.quota) == (59, None)


def test_wallet_costs_no_credit_and_is_asked_with_the_key_only_where_it_must(sandbox, make, monkeypatch):
    batch = make(credentials={}).assets()
    assert (len(batch.assets), batch.skipped) == (59, Counter({"no-code": 1}))
    assert sandbox.apis[NAME].spent == {}
    monkeypatch.setattr(sandbox.apis[NAME], "list_needs_key", True)
    assert make().assets().assets == batch.assets
    assert sum(sandbox.apis[NAME].spent.values()) == 1
    with pytest.raises(NoCredentials):
        make(credentials={}).assets()
    assert sandbox.requests(NAME) == {PAIRS: 4}


def test_wallet_pages_on_while_rows_are_missing(sandbox, make, monkeypatch):
    whole = make().assets().assets
    monkeypatch.setattr(sandbox.apis[NAME], "page_size", 30)
    adapter = make(recording=True)
    assert adapter.assets().assets == whole
    assert [one.query for one in adapter.client.recorded] == [{}, {"page": "2"}, {"page": "3"}]


def test_stats_cost_one_credit_and_none_without_a_key(sandbox, make, hand_clock):
    stats = make(credentials={}).stats()
    assert stats == Stats(
        pairs={"halted": None, "total": 65, "trading": None},
        assets={"deposit_open": None, "total": 59, "withdraw_open": None},
        networks={"deposit_open": None, "total": 0, "withdraw_open": None},
        turnover_24h={},
        clock=stats.clock,
        platform=Platform("unknown"),
        quota=None,
        skipped=Counter({"no-code": 1}),
    )
    assert (stats.clock.server_ms, stats.clock.skew_ms) == (1767226805000, 0)
    assert make().stats().quota == Quota("basic", 1, 800, 799, "2026-01-02T00:00:00.000Z")
    assert sandbox.requests(NAME) == {PAIRS: 2, USAGE: 1}
    make().prices()  # takes the seven credits that are left of this minute
    assert make().stats().quota == Quota("basic", 1, 800, 799, "2026-01-02T00:00:00.000Z")
    hand_clock.forward(60)
    assert make().stats().quota == Quota("basic", 9, 800, 791, "2026-01-02T00:00:00.000Z")
    assert make().check_key() == KeyInfo()
    assert sandbox.requests(NAME) == {PAIRS: 4, USAGE: 3, RATES: 1}


# Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "words", "expected"),
    [
        (200, 401, "**apikey** parameter is incorrect or not specified.", AuthFailed),
        (200, None, "**apikey** parameter is incorrect or not specified.", AuthFailed),
        (200, 403, "The 'demo' API key is only used for initial familiarity.", PermissionDenied),
        (403, 403, "/x is available exclusively with pro plans.", PermissionDenied),
        (404, 404, "This symbol is available starting with Grow.", PermissionDenied),
        (404, 404, "**symbol** or **figi** parameter is missing or invalid.", UnknownSymbol),
        (200, 400, "**symbol** not found: FAKE.", UnknownSymbol),
        (400, 400, "Invalid **interval** provided: 0.99min.", BadAnswer),
        (200, 414, "The list is too long.", ListTooLong),
        (200, 429, MINUTE, RateLimited),
        (429, 429, "Some day there will be other words.", RateLimited),
        (200, 500, "Internal error.", Unavailable),
        (503, 400, "Invalid **dp** provided: x.", BadAnswer),
    ],
)
def test_errors_are_told_by_the_body_not_by_the_status(alone, status, code, words, expected):
    body = {"message": words, "status": "error", "data": None} | ({} if code is None else {"code": code})
    with pytest.raises(expected) as caught:
        alone.check_answer(answered(status, body))
    assert type(caught.value) is expected
    assert caught.value.message.startswith(f"HTTP {status}: ")
    assert caught.value.message.endswith(f"{words} (code {code or status})")


def test_a_code_alone_is_an_error_too_and_a_keyed_answer_is_none(alone, sample):
    with pytest.raises(PermissionDenied):
        alone.check_answer(answered(200, {"code": 403, "message": "no"}))
    alone.check_answer(answered(200, sample("twelvedata/exchange_rate-batch")))
    alone.check_answer(answered(200, {"code": 200, "status": "success"}))


@pytest.mark.parametrize(("words", "wait"), [(MINUTE, 56.5), (DAY, 85195.0), ("slower, please", 56.5)])
def test_a_rate_limit_ends_with_the_minute_or_with_the_day(alone, words, wait):
    with pytest.raises(RateLimited) as caught:
        alone.check_answer(answered(429, {"code": 429, "message": words, "status": "error"}))
    assert caught.value.retry_after == wait


# The sandbox ----------------------------------------------------------------------------------


def test_sandbox_counts_credits_and_refuses_a_list_as_a_whole(sandbox):
    api = sandbox.apis[NAME]

    def ask(query):
        return api.answer(Call("GET", "/exchange_rate", f"{query}&apikey={api.keys['api_key']}", {}, b""))

    good = ask("symbol=EUR/USD,EUR/USD,FAKE")
    assert good.headers == {"api-credits-used": "3", "api-credits-left": "5", "is_batch": "true"}
    assert good.body.startswith(
        b'{"EUR/USD":{"symbol":"EUR/USD","rate":1.15268,"timestamp":1767226800},"FAKE":{"code":400'
    )
    refused = ask("symbol=" + ",".join(NINE))
    assert (refused.status, refused.headers["api-credits-left"]) == (429, "0")
    assert refused.body["message"].startswith(MINUTE)


@pytest.mark.parametrize(
    ("header", "query", "code"),
    [("", "", 401), ("apikey wrong", "", 401), ("Token {}", "", 401), ("apikey {}", "dp=12&symbol=EUR/USD", 400)],
)
def test_sandbox_refuses_what_the_api_refuses(sandbox, header, query, code):
    api = sandbox.apis[NAME]
    headers = {"authorization": header.format(api.keys["api_key"])} if header else {}
    assert api.answer(Call("GET", "/exchange_rate", query, headers, b"")).body["code"] == code
