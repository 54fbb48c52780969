"""The state file of a provider: how each job ended last."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketctl.errors import StorageFailed
from marketctl.files.atomic import place_in, safe_name, storage_failed
from marketctl.files.locks import flocked
from marketctl.files.look import read_regular, stamp_of
from marketctl.files.snapshots import SCHEMA, write_document
from marketctl.models import JOBS
from marketctl.times import ms_or_none, to_iso

Jobs = dict[str, dict[str, Any] | None]
"""By job how it ended; None where what is written of it is no state."""

_written: dict[Path, tuple[tuple[int, ...], Jobs]] = {}  # by this process


def record_state(
    state_dir: Path,
    provider: str,
    job: str,
    *,
    at_ms: int,
    ok: bool | None,
    reason: str | None,
    crossed: Sequence[str] = (),
) -> StorageFailed | None:
    """Note how a job ended: ok, failed, or neither (`None`: skipped, which is no failure).

    `crossed` are the pairs whose bid was above their ask, some of them. The jobs of a provider may end in several
    processes at once. Returns what of the file was no state: that is unknown (null) from now on, until its job ends.
    Raises StorageFailed.
    """
    path = _path(state_dir, provider)
    with flocked(place_in(state_dir, f".{provider}.json.lock")):
        jobs, wrong = _read(path)
        entry = jobs.get(job) or {"last_attempt": None, "last_success": None, "failures": 0, "last_reason": None}
        jobs[job] = entry
        entry["last_attempt"] = to_iso(at_ms)
        entry["last_reason"] = reason
        if ok:
            entry.pop("crossed", None)
            if crossed:
                entry["crossed"] = list(crossed)
            entry["last_success"] = to_iso(at_ms)
            entry["failures"] = 0
        elif ok is False:
            entry["failures"] += 1
        write_document(path, {"schema": SCHEMA, "provider": provider, "jobs": jobs}, sync="content")
        with suppress(OSError):
            _written[path] = stamp_of(path), jobs
    return StorageFailed(f"{path}: {wrong}; it is written anew") if wrong else None


def read_state(state_dir: Path, provider: str, job: str) -> dict[str, Any]:
    """Return how a job ended last, `{"last_attempt", "last_success", "failures", "last_reason"}`; {} if it never did.

    That of prices has "crossed" beside it where pairs were.

    Raises StorageFailed when the file cannot be opened, and where what it says of the job is no state.
    """
    path = _path(state_dir, provider)
    jobs, wrong = _as_written(path) or _read(path)
    entry = jobs.get(job, {})
    if entry is None:
        told = wrong or f"how its {job} ended is not known, it was no state"
        raise StorageFailed(f"{path}: {told}", hint=f"marketctl run --once -p {provider}")
    return entry.copy()


def _path(state_dir: Path, provider: str) -> Path:
    return place_in(state_dir, f"{safe_name(provider)}.json")


def _as_written(path: Path) -> tuple[Jobs, None] | None:
    """Return what this process wrote, None where another one may have written since.

    By the clock of the file system two writes can be of one moment: whoever goes on from a state reads the file itself.
    """
    with suppress(KeyError, OSError):
        stamp, jobs = _written[path]
        if stamp == stamp_of(path):
            return jobs, None
    return None


def _read(path: Path) -> tuple[Jobs, str | None]:
    """Return what a file says of each job, None where that is no state, and what is wrong with it in words."""
    try:
        document = json.loads(read_regular(path))
    except FileNotFoundError:
        return {}, None
    except (ValueError, RecursionError):
        return dict.fromkeys(JOBS), "it is not JSON, so how its jobs ended is not known"
    except OSError as error:
        raise storage_failed("read", path, error) from error
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, dict):
        return dict.fromkeys(JOBS), "it has no table of jobs, so how they ended is not known"
    wrong = [job for job in JOBS if jobs.get(job) is not None and not _is_state(jobs[job])]
    told = f"what it says of {', '.join(wrong)} is no state, so how that ended is not known" if wrong else None
    return {job: None if job in wrong else jobs[job] for job in JOBS if job in jobs}, told


def _is_state(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and type(entry.get("failures")) is int
        and entry["failures"] >= 0
        and isinstance(entry.get("crossed", []), list)
        and isinstance(entry.get("last_reason", 0), str | None)
        and all(
            entry.get(key, 0) is None or ms_or_none(entry.get(key)) is not None
            for key in ("last_attempt", "last_success")
        )
    )
