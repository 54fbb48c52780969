"""RAPIRA: the requests that are made, its errors."""

from collections import Counter

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    Maintenance,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer
from marketctl.models import Asset, Clock, Network, Platform
from marketctl.providers.cex.rapira import RapiraAdapter

RATES, PAIRS, THUMBS = "GET /open/market/rates", "GET /open/market/pairs", "GET /market/symbol-thumb"


def answer(body, status=200, is_json=True):
    return Answer(status, {}, body, b"", is_json, 1735689600000, 1735689600080)


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (200, {"code": 500, "message": "Отказано"}, BadAnswer, "HTTP 200: Отказано (code 500)"),
        (200, {"code": "4001", "message": None}, BadAnswer, "HTTP 200 without words (code 4001)"),
        (200, {"code": None}, BadAnswer, "HTTP 200 without words (code None)"),
        (
            200,
            {"data": [], "code": 0, "isWorking": 0},
            Maintenance,
            "HTTP 200: the exchange says that it is not working (code isWorking)",
        ),
        (
            200,
            {"data": [], "code": 0, "isWorking": 2},
            Maintenance,
            "HTTP 200: the exchange says that it is not working (code isWorking)",
        ),
        (500, {"code": 500, "message": "x"}, Unavailable, "HTTP 500: x (code 500)"),
        (401, {"code": 401, "message": "x"}, AuthFailed, "HTTP 401: x (code 401)"),
        (403, {"code": 403, "message": "x"}, PermissionDenied, "HTTP 403: x (code 403)"),
        (429, {"code": 429, "message": "x"}, RateLimited, "HTTP 429: x (code 429)"),
        (429, None, RateLimited, "HTTP 429"),
        (451, {"code": 451, "message": "x"}, Blocked, "HTTP 451: x (code 451)"),
        (451, None, Blocked, "HTTP 451"),
    ],
)
def test_errors_by_envelope_and_status(adapt, status, body, expected, message):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected) as caught:
        adapter.check_answer(answer(body, status, is_json=body is not None))
    assert type(caught.value) is expected
    assert caught.value.message == message
    if expected is RateLimited:
        assert caught.value.retry_after == 15.0


@pytest.mark.parametrize(
    "body", [{"code": 0}, {"code": 200}, {"code": "0", "isWorking": 1}, {"isWorking": None}, {"data": []}, [], {}, 17]
)
def test_good_answers_with_and_without_an_envelope(adapt, body):
    adapt(RapiraAdapter, "http://127.0.0.1:1").check_answer(answer(body))


def test_jobs_against_the_sandbox_make_these_requests_without_a_key(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"))
    batch = adapter.assets()
    assert batch.assets["USDT"].networks["TRX"].network == "tron"
    assert batch.assets["RUB"] == Asset("RUB", "RUB", fiat=True)
    assert batch.assets["OLD"].networks["ETH"] == Network(
        network="ethereum", deposit=False, withdraw=False, deposit_min="0.0000001", withdraw_min="0.5", precision=4
    )
    assert batch.skipped == Counter({"no-code": 1})
    prices = adapter.prices()
    quote = prices.quotes["USDT/RUB"]
    assert 80 < float(quote.bid) < float(quote.ask) < 105
    assert (quote.status, quote.at_ms, quote.bid_size) == ("trading", None, None)
    assert quote.volume is not None
    statuses = {pair: prices.quotes[f"{pair}/USDT"].status for pair in ("THIN", "FLIP", "HALT", "NEW")}
    assert statuses == {"THIN": "trading", "FLIP": "trading", "HALT": "halted", "NEW": "halted"}
    assert prices.quotes["NEW/USDT"].bid == "0.0000002"
    assert prices.skipped == Counter({"no-price": 1, "unknown-symbol": 1})
    assert sandbox.requests("RAPIRA") == {"GET /open/token": 1, RATES: 1, PAIRS: 1, THUMBS: 1}


def test_every_network_of_the_sandbox_has_a_common_name(sandbox, adapt):
    assets = adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets().assets
    for coin in sandbox.world.coins:
        assert {network.network for network in assets[coin.ticker].networks.values()} == set(coin.networks)


def test_configured_pairs_are_the_only_ones(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), pairs=("USDT/RUB", "BTC/USDT"))
    assert set(adapter.prices().quotes) == {"USDT/RUB", "BTC/USDT"}


@pytest.mark.parametrize(
    "fault", ["500", "empty-list", "types", "html", "429:1", "drop", "truncated", "403", "refused"]
)
def test_prices_are_good_without_status_and_volume(sandbox, adapt, no_sleep, fault):
    sandbox.fault(f"RAPIRA/open/market/pairs={fault}", f"RAPIRA/market/symbol-thumb={fault}")
    batch = adapt(RapiraAdapter, sandbox.url("RAPIRA")).prices()
    assert {quote.status for quote in batch.quotes.values()} == {None}
    assert {quote.volume for quote in batch.quotes.values()} == {None}
    assert batch.skipped == Counter({"no-price": 1, "unknown-symbol": 1})


@pytest.mark.parametrize("fault", ["empty-list", "empty-object", "types", "refused"])
def test_rates_that_cannot_be_read_are_a_failure(sandbox, adapt, fault):
    sandbox.fault(f"RAPIRA/open/market/rates={fault}")
    with pytest.raises(BadAnswer):
        adapt(RapiraAdapter, sandbox.url("RAPIRA")).prices()
    assert sandbox.requests("RAPIRA") == {RATES: 1}


def test_stats_count_the_rates_and_sum_up_the_turnover(sandbox, adapt):
    stats = adapt(RapiraAdapter, sandbox.url("RAPIRA")).stats()
    listed = len(sandbox.apis["RAPIRA"].pairs)
    assert stats.pairs == {"total": listed + 5, "trading": listed + 3, "halted": 2}
    assert stats.assets["total"] == len(sandbox.world.coins) + 2
    assert set(stats.turnover_24h) == {"RUB", "USDT"}
    assert stats.platform == Platform("ok")
    assert abs(stats.clock.skew_ms) < 1000


def test_platform_is_what_the_rates_say(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"))
    assert adapter.platform() == Platform("ok")
    sandbox.fault("RAPIRA/open/market/rates=empty-object")
    assert adapter.platform() == Platform("unknown")
    sandbox.fault("RAPIRA=maintenance")
    told = "the exchange says that it is not working"
    assert adapter.platform() == Platform("maintenance", told)
    with pytest.raises(Maintenance):
        adapter.prices()


@pytest.mark.parametrize("body", [{"serverTime": 1735689601040}, 1735689601040, "1735689601040"])
def test_clock_with_and_without_an_envelope(adapt, monkeypatch, body):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    monkeypatch.setattr(adapter, "ask", lambda method, path: answer(body))
    assert adapter.clock() == Clock(1735689601040, 1000, 80)


def test_clock_of_another_shape_is_unknown(adapt, monkeypatch):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    monkeypatch.setattr(adapter, "ask", lambda method, path: answer([]))
    assert adapter.clock() == Clock(None, None, 80)


def test_check_without_all_keys_asks_nothing(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: private_key missing$"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials={"uid": "u"}).check_key()
    assert sandbox.requests("RAPIRA") == {}


def test_geo_block_is_told_as_such(sandbox, adapt):
    sandbox.fault("RAPIRA=451")
    with pytest.raises(Blocked, match="451"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets()
    assert sandbox.requests("RAPIRA") == {"GET /open/token": 1}


def test_rate_limit_without_a_time_waits_fifteen_seconds(sandbox, adapt, no_sleep):
    sandbox.fault("RAPIRA/open/token=rate-limit*1", "RAPIRA/open/token=429:2*1")
    assert adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets().assets
    assert [round(wait) for wait in no_sleep] == [15, 2]
