"""Run jobs by the schedule, one after another or N side by side; one that is slow or fails holds up no other.

A job is done under its lock, when its turn has come. What another run did since this turn was due is not done again.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from marketctl.config.registry import ProviderEntry
from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, Busy, RedisFailed, StorageFailed, exit_of
from marketctl.files.locks import JobLocks
from marketctl.files.memory import Memory
from marketctl.files.state import read_state
from marketctl.jobs.desk import Desk
from marketctl.jobs.job import asked_with_lock, look_ahead, run_job
from marketctl.jobs.result import Result
from marketctl.jobs.run import Options, Run
from marketctl.jobs.schedule import Planned, Schedule, Turn, clock_ms, turns
from marketctl.log import log
from marketctl.times import ms_or_none, now_ms

Work = Sequence[tuple[ProviderEntry, str]]


def run_jobs(
    run: Run,
    work: Iterable[tuple[ProviderEntry, str]],
    on_result: Callable[[Result], None] = lambda _result: None,
    on_start: Callable[[str, str], None] = lambda _provider, _job: None,
) -> list[Result]:
    """Do jobs once each and return their results in the order of the work; each is told as it ends.

    `on_start` is told when a job really begins: not for what another run is doing. A job whose lock another run holds
    fails as `busy`.
    """
    todo = list(work)
    entries = {entry.name: entry for entry, _ in todo}
    jobs = [(entry.name, job) for entry, job in todo]
    run.with_stats = frozenset(name for name, job in jobs if job == "stats")
    results: dict[tuple[str, str], Result] = {}
    if run.options.jobs > 1:
        run.desk.import_all()
    with _locks(run, jobs) as locks:

        def do(turn: Turn) -> Result:
            due_ago_ms = round((time.monotonic() - run.started) * 1000)
            return _at_its_turn(run, entries[turn.provider], turn.job, due_ago_ms, locks, on_start)

        for turn, result in turns(Schedule.once(jobs), do, run.options.jobs, lambda: look_ahead(run, todo)):
            results[turn.provider, turn.job] = result
            on_result(result)
    return [results[job] for job in jobs]


class Repeating:
    """Jobs done again and again, each at its interval on a grid that begins now, until a signal ends it.

    The jobs of a provider that are due at the same time are a run of their own, with an id of its own.
    """

    def __init__(self, desk: Desk, work: Work, options: Options) -> None:
        Memory.keeping = True
        now = clock_ms()
        self.schedule = Schedule(
            Planned(now, entry.name, job, round(entry.interval_s(job) * 1000)) for entry, job in work
        )
        self._desk = desk
        self._entries = {entry.name: entry for entry, _ in work}
        self._options = options
        self._locks = JobLocks(desk.state_dir)
        self._runs: dict[str, Run] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self._slow: set[tuple[str, str]] = set()

    def results(
        self,
        on_run: Callable[[Run, Work], None],
        on_start: Callable[[str, str], None],
    ) -> Iterator[tuple[Run, Result, bool]]:
        """Yield each result with its run and whether that was the run's last, as it ends.

        `on_run` is told of each run before its first job begins, with the jobs it is to do.
        """

        if self._options.jobs > 1:
            self._desk.import_all()

        def do(turn: Turn) -> tuple[Run, Result]:
            run = self._runs.get(turn.provider)
            if run is None:
                run = self._runs[turn.provider] = self._begin(turn, on_run)
            self._tell_missed(turn)
            due = max(turn.due, self._ended.get(turn[1:3], 0))  # what we did ourselves was not done by another
            entry = self._entries[turn.provider]
            result = _at_its_turn(run, entry, turn.job, clock_ms() - due, self._locks, on_start)
            self._ended[turn[1:3]] = clock_ms()
            if not turn.rest:
                del self._runs[turn.provider]
            return run, result

        for turn, (run, result) in turns(self.schedule, do, self._options.jobs):
            yield run, result, not turn.rest

    def due(self) -> list[tuple[str, str]]:
        """Return provider and job of all that is due now, in hand or not."""
        return self.schedule.due(clock_ms())

    def _begin(self, turn: Turn, on_run: Callable[[Run, Work], None]) -> Run:
        run = Run(self._desk, self._options)
        jobs = (turn.job, *turn.rest)
        run.with_stats = frozenset([turn.provider] if "stats" in jobs else [])
        on_run(run, [(self._entries[turn.provider], job) for job in jobs])
        return run

    def _tell_missed(self, turn: Turn) -> None:
        """Say once of a job that it cannot keep its interval."""
        if not turn.missed or (turn.provider, turn.job) in self._slow:
            return
        self._slow.add((turn.provider, turn.job))
        alone = self._options.jobs == 1 and self.schedule.providers() > 1
        what = "jobs take longer than its interval, one after another" if alone else "it takes longer than its interval"
        log.warning(
            "turns are left out: %s (%g s)%s",
            what,
            self._entries[turn.provider].interval_s(turn.job),
            ". Next: add --jobs N, so that N providers work side by side." if alone else "",
            extra={"provider": turn.provider, "job": turn.job},
        )


def _locks(run: Run, jobs: list[tuple[str, str]]) -> JobLocks:
    """Return the locks of a run: of several jobs those that are free at once, of a single one when its turn comes."""
    if run.options.dry_run or run.options.lock_wait_s or len(jobs) == 1:
        return JobLocks(run.desk.state_dir)
    return JobLocks.begin(run.desk.state_dir, jobs)


def _at_its_turn(
    run: Run, entry: ProviderEntry, job: str, due_ago_ms: int, locks: JobLocks, on_start: Callable[[str, str], None]
) -> Result:
    """Do a job under its lock, unless another run is at it or did it since it was due, so many milliseconds ago."""
    if run.options.dry_run:  # it stores nothing that a lock would guard
        on_start(entry.name, job)
        return run_job(run, entry, job)
    result = Result(entry.name, job)
    try:
        verdict = locks.take(entry.name, job, run.options.lock_wait_s)
        if verdict == "taken" and _done_since(run, entry.name, job, due_ago_ms):
            locks.give_back(entry.name, job)
            verdict = "served"
    except StorageFailed as error:
        result.fail(error)
        return result
    if verdict in ("busy", "served"):
        return _by_another(result, verdict, locks.path(entry.name, job))
    try:
        return _alone(run, entry, job, due_ago_ms, on_start)
    finally:
        locks.give_back(entry.name, job)


def _done_since(run: Run, provider: str, job: str, due_ago_ms: int) -> bool:
    """Tell whether another run on this machine began and ended the job since it was due; the future is no time."""
    if run.task_due_ms is not None:  # by another machine's clock: the lock in Redis knows
        return False
    now = now_ms()
    try:
        at_ms = ms_or_none(read_state(run.desk.state_dir, provider, job).get("last_attempt"))
    except StorageFailed:  # nobody knows, so it is done; its end tells what is wrong there
        return False
    return at_ms is not None and now - due_ago_ms < at_ms <= now


def _alone(run: Run, entry: ProviderEntry, job: str, due_ago_ms: int, on_start: Callable[[str, str], None]) -> Result:
    """Do a job whose lock on this machine is ours, unless another machine that shares our Redis is at it or did it."""
    redis = run.desk.shared_redis()
    if redis is None:
        on_start(entry.name, job)
        return run_job(run, entry, job)
    from marketctl.redis.lock import RedisLock

    lock = RedisLock(redis, entry.name, job)
    also, hear = asked_with_lock(run, entry, job)
    try:
        verdict = lock.take(run.task_due_ms, due_ago_ms, run.options.lock_wait_s, also)
    except RedisFailed as error:  # nobody to share with; what needs Redis says so itself
        log.debug("no lock in Redis: %s", error.message, extra={"provider": entry.name, "job": job})
        on_start(entry.name, job)
        return run_job(run, entry, job)
    if verdict != "taken":
        return _by_another(Result(entry.name, job), verdict, None)
    # What was refused the job asks for once more, and tells it.
    if lock.heard and not any(isinstance(one, Exception) for one in lock.heard):
        hear(lock.heard)
    on_start(entry.name, job)
    with lock:
        result = run_job(run, entry, job)
        lock.ended()
    return result


def _by_another(result: Result, verdict: str, lock: Path | None) -> Result:
    """Note that another run is doing the job, or did it since it was due."""
    if verdict == "served":
        result.status, result.message = "skipped", "done by another run since it was due"
    else:
        where = f", it holds {lock}" if lock else ""
        message = f"another run is doing {result.provider} {result.job}{where}"
        result.fail(Busy(message, hint="add --lock-wait S, or wait until it is done"))
    return result


def exit_code(results: list[Result]) -> int:
    """Choose the exit code of a run: partial when some failed, the failures' own code when all did for one reason."""
    failed = [result for result in results if result.status == "failed"]
    if not failed:
        return EXIT_PARTIAL if any(result.in_part for result in results) else EXIT_OK
    if any(result.status == "ok" for result in results):
        return EXIT_PARTIAL
    codes = {exit_of(result.reason) for result in failed}
    return codes.pop() if len(codes) == 1 else EXIT_FAILED
