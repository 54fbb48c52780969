"""Keep under a provider's rate limit, over all marketctl processes on this machine or all that share a Redis server.

One small file per provider and host holds the time at which its budget is whole again (GCRA: a
leaky bucket kept as one number). Limits are per address, so the file belongs to the machine and
not to a data folder. The clock is monotonic: it is the same for all processes since boot.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marketctl.errors import StorageFailed

HOLD_MAX_S = 60.0  # one endpoint's limit must not silence a provider for longer


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
            wait = max(0.0, round(whole_at - self.burst / self.rate - now, 6))  # as exact as the file is
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
