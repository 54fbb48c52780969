"""A run: its id, its options, what all its jobs share."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl import __version__
from marketctl.config.credentials import Credentials
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import (
    MarketctlError,
)
from marketctl.files.snapshots import SCHEMA
from marketctl.jobs.result import Result
from marketctl.redact import redact
from marketctl.times import now_ms, run_id, to_iso

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection


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

    def __init__(self, registry: Registry, keys: Credentials, options: Options | None = None) -> None:
        self.registry = registry
        self.settings = registry.settings
        self.keys = keys
        self.options = options or Options()
        self._store: RedisConnection | None = None
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
        self.run_id = run_id(self.started_ms)

    def store(self) -> "RedisConnection | None":
        """Return the Redis connection, opened on first need; None for `redis_url = "none"`. Raises RedisFailed."""
        with self._opening:
            if self._store is None and self.settings.redis_url != "none":
                from marketctl.redis.connection import connect

                settings = self.settings
                self._store = connect(
                    settings.redis_url, settings.data_dir, settings.redis_prefix, stay=settings.embedded_stay
                )
            return self._store

    def require_server(self) -> None:
        """Raise ConfigError, before anybody is asked, when the embedded server can't be had."""
        if self._store is None and not self.options.dry_run and self.settings.redis_url == "embedded":
            from marketctl.redis.connection import require_server

            require_server(self.settings.redis_url, self.settings.data_dir)

    def keep(self, provider: str, job: str, batch: Any) -> None:
        """Keep what was read for the provider's statistics, if they are to be made in this run."""
        if (provider, "stats") in self.to_do:
            self.read[provider, job] = batch

    def shared(self) -> "RedisConnection | None":
        """Return the connection to a Redis server that other machines may use as well; None without one."""
        if self.settings.redis_url in ("embedded", "none") or self.options.dry_run:
            return None
        try:
            return self.store()
        except MarketctlError:  # a URL that is none: told by what needs Redis
            return None

    def close(self) -> None:
        """Leave Redis; the last one out stops the embedded one, unless it is to stay."""
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


def copy_to_redis(run: Run, result: Result, copy: Callable[["RedisConnection"], None]) -> None:
    """Put the copy of a snapshot into Redis; the file is what counts, so a failure is told and no more."""
    try:
        store = run.store()
        if store is not None:
            copy(store)
            result.stored.append("redis")
    except MarketctlError as error:
        result.message = redact(f"written to the file, but not copied to Redis: {error.message}")
        result.hint = error.hint
