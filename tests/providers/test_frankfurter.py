"""FRANKFURTER: sample answers to exact models, the requests that are made, published figures and no rounded ones."""

from datetime import date

import pytest

from marketctl.errors import BadAnswer, ConfigError, Unavailable
from marketctl.models import Platform
from marketctl.providers.bank.base import Fixing, Rate
from marketctl.providers.cash import frankfurter
from marketctl.providers.cash.frankfurter import FrankfurterCashAdapter
from tests.wire import Wire, reply


@pytest.fixture
def make(sandbox, adapt):
    return lambda **given: adapt(FrankfurterCashAdapter, sandbox.url("FRANKFURTER"), **given)


def test_each_row_has_its_own_date_and_the_bases_own_row_is_none(sample):
    fixing = frankfurter.parse_rates(sample("frankfurter/rates"), Fixing("EUR", home_first=True))
    assert fixing.rates == {
        "USD": Rate("1.1520", date(2026, 11, 25)),
        "JPY": Rate("180.70", date(2026, 11, 24)),
        "XAU": Rate("0.00024", date(2026, 11, 25)),
    }


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"date": "24.11.2026", "base": "EUR", "quote": "GEL", "rate": "3"}, ("GEL", "no-date")),
        ({"base": "EUR", "quote": "GEL", "rate": "3"}, ("GEL", "no-date")),
        ({"date": "2026-11-24", "base": "EUR", "quote": None, "rate": "3"}, ("EUR", "no-code")),
        ({"date": "2026-11-24", "quote": "GEL", "rate": "3"}, ("GEL", "no-code")),
        (None, (None, "no-code")),
    ],
)
def test_one_row_that_is_none_costs_itself_alone(bad, told):
    good = {"date": "2026-11-25", "base": "EUR", "quote": "USD", "rate": "1.1520"}
    fixing = frankfurter.parse_rates([good, bad], Fixing("EUR", home_first=True))
    assert (fixing.rates, fixing.skips) == ({"USD": Rate("1.1520", date(2026, 11, 25))}, [told])


def test_a_rounded_figure_of_the_other_direction_is_refused(sample):
    with pytest.raises(BadAnswer, match="a rate of EUR/USD came where those of RUB were asked for"):
        frankfurter.parse_rates(sample("frankfurter/rates"), Fixing("RUB"))


def test_the_banks_figures_come_in_one_request(make):
    adapter = make(recording=True)
    ours = adapter.prices()
    assert not any(quote.derived for quote in ours.quotes.values())
    assert [one.query for one in adapter.client.recorded] == [{"base": "EUR", "providers": "ECB"}]


def test_another_bank_is_asked_pair_by_pair_in_its_own_direction(make):
    adapter = make(recording=True, options={"bank": "cbr"}, pairs=("USD/RUB", "EUR/USD", "GEL/RUB"))
    batch = adapter.prices()
    assert {pair: quote.derived for pair, quote in batch.quotes.items()} == {"USD/RUB": False, "EUR/USD": True}
    assert batch.skipped == {"unknown-symbol": 1}  # GEL: 404
    asked = {"quotes": "RUB", "providers": "CBR", "date": f"{adapter.today}"}
    assert [one.query for one in adapter.client.recorded] == [{"base": key, **asked} for key in ("EUR", "GEL", "USD")]


def test_a_bank_that_cannot_be_asked_so_is_told(make):
    with pytest.raises(ConfigError) as error:
        make(options={"bank": "CBR"}).prices()
    assert error.value.message == 'bank = "CBR" needs `pairs`: it takes one request a currency'


def test_health_of_the_bank_is_told(make, adapt):
    assert make().platform() == Platform("ok")
    wire = Wire(reply(200, b'[{"key":"ECB","publishes_missed":3}]'))
    try:
        assert adapt(FrankfurterCashAdapter, wire.url).platform() == Platform("ok", "3 publishes of ECB were missed")
    finally:
        wire.stop()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"[]", BadAnswer),  # an unknown bank
        (200, b'{"amount":1.0,"base":"EUR","date":"2026-11-25","rates":{"USD":1.152}}', BadAnswer),  # the first version
        (422, b'{"status":422,"message":"unknown parameter: x"}', BadAnswer),
        (503, b'{"status":503,"message":"request exceeded 90s timeout"}', Unavailable),
    ],
)
def test_a_refusal_is_told_by_its_reason(adapt, no_sleep, status, body, error):
    wire = Wire(reply(status, body))
    try:
        with pytest.raises(error):
            adapt(FrankfurterCashAdapter, wire.url).prices().refuse_if_empty()
    finally:
        wire.stop()
