"""Half an answer never replaces a whole one: the guard of what is written to files, against the last good snapshot."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from marketctl.errors import HalfAnswer, Overtaken, StorageFailed
from marketctl.files.snapshots import read_records, read_snapshot
from marketctl.times import DAY_MS, FUTURE_MS, ms_or_none, now_ms, to_iso


class LastGood(NamedTuple):
    """What the last good snapshot had: its head, and how many of its `records` are asked for now.

    `lines` are all its records as they are written, None where there is none in our layout.
    """

    records: int = 0
    head: Mapping[str, Any] = {}
    lines: Mapping[str, str] | None = None


def last_good(path: Path, records_key: str, asked: Collection[str] = ()) -> LastGood:
    """Look at the last good snapshot; `asked` are the records wanted now, none is all of them.

    One that cannot be read counts as none: the new one takes its place.
    """
    lines = None
    try:
        try:
            found = read_records(path, records_key)
            if found is None:
                return LastGood()
            head, lines = found
            records: Collection[str] = lines
        except ValueError:  # not as we write it
            head = read_snapshot(path) or {}
            told = head.get(records_key)
            records = told if isinstance(told, dict) else ()
    except StorageFailed:
        return LastGood()
    return LastGood(sum(name in records for name in asked) if asked else len(records), head, lines)


def refuse_half(
    before: LastGood, count: int, collected_ms: int, *, what: str, force: str | None, asked: str = ""
) -> dict[str, Any]:
    """Refuse less than half of the last good snapshot, or of the largest of a day: step by step is no way around.

    `force` is the command that takes it for whole, None where that was given. Returns what the head of the new snapshot
    has to tell the next guard: `largest`, where this one is smaller. Raises HalfAnswer.
    """
    largest, at_ms = _largest(before, collected_ms, asked)
    known = max(before.records, largest)
    if force is not None and count * 2 < known:
        raise HalfAnswer(
            f"{count} {what} where there were {known}: more than half are gone",
            hint=f"If that is right, run `{force}` once.",
        )
    if force is None or count >= largest:
        return {}
    told = {"at": to_iso(at_ms), "count": largest}
    return {"largest": told | {"asked": asked} if asked else told}


def refuse_older(before: LastGood, collected_ms: int, *, what: str, force: str | None) -> None:
    """Refuse what is older than the last good snapshot; one that lies ahead of the clock is no measure.

    `force` is the command that takes it all the same, None where that was given. Raises Overtaken.
    """
    at_ms = ms_or_none(before.head.get("collected_at"))
    if force is not None and at_ms is not None and collected_ms < at_ms <= now_ms() + FUTURE_MS:
        raise Overtaken(
            f"the {what} in the file are newer, of {to_iso(at_ms)}",
            hint=f"If no other run was faster, check the clock; `{force}` replaces them.",
        )


def _largest(before: LastGood, now: int, asked: str) -> tuple[int, int]:
    """Return the count of the largest snapshot of the last day, and its time."""
    told = before.head.get("largest")
    if not isinstance(told, dict):
        told = {"at": before.head.get("collected_at"), "count": before.records, "asked": asked}
    count, at_ms = told.get("count"), ms_or_none(told.get("at"))
    if type(count) is not int or told.get("asked", "") != asked or at_ms is None:
        return 0, now
    if not now - DAY_MS <= at_ms <= now + FUTURE_MS:
        return 0, now
    return count, at_ms
