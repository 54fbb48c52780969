"""A rate as the pair of figures an export holds: what the customer gives and gets, rounded in the desk's favour."""

from fractions import Fraction


def round_down(value: Fraction, decimals: int) -> Fraction:
    """Return the greatest figure of so many decimals that is not above the value."""
    scale = 10**decimals
    return Fraction(value.numerator * scale // value.denominator, scale)


def round_up(value: Fraction, decimals: int) -> Fraction:
    """Return the least figure of so many decimals that is not below the value."""
    return -round_down(-value, decimals)


def in_and_out(rate: Fraction, in_decimals: int, out_decimals: int) -> tuple[Fraction, Fraction] | None:
    """Return what is given and what is got for it, one of them 1; None where the rounded figure would be nothing.

    The 1 stands with the dearer unit, or where the other figure is then exact. What is given is rounded up, what is
    got is rounded down: out / in is never above the rate.
    """
    give_one = (Fraction(1), round_down(rate, out_decimals))
    get_one = (round_up(1 / rate, in_decimals), Fraction(1))
    usual, other = (give_one, get_one) if rate >= 1 else (get_one, give_one)
    found = other if _ratio(usual) != rate == _ratio(other) else usual
    return found if found[1] else None


def _ratio(pair: tuple[Fraction, Fraction]) -> Fraction:
    return pair[1] / pair[0]
