"""Keep to what a provider allows one address: its rate, and the waits it named, over all processes and machines.

Limits are per address: two entries of one exchange share its budget and its bans. One small file per address holds the
time at which the budget is whole again (GCRA: a leaky bucket kept as one number), a second one the wait the provider
named, with its own moment. They belong to the machine and not to a data folder; where machines share a Redis server,
that holds both as well (`redis/shared.py`). The budget's clock is monotonic: the same for all processes since boot.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from marketctl.errors import Blocked, MarketctlError, RateLimited, StorageFailed
from marketctl.files.look import read_regular
from marketctl.times import DAY_MS, now_ms, to_iso

SHORT_WAIT_S = 5.0  # a named wait up to this long is waited for; for a longer one nobody sleeps

DELAY_MAX_S = 60.0  # what a provider did not name, we only guess

PORTS = {"http": 80, "https": 443}

HINTS = {
    errno.ENOSPC: "free some space on that disk, or set TMPDIR to another folder",
    errno.EDQUOT: "free some space on that disk, or set TMPDIR to another folder",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "raise this machine's limit on open files (fs.file-max)",
    errno.ENOENT: "try again: its folder was removed meanwhile, each job makes it anew",
}

AHEAD_MS = 5000  # a hold that was told later than now is of a clock that was wrong


class Waiting(RateLimited):
    """The provider named a time, or our own share is used up: waiting in a retry loop cannot help."""

    retryable = False


class Hold(NamedTuple):
    """A wait that a provider named: until when nobody asks its address (ms), when that was told, why and in what words.

    `reason` is `blocked` for a ban, else `rate-limited`.
    """

    until_ms: int
    told_ms: int
    reason: str
    words: str

    def error(self, undone_by: str) -> MarketctlError:
        """Return what a job is told that comes before its time; of more than a day also what would undo it."""
        cls = Blocked if self.reason == Blocked.reason else Waiting
        told = f"{self.words} (told at {to_iso(self.told_ms)}; not asked again)"
        hint = f"not before {to_iso(self.until_ms)}"
        if self.until_ms - self.told_ms > DAY_MS:
            hint += f"; if that cannot be right: {undone_by}"
        return cls(told, hint=hint, until_ms=self.until_ms)

    def to_json(self) -> str:
        """Return it as it is kept."""
        return json.dumps(self._asdict())


def read_hold(text: str | bytes, now: int) -> Hold | None:
    """Read what is kept; None for what is over, was told by a clock that ran ahead, or is none of ours."""
    try:
        hold = Hold(**json.loads(text))
        until, told = hold.until_ms, hold.told_ms
        good = type(until) is int and type(told) is int and told <= now + AHEAD_MS and now < until
    except (ValueError, TypeError):
        return None
    return hold if good and isinstance(hold.words, str) else None


@lru_cache(maxsize=256)
def address_of(base_url: str, proxy: str | None = None) -> str:
    """Return what a provider's limits belong to: host and port as asked, by way of this proxy."""
    parts = urlsplit(base_url)
    port = parts.port or PORTS.get(parts.scheme, 0)
    address = (parts.hostname or "") + ("" if port == PORTS["https"] else f":{port}")
    if not proxy:
        return address
    from hashlib import sha256

    return f"{address}~{sha256(proxy.encode()).hexdigest()[:8]}"  # a proxy's URL may hold a password


class Pace:
    """A budget of `rate` units a second with at most `burst` units at once, and the wait its provider named."""

    def __init__(self, path: Path, rate: float, burst: float) -> None:
        self.path = path
        self.rate = rate
        self.burst = burst

    def reserve(self, weight: float = 1.0, longest_s: float = float("inf")) -> float:
        """Take `weight` units from the budget; return the seconds to wait before using them.

        Nothing is taken where the wait would be longer than `longest_s`. Raises RateLimited or Blocked while a wait
        lasts that the provider named.
        """
        if hold := self.held():
            raise hold.error(self.undone_by)
        with self._budget() as (handle, whole_at, now):
            whole_at = max(whole_at, now) + weight / self.rate
            wait = max(0.0, round(whole_at - self.burst / self.rate - now, 6))  # as exact as the file is
            if wait <= longest_s:
                _write(handle, whole_at)
            return wait

    def delay(self, seconds: float) -> None:
        """Let nobody ask for so short a while, as the provider said: those who come wait for it."""
        with self._budget() as (handle, whole_at, now):
            _write(handle, max(whole_at, now + min(seconds, DELAY_MAX_S) + (self.burst - 1) / self.rate))

    def remember(self, hold: Hold) -> None:
        """Keep a wait that the provider named; an earlier one that lasts longer stays."""
        known = self.held()
        if known is not None and known.until_ms >= hold.until_ms:
            return
        place = self._hold_path
        beside = place.with_name(f"{place.name}.{os.getpid()}-{os.urandom(3).hex()}")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(hold.to_json())
            beside.replace(place)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise _not_kept(place, error) from error

    def heed(self, error: MarketctlError, now: int) -> None:
        """Let whoever comes next keep to the wait an answer named: no need to hear it again."""
        if error.of_key or not isinstance(error, RateLimited | Blocked):
            return
        left_s = error.retry_after or 0.0
        if error.until_ms is not None:
            left_s = (error.until_ms - now) / 1000
            if left_s > SHORT_WAIT_S or (isinstance(error, Blocked) and left_s > 0):
                self.remember(Hold(error.until_ms, now, error.reason, error.message))
                return
        if isinstance(error, RateLimited) and left_s > 0:
            self.delay(left_s)

    def held(self) -> Hold | None:
        """Return the wait the provider named, while it lasts."""
        try:
            return read_hold(read_regular(self._hold_path), now_ms())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_kept(self._hold_path, error, f"remove it: rm {self._hold_path}") from error

    @property
    def undone_by(self) -> str:
        """What to type so that a named wait is forgotten."""
        return f"rm {self._hold_path}"

    @property
    def _hold_path(self) -> Path:
        return self.path.with_suffix(".hold")

    @contextmanager
    def _budget(self) -> Iterator[tuple[int, float, float]]:
        """Lend the locked file, the time at which its budget is whole, and the present."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_kept(self.path, error, f"remove it: rm {self.path}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = time.monotonic()
            try:
                whole_at = float(os.pread(handle, 64, 0) or 0)
            except ValueError:
                whole_at = 0.0
            # A value from before the last boot can lie far ahead: it is no debt of ours.
            if not 0 <= whole_at < now + 10 * self.burst / self.rate + DELAY_MAX_S:
                whole_at = 0.0
            yield handle, whole_at, now
        except OSError as error:
            raise _not_kept(self.path, error) from error
        finally:
            os.close(handle)


def _not_kept(path: Path, error: OSError, otherwise: str = "set TMPDIR to another folder") -> StorageFailed:
    return StorageFailed(f"{path}: {error.strerror or error}", hint=HINTS.get(error.errno or 0, otherwise))


def _write(handle: int, whole_at: float) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{whole_at:.6f}".encode(), 0)
