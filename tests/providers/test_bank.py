"""Banks, one page: the dates, nominals and encodings of the four sources, and what a rate's own date means."""

from datetime import date, timedelta

import pytest

from marketctl.errors import BadAnswer, Blocked, ConfigError
from marketctl.providers.bank import cbr, ecb, nbu
from marketctl.providers.bank.base import Fixing, Rate, divide, read_day
from marketctl.providers.bank.cbr import CbrBankAdapter
from marketctl.providers.bank.ecb import EcbBankAdapter
from marketctl.providers.bank.markup import LIMIT, read_xml
from marketctl.providers.bank.nbu import NbuBankAdapter
from marketctl.providers.cash.frankfurter import FrankfurterCashAdapter
from marketctl.times import from_iso, to_iso
from marketctl.views.freshness import age_ms, is_stale
from tests.providers.clock import HandClock

DAY = date(2026, 11, 28)


@pytest.fixture
def clock(monkeypatch):
    return HandClock(monkeypatch)


@pytest.fixture
def ask(sandbox, adapt):
    """Return the quotes of a bank's sandbox."""
    names = {"CBR": CbrBankAdapter, "ECB": EcbBankAdapter, "NBU": NbuBankAdapter, "FRANKFURTER": FrankfurterCashAdapter}
    return lambda name, **given: adapt(names[name], sandbox.url(name), **given).prices()


# Nominals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "nominal", "expected"),
    [
        ("78.9120", 1, ("78.9120", True)),  # digits stay as sent
        ("20.6400", 100, ("0.206400", True)),
        ("53.9257", 1000000, ("0.0000539257", True)),
        ("101.3800", 10, ("10.13800", True)),
        ("13.5", 50, ("0.27", True)),  # no power of ten, and yet it ends
        ("272.8000", 3, ("90.93333333333333333333333333", False)),
        ("2", 3, ("0.6666666666666666666666666667", False)),  # rounded up, and back to 2 when multiplied carelessly
    ],
)
def test_nominals_are_divided_exactly_or_told_as_derived(value, nominal, expected):
    assert divide(value, nominal) == expected


def test_a_rate_that_had_to_be_rounded_is_derived():
    fixing = Fixing("RUB")
    fixing.add("EUR", "272.8000", DAY, nominal="3")
    fixing.add("USD", "78.9120", DAY, nominal="1")
    batch = CbrBankAdapter(None, None).publish(fixing, ())
    assert {pair: (quote.mid, quote.derived) for pair, quote in batch.quotes.items()} == {
        "EUR/RUB": ("90.93333333333333333333333333", True),
        "USD/RUB": ("78.9120", False),
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"value": "1.6702", "nominal": 1000, "per_unit": "1.6702"}, "contradiction"),  # one of them lost its nominal
        ({"value": "1.67", "nominal": 0}, "not-a-number"),
        ({"value": "1.67", "nominal": None}, "not-a-number"),
        ({"value": "n/a"}, "not-a-number"),
        ({"value": "0.0000"}, "no-price"),
        ({"value": None}, "no-price"),
        ({"value": "-1"}, "negative"),
        ({"value": "1", "currency": None}, "no-code"),
    ],
)
def test_a_rate_that_cannot_be_trusted_is_left_out_and_counted(given, reason):
    fixing = Fixing("UAH")
    fixing.add(**{"currency": "VND", "day": DAY} | given)
    assert (fixing.rates, [why for _symbol, why in fixing.skips]) == ({}, [reason])


@pytest.mark.parametrize(
    ("more", "kept", "reasons"),
    [
        ([("1.152", DAY)], "1.1520", ["duplicate"]),
        ([("9.9", DAY)], None, ["contradiction"]),
        ([("1.1520", DAY + timedelta(days=1))], None, ["contradiction"]),
        ([("9.9", DAY), ("1.1520", DAY)], None, ["contradiction", "duplicate"]),
        ([("9.9", DAY), ("9.9", DAY)], None, ["contradiction", "contradiction"]),
    ],
)
def test_of_two_rates_of_a_currency_that_differ_neither_is_taken(more, kept, reasons):
    fixing = Fixing("EUR")
    for value, day in (("1.1520", DAY), *more):
        fixing.add("USD", value, day)
    fixing.add("JPY", "180.70", DAY)
    rate = fixing.rates.get("USD")
    assert (rate and rate.value, fixing.skips) == (kept, [("USD", reason) for reason in reasons])
    assert fixing.rates["JPY"].value == "180.70"


# Encodings --------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["windows-1251", "utf-8", "WINDOWS-1251"])
def test_xml_is_decoded_as_it_says_of_itself(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><Name>Доллар США</Name>'
    assert read_xml(text.encode(encoding)).text == "Доллар США"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><a>&c;</a>', "document type"),
        (b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "is in utf-7, expected one of"),
        (b'<?xml version="1.0" encoding="cp037"?><a/>', "is in cp037, expected one of"),
        ("<a/>".encode("utf-16"), "not in the utf-8 it says"),
        (b"\xd0", "not in the utf-8 it says"),
        (b"<ValCurs><Valute>", "no whole XML: line 1, column 17"),
        (b"", "no whole XML"),
        (b"<a>&bomb;</a>", "no whole XML"),
        (b" " * (LIMIT + 1), "expected at most"),
    ],
    ids=range(10),
)
def test_xml_that_is_none_or_dangerous_is_a_bad_answer(content, told):
    with pytest.raises(BadAnswer, match=told):
        read_xml(content)


@pytest.mark.parametrize("name", ["CBR", "ECB"])
def test_a_web_page_where_xml_was_promised_is_blocked(sandbox, ask, name):
    sandbox.fault(f"{name}=html")
    with pytest.raises(Blocked, match="a web page"):
        ask(name)


# Dates ------------------------------------------------------------------------------------

# now (UTC) -> the bank's own date under which its rates are published
WEEK = {
    "CBR": {
        "2026-11-25T13:00:00Z": "2026-11-25",  # a Wednesday: Thursday's list is out and not asked for
        "2026-11-26T20:59:00Z": "2026-11-26",
        "2026-11-26T21:01:00Z": "2026-11-27",  # midnight in Moscow
        "2026-11-28T09:00:00Z": "2026-11-28",  # Friday's fixing is dated Saturday
        "2026-11-29T09:00:00Z": "2026-11-28",
        "2026-11-30T09:00:00Z": "2026-11-28",  # and holds on Monday
        "2026-12-01T09:00:00Z": "2026-12-01",
    },
    "NBU": {
        "2026-11-26T21:59:00Z": "2026-11-26",
        "2026-11-26T22:01:00Z": "2026-11-27",  # midnight in Kyiv
        "2026-11-28T09:00:00Z": "2026-11-27",  # set on Thursday for Friday, carried on: not Saturday's
        "2026-11-29T09:00:00Z": "2026-11-27",
        "2026-11-30T09:00:00Z": "2026-11-28",  # set on Friday
    },
    "ECB": {
        "2026-11-25T14:59:00Z": "2026-11-24",  # before 16:00 in Frankfurt
        "2026-11-25T15:01:00Z": "2026-11-25",
        "2026-11-29T09:00:00Z": "2026-11-27",
        "2026-11-30T09:00:00Z": "2026-11-27",
    },
    "FRANKFURTER": {"2026-11-29T09:00:00Z": "2026-11-27"},
}
ZONES = {"CBR": "+03:00", "NBU": "+02:00"}


@pytest.mark.parametrize(("name", "now", "day"), [(name, *one) for name, days in WEEK.items() for one in days.items()])
def test_rates_bear_the_banks_own_date_over_a_week(ask, clock, name, now, day):
    clock.ms = from_iso(now)
    batch = ask(name)
    midnight = from_iso(f"{day}T00:00:00{ZONES.get(name, 'Z')}")
    assert {to_iso(quote.at_ms) for quote in batch.quotes.values()} == {to_iso(midnight)}
    assert midnight <= clock.ms
    assert batch.skipped == {}


def test_a_rate_for_tomorrow_is_not_fresh_before_its_day(clock):
    clock.ms = from_iso("2026-11-27T15:00:00Z")
    fixing = cbr.parse_daily(
        b'<ValCurs Date="28.11.2026"><Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>78,9</Value></Valute>'
        b"</ValCurs>"
    )
    quote = CbrBankAdapter(None, None).publish(fixing, ()).quotes["USD/RUB"]
    assert to_iso(quote.at_ms) == "2026-11-27T21:00:00.000Z"
    assert is_stale(age_ms(clock.ms, clock.ms, quote.at_ms, dated=True), 10**12)
    clock.forward(7 * 3600)
    assert age_ms(clock.ms, clock.ms, quote.at_ms, dated=True) == 3_600_000


def test_a_cross_of_two_days_is_as_old_as_the_older():
    fixing = Fixing("EUR", home_first=True)
    fixing.add("USD", "1.1520", date(2026, 11, 25))
    fixing.add("JPY", "180.70", date(2026, 11, 24))
    quote = EcbBankAdapter(None, None).publish(fixing, ["USD/JPY"]).quotes["USD/JPY"]
    assert (quote.mid, to_iso(quote.at_ms), quote.derived) == (
        "156.8576388888888888888888889",
        "2026-11-24T00:00:00.000Z",
        True,
    )


@pytest.mark.parametrize(
    ("parse", "content"),
    [
        (cbr.parse_daily, b'<ValCurs Date="2026-11-28"><Valute/></ValCurs>'),
        (cbr.parse_daily, b'<ValCurs Date=""/>'),
        (cbr.parse_daily, b"<ValCurs>Error in parameters</ValCurs>"),
        (cbr.parse_daily, b"<html/>"),
        (ecb.parse_daily, b"<Envelope/>"),
        (lambda content: nbu.parse_rates([{"cc": "USD", "exchangedate": content.decode()}], DAY), b"2026-11-28"),
    ],
)
def test_a_list_without_a_date_is_none(parse, content):
    with pytest.raises(BadAnswer):
        parse(content)


def test_a_machine_without_time_zones_says_what_to_install(monkeypatch):
    monkeypatch.setattr(CbrBankAdapter, "zone", "Europe/Nowhere")
    with pytest.raises(ConfigError, match="does not know the time zone Europe/Nowhere") as error:
        _ = CbrBankAdapter(None, None).today
    assert error.value.hint == "apt-get install tzdata"


# Pairs ------------------------------------------------------------------------------------


def test_published_pairs_are_exact_and_the_others_derived():
    fixing = Fixing("RUB")
    fixing.rates = {"USD": Rate("80.0000", DAY), "EUR": Rate("92.00", DAY)}
    batch = CbrBankAdapter(None, None).publish(
        fixing, ("USD/RUB", "RUB/USD", "EUR/USD", "USD/EUR", "GBP/RUB", "RUB/RUB", "USD/USD")
    )
    assert {pair: (quote.mid, quote.derived) for pair, quote in batch.quotes.items()} == {
        "USD/RUB": ("80.0000", False),
        "RUB/USD": ("0.0125", True),
        "EUR/USD": ("1.15", True),
        "USD/EUR": ("0.8695652173913043478260869565", True),
    }
    assert [(skip.symbol, skip.reason) for skip in batch.skips] == [
        ("GBP/RUB", "unknown-symbol"),
        ("RUB/RUB", "unknown-symbol"),
        ("USD/USD", "unknown-symbol"),
    ]
    assert {(quote.bid, quote.ask, quote.last) for quote in batch.quotes.values()} == {(None, None, None)}


def test_a_bank_needs_no_key_and_is_asked_once_a_job(sandbox, adapt):
    for name, cls in (("CBR", CbrBankAdapter), ("ECB", EcbBankAdapter), ("NBU", NbuBankAdapter)):
        adapter = adapt(cls, sandbox.url(name))
        stats = adapter.stats()
        assert stats.assets["total"] == stats.pairs["total"] + 1
        assert stats.clock.skew_ms is not None
        assert abs(stats.clock.skew_ms) < 2000
        assert sum(sandbox.requests(name).values()) == 1
        assert (cls.kind, cls.credentials) == ("BANK", ())


def test_a_date_of_another_form_is_told_with_an_example():
    with pytest.raises(BadAnswer, match=r"date is '2026-13-32', expected a day such as 31\.01\.2026$"):
        read_day("2026-13-32", "%d.%m.%Y")
