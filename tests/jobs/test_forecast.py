"""When a plan runs dry: what is said with how little, and what is not."""

import pytest

from marketctl.jobs.forecast import DAY_MS, Forecast, forecast, next_marks, pace
from marketctl.times import from_iso, to_iso

NOON = from_iso("2026-11-23T12:00:00.000Z")
MIDNIGHT = "2026-11-24T00:00:00.000Z"
HOUR_MS = 3_600_000


def mark(hours: float, used: int, resets_at: str | None = None) -> dict:
    return {"at": to_iso(NOON - round(hours * HOUR_MS)), "resets_at": resets_at, "used": used}


def quota(used=None, limit=None, remaining=None, resets_at=None) -> dict:
    return {"plan": None, "used": used, "limit": limit, "remaining": remaining, "resets_at": resets_at}


@pytest.mark.parametrize(
    ("told", "marks", "expected"),
    [
        # 100 in 10 hours: 240 a day, the 500 left go in 50 hours.
        (quota(500, 1000, 500), [mark(10, 400)], Forecast(240, NOON + 50 * HOUR_MS)),
        # The oldest mark counts.
        (quota(500, 1000, 500), [mark(20, 300), mark(10, 499)], Forecast(240, NOON + 50 * HOUR_MS)),
        # It begins anew before, or not.
        (quota(500, 1000, 500, MIDNIGHT), [mark(10, 400, MIDNIGHT)], Forecast(240, None)),
        (quota(900, 1000, 100, MIDNIGHT), [mark(10, 400, MIDNIGHT)], Forecast(1200, NOON + 2 * HOUR_MS)),
        # Nothing is asked for: no end.
        (quota(500, 1000, 500), [mark(10, 500)], Forecast(0, None)),
        # Nothing is left, whatever the pace.
        (quota(1000, 1000, 0, MIDNIGHT), [], Forecast(None, NOON)),
        # What is not told is reckoned from the other two.
        (quota(None, 1000, 500), [mark(10, 400)], Forecast(240, NOON + 50 * HOUR_MS)),
        (quota(500, 1000), [mark(10, 400)], Forecast(240, NOON + 50 * HOUR_MS)),
        # Without a limit there is a pace and no end.
        (quota(500), [mark(10, 400)], Forecast(240, None)),
        # Unknown: no mark, too short a time, another window, an old mark, no count, no quota.
        (quota(500, 1000, 500), [], Forecast()),
        (quota(500, 1000, 500), [mark(1.9, 400)], Forecast()),
        (quota(50, 1000, 950), [mark(10, 400)], Forecast()),
        (quota(50, 1000, 950), [mark(20, 10), mark(10, 400)], Forecast()),
        (quota(500, 1000, 500, MIDNIGHT), [mark(10, 400, "2026-11-23T00:00:00.000Z")], Forecast()),
        (quota(500, 1000, 500), [mark(73, 100)], Forecast()),
        (quota(500, 1000, 500), [mark(-1, 400)], Forecast()),
        (quota(limit=1000), [mark(10, 400)], Forecast()),
        (quota(500, 1000, 500), [{"at": "soon", "used": 4}, {"used": "5"}, 7, None], Forecast()),
        (None, [mark(10, 400)], Forecast()),
    ],
)  # fmt: skip
def test_forecast(told, marks, expected):
    assert forecast(told, marks, NOON) == expected


def test_marks_are_two_at_most_and_half_a_day_apart():
    marks: list = []
    for hour in range(49):
        marks = next_marks(marks, quota(hour * 10, 1000), NOON + hour * HOUR_MS)
    assert [one["used"] for one in marks] == [360, 480]
    assert next_marks(marks, quota(485, 1000), NOON + 49 * HOUR_MS) == marks


def test_marks_begin_anew_with_the_window():
    marks = [mark(20, 300, MIDNIGHT), mark(8, 400, MIDNIGHT)]
    assert next_marks(marks, quota(10, 1000, resets_at=MIDNIGHT), NOON) == [mark(0, 10, MIDNIGHT)]
    later = to_iso(from_iso(MIDNIGHT) + DAY_MS)
    assert next_marks(marks, quota(500, 1000, resets_at=later), NOON) == [mark(0, 500, later)]
    assert next_marks(marks, quota(limit=1000), NOON) == []
    assert next_marks(marks, None, NOON) == []


def test_pace_of_a_snapshot_is_as_of_its_own_time():
    snapshot = {"collected_at": to_iso(NOON), "stats": {"quota": quota(500, 1000, 500)}, "quota_marks": [mark(10, 400)]}
    assert pace(snapshot) == Forecast(240, NOON + 50 * HOUR_MS)
    assert pace(snapshot | {"quota_marks": "x"}) == pace({"collected_at": None}) == pace({}) == Forecast()
