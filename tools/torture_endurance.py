"""Sixteen hours of ten-second runs in minutes. Long: one desk and all that is held against what it says.

`marketctl run` itself, on a clock that jumps where it would sleep.

Each turn some providers have a fault, and now and then Redis has one. What every run says is held against what the
sandbox knows it served, and against what Redis, mirror, state, history and journal hold.
"""

import gc
import hashlib
import json
import mmap
import os
import random
import struct
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from torture_readers import Problems, check_journal
from torture_victims import import_everything
from torture_world import EXCHANGES, Children, RedisServer, StampedSandbox, desk, price_stamps

from marketctl import times
from marketctl.cli import invoke
from marketctl.files.state import read_state
from marketctl.providers.loader import load_registry

INTERVAL_S = 10
LASTING = (
    *("429", "429:1", "500", "503", "451", "403", "401", "html", "redirect", "drop", "cut", "truncated", "types"),
    *("empty-object", "empty-list", "empty", "rate-limit", "maintenance", "error", "bomb"),
)
PASSING = ("429*1", "429:1*1", "500*1", "503*1", "drop*1", "cut*1", "slow:0.05")
# Their prices hold no lists, or no texts: such a fault leaves them as they are.
HARMLESS = {
    ("OPENEXCHANGERATES", "types"),
    *((one, "empty-list") for one in ("OPENEXCHANGERATES", "TWELVEDATA", "WHITEBIT")),
}


class Clock(types.ModuleType):
    """Stands in for `time`: as the real one, but to sleep is to be there at once. Shared between processes."""

    def __init__(self) -> None:
        super().__init__("time")
        self.ahead = mmap.mmap(-1, 8)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def offset(self) -> float:
        return float(struct.unpack("d", self.ahead[:8])[0])

    def monotonic(self) -> float:
        return time.monotonic() + self.offset()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + int(self.offset() * 1e9)

    def time_ns(self) -> int:
        return time.time_ns() + int(self.offset() * 1e9)

    def time(self) -> float:
        return time.time() + self.offset()

    def sleep(self, seconds: float) -> None:
        self.ahead[:8] = struct.pack("d", self.offset() + seconds)


class Endurance:
    """Here: the sandbox, Redis, and the judge of each turn. In a child: marketctl."""

    def __init__(self, root: Path, hours: float, seed: int) -> None:
        self.root = root
        self.hours = hours
        self.dice = random.Random(seed)
        self.clock = Clock()
        self.children = Children()
        self.problems = Problems()
        self.figures: Counter[str] = Counter()
        self.server = RedisServer(root / "redis")
        self.model: dict[str, dict[str, Any]] = {}
        self.memory: list[int] = []
        self.handles: list[int] = []
        self.planned = 0.0  # the next turn of BYBIT's prices
        self.free = 0.0  # when the turn before was over
        self.drift = 0.0

    # The child ----------------------------------------------------------------------------

    def collect(self) -> int:
        """Run `marketctl run` until a signal, telling of each turn before and after."""
        os.close(self.to_child[1])
        os.close(self.to_parent[0])
        path = self.hear(self.to_child[0])["path"]
        told = os.open(self.root / "told.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(told, 2)  # failures are told there, and there are many
        import_everything()
        import marketctl.cli.repeat  # noqa: F401  (its clock is replaced, too)
        from marketctl.http import client
        from marketctl.http.ratelimit import Pace
        from marketctl.jobs import runner
        from marketctl.redis import publish
        from marketctl.redis.lock import RedisLock
        from marketctl.redis.shared import SharedPace

        for name, module in list(sys.modules.items()):
            if name.startswith("marketctl") and getattr(module, "time", None) is time:
                module.time = self.clock  # type: ignore[attr-defined]
        client.sleep = self.clock.sleep
        for kind in (Pace, SharedPace):  # the server's clock, which some of it goes by, does not jump
            kind.reserve = lambda *_: 0.0  # type: ignore[method-assign,assignment]
            kind.hold = lambda *_: None
        take = RedisLock.take
        RedisLock.take = lambda self, *given: take(self, also=given[3])  # type: ignore[method-assign]
        noted = publish.mark_failed  # and how long a run took is no measure of what the server did meanwhile
        publish.mark_failed = lambda *given, **_: noted(*given)

        at_its_turn = runner._at_its_turn

        def turn(run: Any, entry: Any, job: str, *given: Any) -> Any:
            self.tell(self.to_parent[1], {"work": [entry.name, job], "at": self.clock.monotonic()})
            self.hear(self.to_child[0])
            result = at_its_turn(run, entry, job, *given)
            told = {"results": [result.to_dict()], "run_id": run.run_id, "at": self.clock.monotonic()}
            self.tell(self.to_parent[1], told)
            self.hear(self.to_child[0])
            return result

        runner._at_its_turn = turn
        gc.set_threshold(50_000, 20, 20)  # as the program does
        return invoke(["--config", path, "run", "-q"])

    @staticmethod
    def tell(fd: int, message: Any) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(fd, data) :]

    def hear(self, fd: int) -> Any:
        data = b""
        while not data.endswith(b"\n"):
            piece = os.read(fd, 1 << 16)
            if not piece:
                raise RuntimeError("the other side went away")
            data += piece
        return json.loads(data)

    # The judge ----------------------------------------------------------------------------

    def run(self, progress: Callable[[str], None]) -> None:
        os.environ["TMPDIR"] = str(self.root)
        tempfile.tempdir = None
        self.to_child, self.to_parent = os.pipe(), os.pipe()
        pid = self.children.fork(self.collect)
        os.close(self.to_child[0])
        os.close(self.to_parent[1])
        self.server.start()
        times.time = self.clock  # type: ignore[assignment]
        with (
            StampedSandbox(scale=0) as self.sandbox,
            redis.Redis.from_url(self.server.url) as self.redis,
        ):
            intervals = {"wallet_interval_s": 600, "stats_interval_s": 1200, "prices_interval_s": INTERVAL_S}
            path = desk(self.sandbox, self.root / "desk", self.server.url, timeout_s=2, attempts=3, **intervals)
            self.data = path.parent / "data"
            self.registry = load_registry(path, environ={})
            self.tell(self.to_child[1], {"path": str(path)})
            began = self.clock.monotonic()
            while (passed := (self.clock.monotonic() - began) / 3600) < self.hours:
                self.turn(pid)
                progress(f"{passed:.2f} of {self.hours} hours, {sum(self.problems.counts.values())} problems")
            os.kill(pid, 15)
            code = self.children.wait(pid, 20)
            if code != 143:
                self.problems.add("wrong exit", f"{code} after SIGTERM")
            self.finish()

    def turn(self, pid: int) -> None:
        """Choose faults, let one turn pass, judge each result."""
        begun = self.hear(self.to_parent[0])
        faults = {begun["work"][0]: self.choose()}
        specs = [f"{name}={spec}" for name, spec in faults.items() if spec]
        self.sandbox.fault(*specs)
        self.figures["faults of providers"] += len(specs)
        read_only = self.dice.random() < 0.01
        if read_only:
            self.redis.replicaof("127.0.0.1", "1")
            self.figures["faults of Redis"] += 1
        low = self.sandbox.stamp + 1
        self.tell(self.to_child[1], {})
        ended = self.hear(self.to_parent[0])
        if read_only:
            self.redis.replicaof("NO", "ONE")
        self.figures["runs"] += 1
        for result in ended["results"]:
            self.judge(result, faults[result["provider"]], read_only, low, ended["run_id"])
        if begun["work"] == ["BYBIT", "prices"]:
            if self.planned:
                off = (begun["at"] - self.planned) % INTERVAL_S  # on the grid, or at once when there were hands again
                late = abs(begun["at"] - max(self.planned, self.free))
                self.drift = max(self.drift, min(late, off, INTERVAL_S - off))
            due = self.planned or begun["at"]  # a place on the grid; those that were missed are not made up for
            due += max(0, begun["at"] - due) // INTERVAL_S * INTERVAL_S
            self.planned = due + INTERVAL_S
            self.figures["runs late for the next"] += ended["at"] > self.planned
        self.free = ended["at"]
        if self.figures["runs"] % 120 == 119:
            self.measure(pid)
        self.tell(self.to_child[1], {})

    def choose(self) -> str | None:
        dice = self.dice.random()
        if dice < 0.2:
            kind = self.dice.choice(LASTING)
            return None if kind == "bomb" and self.dice.random() < 0.95 else kind
        return self.dice.choice(PASSING) if dice < 0.3 else None

    def judge(self, result: dict[str, Any], fault: str | None, read_only: bool, low: int, run_id: str) -> None:
        """Hold a result against what we know."""
        name, job, status = result["provider"], result["job"], result["status"]
        self.figures["jobs"] += 1
        self.figures[f"jobs {status}"] += 1
        kind = (fault or "").partition(":")[0].partition("*")[0]
        lasting = fault in LASTING and (name, kind) not in HARMLESS
        own = self.sandbox.apis[name].errors
        if kind in ("rate-limit", "maintenance", "error") and kind not in own:
            lasting = False
        broken = lasting or (read_only and job == "prices")
        words = f"{name} {job} under {fault}, Redis read-only {read_only}: {result}"
        free = result["requests"] == 0 and result["cached"] and not read_only  # an older answer, told as such
        # Statistics of sets that were accepted ask for clock and platform alone, and for assets where there was no
        # wallet: what these do not tell stays unknown. No list is shorter than a thousand bytes.
        unknown = result["bytes"] < 1000 or result.get("assets", 0) is None
        beside = job == "stats" and result["requests"] <= 3 and unknown
        if broken and status == "ok" and not (free or beside):
            self.problems.add("lied", words)
        if not broken and status == "failed" and (name, kind) not in HARMLESS:
            self.problems.add("failed without a fault", words)
        if status == "failed" and (not result["reason"] or result["reason"] == "internal"):
            self.problems.add("no reason", words)
        known = self.model.setdefault(f"{name} {job}", {"failures": 0, "ok": 0, "history": []})
        known["failures"] = 0 if status == "ok" else known["failures"] + (status == "failed")
        state = read_state(self.data / "state", name, job)
        if (state.get("failures"), state.get("last_reason")) != (known["failures"], result["reason"]):
            self.problems.add("state", f"{words}: {state}")
        if job == "prices":
            self.judge_prices(name, result, known, low, run_id, words, read_only)

    def judge_prices(
        self,
        name: str,
        result: dict[str, Any],
        known: dict[str, Any],
        low: int,
        run_id: str,
        words: str,
        read_only: bool,
    ) -> None:
        """A good answer is in Redis and in the mirror; a bad one has left both as they were and is noted."""
        key = f"marketctl:{{{name}}}:l1"
        raw, meta = self.redis.hgetall(key), self.redis.hgetall(f"{key}:meta")
        print_of = hashlib.sha1(repr(sorted(raw.items())).encode()).hexdigest()
        mirror = self.data / f"prices/{name}.json"
        mirrored = json.loads(mirror.read_text()) if mirror.exists() else None
        if result["status"] == "ok":
            known["ok"] += 1
            self.figures["good answers published"] += 1
            quotes = {pair.decode(): json.loads(value) for pair, value in raw.items()}
            fresh = not result["cached"]
            if fresh and (meta[b"run_id"].decode() != run_id or meta[b"status"] != b"ok"):
                self.problems.add("not published", f"{words}: {meta}")
            if mirrored is None or set(mirrored["quotes"]) != set(quotes):
                self.problems.add("mirror", words)
            stamps = price_stamps(quotes)
            if name in EXCHANGES and (len(stamps) != 1 or min(stamps) < low):
                self.problems.add("stale or mixed", f"{words}: {stamps}, this run's begin at {low}")
            if name in EXCHANGES:
                known["history"] = [*known["history"][-1999:], (int(meta[b"collected_ms"]), quotes["BTC/USDT"]["bid"])]
        else:
            self.figures["bad answers reported"] += 1
            if known.get("print", print_of) != print_of or known.get("mirror") != (mirrored and mirrored["run_id"]):
                self.problems.add("bad answer stored", words)
            if not read_only and result["status"] == "failed" and meta.get(b"status") != b"failing":
                self.problems.add("failure not noted", f"{words}: {meta}")
        known["print"], known["mirror"] = print_of, mirrored and mirrored["run_id"]

    def measure(self, pid: int) -> None:
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        self.memory.append(int(status["VmRSS"].split()[0]))
        self.handles.append(len(list(Path(f"/proc/{pid}/fd").iterdir())) + int(status["Threads"]))

    def finish(self) -> None:
        """Judge the whole: drift, memory, history, journal, sequence."""
        self.figures["drift at most, ms"] = round(self.drift * 1000)
        if "Traceback" in (said := (self.root / "told.log").read_text(errors="replace")):
            self.problems.add("traceback", said[said.index("Traceback") :][:2000])
        if self.drift > 1:
            self.problems.add("drift", f"{self.drift} s")
        settled = self.memory[len(self.memory) // 4 :]
        if len(settled) > 3:
            fifth = max(1, len(settled) // 5)
            first, last = sorted(settled[:fifth])[fifth // 2], sorted(settled[-fifth:])[fifth // 2]
            self.figures["memory after a quarter, KiB"], self.figures["memory at the end, KiB"] = first, last
            if last - first > 8192:
                self.problems.add("memory grows", str(self.memory[:: max(1, len(self.memory) // 20)]))
        if self.handles and max(self.handles[len(self.handles) // 4 :]) > self.handles[0] + 8:
            self.problems.add("handles grow", str(self.handles))
        for name in EXCHANGES:
            known = self.model[f"{name} prices"]
            head = f"marketctl:{{{name}}}:"
            found = [
                (int(at.partition(b"-")[0]), fields[b"bid"].decode())
                for at, fields in self.redis.xrange(f"{head}h:BTC/USDT")
            ]
            self.figures["history entries"] += len(found)
            told = known["history"]
            if not found or found != told[-len(found) :] or len(found) < min(len(told), 1000) or len(found) > 1200:
                self.problems.add("history", f"{name}: {len(found)} entries of {len(told)}: {found[-2:]} {told[-2:]}")
            seq = int(self.redis.hget(f"{head}l1:meta", "seq"))
            if seq != known["ok"]:
                self.problems.add("sequence", f"{name}: {seq} after {known['ok']} good runs")
            self.figures["journal lines"] += check_journal(self.data, name, self.problems)


def endurance(hours: float, seed: int, progress: Callable[[str], None]) -> tuple[dict[str, int], Problems]:
    """Let so many hours of ten-second runs pass; return figures and problems."""
    with tempfile.TemporaryDirectory(prefix="marketctl-endurance-") as folder:
        work = Endurance(Path(folder), hours, seed)
        try:
            work.run(progress)
        finally:
            times.time = time
            work.children.kill_all()
            work.server.kill()
    return dict(work.figures), work.problems
