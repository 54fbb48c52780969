"""Verdicts on one quote: against other venues, against its own last good one, released by rule or by a person."""

from decimal import Decimal

import pytest

from marketctl.config.sentinel import Limits
from marketctl.sentinel.judge import Before, Case, Peer, Span, judge, median, percent


def span(bid, ask=None):
    """Return a book; one figure is a rate."""
    return Span.of(bid, ask) if ask else Span.of(None, None, bid)


def peers(*middles, twin=None):
    return [Peer(name, span(middle), twin) for name, middle in zip("ABCDEFG", middles, strict=False)]


def told(case):
    verdict = judge(case)
    return None if verdict is None else (verdict.verdict, verdict.held, verdict.why)


GOOD = span("99.9", "100.1")
LIMITS = Limits()


# Against other venues ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bid", "ask", "others", "verdict"),
    [
        ("99", "101", ("100", "100.2"), None),
        ("104.9", "105", ("100", "100"), None),  # just within 5 %
        ("105.1", "105.2", ("100", "100"), "outlier"),
        ("94.8", "94.9", ("100", "100"), "outlier"),
        ("12", "12.1", ("100", "100.2"), "outlier"),  # -88 %
        ("100000", "100001", ("100", "100.2", "99"), "outlier"),  # times 1000
        ("115", "115.1", ("100", "115", "130", "85"), None),  # far apart themselves: six times their spread is allowed
        ("151", "151.1", ("100", "115", "130", "85"), None),  # within half, however far apart they are
        ("180", "181", ("100", "115", "130", "85"), "outlier"),  # and never more than a jump
    ],
)
def test_outlier_of_three_and_more(bid, ask, others, verdict):
    found = judge(Case(span(bid, ask), LIMITS, peers=peers(*others)))
    assert (found and found.verdict) == verdict
    assert found is None or found.held


def test_an_outlier_is_told_with_reference_and_names():
    found = judge(Case(span("12", "12.1"), LIMITS, peers=peers("100", "100.2")))
    assert (found.reference, found.by, percent(found.deviation)) == (Decimal(100), ("A", "B"), "-87.90")
    assert found.why == "-87.90 % from 100, the median with A, B"


@pytest.mark.parametrize("low", ["60", None])
def test_a_wide_or_one_sided_book_is_wrong_only_where_it_lies_outside(low):
    """A low bid over a high ask, or beside none, is thin and not wrong; a bid above all others is."""
    assert judge(Case(Span(low and Decimal(low), Decimal(140)), LIMITS, peers=peers("100", "100"))) is None
    assert judge(Case(Span(Decimal(120), None), LIMITS, peers=peers("100", "100"))).verdict == "outlier"


def test_wide_books_of_others_are_no_reference():
    wide = [Peer("A", span("50", "150")), Peer("B", span("10", "20"))]
    assert judge(Case(GOOD, LIMITS, peers=wide)) is None


def test_two_venues_disagree_and_nobody_can_say():
    case = Case(span("119", "121"), LIMITS, peers=peers("100"))
    assert told(case) == ("disagree", False, "+19.00 % from A's 100, and no third venue to ask")


def test_of_two_venues_the_one_that_moved_is_held():
    case = Case(span("12", "12.1"), LIMITS, last_good=GOOD, peers=peers("100"))
    assert told(case) == ("jump", True, "moved -87.89 % at once, -87.90 % from A's 100")
    # Where both disagreed before, or it came in steps, it is not known which one is wrong.
    assert told(Case(span("12", "12.1"), LIMITS, last_good=GOOD, peers=peers("40")))[0] == "disagree"
    assert told(Case(span("12", "12.1"), LIMITS, last_good=span("13", "13.1"), peers=peers("100")))[0] == "disagree"


def test_twins_are_never_compared_but_told():
    why = "BIFI is another coin at A: on ethereum contract 0x1 is not 0x2"
    case = Case(span("300", "301"), LIMITS, peers=peers("100", twin=why))
    assert told(case) == ("explained", False, f"{why}; +200.00 % from A's 100")
    assert judge(Case(GOOD, LIMITS, peers=peers("100", twin=why))) is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"doors": ["GEM deposits closed"]}, "GEM deposits closed; +11.00 % from 100, the median with A, B"),
        ({"halted": True}, "halted; +11.00 % from 100, the median with A, B"),
    ],
)
def test_closed_doors_and_halts_explain(more, why):
    case = Case(span("111", "111.1"), LIMITS, last_good=span("108", "108.1"), peers=peers("100", "100"), **more)
    assert told(case) == ("explained", False, why)


def test_closed_doors_do_not_explain_a_jump_at_once():
    case = Case(span("1000", "1001"), LIMITS, last_good=GOOD, peers=peers("100", "100"), doors=["GEM deposits closed"])
    assert told(case)[:2] == ("jump", True)


# Against itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rates", "verdict"),
    [
        ("149", False, None),
        ("151", False, "jump"),
        ("49", False, "jump"),
        ("119", True, None),
        ("121", True, "jump"),
        ("9000", True, "jump"),
        ("0.9", True, "jump"),
    ],
)
def test_a_jump_of_what_nobody_else_has(value, rates, verdict):
    found = judge(Case(span(value), LIMITS, rates=rates, last_good=span("100")))
    assert (found and found.verdict) == verdict


def test_without_a_last_good_one_nothing_can_be_said():
    assert judge(Case(span("9000"), LIMITS, rates=True)) is None


# Released ----------------------------------------------------------------------------------


def again(case, turns):
    """Judge the same quote again and again; return verdicts with their cycles."""
    seen = []
    for _ in range(turns):
        found = judge(case)
        seen.append(None if found is None else (found.verdict, found.cycles))
        before = Before(found.verdict, case.span, found.cycles) if found is not None and found.held else None
        case = case._replace(before=before)
    return seen


def test_a_jump_on_an_exchange_goes_out_when_it_stands_for_three_cycles():
    assert again(Case(span("300", "301"), LIMITS, last_good=GOOD), 3) == [("jump", 1), ("jump", 2), None]


def test_a_jump_of_a_rate_waits_for_a_person():
    assert again(Case(span("300"), LIMITS, rates=True, last_good=span("100")), 5)[-1] == ("jump", 5)


def test_another_jump_is_counted_anew():
    case = Case(span("900", "901"), LIMITS, last_good=GOOD, before=Before("jump", span("300", "301"), 2))
    assert judge(case).cycles == 1


def test_an_outlier_stays_until_they_agree():
    case = Case(span("150", "151"), LIMITS, last_good=GOOD, peers=peers("100", "100"))
    assert again(case, 9)[-1] == ("outlier", 9)
    assert judge(Case(GOOD, LIMITS, peers=peers("100", "100"), before=Before("outlier", span("150"), 9))) is None


def test_a_jump_beside_one_other_stands_and_is_marked():
    case = Case(span("12", "12.1"), LIMITS, last_good=GOOD, peers=peers("100"))
    assert again(case, 3) == [("jump", 1), ("jump", 2), ("disagree", 1)]


def test_what_a_person_released_passes_until_it_jumps_again():
    case = {"limits": LIMITS, "rates": True, "last_good": span("100"), "released": span("300")}
    assert judge(Case(span("310"), **case)).verdict == "released"
    assert judge(Case(span("9000"), **case)).held


def test_median_of_an_even_count_is_half_the_sum_of_both_middles():
    assert median([Decimal(3), Decimal(1), Decimal(2)]) == 2
    assert median([Decimal(4), Decimal(1), Decimal(2), Decimal(3)]) == Decimal("2.5")
