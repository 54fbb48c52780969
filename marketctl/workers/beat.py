"""Celery's beat: sends every job's turns at the registry's intervals."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from celery.beat import Scheduler
from kombu.exceptions import OperationalError

from marketctl.config.paths import find_registry
from marketctl.config.registry import Registry
from marketctl.jobs.desk import CurrentDesk
from marketctl.jobs.schedule import Planned, Schedule
from marketctl.log import log
from marketctl.models import JOBS
from marketctl.times import now_ms
from marketctl.workers.app import LOOK_S, MARGIN_S, job_task

SET_BACK_MS = 2000  # a clock that goes back by more was set
BACKLOG = 2  # turns of everything: with more of them waiting nobody works, and they would fill Redis


class Timetable(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Sends every job's turns on a fixed grid of time, each provider at its own place in the interval.

    Nothing is stored: after a restart, or beside a second beat, turns that were served already are recognised by the
    workers (redis/lock.py). Edits of the registry count from the next second on.
    """

    def setup_schedule(self) -> None:
        """Begin with the present turn of every job."""
        self._desk = CurrentDesk()
        self._registry: Registry | None = None
        self._sent: dict[tuple[str, str], int] = {}
        self._schedule = Schedule([])
        self._now = 0
        self._full: set[str] = set()
        self._looked = 0.0
        self._complaint = ""
        self._ticking = False

    def tick(self, *_: Any, **__: Any) -> float:
        """Send the turns that are due; return the seconds until the next look."""
        self._ticking = True
        try:
            return self._tick()
        finally:
            self._ticking = False

    def close(self) -> None:
        """Leave the broker, but not in the midst of a tick: a signal's handler calls this, and the end once more."""
        if not self._ticking:
            super().close()

    def _tick(self) -> float:
        registry = self._desk.now().registry
        now = now_ms()
        if registry is not self._registry or now < self._now - SET_BACK_MS:
            self._plan(registry)
        self._now = now
        trouble = (OperationalError, *self.connection.connection_errors, *self.connection.channel_errors)
        try:
            complaint = self._send_due(registry)
        except trouble as error:
            complaint = f"the broker does not take tasks, those missed are not made up for: {error}"
            self._hang_up()
        if complaint and complaint != self._complaint:
            log.error("%s", complaint)
        self._complaint = complaint
        due = self._schedule.next_due()
        wait = (due - now_ms()) / 1000 if due is not None and not complaint else LOOK_S
        return min(LOOK_S, max(0.0, wait))

    def _send_due(self, registry: Registry) -> str:
        now = now_ms()
        if time.monotonic() - self._looked > LOOK_S:
            was, self._full = self._full, {job for job in JOBS if self._waiting(job) > BACKLOG * len(self._schedule)}
            self._looked = time.monotonic()
            if was and not self._full:
                self._plan(registry)  # the present turns, as far as they were not sent
        while (turn := self._schedule.take(now)) is not None:
            try:
                if turn.job not in self._full and self._sent.get((turn.provider, turn.job)) != turn.due:
                    self._send(turn.provider, turn.job, turn.due, registry)
            finally:
                self._schedule.done(turn)  # workers see to the rest: locks, and what was done since it was due
        return "tasks are waiting and nobody works: no more are sent until some are done" if self._full else ""

    def _hang_up(self) -> None:
        """Leave a broken connection, which kombu would not mend: the next tick makes another."""
        self.__dict__.pop("producer", None)
        connection = self.__dict__.pop("connection", None)
        if connection is not None:
            with suppress(Exception):
                connection.release()

    def _ensure_connected(self) -> Any:
        return self.connection.ensure_connection(max_retries=1, interval_start=0.1)  # the next tick tries again

    def _plan(self, registry: Registry) -> None:
        now = now_ms()
        self._registry = registry
        every = [(entry.name, job, round(entry.interval_s(job) * 1000)) for entry in registry.enabled() for job in JOBS]
        self._schedule = Schedule(
            Planned(last_turn(name, job, interval, now), name, job, interval) for name, job, interval in every
        )

    def _waiting(self, queue: str) -> int:
        count: int = self.producer.channel.queue_declare(queue).message_count
        return count

    def _send(self, provider: str, job: str, due: int, registry: Registry) -> None:
        entry = registry.providers[provider]
        expires_s = due / 1000 + entry.interval_s(job)
        if expires_s * 1000 <= now_ms():
            return  # the next one is due already
        job_task.apply_async(
            (provider, job, due),
            queue=job,
            producer=self.producer,
            expires=datetime.fromtimestamp(expires_s, UTC),
            time_limit=entry.deadline_s + MARGIN_S,
        )
        self._sent[provider, job] = due

    @property
    def info(self) -> str:
        """Say in beat's banner where the turns come from."""
        return f"    . registry -> {find_registry()}"


def last_turn(provider: str, job: str, interval_ms: int, now: int) -> int:
    """Return the time of the present turn: the grid is the same for every beat, and spreads the providers evenly."""
    offset = crc32(f"{provider} {job}".encode()) * interval_ms >> 32
    return (now - offset) // interval_ms * interval_ms + offset
