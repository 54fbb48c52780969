"""UTC times: integer milliseconds inside and in Redis, ISO-8601 with milliseconds and `Z` outside."""

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

FUTURE_MS = 5_000  # clocks that disagree by no more than this agree

DAY_MS = 86_400_000

END_MS = 253_402_300_800_000  # the end of the year 9999: what lies beyond is no time


def now_ms() -> int:
    """Return the present time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def to_iso(ms: int | None) -> str | None:
    """Write a time in milliseconds as `2026-01-02T03:04:05.678Z`; None stays None, and so is what is no time."""
    if ms is None or not 0 <= ms < END_MS:
        return None
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(256)
def _second(seconds: int) -> str:
    """Write a second: those of thousands of quotes are few."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def zone(name: str) -> "tzinfo":
    """Return a time zone; UTC is known without any data. Raises KeyError, ValueError, OSError for one that is none."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def from_iso(text: str) -> int:
    """Read an ISO-8601 time as milliseconds. A time without a zone is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1000)


def ms_or_none(text: object) -> int | None:
    """Read a time of a file as milliseconds; what is no ISO-8601 text is no time. Never raises."""
    try:
        return from_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None


def span_s(text: str) -> int | None:
    """Read a span such as 30s, 15min, 24h, 7d or 2w as seconds; None for what is none."""
    import re

    units = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
    found = re.fullmatch(r"([0-9]{1,9}) ?(s|m|min|h|d|w)", text.strip().lower())
    return None if found is None else int(found[1]) * units[found[2]]


def run_id(started_ms: int) -> str:
    """Return a new id of what began then: its time, and something that no other has."""
    stamp = (to_iso(started_ms) or "").replace("-", "").replace(":", "").replace(".", "")
    return f"{stamp}-{os.urandom(3).hex()}"
