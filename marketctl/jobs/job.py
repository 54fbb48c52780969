"""One job of one provider: the adapter asks and reads, what it read is stored, and how it ended is noted.

The last good data stay as they are whenever a job fails.
"""

import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import BUGS, MarketctlError, NoCredentials, NotSupported, StorageFailed
from marketctl.files.state import record_state
from marketctl.jobs.adapter import open_adapter, require_key
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.providers.base import Provider
from marketctl.redact import redact
from marketctl.times import now_ms


def run_job(run: Run, entry: ProviderEntry, job: str) -> Result:
    """Do one job of one provider and note how it ended."""
    result = Result(entry.name, job)
    started = now_ms()
    adapter: Provider | None = None
    try:
        adapter = open_adapter(run, entry, recording=run.options.dump_raw)
        with adapter.client:
            if job in adapter.key_jobs:
                require_key(run, entry, adapter)
            _work(job)(run, entry, adapter, result)
    except MarketctlError as error:
        settle(run, entry, result, error)
    except BUGS as error:
        if _ends_the_process(error):
            raise
        settle_bug(result, error)
    if adapter is not None:
        client = adapter.client
        result.requests, result.retries, result.bytes = client.requests, client.retries, client.bytes
        if client.recorded:
            _keep_dump(run, entry, job, adapter, result)
    result.duration_ms = now_ms() - started
    _note_end(run, entry, job, result, started)
    return result


def _work(job: str) -> Callable[[Run, ProviderEntry, Provider, Result], None]:
    """Return what does a job; what others do with Redis, archive and sentinel is not loaded for it."""
    if job == "prices":
        from marketctl.jobs.prices import collect_prices

        return collect_prices
    if job == "stats":
        from marketctl.jobs.stats import collect_stats

        return collect_stats
    from marketctl.jobs.wallet import collect_wallet

    return collect_wallet


def look_ahead(run: Run, work: Iterable[tuple[ProviderEntry, str]]) -> None:
    """Load and read what these jobs need when they have their answers: they are waiting for them just now.

    What cannot be read is left to the jobs, which tell it.
    """
    if entries := [entry for entry, job in work if job == "prices"]:
        from marketctl.jobs.publishing import make_ready

        make_ready(run, entries)


def asked_with_lock(
    run: Run, entry: ProviderEntry, job: str
) -> tuple[Sequence[Sequence[str]], Callable[[list[Any]], None]]:
    """Return what Redis can tell a job in the same round trip as its lock, and who takes the replies.

    Nothing before what does that is loaded: to load it would hold up the question to the provider.
    """
    if job == "prices" and "marketctl.jobs.publishing" in sys.modules:
        from marketctl.jobs.publishing import ask_aside

        return ask_aside(run, entry)
    return (), lambda _replies: None


def settle(run: Run, entry: ProviderEntry, result: Result, error: MarketctlError) -> None:
    """Note how a job ended: skipped where the provider cannot do it or has no key and was not asked for by name."""
    result.fail(error)
    pardoned = not (run.options.strict or entry.name in run.options.named)
    if isinstance(error, NotSupported) or (isinstance(error, NoCredentials) and pardoned):
        result.status = "skipped"


def _ends_the_process(error: BaseException) -> bool:
    """Tell whether a pool of workers was told to stop: billiard's handler exits with the signal's number less 256."""
    return isinstance(error, SystemExit) and type(error.code) is int and -256 < error.code < -128


def settle_bug(result: Result, error: BaseException) -> None:
    """Note a bug of ours or of a third party's adapter: loud, but the other providers still get their turn."""
    result.status, result.reason = "failed", "internal"
    result.message = redact(f"{type(error).__name__}: {error}")
    result.hint = "report this with the traceback above"
    log.error(redact(traceback.format_exc().rstrip()), extra={"provider": result.provider, "job": result.job})


def _note_end(run: Run, entry: ProviderEntry, job: str, result: Result, started: int) -> None:
    if run.options.dry_run or result.reason == "busy":
        return
    ok = {"ok": True, "failed": False, "skipped": None}[result.status]
    try:
        place = run.desk.state_dir
        wrong = record_state(place, entry.name, job, at_ms=started, ok=ok, reason=result.reason, crossed=result.crossed)
    except StorageFailed as error:
        if result.status == "ok":
            result.fail(error)
    else:
        if wrong is not None:
            log.warning("%s", wrong.message, extra={"provider": entry.name, "job": job})
    if job == "prices" and ok is False and result.reason != "redis":
        from marketctl.redis.publish import mark_failed

        try:
            redis = run.redis()
            if redis is not None:
                mark_failed(redis, entry.name, f"{result.reason}: {result.message}", started, began_ms=started)
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
