"""What adapters remember between runs: small files that may be lost."""

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from marketctl.errors import StorageFailed
from marketctl.files.atomic import place_in, safe_name, write_atomic
from marketctl.files.look import read_regular, stamp_of
from marketctl.files.snapshots import to_bytes
from marketctl.times import now_ms


def sealed(document: Mapping[str, Any]) -> bytes:
    """Write what may be forgotten, with its sum in front: what is not as it was written is not remembered."""
    rest = to_bytes(json.dumps(document) + "\n")[1:]
    return b'{"sum": "%08x", %b' % (zlib.crc32(rest), rest)


def unsealed(raw: bytes) -> dict[str, Any]:
    """Read what `sealed` wrote. Raises ValueError for what is not as it was written."""
    head, _, rest = raw.partition(b", ")
    if head != b'{"sum": "%08x"' % zlib.crc32(rest):
        raise ValueError("another sum")
    found: dict[str, Any] = json.loads(raw)
    del found["sum"]
    return found


class _Made(NamedTuple):
    """What was made of a file, which one that was (device, file, size, time), and what its envelope told."""

    stamp: tuple[int, ...]
    make: Callable[[Any], Any]
    base_url: str
    at_ms: int
    value: Any


_made: dict[Path, _Made] = {}  # of this process; a file that was replaced since is read anew


class Memory:
    """What an adapter remembers between runs, such as its list of pairs: `cache_dir/<PROVIDER>.<key>.json`.

    Whatever was changed since, was written for another server or comes from the future is not remembered. A read-only
    one keeps what is put into it to itself, so that one run need not ask twice.
    """

    # Whether what is made of files is kept: by who works on and on. A run needs a list of pairs once; they are large.
    keeping: ClassVar[bool] = False

    def __init__(self, cache_dir: Path, provider: str, base_url: str, read_only: bool = False) -> None:
        self._cache_dir = cache_dir
        self._provider = safe_name(provider)
        self._base_url = base_url
        self._read_only = read_only
        self._unsaved: dict[str, bytes] = {}

    def _path(self, key: str) -> Path:
        return _path(self._cache_dir, self._provider, key)

    def get(self, key: str, max_age_s: float) -> tuple[Any, int] | None:
        """Return the value and when it was stored (ms), or None."""
        try:
            return self._read(self._unsaved.get(key) or read_regular(self._path(key)), max_age_s)
        except OSError:
            return None

    def get_made(self, key: str, max_age_s: float, make: Callable[[Any], Any]) -> tuple[Any, int] | None:
        """Return what `make` makes of the value and when that was stored (ms), or None.

        While we are `keeping` it is made once for as long as the file stays the same: nobody must change it.
        """
        path = self._path(key)
        try:
            stamp = stamp_of(path)
        except OSError:
            return self._make(key, max_age_s, make)
        known = _made.get(path)
        if known is None or (known.stamp, known.make, known.base_url) != (stamp, make, self._base_url):
            found = self._make(key, max_age_s, make)
            if found is not None and key not in self._unsaved and self.keeping:
                _made[path] = _Made(stamp, make, self._base_url, found[1], found[0])
            return found
        return (known.value, known.at_ms) if self._young(known.at_ms, max_age_s) else None

    def _make(self, key: str, max_age_s: float, make: Callable[[Any], Any]) -> tuple[Any, int] | None:
        found = self.get(key, max_age_s)
        return None if found is None else (make(found[0]), found[1])

    @staticmethod
    def _young(at_ms: int, max_age_s: float) -> bool:
        return 0 <= now_ms() - at_ms <= max_age_s * 1000

    def _read(self, envelope: bytes, max_age_s: float) -> tuple[Any, int] | None:
        try:
            told = unsealed(envelope)
        except ValueError:
            return None
        value, at_ms, base_url = told["value"], told["at_ms"], told["base_url"]
        if base_url != self._base_url or not self._young(at_ms, max_age_s):
            return None
        return value, at_ms

    def _envelope(self, value: Any, at_ms: int | None) -> bytes:
        at_ms = now_ms() if at_ms is None else at_ms
        return sealed({"at_ms": at_ms, "base_url": self._base_url, "value": value})

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Remember a JSON value, as of now or the time given. Failing costs the next run a request, nothing more."""
        envelope = self._envelope(value, at_ms)
        if self._read_only:
            self._unsaved[key] = envelope
            return
        try:
            write_atomic(self._path(key), envelope, sync="none")
        except StorageFailed as error:
            import logging

            logging.getLogger(__name__).warning("%s: not remembered: %s", self._provider, error.message)


def make_ahead(cache_dir: Path, provider: str, key: str, make: Callable[[Any], Any]) -> None:
    """Make what a provider's memory has under a key already now: `get_made` will find it."""
    path = _path(cache_dir, safe_name(provider), key)
    try:
        stamp, told = stamp_of(path), unsealed(read_regular(path))
    except (OSError, ValueError):
        return
    _made[path] = _Made(stamp, make, told["base_url"], told["at_ms"], make(told["value"]))


def _path(cache_dir: Path, provider: str, key: str) -> Path:
    return place_in(cache_dir, f"{provider}.{safe_name(key)}.json")
