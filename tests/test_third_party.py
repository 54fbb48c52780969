"""An adapter from somebody else's package runs through `path` in providers.toml, with nothing else changed."""

import importlib.util
import json
import os
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

from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.fields import rows
from marketctl.models import Asset, Pair
from marketctl.providers.base import Provider


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
            batch.add(Asset(code, code, deposit=batch.switch(row.get("open"))))
        return batch

    def prices(self):
        board = rows(self.get("/board", {"window": str(self.chosen.get("window", 1))}), "board")
        pairs = [Pair(row["id"], row["base"], row["quote"], row["base"], row["quote"], None) for row in board]
        batch = QuoteBatch(PairList(pairs))
        for row in board:
            batch.add(row["id"], row["buy"], row["sell"])
        return batch

    def sign(self, request):
        request.headers["X-Token"] = self.keys["token"]
'''

BOARD = '{"board": [{"id": "usdt-rub", "base": "USDT", "quote": "RUB", "buy": 92.10, "sell": 92.90}]}'
COINS = '{"coins": [{"code": "USDT", "open": true}, {"code": "XMR", "open": false}]}'


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


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package, built into a wheel and installed into a folder of its own."""
    wheel = tmp_path / "cornerdesk-1.0-py3-none-any.whl"
    info = "cornerdesk-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("cornerdesk/__init__.py", "")
        archive.writestr("cornerdesk/marketctl_adapter.py", ADAPTER)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: cornerdesk\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    target = tmp_path / "site"
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
        subprocess.run([*pip, "--no-deps", "--target", str(target), str(wheel)], check=True)
    else:  # an environment without pip: to install a pure wheel is to unpack it
        zipfile.ZipFile(wheel).extractall(target)
    return target


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
    prices = json.loads((folder / "data/prices/CORNERDESK.json").read_bytes())
    assert {pair: (quote["bid"], quote["ask"]) for pair, quote in prices["quotes"].items()} == {
        "USDT/RUB": ("92.10", "92.90")
    }
    marketctl("dump", "prices")
    assert (folder / "data/raw/prices-CORNERDESK.json").is_file()
