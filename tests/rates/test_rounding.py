"""A rate as a pair of figures: never better than the rate, exact where it can be."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketctl.rates.rounding import in_and_out, round_down, round_up
from marketctl.text import plain


@pytest.mark.parametrize(
    ("rate", "decimals", "expected"),
    [
        ("90.87337155", (2, 2), ("1", "90.87")),
        ("90.87337155", (2, 0), ("1", "90")),
        ("1/8559903.8099", (2, 8), ("8559903.81", "1")),
        ("1/81.65", (2, 8), ("81.65", "1")),
        ("408250/5000", (2, 2), ("1", "81.65")),
        ("1", (8, 8), ("1", "1")),
        ("100/3", (2, 2), ("0.03", "1")),  # exact on the other side
        ("0.998", (2, 4), ("1", "0.998")),  # so is this
        ("0.9981", (2, 2), ("1.01", "1")),
    ],
)
def test_a_rate_is_written_with_one_unit_on_one_side(rate, decimals, expected):
    found = in_and_out(Fraction(rate) if "/" not in rate else _ratio(rate), *decimals)
    assert found is not None
    assert tuple(plain(one) for one in found) == expected


def _ratio(text: str) -> Fraction:
    over, under = text.split("/")
    return Fraction(over) / Fraction(under)


rates = st.fractions(min_value=Fraction(1, 10**12), max_value=10**12).filter(lambda rate: rate > 0)


@settings(max_examples=500, deadline=None)
@given(rates, st.integers(0, 10), st.integers(0, 10))
def test_the_customer_never_gets_more_than_the_rate(rate, in_decimals, out_decimals):
    found = in_and_out(rate, in_decimals, out_decimals)
    if found is None:
        return
    gives, gets = (Fraction(plain(one)) for one in found)  # as they are written
    assert gets / gives <= rate
    assert 1 in (gives, gets)
    assert gives > 0
    assert gets > 0
    # and no more is kept than one step of the last decimal
    step = Fraction(1, 10**out_decimals) if gives == 1 else Fraction(1, 10**in_decimals)
    assert (rate - gets < step) if gives == 1 else (gives - 1 / rate < step)


@settings(max_examples=300, deadline=None)
@given(st.fractions(min_value=-(10**9), max_value=10**9), st.integers(0, 12))
def test_rounding_is_on_its_side_and_within_a_step(value, decimals):
    low, high = round_down(value, decimals), round_up(value, decimals)
    assert low <= value <= high
    assert high - low in (0, Fraction(1, 10**decimals))


@settings(max_examples=300, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**15), max_value=10**15))
def test_plain_is_the_same_number_without_an_exponent(number):
    text = plain(Fraction(number))
    assert Decimal(text) == number
    assert "E" not in text.upper()
    assert not text.endswith((".", "0")) or "." not in text


def test_plain_cuts_what_has_no_end():
    assert plain(Fraction(1, 3), 5) == "0.33333"
    assert plain(Fraction(-2, 3), 3) == "-0.666"
    assert plain(Fraction(0)) == "0"
    assert plain(Fraction(1, 10**70), 60) == "0"
