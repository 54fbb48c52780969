"""Measure marketctl beside its peers.

Whole processes, alternating, in one run; writes docs/proofs/performance.md.

Everything is local: answers rendered beforehand (server.py), a real Redis on a unix socket.

Usage: run.py [RUNS [TURNS]]
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from repeating import Repeating, in_turn, later_cycle, memory_growth

HERE = Path(__file__).parent
ROOT = HERE.parent
VENV = HERE / ".venv"
PYTHON = str(VENV / "bin" / "python")
MARKETCTL = str(VENV / "bin" / "marketctl")
PEERS = ("ccxt", "requests", "redis")
FIVE = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN")
EIGHT = (*FIVE, "RAPIRA", "TWELVEDATA", "OPENEXCHANGERATES")
# set of local ports: name:times:latency_ms:scheme
SETS = ("one:1:0:http", "slow:1:80:http", "four:4:0:http", "tls:1:0:https", "small:0.1:0:http")

Sample = tuple[float, float, float]
"""CPU seconds (user and system), wall seconds, peak MB."""


def main(runs: int, turns: int) -> int:
    """Measure, print the table, write the page."""
    install()
    figures = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="marketctl-bench-") as name:
            bench = Bench(Path(name))
            try:
                bench.start()
                figures.append(measure_all(bench, turns))
            finally:
                bench.stop()
    from report import table_of, write_page

    for row in table_of(figures):
        print("\t".join(row))
    if runs >= 3:
        write_page(ROOT / "docs" / "proofs" / "performance.md", figures, turns)
    return 0


def install() -> None:
    """Put the peers and marketctl, as an ordinary compiled package of the code as it is now, into an environment."""
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    if not Path(PYTHON).exists():
        subprocess.run([sys.executable, str(ROOT / "tools" / "make_venv.py"), str(VENV)], check=True)
    if not list(VENV.glob("lib/*/site-packages/ccxt")):
        subprocess.run([*pip, *PEERS], check=True)
    with tempfile.TemporaryDirectory() as name:
        # A copy: building in place would leave build/ behind, and what is stale there would be installed.
        copy = Path(name, "marketctl")
        shutil.copytree(ROOT / "marketctl", copy / "marketctl", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            if (ROOT / file).exists():
                shutil.copy(ROOT / file, copy)
        (copy / "README.md").touch()
        subprocess.run([*pip, "--force-reinstall", "--no-deps", str(copy)], check=True)
        subprocess.run([*pip, str(copy)], check=True)


class Bench:
    """The local servers and a folder for everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.urls: dict[str, dict[str, str]] = {}
        self.redis = f"unix://{folder}/redis.sock"
        self.runs = 0

    def start(self) -> None:
        """Start Redis and the server of answers."""
        self.make_certificate()
        command = [sys.executable, "-c", "from marketctl.redis.program import find_server; print(find_server())"]
        server = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        options = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", "", "--dir", str(self.folder)]
        self.processes.append(subprocess.Popen([server, *options], stdout=subprocess.DEVNULL))
        command = [sys.executable, str(HERE / "server.py"), *SETS]
        answers = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=self.folder)
        self.processes.append(answers)
        assert answers.stdout is not None
        self.urls = json.loads(answers.stdout.readline())

    def stop(self) -> None:
        """Stop them."""
        for process in self.processes:
            process.terminate()
            process.wait()

    def forget_paces(self) -> None:
        """Forget what was asked of the providers before."""
        with socket.socket(socket.AF_UNIX) as redis:
            redis.connect(self.redis.removeprefix("unix://"))
            script = "for _, key in ipairs(redis.call('KEYS', '*:pace')) do redis.call('DEL', key) end"
            redis.sendall(f'EVAL "{script}" 0\r\n'.encode())
            redis.recv(100)

    def make_certificate(self) -> None:
        """Make a certificate of our own for 127.0.0.1, beside the usual authorities in one bundle of usual size."""
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bench -keyout key.pem -out cert.pem"
        extensions = ["-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*make.split(), *extensions], check=True, cwd=self.folder, stderr=subprocess.DEVNULL)
        key, certificate = (self.folder / "key.pem").read_text(), (self.folder / "cert.pem").read_text()
        (self.folder / "server.pem").write_text(key + certificate)
        bundle = [PYTHON, "-c", "import certifi; print(certifi.contents())"]
        usual = subprocess.run(bundle, check=True, capture_output=True, text=True).stdout
        (self.folder / "ca.pem").write_text(usual + certificate)

    def registry(self, name: str, ports: str, providers: tuple[str, ...] = FIVE, **changed: object) -> Path:
        """Write a registry of these providers over a set of ports; return its path."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        unpaced, sentinel = changed.pop("unpaced", False), changed.pop("sentinel", True)
        template = (ROOT / "marketctl" / "config" / "starter" / "providers.toml").read_text()
        settings = {"redis_url": self.redis, "redis_prefix": name, "prices_interval_s": 10} | changed
        lines = ["[settings]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
        for provider in providers:
            own = template.partition(f"[providers.{provider}]")[2].partition("[providers.")[0]
            path = f'path = "unpaced:{provider}"' if unpaced else own.partition("path = ")[2].partition("\n")[0]
            path = path if path.startswith("path") else f"path = {path}"
            lines += ["", f"[providers.{provider}]", path, f'base_url = "{self.urls[ports][provider]}"']
            lines += ["needs_api = true"] if "needs_api = true" in own else []
            if provider == "TWELVEDATA":
                lines += ["pairs = " + own.partition("pairs = ")[2].partition("]")[0] + "]"]
        lines += ["", "[sentinel]", f"enabled = {json.dumps(sentinel)}"]
        path = folder / "providers.toml"
        path.write_text("\n".join(lines) + "\n")
        keys = '[TWELVEDATA]\napi_key = "5a4db0c5a4db0c5a4db0c5a4db0c0002"\n'
        keys += '[OPENEXCHANGERATES]\napp_id = "5a4db0c5a4db0c5a4db0c5a4db0c0001"\n'
        credentials = folder / "credentials.toml"
        credentials.write_text(keys)
        credentials.chmod(0o600)
        return path

    def environment(self, ports: str = "one", registry: Path | None = None) -> dict[str, str]:
        """Return a bare environment, with a fresh temporary folder; rate limits of the last run don't hold us up."""
        self.forget_paces()
        self.runs += 1
        temporary = self.folder / "tmp" / str(self.runs)
        temporary.mkdir(parents=True)
        env = {"PATH": f"{VENV}/bin:/usr/bin:/bin", "TMPDIR": str(temporary), "BENCH_REDIS": self.redis}
        env |= {"BENCH_URLS": json.dumps(self.urls[ports]), "PYTHONPATH": str(HERE), "LANG": "C.UTF-8"}
        env["REQUESTS_CA_BUNDLE"] = f"{self.folder}/ca.pem"
        return env | ({"MARKETCTL_CONFIG": str(registry)} if registry else {})

    def repeating(self, name: str, ports: str = "one", **changed: object) -> Repeating:
        """Return the repeating mode over all eight, without pauses."""
        registry = self.registry(name, ports, EIGHT, unpaced=True, prices_interval_s=0.01, **changed)
        return Repeating([MARKETCTL, "run", "--task", "prices"], self.environment(ports, registry), self.redis, name)


class Case:
    """A process to measure: a command over a set of ports, maybe with a registry."""

    def __init__(self, bench: Bench, command: list[str], ports: str = "one", registry: Path | None = None) -> None:
        self.bench, self.command, self.ports, self.registry = bench, command, ports, registry

    def run(self) -> Sample:
        """Run it once. Raises SystemExit when it fails."""
        env = self.bench.environment(self.ports, self.registry)
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(self.bench.folder / "stderr", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        # Redis and the server of answers finish the last case's work first.
        time.sleep(0.02)
        began = time.perf_counter()
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        pid = os.posix_spawn(self.command[0], self.command, env, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        os.close(null)
        os.close(log)
        if status:
            words = (self.bench.folder / "stderr").read_text()
            raise SystemExit(f"{' '.join(self.command)}: exit {os.waitstatus_to_exitcode(status)}\n{words}")
        return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def peer(bench: Bench, name: str, ports: str = "one") -> Case:
    """Return a peer's case: `bare 5` is bare.py with the argument 5."""
    script, *args = name.split()
    return Case(bench, [PYTHON, str(HERE / "peers" / f"{script}.py"), *args], ports)


def alternate(cases: dict[str, Case], rounds: int) -> dict[str, list[Sample]]:
    """Run all cases in turn, so many times; a first turn warms caches and does not count."""
    found: dict[str, list[Sample]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            sample = case.run()
            if turn:
                found[name].append(sample)
    return found


def measure_all(bench: Bench, rounds: int) -> dict[str, object]:
    """Return all figures: group -> case -> samples, and those of the repeated mode."""
    collect = [MARKETCTL, "prices", "collect"]
    registries = {name: bench.registry(name, name) for name in ("one", "slow", "four", "tls")}
    wallet = bench.registry("wallet", "one", ("KUCOIN",))
    eight = bench.registry("eight", "one", EIGHT)
    shown = bench.registry("shown", "one", prices_interval_s=3600)  # what is shown is fresh all the time

    def ours(name: str, *options: str) -> Case:
        return Case(bench, [*collect, *options], name, registries[name])

    groups: dict[str, dict[str, Case]] = {
        "1x": {"ours": ours("one")} | {name: peer(bench, name) for name in ("ccxt_sync", "ccxt_raw", "bare", "floor")},
        "4x": {"ours": ours("four")}
        | {name: peer(bench, name, "four") for name in ("ccxt_sync", "ccxt_raw", "bare", "floor")},
        "80ms": {"ours": ours("slow"), "ours --jobs 5": ours("slow", "--jobs", "5")}
        | {name: peer(bench, name, "slow") for name in ("ccxt_sync", "ccxt_raw", "bare", "bare 5", "floor")},
        "tls": {"ours": ours("one"), "ours tls": ours("tls")}
        | {"bare": peer(bench, "bare"), "bare tls": peer(bench, "bare", "tls")},
        "quick": {
            "hello": peer(bench, "hello"),
            "--help": Case(bench, [MARKETCTL, "--help"], "one", registries["one"]),
            "providers list": Case(bench, [MARKETCTL, "providers", "list"], "one", eight),
            "prices show": Case(bench, [MARKETCTL, "prices", "show", "KUCOIN", "BTC/USDT"], "one", shown),
            "prices compare": Case(bench, [MARKETCTL, "prices", "compare", "BTC/USDT"], "one", shown),
        },
        "wallet": {
            "ours": Case(bench, [MARKETCTL, "wallet", "sync", "-p", "KUCOIN"], "one", wallet),
            "ccxt_currencies": peer(bench, "ccxt_currencies"),
        },
        "eight": {"ours": Case(bench, [MARKETCTL, "run", "--once", "--task", "prices"], "one", eight)},
    }
    chosen = os.environ.get("BENCH_ONLY", "").split() or [*groups, "repeated"]
    figures: dict[str, object] = {}
    for name, cases in groups.items():
        if name == "quick":
            Case(bench, collect, "one", shown).run()
        if name in chosen:
            figures[name] = alternate(cases, rounds * (3 if name == "quick" else 1))
            print(f"{name}: measured", file=sys.stderr)
    if "repeated" in chosen:
        figures["repeated"] = [later_cycle(bench.repeating("repeat")) for _ in range(3)]
        figures["growth"] = memory_growth(bench.repeating("growth", "small"))
        guarded, unguarded = in_turn(bench.repeating("guarded"), bench.repeating("unguarded", sentinel=False))
        figures["sentinel"] = {"guarded": guarded, "unguarded": unguarded}
    return figures


if __name__ == "__main__":
    sys.exit(main(*[int(word) for word in sys.argv[1:]] or (3, 5)))
