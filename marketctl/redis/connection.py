"""The connection to Redis. Long: a server, a cluster's nodes and the embedded one share idle connections: one class.

By URL or embedded: one round trip a call, every failure one line without a password; and the doors to it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from marketctl.errors import ConfigError, ForeignValue, RedisFailed
from marketctl.lean_imports import import_redis

if TYPE_CHECKING:
    from marketctl.redis.embedded import EmbeddedRedis

CONNECT_S = 2.0
READ_S = 5.0
AT_ONCE = 64 * 1024  # bytes that are sent without waiting for more
MOVES = 4  # how often one call follows a slot that moved


class NoReply(RedisFailed):
    """Redis did not answer: whether it did what was asked is not known."""


class NotReached(NoReply):
    """Redis was not reached: nothing was asked."""


class _Idle(NamedTuple):
    """A connection between two calls, and which start of the embedded server it is from."""

    connection: Any
    start: int


class RedisConnection:
    """The connection to Redis, opened on first need, safe to share between threads: each that asks has one to itself.

    Every method raises RedisFailed (ConfigError, StorageFailed from the embedded server) with one line that never
    holds the URL's password. One that broke while it was idle is opened anew. Where the server is a node of a Redis
    Cluster there are connections to each node, and each call goes to the one that owns its key's slot.
    """

    def __init__(self, redis_url: str, data_dir: Path, prefix: str, *, stay: bool = False, look: bool = False) -> None:
        from threading import Lock

        self.prefix = prefix
        self._url = redis_url
        self._lock = Lock()  # for what stands below, never for a round trip
        # Those that answered and wait for the next call, by address; that of the URL itself is None.
        self._idle: dict[tuple[str, int] | None, list[_Idle]] = {}
        self._here = ""  # the host of the URL, as redis-py reads it
        # First, last, owner; empty without a cluster, None before the server was asked.
        self._slots: list[tuple[int, int, tuple[str, int]]] | None = None
        self._embedded: EmbeddedRedis | None = None
        if redis_url == "embedded":
            from marketctl.redis import embedded

            self._embedded = embedded.EmbeddedRedis(data_dir, stay=stay, look=look)
            self._embedded.spawn()
            self._slots = []
            self.where = f"embedded Redis in {self._embedded.folder}"
        else:
            self.where = f"Redis at {_without_password(redis_url)}"

    def key(self, provider: str, name: str) -> str:
        """Return the key `P:{PROVIDER}:name`."""
        return f"{self.prefix}:{{{provider}}}:{name}"

    def open(self) -> None:
        """Connect, and read as every reader does: a replica that lost its primary answers PING and nothing else."""
        self.call("HGETALL", f"{self.prefix}:probe")

    @property
    def sharded(self) -> bool:
        """Tell whether keys of different providers live on different servers (Redis Cluster)."""
        return bool(self._known_slots())

    def call(self, *command: str | int | bytes) -> Any:
        """Run one command and return the reply: bytes, int, list or None."""
        return self.batch([command])[0]

    def batch(self, commands: Sequence[Sequence[str | int | bytes]]) -> list[Any]:
        """Run commands in one round trip (in a cluster one each) and return their replies."""
        keys = [_key_of(command) for command in commands]
        if len(commands) > 1 and self.sharded:
            return [self.call(*command) for command in commands]
        return self.send([packed(*command) for command in commands], keys)

    def batch_of_many(self, commands: Sequence[Sequence[str | int | bytes]]) -> list[Any]:
        """Do what `batch` does for keys of many providers: one of another type costs its own reply, which is told."""
        keys = [_key_of(command) for command in commands]
        sent = [packed(*command) for command in commands]
        if len(commands) > 1 and self.sharded:
            replies = [self._round_trip([one], 1, key)[0] for one, key in zip(sent, keys, strict=True)]
        else:
            replies = self._round_trip(sent, len(keys), keys[0])
        refused = {
            place: self._refused(one, keys[place]) for place, one in enumerate(replies) if isinstance(one, Exception)
        }
        if wrong := next((one for one in refused.values() if not isinstance(one, ForeignValue)), None):
            raise wrong
        return [refused.get(place, one) for place, one in enumerate(replies)]

    def send(self, sent: Sequence[bytes], keys: Sequence[str]) -> list[Any]:
        """Send packed commands and return the replies, one for each of `keys`: what it is about."""
        return self._good(self._round_trip(sent, len(keys), keys[0]), keys)

    def _good(self, replies: list[Any], keys: Sequence[str]) -> list[Any]:
        """Return replies, one for each of `keys`. Raises RedisFailed for the first error among them."""
        for index, reply in enumerate(replies):
            if isinstance(reply, Exception):
                raise self._refused(reply, keys[index])
            if isinstance(reply, list):  # EXEC returns the errors of the commands before it
                for place, found in enumerate(reply):
                    if isinstance(found, Exception):
                        raise self._refused(found, keys[index - len(reply) + place])
        return replies

    def run_script(
        self,
        script: str,
        keys: Sequence[str],
        args: Sequence[str | int | bytes],
        *,
        first: Sequence[bytes] = (),
        heard: list[Any] | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Any]:
        """Run a Lua script by its hash; its text is sent only when the server does not know it.

        `first` are packed commands about the same provider that go before it in the same round trip: the script has to
        bear that one of them was refused. `heard` gets their replies, errors among them; where nobody hears them an
        error is raised. `meanwhile` is done while the server works: more than once where it had to be asked again.
        """
        operands = (len(keys), *keys, *args)
        key = keys[0]
        asked = packed("EVALSHA", _sha(script), *operands)
        *before, reply = self._round_trip([*first, asked], len(first) + 1, key, meanwhile)
        if heard is None:
            self._good(before, [key] * len(before))
        else:
            heard[:] = before
        if isinstance(reply, Exception) and type(reply).__name__ == "NoScriptError":
            (reply,) = self._round_trip([packed("EVAL", script, *operands)], 1, key)
        if isinstance(reply, Exception):
            raise self._refused(reply, key)
        return list(reply)

    def close(self) -> None:
        """Disconnect, and leave the embedded server."""
        with self._lock:
            self._let_go()
            if self._embedded is not None:
                self._embedded.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextmanager
    def hints(self, channels: Sequence[str]) -> Iterator[Callable[[float], list[str]]]:
        """Lend what waits for messages, on a connection of its own: it returns the channels that spoke.

        It waits at most the seconds it is given. Named one by one: a right to a pattern of channels covers no other
        pattern. Raises RedisFailed where this user may not, NoReply.
        """
        import_redis(self._url)
        from redis.exceptions import RedisError, ResponseError

        try:
            connection = self._connect(None)
            connection.connect()
            connection.send_command("SUBSCRIBE", *channels)
            for _ in channels:
                connection.read_response()
        except RedisError as error:
            failed = self._failed(error)
            connection.disconnect()
            raise failed if isinstance(error, ResponseError) else NoReply(failed.message, hint=failed.hint) from error

        def wait(seconds: float) -> list[str]:
            spoke = []
            try:
                while connection.can_read(timeout=seconds):
                    spoke.append(connection.read_response()[1].decode(errors="replace"))
                    seconds = 0
            except RedisError as error:
                raise self._failed(error) from error
            return spoke

        try:
            yield wait
        finally:
            connection.disconnect()

    def _round_trip(
        self, sent: Sequence[bytes], count: int, key: str, meanwhile: Callable[[], object] | None = None
    ) -> list[Any]:
        """Return the replies, errors among them as they are; `key` says which node of a cluster is asked."""
        for _ in range(MOVES):
            replies = self._exchange(self._owner(key), sent, count, meanwhile)
            if not (self._slots and any(type(reply).__name__ == "MovedError" for reply in replies)):
                break
            self._slots = None  # what went to the wrong node was refused whole, and can be sent again
        return replies

    def _owner(self, key: str) -> tuple[str, int] | None:
        slots = self._known_slots()
        if not slots or not key:
            return None
        from redis.crc import key_slot

        slot = key_slot(key.encode())
        return next((owner for first, last, owner in slots if first <= slot <= last), None)

    def _known_slots(self) -> list[tuple[int, int, tuple[str, int]]]:
        """Return which node owns which slots, as the node of the URL says it; nothing where there is no cluster."""
        found = self._slots
        if found is None:
            (reply,) = self._exchange(None, [packed("CLUSTER", "SLOTS")], 1)
            found = self._slots = [
                (first, last, (host.decode() if host else self._here, port))
                for first, last, (host, port, *_), *_ in (reply if isinstance(reply, list) else ())
            ]
        return found

    def _exchange(
        self,
        address: tuple[str, int] | None,
        sent: Sequence[bytes],
        count: int,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Any]:
        """Send to one server and return its replies."""
        import_redis(self._url)
        from redis.exceptions import ConnectionError as Broken
        from redis.exceptions import RedisError, ResponseError

        while True:
            (connection, start), proven = self._take(address)
            reached = False
            try:
                connection.connect()
                reached = True
                connection.send_packed_command(_together(sent))
                if meanwhile is not None:
                    meanwhile()
                replies: list[Any] = []
                while len(replies) < count:
                    try:
                        replies.append(connection.read_response())
                    except ResponseError as error:
                        replies.append(error)
            except RedisError as error:
                connection.disconnect()
                if proven and isinstance(error, Broken):
                    self._start_anew(start)  # it was closed while idle, or the server restarted: once more
                    continue
                if address is not None:
                    self._slots = None  # another node may have taken over: the next call asks
                failed = self._failed(error)
                raise (NoReply if reached else NotReached)(failed.message, hint=failed.hint) from error
            except BaseException:  # a signal: half a reply may be left in it
                connection.disconnect()
                raise
            self._give_back(address, _Idle(connection, start))
            return replies

    @property
    def _starts(self) -> int:
        return 0 if self._embedded is None else self._embedded.starts

    def _take(self, address: tuple[str, int] | None) -> tuple[_Idle, bool]:
        """Return a connection for one round trip, and whether it ever answered."""
        with self._lock:
            idle = self._idle.get(address)
            if idle:
                return idle.pop(), True
            connection = self._connect(address)
            if address is None:
                self._here = getattr(connection, "host", "")
            return _Idle(connection, self._starts), False

    def _give_back(self, address: tuple[str, int] | None, one: _Idle) -> None:
        with self._lock:
            if one.start == self._starts:
                self._idle.setdefault(address, []).append(one)
                return
        one.connection.disconnect()

    def _start_anew(self, start: int) -> None:
        """Have the embedded server started anew by the next call, unless that was seen to since."""
        with self._lock:
            if start == self._starts and self._embedded is not None:
                self._let_go()
                self._embedded.stop()

    def _let_go(self) -> None:
        while self._idle:
            for one in self._idle.popitem()[1]:
                one.connection.disconnect()

    def _refused(self, error: Exception, key: str) -> RedisFailed:
        """Say why the server refused a command; what its words leave open is asked."""
        from marketctl.redis.failures import open_question, refusal

        question = open_question(error, key)
        (told,) = self._round_trip([packed(*question)], 1, key) if question else (None,)
        return refusal(error, self.where, self._url, key, told if isinstance(told, bytes) else b"")

    def _failed(self, error: Exception) -> RedisFailed:
        """Put an error of redis-py into one line."""
        from marketctl.redis.failures import refusal

        return refusal(error, self.where, self._url)

    def _connect(self, address: tuple[str, int] | None) -> Any:
        import sys

        from redis.backoff import NoBackoff
        from redis.connection import ConnectionPool, UnixDomainSocketConnection
        from redis.retry import Retry

        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": READ_S,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        # To tell its own version it would look through all installed packages, and wait for the server's answer.
        untold = ("driver_info",) if "redis.driver_info" in sys.modules else ("lib_name", "lib_version")  # before 7.2
        options |= dict.fromkeys(untold)
        if self._embedded is not None:
            options.pop("socket_connect_timeout")
            kind: Any = UnixDomainSocketConnection
            return kind(path=self._embedded.start(), **options)
        try:
            pool = ConnectionPool.from_url(self._url, **options)
            if address is not None:
                pool.connection_kwargs.update(host=address[0], port=address[1])
            return pool.make_connection()
        except (ValueError, TypeError):
            raise _bad_url() from None  # the text of the error may hold a part of the password


@cache
def _sha(script: str) -> str:
    from hashlib import sha1

    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def _together(sent: Sequence[bytes]) -> Iterator[bytes]:
    """Yield what is sent in fewer pieces: each is a call of the system, and wakes the server."""
    some, size = list[bytes](), 0
    for piece in sent:
        some.append(piece)
        size += len(piece)
        if size > AT_ONCE:
            yield b"".join(some)
            some, size = [], 0
    if some:
        yield b"".join(some)


def packed(*command: str | int | bytes) -> bytes:
    """Write a command in Redis' protocol: redis-py's packer takes four times as long."""
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def _key_of(command: Sequence[str | int | bytes]) -> str:
    place = 3 if command[0] in ("EVAL", "EVALSHA") else 1
    return str(command[place]) if len(command) > place else ""


def connect(redis_url: str, data_dir: Path, prefix: str = "marketctl", *, stay: bool = False) -> RedisConnection | None:
    """Return the store of `redis_url` ("embedded", "none" → None, or a URL), not yet connected.

    The embedded server is started here, without waiting for it; with `stay` it goes on after us. Raises ConfigError.
    """
    return None if redis_url == "none" else RedisConnection(redis_url, data_dir, prefix, stay=stay)


def require_server(redis_url: str, data_dir: Path) -> None:
    """Raise ConfigError when an embedded server is wanted, none runs and there is no program to start."""
    if redis_url != "embedded":
        return
    from marketctl.redis.embedded import running_socket
    from marketctl.redis.program import find_server

    try:
        find_server()
    except ConfigError:
        with running_socket(data_dir) as path:
            if path is None:
                raise


def _without_password(url: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _bad_url() from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise _bad_url()
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _bad_url() -> ConfigError:
    return ConfigError(
        "redis_url cannot be understood",
        hint='Write "embedded", "none", redis://[[user]:password@]host[:port][/db], rediss://... or unix:///path.',
    )


@contextmanager
def connect_running(redis_url: str, data_dir: Path, prefix: str = "marketctl") -> Iterator[RedisConnection | None]:
    """Lend the store of `redis_url` for reading; None for "none", and for an embedded server that is not running.

    The embedded server is neither started nor kept from stopping. Raises ConfigError, StorageFailed, RedisFailed.
    """
    if redis_url != "embedded":
        store = connect(redis_url, data_dir, prefix)
        try:
            yield store
        finally:
            if store is not None:
                store.close()
        return
    from urllib.parse import quote

    from marketctl.redis.embedded import running_socket

    with running_socket(data_dir) as path:
        if path is None:
            yield None
            return
        with RedisConnection(f"unix://{quote(path)}", data_dir, prefix) as store:
            store.where = f"embedded Redis in {data_dir.absolute() / 'redis'}"
            yield store


@contextmanager
def connect_woken(
    redis_url: str, data_dir: Path, prefix: str = "marketctl", *, stay: bool = False
) -> Iterator[RedisConnection | None]:
    """Lend the store for what files do not have: a sleeping embedded server is woken, and stopped without saving.

    None for "none", and where an embedded server never saved anything. Raises ConfigError, StorageFailed, RedisFailed.
    """
    from marketctl.files.look import is_there

    with connect_running(redis_url, data_dir, prefix) as running:
        if running is not None or redis_url != "embedded" or not is_there(data_dir / "redis" / "dump.rdb"):
            yield running
            return
    with RedisConnection(redis_url, data_dir, prefix, stay=stay, look=True) as woken:
        yield woken
