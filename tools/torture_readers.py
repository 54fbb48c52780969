"""Readers at work while runs are killed: each a process of its own, noting what no reader may ever see."""

import contextlib
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from torture_world import EXCHANGES, fee_stamps, price_stamps

from marketctl.files.journal import read_journal


class Problems:
    """What went wrong, by kind; the first of each in words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.words: list[str] = []

    def add(self, kind: str, words: str) -> None:
        self.counts[kind] += 1
        if self.counts[kind] <= 3:
            self.words.append(f"{kind}: {words[:1500]}")


def check_journal(data: Path, name: str, problems: Problems) -> int:
    """See that every change of a journal begins where the one before ended; return how many there are."""
    entries, broken = read_journal(data / f"wallet/{name}.changes.jsonl")
    before: dict[tuple[str, str, str], Any] = {}
    for one in entries:
        key = (one["asset"], one["network"], one["field"])
        if one["before"] != before.get(key, one["before"]):
            problems.add("journal", f"{name}: {one} after {before[key]}")
        before[key] = one["after"]
    if broken:
        problems.add("broken journal", f"{name}: {broken} lines")
    return len(entries)


class Reader:
    """Reads on and on and notes what no reader may ever see."""

    def __init__(self) -> None:
        self.problems = Problems()
        self.figures: Counter[str] = Counter()
        self.stamps: dict[str, int] = {}  # "PROVIDER job run_id" -> the stamp of its answer

    def check(self, where: str, provider: str, job: str, run_id: str, stamps: set[int]) -> None:
        """One run, one answer: the same wherever it is read."""
        if len(stamps) != 1:
            self.problems.add("mixed", f"{where}: answers {sorted(stamps)} in one")
            return
        (stamp,) = stamps
        if self.stamps.setdefault(f"{provider} {job} {run_id}", stamp) != stamp:
            self.problems.add("mixed", f"{where}: run {run_id} had another answer elsewhere")

    def read(self) -> None:
        raise NotImplementedError

    def work(self, stop: int, out: Path) -> int:
        """Read until the pipe `stop` is closed; leave figures in `out`."""
        os.set_blocking(stop, False)
        while True:
            self.read()
            time.sleep(0.03)  # the runs want a processor, too
            with contextlib.suppress(BlockingIOError):
                if not os.read(stop, 1):
                    break
        told = {"figures": self.figures, "counts": self.problems.counts, "words": self.problems.words}
        out.write_text(json.dumps(told | {"stamps": self.stamps}))
        return 0


class FileReader(Reader):
    """Reads every JSON file and journal of the data folders."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__()
        self.folders = folders
        self.seen: set[Path] = set()

    def read(self) -> None:
        for folder in self.folders:
            found = {
                path for job in ("wallet", "prices", "stats", "state", "raw", "cache") for path in _json(folder / job)
            }
            for path in found | {one for one in self.seen if folder in one.parents}:
                self.read_one(path)
            for path in (folder / "wallet").glob("*.jsonl"):
                self.read_lines(path)

    def read_one(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            self.problems.add("lost", f"{path} was there and is gone")
            self.seen.discard(path)
            return
        self.seen.add(path)
        self.figures["file reads"] += 1
        try:
            document = json.loads(data)
        except ValueError as error:
            self.problems.add("unreadable", f"{path}: {error}: {data[-80:]!r}")
            return
        kind = path.parent.name
        if kind == "prices":
            stamps = price_stamps(document["quotes"])
        elif kind == "wallet":
            stamps = fee_stamps(document["assets"])
        else:
            return
        self.check(str(path), document["provider"], kind, document["run_id"], stamps)

    def read_lines(self, path: Path) -> None:
        """Every line but the one that is being written is whole."""
        *whole, _last = path.read_bytes().split(b"\n")
        self.figures["journal reads"] += 1
        for line in whole:
            try:
                json.loads(line)["run_id"]
            except (ValueError, KeyError):
                self.problems.add("broken journal", f"{path}: {line[:200]!r}")


def _json(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.json") if not path.name.startswith(".")]


class RedisReader(Reader):
    """Reads every provider's quotes and wallet, each with its head at one moment."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.client: Any = None
        self.seq: dict[str, int] = {}

    def read(self) -> None:
        import redis

        try:
            if self.client is None:
                self.client = redis.Redis.from_url(self.address, socket_timeout=5)
            for provider in EXCHANGES:
                self.read_one(provider)
        except (redis.ConnectionError, redis.TimeoutError):
            self.client = None
            self.seq.clear()  # a killed server comes back with what it saved
            time.sleep(0.005)

    def read_one(self, provider: str) -> None:
        head = f"marketctl:{{{provider}}}:"
        pipe = self.client.pipeline(transaction=True)
        for name in ("l1", "l1:meta", "wallet", "wallet:meta"):
            pipe.hgetall(head + name)
        live, meta, wallet, wallet_meta = pipe.execute()
        self.figures["Redis reads"] += 1
        if meta.get(b"run_id"):
            run_id, seq = meta[b"run_id"].decode(), int(meta[b"seq"])
            if len(live) != int(meta[b"count"]):
                self.problems.add("mixed", f"{provider}: {len(live)} quotes, meta says {meta[b'count']!r}")
            quotes = {pair.decode(): json.loads(value) for pair, value in live.items()}
            self.check(f"{self.address} {provider} l1", provider, "prices", run_id, price_stamps(quotes))
            if seq < self.seq.get(provider, 0):
                self.problems.add("went back", f"{provider}: seq {seq} after {self.seq[provider]}")
            self.seq[provider] = seq
        elif live:
            self.problems.add("mixed", f"{provider}: quotes without meta")
        if bool(wallet) != bool(wallet_meta):
            self.problems.add("mixed", f"{provider}: wallet {len(wallet)}, its head {len(wallet_meta)}")
        elif wallet:
            assets = {code.decode(): json.loads(value) for code, value in wallet.items()}
            run_id = wallet_meta[b"run_id"].decode()
            self.check(f"{self.address} {provider} wallet", provider, "wallet", run_id, fee_stamps(assets))
