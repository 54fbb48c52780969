"""NBU: sample answers to exact models, the requests that are made. Dates: test_bank.py."""

from datetime import date

import pytest

from marketctl.errors import BadAnswer
from marketctl.providers.bank import nbu
from marketctl.providers.bank.base import Rate
from marketctl.providers.bank.nbu import NbuBankAdapter
from tests.wire import Wire, reply

SUNDAY = date(2026, 11, 29)


def test_units_are_divided_and_a_carried_rate_keeps_its_own_day(sample):
    fixing = nbu.parse_rates(sample("nbu/exchange_site"), SUNDAY)
    friday = date(2026, 11, 27)  # set on Thursday
    assert fixing.rates == {
        "USD": Rate("44.1235", friday, "US Dollar"),
        "HUF": Rate("0.131024", friday, "Forint"),
        "XAU": Rate("184021.50", friday, "Gold"),
    }
    assert fixing.skips == [("VND", "contradiction")]


def test_of_several_days_today_counts_and_tomorrows_rates_wait():
    def row(exchange: str, calculated: str, rate: str) -> dict[str, str]:
        return {"cc": "USD", "exchangedate": exchange, "calcdate": calculated, "rate": rate, "units": "1"}

    rows = [row("27.11.2026", "26.11.2026", "44.1"), row("30.11.2026", "27.11.2026", "44.3")]
    assert nbu.parse_rates(rows, SUNDAY).rates["USD"] == Rate("44.1", date(2026, 11, 27))
    # Monday's rate, told on Sunday: its day is Monday, whenever it was set.
    assert nbu.parse_rates(rows, SUNDAY).skips == [("USD", "other-day")]
    assert nbu.parse_rates(rows[1:], SUNDAY).rates["USD"] == Rate("44.3", date(2026, 11, 30))
    assert nbu.parse_rates(rows, date(2026, 11, 30)).rates["USD"] == Rate("44.3", date(2026, 11, 28))


@pytest.mark.parametrize(
    "bad",
    [
        {"cc": "GEL", "exchangedate": "27.11.26", "rate": "16", "units": "1"},
        {"cc": "GEL", "rate": "16"},
        {"cc": "GEL", "exchangedate": "27.11.2026", "calcdate": "Thursday", "rate": "16", "units": "1"},
        None,
        "GEL",
    ],
)
def test_one_row_without_a_date_costs_itself_alone(bad):
    good = {"cc": "USD", "exchangedate": "27.11.2026", "calcdate": "26.11.2026", "rate": "44.1", "units": "1"}
    fixing = nbu.parse_rates([good, bad], SUNDAY)
    assert fixing.rates == {"USD": Rate("44.1", date(2026, 11, 27))}
    assert fixing.skips == [("GEL" if isinstance(bad, dict) else None, "no-date")]


def test_no_date_at_all_is_told():
    with pytest.raises(BadAnswer, match=r"the answer's date is '2026-11-27', expected a day such as 31\.01\.2026$"):
        nbu.parse_rates([{"cc": "USD", "exchangedate": "2026-11-27", "rate": "44.1"}], SUNDAY)


def test_one_request_for_today_at_the_bank(sandbox, adapt):
    adapter = adapt(NbuBankAdapter, sandbox.url("NBU"), recording=True)
    batch = adapter.prices()
    assert (len(batch.quotes), batch.skipped) == (10, {})
    day = f"{adapter.today:%Y%m%d}"
    assert [one.query for one in adapter.client.recorded] == [
        {"start": day, "end": day, "sort": "exchangedate", "order": "asc", "json": ""}
    ]


@pytest.mark.parametrize("body", [b"[]", b"[\n]", b"[{ Wrong date format }]"])
def test_errors_that_come_with_http_200_are_failures(adapt, body):
    wire = Wire(reply(200, body, content_type="application/json; charset=utf-8"))
    try:
        with pytest.raises(BadAnswer):
            adapt(NbuBankAdapter, wire.url).prices()
    finally:
        wire.stop()
