"""Tell how runs went in Prometheus' text, for a textfile collector.

All names but those of watched.py begin with `marketctl_task_`, so that the file of `check` can lie in the same folder.
The label is `task` because `job` is Prometheus' own; ages are left to it: times are given. What is unknown has no
sample.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.files.atomic import write_output
from marketctl.files.snapshots import to_bytes
from marketctl.files.state import read_state
from marketctl.monitoring.prometheus import Sample, family
from marketctl.times import ms_or_none

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result


class Metrics:
    """One file of figures, and the last results it tells of; what another run was busy with is not ours to tell."""

    def __init__(self, desk: "Desk", path: Path) -> None:
        self.desk = desk
        self.path = path
        self.last: dict[tuple[str, str], Result] = {}

    def update(self, results: Iterable["Result"]) -> None:
        """Take over results and write the file anew, whole. Raises StorageFailed."""
        ours = {(result.provider, result.job): result for result in results if result.reason != "busy"}
        if not ours:
            return
        self.last |= ours
        write_output(self.path, to_bytes(self.text()), exact=True)

    def text(self) -> str:
        """Return all gauges."""
        rows = [
            Row(result, read_state(self.desk.state_dir, name, job), self.desk.registry.provider(name).interval_s(job))
            for (name, job), result in self.last.items()
        ]
        told = families(rows)
        if self.desk.registry.watch.given:
            from marketctl.monitoring import watched

            told += watched.families(self.desk.registry)
        return "".join(family(*one) for one in told if one[2])


class Row(NamedTuple):
    """The last result of a job, its entry in the state file, and its interval."""

    result: "Result"
    state: dict[str, Any]
    interval_s: float

    @property
    def labels(self) -> dict[str, str]:
        """Which job it is."""
        return {"provider": self.result.provider, "task": self.result.job}


def _count(name: str) -> Callable[[Row], Any]:
    return lambda row: row.result.counts.get(name)


def _quota(name: str) -> Callable[[Row], Any]:
    return lambda row: (row.result.counts.get("quota") or {}).get(name)


def _seconds(time: object) -> float | None:
    """Read a time of the state file; what is none was never."""
    at_ms = ms_or_none(time)
    return None if at_ms is None else at_ms / 1000


# What follows `marketctl_task_`, help, and the value for a row; None is no sample.
OF_A_TASK: tuple[tuple[str, str, Callable[[Row], Any]], ...] = (
    (
        "success",
        "1 if the last run of this task succeeded, 0 if it failed; a skipped one has none.",
        lambda row: {"ok": 1, "failed": 0}.get(row.result.status),
    ),
    ("duration_seconds", "How long the last run of this task took.", lambda row: row.result.duration_ms / 1000),
    ("interval_seconds", "The interval of this task by the registry.", lambda row: row.interval_s),
    (
        "last_attempt_timestamp_seconds",
        "When the last run of this task began.",
        lambda row: _seconds(row.state.get("last_attempt")),
    ),
    (
        "last_success_timestamp_seconds",
        "When the last successful run of this task began.",
        lambda row: _seconds(row.state.get("last_success")),
    ),
    (
        "failures_in_a_row",
        "Failed runs of this task since the last successful one.",
        lambda row: row.state.get("failures"),
    ),
    ("quotes", "Quotes read by the last run.", _count("quotes")),
    ("published", "Quotes published to Redis by the last run.", _count("published")),
    ("quotes_held", "Quotes the sentinel held back in the last run.", _count("held")),
    ("marked", "Quotes published with a mark of the sentinel by the last run.", _count("marked")),
    ("assets", "Assets read by the last run.", _count("assets")),
    ("requests", "HTTP requests of the last run.", lambda row: row.result.requests),
    ("retries", "Repeated requests of the last run.", lambda row: row.result.retries),
    ("received_bytes", "Bytes of the answers of the last run.", lambda row: row.result.bytes),
)
# The same with one more label: its name, and the count that has a value for each.
BY_LABEL = (
    (
        "held",
        "Quotes the sentinel held back in the last run, by verdict; a sum of zero has no samples.",
        "verdict",
        "held_by",
    ),
    ("rows_skipped", "Rows the last run left out, by reason.", "reason", "skipped_by"),
)
# Of a provider, whichever task told.
OF_A_PROVIDER: tuple[tuple[str, str, Callable[[Row], Any]], ...] = (
    ("quota_used", "What of the provider's plan is used, in its own units.", _quota("used")),
    ("quota_limit", "What the provider's plan allows, in its own units.", _quota("limit")),
    ("quota_remaining", "What the provider's plan has left, in its own units.", _quota("remaining")),
    (
        "quota_runs_dry_timestamp_seconds",
        "When the provider's plan runs dry at the present pace; none when it lasts or that is unknown.",
        lambda row: _seconds(row.result.counts.get("quota_runs_dry_at")),
    ),
)


def families(rows: list[Row]) -> list[tuple[str, str, list[Sample]]]:
    """Return name, help and samples of every gauge."""
    status: list[Sample] = [
        (row.labels | {"status": row.result.status, "reason": row.result.reason or ""}, 1) for row in rows
    ]
    found = [("status", "Always 1: the labels tell how the last run of this task ended, and why.", status)]
    for name, told, value_of in OF_A_TASK:
        found.append((name, told, [(row.labels, value) for row in rows if (value := value_of(row)) is not None]))
    for name, told, label, counts in BY_LABEL:
        values = [(row, *one) for row in rows for one in row.result.counts.get(counts, {}).items()]
        found.append((name, told, [(row.labels | {label: key}, value) for row, key, value in values]))
    for name, told, value_of in OF_A_PROVIDER:
        values = [(row.result.provider, value) for row in rows if (value := value_of(row)) is not None]
        found.append((name, told, [({"provider": provider}, value) for provider, value in values]))
    return [(f"marketctl_task_{name}", told, samples) for name, told, samples in found]
