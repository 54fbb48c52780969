"""Forecast when a provider's plan runs dry at the present pace, from what it told before and what it tells now.

The pace is what was used since a mark: a count of before, kept in the stats snapshot as `quota_marks`. There are two at
most, MARK_EVERY_MS apart, so the pace is that of the last hours, not of a whole month. Where the window began anew, the
plan tells no count, or there is too little to go by, nothing is forecast: unknown is None.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from marketctl.times import DAY_MS, from_iso, ms_or_none, to_iso

MARK_EVERY_MS = 12 * 3_600_000
# What is asked for comes in bursts: a shorter time would take the last burst for the pace.
LEAST_MS = 2 * 3_600_000
LONGEST_MS = 3 * DAY_MS


class Forecast(NamedTuple):
    """The pace in units a day, and when nothing is left (ms); both None where unknown.

    A pace without an end: the plan lasts, or begins anew before.
    """

    per_day: int | None = None
    dry_ms: int | None = None


def forecast(quota: Mapping[str, Any] | None, marks: Sequence[Any], at_ms: int) -> Forecast:
    """Tell how a plan that stood like this at that time goes on."""
    quota = quota or {}
    used, left = _used(quota), _left(quota)
    resets_ms = ms_or_none(quota.get("resets_at"))
    known = fitting(marks, quota, at_ms)
    per_day = dry_ms = None
    if known and used is not None:
        spent, passed = used - known[0]["used"], at_ms - from_iso(known[0]["at"])
        if passed >= LEAST_MS:
            per_day = round(spent * DAY_MS / passed)
            if left is not None and spent:
                dry_ms = at_ms + max(0, left) * passed // spent
    if left is not None and left <= 0:
        dry_ms = at_ms
    if resets_ms is not None and dry_ms is not None and dry_ms >= resets_ms:
        dry_ms = None
    return Forecast(per_day, dry_ms)


def pace(snapshot: Mapping[str, Any]) -> Forecast:
    """Tell how the plan in a stats snapshot goes on, as of the time it was collected."""
    at_ms, marks = ms_or_none(snapshot.get("collected_at")), snapshot.get("quota_marks")
    stats = snapshot.get("stats")
    if at_ms is None or not isinstance(stats, dict):
        return Forecast()
    return forecast(stats.get("quota"), marks if isinstance(marks, list) else [], at_ms)


def next_marks(marks: Sequence[Any], quota: Mapping[str, Any] | None, at_ms: int) -> list[dict[str, Any]]:
    """Return the marks to keep with a quota that was told at that time."""
    used = _used(quota or {})
    if quota is None or used is None:
        return []
    known = fitting(marks, quota, at_ms)
    if not known or at_ms - from_iso(known[-1]["at"]) >= MARK_EVERY_MS:
        known.append({"at": to_iso(at_ms), "resets_at": quota.get("resets_at"), "used": used})
    return known[-2:]


def fitting(marks: Sequence[Any], quota: Mapping[str, Any], at_ms: int) -> list[dict[str, Any]]:
    """Return the marks of the same window, the oldest first: none when any shows that another one began since."""
    used = _used(quota)
    known = [mark for mark in marks if isinstance(mark, dict) and type(mark.get("used")) is int]
    known = [mark for mark in known if 0 <= at_ms - (ms_or_none(mark.get("at")) or 0) <= LONGEST_MS]
    same = [mark for mark in known if used is not None and mark["used"] <= used]
    same = [mark for mark in same if mark.get("resets_at") == quota.get("resets_at")]
    return sorted(same, key=lambda mark: str(mark["at"])) if len(same) == len(known) else []


def _used(quota: Mapping[str, Any]) -> int | None:
    used, limit, left = (quota.get(name) for name in ("used", "limit", "remaining"))
    if isinstance(used, int):
        return used
    return limit - left if isinstance(limit, int) and isinstance(left, int) else None


def _left(quota: Mapping[str, Any]) -> int | None:
    used, limit, left = (quota.get(name) for name in ("used", "limit", "remaining"))
    if isinstance(left, int):
        return left
    return limit - used if isinstance(limit, int) and isinstance(used, int) else None
