"""How many tasks a core can do: hundreds of registry entries, real workers, a real Redis; for docs/proofs/scaling.md.

CPU time is counted, not the clock alone, so that other work on the machine does not spoil it. Answers are rendered
beforehand (server.py), and every price moves from one task of a provider to its next: the worst case for Redis. That
needs a number of ENTRIES that is no multiple of 20. Usage: capacity.py [ENTRIES]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.torture_world import RedisServer  # noqa: E402

ADAPTERS = {
    "BYBIT": "marketctl.providers.cex.bybit:BybitAdapter",
    "HTX": "marketctl.providers.cex.htx:HtxAdapter",
    "KUCOIN": "marketctl.providers.cex.kucoin:KucoinAdapter",
    "MEXC": "marketctl.providers.cex.mexc:MexcAdapter",
    "WHITEBIT": "marketctl.providers.cex.whitebit:WhitebitAdapter",
}
# Name of the server's set: its spec, what it is.
SETS = {
    "tiny": ("tiny:0.02:0:http", "about 25 pairs, answers at once"),
    "small": ("small:0.1:0:http", "about 115 pairs, answers at once"),
    "full": ("full:1:0:http", "about 1,160 pairs, answers at once"),
    "bare": ("bare:1:0:http", "about 1,160 pairs, no history"),
    "far": ("far:0.1:300:http", "about 115 pairs, answers after 300 ms"),
}
RUNS = (
    ("prefork", 2, "tiny"),
    ("prefork", 2, "small"),
    ("prefork", 2, "full"),
    ("prefork", 2, "bare"),
    ("prefork", 2, "far"),
    ("threads", 16, "small"),
    ("threads", 16, "far"),
)
TICK = os.sysconf("SC_CLK_TCK")


class Desk:
    """A folder with a registry of many entries, a Redis server, and what runs there."""

    def __init__(self, folder: Path, entries: int) -> None:
        self.folder = folder
        self.entries = [f"{list(ADAPTERS)[index % 5]}_{index:04}" for index in range(entries)]
        self.redis = RedisServer(folder / "redis").start()
        self.client = Redis(port=self.redis.port)
        specs = [spec for spec, _ in SETS.values()]
        self.server = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks" / "server.py"), *specs], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self.server.stdout is not None
        self.urls: dict[str, dict[str, str]] = json.loads(self.server.stdout.readline())
        self.processes: list[subprocess.Popen[bytes]] = []

    def write(self, answers: str, interval_s: float) -> None:
        """Write the registry."""
        lines = [
            f'[settings]\nredis_url = "{self.redis.url}"\nprices_interval_s = {interval_s}',
            "wallet_interval_s = 1e6\nstats_interval_s = 1e6",
        ]
        if answers == "bare":
            lines.append("history = { enabled = false }")
        for name in self.entries:
            kind = name.split("_")[0]
            lines.append(f'[providers.{name}]\npath = "{ADAPTERS[kind]}"\nbase_url = "{self.urls[answers][kind]}"')
        (self.folder / "providers.toml").write_text("\n".join(lines) + "\n")

    def environment(self) -> dict[str, str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "MARKETCTL_CONFIG": str(self.folder / "providers.toml"),
        }

    def celery(self, *words: str) -> int:
        """Start a worker or beat in a process group of its own; return its id."""
        with (self.folder / "celery.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "marketctl.celery_app", *words],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process.pid

    def send(self, passes: int) -> int:
        """Put the prices of all entries into the queue so many times, from a process of its own."""
        program = (
            "import sys; from marketctl.celery_app import app, job_task\n"
            "with app.producer_pool.acquire(block=True) as producer:\n"
            "    for _ in range(int(sys.argv[1])):\n"
            "        for name in sys.argv[2:]:\n"
            "            job_task.apply_async((name, 'prices'), queue='prices', producer=producer)\n"
        )
        command = [sys.executable, "-c", program, str(passes), *self.entries]
        subprocess.run(command, env=self.environment(), cwd=ROOT, check=True)
        return passes * len(self.entries)

    def waiting(self) -> int:
        """Return how many tasks wait or are worked on."""
        queued: Any = self.client.llen("marketctl:celery:prices")
        in_hand: Any = self.client.hlen("marketctl:celery:unacked")
        return int(queued) + int(in_hand)

    def drain(self, limit_s: float = 240) -> None:
        """Wait until nothing is left."""
        until = time.monotonic() + limit_s
        while self.waiting():
            if time.monotonic() > until:
                raise SystemExit(f"{self.waiting()} tasks are still waiting, see {self.folder}/celery.log")
            time.sleep(0.02)

    def published(self) -> int:
        """Return how many publishes all entries had so far."""
        pipe = self.client.pipeline(transaction=False)
        for name in self.entries:
            pipe.hget(f"marketctl:{{{name}}}:l1:meta", "seq")
        return sum(int(seq or 0) for seq in pipe.execute())

    def redis_s(self) -> float:
        told: Any = self.client.info("cpu")
        return float(told["used_cpu_user"] + told["used_cpu_sys"])

    def end(self) -> None:
        """Stop workers and beats."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes = []

    def close(self) -> None:
        self.end()
        self.server.kill()
        self.server.wait()
        self.client.close()
        self.redis.kill()


def group_s(group: int) -> float:
    """Return the CPU seconds of a process group."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def group_mb(group: int) -> float:
    """Return the resident memory of a process group, what its processes share counted once each."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                lines = (path / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        except (OSError, StopIteration):
            continue
    return total


def drained(desk: Desk, pool: str, count: int, answers: str, passes: int) -> str:
    """Work off a full queue; return a row."""
    desk.client.flushall()
    desk.write(answers, 10)
    worker = desk.celery(
        "worker", "-P", pool, "-c", str(count), "-Q", "prices", "-l", "WARNING", "--without-gossip", "--without-mingle"
    )
    desk.send(1)
    desk.drain()  # imports and pair lists
    before, cpu, redis = desk.published(), group_s(worker), desk.redis_s()
    sent = desk.send(passes)
    desk.drain()
    cpu, redis = group_s(worker) - cpu, desk.redis_s() - redis
    done = desk.published() - before
    memory = group_mb(worker)
    desk.end()
    assert done == sent, f"{sent} sent, {done} published"
    row = (
        f"{pool} -c {count}", SETS[answers][1], f"{cpu / done * 1000:.1f} ms", f"{done / cpu:.0f}",
        f"{redis / done * 1000:.2f} ms", f"{memory:.0f} MB",
    )  # fmt: skip
    return "| " + " | ".join(row) + " |"


def steady(desk: Desk, seconds: int) -> str:
    """Let beat send the turns of all entries at 10 s to two workers; return what became of them."""
    desk.client.flushall()
    desk.write("small", 10)
    for name in ("one", "two"):
        desk.celery(
            *("worker", "-n", f"{name}@bench", "-P", "prefork", "-c", "2", "-Q", "prices"),
            *("-l", "WARNING", "--without-gossip", "--without-mingle"),
        )
    desk.send(1)
    desk.drain()
    beat = desk.celery("beat", "-l", "WARNING")
    time.sleep(11)
    first, cpu, before = time.time_ns() // 1_000_000, group_s(beat), desk.published()
    time.sleep(seconds)
    cpu = (group_s(beat) - cpu) / (desk.published() - before)
    last = time.time_ns() // 1_000_000
    how = turns(desk, first, last - 10_000)
    desk.end()
    told = f"{len(desk.entries)} entries at 10 s for {seconds - 10} s: {how.total()} due, {how[1]} done once"
    return f"{told}, {how.total() - how[0] - how[1]} done twice, {how[0]} lost; beat {cpu * 1000:.2f} ms a task"


def turns(desk: Desk, first: int, last: int) -> Counter[int]:
    """Return how many of the turns that were due in this time were served how often: quotes were published."""
    from marketctl.workers.beat import last_turn

    how: Counter[int] = Counter()
    for name in desk.entries:
        start = last_turn(name, "prices", 10_000, first) + 10_000
        served = Counter(dict.fromkeys(range(start, last, 10_000), 0))
        events: Any = desk.client.xrange(f"marketctl:{{{name}}}:events")
        for _, fields in events:
            began = datetime.strptime(fields[b"run_id"].decode()[:18], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
            due = last_turn(name, "prices", 10_000, round(began.timestamp() * 1000))
            if due in served:
                served[due] += 1
        how.update(served.values())
    return how


def main(entries: int) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="marketctl-capacity-") as name:
        desk = Desk(Path(name), entries)
        try:
            print(f"{entries} entries, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
            print("| worker | a provider | CPU a task | tasks/s a core | CPU of Redis a task | memory |")
            print("| --- | --- | --- | --- | --- | --- |")
            for pool, count, answers in RUNS:
                print(drained(desk, pool, count, answers, 3), flush=True)
            print("\n" + steady(desk, 50))
        finally:
            desk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 215))
