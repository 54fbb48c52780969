"""Tell how runs went in Prometheus' text, for a textfile collector.

All names but those of watched.py begin with `marketctl_task_`, so that the file of `check` can lie in the same folder.
The label is `task` because `job` is Prometheus' own; ages are left to it: times are given. What is unknown has no
sample.
"""

from collections.abc import Iterable
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
        states = {name: read_state(self.desk.state_dir, name) for name, _ in self.last}
        rows = [
            Row(result, states[name].get(job, {}), self.desk.registry.provider(name).interval_s(job))
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


def families(rows: list[Row]) -> list[tuple[str, str, list[Sample]]]:
    """Return name, help and samples of every gauge."""

    def each(figures: Iterable[tuple[Row, Any]], **more: str) -> list[Sample]:
        return [(row.labels | more, value) for row, value in figures if value is not None]

    def count(name: str) -> list[Sample]:
        return each((row, row.result.counts.get(name)) for row in rows)

    def quota(pick: str) -> list[Sample]:
        told = ((row.result.provider, (row.result.counts.get("quota") or {}).get(pick)) for row in rows)
        return [({"provider": provider}, value) for provider, value in told if value is not None]

    success = {"ok": 1, "failed": 0}
    return [
        (
            "marketctl_task_success",
            "1 if the last run of this task succeeded, 0 if it failed; a skipped one has none.",
            each((row, success.get(row.result.status)) for row in rows),
        ),
        (
            "marketctl_task_status",
            "Always 1: the labels tell how the last run of this task ended, and why.",
            [(row.labels | {"status": row.result.status, "reason": row.result.reason or ""}, 1) for row in rows],
        ),
        (
            "marketctl_task_duration_seconds",
            "How long the last run of this task took.",
            each((row, row.result.duration_ms / 1000) for row in rows),
        ),
        (
            "marketctl_task_interval_seconds",
            "The interval of this task by the registry.",
            each((row, row.interval_s) for row in rows),
        ),
        (
            "marketctl_task_last_attempt_timestamp_seconds",
            "When the last run of this task began.",
            each((row, _seconds(row.state.get("last_attempt"))) for row in rows),
        ),
        (
            "marketctl_task_last_success_timestamp_seconds",
            "When the last successful run of this task began.",
            each((row, _seconds(row.state.get("last_success"))) for row in rows),
        ),
        (
            "marketctl_task_failures_in_a_row",
            "Failed runs of this task since the last successful one.",
            each((row, row.state.get("failures")) for row in rows),
        ),
        ("marketctl_task_quotes", "Quotes read by the last run.", count("quotes")),
        ("marketctl_task_published", "Quotes published to Redis by the last run.", count("published")),
        (
            "marketctl_task_held",
            "Quotes the sentinel held back in the last run, by verdict; a sum of zero has no samples.",
            [
                (row.labels | {"verdict": verdict}, number)
                for row in rows
                for verdict, number in row.result.counts.get("held_by", {}).items()
            ],
        ),
        ("marketctl_task_quotes_held", "Quotes the sentinel held back in the last run.", count("held")),
        (
            "marketctl_task_marked",
            "Quotes published with a mark of the sentinel by the last run.",
            count("marked"),
        ),
        ("marketctl_task_assets", "Assets read by the last run.", count("assets")),
        (
            "marketctl_task_rows_skipped",
            "Rows the last run left out, by reason.",
            [
                (row.labels | {"reason": reason}, number)
                for row in rows
                for reason, number in row.result.counts.get("skipped_by", {}).items()
            ],
        ),
        ("marketctl_task_requests", "HTTP requests of the last run.", each((row, row.result.requests) for row in rows)),
        (
            "marketctl_task_retries",
            "Repeated requests of the last run.",
            each((row, row.result.retries) for row in rows),
        ),
        (
            "marketctl_task_received_bytes",
            "Bytes of the answers of the last run.",
            each((row, row.result.bytes) for row in rows),
        ),
        ("marketctl_task_quota_used", "What of the provider's plan is used, in its own units.", quota("used")),
        ("marketctl_task_quota_limit", "What the provider's plan allows, in its own units.", quota("limit")),
        ("marketctl_task_quota_remaining", "What the provider's plan has left, in its own units.", quota("remaining")),
        (
            "marketctl_task_quota_runs_dry_timestamp_seconds",
            "When the provider's plan runs dry at the present pace; none when it lasts or that is unknown.",
            [
                ({"provider": row.result.provider}, at)
                for row in rows
                if (at := _seconds(row.result.counts.get("quota_runs_dry_at"))) is not None
            ],
        ),
    ]


def _seconds(time: object) -> float | None:
    """Read a time of the state file; what is none was never."""
    at_ms = ms_or_none(time)
    return None if at_ms is None else at_ms / 1000
