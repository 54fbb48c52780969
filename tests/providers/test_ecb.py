"""ECB: sample answers to exact models, the requests that are made. Dates: test_bank.py."""

from datetime import date
from pathlib import Path

import pytest

from marketctl.errors import BadAnswer, Unavailable
from marketctl.models import Asset
from marketctl.providers.bank import ecb
from marketctl.providers.bank.base import Rate
from marketctl.providers.bank.ecb import EcbBankAdapter
from tests.wire import Wire, reply

SAMPLE = Path(__file__).with_name("ecb") / "daily.xml"
DAY = date(2026, 11, 25)


def test_daily_file_keeps_trailing_zeros():
    fixing = ecb.parse_daily(SAMPLE.read_bytes())
    assert fixing.rates == {
        "USD": Rate("1.1520", DAY),
        "JPY": Rate("180.70", DAY),
        "GBP": Rate("0.87650", DAY),
        "IDR": Rate("20000", DAY),
    }
    assert fixing.skips == [("ISK", "not-a-number")]


def test_a_file_cut_short_or_without_a_day_is_none():
    content = SAMPLE.read_bytes()
    for spoilt in (content[: len(content) // 2], content.replace(b" time='2026-11-25'", b"")):
        with pytest.raises(BadAnswer):
            ecb.parse_daily(spoilt)
    twice = content.replace(b"<Cube currency='USD'", b"<Cube time='2026-11-24'/><Cube currency='USD'")
    with pytest.raises(BadAnswer, match="2 days found"):
        ecb.parse_daily(twice)


def test_jobs_against_the_sandbox(sandbox, adapt):
    adapter = adapt(EcbBankAdapter, sandbox.url("ECB"), pairs=("EUR/USD", "USD/JPY", "EUR/RUB"))
    batch = adapter.prices()
    assert {pair: quote.derived for pair, quote in batch.quotes.items()} == {"EUR/USD": False, "USD/JPY": True}
    assert batch.skipped == {"unknown-symbol": 1}
    assert adapter.assets().assets["EUR"] == Asset("EUR", "EUR", fiat=True)
    assert sandbox.requests("ECB") == {f"GET {ecb.PATH}": 2}


def test_a_short_list_is_told_and_a_usual_one_is_not(sandbox, adapt, caplog):
    wire = Wire(reply(200, SAMPLE.read_bytes(), content_type="text/xml"))
    assert sorted(adapt(EcbBankAdapter, wire.url).prices().quotes) == ["EUR/GBP", "EUR/IDR", "EUR/JPY", "EUR/USD"]
    wire.stop()
    told = "its list has 4 currencies, where some 30 are usual: the answer may be cut"
    assert [record.getMessage() for record in caplog.records] == [told]
    assert len(adapt(EcbBankAdapter, sandbox.url("ECB")).prices().quotes) == 25
    assert len(caplog.records) == 1


def test_a_page_with_503_is_unavailable(sandbox, adapt, no_sleep):
    sandbox.fault("ECB=error")
    with pytest.raises(Unavailable):
        adapt(EcbBankAdapter, sandbox.url("ECB"), attempts=2).prices()
