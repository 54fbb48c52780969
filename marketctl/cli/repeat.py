"""The repeating mode of `marketctl run`: each job at its interval until a signal; results are told as they end."""

import gc
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import Globals
from marketctl.cli.progress import Progress
from marketctl.cli.rebuilding import Rebuild
from marketctl.cli.report import refresh
from marketctl.cli.table import Column, spoken
from marketctl.cli.working import COLUMNS, note_in_run_log, row
from marketctl.log import log
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.cli.alerting import Alerts
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Options, Run
    from marketctl.jobs.runner import Repeating
    from marketctl.monitoring.observers import Watch

COLLECT_RUNS = 10  # of each provider
WIDTHS = (24, 18, 6, 7, 0, 0, 0)  # of the columns on a terminal: rows come one by one


def repeat(
    given: Globals,
    desk: "Desk",
    options: "Options",
    work: list[tuple["ProviderEntry", str]],
    as_json: bool,
    board: str | None,
    watch: "Watch",
    *,
    rates: bool = False,
    alerts: "Alerts | None" = None,
) -> int:
    """Do every job at once, then each again when its interval is over. Ends by an exception: `Stopped`.

    `board` is where the market board is written when nothing is in hand, and at least once in the shortest interval;
    so are the `rates`, when there were prices.
    """
    from marketctl.jobs.runner import Repeating

    desk.require_server()
    repeating = Repeating(desk, work, options)
    teller = _Teller(given, as_json)
    shortest_s = min(entry.interval_s(job) for entry, job in work)
    pages = _Pages(desk, repeating, watch, board, shortest_s, rates, alerts)
    by_name = {entry.name: entry for entry, _ in work}

    def on_run(run: "Run", jobs: "Sequence[tuple[ProviderEntry, str]]") -> None:
        watch.begin(run, jobs, [(by_name[name], job) for name, job in repeating.due()])

    told: dict[str, list[Result]] = {}
    runs = 0
    try:
        for run, result, last in repeating.results(on_run, watch.start):
            watch.done(result)
            results = told.setdefault(run.run_id, [])
            results.append(result)
            teller.row(result)
            if last:
                del told[run.run_id]
                note_in_run_log(run, "run", results)
                teller.run(run, results)
                pages.ended(results)
                runs += 1
                if runs == len(by_name):
                    gc.freeze()  # what was imported stays: no use in looking through it for garbage, again and again
                if runs % (COLLECT_RUNS * len(by_name)) == 0:
                    gc.collect()  # memory does not grow, and nobody waits for it
    finally:
        if alerts is not None:
            alerts.close()
    return 0


class _Teller:
    """Rows as jobs end, or a document a run, one a line. Work goes on when nobody reads them any more."""

    def __init__(self, given: Globals, as_json: bool) -> None:
        self._as_json = as_json
        self._given = given
        self._progress = Progress(given, 0)
        self._gone = given.quiet and not as_json

    def row(self, result: "Result") -> None:
        """Tell a failure on stderr, and every end as a row that begins with its time."""
        self._progress.done(result)
        self._progress.end()
        if not self._as_json:
            cells = zip((Column("at", "time"), *COLUMNS), (to_iso(now_ms()), *row(result)), strict=True)
            told = [spoken(column, value) for column, value in cells]
            if sys.stdout is not None and sys.stdout.isatty():
                told = [cell.ljust(width) for cell, width in zip(told, WIDTHS, strict=True)]
            self._print("\t".join(told).rstrip())

    def run(self, run: "Run", results: "list[Result]") -> None:
        """Print the document of a provider's run on one line."""
        if self._as_json:
            from marketctl.cli.output import json_text
            from marketctl.jobs.document import run_document

            self._print(json_text(run_document(run, "run", results), one_line=True))

    def _print(self, line: str) -> None:
        if self._gone:
            return
        try:
            click.echo(line.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self._gone = True
            log.error("stdout cannot be written: %s; the work goes on without it", error.strerror)


class _Pages:
    """What is about all providers: figures, board, alerts. Made when nothing is in hand, or an interval has passed."""

    def __init__(
        self,
        desk: "Desk",
        repeating: "Repeating",
        watch: "Watch",
        board: str | None,
        shortest_s: float,
        rates: bool,
        alerts: "Alerts | None",
    ) -> None:
        self._desk = desk
        self._repeating = repeating
        self._watch = watch
        self._board = board
        self._alerts = alerts
        self._shortest_s = shortest_s
        self._rates = Rebuild(desk) if rates else None
        self._written = time.monotonic()
        self._results: list[Result] = []

    def ended(self, results: "list[Result]") -> None:
        """Take note of a run's end."""
        self._results += results
        if self._alerts is not None:
            # A network that closes does so at all venues: wait for those that are being asked.
            self._alerts.cycle(wait=any(job == "wallet" for _, job in self._repeating.due()))
        now = time.monotonic()
        if not self._repeating.schedule.idle and now - self._written < self._shortest_s:
            return
        self._written = now
        self._watch.end(self._results)
        if self._rates is not None:
            self._rates.after(self._results)
        self._results = []
        if self._board is not None:
            refresh(self._desk, self._board)
