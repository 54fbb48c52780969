"""No loaded secret anywhere but in its request. Long: every form of a secret and every way out for it, one guard.

Under every fault, at -vv, in every output.
"""

import base64
import gzip
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest

from marketctl import redact as redact_module
from marketctl.cli import invoke
from marketctl.sandbox.faults import KINDS
from marketctl.sandbox.shocks import PRICED
from tests.reliability.conftest import Desk
from tools.torture_world import desk

SHORTEST = 12  # a piece this long of a secret is a leak, too


def joined(data: bytes) -> bytes:
    """Put together what was broken apart."""
    for escape in (b"\\r", b"\\n", b"\\t"):
        data = data.replace(escape, b"")
    return data.translate(None, b' \t\r\n\v\f"\\,')


@cache
def forms(secret: str) -> frozenset[bytes]:
    """Return how a secret may look in a joined text, reckoned without the code under test."""
    if "\n" in secret:  # of a PEM key: any of its lines
        return frozenset(line.encode() for line in secret.splitlines() if not line.startswith("-----"))
    data = secret.encode()
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    found |= {data.hex(), data.hex().upper(), secret[::-1], secret[:SHORTEST], secret[-SHORTEST:]}
    for before in range(3):  # inside a longer base64 text
        text = base64.b64encode(b"x" * before + data).decode()
        core = text[-(-before * 4 // 3) :].rstrip("=")[:-1]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    joined_forms = {joined(form.encode()) for form in found}
    return frozenset(form for form in joined_forms if len(form) >= SHORTEST - 2)


class Secrets:
    """What is loaded, and the search for it; `searched` counts forms held against texts."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.searched = 0
        self.clean: set[tuple[int, bytes]] = set()  # what was found without the secrets of its time

    def add(self, name: str, value: str) -> str:
        self.values[name] = value
        return value

    def refuse(self, where: str, text: str | bytes) -> None:
        """Fail when a form of a secret is in the text, whole or broken over lines, quotes or escapes."""
        data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        seen = len(self.values), hashlib.sha256(data).digest()
        if seen in self.clean:
            return
        data = joined(data)
        for name, value in self.values.items():
            for form in forms(value):
                self.searched += 1
                place = data.find(form)
                assert place < 0, f"{name} in {where}: {data[max(0, place - 80) : place + 80]!r}"
        self.clean.add(seen)

    def refuse_in_files(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file() and not path.name.startswith(("providers.toml", "credentials.toml")):
                data = path.read_bytes()
                self.refuse(str(path), data)
                if path.parent.name == "raw" and data:
                    for one in json.loads(data)["requests"]:
                        if one["encoding"] == "base64":
                            self.refuse(f"body in {path}", base64.b64decode(one["body"]))


@pytest.fixture
def known(monkeypatch) -> Secrets:
    monkeypatch.setattr(redact_module, "_secrets", set())
    return Secrets()


@pytest.fixture
def guarded(sandbox, tmp_path, monkeypatch, known, no_sleep, capfd) -> Any:
    """A desk with all eight providers, every one with a key of random letters."""
    from tests.reliability.conftest import Outcome

    for name, api in sandbox.apis.items():
        keys = {}
        for field, value in api.keys.items():
            # RAPIRA's RSA key is one for good. Some have what URLs and JSON write otherwise.
            fresh = value if field == "private_key" else secrets.token_urlsafe(24)
            if field in ("api_secret", "passphrase"):
                fresh = f'{secrets.token_urlsafe(9)}+/="\\{secrets.token_urlsafe(9)}&%'
            keys[field] = known.add(f"{name} {field}", fresh)
        monkeypatch.setattr(api, "keys", keys, raising=False)
    folder = tmp_path / "desk"

    def write(redis_url: str = "none", base_url: str | None = None, proxy: str | None = None, **settings: Any) -> None:
        path = desk(sandbox, folder, redis_url, **{"timeout_s": 0.3, "deadline_s": 1, "attempts": 1, **settings})
        import tomllib

        import tomli_w

        document = tomllib.loads(path.read_text())
        for entry in document["providers"].values():
            entry["needs_api"] = True
            if base_url:
                entry["base_url"] = base_url
            if proxy:
                entry["proxy"] = proxy
        path.write_text(tomli_w.dumps(document))

    def call(*words: str, as_json: bool = True) -> Outcome:
        capfd.readouterr()
        code = invoke(["--config", str(folder / "providers.toml"), *words])
        out, err = capfd.readouterr()
        known.refuse(f"output of {' '.join(words)}", out + err)
        document = json.loads(out) if out.startswith("{") else {}
        results = {f"{one['provider']} {one.get('job')}": one for one in document.get("results", [])}
        return Outcome(code, results, err.splitlines(), out + err, document)

    write()
    yield Desk(folder / "providers.toml", call, write)
    known.refuse_in_files(folder)
    assert known.searched > 0


ARGUMENTS = {"slow": "0.2", "drip": "0.2", "skew": "90000", "off": "2", "drift": "5", "move": "30"}
QUIET = ("skew", *PRICED)  # beside a good answer: they go together
FEW = {"bomb", "slow", "drip"}  # take their time: two providers are enough


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_under_any_fault(guarded, sandbox, known, log_format):
    """Every kind of fault (as JSON some, for the same words), at -vv, with raw dumps and --json."""
    kinds = [(kind,) for kind in sorted(KINDS.keys() - set(QUIET))]
    for together in [QUIET, *kinds][:: 1 if log_format == "text" else 8]:
        specs = [f"{kind}:{ARGUMENTS[kind]}" if kind in ARGUMENTS else kind for kind in together]
        names = ("KUCOIN", "HTX") if FEW & set(together) else sandbox.apis
        sandbox.fault(*(f"{name}={spec}" for name in names for spec in specs))
        told = guarded.call("-vv", "--log-format", log_format, "run", "--once", "--dump-raw", "--json", "--jobs", "4")
        assert len(told.results) == 24
        if log_format == "text":  # the files do not differ by it
            known.refuse_in_files(guarded.path.parent)
        shutil.rmtree(guarded.data / "raw", ignore_errors=True)
    sandbox.fault()
    assert guarded.call("dump", "all", "--json").code in (0, 3)  # 3: TWELVEDATA's eight credits a minute are used up
    for words in (
        ("check", "--json"),
        ("check", "-vv"),
        ("providers", "show", "RAPIRA", "--json"),
        ("credentials", "list"),
    ):
        guarded.call(*words)


class Echo(BaseHTTPRequestHandler):
    """A provider, or what stands before it, that sends back all it was sent, wherever it can."""

    mode: ClassVar[str] = "json"

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        heard = f"{self.requestline}\n{self.headers}\n{self.rfile.read(size).decode()}"
        words = {"code", "retCode", "msg", "retMsg", "message", "err-msg", "err-code", "description", "status", "error"}
        status, kind, body = 400, "application/json", json.dumps(dict.fromkeys(words, heard)).encode()
        if self.mode == "ok":
            status = 200
        elif self.mode == "html":
            status, kind, body = 403, "text/html", f"<html><pre>{heard}</pre></html>".encode()
        elif self.mode == "binary":
            status, kind, body = 200, "application/json", b"\xff\xfe" + heard.encode() + b"\xff"
        elif self.mode == "gzip":
            body = gzip.compress(body)
        elif self.mode == "redirect":
            status = 302
        self.send_response(status)
        plain = heard.replace("\r", " ").replace("\n", " ")
        self.send_header("Content-Type", kind)
        for name in ("Server", "Via", "Etag", "Location", "Retry-After", "Date"):
            self.send_header(name, plain)
        if self.mode == "gzip":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("mode", ["json", "ok", "html", "binary", "gzip", "redirect"])
def test_no_secret_from_a_provider_that_sends_back_what_it_was_sent(guarded, monkeypatch, known, mode):
    monkeypatch.setattr(Echo, "mode", mode)
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            guarded.write(base_url=f"http://127.0.0.1:{server.server_address[1]}")
            for log_format in ("text", "json"):
                told = guarded.call("-vv", "--log-format", log_format, "run", "--once", "--dump-raw", "--json")
                assert told.code == 1
            guarded.call("dump", "all", "--json", "--force")
            guarded.call("check", "-vv")
        finally:
            server.shutdown()
            thread.join()
    dumps = [path.read_text() for path in guarded.data.glob("raw/*.json")]
    assert any("***" in text for text in dumps) or mode in ("html", "binary")  # a page is not kept


@pytest.mark.parametrize("where", ["registry", "environment"])
def test_no_secret_of_a_proxy_or_of_redis(guarded, known, monkeypatch, where):
    proxy = f"http://somebody:{known.add('proxy', secrets.token_urlsafe(18))}@127.0.0.1:9"
    redis_url = f"redis://:{known.add('redis', secrets.token_urlsafe(18))}@127.0.0.1:9/1"
    if where == "environment":
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("MARKETCTL_REDIS_URL", redis_url)
    guarded.write(*([redis_url] if where == "registry" else []), proxy=proxy if where == "registry" else None)
    for words in (
        ("-vv", "run", "--once", "--dump-raw", "--json"),
        ("-vv", "--log-format", "json", "prices", "collect"),
        ("check", "-vv", "--json"),
        ("prices", "show"),
        ("providers", "list", "--json"),
        ("providers", "show", "BYBIT"),
        ("providers", "show", "BYBIT", "--json"),
    ):
        guarded.call(*words)


def test_no_secret_in_the_traceback_of_a_bug_in_an_adapter(guarded, known, monkeypatch):
    from marketctl.providers.cex.bybit import BybitAdapter

    def broken(self: BybitAdapter) -> None:
        error = KeyError(f"no {self.keys['api_secret']} at https://x/?key={quote(self.keys['api_key'])}")
        error.add_note(f"the header was {base64.b64encode(self.keys['api_secret'].encode()).decode()}")
        raise RuntimeError(repr(self.keys)) from error

    monkeypatch.setattr(BybitAdapter, "prices", broken)
    for log_format in ("text", "json"):
        told = guarded.call("-vv", "--log-format", log_format, "prices", "collect", "-p", "BYBIT", "--json")
        assert (told.code, told.results["BYBIT prices"]["reason"]) == (1, "internal")
        assert "Traceback (most recent call last)" in told.said
        assert "RuntimeError" in told.said
    for form in ("table", "json"):
        assert "RuntimeError" in guarded.call("check", "BYBIT", "--format", form).said


def test_no_secret_in_the_traceback_of_a_bug_outside_of_any_job(guarded, known):
    code = (
        "import sys, marketctl.jobs.runner, marketctl.cli\n"
        "def broken(run, *_, **__): raise RuntimeError(f'keys were {run.desk.keys.all_values()}')\n"
        "marketctl.jobs.runner.run_jobs = broken\n"
        "marketctl.cli.main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "--config", str(guarded.path), "run", "--once"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    known.refuse("the traceback", done.stdout + done.stderr)
    assert done.returncode == 1
    assert "RuntimeError: keys were ['***'" in done.stderr


def family(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += [int(path.parent.name), *family(int(path.parent.name))]
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_no_secret_in_the_process_list_or_in_the_environment_of_children(guarded, known):
    """Keys of the environment and of the file, while `marketctl run` works with its embedded Redis."""
    guarded.write("embedded", prices_interval_s=0.05)
    secret = known.add("environment", secrets.token_urlsafe(24))
    environ = dict(os.environ) | {"MARKETCTL_BYBIT_API_SECRET": secret, "MARKETCTL_OTHER_API_KEY": secret}
    command = [sys.executable, "-m", "marketctl", "--config", str(guarded.path), "-vv", "run", "--task", "prices"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
        reader.start()
        try:
            until = time.monotonic() + 30
            while not (children := family(process.pid)) or not guarded.file("prices", "KUCOIN").exists():
                assert time.monotonic() < until
                time.sleep(0.01)
            known.refuse("command line", Path(f"/proc/{process.pid}/cmdline").read_bytes())
            for child in children:
                assert b"redis" in Path(f"/proc/{child}/cmdline").read_bytes()
                for name in ("cmdline", "environ"):
                    known.refuse(f"{name} of a child", Path(f"/proc/{child}/{name}").read_bytes())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143
            reader.join()
    known.refuse("the log", b"".join(said))
    assert b"Traceback" not in b"".join(said)
