"""Rows into quotes and rates: each is taken, or left out with a reason and counted."""

from collections import Counter
from decimal import Decimal
from random import Random

import pytest

from marketctl.errors import BadAnswer
from marketctl.models import Skip
from tests.providers.batches import BTC, FIELDS, batch_of, coins, pair, quote, row

# Quotes ------------------------------------------------------------------------------------


def test_a_whole_row_is_taken_digit_by_digit():
    batch = batch_of()
    batch.add(
        "BTCUSDT",
        "91230.40",
        Decimal("91230.5"),
        bid_size="0.412",
        ask_size=2,
        last="1e-7",
        volume="",
        quote_volume=None,
        at_ms=1767225600533,
    )
    assert batch.quotes == {
        "BTC/USDT": quote(
            bid="91230.40", ask="91230.5", bid_size="0.412", ask_size="2", last="0.0000001", at_ms=1767225600533
        )
    }
    assert (batch.rows, batch.skips) == (1, [])


@pytest.mark.parametrize(
    ("symbol", "values", "reason"),
    [
        ("GHOST", {"bid": "1", "ask": "2"}, "unknown-symbol"),
        ("btcusdt", {"bid": "1", "ask": "2"}, "unknown-symbol"),
        (None, {"bid": "1", "ask": "2"}, "unknown-symbol"),
        (["BTCUSDT"], {"bid": "1", "ask": "2"}, "unknown-symbol"),
        ("OLDCOIN", {"bid": "1", "ask": "2"}, "unknown-symbol"),
        ("BTC_PERP", {"bid": "1", "ask": "2"}, "not-spot"),
        ("BTCUSDT", {}, "no-price"),
        ("BTCUSDT", {"bid": "", "ask": None, "last": "5"}, "no-price"),
        ("BTCUSDT", {"bid": "0.000", "ask": 0}, "no-price"),
        ("BTCUSDT", {"bid": Decimal("0E-8"), "ask": "-0"}, "no-price"),
        ("BTCUSDT", {"bid": "NaN", "ask": "2"}, "not-a-number"),
        ("BTCUSDT", {"bid": "1", "ask": "1e400"}, "not-a-number"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "last": "Infinity"}, "not-a-number"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "bid_size": True}, "not-a-number"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "volume": {}}, "not-a-number"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "quote_volume": 1.5}, "not-a-number"),
        ("BTCUSDT", {"bid": "-1", "ask": "2"}, "negative"),
        ("BTCUSDT", {"ask": "-2"}, "negative"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "last": "-1"}, "negative"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "ask_size": "-1"}, "negative"),
        ("BTCUSDT", {"bid": "1", "ask": "2", "volume": "-1"}, "negative"),
        ("BTCUSDT", {"bid": "2", "ask": "1"}, "crossed"),
        ("BTCUSDT", {"bid": "1.0000000000000000000000000002", "ask": "1.0000000000000000000000000001"}, "crossed"),
        ("BTCUSDT", {"bid": "10", "ask": "9.99"}, "crossed"),
    ],
)  # fmt: skip
def test_a_row_is_left_out_with_its_reason(symbol, values, reason):
    batch = batch_of()
    batch.add(symbol, **values)
    assert batch.quotes == {}
    assert batch.skipped == Counter({reason: 1})
    assert batch.rows == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"bid": "1"}, {"bid": "1"}),
        ({"ask": "2", "bid": "0"}, {"ask": "2"}),
        ({"bid": "1", "ask": "0.00", "bid_size": "5", "ask_size": "7"}, {"bid": "1", "bid_size": "5"}),
        ({"bid": "", "ask": "2", "bid_size": "garbage", "ask_size": "7"}, {"ask": "2", "ask_size": "7"}),
        ({"bid": "1", "ask": "2", "last": "0"}, {"bid": "1", "ask": "2"}),
        ({"bid": "1", "ask": "2", "volume": "0", "quote_volume": "0.00"},
         {"bid": "1", "ask": "2", "volume": "0", "quote_volume": "0.00"}),
        ({"bid": "1", "ask": "1.0"}, {"bid": "1", "ask": "1.0"}),
        ({"bid": "9.99", "ask": "10"}, {"bid": "9.99", "ask": "10"}),
    ],
)  # fmt: skip
def test_a_one_sided_or_locked_book_is_kept_and_a_zero_price_is_none(values, expected):
    batch = batch_of()
    batch.add("BTCUSDT", **values)
    assert batch.quotes == {"BTC/USDT": quote(**expected)}


@pytest.mark.parametrize("at_ms", [0, -1, 253_402_300_800_000, 10**17, -(10**17)])
def test_a_time_that_is_none_is_unknown(at_ms):
    batch = batch_of()
    batch.add("BTCUSDT", "1", "2", at_ms=at_ms)
    batch.add_rate("USD/RUB", "92", at_ms=at_ms)
    assert [one.at_ms for one in batch.quotes.values()] == [None, None]


def test_status_comes_from_the_pair():
    batch = batch_of(pair("A", "A", "USDT", status="halted"), pair("B", "B", "USDT", status=None))
    batch.add("A", "1", "2")
    batch.add("B", "1", "2")
    assert [one.status for one in batch.quotes.values()] == ["halted", None]


def test_a_row_left_out_keeps_its_turnover_for_the_statistics():
    batch = batch_of()
    batch.add("BTCUSDT", "", "", quote_volume="15.50")
    batch.add("BTCUSDT", "2", "1", quote_volume="NaN")
    batch.add("GHOST", "1", "2", quote_volume="7")
    assert batch.skips == [
        Skip("BTCUSDT", "no-price", "USDT", "15.50"),
        Skip("BTCUSDT", "not-a-number", "USDT", None),
        Skip("GHOST", "unknown-symbol", None, None),
    ]


def test_rows_of_a_list_are_taken_in_whole_columns_as_they_would_be_one_by_one():
    rows = [
        row("AUSDT", "1.10", "1.20", "5", "6.00", "1.15", "7", "8"),
        row("BUSDT", Decimal("1.2E-7"), Decimal("0.0000013"), 5, 6, Decimal("1.0"), Decimal("7.50"), 8),
        row("CUSDT", "", "2", "1", None, "0.00", "", None),
        row("DUSDT", "3", "2", "1", "1", "1", "1", "1.5"),
        row("EUSDT", "3", "4\n5", "1", "1", "1", "1", "1"),
        row("FUSDT", "-3", "4", "1", "1", "1", "1", "1"),
        row("GUSDT", "1e2", "101", "01", ".5", "5.", True, "1"),
        row("HUSDT", "1E+2", "101", "007", ".5", "5.", "1", "1"),
        row("GHOST", "1", "2"),
        row(["no symbol"], "1", "2"),
        row("AUSDT", "9", "10"),
        row("IUSDT", "0.000", "0", "1", "1", "3"),
        row("JUSDT", "2", "2", ..., "1"),
        row("KUSDT", "2.0000000000000000001", "2", "1", "1"),
        {},
    ]
    batch = batch_of(*coins(*"ABCDEFGHIJK"))
    batch.add_rows(rows, FIELDS, 5)
    assert batch.quotes == {
        "A/USDT": quote(
            symbol="AUSDT", bid="1.10", ask="1.20", bid_size="5", ask_size="6.00", last="1.15", volume="7",
            quote_volume="8", at_ms=5,
        ),
        "B/USDT": quote(
            symbol="BUSDT", bid="0.00000012", ask="0.0000013", bid_size="5", ask_size="6", last="1.0", volume="7.50",
            quote_volume="8", at_ms=5,
        ),
        "C/USDT": quote(symbol="CUSDT", ask="2", at_ms=5),
        "H/USDT": quote(
            symbol="HUSDT", bid="100", ask="101", bid_size="7", ask_size="0.5", last="5", volume="1", quote_volume="1",
            at_ms=5,
        ),
        "J/USDT": quote(symbol="JUSDT", bid="2", ask="2", ask_size="1", at_ms=5),
    }  # fmt: skip
    assert list(batch.quotes) == ["A/USDT", "B/USDT", "C/USDT", "H/USDT", "J/USDT"]
    assert [(skip.symbol, skip.reason) for skip in batch.skips] == [
        ("DUSDT", "crossed"),
        ("EUSDT", "not-a-number"),
        ("FUSDT", "negative"),
        ("GUSDT", "not-a-number"),
        ("GHOST", "unknown-symbol"),
        ("a list", "unknown-symbol"),
        ("AUSDT", "duplicate"),
        ("IUSDT", "no-price"),
        ("KUSDT", "crossed"),
        ("None", "unknown-symbol"),
    ]
    assert batch.rows == len(rows)


def test_rows_may_have_times_of_their_own_and_symbols_elsewhere():
    batch = batch_of(*coins("A", "B", "C"), wanted=frozenset({"A/USDT", "B/USDT"}))
    rows = [{"b": "1", "a": "2"}, {"b": "3", "a": "4"}, {"b": "5", "a": "6"}]
    batch.add_rows(rows, ("", "b", "a", "", "", "", "", ""), [7, -1, 9], ["AUSDT", "BUSDT", "CUSDT"])
    assert batch.quotes == {
        "A/USDT": quote(symbol="AUSDT", bid="1", ask="2", at_ms=7),
        "B/USDT": quote(symbol="BUSDT", bid="3", ask="4"),
    }
    assert (batch.skips, batch.rows) == ([], 3)


@pytest.mark.parametrize("seed", range(20))
def test_rows_in_columns_and_one_by_one_come_out_the_same(seed, monkeypatch):
    dice = Random(seed)
    monkeypatch.setattr("marketctl.providers.batch.ROWS", dice.choice([1, 7, 2000]))
    odd = ["", None, "0", "0.0", "00.1", "1e3", "1E-3", "-1", "nan", "x", "1,2", "1\n2", " 1", "٣", True, [],
           Decimal(5), Decimal("1E-70"), 7, 10**70, "9" * 61]  # fmt: skip

    def value() -> object:
        return dice.choice(odd) if dice.random() < 0.1 else f"{dice.random() * 10 ** dice.randint(-6, 6):.9f}"

    rows = [row(dice.choice(["AUSDT", "BUSDT", "CUSDT", f"X{place}", None]), *(value() for _ in range(7)))
            for place in range(40)]  # fmt: skip
    in_columns, alone = batch_of(*coins("A", "B", "C")), batch_of(*coins("A", "B", "C"))
    in_columns.add_rows(rows, FIELDS, 5)
    for one in rows:
        symbol, bid, ask, bid_size, ask_size, last, volume, turnover = map(one.get, FIELDS)
        sizes = {"bid_size": bid_size, "ask_size": ask_size}
        alone.add(symbol, bid, ask, **sizes, last=last, volume=volume, quote_volume=turnover, at_ms=5)
    assert (in_columns.quotes, in_columns.skips, in_columns.rows) == (alone.quotes, alone.skips, alone.rows)


def test_a_symbol_left_out_is_told_fit_for_a_terminal():
    batch = batch_of()
    batch.add("\x1b[31m../../x\n\ud800" + "A" * 100, "1", "2")
    assert batch.skips[0].symbol == "[31m../../x " + "A" * 51 + "…"


def test_wanted_pairs_alone_are_taken_and_the_others_are_no_skips():
    batch = batch_of(BTC, pair("ETHUSDT", "ETH", "USDT"), wanted=frozenset({"ETH/USDT"}))
    batch.add("BTCUSDT", "1", "2")
    batch.add("ETHUSDT", "1", "2")
    assert (list(batch.quotes), batch.skips, batch.rows) == (["ETH/USDT"], [], 2)


# Rates -------------------------------------------------------------------------------------


def test_a_rate_is_taken_under_its_pair():
    batch = batch_of()
    batch.add_rate("USD/RUB", "92.473155", at_ms=1767225600000)
    batch.add_rate("RUB/USD", Decimal("0.0108"), "0.0107", "0.0109", derived=True)
    empty = {"symbol": "USD/RUB", "status": None}
    assert batch.quotes == {
        "USD/RUB": quote(**empty, mid="92.473155", at_ms=1767225600000),
        "RUB/USD": quote(**empty | {"symbol": "RUB/USD"}, mid="0.0108", bid="0.0107", ask="0.0109", derived=True),
    }


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((None,), "no-price"),
        (("0",), "no-price"),
        (("x",), "not-a-number"),
        (("-1",), "negative"),
        (("1", "-1", "2"), "negative"),
        (("1", "2", "1"), "crossed"),
    ],
)
def test_a_rate_is_left_out_with_its_reason(values, reason):
    batch = batch_of()
    batch.add_rate("USD/RUB", *values)
    assert (batch.quotes, batch.skipped) == ({}, Counter({reason: 1}))


def test_a_second_rate_of_a_pair_is_left_out():
    batch = batch_of()
    for rate in ("92.4", "924"):
        batch.add_rate("USD/RUB", rate)
    assert (batch.quotes["USD/RUB"].mid, batch.skipped) == ("92.4", Counter({"duplicate": 1}))


# No quote at all ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbols", "wanted", "message"),
    [
        ((), frozenset(), "the answer holds no quote at all"),
        (("GHOST", "GHOST", "BTC_PERP"), frozenset(), "none of 3 quotes can be used: 1 not-spot, 2 unknown-symbol"),
        (("BTCUSDT",), frozenset({"ETH/USDT"}), "none of the configured pairs is offered"),
    ],
)
def test_no_readable_row_is_a_failure(symbols, wanted, message):
    batch = batch_of(wanted=wanted)
    for symbol in symbols:
        batch.add(symbol, "1", "2")
    with pytest.raises(BadAnswer) as error:
        batch.refuse_if_empty()
    assert error.value.message == message


def test_one_readable_row_is_none():
    batch = batch_of()
    batch.add("GHOST", "1", "2")
    batch.add("BTCUSDT", "1", "2")
    batch.refuse_if_empty()
