"""Keep under a provider's rate limit, over all marketctl processes on this machine.

One small file per provider and host holds the time at which its budget is whole again (GCRA: a
leaky bucket kept as one number). Limits are per address, so the file belongs to the machine and
not to a data folder. The clock is monotonic: it is the same for all processes since boot.
"""

import fcntl
import os
import tempfile
import time
from pathlib import Path

from marketctl.errors import StorageFailed


def machine_dir() -> Path:
    """Return this user's private folder for what belongs to the machine; create it with mode 0700."""
    path = Path(tempfile.gettempdir()) / f"marketctl-{os.getuid()}"
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
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}", hint=f"remove it: rm {self.path}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now = time.monotonic()
            full = self.burst / self.rate
            try:
                whole_at = float(os.pread(handle, 64, 0) or 0)
            except ValueError:
                whole_at = 0.0
            # A value from before the last boot can lie far ahead: it is no debt of ours.
            if not 0 <= whole_at < now + 10 * full + 60:
                whole_at = 0.0
            whole_at = max(whole_at, now) + weight / self.rate
            wait = max(0.0, whole_at - full - now)
            if wait <= longest_s:
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{whole_at:.6f}".encode(), 0)
            return wait
        except OSError as error:
            raise StorageFailed(f"{self.path}: {error.strerror}", hint="set TMPDIR to another folder") from error
        finally:
            os.close(handle)
