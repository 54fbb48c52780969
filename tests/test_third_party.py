"""An adapter from somebody else's package runs through `path` in providers.toml, with nothing else changed."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ADAPTER = '''\
"""CORNERDESK, a desk with one window.

Docs: https://cornerdesk.example/docs
Symbols: base and quote stand in each row.
Limits: none that we know of.
Quirks: everything is in one answer.
"""

from marketctl.adapter import Asset, AssetBatch, KeyInfo, Network, Pair, PairList, Provider, QuoteBatch
from marketctl.adapter import errors, own_networks, rows, text

network = own_networks({"tron": ("T20",)})


class CornerDeskAdapter(Provider):
    """Speaks to CORNERDESK."""

    kind = "PSP"
    base_url = "https://api.cornerdesk.example"
    credentials = ("token",)
    key_jobs = frozenset({"wallet"})
    endpoints = ("GET /board", "GET /coins")
    options = {"window": int}

    def assets(self):
        batch = AssetBatch()
        for code, row in batch.coded(rows(self.get("/coins", signed=True), "coins"), "code"):
            open_now = batch.switch(row.get("open"))
            chain = Network(network=network(row.get("chain")), deposit=open_now)
            batch.add(Asset(code, code, networks={row["chain"]: chain}))
        return batch

    def prices(self):
        board = rows(self.get("/board", {"window": str(self.chosen.get("window", 1))}), "board")
        pairs = [Pair(row["id"], row["base"], row["quote"], row["base"], row["quote"], None) for row in board]
        batch = QuoteBatch(PairList(pairs))
        for row in board:
            batch.add(row["id"], row["buy"], row["sell"])
        return batch

    def check_key(self):
        self.get("/coins", signed=True)
        return KeyInfo()

    def sign(self, request):
        request.headers["X-Token"] = self.keys["token"]
'''

SANDBOX = '''\
"""CORNERDESK's API, locally."""

from marketctl.testing import Api, Reply


class CornerDeskApi(Api):
    name = "CORNERDESK"
    keys = {"token": "let-me-in"}
    errors = {"bad-key": Reply({"error": "who are you"}, 401)}

    def routes(self):
        return {"GET /board": self.board, "GET /coins": self.coins}

    def board(self, call):
        return {"board": [{"id": "usdt-rub", "base": "USDT", "quote": "RUB", "buy": "92.10", "sell": "92.90"}]}

    def coins(self, call):
        if call.headers.get("x-token") != self.keys["token"]:
            raise self.refuse("bad-key")
        return {"coins": [{"code": "USDT", "chain": "T20", "open": True}]}
'''

CONFORMANCE = """\
from marketctl.testing import conformance
from cornerdesk.sandbox import CornerDeskApi
test_cornerdesk = conformance("cornerdesk.marketctl_adapter:CornerDeskAdapter", CornerDeskApi)
"""

BOARD = '{"board": [{"id": "usdt-rub", "base": "USDT", "quote": "RUB", "buy": 92.10, "sell": 92.90}]}'
COINS = '{"coins": [{"code": "USDT", "chain": "T20", "open": true}, {"code": "XMR", "chain": "XMR", "open": false}]}'


class Desk(BaseHTTPRequestHandler):
    """The third party's server: its board is public, its coins are not."""

    def do_GET(self) -> None:
        allowed = self.path != "/coins" or self.headers.get("X-Token") == "let-me-in"
        body = {"/coins": COINS, "/board?window=2": BOARD}.get(self.path, "{}").encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def desk() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built into a wheel and installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("cornerdesk")
    wheel = folder / "cornerdesk-1.0-py3-none-any.whl"
    info = "cornerdesk-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("cornerdesk/__init__.py", "")
        archive.writestr("cornerdesk/marketctl_adapter.py", ADAPTER)
        archive.writestr("cornerdesk/sandbox.py", SANDBOX)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: cornerdesk\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    target = folder / "site"
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
        subprocess.run([*pip, "--no-deps", "--target", str(target), str(wheel)], check=True)
    else:  # an environment without pip: to install a pure wheel is to unpack it
        zipfile.ZipFile(wheel).extractall(target)
    return target


@pytest.fixture
def installed(site: Path, tmp_path: Path) -> Path:
    """As `site`, one's own."""
    return shutil.copytree(site, tmp_path / "site")


def test_third_party_adapter_runs_through_its_path(tmp_path, installed, desk):
    folder = tmp_path / "desk"
    folder.mkdir()
    config = folder / "providers.toml"
    config.write_text('[settings]\nredis_url = "none"\n')

    def marketctl(*arguments: str, told: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "marketctl", "--config", str(config), *arguments],
            env={**os.environ, "PYTHONPATH": str(installed)},
            cwd=folder,
            input=told,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    path = "cornerdesk.marketctl_adapter:CornerDeskAdapter"
    marketctl("providers", "add", "CORNERDESK", "--path", path, "--needs-api")
    assert config.read_text() == (
        '[settings]\nredis_url = "none"\n\n'
        f'[providers.CORNERDESK]\npath = "{path}"\nenabled = true\nneeds_api = true\nstablecoin = "USD"\n'
    )
    config.write_text(config.read_text() + f'base_url = "{desk}"\nwindow = 2\n')
    marketctl("credentials", "set", "CORNERDESK", told="let-me-in\n")
    assert marketctl("providers", "list") == "CORNERDESK\tPSP\tyes\tyes\tpresent\twallet prices\n"

    results = json.loads(marketctl("run", "--once", "--json"))["results"]
    assert [(one["job"], one["status"], one["reason"], one["requests"]) for one in results] == [
        ("wallet", "ok", None, 1),
        ("prices", "ok", None, 1),
        ("stats", "skipped", "not-supported", 0),
    ]
    wallet = json.loads((folder / "data/wallet/CORNERDESK.json").read_bytes())
    assert {code: asset["deposit"] for code, asset in wallet["assets"].items()} == {"USDT": True, "XMR": False}
    assert wallet["assets"]["USDT"]["networks"]["T20"]["network"] == "tron"
    prices = json.loads((folder / "data/prices/CORNERDESK.json").read_bytes())
    assert {pair: (quote["bid"], quote["ask"]) for pair, quote in prices["quotes"].items()} == {
        "USDT/RUB": ("92.10", "92.90")
    }
    marketctl("dump", "prices")
    assert (folder / "data/raw/prices-CORNERDESK.json").is_file()


@pytest.fixture
def conform(tmp_path, installed):
    """Run the package's own conformance test; return what failed and how many passed."""
    folder = tmp_path / "their-checkout"
    folder.mkdir()
    (folder / "test_conformance.py").write_text(CONFORMANCE)

    def run(*changes: tuple[str, str]) -> tuple[list[str], str]:
        module = installed / "cornerdesk" / "marketctl_adapter.py"
        text = ADAPTER
        for before, after in changes:
            assert text.count(before) == 1
            text = text.replace(before, after)
        module.write_text(text)
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-W", "error"],
            env={**os.environ, "PYTHONPATH": str(installed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return re.findall(r"^FAILED [^[]*\[(.+?)\]", done.stdout, re.MULTILINE), done.stdout.splitlines()[-1]

    return run


def test_conformance_of_the_package_is_three_lines_and_passes(conform):
    failed, told = conform()
    assert (failed, re.sub(r" in .*", "", told)) == ([], "28 passed, 1 skipped")


def test_conformance_finds_what_is_wrong(conform):
    failed, _told = conform(
        ("Limits: none that we know of.\n", ""),
        ("    def check_key(self):", "    def check_the_key(self):"),
        ('"GET /board", "GET /coins"', '"GET /board", "GET /coins", "GET /orders"'),
    )
    assert {"card", "attributes", "endpoints", "sandbox", "own bad-key"} <= set(failed)
    assert "job wallet" not in failed
    assert "fault drop" not in failed


ROWS = """\
        for row in board:
            batch.add(row["id"], row["buy"], row["sell"])
        return batch
"""
WHOLE = """\
        return batch.add_rows(board, ("id", "buy", "sell", "", "", "", "", ""))
"""


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ('{"GET /board": ["id", "base", "quote", "buy", "sell", "", ""]}', []),
        ('{"GET /board": ("id", "base", "quote", "buy")}', ["columns prices"]),
        ('{"GET /boards": ("id", "base", "quote", "buy", "sell")}', ["endpoints"]),
        ('{"GET /board": "id"}', ["endpoints"]),
    ],
)
def test_conformance_finds_what_is_wrong_with_columns(conform, declared, expected):
    failed, _told = conform(
        (ROWS, WHOLE),
        ('    options = {"window": int}\n', f'    options = {{"window": int}}\n    columns = {declared}\n'),
    )
    assert failed == expected
