"""Formulas: the grammar, percentages, exact values, and where a mistake shows."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketctl.rates.formula import Formula, FormulaError, Leg, Number, parse, work_out

PRICES = {
    Leg("KUCOIN", "BTC/USDT", "bid"): Fraction("60000.5"),
    Leg("RAPIRA", "USDT/RUB", "bid"): Fraction("92.25723"),
    Leg("RAPIRA", "USDT/RUB", "ask"): Fraction("92.3"),
    Leg("1INCHX", "1INCH/USDT", "mid"): Fraction("0.3"),
}
CONSTANTS = {"margin": parse("1.5%"), "fixed": parse("0.985"), "rub": parse("RAPIRA USDT/RUB bid")}
PROVIDERS = dict.fromkeys(("KUCOIN", "RAPIRA", "1INCHX"))


def value(text: str) -> Fraction:
    return work_out(parse(text, CONSTANTS, PROVIDERS).node, PRICES.__getitem__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid * 0.985", "5452447.729685775"),
        ("1 + 2 * 3 - 4 / 8", "6.5"),
        ("(1 + 2) * 3", "9"),
        ("10 - 2 - 3", "5"),
        ("-2 * -3 + --1", "7"),
        ("min(3, 2.5, 4)", "2.5"),
        ("max(RAPIRA USDT/RUB bid, RAPIRA USDT/RUB ask)", "92.3"),
        ("  1INCHX   1INCH/USDT\tmid*2 ", "0.6"),
        ("RAPIRA USDT/RUB ask - 1.5%", "90.9155"),
        ("RAPIRA USDT/RUB ask + 1.5%", "93.6845"),
        ("RAPIRA USDT/RUB ask - margin", "90.9155"),
        ("RAPIRA USDT/RUB ask - (margin + 0.5%)", "90.454"),
        ("RAPIRA USDT/RUB ask - max(margin, 2%)", "90.454"),
        ("RAPIRA USDT/RUB ask * 98.5%", "90.9155"),
        ("RAPIRA USDT/RUB ask * (1 - 1.5%)", "90.9155"),
        ("2 * RAPIRA USDT/RUB ask - 50% - 50%", "46.15"),
        ("rub * fixed", "90.87337155"),
        ("RAPIRA USDT/RUB ask*2", "184.6"),
    ],
)
def test_a_formula_is_worked_out_exactly(text, expected):
    assert value(text) == Fraction(expected)


def test_no_digit_is_lost_in_a_division():
    assert value("1 / RAPIRA USDT/RUB bid * RAPIRA USDT/RUB bid") == 1


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", 0, "found the end, expected a number, a constant or a quote such as KUCOIN BTC/USDT bid"),
        ("KUCOIN BTCUSDT bid", 7, 'found "BTCUSDT", expected a pair of KUCOIN such as BTC/USDT'),
        ("KUCOIN BTC/USDT bidd", 16, 'found "bidd", expected bid, ask or mid; did you mean bid?'),
        ("KUCOIN BTC/USDT BID", 16, 'found "BID", expected bid, ask or mid; did you mean bid?'),
        ("KUCOIN BTC/USDT", 15, "found the end, expected bid, ask or mid"),
        ("KUCOIN BTC/USDT * 2", 16, 'found "*", expected bid, ask or mid'),
        ("KUCOIN btc/usdt bid", 7, "found btc/usdt, expected BTC/USDT"),
        ("2 * KUCON BTC/USDT bid", 4, 'no such provider "KUCON"; did you mean KUCOIN?'),
        ("rub * margn", 6, 'there is no constant "margn"; did you mean margin?'),
        ("kucoin BTC/USDT bid", 0, 'there is no constant "kucoin"; a quote begins with a provider in capital letters'),
        ("0,985 * rub", 1, 'found ",", expected * / + - or the end (decimals are written with a point)'),
        ("rub 0.985", 4, 'found "0.985", expected * / + - or the end'),
        ("(rub * 2", 8, 'found the end, expected ")"'),
        ("rub * 2)", 7, 'found ")", expected * / + - or the end'),
        ("rub * 1e5", 6, 'found "1e5", expected a number, a constant or a quote such as KUCOIN BTC/USDT bid'),
        ("rub * .5", 6, 'found ".5", expected a number, a constant or a quote such as KUCOIN BTC/USDT bid'),
        ("rub ** 2", 5, 'found "*", expected a number, a constant or a quote such as KUCOIN BTC/USDT bid'),
        ("__import__", 0, 'found "__import__", expected a number, a constant or a quote such as KUCOIN BTC/USDT bid'),
        ("rub - 2 * 0.5%", 4, '"-" with a percentage of nothing: write it as one figure, such as 1.5%'),
        ("1% + rub", 3, '"+" with a percentage of nothing: write it as one figure, such as 1.5%'),
        ("min(rub, 1%)", 0, "min of percentages and numbers together: a percentage of what?"),
        ("min()", 4, 'found ")", expected a number, a constant or a quote such as KUCOIN BTC/USDT bid'),
        ("min 2", 4, 'found "2", expected "("'),
        ("(" * 50 + "1" + ")" * 50, 40, "more than 40 brackets inside each other"),
        ("-" * 5000 + "1", 0, "a formula of 5001 characters, expected at most 1000"),
        ("-" * 500 + "1", 40, "more than 40 signs before a number"),
        ("1" * 41, 0, "a number of 41 characters, expected at most 40"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text, at, message):
    with pytest.raises(FormulaError) as caught:
        parse(text, CONSTANTS, PROVIDERS)
    assert (caught.value.message, caught.value.at) == (message, at)


def test_division_by_zero_has_no_value():
    with pytest.raises(FormulaError, match="division by zero"):
        value("1 / (rub - rub)")


def test_legs_each_once_in_order():
    found = parse("RAPIRA USDT/RUB bid + KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid - rub", CONSTANTS)
    assert [str(leg) for leg in found.legs] == ["RAPIRA USDT/RUB bid", "KUCOIN BTC/USDT bid"]
    assert found.kind == "number"
    assert parse("2%") == Formula(Number(Fraction(1, 50)), "percent")


# Written by hand as text and as a value at once: the reader has to find the same, exactly.
numbers = st.decimals(min_value=0, max_value=10**6, places=4).map(lambda n: (format(n, "f"), Fraction(n)))
leaves = st.one_of(numbers, st.sampled_from([(str(leg), price) for leg, price in PRICES.items()]))


def joined(parts):
    def pair(sign, work):
        return st.tuples(parts, parts).map(
            lambda two: (f"({two[0][0]} {sign} {two[1][0]})", work(two[0][1], two[1][1]))
        )

    return st.one_of(
        pair("+", lambda a, b: a + b),
        pair("-", lambda a, b: a - b),
        pair("*", lambda a, b: a * b),
        st.tuples(parts, st.integers(1, 99)).map(lambda two: (f"{two[0][0]} / {two[1]}", two[0][1] / two[1])),
        st.tuples(parts, st.integers(0, 99)).map(
            lambda two: (f"({two[0][0]} - {two[1]}%)", two[0][1] * Fraction(100 - two[1], 100))
        ),
        st.tuples(parts, parts).map(lambda two: (f"min({two[0][0]}, {two[1][0]})", min(two[0][1], two[1][1]))),
    )


@settings(max_examples=150, deadline=None)
@given(st.recursive(leaves, joined, max_leaves=8))
def test_every_formula_is_worked_out_exactly(made):
    text, expected = made
    assert value(text) == expected
