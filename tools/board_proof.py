"""What the market board costs in a real Chromium. Long: one market, one browser, each figure of one table.

12,000 quotes of six exchanges, one in ten moves each second.

python tools/board_proof.py [--memory MINUTES]: prints a table. Wants Selenium, Chromium and the extra `embedded`.
CPU is that of /proc, so that other work on the machine counts little; frames are as good as the machine is quiet.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from marketctl.board import build_board  # noqa: E402
from marketctl.config.registry import Registry  # noqa: E402
from marketctl.files.snapshots import write_snapshot  # noqa: E402
from marketctl.files.state import record_state  # noqa: E402
from marketctl.models import Network, Quote  # noqa: E402
from marketctl.providers.loader import load_registry  # noqa: E402
from marketctl.redis.connection import RedisConnection, connect  # noqa: E402
from marketctl.redis.embedded import EmbeddedRedis  # noqa: E402
from marketctl.redis.publish import publish_l1  # noqa: E402
from marketctl.times import now_ms  # noqa: E402
from marketctl.views.quotes import open_reader  # noqa: E402
from tests.browser.drive import open_browser  # noqa: E402
from tests.desk import asset, head, quote  # noqa: E402

NAMES = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN", "RAPIRA")
PAIRS, ROUNDS, WITH_HISTORY = 4000, 40, 60
TICK = os.sysconf("SC_CLK_TCK")


def make_registry(folder: Path) -> Registry:
    """Write a registry of six exchanges with the embedded Redis."""
    path = folder / "providers.toml"
    entries = "".join(
        f'\n[providers.{name}]\npath = "marketctl.providers.cex.{name.lower()}:{name.title()}Adapter"\n'
        for name in NAMES
    )
    path.write_text('[settings]\nredis_url = "embedded"\n' + entries, encoding="utf-8")
    return load_registry(path, environ={})


class Market:
    """Quotes that move: pair `n` is quoted by three venues of the six, the first ones by all."""

    def __init__(self, registry: Registry, store: RedisConnection) -> None:
        self.registry, self.store, self.turn = registry, store, 0
        self.quotes: dict[str, dict[str, Quote]] = {name: {} for name in NAMES}
        for n in range(PAIRS):
            for place, name in enumerate(NAMES):
                if n < WITH_HISTORY or (n + place) % 2 == 0:
                    self.quotes[name][f"COIN{n}/USDT"] = self.quote(n, place, 0)

    def quote(self, n: int, place: int, turn: int) -> Quote:
        cents = 1000 + n * 7 + place + turn % 90
        volume = f"{(PAIRS - n) * 1000}.25"
        return quote(f"{cents / 100:.2f}", f"{(cents + 3) / 100:.2f}", quote_volume=volume, status="trading")

    def move(self, every: int, upto: int = PAIRS) -> None:
        """Let one in `every` of the first `upto` pairs move."""
        self.turn += 1
        for place, name in enumerate(NAMES):
            for n in range(self.turn % every, upto, every):
                pair = f"COIN{n}/USDT"
                if pair in self.quotes[name]:
                    self.quotes[name][pair] = self.quote(n, place, self.turn)

    def publish(self, names: tuple[str, ...] = NAMES, at_ms: int | None = None) -> None:
        """Publish whole sets, as a collection does."""
        for name in names:
            publish_l1(self.store, name, self.quotes[name], run_id=f"r{self.turn}", collected_ms=at_ms or now_ms(),
                       interval_s=10, skipped=0, history=self.registry.settings.history,
                       until_ms=now_ms() + 600_000)  # fmt: skip


def fill(registry: Registry, market: Market) -> None:
    """Write wallets and states, and publish a day of history of the widest pairs."""
    data, now = registry.settings.data_dir, now_ms()
    for place, name in enumerate(NAMES):
        coins = {
            f"COIN{n}": asset(f"COIN{n}", {
                code: Network(network=slug, deposit=True, withdraw=(n + place) % 9 != 0, withdraw_min="12",
                              withdraw_fee=f"{n % 7}.{place}1", deposit_min="0.01", contract=f"0x{n:040x}")
                for code, slug in (("ETH", "ethereum"), ("BSC", "bsc"))[: 1 + (n + place) % 4 // 3 + (n < 2000)][:2]
            }, name=f"The coin number {n}")
            for n in range(PAIRS) if n < 200 or (n + place) % 5 == 0
        }  # fmt: skip
        write_snapshot(data / "wallet" / f"{name}.json", head(name, "wallet", now), "assets", coins)
        for job in ("wallet", "prices", "stats"):
            record_state(data / "state", name, job, at_ms=now, ok=True, reason=None)
    for turn in range(ROUNDS, 0, -1):
        market.move(1, WITH_HISTORY)
        market.publish(at_ms=now - turn * 1_800_000)
    market.publish()


def cpu_s(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid: int) -> float:
    """Return what a process holds of memory."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def served(registry: Registry) -> Iterator[tuple[int, str]]:
    """Run `marketctl board`; give its process and its address."""
    command = [sys.executable, "-m", "marketctl", "--config", str(registry.path), "board", "--bind", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = ""
        while "http://" not in line:
            line = process.stdout.readline()
        yield process.pid, line[line.index("http://") :].split()[0]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def moving(market: Market, seconds: float) -> Iterator[list[float]]:
    """Let one in ten move and publish, one turn every so many seconds, while the block runs; give the turns' times."""
    stop, turns = threading.Event(), []

    def run() -> None:
        while not stop.is_set():
            begun = time.monotonic()
            market.move(10)
            market.publish()
            turns.append(time.monotonic() - begun)
            stop.wait(max(0.0, seconds - turns[-1]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield turns
    finally:
        stop.set()
        thread.join()


FRAMES = """const done = arguments[1], end = performance.now() + arguments[0] * 1000, times = [];
let last = performance.now();
requestAnimationFrame(function step(at) { times.push(at - last); last = at;
  at < end ? requestAnimationFrame(step) : done(times.slice(1)) })"""
SEARCH = """const f = document.getElementById('p-search'), times = [];
for (const word of ['coin1', 'coin39', '7/usdt', '']) { const at = performance.now(); f.value = word;
  f.dispatchEvent(new Event('input', {bubbles: true})); document.body.offsetHeight; times.push(performance.now() - at) }
return times"""
SORT = """const times = [];
for (let i = 0; i < 4; i += 1) { const at = performance.now();
  document.querySelector('#p-grid th.c-spread button').click(); document.body.offsetHeight;
  times.push(performance.now() - at) }
return times"""
PAINT = "return (performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime"


def heap_mb(browser: Any) -> float:
    """Return a page's heap after a collection of garbage."""
    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return float(browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]) / 1e6


def busy_s(browser: Any) -> float:
    """Return how long a page's main thread was at work."""
    browser.execute_cdp_cmd("Performance.enable", {})
    told = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in told if one["name"] == "TaskDuration"))


def a_file(registry: Registry, browser: Any) -> None:
    """Measure the page as a file: its size, what it takes to make and to show."""
    path = registry.settings.data_dir / "report.html"
    cpu, wall = [], []
    for _ in range(5):
        begun, used = time.monotonic(), time.process_time()
        with open_reader(registry) as reader:
            path.write_bytes(build_board(reader, now_ms()))
        cpu.append(time.process_time() - used)
        wall.append(time.monotonic() - begun)
    tell("the file", f"{path.stat().st_size / 1e6:.2f} MB", "")
    tell("building it", f"{median(wall):.2f} s", f"{min(wall):.2f} s")
    tell("... of that CPU", f"{median(cpu):.2f} s", f"{min(cpu):.2f} s")
    paints, found, sorts = [], [], []
    for _ in range(5):
        browser.get("about:blank")
        browser.get(path.as_uri())
        time.sleep(0.5)
        paints.append(browser.execute_script(PAINT))
    browser.get("about:blank")
    browser.get(path.as_uri() + "#prices?rows=quotes")
    for _ in range(3):
        found += browser.execute_script(SEARCH)
        sorts += browser.execute_script(SORT)
    tell("first paint", f"{median(paints) / 1000:.2f} s", f"{min(paints) / 1000:.2f} s")
    tell("a search over all rows", f"{median(found):.0f} ms", f"{min(found):.0f} ms")
    tell("sorting all rows", f"{median(sorts):.0f} ms", f"{min(sorts):.0f} ms")


def a_server(registry: Registry, market: Market, browser: Any) -> None:
    """Measure the page served while one in ten moves each second: the server's CPU, the page's frames and delay."""
    with served(registry) as (pid, url):
        for section in ("prices", "desk"):
            browser.get("about:blank")
            browser.get(f"{url}#{section}")
            time.sleep(3)
            with moving(market, 1.0) as turns:
                time.sleep(3)
                begun, used, many = time.monotonic(), cpu_s(pid), len(turns)
                busy = busy_s(browser)
                frames = browser.execute_async_script(FRAMES, 20)
                took, busy = time.monotonic() - begun, busy_s(browser) - busy
                share, rate = (cpu_s(pid) - used) / took, (len(turns) - many) / took
            frames.sort()
            tell(f"{section}: server, CPU at {rate:.1f} turns of 1,200 quotes a second", f"{share:.1%} of a core", "")
            tell(f"{section}: frames a second, the page following", f"{1000 * len(frames) / sum(frames):.0f}",
                 f"95 % within {frames[int(len(frames) * 0.95)]:.0f} ms")  # fmt: skip
            tell(f"{section}: the page's main thread, busy", f"{busy / took:.1%} of the time", "")
        delays = [delay(market, browser, n) for n in range(10)]
        tell("from publish to the page", f"{median(delays) * 1000:.0f} ms", f"worst {max(delays) * 1000:.0f} ms")
        tell("memory of the server", f"{rss_mb(pid):.0f} MB", "")


def delay(market: Market, browser: Any, n: int) -> float:
    """Return how long a publish takes to be seen in the table of the desk."""
    mark = f"{50000 + n}.{n:02}"
    market.quotes["KUCOIN"]["COIN0/USDT"] = quote(mark, "60000", quote_volume="9", status="trading")
    begun = time.monotonic()
    market.publish(("KUCOIN",))
    while mark not in browser.execute_script("return document.getElementById('d-pairs').textContent"):
        if time.monotonic() - begun > 20:
            raise SystemExit("it never came to the page")
        time.sleep(0.005)
    return time.monotonic() - begun


def memory(registry: Registry, market: Market, browser: Any, minutes: float, pace_s: float) -> None:
    """Measure the heap of two tabs, and the server, over some minutes."""
    with served(registry) as (pid, url), moving(market, pace_s) as turns:
        browser.get("about:blank")
        browser.get(f"{url}#prices")
        browser.switch_to.new_window("window")
        browser.get(f"{url}#desk")
        tabs = browser.window_handles
        begun = time.monotonic()
        while True:
            told = []
            for tab in tabs:
                browser.switch_to.window(tab)
                told.append(f"{heap_mb(browser):.1f}")
            gone = (time.monotonic() - begun) / 60
            tell(f"after {gone:.0f} min, {len(turns)} turns: heap of two tabs; server", " and ".join(told) + " MB",
                 f"{rss_mb(pid):.0f} MB")  # fmt: skip
            if gone >= minutes:
                return
            time.sleep(60)


def tell(what: str, value: str, more: str) -> None:
    """Print a row of the table."""
    print(f"| {what} | {value} | {more} |", flush=True)


def main() -> None:
    """Make the market, look at it, print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("Long:")[0])
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="only two tabs, watched for so long")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between turns while memory is watched")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mb")))
        registry = make_registry(folder)
        settings = registry.settings
        stack.enter_context(EmbeddedRedis(settings.data_dir))
        store = stack.enter_context(connect(settings.redis_url, settings.data_dir, settings.redis_prefix))
        market = Market(registry, store)
        fill(registry, market)
        browser = open_browser(folder / "profile")
        stack.callback(browser.quit)
        browser.set_script_timeout(60)
        print("| what | median | best |\n| --- | --- | --- |")
        if given.memory:
            memory(registry, market, browser, given.memory, given.pace)
        else:
            a_file(registry, browser)
            a_server(registry, market, browser)


if __name__ == "__main__":
    main()
