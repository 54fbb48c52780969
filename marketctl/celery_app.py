"""The same jobs as Celery tasks: `celery -A marketctl.celery_app worker` on any machine, `... beat` on one of them.

One task, `marketctl.job(provider, job, due)`, whose turns beat sends at the registry's intervals; queues are named
after the jobs. The registry is found as everywhere (MARKETCTL_CONFIG) and read anew when it changes; the broker is
its `redis_url`. A task may be delivered twice without harm: locks and turns in Redis (turn.py) let one of them work,
a publish refuses what is older than the live quotes, snapshots are replaced whole.
"""

import heapq
import logging
import ssl
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zlib import crc32

from celery import Celery, signals
from celery.beat import Scheduler
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport
from redis.exceptions import ConnectionError as BrokenConnection

from marketctl.cli.watch import Watch
from marketctl.collect import Options, Result, Run, run_jobs
from marketctl.config import find_credentials, find_registry
from marketctl.credentials import load_credentials
from marketctl.errors import EXIT_CONFIG, ConfigError, MarketctlError
from marketctl.log import log
from marketctl.models import JOBS
from marketctl.redact import protect, redact
from marketctl.registry import ProviderEntry, Registry, load_registry
from marketctl.times import now_ms
from marketctl.turn import LEASE_S

LOOK_S = 1.0  # how often beat looks whether the registry changed
MARGIN_S = 60.0  # beyond deadline_s a job stores what it read; past that it hangs
BACKLOG = 2  # turns of everything: with more of them waiting nobody works, and they would fill Redis


class Desk:
    """The registry and the keys as they are on the disk now. One that cannot be read leaves the last good one."""

    def __init__(self) -> None:
        self._stamp: Any = None
        self._run: Run | None = None
        self._complaint = ""

    def run(self) -> Run:
        """Return a run that is about to begin. Raises ConfigError when there never was a good registry."""
        try:
            run = self._fresh()
            self._complaint = ""
        except ConfigError as error:
            if self._run is None:
                raise
            run = self._run
            if error.message != self._complaint:
                log.error("still working with the registry as it was: %s", error.message)
            self._complaint = error.message
        run.renew()
        return run

    def _fresh(self) -> Run:
        path = find_registry()
        keys = find_credentials(None, path)
        stamp = [_stamp(path), _stamp(keys)]
        if self._run is None or stamp != self._stamp:
            registry, store = load_registry(path), load_credentials(keys)
            protect([*registry.secret_values(), *store.all_values()])
            if self._run is not None:
                self._run.close()
            self._run, self._stamp = Run(registry, store), stamp
        return self._run


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# The application --------------------------------------------------------------------------


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
        "beat_scheduler": "marketctl.celery_app:Timetable",
        "beat_max_loop_interval": LOOK_S,
        "enable_utc": True,
        "timezone": "UTC",
    }


def broker_url(redis_url: str) -> tuple[str, dict[str, Any] | None]:
    """Return a Redis URL as Celery writes it, with `Transport` in place of Celery's own, and its TLS options."""
    parts = urlsplit(redis_url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        database = f"?virtual_host={query['db']}" if "db" in query else ""
        return f"marketctl+socket://{parts.netloc}{parts.path}{database}", None
    tls = {name: value for name, value in query.items() if name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")}
    url = parts._replace(scheme="marketctl", query="").geturl()
    return url, {"ssl_cert_reqs": ssl.CERT_REQUIRED, **tls} if parts.scheme == "rediss" else None


class _Channel(redis_transport.Channel):
    # What is in hand when the connection breaks goes on being worked on: it is not to be given to others at once.
    do_restore = False

    def _connparams(self, asynchronous: bool = False) -> Any:
        # kombu 5.7 ends the worker with an AttributeError when a task comes to its end after its connection did.
        if self.connection is None or self.connection.client is None:
            raise BrokenConnection("the connection on which this task came is gone")
        return super()._connparams(asynchronous)  # type: ignore[no-untyped-call]


class Transport(redis_transport.Transport):
    """Celery's Redis transport, whose unacknowledged messages wait for `visibility_timeout`."""

    Channel = _Channel


TRANSPORT_ALIASES["marketctl"] = "marketctl.celery_app:Transport"

app: Any = Celery("marketctl")
app.add_defaults(_settings)


# The task ---------------------------------------------------------------------------------

_of_thread = threading.local()


def _job(task: Any, provider: str, job: str, due_ms: int | None = None) -> dict[str, Any]:
    """Do one job of one provider and return the document of `marketctl run --json`."""
    from marketctl.cli.working import log_run, report

    try:
        if not hasattr(_of_thread, "desk"):
            _of_thread.desk = Desk()
        run: Run = _of_thread.desk.run()
    except MarketctlError as error:
        log.error("%s", error.message, extra={"provider": provider, "job": job})
        raise
    entry = run.registry.providers.get(provider)
    if entry is None or not entry.enabled:
        result = Result(provider, job, "skipped", message="not enabled in the registry any more")
    else:
        run.options = Options(due_ms=due_ms)
        result = _watched(run, entry, job)
    again = task.request.retries or (task.request.delivery_info or {}).get("redelivered")
    if result.reason == "busy" and again:
        # Who had this task before us is dead, its lock not yet; or alive, and then this turn will be served.
        raise task.retry(countdown=LEASE_S / 4)
    _tell(result)
    if result.status == "ok" or result.reason:  # else nothing was to be done: no line of the run log
        log_run(run, "run", [result])
    return report(run, "run", [result])


def _watched(run: Run, entry: ProviderEntry, job: str) -> Result:
    """Do a job; the provider's own dead-man URL is told, that of whole runs is not: there are none here."""
    work = [(entry, job)]
    with Watch(run, whole=False, metrics=None) as watch:
        watch.begin(work)
        (result,) = run_jobs(run, work, on_result=watch.done)
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


# Beat -------------------------------------------------------------------------------------


class Timetable(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Sends every job's turns on a fixed grid of time, each provider at its own place in the interval.

    Nothing is stored: after a restart, or beside a second beat, turns that were served already are recognised by the
    workers (turn.py). Edits of the registry count from the next second on.
    """

    def setup_schedule(self) -> None:
        """Begin with the present turn of every job."""
        self._desk = Desk()
        self._registry: Registry | None = None
        self._sent: dict[tuple[str, str], int] = {}
        self._turns: list[tuple[int, str, str]] = []
        self._full: set[str] = set()
        self._looked = 0.0
        self._complaint = ""

    def tick(self, *_: Any, **__: Any) -> float:
        """Send the turns that are due; return the seconds until the next look."""
        registry = self._desk.run().registry
        if registry is not self._registry:
            self._plan(registry)
        trouble = (OperationalError, *self.connection.connection_errors, *self.connection.channel_errors)
        try:
            complaint = self._send_due(registry)
        except trouble as error:
            complaint = f"the broker does not take tasks, those missed are not made up for: {error}"
            self._hang_up()
        if complaint and complaint != self._complaint:
            log.error("%s", complaint)
        self._complaint = complaint
        wait = (self._turns[0][0] - now_ms()) / 1000 if self._turns and not complaint else LOOK_S
        return min(LOOK_S, max(0.0, wait))

    def _send_due(self, registry: Registry) -> str:
        now = now_ms()
        if time.monotonic() - self._looked > LOOK_S:
            was, self._full = self._full, {job for job in JOBS if self._waiting(job) > BACKLOG * len(self._turns)}
            self._looked = time.monotonic()
            if was and not self._full:
                self._plan(registry)  # the present turns, as far as they were not sent
        while self._turns and self._turns[0][0] <= now:
            due, provider, job = self._turns[0]
            interval = round(registry.providers[provider].interval_s(job) * 1000)
            due += (now - due) // interval * interval  # what was missed is not made up for
            if job not in self._full and self._sent.get((provider, job)) != due:
                self._send(provider, job, due, interval, registry)
            heapq.heapreplace(self._turns, (due + interval, provider, job))
        return "tasks are waiting and nobody works: no more are sent until some are done" if self._full else ""

    def _hang_up(self) -> None:
        """Leave a broken connection, which kombu would not mend: the next tick makes another."""
        self.__dict__.pop("producer", None)
        connection = self.__dict__.pop("connection", None)
        if connection is not None:
            with suppress(Exception):
                connection.release()

    def _ensure_connected(self) -> Any:
        return self.connection.ensure_connection(max_retries=1, interval_start=0.1)  # the next tick tries again

    def _plan(self, registry: Registry) -> None:
        now = now_ms()
        self._registry = registry
        self._turns = [
            (last_turn(entry.name, job, round(entry.interval_s(job) * 1000), now), entry.name, job)
            for entry in registry.enabled()
            for job in JOBS
        ]
        heapq.heapify(self._turns)

    def _waiting(self, queue: str) -> int:
        count: int = self.producer.channel.queue_declare(queue).message_count
        return count

    def _send(self, provider: str, job: str, due: int, interval: int, registry: Registry) -> None:
        job_task.apply_async(
            (provider, job, due),
            queue=job,
            producer=self.producer,
            expires=datetime.fromtimestamp((due + interval) / 1000, UTC),
            time_limit=registry.providers[provider].deadline_s + MARGIN_S,
        )
        self._sent[provider, job] = due

    @property
    def info(self) -> str:
        """Say in beat's banner where the turns come from."""
        return f"    . registry -> {find_registry()}"


def last_turn(provider: str, job: str, interval_ms: int, now: int) -> int:
    """Return the time of the present turn: the grid is the same for every beat, and spreads the providers evenly."""
    offset = crc32(f"{provider} {job}".encode()) * interval_ms >> 32
    return (now - offset) // interval_ms * interval_ms + offset


# Logs -------------------------------------------------------------------------------------


class _Redacted(logging.Formatter):
    """Celery's own form of a line, with provider and job and without secrets."""

    def __init__(self, usual: logging.Formatter) -> None:
        super().__init__()
        self._usual = usual

    def format(self, record: logging.LogRecord) -> str:
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


signals.after_setup_logger.connect(_keep_secrets)
signals.after_setup_task_logger.connect(_keep_secrets)

if Path(sys.argv[0]).name == "celery":  # it would show a traceback for a line in providers.toml
    try:
        app.conf.broker_url  # noqa: B018
    except MarketctlError as error:
        sys.stderr.write(redact(f"{error.message}{f'. Next: {error.hint}.' if error.hint else ''}\n"))
        raise SystemExit(EXIT_CONFIG) from None
