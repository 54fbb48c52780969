"""Keep under a provider's rate limit, over all marketctl processes on this machine or all that share a Redis server.

One small file per provider and host holds the time at which its budget is whole again (GCRA: a
leaky bucket kept as one number). Limits are per address, so the file belongs to the machine and
not to a data folder. The clock is monotonic: it is the same for all processes since boot.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from marketctl.errors import RedisFailed, StorageFailed

if TYPE_CHECKING:
    from marketctl.redis_store import RedisStore

HOLD_MAX_S = 60.0  # one endpoint's limit must not silence a provider for longer


def machine_dir(place: str | None = None) -> Path:
    """Return this user's private folder for what belongs to the machine; create it with mode 0700."""
    path = Path(place or tempfile.gettempdir()) / f"marketctl-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        owner = path.lstat()
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", hint="set TMPDIR to a folder this user can write") from error
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or path.is_symlink():
        raise StorageFailed(f"{path} is not a private folder of this user", hint=f"remove it: rm -r {path}")
    return path


class Pace:
    """A budget of `rate` units a second with at most `burst` units at once."""

    def __init__(self, path: Path, rate: float, burst: float) -> None:
        self.path = path
        self.rate = rate
        self.burst = burst

    def reserve(self, weight: float = 1.0, longest_s: float = float("inf")) -> float:
        """Take `weight` units from the budget; return the seconds to wait before using them.

        Nothing is taken where the wait would be longer than `longest_s`.
        """
        with self._budget() as (handle, whole_at, now):
            whole_at = max(whole_at, now) + weight / self.rate
            wait = max(0.0, whole_at - self.burst / self.rate - now)
            if wait <= longest_s:
                _write(handle, whole_at)
            return wait

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long, as the provider said."""
        with self._budget() as (handle, whole_at, now):
            _write(handle, max(whole_at, now + min(seconds, HOLD_MAX_S) + (self.burst - 1) / self.rate))

    @contextmanager
    def _budget(self) -> Iterator[tuple[int, float, float]]:
        """Lend the locked file, the time at which its budget is whole, and the present."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}", hint=f"remove it: rm {self.path}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = time.monotonic()
            try:
                whole_at = float(os.pread(handle, 64, 0) or 0)
            except ValueError:
                whole_at = 0.0
            # A value from before the last boot can lie far ahead: it is no debt of ours.
            if not 0 <= whole_at < now + 10 * self.burst / self.rate + HOLD_MAX_S:
                whole_at = 0.0
            yield handle, whole_at, now
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}", hint="set TMPDIR to another folder") from error
        finally:
            os.close(handle)


def _write(handle: int, whole_at: float) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{whole_at:.6f}".encode(), 0)


# Key; rate, burst, weight, longest wait (s), hold (s): the same reckoning with the server's clock. Returns the wait.
RESERVE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local rate, burst, weight, longest, hold = unpack(ARGV)
local full = burst / rate
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or '') or 0, now)
if tonumber(hold) > 0 then
  whole = math.max(whole, now + full + hold - 1 / rate)
else
  whole = whole + weight / rate
end
local wait = math.max(0, whole - full - now)
if tonumber(hold) > 0 or wait <= tonumber(longest) then
  redis.call('SET', KEYS[1], string.format('%.6f', whole), 'PX', math.ceil((whole - now) * 1000) + 1)
end
return {string.format('%.6f', wait)}
"""


class SharedPace(Pace):
    """One budget a provider for all who share a Redis server, at `P:{BYBIT}:pace`; the machine's own while it is down.

    Limits belong to a key or to an address. Machines share keys, and often addresses: one budget is right for both.
    """

    def __init__(self, store: "RedisStore", provider: str, own: Pace) -> None:
        super().__init__(own.path, own.rate, own.burst)
        self._store = store
        self._key = store.key(provider, "pace")

    def reserve(self, weight: float = 1.0, longest_s: float = float("inf")) -> float:
        """Take `weight` units from the budget; return the seconds to wait before using them."""
        try:
            return self._ask(weight, min(longest_s, 1e9), 0.0)
        except RedisFailed:
            return super().reserve(weight, longest_s)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long, as the provider said."""
        try:
            self._ask(0.0, 0.0, min(seconds, HOLD_MAX_S))
        except RedisFailed:
            super().hold(seconds)

    def _ask(self, *words: float) -> float:
        args = [f"{word:.9f}" for word in (self.rate, self.burst, *words)]
        return float(self._store.run_script(RESERVE, [self._key], args)[0])
