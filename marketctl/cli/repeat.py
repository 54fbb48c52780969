"""The repeating mode of `marketctl run`: each job at its interval until a signal ends it."""

import gc
import time
from typing import TYPE_CHECKING

from marketctl.cli.options import Globals
from marketctl.cli.report import refresh
from marketctl.cli.working import work_and_report

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.run import Run
    from marketctl.monitoring.observers import Watch

COLLECT_TURNS = 10


def repeat(
    given: Globals,
    run: "Run",
    chosen: list["ProviderEntry"],
    jobs: list[str],
    as_json: bool,
    board: str | None = None,
    watch: "Watch | None" = None,
) -> int:
    """Do every job at once, then each again when its interval is over. Ends by an exception: `Stopped`.

    `board` is where the market board is written after each turn. Turns are counted from the first, so that they do not
    drift; a job that was late for its next one does not catch up.
    """
    due = dict.fromkeys([(entry.name, job) for entry in chosen for job in jobs], time.monotonic())
    entries = {entry.name: entry for entry in chosen}
    gc.freeze()  # what was imported stays: no use in looking through it for garbage, again and again
    turns = 0
    while True:
        now = time.monotonic()
        turn = [key for key, at in due.items() if at <= now]
        if turn:
            run.renew()
            work_and_report(given, run, [(entries[name], job) for name, job in turn], "run", as_json, watch)
            if board is not None:
                refresh(run, board)
            over = time.monotonic()
            for name, job in turn:
                due[name, job] = max(due[name, job] + entries[name].interval_s(job), over)
            turns += 1
            if turns % COLLECT_TURNS == 0:
                gc.collect()  # between two turns nobody waits for it, and memory does not grow
        time.sleep(max(0.0, min(due.values()) - time.monotonic()))
