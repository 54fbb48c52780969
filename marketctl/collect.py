"""Run jobs over providers, one after another or N side by side; one failing never hides or harms the others.

A job: adapter asks and reads, then what it read goes to Redis and files, then its end is noted. The
last good data stay as they are whenever a job fails.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from marketctl import __version__
from marketctl.batch import AssetBatch, QuoteBatch
from marketctl.credentials import CredentialStore
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
from marketctl.log import log
from marketctl.models import JOBS, Stats
from marketctl.providers.base import Provider
from marketctl.redact import redact
from marketctl.registry import ProviderEntry, Registry, load_adapter
from marketctl.store import (
    SCHEMA,
    JobLocks,
    Memory,
    SharedMemory,
    append_journal,
    encode_json,
    read_records,
    read_snapshot,
    record_state,
    write_document,
    write_snapshot,
)
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.redis_store import RedisStore

T = TypeVar("T")


@dataclass
class Result:
    """How one job of one provider ended; `counts` are the job's own (design 9)."""

    provider: str
    job: str
    status: str = "ok"
    reason: str | None = None
    message: str | None = None
    hint: str | None = None
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    duration_ms: int = 0
    collected_at: str | None = None
    cached: bool = False
    stored: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    # What was read, for a dump; None where reading failed.
    batch: dict[str, Any] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        names = [name for name in self.__dataclass_fields__ if name not in ("counts", "batch")]
        return {name: getattr(self, name) for name in names} | self.counts

    def fail(self, error: MarketctlError) -> None:
        """Note a failure."""
        self.status = "failed"
        self.reason, self.message, self.hint = error.reason, redact(error.message), error.hint and redact(error.hint)


@dataclass
class Options:
    """What a run was told; `named` are the providers asked for by name."""

    named: frozenset[str] = frozenset()
    strict: bool = False
    mirror: bool | None = None
    dry_run: bool = False
    dump_raw: bool = False
    force: bool = False
    jobs: int = 1
    lock_wait_s: float = 0.0
    # When the job was due, for a task that may have come twice or late: it is not done where another did it since.
    due_ms: int | None = None


class Run:
    """One execution: its id, its settings, and the Redis connection all its jobs share."""

    def __init__(self, registry: Registry, keys: CredentialStore, options: Options | None = None) -> None:
        self.registry = registry
        self.settings = registry.settings
        self.keys = keys
        self.options = options or Options()
        self._store: RedisStore | None = None
        self._opening = threading.Lock()
        # Called with provider and job when one really begins: not for what another run is doing.
        self.on_job: Callable[[str, str], None] = lambda _provider, _job: None
        # (provider, job) -> the batch read in this run, for the statistics; kept where these are still to come.
        self.read: dict[tuple[str, str], Any] = {}
        self.to_do: frozenset[tuple[str, str]] = frozenset()
        self.renew()

    def renew(self) -> None:
        """Begin another execution with the same connection: a new id, a new start."""
        self.read.clear()
        self.started_ms = now_ms()
        self.started = time.monotonic()
        stamp = (to_iso(self.started_ms) or "").replace("-", "").replace(":", "").replace(".", "")
        self.run_id = f"{stamp}-{os.urandom(3).hex()}"

    def store(self) -> "RedisStore | None":
        """Return the Redis connection, opened on first need; None for `redis_url = "none"`. Raises RedisFailed."""
        with self._opening:
            if self._store is None and self.settings.redis_url != "none":
                from marketctl.redis_store import connect

                self._store = connect(self.settings.redis_url, self.settings.data_dir, self.settings.redis_prefix)
            return self._store

    def keep(self, provider: str, job: str, batch: Any) -> None:
        """Keep what was read for the provider's statistics, if they are to be made in this run."""
        if (provider, "stats") in self.to_do:
            self.read[provider, job] = batch

    def shared(self) -> "RedisStore | None":
        """Return the connection to a Redis server that other machines may use as well; None without one."""
        if self.settings.redis_url in ("embedded", "none") or self.options.dry_run:
            return None
        try:
            return self.store()
        except MarketctlError:  # a URL that is none: told by what needs Redis
            return None

    def close(self) -> None:
        """Leave Redis; the last one out stops the embedded one."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, job: str, provider: str, suffix: str = ".json") -> Path:
        """Return a file of a provider's job under data/."""
        return self.settings.data_dir / job / f"{provider}{suffix}"

    @property
    def state_dir(self) -> Path:
        """Where states and locks live."""
        return self.settings.data_dir / "state"

    def head(self, entry: ProviderEntry, job: str, collected_ms: int) -> dict[str, Any]:
        """Return the head every snapshot has."""
        return {
            "schema": SCHEMA,
            "provider": entry.name,
            "job": job,
            "run_id": self.run_id,
            "collected_at": to_iso(collected_ms),
            "version": __version__,
        }


def choose(registry: Registry, names: Iterable[str]) -> list[ProviderEntry]:
    """Return the named providers, or all enabled ones. Raises ConfigError for an unknown or disabled name."""
    from marketctl.errors import ConfigError

    chosen = [registry.provider(name) for name in dict.fromkeys(names)]
    for entry in chosen:
        if not entry.enabled:
            raise ConfigError(
                f"{entry.name} is disabled in {registry.path}", hint=f"marketctl providers enable {entry.name}"
            )
    if not chosen and not registry.enabled():
        raise ConfigError(f"{registry.path}: no provider is enabled", hint="marketctl providers enable NAME")
    return chosen or registry.enabled()


def open_adapter(
    run: Run,
    entry: ProviderEntry,
    *,
    recording: bool = False,
    read_only: bool = False,
    memory: Memory | None = None,
) -> Provider:
    """Make an adapter with a client of its own. Raises ConfigError for a path that cannot be imported."""
    from marketctl.http import Client
    from marketctl.pace import Pace, SharedPace, machine_dir

    cls = load_adapter(entry)
    base_url = entry.base_url or cls.base_url
    pace = Pace(machine_dir() / f"{entry.name}-{_file_word(base_url)}.pace", *cls.rate)
    store = run.shared()
    if store is not None and not read_only:
        pace = SharedPace(store, entry.name, pace)
    cache = (run.settings.data_dir / "cache", entry.name, base_url, read_only)
    if memory is None:
        memory = SharedMemory(store, *cache) if store is not None and cls.shared_memory else Memory(*cache)
    client = Client(
        base_url,
        timeout_s=entry.timeout_s,
        deadline_s=entry.deadline_s,
        attempts=entry.attempts,
        endpoints=frozenset(cls.endpoints),
        proxy=entry.proxy,
        pace=pace,
        recording=recording,
        provider=entry.name,
    )
    return cls(
        client,
        memory,
        credentials=run.keys.for_provider(entry.name, cls.credentials) if entry.needs_api else {},
        pairs=entry.pairs,
        pairs_max_age_s=entry.pairs_max_age_s,
        options=entry.options,
    )


def _file_word(text: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in text)


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
        from marketctl.turn import Turn

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


def no_credentials(entry: ProviderEntry, adapter: Provider) -> NoCredentials:
    if not entry.needs_api:
        return NoCredentials(
            f"{entry.name} needs a key for this, and needs_api is false", hint="set needs_api = true in providers.toml"
        )
    missing = ", ".join(name for name in adapter.credentials if not adapter.keys.get(name))
    return NoCredentials(
        f"no credentials for {entry.name}: {missing} missing", hint=f"marketctl credentials set {entry.name}"
    )


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
        from marketctl.publish import mark_failed

        try:
            store = run.store()
            if store is not None:
                mark_failed(store, entry.name, f"{result.reason}: {result.message}", started)
        except MarketctlError as error:
            log.warning(error.message, extra={"provider": entry.name, "job": job})


# The three jobs -------------------------------------------------------------------------------


def collect_wallet(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch coins and networks; write the snapshot, the journal of what changed and the copy in Redis."""
    batch = adapter.assets()
    batch.refuse_if_empty()
    run.keep(entry.name, "wallet", batch)
    collected = now_ms()
    path = run.path("wallet", entry.name)
    assets = {code: asset.to_dict() for code, asset in batch.assets.items()}
    if run.options.dump_raw:
        result.batch = wallet_batch(batch)
    from marketctl.wallet import compare, compare_lines

    lines = {code: encode_json(asset) for code, asset in assets.items()}
    try:
        changes = compare_lines(read_records(path, "assets"), lines, assets)
    except ValueError:  # not as we write it: somebody edited it, or it is broken
        changes = compare((read_snapshot(path) or {}).get("assets"), assets)
    result.collected_at = to_iso(collected)
    result.counts = {
        "assets": len(assets),
        "networks": sum(len(asset["networks"]) for asset in assets.values()),
        "created": changes.created,
        "updated": changes.updated,
        "unchanged": changes.unchanged,
        "removed": changes.removed,
        "skipped": batch.skipped.total(),
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
    head = run.head(entry, "wallet", collected)
    # The journal first: a crash in between tells a change twice, the other way round never.
    at = to_iso(collected)
    append_journal(
        run.path("wallet", entry.name, ".changes.jsonl"),
        [{"at": at, "run_id": run.run_id, "provider": entry.name, **line} for line in changes.lines],
    )
    write_snapshot(path, head, "assets", lines)
    result.stored.append("file")

    def copy(store: "RedisStore") -> None:
        from marketctl.publish import publish_wallet

        publish_wallet(store, entry.name, lines, head)

    _copy_to_redis(run, result, copy)


def collect_prices(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch quotes, publish them to Redis and, after that succeeded, mirror them to a file."""
    started = now_ms()
    batch = adapter.prices()
    batch.refuse_if_empty()
    if not entry.pairs:
        run.keep(entry.name, "prices", batch)
    collected = batch.collected_ms or started
    result.collected_at = to_iso(collected)
    result.cached = batch.cached
    result.counts = {
        "quotes": len(batch.quotes),
        "published": 0,
        "skipped": len(batch.skips),
        "changed": None,
        "added": None,
        "removed": None,
        "skipped_by": dict(sorted(batch.skipped.items())),
        "complete": batch.complete,
    }
    if run.options.dump_raw:
        result.batch = prices_batch(batch)
    for skip in batch.skips:
        log.debug("%s left out: %s", skip.symbol, skip.reason, extra={"provider": entry.name, "job": "prices"})
    if batch.cached:
        result.message = f"the last answer is still good and was used again, its data are of {result.collected_at}"
    if run.options.dry_run:
        result.message = "dry run: nothing was published or written"
        return
    publish_batch(run, entry, batch, result, collected)


def publish_batch(run: Run, entry: ProviderEntry, batch: QuoteBatch, result: Result, collected: int) -> None:
    """Send quotes to Redis, then to the mirror. Raises RedisFailed or Suspect and leaves the mirror as it was."""
    from marketctl.publish import publish_l1, write_merged_mirror, write_mirror

    mirror = run.settings.mirror_prices if run.options.mirror is None else run.options.mirror
    head = run.head(entry, "prices", collected) | {"complete": batch.complete}
    store = run.store()
    if store is None:
        if not mirror:
            result.message = 'redis_url is "none" and the mirror is off: nothing was stored'
            return
        write_mirror(run.path("prices", entry.name), head, batch.quotes)
        result.stored.append("file")
        result.message = 'redis_url is "none": written to the mirror only'
        return
    published = publish_l1(
        store,
        entry.name,
        batch.quotes,
        run_id=run.run_id,
        collected_ms=collected,
        interval_s=entry.prices_interval_s,
        skipped=len(batch.skips),
        complete=batch.complete,
        force=run.options.force,
        history=run.settings.history,
    )
    result.stored.append("redis")
    result.counts |= {
        "published": published.count,
        "added": published.added,
        "removed": published.removed,
        "changed": published.changed,
    }
    if published.history_error:
        result.message = f"published, but without history: {published.history_error}"
    if mirror:
        path = run.path("prices", entry.name)
        try:
            if batch.complete:
                write_mirror(path, head, batch.quotes)
            else:
                write_merged_mirror(path, head, store, entry.name)
        except StorageFailed as error:
            raise StorageFailed(f"published to Redis, but not mirrored: {error.message}", hint=error.hint) from error
        result.stored.append("file")


def collect_stats(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch statistics; write the snapshot and the copy in Redis."""
    if not run.options.dump_raw:  # a dump is to hold the job's own answers
        adapter.known = {job: run.read.pop((entry.name, job)) for job in JOBS if (entry.name, job) in run.read}
    stats = adapter.stats()
    collected = now_ms()
    result.collected_at = to_iso(collected)
    result.batch = {"stats": stats_to_dict(stats)}
    document = run.head(entry, "stats", collected) | result.batch
    result.counts = {
        "pairs": stats.pairs.get("total"),
        "assets": stats.assets.get("total"),
        "networks": stats.networks.get("total"),
        **_forecast_quota(run, entry, document, collected),
    }
    _note_totals(run, entry, document)
    write_document(run.path("stats", entry.name), document)
    result.stored.append("file")

    def copy(store: "RedisStore") -> None:
        from marketctl.publish import publish_stats

        publish_stats(store, entry.name, document)

    _copy_to_redis(run, result, copy)


def _forecast_quota(run: Run, entry: ProviderEntry, document: dict[str, Any], collected: int) -> dict[str, Any]:
    """Return what the plan has left and when it runs dry; put the marks the next forecast needs into the document."""
    from marketctl.quota import forecast, next_marks

    quota = document["stats"]["quota"]
    try:
        before = read_snapshot(run.path("stats", entry.name)) or {}
    except StorageFailed:  # the new snapshot takes its place
        before = {}
    marks = before.get("quota_marks")
    marks = marks if isinstance(marks, list) else []
    document["quota_marks"] = next_marks(marks, quota, collected)
    return {"quota": quota, "quota_runs_dry_at": to_iso(forecast(quota, marks, collected).dry_ms)}


def _note_totals(run: Run, entry: ProviderEntry, document: Mapping[str, Any]) -> None:
    """Add a line to the history of counts when a total changed. A lost one costs a point of a chart and no more."""
    counts = {name: document["stats"][name] for name in ("assets", "networks", "pairs")}
    path = run.path("stats", entry.name, ".history.jsonl")
    try:
        before = (read_snapshot(run.path("stats", entry.name)) or {}).get("stats")
    except StorageFailed:  # the snapshot itself is written next, and tells it
        before = None
    try:
        known = before if isinstance(before, dict) and path.exists() else {}
        if all((known.get(name) or {}).get("total") == counts[name].get("total") for name in counts):
            return
        line = {"at": document["collected_at"], "run_id": run.run_id, "provider": entry.name, **counts}
        append_journal(path, [line])
    except StorageFailed as error:
        log.warning("%s", error.message, extra={"provider": entry.name, "job": "stats"})


def wallet_batch(batch: AssetBatch) -> dict[str, Any]:
    """Return what was read of a wallet: assets and what was left out."""
    return {
        "assets": {code: asset.to_dict() for code, asset in sorted(batch.assets.items())},
        "skipped_by": dict(sorted(batch.skipped.items())),
    }


def prices_batch(batch: QuoteBatch) -> dict[str, Any]:
    """Return what was read of prices: quotes and what was left out."""
    quotes = {}
    for pair, quote in sorted(batch.quotes.items()):
        quotes[pair] = quote._asdict() | {"at": to_iso(quote.at_ms)}
        del quotes[pair]["at_ms"]
    return {"quotes": quotes, "skipped_by": dict(sorted(batch.skipped.items()))}


def normalise(adapter: Provider, job: str) -> dict[str, Any]:
    """Ask and read one job and return what was read, without storing it. Raises MarketctlError."""
    if job == "wallet":
        assets = adapter.assets()
        assets.refuse_if_empty()
        return wallet_batch(assets)
    if job == "prices":
        quotes = adapter.prices()
        quotes.refuse_if_empty()
        return prices_batch(quotes)
    return {"stats": stats_to_dict(adapter.stats())}


def stats_to_dict(stats: Stats) -> dict[str, Any]:
    """Return the shape of design 4."""
    return {
        "assets": dict(stats.assets),
        "clock_skew_ms": stats.clock.skew_ms,
        "latency_ms": stats.clock.latency_ms,
        "networks": dict(stats.networks),
        "pairs": dict(stats.pairs),
        "platform": {"message": stats.platform.message, "status": stats.platform.status},
        "quota": stats.quota.to_dict() if stats.quota else None,
        "server_time": to_iso(stats.clock.server_ms),
        "turnover_24h": dict(stats.turnover_24h),
    }


def _copy_to_redis(run: Run, result: Result, copy: Callable[["RedisStore"], None]) -> None:
    """Put the copy of a snapshot into Redis; the file is what counts, so a failure is told and no more."""
    try:
        store = run.store()
        if store is not None:
            copy(store)
            result.stored.append("redis")
    except MarketctlError as error:
        result.message = redact(f"written to the file, but not copied to Redis: {error.message}")
        result.hint = error.hint


def _keep_dump(run: Run, entry: ProviderEntry, job: str, adapter: Provider, result: Result) -> None:
    """Write the dump of a job that ran with `--dump-raw`, unless it failed before there was anything to read."""
    from marketctl.dump import document, dump_path, write_dump

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


__all__ = ["JOBS", "Options", "Result", "Run", "choose", "exit_code", "run_jobs"]
