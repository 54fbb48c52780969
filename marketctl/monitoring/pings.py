"""Dead-man pings in the healthchecks.io protocol: a service raises the alarm when they stop, or tell a failure.

`ping_url` of [settings] is told of each round of all providers, a provider's own of that provider's jobs. A round is
all jobs of `run --once`; where `run` repeats, those due when it begins, and the next one begins when all of them ended:
a provider that hangs makes it long, and ends it as a failure. Each URL has a thread of its own: a slow or dead service
never delays a job, and costs the end of a run ten seconds at most. What another run is doing is not told, and a run
that is stopped says nothing more: that is what a dead-man switch is for.
"""

import queue
import threading
import time
import traceback
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.redact import redact

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Run

BODY_MAX = 10_000  # bytes, what a self-hosted service keeps
BACKLOG = 4  # pings that wait: where they pile up, a new turn is not told
NAMESPACE = uuid.UUID("6f1c2f0e-2f9b-5b0c-9d5e-0a6d1f6f7a11")


@dataclass
class Watched:
    """What one URL is told of: the jobs to come, how the others ended, and whether it knows of the start."""

    line: "Line"
    rid: str
    jobs: set[tuple[str, str]]  # those to come
    common: bool = False  # the round of all providers
    results: list["Result"] = field(default_factory=list)
    started: bool = False
    ended: bool = False


class Pings:
    """The pings of one process; `begin` once a run, then `start` and `done` of each job, `close` at the end."""

    def __init__(self, desk: "Desk", *, whole: bool) -> None:
        self.desk = desk
        self.whole = whole  # all providers, not some that were named
        self._lines: dict[str, Line] = {}
        self._watched: list[Watched] = []
        self._lock = threading.Lock()

    def begin(
        self,
        run: "Run",
        work: Iterable[tuple["ProviderEntry", str]],
        all_due: Sequence[tuple["ProviderEntry", str]] | None = None,
    ) -> None:
        """Take note of the jobs of a run; `all_due` are those of a round that would begin now, if not these."""
        own = list(work)
        jobs: dict[tuple[str, str], set[tuple[str, str]]] = {}  # (name, url) -> jobs
        for entry, job in own:
            if entry.ping_url is not None:
                jobs.setdefault((entry.name, entry.ping_url), set()).add((entry.name, job))
        with self._lock:
            self._watched = [one for one in self._watched if not one.ended]
            common = self.desk.settings.ping_url if self.whole else None
            if common is not None and not any(one.common for one in self._watched):
                due = own if all_due is None else all_due
                jobs["", common] = {(entry.name, job) for entry, job in due}
            self._watched += [
                Watched(self._line(url), str(uuid.uuid5(NAMESPACE, f"{run.run_id} {name}")), todo, common=not name)
                for (name, url), todo in jobs.items()
            ]

    def start(self, provider: str, job: str) -> None:
        """Tell the start, at the first job that really begins."""
        with self._lock:
            for one in self._watched:
                if (provider, job) in one.jobs and not one.started and one.line.has_room():
                    one.started = True
                    one.line.tell("/start", one.rid)

    def done(self, result: "Result") -> None:
        """Tell the end, with the last job; jobs that another run is doing count for neither end."""
        with self._lock:
            for one in self._watched:
                if (result.provider, result.job) in one.jobs:
                    one.jobs.discard((result.provider, result.job))
                    one.results += [result] if result.reason != "busy" else []
                    if not one.jobs:
                        self._end(one)

    def broke(self, error: BaseException) -> None:
        """Tell the failure of a run that did not come to its end."""
        with self._lock:
            for one in self._watched:
                if not one.ended:
                    self._end(one, f"the run broke off: {type(error).__name__}")

    def close(self, within_s: float) -> None:
        """Wait until all is told, or for so long."""
        until = time.monotonic() + within_s
        for line in self._lines.values():
            line.close()
        for line in self._lines.values():
            line.join(max(0.0, until - time.monotonic()))
            if line.is_alive():
                log.warning("a dead-man ping was given up after %g s", within_s, extra={"job": "ping"})

    def _line(self, url: str) -> "Line":
        if url not in self._lines:
            self._lines[url] = Line(url)
            self._lines[url].start()
        return self._lines[url]

    def _end(self, one: Watched, trouble: str | None = None) -> None:
        one.ended = True
        if one.started:
            failed = trouble is not None or any(result.status == "failed" for result in one.results)
            one.line.tell("/fail" if failed else "", one.rid, body(one.results, trouble) if failed else b"")


class Line(threading.Thread):
    """Sends the pings of one URL, one after another."""

    def __init__(self, url: str) -> None:
        super().__init__(name="dead-man pings", daemon=True)
        self._url = url.rstrip("/")
        self._waiting: queue.SimpleQueue[tuple[str, str, bytes] | None] = queue.SimpleQueue()

    def has_room(self) -> bool:
        """Tell whether the pings keep up."""
        return self._waiting.qsize() < BACKLOG

    def tell(self, action: str, rid: str, text: bytes = b"") -> None:
        """Send a ping soon."""
        self._waiting.put((action, rid, text))

    def close(self) -> None:
        """End when all is sent."""
        self._waiting.put(None)

    def run(self) -> None:
        from marketctl.http.ping import ping

        while (item := self._waiting.get()) is not None:
            action, rid, text = item
            try:
                ping(self._url + action, f"rid={rid}", text)
            except MarketctlError as error:
                log.warning("a dead-man ping was not delivered: %s", error.message, extra={"job": "ping"})
            except Exception:  # noqa: BLE001  (a bug: told with its traceback, and never a reason to harm the run)
                told = redact(traceback.format_exc().rstrip())
                log.error("a dead-man ping was not delivered:\n%s", told, extra={"job": "ping"})


def body(results: Iterable["Result"], trouble: str | None = None) -> bytes:
    """Return the results as lines, failures first, without secrets and not too long."""
    ranked = sorted(results, key=lambda result: result.status != "failed")
    lines = [redact(trouble)] if trouble else []
    for result in ranked:
        told = "" if result.status == "ok" else f" ({result.reason}): {redact(result.message or '')}"
        lines.append(f"{result.provider} {result.job} {result.status}{told}")
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")[:BODY_MAX]
