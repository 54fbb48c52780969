"""Run jobs over providers, one after another or N side by side; one failing never hides or harms the others.

A job: adapter asks and reads, then what it read goes to Redis and files, then its end is noted. The
last good data stay as they are whenever a job fails.
"""

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from marketctl.config.registry import ProviderEntry
from marketctl.errors import (
    EXIT_BUSY,
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_PARTIAL,
    Busy,
    MarketctlError,
    NoCredentials,
    NotSupported,
    RedisFailed,
    StorageFailed,
)
from marketctl.files.locks import JobLocks
from marketctl.files.state import record_state
from marketctl.jobs.adapter import no_credentials, open_adapter
from marketctl.jobs.prices import collect_prices
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.jobs.stats import collect_stats
from marketctl.jobs.wallet import collect_wallet
from marketctl.log import log
from marketctl.providers.base import Provider
from marketctl.redact import redact
from marketctl.times import now_ms

T = TypeVar("T")


def run_jobs(
    run: Run,
    work: Iterable[tuple[ProviderEntry, str]],
    on_result: Callable[[Result], None] = lambda _result: None,
    on_start: Callable[[str, str], None] = lambda _provider, _job: None,
) -> list[Result]:
    """Do jobs under their locks, in order; a job whose lock another run holds fails as `busy`."""
    todo = list(work)
    run.to_do = frozenset((entry.name, job) for entry, job in todo)
    locks = JobLocks.acquire(run.state_dir, [(entry.name, job) for entry, job in todo], run.options.lock_wait_s)

    def do(entry: ProviderEntry, job: str) -> Result:
        on_start(entry.name, job)
        if (entry.name, job) in locks.held:
            result = run_alone(run, entry, job)
        else:
            result = Result(entry.name, job)
            result.fail(_busy(entry, job))
        on_result(result)
        return result

    with locks:
        if run.options.jobs == 1:
            return [do(entry, job) for entry, job in todo]
        return side_by_side(todo, run.options.jobs, do)


def run_alone(run: Run, entry: ProviderEntry, job: str) -> Result:
    """Do a job unless another machine that shares our Redis is doing it; for this machine there are file locks."""
    result = Result(entry.name, job)
    try:
        store = run.shared()
        if store is None:
            return run_job(run, entry, job)
        from marketctl.redis.lock import Turn

        turn = Turn(store, entry.name, job)
        verdict = turn.take(run.options.due_ms, run.options.lock_wait_s)
    except RedisFailed as error:  # nobody to share with; what needs Redis says so itself
        log.debug("no lock in Redis: %s", error.message, extra={"provider": entry.name, "job": job})
        return run_job(run, entry, job)
    if verdict == "busy":
        result.fail(_busy(entry, job))
        return result
    if verdict == "served":
        result.status, result.message = "skipped", "done by another run since it was due"
        return result
    with turn:
        began = now_ms()
        result = run_job(run, entry, job)
        turn.ended(began)
    return result


def _busy(entry: ProviderEntry, job: str) -> Busy:
    return Busy(f"another run is doing {entry.name} {job}", hint="wait for it, or use --lock-wait")


def side_by_side(todo: list[tuple[ProviderEntry, str]], workers: int, do: Callable[[ProviderEntry, str], T]) -> list[T]:
    """Work on several providers at once, the jobs of one provider in order; results come in the order of the work."""
    import queue

    providers: dict[str, list[int]] = {}
    for index, (entry, _job) in enumerate(todo):
        providers.setdefault(entry.name, []).append(index)
    waiting: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
    for indexes in providers.values():
        waiting.put(indexes)
    results: dict[int, T] = {}
    broken: list[BaseException] = []

    def work() -> None:
        while not broken:
            try:
                indexes = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                for index in indexes:
                    if not broken:
                        results[index] = do(*todo[index])
            except BaseException as error:  # noqa: BLE001  (raised again below, in the main thread)
                broken.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(providers)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as stop:
        broken.append(stop)  # no new job is begun
        raise
    if broken:
        raise broken[0]
    return [results[index] for index in sorted(results)]


def run_job(run: Run, entry: ProviderEntry, job: str) -> Result:
    """Do one job of one provider and note how it ended."""
    run.on_job(entry.name, job)
    result = Result(entry.name, job)
    started = now_ms()
    adapter: Provider | None = None
    try:
        adapter = open_adapter(run, entry, recording=run.options.dump_raw)
        with adapter.client:
            if job in adapter.key_jobs and not adapter.has_key():
                raise no_credentials(entry, adapter)
            WORK[job](run, entry, adapter, result)
    except MarketctlError as error:
        settle(run, entry, result, error)
    except Exception as error:  # noqa: BLE001  (told with its traceback, see below)
        # A bug of ours or of a third party's adapter: loud, but the other providers still get their turn.
        result.status, result.reason = "failed", "internal"
        result.message = redact(f"{type(error).__name__}: {error}")
        result.hint = "please report this with the traceback above"
        log.error(redact(traceback.format_exc().rstrip()), extra={"provider": entry.name, "job": job})
    if adapter is not None:
        client = adapter.client
        result.requests, result.retries, result.bytes = client.requests, client.retries, client.bytes
        if client.recorded:
            _keep_dump(run, entry, job, adapter, result)
    result.duration_ms = now_ms() - started
    _note_end(run, entry, job, result, started)
    return result


def settle(run: Run, entry: ProviderEntry, result: Result, error: MarketctlError) -> None:
    """Note how a job ended: skipped where the provider cannot do it or has no key and was not asked for by name."""
    result.fail(error)
    pardoned = not (run.options.strict or entry.name in run.options.named)
    if isinstance(error, NotSupported) or (isinstance(error, NoCredentials) and pardoned):
        result.status = "skipped"


def _note_end(run: Run, entry: ProviderEntry, job: str, result: Result, started: int) -> None:
    if run.options.dry_run or result.reason == "busy":
        return
    ok = {"ok": True, "failed": False, "skipped": None}[result.status]
    try:
        record_state(run.state_dir, entry.name, job, at_ms=started, ok=ok, reason=result.reason)
    except StorageFailed as error:
        if result.status == "ok":
            result.fail(error)
    if job == "prices" and ok is False and result.reason not in ("redis", "internal"):
        from marketctl.redis.publish import mark_failed

        try:
            store = run.store()
            if store is not None:
                mark_failed(store, entry.name, f"{result.reason}: {result.message}", started)
        except MarketctlError as error:
            log.warning(error.message, extra={"provider": entry.name, "job": job})


def _keep_dump(run: Run, entry: ProviderEntry, job: str, adapter: Provider, result: Result) -> None:
    """Write the dump of a job that ran with `--dump-raw`, unless it failed before there was anything to read."""
    from marketctl.jobs.dump_file import document, dump_path, write_dump

    if result.batch is None and result.reason != "bad-answer":
        return
    error = None if result.status == "ok" else (result.reason or "", result.message or "")
    path = dump_path(run, entry.name, job)
    try:
        written = write_dump(path, document(run, entry, job, adapter, result.batch, error))
    except StorageFailed as failure:
        if result.status == "ok":
            result.fail(failure)
        return
    log.info("%s %s", "wrote" if written else "kept the older", path, extra={"provider": entry.name, "job": job})


WORK: Mapping[str, Callable[[Run, ProviderEntry, Provider, Result], None]] = {
    "wallet": collect_wallet,
    "prices": collect_prices,
    "stats": collect_stats,
}


def exit_code(results: list[Result]) -> int:
    """Choose the exit code of a run (design 9)."""
    failed = [result for result in results if result.status == "failed"]
    if not failed:
        return EXIT_OK
    if any(result.status == "ok" for result in results):
        return EXIT_PARTIAL
    reasons = {result.reason for result in failed}
    if reasons == {"busy"}:
        return EXIT_BUSY
    return EXIT_CONFIG if reasons <= {"config", "no-credentials"} else EXIT_FAILED
