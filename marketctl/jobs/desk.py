"""What lasts while we work: the registry, the keys and the connection to Redis; and the same as the disk has it now."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.config.credentials import Credentials, load_credentials
from marketctl.config.paths import find_credentials, find_registry
from marketctl.config.registry import Registry
from marketctl.errors import ConfigError, MarketctlError
from marketctl.files.atomic import place_in
from marketctl.files.look import stamp_of
from marketctl.log import log
from marketctl.providers.loader import load_registry
from marketctl.redact import protect

if TYPE_CHECKING:
    from marketctl.http.transport import Lines
    from marketctl.redis.connection import RedisConnection


class Desk:
    """The registry, the keys and one Redis connection, which all runs at this desk share."""

    def __init__(self, registry: Registry, keys: Credentials) -> None:
        self.registry = registry
        self.settings = registry.settings
        self.state_dir = registry.settings.data_dir / "state"  # where states and locks live
        self.keys = keys
        self._redis: RedisConnection | None = None
        self._lines: Lines | None = None
        self._opening = threading.Lock()

    def redis(self) -> "RedisConnection | None":
        """Return the Redis connection, opened on first need; None for `redis_url = "none"`. Raises RedisFailed."""
        with self._opening:
            if self._redis is None and self.settings.redis_url != "none":
                from marketctl.redis.connection import connect

                settings = self.settings
                self._redis = connect(
                    settings.redis_url, settings.data_dir, settings.redis_prefix, stay=settings.embedded_stay
                )
            return self._redis

    def require_server(self) -> None:
        """Raise ConfigError, before anybody is asked, when the embedded server can't be had."""
        if self._redis is None and self.settings.redis_url == "embedded":
            from marketctl.redis.connection import require_server

            require_server(self.settings.redis_url, self.settings.data_dir)

    def import_all(self) -> None:
        """Import what asks and what speaks to Redis: before threads begin, for meanwhile others may miss modules."""
        from marketctl.lean_imports import import_redis, import_requests, import_zlib

        import_requests()
        import_zlib()
        if self.settings.redis_url != "none":
            import_redis(self.settings.redis_url)

    def lines(self) -> "Lines":
        """Return the connections to providers that are kept from job to job."""
        with self._opening:
            if self._lines is None:
                from marketctl.http.transport import Lines

                self._lines = Lines()
            return self._lines

    def shared_redis(self) -> "RedisConnection | None":
        """Return the connection to a Redis server that other machines may use as well; None without one."""
        if self.settings.redis_url in ("embedded", "none"):
            return None
        try:
            return self.redis()
        except MarketctlError:  # a URL that is none: told by what needs Redis
            return None

    def path(self, job: str, provider: str, suffix: str = ".json") -> Path:
        """Return a file of a provider's job under data/."""
        return place_in(self.settings.data_dir, f"{job}/{provider}{suffix}")

    def close(self) -> None:
        """Close the connections and leave Redis; the last one out stops the embedded one, unless it is to stay."""
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.close()
        redis, self._redis = self._redis, None
        if redis is not None:
            redis.close()

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class CurrentDesk:
    """The desk as registry and keys are on the disk now. A registry that cannot be read leaves the last good one."""

    def __init__(self) -> None:
        self._stamp: Any = None
        self._desk: Desk | None = None
        self._complaint = ""

    def now(self) -> Desk:
        """Return the desk; another one than before when a file changed. Raises ConfigError without a first good one."""
        try:
            desk = self._fresh()
            self._complaint = ""
        except ConfigError as error:
            if self._desk is None:
                raise
            desk = self._desk
            if error.message != self._complaint:
                log.error("still working with the registry as it was: %s", error.message)
            self._complaint = error.message
        return desk

    def _fresh(self) -> Desk:
        path = find_registry()
        keys_path = find_credentials(None, path)
        stamp = [_stamp(path), _stamp(keys_path)]
        if self._desk is None or stamp != self._stamp:
            registry, keys = load_registry(path), load_credentials(keys_path)
            protect([*registry.secret_values(), *keys.all_values()])
            if self._desk is not None:
                self._desk.close()
            self._desk, self._stamp = Desk(registry, keys), stamp
        return self._desk


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        return stamp_of(path)
    except OSError:
        return None
