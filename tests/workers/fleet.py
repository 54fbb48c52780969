"""Real workers and beats on a real Redis server, and what the providers saw of them."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marketctl.sandbox.base import Call, Reply, Sandbox
from marketctl.sandbox.setup import write_setup
from tools.torture_world import RedisServer

TICKERS = {
    "BYBIT": "/v5/market/tickers",
    "HTX": "/market/tickers",
    "KUCOIN": "/api/v1/market/allTickers",
    "WHITEBIT": "/api/v1/public/tickers",
}
INTERVAL_MS = 1200
ROOT = Path(__file__).parents[2]


class Fleet:
    """A broker, machines (each with folders of its own) that run workers and beats, and a sandbox that takes notes."""

    def __init__(self, folder: Path, *, interval_ms: int = INTERVAL_MS) -> None:
        self.folder = folder
        self.interval_ms = interval_ms
        self.sandbox = Sandbox(list(TICKERS))
        self.server = RedisServer(folder / "redis", "--appendonly", "yes")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.asked: list[tuple[int, str]] = []  # when (ms), whom for tickers
        self.most: Counter[str] = Counter()  # most tickers asked at the same time
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.sandbox.start()
        self.server.start()
        self.registry = write_setup(self.sandbox, folder / "desk")
        self.edit('redis_url = "embedded"', f'redis_url = "{self.server.url}"')
        self.edit("prices_interval_s = 10", f"prices_interval_s = {interval_ms / 1000}\ndeadline_s = 15")
        text = self.registry.read_text()  # their turn comes once in a test, whenever that is
        self.registry.write_text(re.sub(r"(?m)^(wallet|stats)_interval_s = \d+", r"\1_interval_s = 604800", text))
        for name, api in self.sandbox.apis.items():
            api.answer = self._noting(name, api.answer)  # type: ignore[method-assign]

    def _noting(self, name: str, answer: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
        def noting(call: Call) -> Reply:
            if call.path != TICKERS[name]:
                return answer(call)
            with self._lock:
                self.asked.append((time.time_ns() // 1_000_000, name))
                self._now[name] += 1
                self.most[name] = max(self.most[name], self._now[name])
            try:
                return answer(call)
            finally:
                with self._lock:
                    self._now[name] -= 1

        return noting

    def edit(self, before: str, after: str) -> None:
        text = self.registry.read_text()
        assert before in text, before
        fresh = self.registry.with_suffix(".new")
        fresh.write_text(re.sub(rf"(?m)^{re.escape(before)}$", after, text))
        fresh.replace(self.registry)

    def environment(self, machine: str) -> dict[str, str]:
        home = self.folder / machine
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.defpath,
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "PYTHONPATH": str(ROOT),
            "MARKETCTL_CONFIG": str(self.registry),
            "MARKETCTL_DATA_DIR": str(home / "data"),
        }

    def start(self, machine: str, what: str, *options: str) -> None:
        """Start `worker` or `beat` on a machine; its log is `<folder>/<machine>.<what>.log`."""
        if what == "worker":
            options = (*options, "-n", f"{machine}@test", "--without-gossip", "--without-mingle")
        command = [sys.executable, "-m", "celery", "-A", "marketctl.celery_app", what, "-l", "INFO", *options]
        with self.log(machine, what).open("ab") as log:
            self.processes[f"{machine} {what}"] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(machine),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def command(self) -> list[str]:
        """marketctl with this registry."""
        return [sys.executable, "-m", "marketctl", "--config", str(self.registry)]

    def marketctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the desk, beside the workers."""
        return subprocess.run(
            [*self.command, *words],
            cwd=self.folder,
            env=self.environment("desk"),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def log(self, machine: str, what: str) -> Path:
        return self.folder / f"{machine}.{what}.log"

    def told(self, machine: str | None = None) -> str:
        """Return what the workers logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob(f"{machine or '*'}.worker.log")))

    def done(self, provider: str, job: str) -> int:
        """Return how often a job was done well."""
        return len(re.findall(rf" ok in \d+ ms \[{provider} {job}\]", self.told()))

    def locks(self) -> dict[str, tuple[str, int]]:
        """Return the locks held now: "BYBIT wallet" -> token, process id."""
        found = {}
        for key in self.server.say("KEYS", "marketctl:*:lock:*"):
            token = self.server.say("GET", key)
            if token:
                name = re.sub(r".*\{(\w+)\}:lock:(\w+)", r"\1 \2", key.decode())
                found[name] = (token.decode(), int(token.decode().split(":")[1]))
        return found

    def asked_last(self, times: int) -> set[str]:
        """Return who was asked for tickers the last so many times; nobody while it was less often."""
        last = [name for _, name in self.asked[-times:]]
        return set(last) if len(last) == times else set()

    def owner(self, job: str) -> str:
        """Return the machine that holds the lock of a job, "" where nobody does."""
        try:
            group = os.getpgid(self.locks()[job][1])
        except (KeyError, ProcessLookupError):  # it was given back just now
            return ""
        return next(machine for machine in ("north", "south") if self.processes[f"{machine} worker"].pid == group)

    def kill(self, machine: str, what: str) -> None:
        """Kill a worker with all its processes, as a machine that loses its power."""
        process = self.processes.pop(f"{machine} {what}")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def turns(self, provider: str, first_ms: int, last_ms: int) -> Counter[int]:
        """Return when each turn that was due in this time was due -> how often it was done: quotes were published."""
        from marketctl.workers.beat import last_turn

        interval_ms = self.interval_ms
        start = last_turn(provider, "prices", interval_ms, first_ms) + interval_ms
        found = Counter(dict.fromkeys(range(start, last_ms - interval_ms, interval_ms), 0))
        for _, fields in self.server.say("XRANGE", f"marketctl:{{{provider}}}:events", "-", "+"):
            began = datetime.strptime(fields[b"run_id"].decode()[:18], "%Y%m%dT%H%M%S%f")  # noqa: DTZ007
            due = last_turn(provider, "prices", interval_ms, round(began.replace(tzinfo=UTC).timestamp() * 1000))
            if due in found:
                found[due] += 1
        return found

    def close(self) -> None:
        for process in self.processes.values():
            process.terminate()
        until = time.monotonic() + 8
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        self.server.kill()
        self.sandbox.stop()


def wait_for(truth: Callable[[], Any], seconds: float) -> Any:
    """Return what becomes true, or fail."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = truth()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


__all__ = ["INTERVAL_MS", "TICKERS", "Fleet", "now_ms", "wait_for"]
