"""The state file of a provider: how each job ended last."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marketctl.files.atomic import safe_name, storage_failed
from marketctl.files.locks import flocked
from marketctl.files.look import read_regular
from marketctl.files.snapshots import SCHEMA, write_document
from marketctl.times import ms_or_none, to_iso


def record_state(
    state_dir: Path,
    provider: str,
    job: str,
    *,
    at_ms: int,
    ok: bool | None,
    reason: str | None,
    crossed: Sequence[str] = (),
) -> None:
    """Note how a job ended: ok, failed, or neither (`None`: skipped, which is no failure).

    `crossed` are the pairs whose bid was above their ask, some of them. The jobs of a provider may end in several
    processes at once. Raises StorageFailed.
    """
    path = state_dir / f"{safe_name(provider)}.json"
    with flocked(state_dir / f".{provider}.json.lock"):
        jobs = read_state(state_dir, provider)
        entry = jobs.setdefault(job, {"last_attempt": None, "last_success": None, "failures": 0, "last_reason": None})
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
        write_document(path, {"schema": SCHEMA, "provider": provider, "jobs": jobs})


def read_state(state_dir: Path, provider: str) -> dict[str, dict[str, Any]]:
    """Return job → `{"last_attempt", "last_success", "failures", "last_reason"}`; what is broken is left out.

    Those of prices have "crossed" beside it where pairs were.

    Raises StorageFailed when the file cannot be opened.
    """
    path = state_dir / f"{safe_name(provider)}.json"
    try:
        document = json.loads(read_regular(path))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    except OSError as error:
        raise storage_failed("read", path, error) from error
    jobs = document.get("jobs") if isinstance(document, dict) else None
    return {job: entry for job, entry in jobs.items() if _is_state(entry)} if isinstance(jobs, dict) else {}


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
