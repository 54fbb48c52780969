"""Locks are flock on files that stay; they die with the process."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from marketctl.files.atomic import safe_name, storage_failed

POLL_S = 0.05


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
def flocked(path: Path) -> Iterator[None]:
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
                with flocked(state_dir / ".gate.lock"):
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
