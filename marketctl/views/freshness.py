"""How old data are and how old they may be: the one judgement for all readers, checks and pages."""

from collections.abc import Iterable

from marketctl.times import DAY_MS, FUTURE_MS

DATED_MS = 60_000  # a rate from before its date by more than that is not yet one

LATE = 3  # intervals without new data

LEAST_MS = 60_000  # cron starts us once a minute

PACE = 2.5  # times the pace really kept: two turns may be missed by a little, not three

PACE_MAX_MS = 3_600_000  # after an outage the last distance is long, and no pace

STANDSTILL_MS = 4 * DAY_MS  # a market of currencies is closed from Friday to Monday, or Tuesday


def age_ms(now_ms: int, collected_ms: int | None, at_ms: int | None = None, *, dated: bool = False) -> int | None:
    """Return the age by the older of the provider's own time and ours.

    None is unknown, and that is too old: nothing is known, or it was collected in the future. An own time in the future
    is a provider's clock that runs ahead and makes nothing newer than its arrival; that of a `dated` rate has yet to
    come, such as a bank's for tomorrow, and is unknown too.
    """
    known = [ms for ms in (collected_ms, at_ms) if ms is not None]
    if not known or min(known) > now_ms + FUTURE_MS or (collected_ms is not None and collected_ms > now_ms + FUTURE_MS):
        return None
    if dated and at_ms is not None and at_ms > now_ms + DATED_MS:
        return None
    return max(0, now_ms - min(known))


def limit_ms(interval_s: float, kept_ms: int | None = None) -> int:
    """Return how old data may be that are collected at this interval, where the operator names no limit.

    `kept_ms` is the distance of the last two collections: a slower pace that is really kept counts.
    """
    planned = max(round(LATE * interval_s * 1000), LEAST_MS)
    return planned if kept_ms is None else max(planned, min(round(PACE * kept_ms), PACE_MAX_MS))


def standstill_ms(interval_s: float, kept_ms: int | None = None, *, rates: bool) -> int:
    """Return how long a source's own time may stand still before that is worth a warning; `rates` rest at weekends."""
    return max(limit_ms(interval_s, kept_ms), STANDSTILL_MS if rates else 0)


def stands(age: int | None) -> str:
    """Say of a source's own time, which is no good one, what is wrong with it."""
    return "has yet to come" if age is None else "stands still"


def is_stale(age: int | None, limit: float | None) -> bool:
    """Tell whether data of this age are too old; without a limit nothing is."""
    return limit is not None and (age is None or not age <= limit)  # a limit that is no number lets nothing through


def set_age_ms(ages: Iterable[int | None]) -> int | None:
    """Return the age of a set of quotes: half of them are that old or older; None without any, or unknown.

    A pair nobody trades keeps its own old time and says nothing of the source.
    """
    known = sorted(ages, key=lambda age: float("inf") if age is None else age)
    return known[len(known) // 2] if known else None
