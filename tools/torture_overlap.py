"""Many `run --once` at the same moment on one data folder and one Redis: one works, nothing is done twice."""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import redis
from torture_readers import Problems, check_journal
from torture_world import Children, RedisServer, StampedSandbox, desk, price_stamps

from marketctl.files.state import read_state
from marketctl.models import JOBS

NAMES = ("BYBIT", "KUCOIN")
WAIT_S = 300


class Overlap:
    """A desk, and many who work at it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems = Problems()
        self.figures: Counter[str] = Counter()
        self.children = Children()

    def run(self, processes: int, progress: Callable[[str], None]) -> None:
        """Start all at once without and then with --lock-wait; on a plain Redis, then on the embedded one."""
        os.environ["TMPDIR"] = str(self.root)
        tempfile.tempdir = None
        with RedisServer(self.root / "redis") as server, StampedSandbox(names=list(NAMES), scale=0) as sandbox:
            for kind, url in (("plain", server.url), ("embedded", "embedded")):
                path = desk(sandbox, self.root / kind, url, only=NAMES)
                worked: Counter[str] = Counter()
                for words in ((), ("--lock-wait", str(WAIT_S))):
                    progress(f"{processes} at once on the {kind} Redis {' '.join(words)}")
                    worked += self.storm(path, processes, bool(words), words)
                if kind == "plain":
                    self.check(path, server.url, worked)
                else:
                    from marketctl.redis.embedded import EmbeddedRedis

                    if EmbeddedRedis(path.parent / "data")._server_runs():
                        self.problems.add("server left running", str(path))
                    with EmbeddedRedis(path.parent / "data") as embedded:
                        self.check(path, f"unix://{embedded.start()}", worked)

    def storm(self, path: Path, processes: int, waiting: bool, words: tuple[str, ...]) -> Counter[str]:
        """Start all behind one gate, open it when they all stand there; return who published how often."""
        gate, opened = os.pipe()
        arrived, arriving = os.pipe()
        # The interpreter is up and everything imported when the gate opens.
        code = (
            "import os, sys, marketctl.jobs.runner, marketctl.http.client, marketctl.redis.publish\n"
            "from marketctl.cli import main\n"
            "os.write(int(sys.argv[2]), b'x'); os.read(int(sys.argv[1]), 1); main(sys.argv[3:])"
        )
        os.set_inheritable(gate, True)
        os.set_inheritable(arriving, True)
        pids: dict[int, Path] = {}
        for number in range(processes):
            said = self.root / f"said-{number}"
            told = ["--config", str(path), "run", "--once", "--json", *words]
            command = [sys.executable, "-c", code, str(gate), str(arriving), *told]
            with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
                pids[self.children.spawn(command, dict(os.environ), out.fileno(), err.fileno())] = said
        os.close(gate)
        os.close(arriving)
        there = 0
        while there < processes and (found := os.read(arrived, processes)):
            there += len(found)
        os.close(arrived)
        os.close(opened)
        worked: Counter[str] = Counter()
        for pid, said in pids.items():
            exit_code = self.children.wait(pid, WAIT_S)
            err = said.with_suffix(".err").read_text()
            document = json.loads(said.with_suffix(".out").read_text() or "{}")
            results = document.get("results", [])
            statuses = {one["status"] for one in results}
            worked.update(one["provider"] for one in results if one["job"] == "prices" and one["status"] == "ok")
            self.figures["runs at the same moment"] += 1
            # Who waited finds done what the others did meanwhile: that is not done again.
            if exit_code == 0 and (statuses == {"ok"} or (waiting and statuses <= {"ok", "skipped"})) and not err:
                self.figures["runs that worked"] += 1
            elif exit_code == 75 and not waiting and err.count("\n") == 1 and "another run is doing" in err:
                self.figures["runs that said busy (75)"] += 1
            else:
                self.problems.add("wrong end", f"{exit_code} {statuses}: {err}")
        if not worked:
            self.problems.add("nobody worked", str(path))
        return worked

    def check(self, path: Path, url: str, worked: Counter[str]) -> None:
        """As many publishes, events and journal steps as runs that worked; file and Redis of the same run."""
        data = path.parent / "data"
        with redis.Redis.from_url(url) as client:
            for name in NAMES:
                head = f"marketctl:{{{name}}}:"
                meta = client.hgetall(f"{head}l1:meta")
                seqs = [int(fields[b"seq"]) for _, fields in client.xrange(f"{head}events")]
                quotes = {pair.decode(): json.loads(value) for pair, value in client.hgetall(f"{head}l1").items()}
                mirror = json.loads((data / f"prices/{name}.json").read_text())
                if int(meta[b"seq"]) != worked[name] or seqs != list(range(1, worked[name] + 1)):
                    told = f"{name}: {worked[name]} runs published, seq {meta[b'seq']!r}, events {seqs}"
                    self.problems.add("doubled", told)
                if len(price_stamps(quotes)) != 1 or price_stamps(quotes) != price_stamps(mirror["quotes"]):
                    self.problems.add("mixed", f"{name}: {price_stamps(quotes)} {price_stamps(mirror['quotes'])}")
                if meta[b"run_id"].decode() != mirror["run_id"]:
                    self.problems.add("mixed", f"{name}: {meta[b'run_id']!r} and {mirror['run_id']}")
                self.figures["journal lines"] += check_journal(data, name, self.problems)
                for job in JOBS:
                    state = read_state(data / "state", name, job)
                    if state.get("failures"):
                        self.problems.add("state", f"{name} {job}: {state}")
        if left := list(data.rglob("*.tmp")):
            self.problems.add("temporary files left", str(left))


def overlap(processes: int, progress: Callable[[str], None]) -> tuple[dict[str, int], Problems]:
    """Let so many work at once; return figures and problems."""
    with tempfile.TemporaryDirectory(prefix="marketctl-overlap-") as folder:
        work = Overlap(Path(folder))
        try:
            work.run(processes, progress)
        finally:
            work.children.kill_all()
    return dict(work.figures), work.problems
