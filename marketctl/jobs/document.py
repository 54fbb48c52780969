"""The JSON document of a run, as `--json` prints it and a worker returns it (docs/scripting.md)."""

import time
from collections.abc import Iterable
from typing import Any, Protocol

from marketctl.jobs.run import Run
from marketctl.times import to_iso


class Reported(Protocol):
    """What can stand in a document: a job's result, a provider's health."""

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""


def run_document(run: Run, command: str, results: Iterable[Reported]) -> dict[str, Any]:
    """Return the document of a command that worked on providers."""
    return {
        "schema": 1,
        "command": command,
        "run_id": run.run_id,
        "started_at": to_iso(run.started_ms),
        "duration_ms": round((time.monotonic() - run.started) * 1000),
        "results": [result.to_dict() for result in results],
    }
