"""How the commands that run jobs tell what happened: progress, a table, or one JSON document; then the exit code."""

import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from marketctl.cli.globals import Globals, globals_of
from marketctl.cli.output import Column, print_document, print_rows, sentence
from marketctl.cli.progress import Progress, summary
from marketctl.errors import EXIT_PARTIAL, EXIT_SIGINT, EXIT_SIGTERM, Stopped

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Options, Run
    from marketctl.monitoring.observers import Watch

COLUMNS = (
    Column("provider", "name"),
    Column("job", "name"),
    Column("status", "word"),
    Column("result"),
    Column("requests", "number", rank=2),
    Column("time", "age", rank=1),
)


@contextmanager
def open_run(given: Globals, options: "Options | None" = None) -> "Iterator[Run]":
    """Begin a run at a desk of its own. Raises ConfigError."""
    from marketctl.jobs.run import Run

    with open_desk(given) as desk:
        yield Run(desk, options)


def open_desk(given: Globals) -> "Desk":
    """Make a desk from the global options: logging, signals, registry, credentials. Raises ConfigError."""
    from marketctl.jobs.desk import Desk
    from marketctl.log import set_up

    set_up(given.verbose, given.quiet, given.log_format)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    _keep_signals()
    _raise_open_files()
    registry = given.registry()
    return Desk(registry, given.keys())


OPEN_FILES = 65_536  # a lock for each job, and connections: far more than any run needs


def _raise_open_files() -> None:
    """Take the open files we may have: what most systems give at first does not do for hundreds of providers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a system may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop(number: int, frame: FrameType | None) -> None:
    _end({signal.SIGINT: EXIT_SIGINT, signal.SIGTERM: EXIT_SIGTERM}[signal.Signals(number)], frame)


def _end(code: int, frame: FrameType | None) -> None:
    """Raise Stopped; a moment later where a class is just being made: Python (to 3.11) would make a bug of it."""
    while frame is not None:
        if frame.f_code.co_name == "__set_name__":
            _end_later(code)
            return
        frame = frame.f_back
    raise Stopped(code)


def _end_later(code: int) -> None:
    signal.signal(signal.SIGALRM, lambda _number, frame: _end(code, frame))
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def _keep_signals() -> None:
    """Let no finalizer swallow the signal that asked us to end: ask again when it is over."""
    usual = sys.unraisablehook
    if getattr(usual, "__module__", None) == __name__:
        return

    def hook(what: "sys.UnraisableHookArgs") -> None:
        if not isinstance(what.exc_value, Stopped):
            usual(what)
            return
        _end_later(what.exc_value.exit_code)

    sys.unraisablehook = hook


def work_and_report(
    command: str, providers: Sequence[str], jobs: Sequence[str], options: "Options", as_json: bool
) -> int:
    """Do these jobs of the named providers, or of all; tell each failure as it happens, the rest at the end.

    Returns the exit code. Raises ConfigError.
    """
    from marketctl.jobs.run import choose

    given = globals_of()
    with open_run(given, options._replace(named=frozenset(name.upper() for name in providers))) as run:
        work = [(entry, job) for entry in choose(run.registry, providers) for job in jobs]
        results, code = do_work(given, run, work, command)
        print_results(given, run, command, results, as_json)
        return code


def do_work(
    given: Globals,
    run: "Run",
    work: Sequence[tuple["ProviderEntry", str]],
    command: str,
    watch: "Watch | None" = None,
) -> tuple[list["Result"], int]:
    """Do the jobs, tell each failure on stderr as it happens, note all in run log and figures; return the exit code."""
    from marketctl.jobs.runner import exit_code, run_jobs

    if not run.options.dry_run:
        run.desk.require_server()
    progress = Progress(given, len(work))
    if watch is not None:
        watch.begin(run, work)

    def began(provider: str, job: str) -> None:
        progress.start(provider, job)
        if watch is not None:
            watch.start(provider, job)

    def done(result: "Result") -> None:
        progress.done(result)
        if watch is not None:
            watch.done(result)

    results = run_jobs(run, work, on_result=done, on_start=began)
    progress.end()
    code = exit_code(results)
    logged = note_in_run_log(run, command, results)
    if (watch is not None and not watch.end(results)) or not logged:
        code = code or EXIT_PARTIAL
    return results, code


def note_in_run_log(run: "Run", command: str, results: Sequence["Result"]) -> bool:
    """Append to the run log, where there is one; tell whether that worked."""
    if run.settings.run_log is None:
        return True
    from marketctl.monitoring.runlog import log_run

    return log_run(run, command, results)


def print_results(given: Globals, run: "Run", command: str, results: Sequence["Result"], as_json: bool) -> None:
    """Print the results, last of all: whoever reads them may be gone, and the work is done all the same."""
    from marketctl.jobs.document import run_document

    if as_json:
        print_document(given, run_document(run, command, results))
    elif not given.quiet:
        print_rows(given, COLUMNS, [row(result) for result in results])
        if sys.stdout is not None and sys.stdout.isatty() and given.form is None:
            say_what_next(run, results)


def say_what_next(run: "Run", results: Sequence["Result"]) -> None:
    """Say below the table of a terminal where the data went, and which jobs wait for keys."""
    from marketctl.log import log

    if run.options.dry_run:
        return
    words = f"data are in {run.settings.data_dir}"
    keyless = [result for result in results if result.status == "skipped" and result.reason == "no-credentials"]
    if keyless:
        names = list(dict.fromkeys(result.provider for result in keyless))
        words += f"; {len(keyless)} jobs of {', '.join(names)} were skipped for want of keys"
    log.warning("%s", sentence(words, f"marketctl credentials set {keyless[0].provider}" if keyless else None))


def row(result: "Result") -> tuple[Any, ...]:
    """Return a result as a row of the table."""
    told = summary(result) if result.status == "ok" else result.reason or result.message
    if result.reason == "not-supported" and result.message:
        told = f"{result.reason}: {result.message}"
    return (result.provider, result.job, result.status, told, result.requests, result.duration_ms)
