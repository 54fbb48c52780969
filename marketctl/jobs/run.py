"""A run: its id, its start, its options, and what its jobs read for each other."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl import __version__
from marketctl.config.registry import ProviderEntry, Registry, Settings
from marketctl.errors import ConfigError, MarketctlError
from marketctl.files.snapshots import SCHEMA
from marketctl.jobs.desk import Desk
from marketctl.jobs.result import Result
from marketctl.times import now_ms, run_id, to_iso

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection


class Options(NamedTuple):
    """What a run was told; `named` are the providers asked for by name."""

    named: frozenset[str] = frozenset()
    strict: bool = False
    mirror: bool | None = None
    dry_run: bool = False
    dump_raw: bool = False
    force: bool = False
    jobs: int = 1
    lock_wait_s: float = 0.0


class Run:
    """One execution of some jobs at a desk. It lives for a turn: all jobs of `run --once`, or a provider's due ones.

    `task_due_ms` is when a task was due by the clock of whoever sent it; None for what people and cron start.
    """

    def __init__(self, desk: Desk, options: Options | None = None, task_due_ms: int | None = None) -> None:
        self.desk = desk
        self.options = options or Options()
        self.started_ms = now_ms()
        self.started = time.monotonic()
        self.run_id = run_id(self.started_ms)
        self.task_due_ms = task_due_ms
        # Providers whose statistics are to be made in this run: what is read of them is kept until then.
        self.with_stats: frozenset[str] = frozenset()
        self.read: dict[tuple[str, str], Any] = {}

    @property
    def registry(self) -> Registry:
        """The desk's registry."""
        return self.desk.registry

    @property
    def settings(self) -> Settings:
        """The registry's settings."""
        return self.desk.settings

    def redis(self) -> "RedisConnection | None":
        """Return the desk's Redis connection; None for `redis_url = "none"`. Raises RedisFailed."""
        return self.desk.redis()

    def path(self, job: str, provider: str, suffix: str = ".json") -> Path:
        """Return a file of a provider's job under data/."""
        return self.desk.path(job, provider, suffix)

    def keep(self, provider: str, job: str, batch: Any) -> None:
        """Keep what was read for the provider's statistics, if they are to be made in this run."""
        if provider in self.with_stats:
            self.read[provider, job] = batch

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
    """Return the named providers, each once, or all enabled ones. Raises ConfigError for an unknown or disabled one."""
    chosen = registry.chosen(names)
    for entry in chosen:
        if not entry.enabled:
            raise ConfigError(
                f"{entry.name} is disabled in {registry.path}", hint=f"marketctl providers enable {entry.name}"
            )
    return chosen


def copy_to_redis(run: Run, result: Result, copy: Callable[["RedisConnection"], None]) -> None:
    """Put the copy of a snapshot into Redis; the file is what counts, so a failure is told, and the exit code is 3."""
    try:
        redis = run.redis()
        if redis is not None:
            copy(redis)
            result.stored.append("redis")
    except MarketctlError as error:
        result.lack(f"written to the file, but not copied to Redis: {error.message}", error.hint)
