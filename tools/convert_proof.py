"""What a question to `convert` costs at 1,000 coins and 8 venues, with all it reads, from files and from Redis.

python tools/convert_proof.py: prints a table. Wants the extra `embedded`. CPU is user and system time of the process.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from marketctl.config.registry import Registry  # noqa: E402
from marketctl.convert.graph import Avoid  # noqa: E402
from marketctl.convert.search import find_ways  # noqa: E402
from marketctl.convert.ways import convert, gather  # noqa: E402
from marketctl.files.snapshots import write_snapshot  # noqa: E402
from marketctl.providers.loader import load_registry  # noqa: E402
from marketctl.redis.connection import connect  # noqa: E402
from marketctl.redis.embedded import EmbeddedRedis  # noqa: E402
from marketctl.redis.publish import publish_l1, publish_wallet  # noqa: E402
from marketctl.redis.quotes import write_mirror  # noqa: E402
from marketctl.times import now_ms, to_iso  # noqa: E402
from marketctl.views.quotes import open_reader  # noqa: E402
from tests.convert.worlds import large_world  # noqa: E402
from tests.desk import head, quote  # noqa: E402

NAMES = [f"V{number}" for number in range(8)]
COINS, TURNS = 1000, 9
QUESTION = ("1000", "USDT@V0", "USDT@V5")


def make_world(folder: Path, redis_url: str) -> Registry:
    """Write a registry of eight venues."""
    entries = "".join(
        f'\n[providers.{name}]\npath = "marketctl.providers.cex.kucoin:KucoinAdapter"\n' for name in NAMES
    )
    (folder / "providers.toml").write_text(f'[settings]\nredis_url = "{redis_url}"\n{entries}', encoding="utf-8")
    return load_registry(folder / "providers.toml", environ={})


def store_world(registry: Registry) -> None:
    """Store, as a run does, what is of this moment."""
    settings, at = registry.settings, now_ms()
    quotes, wallets = large_world(NAMES, COINS)
    with ExitStack() as stack:
        store = connect(settings.redis_url, settings.data_dir, settings.redis_prefix)
        if store is not None:
            stack.enter_context(store)
        for name in NAMES:
            told = {
                pair: quote(one["bid"], one["ask"], symbol=pair.replace("/", ""), last=one["bid"], volume="1234.5",
                            bid_size=one["bid_size"], ask_size=one["ask_size"], quote_volume="12345.6",
                            status="trading", at_ms=at)
                for pair, one in quotes[name].items()
            }  # fmt: skip
            write_mirror(settings.data_dir / "prices" / f"{name}.json", head(name, "prices", at), told)
            write_snapshot(
                settings.data_dir / "wallet" / f"{name}.json",
                head(name, "wallet", at),
                "assets",
                wallets[name]["assets"],
            )
            if store is not None:
                publish_l1(store, name, told, run_id="r1", collected_ms=at, interval_s=10, skipped=0)
                publish_wallet(store, name, wallets[name]["assets"], {"collected_at": to_iso(at)})


def cpu(work: Callable[[], Any]) -> float:
    """Return the milliseconds of CPU that it takes."""
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def in_process(registry: Registry) -> dict[str, list[float]]:
    """Return the CPU of reading, of the search, and of a whole question."""
    took: dict[str, list[float]] = {"reading": [], "search": [], "together": []}
    with open_reader(registry) as reader:
        for turn in range(TURNS):
            if turn % 3 == 0:
                store_world(registry)
            graphs = []
            took["reading"].append(cpu(lambda: graphs.append(gather(reader, Avoid())[0])))  # noqa: B023
            goal = [("V5", "USDT")]
            search = lambda: find_ways(graphs[0], Fraction(1000), [("V0", "USDT")], goal)  # noqa: B023, E731
            took["search"].append(cpu(search))
            answers = []
            took["together"].append(cpu(lambda: answers.append(convert(reader, *QUESTION))))  # noqa: B023
            assert len(answers[0].ways) == 3
            assert (answers[0].complete, answers[0].problems) == (True, [])
    return took


def whole(registry: Registry, *words: str) -> tuple[list[float], list[float]]:
    """Return the CPU and the time of whole commands."""
    command = [sys.executable, "-m", "marketctl", "--config", str(registry.path), *words]
    used, took = [], []
    for turn in range(TURNS):
        if turn % 3 == 0:
            store_world(registry)
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        took.append((time.perf_counter() - begun) * 1000)
        used.append((usage.ru_utime + usage.ru_stime) * 1000)
    return used, took


def shown(figures: list[float]) -> str:
    return f"{median(figures):.0f} ({min(figures):.0f}-{max(figures):.0f})"


def main() -> None:
    """Measure and print."""
    gc.set_threshold(500_000, 20, 20)  # as the command does
    print("| what, ms | files | Redis |\n| --- | --- | --- |")
    rows: dict[str, list[str]] = {}
    for redis_url in ("none", "embedded"):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            registry = make_world(Path(folder), redis_url)
            if redis_url == "embedded":
                stack.enter_context(EmbeddedRedis(registry.settings.data_dir))
            store_world(registry)
            for name, figures in in_process(registry).items():
                rows.setdefault(f"{name}, CPU", []).append(shown(figures))
            for name, words in {
                "the whole command": ("convert", *QUESTION, "-q"),
                "of which is not convert (`providers list`)": ("providers", "list", "-q"),
            }.items():
                used, took = whole(registry, *words)
                rows.setdefault(f"{name}, CPU", []).append(shown(used))
                rows.setdefault(f"{name}, time", []).append(shown(took))
    for name, figures in rows.items():
        print(f"| {name} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
