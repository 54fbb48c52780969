"""What the torture tools share: a market of stamped answers, a plain Redis, children that are always reaped."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli_w

from marketctl.redis.program import find_server
from marketctl.sandbox import base, world
from marketctl.sandbox.setup import write_setup

FIRST = 1_000_000  # stamps are seven digits: nothing else in a sandbox's answer is that large
EXCHANGES = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN", "RAPIRA")

_answer = threading.local()
_Coin, _World = world.Coin, world.World


class StampedCoin(_Coin):
    """A coin whose fee is the stamp of the answer it is told in."""

    def fee(self, _network: str, _provider: str) -> Decimal:
        return Decimal(_answer.stamp)


class StampedWorld(_World):
    """A market in which all prices of one answer are the stamp of that answer."""

    def book(self, _base: str, _quote: str, _provider: str, _tick: int) -> dict[str, str]:
        bid, ask = f"{_answer.stamp}.1", f"{_answer.stamp}.2"
        return {"bid": bid, "ask": ask, "bid_size": "1", "ask_size": "1", "last": bid, "volume": "1", "turnover": "1"}


class StampedSandbox(base.Sandbox):
    """The sandbox over a stamped market: whatever mixes two answers can be told from either."""

    def __init__(self, **given: Any) -> None:
        world.Coin, base.World = StampedCoin, StampedWorld
        try:
            super().__init__(**given)
        finally:
            world.Coin, base.World = _Coin, _World
        self.stamp = FIRST - 1  # of the last answer
        self._counting = threading.Lock()
        for api in self.apis.values():
            api.answer = self._stamping(api.answer)

    def _stamping(self, answer: Any) -> Any:
        def stamped(call: base.Call) -> base.Reply:
            with self._counting:
                self.stamp += 1
                _answer.stamp = self.stamp
            return answer(call)

        return stamped


def price_stamps(quotes: dict[str, dict[str, Any]]) -> set[int]:
    """Return the stamps among the bids; the sandbox's few hand-made rows have none."""
    found = (int(quote["bid"].partition(".")[0]) for quote in quotes.values() if quote.get("bid"))
    return {stamp for stamp in found if stamp >= FIRST}


def fee_stamps(assets: dict[str, dict[str, Any]]) -> set[int]:
    """Return the stamps among the fees; some sandboxes let the fee of one coin move by a digit of its own."""
    fees = (
        network["withdraw_fee"]
        for code, asset in assets.items()
        if code != "ETH"
        for network in asset["networks"].values()
    )
    return {int(float(fee)) for fee in fees if fee is not None and FIRST <= float(fee) < 9 * FIRST}


def desk(
    sandbox: base.Sandbox, folder: Path, redis_url: str, *, only: Sequence[str] | None = None, **settings: Any
) -> Path:
    """Write registry and keys for a sandbox (or `only` some of its providers); return the registry's path."""
    path = write_setup(sandbox, folder)
    document = tomllib.loads(path.read_text())
    document["settings"] |= {"redis_url": redis_url, **settings}
    document["providers"] = {name: one for name, one in document["providers"].items() if not only or name in only}
    path.write_text(tomli_w.dumps(document))
    return path


def free_port() -> int:
    """Return a port nobody listens on now, nor 10,000 above it, where nodes of a cluster talk; no client gets these."""
    while True:
        port = random.SystemRandom().randrange(10_000, 22_000)
        with suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            return port


def die_with_parent() -> None:
    """In a child: end when the parent does, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class RedisServer:
    """A plain redis-server on a loopback port, as a production one: not embedded, not ours to stop."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.answered = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> "RedisServer":
        """Start and wait until it answers; the first time on another port where somebody else was faster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if self.process is None:
                self.process = self._spawn()
            if self.process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                    self.answered = True
                    return self
            else:
                self.process = None
                if not self.answered:
                    self.port = free_port()
            time.sleep(0.01)
        raise RuntimeError(f"redis-server did not start, see {self.folder}/server.log")

    def _spawn(self) -> "subprocess.Popen[bytes]":
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        # Of another thread it would die with that.
        last_will = die_with_parent if threading.current_thread() is threading.main_thread() else None
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [find_server(), *options, *self.options], stdout=log, stderr=log, preexec_fn=last_will
            )

    def say(self, *words: str | int, **given: Any) -> Any:
        """Run one command."""
        import redis

        with redis.Redis(port=self.port, **given) as client:
            return client.execute_command(*words)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have it do nothing for a while: what it is sent meanwhile it does afterwards."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, unsaved."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class Children:
    """Forked and started processes, and those they left behind: all are adopted and reaped."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.ended: dict[int, int] = {}
        self.running: set[int] = set()

    def fork(self, work: Any) -> int:
        """Run `work()` in a child that ends with what it returns."""
        sys.stdout.flush()
        sys.stderr.flush()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            self.running.add(pid)
            self.ended.pop(pid, None)  # somebody earlier had this number
            return pid
        code = 70
        try:
            die_with_parent()
            # Until the work has handlers of its own, a signal ends it as it would end any program.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            code = work() or 0
        except BaseException:  # noqa: BLE001
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def spawn(self, command: list[str], environ: dict[str, str], stdout: int, stderr: int) -> int:
        """Start a program."""
        files = [(os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
        pid = os.posix_spawn(command[0], command, environ, file_actions=files)
        self.running.add(pid)
        self.ended.pop(pid, None)
        return pid

    def reap(self) -> None:
        """Collect whoever ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self.running.discard(pid)
                self.ended[pid] = os.waitstatus_to_exitcode(status)

    def wait(self, pid: int, timeout_s: float) -> int | None:
        """Return how a child ended: its exit code, minus the signal; None when it runs on."""
        until = time.monotonic() + timeout_s
        while True:
            self.reap()
            if pid in self.ended:
                return self.ended.pop(pid)
            if time.monotonic() >= until:
                return None
            time.sleep(0.001)

    def kill_all(self) -> None:
        """End and reap whoever is left of the children started here."""
        for pid in list(self.running):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.wait(pid, 10)
        self.ended.clear()
