"""`marketctl run` without --once, watched from outside: what a later cycle costs, and what the sentinel is of it."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path


class Repeating:
    """A running process; its cycles are the publishes of its last exchange. A context."""

    def __init__(self, command: list[str], env: dict[str, str], redis: str, prefix: str) -> None:
        self.command, self.env, self.prefix = command, env, prefix
        self.redis = socket.socket(socket.AF_UNIX)
        self.redis.connect(redis.removeprefix("unix://"))

    def __enter__(self) -> "Repeating":
        self.start = self.published()
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self.redis.close()
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def published(self) -> int:
        """Return how often the last of the exchanges was published, ever."""
        self.redis.sendall(f"HGET {self.prefix}:{{KUCOIN}}:l1:meta seq\r\n".encode())
        reply = self.redis.recv(100).split(b"\r\n")
        return int(reply[1]) if reply[0] != b"$-1" else 0

    def cycle(self) -> int:
        """Return the number of cycles done."""
        return self.published() - self.start

    def reach(self, cycle: int) -> None:
        """Wait for a cycle."""
        while self.cycle() < cycle:
            if self.process.poll() is not None:
                raise SystemExit(f"the repeating mode ended with {self.process.returncode}")
            time.sleep(0.005)

    def cpu_s(self) -> float:
        """Return the CPU time used so far (user and system), to the nanosecond: by Linux' clock of another process."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory_mb(self) -> float:
        """Return the resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cost_s(self, cycles: int) -> float:
        """Return the CPU time of one of the next cycles."""
        first, cpu = self.cycle(), self.cpu_s()
        self.reach(first + cycles)
        return (self.cpu_s() - cpu) / (self.cycle() - first)

    def turn_s(self, cycles: int) -> float:
        """Go on, return the CPU time of a cycle, and stand still again. The first cycle is that of the interruption."""
        self.process.send_signal(signal.SIGCONT)
        self.reach(self.cycle() + 1)
        found = self.cost_s(cycles)
        self.process.send_signal(signal.SIGSTOP)
        return found


def later_cycle(running: Repeating, cycles: int = 30) -> float:
    """Return the CPU time of a later cycle."""
    with running:
        running.reach(3)
        return running.cost_s(cycles)


def in_turn(first: Repeating, second: Repeating, turns: int = 24, cycles: int = 5) -> tuple[list[float], list[float]]:
    """Return the CPU times of a cycle of two, turn by turn: one of them stands still while the other works."""
    found: tuple[list[float], list[float]] = ([], [])
    with first, second:
        for running in (first, second):
            running.reach(3)
            running.process.send_signal(signal.SIGSTOP)
        for turn in range(turns):
            for which in (0, 1) if turn % 2 else (1, 0):
                found[which].append((first, second)[which].turn_s(cycles))
    return found


def memory_growth(running: Repeating, cycles: int = 1000) -> dict[str, list[float]]:
    """Return the memory (MB) of a process at cycle 100 and 1,000 cycles later."""
    with running:
        running.reach(100)
        before = running.memory_mb()
        running.reach(100 + cycles)
        return {"before": [before], "after": [running.memory_mb()], "cycles": [cycles]}
