"""When each job is due, and N hands that take what is due: nothing slow stands in the way of what is quick.

One schedule has one meaning, whoever goes by it: `run --once` (each job once), `run` (a fixed grid of turns), Celery's
beat (the same grid on every machine). The jobs of one provider are in order and never at the same time; a turn that
was missed is not made up for, only the present one is, late.
"""

import heapq
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
ON_TIME = 0

# How long one of several threads may reckon before another has its turn: one that is done sooner hands its quotes to
# Redis while the next one reads, instead of all of them at the same time.
SHIFT_S = 0.02


class Turn(NamedTuple):
    """A job whose time has come. Times are milliseconds of whatever clock the schedule goes by."""

    due: int
    provider: str
    job: str
    rest: tuple[str, ...] = ()  # the provider's other jobs that are due as well: its next turns
    missed: int = 0  # turns before this one that nobody took


class Planned(NamedTuple):
    """A job of a schedule: when it is due first, and after how many milliseconds again (None: never)."""

    due: int
    provider: str
    job: str
    interval: int | None = None


class Schedule:
    """A heap of jobs by the time they are due; those due at the same time come in the order they were given.

    Several threads may use it at once.
    """

    def __init__(self, planned: Iterable[Planned]) -> None:
        self._jobs = list(planned)
        self._heap = [(one.due, index) for index, one in enumerate(self._jobs)]
        heapq.heapify(self._heap)
        self._in_hand: dict[str, tuple[Turn, int]] = {}  # provider -> its turn, and which job it is
        self._lock = threading.RLock()

    @classmethod
    def once(cls, jobs: Iterable[tuple[str, str]]) -> "Schedule":
        """Make a schedule of jobs to be done once each, now."""
        return cls([Planned(ON_TIME, provider, job) for provider, job in jobs])

    def __bool__(self) -> bool:
        """Whether anything is to come or in hand."""
        return bool(self._heap or self._in_hand)

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self._jobs)

    def providers(self) -> int:
        """Return how many providers there are: more than so many turns never go on at a time."""
        return len({one.provider for one in self._jobs})

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand."""
        return not self._in_hand

    def due(self, now: int) -> list[tuple[str, str]]:
        """Return provider and job of every turn that is due, in hand or not."""
        with self._lock:
            in_hand = [index for _, index in self._in_hand.values()]
            waiting = [index for due, index in sorted(self._heap) if due <= now]
            return [(self._jobs[index].provider, self._jobs[index].job) for index in (*in_hand, *waiting)]

    def take(self, now: int) -> Turn | None:
        """Return the turn that waits longest of a provider that is free; None when there is none yet."""
        passed = []
        found = None
        with self._lock:
            while self._heap and self._heap[0][0] <= now:
                due, index = heapq.heappop(self._heap)
                if self._jobs[index].provider not in self._in_hand:
                    found = self._begin(due, index, now)
                    break
                passed.append((due, index))
            for one in passed:
                heapq.heappush(self._heap, one)
        return found

    def _begin(self, due: int, index: int, now: int) -> Turn:
        _, provider, job, interval = self._jobs[index]
        missed = (now - due) // interval if interval else 0
        others = [name for owner, name in self.due(now) if owner == provider]  # in hand is none of them yet
        turn = Turn(due + missed * (interval or 0), provider, job, tuple(others), missed)
        self._in_hand[provider] = turn, index
        return turn

    def done(self, turn: Turn) -> None:
        """Give a turn back: its provider is free, and a job that repeats has its next place on the grid."""
        with self._lock:
            taken, index = self._in_hand.pop(turn.provider)
            interval = self._jobs[index].interval
            if interval is not None:
                heapq.heappush(self._heap, (taken.due + interval, index))

    def next_due(self) -> int | None:
        """Return when the next turn of a free provider is due; None when only a `done` brings one."""
        with self._lock:
            free = [due for due, index in self._heap if self._jobs[index].provider not in self._in_hand]
        return min(free, default=None)


def clock_ms() -> int:
    """Return milliseconds of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def turns(
    schedule: Schedule, do: Callable[[Turn], T], hands: int = 1, meanwhile: Callable[[], None] = lambda: None
) -> Iterator[tuple[Turn, T]]:
    """Do every turn when it is due, so many at a time; yield each with what came of it, as it ends.

    One pair of hands is the caller's own; with more the caller's do something `meanwhile`, once. What `do` raises is
    raised here, and no new turn is begun then.
    """
    if hands == 1:
        while schedule:
            turn = schedule.take(clock_ms())
            if turn is None:
                time.sleep(max(0, (schedule.next_due() or 0) - clock_ms()) / 1000)
                continue
            found = do(turn)
            schedule.done(turn)
            yield turn, found
        return
    crew, usual = _Crew(schedule, do, hands), sys.getswitchinterval()
    sys.setswitchinterval(SHIFT_S)
    try:
        yield from crew.work(meanwhile)
    finally:
        crew.stop()
        sys.setswitchinterval(usual)


class _Crew(Generic[T]):
    """Threads that share a schedule; they end with it, or when told to stop."""

    def __init__(self, schedule: Schedule, do: Callable[[Turn], T], hands: int) -> None:
        self._schedule = schedule
        self._do = do
        self._changed = threading.Condition()
        self._stopped = False
        self._told: queue.SimpleQueue[tuple[Turn, T] | BaseException | None] = queue.SimpleQueue()
        hands = min(hands, schedule.providers())  # with more some would never have anything to do
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(hands)]

    def work(self, meanwhile: Callable[[], None]) -> Iterator[tuple[Turn, T]]:
        """Yield what ends until all has."""
        for thread in self._threads:
            thread.start()
        meanwhile()
        at_work = len(self._threads)
        while at_work:
            told = self._told.get()
            if told is None:
                at_work -= 1
            elif isinstance(told, BaseException):
                raise told
            else:
                yield told

    def stop(self) -> None:
        """Let no new turn begin."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            while (turn := self._next()) is not None:
                found = self._do(turn)
                with self._changed:
                    self._schedule.done(turn)
                    self._changed.notify_all()
                self._told.put((turn, found))
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            self._told.put(error)
        self._told.put(None)

    def _next(self) -> Turn | None:
        with self._changed:
            while self._schedule and not self._stopped:
                turn = self._schedule.take(clock_ms())
                if turn is not None:
                    return turn
                due = self._schedule.next_due()
                self._changed.wait(None if due is None else max(0, due - clock_ms()) / 1000)
            return None
