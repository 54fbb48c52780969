"""Kill runs at any moment and at every step, readers at work. Long: two desks and all that is done to them."""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from torture_readers import FileReader, Problems, Reader, RedisReader
from torture_victims import count_steps, import_everything, no_pacing
from torture_world import EXCHANGES, Children, RedisServer, StampedSandbox, desk

from marketctl.cli import invoke as command_line
from marketctl.files.journal import read_journal
from marketctl.files.locks import JobLocks
from marketctl.redis.connection import connect
from marketctl.redis.embedded import EmbeddedRedis

COMMANDS = (
    ("run", "--once"),
    ("run", "--once", "--jobs", "3"),
    ("run", "--once", "--dump-raw"),
    ("wallet", "sync"),
    ("prices", "collect"),
    ("stats", "collect"),
)
SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
WAIT_S = 60.0


def _looks_alive(temporary: str) -> bool:
    """Tell whether there is a process of the number that `.NAME.PID.RANDOM.tmp` was written by."""
    return temporary.endswith(".tmp") and Path("/proc", temporary.split(".")[-3]).exists()


class Torture:
    """Two desks, one on the embedded Redis and one on a plain one; what is done to them and what came of it."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.dice = random.Random(seed)
        self.children = Children()
        self.problems = Problems()
        self.figures: Counter[str] = Counter()
        self.server = RedisServer(root / "plain")
        self.desks: list[Path] = []
        self.steps: dict[tuple[str, ...], list[int]] = {}
        self.took: dict[tuple[str, ...], float] = {}
        self.most_temporaries = 0
        self.errors = root / "stderr"

    # The scene ----------------------------------------------------------------------------

    def set_up(self) -> None:
        """Start sandbox, Redis and readers, and see each command through once, unharmed."""
        os.environ["TMPDIR"] = str(self.root / "tmp")
        (self.root / "tmp").mkdir()
        tempfile.tempdir = None
        self.server.start()
        self.start_sandbox()
        import_everything()
        no_pacing()
        self.errors.touch()
        self.readers = [
            FileReader([path.parent / "data" for path in self.desks]),
            RedisReader(self.server.url),
            RedisReader(f"unix://{self.desks[0].parent}/data/redis/redis.sock"),
        ]
        self.stop_read, self.stop_write = os.pipe()
        for index, reader in enumerate(self.readers):
            out = self.root / f"reader{index}.json"

            def read(reader: Reader = reader, out: Path = out) -> int:
                os.close(self.stop_write)
                return reader.work(self.stop_read, out)

            self.reader_pids = [*getattr(self, "reader_pids", []), self.children.fork(read)]
        for command in COMMANDS:
            for path in (*self.desks, self.desks[1]):  # again: with files in place it takes other steps
                self.measure(path, command)

    def start_sandbox(self) -> None:
        """Serve the stamped market from a process of its own: this one has to stay without threads."""
        read, write = os.pipe()

        def serve() -> int:
            with StampedSandbox(names=list(EXCHANGES), scale=0.3) as sandbox:
                for name, url in (("embedded", "embedded"), ("plain", self.server.url)):
                    desk(sandbox, self.root / name / "desk", url)
                os.write(write, b"x")
                signal.pause()
            return 0

        pid = self.children.fork(serve)
        os.close(write)
        if not os.read(read, 1):
            raise RuntimeError(f"the sandbox did not start: {self.children.wait(pid, 5)}")
        os.close(read)
        self.desks = [self.root / name / "desk" / "providers.toml" for name in ("embedded", "plain")]

    def words(self, path: Path, command: tuple[str, ...], chosen: list[str]) -> list[str]:
        named = [word for name in chosen for word in ("-p", name)]
        return ["--config", str(path), *command, *named, "-q", *(["--mirror"] if command[0] == "prices" else [])]

    def start(self, words: list[str], strike: int | None = None, count: bool = False, stdin: Path | None = None) -> int:
        """Run a command line in a forked child."""

        def work() -> int:
            if stdin is not None:
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
                sys.stdin = open(0, closefd=False)  # noqa: SIM115
            fd = os.open(self.errors, os.O_WRONLY | os.O_APPEND)
            os.dup2(fd, 2)
            sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
            steps = count_steps(strike) if strike is not None or count else lambda: 0
            code = command_line(words)
            if count:
                (self.root / "steps").write_text(str(steps()))
            return code

        return self.children.fork(work)

    def start_real(self, words: list[str]) -> int:
        """Run a command line as users do: a new interpreter."""
        folder = tempfile.mkdtemp(dir=self.root / "tmp")  # a fresh budget of the pacing
        fd = os.open(self.errors, os.O_WRONLY | os.O_APPEND)
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            return self.children.spawn(
                [sys.executable, "-m", "marketctl", *words], dict(os.environ) | {"TMPDIR": folder}, null, fd
            )
        finally:
            os.close(fd)
            os.close(null)

    def measure(self, path: Path, command: tuple[str, ...]) -> None:
        """Run unharmed; note how long it takes and how many steps it has."""
        chosen = self.dice.sample(EXCHANGES, 2)
        began = time.monotonic()
        code = self.children.wait(self.start(self.words(path, command, chosen), count=True), WAIT_S)
        took = time.monotonic() - began
        if code != 0:
            raise RuntimeError(f"{command} ended with {code}: {self.errors.read_text()[-3000:]}")
        self.took[command] = min(took, self.took.get(command, took))
        steps = int((self.root / "steps").read_text())
        if steps > len(self.steps.get(command, [])):
            self.steps[command] = self.dice.sample(range(1, steps + 1), steps)
        self.figures[f"steps of {' '.join(command)}"] = len(self.steps[command])

    # One try ------------------------------------------------------------------------------

    def attempt(self, number: int) -> None:
        """Start one run or two, end them at some moment, look at what they left."""
        which = self.dice.randrange(2)
        path = self.desks[which]
        kind = self.dice.choices(("kill", "step", "real", "signal"), (45, 35, 5, 15))[0]
        victims: list[tuple[int, float, int]] = []
        for _ in range(2 if self.dice.random() < 0.2 else 1):
            command = self.dice.choice(COMMANDS)
            words = self.words(path, command, self.dice.sample(EXCHANGES, self.dice.choice((1, 2, 2, 3))))
            wait = self.dice.uniform(0, self.took[command])
            if kind == "step":
                remaining = self.steps[command]
                remaining.insert(0, remaining.pop())  # each step has its turn
                victims.append((self.start(words, strike=remaining[0]), 3 * self.took[command], signal.SIGKILL))
            elif kind == "real":
                victims.append((self.start_real(words), self.dice.uniform(0, 0.9), signal.SIGKILL))
            else:
                how = signal.SIGKILL if kind == "kill" else self.dice.choice(list(SIGNALS))
                victims.append((self.start(words), wait, how))
        server_dies = which == 0 and self.dice.random() < 0.04
        if server_dies:
            time.sleep(self.dice.uniform(0, 0.1))
            self.kill_embedded_server()
        began = time.monotonic()
        for pid, wait, how in sorted(victims, key=lambda one: one[1]):
            code = self.children.wait(pid, max(0.0, began + wait - time.monotonic()))
            if code is None:
                os.kill(pid, how)
                code = self.children.wait(pid, WAIT_S)
                if code is None:
                    self.problems.add("does not end", f"after signal {how}")
                    os.kill(pid, signal.SIGKILL)
                    self.children.wait(pid, 10)
                    continue
            self.judge(code, how, len(victims) > 1, server_dies)
        self.look(number)

    def judge(self, code: int, how: int, rivals: bool, server_died: bool) -> None:
        """Count how a run ended; see that it ended as documented."""
        if code == -signal.SIGKILL:
            self.figures["kills"] += 1
        elif how in SIGNALS and code in (SIGNALS[signal.Signals(how)], -how):
            self.figures["signals"] += 1
        elif code == 0:
            self.figures["finished before"] += 1
        elif code == 75 and rivals:
            self.figures["busy"] += 1
        elif code == 3 and rivals:
            self.figures["busy in part"] += 1
        elif code in (1, 3) and server_died:
            self.figures["told that Redis died"] += 1
        else:
            self.problems.add("wrong exit", f"{code}: {self.errors.read_text()}")

    def kill_embedded_server(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            folder = self.desks[0].parent / "data/redis"
            pid = int((folder / "server.lock").read_text())
            if Path(f"/proc/{pid}/cwd").readlink() == folder:  # else the number is somebody else's by now
                os.kill(pid, signal.SIGKILL)
                self.figures["kills of the embedded server"] += 1

    def look(self, number: int) -> None:
        """Nothing runs now: locks are free, nothing piles up, nobody complained of a bug."""
        said = self.errors.read_text()
        if "Traceback" in said or "Fatal" in said:
            self.problems.add("traceback", said)
        if said:
            os.truncate(self.errors, 0)
        for path in self.desks:
            data = path.parent / "data"
            wanted = [(name, job) for name in EXCHANGES for job in ("wallet", "prices", "stats")]
            # A child between fork and exec has them for a moment longer.
            with JobLocks.acquire(data / "state", wanted, wait_s=5) as locks:
                if locks.busy:
                    self.problems.add("stuck lock", str(sorted(locks.busy)))
            temporaries = self.temporaries(data)
            self.most_temporaries = max(self.most_temporaries, len(temporaries))
            if any(count > 2 for count in Counter(one.rsplit(".", 3)[0] for one in temporaries).values()):
                self.problems.add("temporary files pile up", str(temporaries))
        self.end_leases()
        if number % 20 == 0:
            self.look_for_lasting_fills()

    def temporaries(self, data: Path) -> list[str]:
        return [str(path) for path in data.rglob("*") if path.name.endswith(".tmp") or path.name.startswith("temp-")]

    def end_leases(self) -> None:
        """Let the locks in Redis that killed runs left there expire at once: there is no time to wait for each."""
        import redis

        with redis.Redis.from_url(self.server.url) as client:
            for key in client.keys("*:lock:*"):
                self.figures["leases of killed runs"] += 1
                if client.pttl(key) == -1:
                    self.problems.add("lock without an expiry", str(key))
                client.delete(key)

    def look_for_lasting_fills(self) -> None:
        """What a killed run filled must have an expiry."""
        import redis

        with redis.Redis.from_url(self.server.url) as client:
            for key in client.keys("*:fill:*"):
                self.figures["abandoned fills seen"] += 1
                if client.pttl(key) == -1:
                    self.problems.add("lasting fill", str(key))

    def edit(self) -> None:
        """Kill the commands that edit the registry and the keys at each of their steps: the old file or the new one."""
        path = self.root / "edited" / "providers.toml"
        path.parent.mkdir()
        for name in ("providers.toml", "credentials.toml"):
            shutil.copy2(self.desks[1].parent / name, path.parent / name)
        stdin = self.root / "stdin"
        for words in (("providers", "disable", "HTX"), ("providers", "enable", "HTX"), ("credentials", "set", "BYBIT")):
            file = path.with_name("credentials.toml") if words[0] == "credentials" else path
            stdin.write_text(f"key-{words[1]}\nsecret-{words[1]}\n")
            before, steps = file.read_bytes(), 1
            while True:
                code = self.children.wait(self.start(["--config", str(path), *words, "-q"], steps, stdin=stdin), WAIT_S)
                if code == 0:
                    break
                steps += 1
                self.figures["kills of edits"] += 1
                if code != -signal.SIGKILL:
                    self.problems.add("wrong exit", f"{words} {code}: {self.errors.read_text()}")
                    break
                if file.read_bytes() != before:
                    tomllib.loads(file.read_text())  # the new one, whole
                    file.write_bytes(before)
                if file.stat().st_mode & 0o777 != (0o600 if words[0] == "credentials" else 0o644):
                    self.problems.add("mode", f"{file} {file.stat().st_mode:o}")
                if any(one.stat().st_mode & 0o077 for one in path.parent.glob(".credentials.*.tmp")):
                    self.problems.add("mode", "of a temporary file with keys")
            if file.read_bytes() == before:
                self.problems.add("edit lost", str(words))
        if left := self.temporaries(path.parent):
            self.problems.add("temporary files left", str(left))

    # The end ------------------------------------------------------------------------------

    def finish(self) -> None:
        """Run everything once more, unharmed; see that all is whole and nothing is left over."""
        os.close(self.stop_write)
        for pid in self.reader_pids:
            if self.children.wait(pid, 60) != 0:
                self.problems.add("reader", "a reader broke down")
        for path in self.desks:
            code = self.children.wait(self.start(self.words(path, ("run", "--once", "--dump-raw"), [])), WAIT_S)
            if code != 0:
                self.problems.add("does not recover", f"exit {code}: {self.errors.read_text()}")
            # One whose writer's number another process has by now is taken for its file, and goes when it is old.
            if left := [one for one in self.temporaries(path.parent / "data") if not _looks_alive(one)]:
                self.problems.add("temporary files left", str(left))
            self.check_desk(path)
        self.gather()

    def check_desk(self, path: Path) -> None:
        """Files and Redis hold the last run's data, the journal is whole."""
        data = path.parent / "data"
        url = "embedded" if path == self.desks[0] else self.server.url
        lock = data / "redis/server.lock"
        if url == "embedded" and EmbeddedRedis(data)._server_runs():
            self.problems.add("server left running", str(lock))
        store = connect(url, data)
        assert store is not None
        with store:
            for name in EXCHANGES:
                mirror = json.loads((data / f"prices/{name}.json").read_text())
                run_id = store.call("HGET", store.key(name, "l1:meta"), "run_id")
                if run_id is None or run_id.decode() != mirror["run_id"]:
                    self.problems.add("not back", f"{name}: Redis has {run_id}, the mirror {mirror['run_id']}")
                else:
                    self.figures["sets back after a restart" if url == "embedded" else "sets in Redis"] += 1
                entries, broken = read_journal(data / f"wallet/{name}.changes.jsonl")
                self.figures["journal lines"] += len(entries)
                self.figures["journal lines told twice"] += len(entries) - len(
                    {(one["asset"], one["network"], one["field"], str(one["after"])) for one in entries}
                )
                if broken:
                    self.problems.add("broken journal", f"{name}: {broken} lines")

    def gather(self) -> None:
        """Add up what the readers saw; a run's answer must have been one and the same for all of them."""
        stamps: dict[str, int] = {}
        for index in range(len(self.readers)):
            told = json.loads((self.root / f"reader{index}.json").read_text())
            self.figures.update(told["figures"])
            self.problems.counts.update(told["counts"])
            self.problems.words += told["words"]
            for run, stamp in told["stamps"].items():
                if stamps.setdefault(run, stamp) != stamp:
                    self.problems.add("mixed", f"{run}: file and Redis hold other answers")
        self.figures["sets seen"] = len(stamps)
        self.figures["temporary files at most"] = self.most_temporaries

    def close(self) -> None:
        if self.desks:
            self.kill_embedded_server()
        self.children.kill_all()
        self.server.kill()
        self.children.reap()


def crash(kills: int, seed: int, progress: Callable[[str], None]) -> tuple[dict[str, int], Problems]:
    """Kill at least so many runs; return figures and problems."""
    with tempfile.TemporaryDirectory(prefix="marketctl-torture-") as folder:
        torture = Torture(Path(folder), seed)
        try:
            torture.set_up()
            torture.figures["kills"] = 0
            torture.edit()
            number = 0
            while torture.figures["kills"] < kills:
                number += 1
                torture.attempt(number)
                progress(
                    f"{torture.figures['kills']} of {kills} kills, {sum(torture.problems.counts.values())} problems"
                )
            torture.figures["tries"] = number
            torture.finish()
        finally:
            torture.close()
    return dict(torture.figures), torture.problems
