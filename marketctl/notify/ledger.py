"""What was told and what is still to be told: one document, written whole before anything is sent."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from marketctl.errors import RedisFailed, StorageFailed
from marketctl.files.snapshots import SCHEMA, encode_json, to_bytes, write_document
from marketctl.notify.shape import is_sound

if TYPE_CHECKING:
    from marketctl.config.registry import Settings
    from marketctl.redis.connection import RedisConnection

NAME = "notify"  # data/state/notify.json; no provider is called so, their names are upper case
LEASE_S = 120  # from one save to the next: one message is sent in between


@dataclass
class Ledger:
    """`active`: key → what is so and was told. `fees`: the fee last told of. `outbox`: channel → lines to send.

    `flaps`: key → when it changed, within the last hour. `damped`: keys that change too often to be told, since when.
    `calm`: key → what is to be told of it once it is steady. `mutes`: pattern → until when (ms), None for good.
    `unsaid`: key → how it stood (`active`, `fees`) when it was told last, for what changed under a mute. `cursor`:
    journal → how far it was read. Times are ms.
    """

    started_ms: int | None = None
    seen_ms: int | None = None
    seq: int = 0
    active: dict[str, dict[str, Any]] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    flaps: dict[str, list[int]] = field(default_factory=dict)
    damped: dict[str, int] = field(default_factory=dict)
    calm: dict[str, dict[str, Any]] = field(default_factory=dict)
    mutes: dict[str, int | None] = field(default_factory=dict)
    unsaid: dict[str, dict[str, Any]] = field(default_factory=dict)
    cursor: dict[str, list[int]] = field(default_factory=dict)
    outbox: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)

    def rewind(self, now_ms: int) -> None:
        """Take what lies in the future, as a clock that ran ahead left it, for of now: it would silence for as long."""
        for one in self.active.values():
            one |= {name: min(one[name], now_ms) for name in ("since_ms", "told_ms")}
        self.flaps = {key: [min(at, now_ms) for at in times] for key, times in self.flaps.items()}
        self.damped = {key: min(at, now_ms) for key, at in self.damped.items()}

    def document(self) -> dict[str, Any]:
        """Return what is written."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def read(cls, text: bytes | None, where: str) -> "Ledger":
        """Read a document; none is a new ledger. Raises StorageFailed for one that is not ours."""
        if text is None:
            return cls()
        try:
            found = json.loads(text)
            schema, ledger = found.pop("schema"), cls(**found)
            if type(schema) is not int or schema != SCHEMA or not is_sound(vars(ledger)):
                raise ValueError
            return ledger
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise StorageFailed(
                f"{where} is not as marketctl writes it", hint=f"move it away: rm {where}; what is so now is told anew"
            ) from None


class Store(Protocol):
    """Where a ledger is kept, one hand at a time."""

    @property
    def redis(self) -> "RedisConnection | None":
        """Return where machines share it; None where this one has its own."""

    def lock(self) -> Any:
        """Return a context whose value tells whether we have it."""

    def load(self) -> Ledger:
        """Read it. Raises StorageFailed, RedisFailed."""

    def save(self, ledger: Ledger) -> None:
        """Write it whole. Raises StorageFailed, RedisFailed."""


class FileStore:
    """The ledger of one machine: data/state/notify.json."""

    redis: "RedisConnection | None" = None

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / f"{NAME}.json"

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the lock, or tell that another process has it."""
        import os

        from marketctl.files.locks import open_lock, try_lock

        path = self.path.with_name(f".{NAME}.lock")
        fd = open_lock(path)
        try:
            yield try_lock(fd, path)
        finally:
            os.close(fd)

    def load(self) -> Ledger:
        """Read the file; none is a new ledger. Raises StorageFailed."""
        from marketctl.files.atomic import storage_failed
        from marketctl.files.look import read_regular

        try:
            text = read_regular(self.path)
        except FileNotFoundError:
            return Ledger()
        except OSError as error:
            raise storage_failed("read", self.path, error) from error
        return Ledger.read(text, str(self.path))

    def save(self, ledger: Ledger) -> None:
        """Replace the file. Raises StorageFailed."""
        write_document(self.path, ledger.document())


# In one step: between two of them the lease may end, and the lock be somebody else's.
GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return {}"
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return {redis.call('EXPIRE', KEYS[1], ARGV[2])} end return {}"


class RedisStore:
    """The ledger of many machines that share a Redis: whoever holds its lock tells, the others have nothing to do."""

    def __init__(self, redis: "RedisConnection", prefix: str) -> None:
        self.redis = redis
        self._key = f"{prefix}:notify"
        self._token = ""

    def exists(self) -> bool:
        """Tell whether workers keep their ledger here. Raises RedisFailed."""
        return self.redis.call("GET", self._key) is not None

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the lock for some minutes at most, or tell that another machine has it."""
        import os

        self._token = os.urandom(8).hex()
        got = self.redis.call("SET", f"{self._key}:lock", self._token, "NX", "EX", str(LEASE_S)) is not None
        try:
            yield got
        finally:
            if got:
                self.redis.run_script(GIVE_BACK, [f"{self._key}:lock"], [self._token])

    def load(self) -> Ledger:
        """Read the key; none is a new ledger. Raises RedisFailed, StorageFailed."""
        return Ledger.read(self.redis.call("GET", self._key), f"the key {self._key}")

    def save(self, ledger: Ledger) -> None:
        """Replace the key, within the lock. Raises RedisFailed, also where the lock is another machine's by now."""
        # Whose lease ended while it sent may not write over what another machine told since.
        if not self.redis.run_script(RENEW, [f"{self._key}:lock"], [self._token, LEASE_S]):
            raise RedisFailed(f"the lock {self._key}:lock was lost: it took longer than {LEASE_S} s")
        self.redis.call("SET", self._key, to_bytes(encode_json(ledger.document())).decode())


@contextmanager
def kept(settings: "Settings", *, away_is_own: bool = False) -> Iterator[Store]:
    """Open the ledger there is: that of the workers in Redis where they keep one, else this machine's.

    Raises RedisFailed where Redis is away and this machine never told anything, unless its own will do then.
    """
    own = FileStore(settings.data_dir / "state")
    if settings.redis_url in ("embedded", "none"):
        yield own
        return
    from marketctl.redis.connection import connect

    redis = connect(settings.redis_url, settings.data_dir, settings.redis_prefix)
    assert redis is not None
    with closing(redis):
        shared = RedisStore(redis, settings.redis_prefix)
        try:
            theirs = shared.exists()
        except RedisFailed:
            if not (away_is_own or own.path.exists()):
                raise
            theirs = False
        yield shared if theirs else own
