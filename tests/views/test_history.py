"""The chart of a history."""

from marketctl.views.history import sparkline


def record(second, **prices):
    return {"at": f"2026-01-02T00:00:{second:02d}.000Z", "bid": None, "ask": None, "last": None, "mid": None} | prices


def test_sparkline_holds_a_price_until_the_next():
    records = [record(0, bid="1", ask="3"), record(2, mid="9"), record(4, last="5.5")]
    assert sparkline(records, width=4) == "▁██▄  low 2, high 9, last 5.5"


def test_sparkline_of_one_price_or_none_is_nothing():
    assert sparkline([record(0, bid="1"), record(1)]) is None
    assert sparkline([record(0, bid="1"), record(9, bid="1")], width=3) == "▁▁▁  low 1, high 1, last 1"
