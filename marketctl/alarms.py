"""What is to be done later unless all is over before: deadlines, leases. One thread waits for all of them.

A run sets two a job, and hardly one comes due: a thread each (threading.Timer) costs a job a quarter of a millisecond.

Nothing in here waits for a lock that others hold for longer than a step of C: a signal may raise between any two steps
of Python, and what it leaves locked would hold up the end of the process.
"""

import math
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable
from time import monotonic  # by a name of its own: where a test holds the clock, threads go on

AGAIN_S = 0.1  # a system that has no thread to give now may have one then


class Alarm:
    """A call in a thread of its own, `after_s` seconds from its start, unless it is cancelled before."""

    def __init__(self, after_s: float, do: Callable[[], object]) -> None:
        self._after_s = after_s
        self._do = do
        self._doing = threading.Lock()
        self._rung = False

    def start(self) -> None:
        """Set it."""
        _watch.add(self, monotonic() + max(0.0, self._after_s))

    def cancel(self) -> None:
        """Forget it; what is being done already goes on. May be called again, and before the start."""
        _watch.due.pop(self, None)

    def join(self) -> None:
        """Wait until what is being done has ended."""
        with self._doing:
            pass

    def ring(self, due: "dict[Alarm, float]") -> bool:
        """Do it, in a thread: it may take its time, and raise. Tell whether there was one to be had."""
        if not self._rung:
            try:
                threading.Thread(target=self._ring, args=(due,), daemon=True).start()
            except (RuntimeError, MemoryError):  # "can't start new thread"
                return False
            self._rung = True
        return True

    def _ring(self, due: "dict[Alarm, float]") -> None:
        with self._doing:
            if due.pop(self, None) is not None:  # not cancelled at the last moment
                self._do()


class _Watch:
    """The alarms that are set, and the thread that waits for the first of them."""

    def __init__(self) -> None:
        self.due: dict[Alarm, float] = {}
        self._until = math.inf  # the thread sleeps so long, or until it is called: when this lock is free
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self._thread: int | None = None

    def add(self, alarm: Alarm, due: float) -> None:
        if self._thread is None:
            self._thread = start_new_thread(self._wait, ())
        self.due[alarm] = due
        if due < self._until:
            try:
                self._asleep.release()
            except RuntimeError:
                return  # it was called already

    def _wait(self) -> None:
        try:
            while True:
                self._until = math.inf  # whoever comes while it looks calls it once more
                self._until = until = self._look(monotonic())
                self._asleep.acquire(timeout=-1 if until == math.inf else max(0.0, until - monotonic()))
        finally:
            self._thread = None

    def _look(self, now: float) -> float:
        """Ring what is due; return when the next one is."""
        until = math.inf
        for alarm, due in self.due.copy().items():
            if due > now:
                until = min(until, due)
            elif not alarm.ring(self.due):
                until = min(until, now + AGAIN_S)
        return until


_watch = _Watch()


def _forget() -> None:
    global _watch
    _watch = _Watch()  # threads are not forked


os.register_at_fork(after_in_child=_forget)
