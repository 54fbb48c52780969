"""Locks are flock on files that stay; they die with the process."""

import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from marketctl.alarms import Alarm
from marketctl.errors import StorageFailed
from marketctl.files.atomic import make_folder, place_in, safe_name, storage_failed

POLL_S = 0.05
HELD_S = 10.0  # what is locked for a moment only is free by then, or somebody stopped in the middle of it
MOMENT_S = 1.0  # runs that begin within it began at the same moment


def open_lock(path: Path) -> int:
    """Open a lock file that stays, not inherited by children. Raises StorageFailed.

    Who may read it could lock it: it is its owner's alone, also where an older version made it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            fd = os.open(path, flags, 0o600)
        except FileNotFoundError:
            make_folder(path.parent)
            fd = os.open(path, flags, 0o600)
        found = os.fstat(fd)
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.fchmod(fd, 0o600)
    except OSError as error:
        raise storage_failed("open the lock", path, error) from error
    return fd


def try_lock(fd: int, path: Path, how: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if it is free. Raises StorageFailed."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise storage_failed("lock", path, error) from error
    return True


def wait_lock(fd: int, path: Path, wait_s: float) -> bool:
    """Take the lock, waiting up to so long for it; tell whether that worked. Raises StorageFailed."""
    until = time.monotonic() + wait_s
    while not try_lock(fd, path):
        left = until - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(POLL_S, left))
    return True


@contextmanager
def flocked(path: Path, wait_s: float = HELD_S) -> Iterator[None]:
    """Hold a lock for a moment. Raises StorageFailed, also where another process keeps it for longer than one."""
    fd = open_lock(path)
    try:
        if not wait_lock(fd, path, wait_s):
            raise StorageFailed(
                f"another process has held the lock {path} for {wait_s:g} s", hint=f"run fuser -v {path}"
            )
        yield
    finally:
        os.close(fd)


class JobLocks:
    """The locks of the jobs a run does, one each, held while the job runs and given back when it ends.

    In the run's first moment it holds those of all its jobs: of two runs that begin together one gets all and the
    other sees all busy, in place of each doing half. After it only the jobs in hand are locked. `held` and `busy` are
    sets of (provider, job).
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._fds: dict[tuple[str, str], int] = {}
        self._in_hand: set[tuple[str, str]] = set()
        self._changing = threading.Lock()
        self._moment: Alarm | None = None
        self._behind = False  # another run that began a moment earlier does all of it
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

    @classmethod
    def begin(cls, state_dir: Path, wanted: Iterable[tuple[str, str]]) -> Self:
        """Take all that are free for the first moment of a run. Raises StorageFailed."""
        locks = cls.acquire(state_dir, wanted)
        locks._behind = bool(locks.busy) and not locks._fds
        locks._moment = Alarm(MOMENT_S, locks._end_moment)
        locks._moment.start()
        return locks

    def path(self, provider: str, job: str) -> Path:
        """Return the file of a lock."""
        return place_in(self._state_dir, f"{safe_name(provider)}.{safe_name(job)}.lock")

    def _take(self, jobs: Sequence[tuple[str, str]]) -> None:
        self.busy = frozenset(job for job in jobs if not self._take_one(job, 0))

    def _take_one(self, job: tuple[str, str], wait_s: float) -> bool:
        path = self.path(*job)
        fd = open_lock(path)
        try:
            taken = wait_lock(fd, path, wait_s)
        except BaseException:
            os.close(fd)
            raise
        if not taken:
            os.close(fd)
            return False
        with self._changing:
            self._fds[job] = fd
        return True

    def take(self, provider: str, job: str, wait_s: float = 0) -> str:
        """Take the lock of a job whose turn has come: `held` since the run began, `taken` now, or `busy`."""
        with self._changing:
            self._in_hand.add((provider, job))
            if (provider, job) in self._fds:
                return "held"
        if not self._behind and self._take_one((provider, job), wait_s):
            return "taken"
        self._in_hand.discard((provider, job))
        return "busy"

    def give_back(self, provider: str, job: str) -> None:
        """Let go of a job that ended; in the run's first moment that comes with the moment's end."""
        with self._changing:
            self._in_hand.discard((provider, job))
            if self._moment is None:
                self._let_go()

    def _end_moment(self) -> None:
        with self._changing:
            self._moment = None
            self._let_go()

    def _let_go(self) -> None:
        for job in self._fds.keys() - self._in_hand:
            os.close(self._fds.pop(job))

    @property
    def held(self) -> frozenset[tuple[str, str]]:
        """The locks in hand."""
        return frozenset(self._fds)

    def release(self) -> None:
        """Give all of them back. May be called again."""
        with self._changing:
            if self._moment is not None:
                self._moment.cancel()
                self._moment = None
            while self._fds:
                os.close(self._fds.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()
