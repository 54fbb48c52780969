"""Files in data/: atomic snapshots, the wallet journal, state of each job, locks and small caches.

Every file is written under a temporary name beside it and renamed: a reader sees the old file or the new one.
"""

import errno
import fcntl
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from marketctl.errors import RedisFailed, StorageFailed
from marketctl.times import from_iso, now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.redis_store import RedisStore

SCHEMA = 1
LEFTOVER_AGE_S = 600  # a temporary file of a process that still runs is given up after that
POLL_S = 0.05
MEMORY_MS = 40 * 86_400_000  # longer than anything is remembered
LINES = 200  # encoded at once: one beyond ASCII makes the text of all of them twice as large

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
TEMPORARY = re.compile(r"\.(?P<target>.+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp")
# JSON allows them raw, terminals and line readers do not.
UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029]")

HINTS = {
    errno.ENOSPC: "Free some space on that disk.",
    errno.EDQUOT: "Free some space on that disk.",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f).",
    errno.EACCES: "Make it accessible to this user, or name another folder with --data-dir.",
    errno.EPERM: "Make it accessible to this user, or name another folder with --data-dir.",
    errno.EROFS: "Name a folder that can be written with --data-dir.",
    errno.EISDIR: "Move that folder away.",
    errno.ENOTDIR: "Move the file away that stands where a folder is expected.",
    errno.EEXIST: "Move the file away that stands where a folder is expected.",
}

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True).encode
_pretty = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2).encode


def storage_failed(doing: str, path: Path, error: OSError) -> StorageFailed:
    """Put an OSError into one line: what, where, why and what to do."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return StorageFailed(f"cannot {doing} {path}: {why}", hint=HINTS.get(error.errno or 0))


def safe_name(name: str) -> str:
    """Return the name if it may be part of a file name; raises StorageFailed otherwise."""
    if SAFE_NAME.fullmatch(name) is None:
        raise StorageFailed(
            f"{name!r} cannot be part of a file name", hint="Use letters, digits, '_', '-' and '.' only."
        )
    return name


# Writing ----------------------------------------------------------------------------------


def write_atomic(path: Path, data: bytes, mode: int = 0o644, *, sync: bool = True) -> None:
    """Replace the file with the data, whole or not at all; the umask applies to `mode`.

    `sync=False` is for what may be lost when the machine (not just the process) dies. Raises StorageFailed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(fd, "wb", buffering=0) as file:
                _write_all(file.fileno(), data)
                if sync:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        if sync:
            _sync_folder(path.parent)
    except OSError as error:
        raise storage_failed("write", path, error) from error


def _write_all(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of the same file left behind."""
    for name in os.listdir(path.parent):  # noqa: PTH208  (run at each write, and there is nothing to join)
        found = TEMPORARY.fullmatch(name) if name[0] == "." else None
        if found is None or found["target"] != path.name:
            continue
        leftover = path.with_name(name)
        with suppress(OSError):
            if not _alive(int(found["pid"])) or time.time() - leftover.stat().st_mtime > LEFTOVER_AGE_S:
                leftover.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def encode_json(value: Any) -> str:
    """Write one line of JSON with sorted keys, the way snapshots hold their records."""
    return _encode(value)


def to_bytes(text: str) -> bytes:
    """Encode JSON text as UTF-8; control characters and lone surrogates are escaped as JSON does."""
    if not text.isascii() or "\x7f" in text:
        text = UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace")


# Snapshots --------------------------------------------------------------------------------


def write_snapshot(
    path: Path, head: Mapping[str, Any], records_key: str, records: Mapping[str, str | Mapping[str, Any]]
) -> None:
    """Write a snapshot, one record a line, every key sorted; a record may be JSON text already.

    Raises StorageFailed.
    """
    items = sorted(records.items())
    chunks = []
    for start in range(0, len(items), LINES):
        lines = [
            f"    {encode_basestring(key)}: {record if isinstance(record, str) else _encode(record)}"
            for key, record in items[start : start + LINES]
        ]
        chunks.append(to_bytes(",\n".join(lines)))
    parts = {key: to_bytes(_encode(value)) for key, value in head.items()}
    parts[records_key] = b"{\n%b\n  }" % b",\n".join(chunks) if chunks else b"{}"
    del chunks
    body = b",\n".join([b"  %b: %b" % (to_bytes(_encode(key)), parts.pop(key)) for key in sorted(parts)])
    write_atomic(path, b"{\n%b\n}\n" % body)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a small JSON file, indented and sorted. Raises StorageFailed."""
    write_atomic(path, to_bytes(_pretty(document) + "\n"))


def read_snapshot(path: Path) -> dict[str, Any] | None:
    """Read a snapshot; None when there is none. Raises StorageFailed when it is not one of ours."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed("read", path, error) from error
    hint = "Move the file away; the next run writes a new one."
    try:
        snapshot = json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise StorageFailed(f"{path} is not JSON: {error}", hint=hint) from error
    if not isinstance(snapshot, dict) or snapshot.get("schema") != SCHEMA:
        found = snapshot.get("schema") if isinstance(snapshot, dict) else type(snapshot).__name__
        raise StorageFailed(f"{path} has schema {str(found)[:40]!r}, expected {SCHEMA}", hint=hint)
    return snapshot


def read_records(path: Path, records_key: str) -> dict[str, str] | None:
    """Return the records of a snapshot as the lines they are written in, unread; None when there is no snapshot.

    Raises ValueError when it is not in our layout, as `read_snapshot` will tell or can read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed("read", path, error) from error
    _, _, rest = text.partition(f'\n  "{records_key}": {{\n    "')
    block, _, tail = rest.partition("}\n  }")
    records = dict(line.split('": ', 1) for line in f"{block}}}".split(',\n    "'))
    whole = len(records) == block.count("\n") + 1 and tail.endswith("\n}\n")
    if not whole or f'\n  "schema": {SCHEMA},\n' not in tail or any("\\" in key for key in records):
        raise ValueError(f"{path} is not one record a line")
    return records


# The wallet journal -----------------------------------------------------------------------


def append_journal(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Append whole lines of JSON, in one write, on the disk when it returns. Raises StorageFailed.

    What a crash left of a line goes: the run that wrote it had not yet stored what it tells of, so it is told again.
    """
    if not lines:
        return
    data = to_bytes("".join([_encode(line) + "\n" for line in lines]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = _end_of_lines(fd)
            os.ftruncate(fd, size)
            try:
                _write_all(fd, data)
                os.fsync(fd)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)
    except OSError as error:
        raise storage_failed("append to", path, error) from error


def _end_of_lines(fd: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - 65536)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def read_journal(path: Path, since_ms: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """Return the journal's entries since that time, oldest first, and the number of broken lines."""
    entries: list[dict[str, Any]] = []
    broken = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    entry = json.loads(line)
                    at_ms = from_iso(entry["at"])
                except (ValueError, TypeError, KeyError, RecursionError):
                    broken += 1
                    continue
                if since_ms is None or at_ms >= since_ms:
                    entries.append(entry)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_failed("read", path, error) from error
    return entries, broken


# State of the jobs ------------------------------------------------------------------------


def record_state(state_dir: Path, provider: str, job: str, *, at_ms: int, ok: bool | None, reason: str | None) -> None:
    """Note how a job ended: ok, failed, or neither (`None`: skipped, which is no failure).

    The jobs of a provider may end in several processes at once. Raises StorageFailed.
    """
    path = state_dir / f"{safe_name(provider)}.json"
    with _flocked(state_dir / f".{provider}.json.lock"):
        jobs = read_state(state_dir, provider)
        entry = jobs.setdefault(job, {"last_attempt": None, "last_success": None, "failures": 0, "last_reason": None})
        entry["last_attempt"] = to_iso(at_ms)
        entry["last_reason"] = reason
        if ok:
            entry["last_success"] = to_iso(at_ms)
            entry["failures"] = 0
        elif ok is False:
            entry["failures"] += 1
        write_document(path, {"schema": SCHEMA, "provider": provider, "jobs": jobs})


def read_state(state_dir: Path, provider: str) -> dict[str, dict[str, Any]]:
    """Return job → `{"last_attempt", "last_success", "failures", "last_reason"}`; what is broken is left out.

    Raises StorageFailed when the file cannot be opened.
    """
    path = state_dir / f"{safe_name(provider)}.json"
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    except OSError as error:
        raise storage_failed("read", path, error) from error
    jobs = document.get("jobs") if isinstance(document, dict) else None
    return {job: entry for job, entry in jobs.items() if _is_state(entry)} if isinstance(jobs, dict) else {}


def _is_state(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and type(entry.get("failures")) is int
        and all(isinstance(entry.get(key, 0), str | None) for key in ("last_attempt", "last_success", "last_reason"))
    )


# Locks ------------------------------------------------------------------------------------


def open_lock(path: Path) -> int:
    """Open a lock file that stays, not inherited by children. Raises StorageFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_failed("open the lock", path, error) from error


def try_lock(fd: int, path: Path, how: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if it is free. Raises StorageFailed."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise storage_failed("lock", path, error) from error
    return True


@contextmanager
def _flocked(path: Path) -> Iterator[None]:
    """Hold a lock for a moment."""
    fd = open_lock(path)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise storage_failed("lock", path, error) from error
        yield
    finally:
        os.close(fd)


class JobLocks:
    """The locks of (provider, job) pairs this run holds; they die with the process.

    `held` and `busy` are sets of (provider, job).
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._fds: dict[tuple[str, str], int] = {}
        self.busy: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def acquire(cls, state_dir: Path, wanted: Iterable[tuple[str, str]], wait_s: float = 0) -> Self:
        """Take all locks that are free; wait up to `wait_s` for all of them. Raises StorageFailed.

        Two runs that want the same never share it between them: the first gets all, the other sees all busy.
        """
        locks = cls(state_dir)
        jobs = list(dict.fromkeys(wanted))
        until = time.monotonic() + wait_s
        try:
            while True:
                with _flocked(state_dir / ".gate.lock"):
                    locks._take(jobs)
                    left = until - time.monotonic()
                    if not locks.busy or left <= 0:
                        return locks
                    locks.release()  # waiting with some in hand would starve the others
                time.sleep(min(POLL_S, left))
        except BaseException:
            locks.release()
            raise

    def _take(self, jobs: Sequence[tuple[str, str]]) -> None:
        busy = []
        for provider, job in jobs:
            path = self._state_dir / f"{safe_name(provider)}.{safe_name(job)}.lock"
            fd = open_lock(path)
            self._fds[provider, job] = fd
            if not try_lock(fd, path):
                os.close(self._fds.pop((provider, job)))
                busy.append((provider, job))
        self.busy = frozenset(busy)

    @property
    def held(self) -> frozenset[tuple[str, str]]:
        """The locks in hand."""
        return frozenset(self._fds)

    def release(self) -> None:
        """Give all of them back. May be called again."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


# Caches -----------------------------------------------------------------------------------


class Memory:
    """What an adapter remembers between runs, such as its list of pairs: `cache_dir/<PROVIDER>.<key>.json`.

    Whatever cannot be read, was written for another server or comes from the future is not remembered. A read-only
    one keeps what is put into it to itself, so that one run need not ask twice.
    """

    def __init__(self, cache_dir: Path, provider: str, base_url: str, read_only: bool = False) -> None:
        self._cache_dir = cache_dir
        self._provider = safe_name(provider)
        self._base_url = base_url
        self._read_only = read_only
        self._unsaved: dict[str, str] = {}

    def _path(self, key: str) -> Path:
        return self._cache_dir / f"{self._provider}.{safe_name(key)}.json"

    def get(self, key: str, max_age_s: float) -> tuple[Any, int] | None:
        """Return the value and when it was stored (ms), or None."""
        try:
            return self._read(self._unsaved.get(key) or self._path(key).read_bytes(), max_age_s)
        except OSError:
            return None

    def _read(self, envelope: str | bytes, max_age_s: float) -> tuple[Any, int] | None:
        try:
            told = json.loads(envelope)
            value, at_ms, base_url = told["value"], told["at_ms"], told["base_url"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if type(at_ms) is not int or base_url != self._base_url or not 0 <= now_ms() - at_ms <= max_age_s * 1000:
            return None
        return value, at_ms

    def _envelope(self, value: Any, at_ms: int | None) -> str:
        return json.dumps({"at_ms": now_ms() if at_ms is None else at_ms, "base_url": self._base_url, "value": value})

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Remember a JSON value, as of now or the time given. Failing costs the next run a request, nothing more."""
        envelope = self._envelope(value, at_ms)
        if self._read_only:
            self._unsaved[key] = envelope
            return
        try:
            write_atomic(self._path(key), to_bytes(envelope + "\n"), sync=False)
        except StorageFailed as error:
            import logging

            logging.getLogger(__name__).warning("%s: not remembered: %s", self._provider, error.message)


class SharedMemory(Memory):
    """A memory all machines that share a Redis server have together, at `P:{NAME}:memory:<key>`; and its own as well.

    What was stored last counts, here or there: nothing is forgotten while Redis is down or when it restarts empty.
    """

    def __init__(self, store: "RedisStore", cache_dir: Path, provider: str, base_url: str, read_only: bool) -> None:
        super().__init__(cache_dir, provider, base_url, read_only)
        self._store: RedisStore | None = store

    def get(self, key: str, max_age_s: float) -> tuple[Any, int] | None:
        """Return the value and when it was stored (ms), or None."""
        envelope = self._call("GET", key)
        found = [super().get(key, max_age_s), self._read(envelope, max_age_s) if envelope else None]
        return max((one for one in found if one is not None), key=lambda one: one[1], default=None)

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Remember a JSON value here and there, as of now or the time given."""
        super().put(key, value, at_ms)
        if not self._read_only:
            self._call("SET", key, self._envelope(value, at_ms), "PX", MEMORY_MS)

    def _call(self, command: str, key: str, *rest: str | int) -> Any:
        if self._store is None:
            return None
        try:
            return self._store.call(command, self._store.key(self._provider, f"memory:{key}"), *rest)
        except RedisFailed:  # what needs Redis tells it
            self._store = None
            return None
