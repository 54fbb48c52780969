"""The same jobs as Celery tasks: `celery -A marketctl.celery_app worker` on any machine, `... beat` on one of them.

One task, `marketctl.job(provider, job, due)`, whose turns beat sends at the registry's intervals; queues are named
after the jobs. The registry is found as everywhere (MARKETCTL_CONFIG) and read anew when it changes; the broker is
its `redis_url`. A task may be delivered twice without harm: locks and turns in Redis (redis/lock.py) let one of them
work, a publish refuses what is older than the live quotes, snapshots are replaced whole.
"""

import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from redis.exceptions import RedisError

from marketctl.config.paths import find_registry
from marketctl.config.registry import ProviderEntry
from marketctl.errors import EXIT_CONFIG, ConfigError, MarketctlError
from marketctl.files.memory import Memory
from marketctl.jobs.desk import CurrentDesk, Desk
from marketctl.jobs.document import run_document
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.jobs.runner import run_jobs
from marketctl.log import log
from marketctl.models import JOBS
from marketctl.monitoring.observers import Watch
from marketctl.monitoring.runlog import log_run
from marketctl.providers.loader import load_registry
from marketctl.redact import protect, redact
from marketctl.redis.lock import LEASE_S
from marketctl.text import sentence
from marketctl.times import now_ms
from marketctl.workers.alerts import ask_for_alerts, tell_alerts
from marketctl.workers.broker import broker_url
from marketctl.workers.clock import see_expired
from marketctl.workers.rates import ask_for_rates, build_rates

MARGIN_S = 60.0  # beyond deadline_s a job stores what it read; past that it hangs
LOOK_S = 1.0  # how often beat looks whether the registry changed


def _settings() -> dict[str, Any]:
    """Return Celery's settings. Raises ConfigError without a Redis server."""
    registry = load_registry(find_registry())
    settings = registry.settings
    protect(registry.secret_values())
    if settings.redis_url in ("embedded", "none"):
        raise ConfigError(
            f'{registry.path}: Celery needs a Redis server, redis_url is "{settings.redis_url}"',
            hint="set redis_url to a redis://, rediss:// or unix:// URL",
        )
    longest_s = max((entry.deadline_s for entry in registry.providers.values()), default=settings.deadline_s)
    broker, tls = broker_url(settings.redis_url)
    return {
        "broker_url": broker,
        "broker_use_ssl": tls,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "global_keyprefix": f"{settings.redis_prefix}:celery:",
            # What a worker that died had in hand is given to another after so long: never while it may still work.
            "visibility_timeout": longest_s + 2 * MARGIN_S,
        },
        "task_queues": {job: {"routing_key": job} for job in JOBS},
        "task_default_queue": JOBS[0],
        "task_default_exchange": "marketctl",
        "worker_prefetch_multiplier": 1,
        "beat_scheduler": "marketctl.workers.beat:Timetable",
        "beat_max_loop_interval": LOOK_S,
        "enable_utc": True,
        "timezone": "UTC",
    }


app: Any = Celery("marketctl")
app.add_defaults(_settings)


_of_thread = threading.local()


def _desk() -> Desk:
    """Return this thread's desk as the files are now. Raises ConfigError."""
    if not hasattr(_of_thread, "desk"):
        _of_thread.desk = CurrentDesk()
    desk: Desk = _of_thread.desk.now()
    return desk


def _job(task: Any, provider: str, job: str, due_ms: int | None = None) -> dict[str, Any]:
    """Do one job of one provider and return the document of `marketctl run --json`."""

    try:
        desk = _desk()
    except MarketctlError as error:
        log.error("%s", error.message, extra={"provider": provider, "job": job})
        raise
    Memory.keeping = True
    run = Run(desk, task_due_ms=due_ms)
    entry = run.registry.providers.get(provider)
    if entry is None or not entry.enabled:
        result = Result(provider, job, "skipped", message="not enabled in the registry any more")
    else:
        result = _watched(run, entry, job)
    if result.reason == "busy":
        again = bool(task.request.retries or (task.request.delivery_info or {}).get("redelivered"))
        wait_s = retry_after_s(again, due_ms, entry.interval_s(job), now_ms()) if entry is not None else None
        if wait_s is not None:
            raise task.retry(countdown=wait_s)
    _tell(result)
    if job == "prices" and result.reason != "busy":
        ask_for_rates(desk, rates_task)
    if result.reason != "busy":
        ask_for_alerts(desk, alerts_task)
    if result.status == "ok" or result.reason:  # else nothing was to be done: no line of the run log
        log_run(run, "run", [result])
    return run_document(run, "run", [result])


def retry_after_s(again: bool, due_ms: int | None, interval_s: float, at_ms: int) -> float | None:
    """Return when a task that found its job's lock taken tries once more; None where its turn is lost.

    One that was given back (`again`) had an owner that is dead, its lock not yet. For any other the owner may have died
    a moment ago: that shows a lease later, or at the end of its turn.
    """
    if again:
        return LEASE_S / 4
    left_s = 0.0 if due_ms is None else (due_ms - at_ms) / 1000 + interval_s
    return min(LEASE_S, left_s - 0.5) if left_s >= 1 else None


def _rates() -> dict[str, Any]:
    """Build the rates of a site; return how many directions are in and out."""
    return build_rates(_desk())


def _alerts() -> dict[str, Any]:
    """Tell what is new; return how many lines that was and which channels failed."""
    return tell_alerts(_desk())


def _watched(run: Run, entry: ProviderEntry, job: str) -> Result:
    """Do a job; the provider's own dead-man URL is told, that of whole runs is not: there are none here."""
    work = [(entry, job)]
    with Watch(run.desk, whole=False, metrics=None) as watch:
        watch.begin(run, work)
        (result,) = run_jobs(run, work, on_result=watch.done, on_start=watch.start)
    return result


def _tell(result: Result) -> None:
    extra = {"provider": result.provider, "job": result.job, "reason": result.reason}
    if result.status == "ok":
        log.info("ok in %d ms", result.duration_ms, extra=extra)
        return
    say = log.error if result.status == "failed" and result.reason != "busy" else log.info
    because = f" ({result.reason})" if result.reason else ""
    say("%s%s: %s", result.status, because, result.message, extra=extra)


# It tries again until its turn expires: `retry(max_retries=None)` would mean three times.
_how = {"bind": True, "acks_late": True, "reject_on_worker_lost": True, "max_retries": None}
job_task: Any = app.task(name="marketctl.job", **_how)(_job)
rates_task: Any = app.task(name="marketctl.rates")(_rates)
alerts_task: Any = app.task(name="marketctl.alerts")(_alerts)


class _Redacted(logging.Formatter):
    """Celery's own form of a line, with provider and job and without secrets."""

    def __init__(self, usual: logging.Formatter) -> None:
        super().__init__()
        self._usual = usual

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, RedisError):  # no bug: what the server says is all there is to say
            record = logging.makeLogRecord(
                vars(record)
                | {"exc_info": None, "exc_text": None, "msg": "%s: %s", "args": (record.getMessage(), error)}
            )
        line = redact(self._usual.format(record))
        where = [word for word in (getattr(record, "provider", None), getattr(record, "job", None)) if word]
        return f"{line} [{' '.join(where)}]" if where else line


def _keep_secrets(logger: logging.Logger, loglevel: int, **_: Any) -> None:
    for handler in logger.handlers:
        if handler.formatter is not None and not isinstance(handler.formatter, _Redacted):
            handler.setFormatter(_Redacted(handler.formatter))
    if logger is logging.getLogger():
        log.handlers[:] = logger.handlers
        log.setLevel(loglevel or logging.INFO)


def _keep_short(*_: Any, **__: Any) -> None:
    """Do without Celery's ten lines at each lost broker, of what its version 6 may do."""
    warnings.simplefilter("ignore", CPendingDeprecationWarning)


signals.celeryd_after_setup.connect(_keep_short)
signals.after_setup_logger.connect(_keep_secrets)
signals.after_setup_task_logger.connect(_keep_secrets)
signals.task_revoked.connect(see_expired)

if Path(sys.argv[0]).name == "celery":  # it would show a traceback for a line in providers.toml
    try:
        app.conf.broker_url  # noqa: B018
    except MarketctlError as error:
        sys.stderr.write(redact(f"{sentence(error.message, error.hint)}\n"))
        raise SystemExit(EXIT_CONFIG) from None
