"""CBR: sample answers to exact models, the requests that are made. Dates and nominals: test_bank.py."""

from datetime import date
from pathlib import Path

import pytest

from marketctl.errors import BadAnswer, Blocked
from marketctl.providers.bank import cbr
from marketctl.providers.bank.base import Rate
from marketctl.providers.bank.cbr import CbrBankAdapter
from tests.wire import Wire, reply

SAMPLE = Path(__file__).with_name("cbr") / "daily.xml"
DAY = date(2026, 11, 28)


def test_daily_list_per_unit_with_names_decoded():
    fixing = cbr.parse_daily(SAMPLE.read_bytes())
    assert fixing.rates == {
        "USD": Rate("78.9120", DAY, "Доллар США"),
        "AMD": Rate("0.206400", DAY, "Армянских драмов"),
        "IRR": Rate("0.0000539257", DAY, "Иранских риалов"),  # its own division is in E notation
        "EUR": Rate("90.93333333333333333333333333", DAY, "Евро", exact=False),
    }
    # HKD: per 10 by one figure, per 1 by the other.
    assert fixing.skips == [("HKD", "contradiction"), ("BYN", "not-a-number")]


def test_today_at_the_bank_is_asked_for_in_one_request(sandbox, adapt):
    adapter = adapt(CbrBankAdapter, sandbox.url("CBR"), recording=True)
    assert adapter.prices().quotes["USD/RUB"].derived is False
    assert [one.query for one in adapter.client.recorded] == [{"date_req": f"{adapter.today:%d/%m/%Y}"}]


def test_wrong_parameters_are_told_with_the_banks_words(sandbox, adapt):
    sandbox.fault("CBR=error")
    with pytest.raises(BadAnswer, match=r"^CBR answers no list of rates: Error in parameters$"):
        adapt(CbrBankAdapter, sandbox.url("CBR")).prices()


def test_the_shield_is_blocked_and_no_wrong_key(adapt):
    page = b"<!DOCTYPE html><html><head><title>DDOS-GUARD</title></head></html>"
    wire = Wire(reply(403, page, content_type="text/html"))
    try:
        with pytest.raises(Blocked):
            adapt(CbrBankAdapter, wire.url).prices()
    finally:
        wire.stop()
