"""What is to be done later unless all is over before: deadlines, leases. One thread waits for all of them.

A run sets two a job, and hardly one comes due: a thread each (threading.Timer) costs a job a quarter of a millisecond.
"""

import math
import os
import threading
from collections.abc import Callable
from time import monotonic


class Alarm:
    """A call in a thread of its own, `after_s` seconds from its start, unless it is cancelled before."""

    def __init__(self, after_s: float, do: Callable[[], object]) -> None:
        self._after_s = after_s
        self._do = do
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Set it."""
        _watch.add(self, monotonic() + max(0.0, self._after_s))

    def cancel(self) -> None:
        """Forget it; what is being done already goes on. May be called again, and before the start."""
        _watch.remove(self)

    def join(self) -> None:
        """Wait until what is being done has ended."""
        if self._thread is not None:
            self._thread.join()

    def ring(self) -> None:
        """Do it, in a thread: it may take its time, and raise."""
        self._thread = threading.Thread(target=self._do, daemon=True)
        self._thread.start()


class _Watch:
    """The alarms that are set, and the thread that waits for the first of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._due: dict[Alarm, float] = {}
        self._until = math.inf  # the thread sleeps so long
        self._thread: threading.Thread | None = None

    def add(self, alarm: Alarm, due: float) -> None:
        with self._changed:
            self._due[alarm] = due
            if self._thread is None:
                self._thread = threading.Thread(target=self._wait, daemon=True)
                self._thread.start()
            elif due < self._until:
                self._changed.notify()

    def remove(self, alarm: Alarm) -> None:
        with self._changed:
            self._due.pop(alarm, None)

    def _wait(self) -> None:
        with self._changed:
            while True:
                now = monotonic()
                for alarm in [alarm for alarm, due in self._due.items() if due <= now]:
                    del self._due[alarm]
                    alarm.ring()
                self._until = min(self._due.values(), default=math.inf)
                self._changed.wait(None if self._until == math.inf else self._until - now)


_watch = _Watch()


def _forget() -> None:
    global _watch
    _watch = _Watch()  # threads are not forked, and whoever holds a lock is one of them


os.register_at_fork(after_in_child=_forget)
