"""What every sandbox shares. Long: one server, from a request to the reply, its faults and its log of requests.

HTTP on a local port, exact routes, faults on demand, a log of requests.

A sandbox of one provider is a subclass of `Api` in a module of its own: routes, its keys, its error
bodies. Signatures, timestamps and nonces are verified for real.
"""

import base64
import gzip
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from marketctl.sandbox.faults import KINDS, Fault
from marketctl.sandbox.world import World
from marketctl.times import now_ms


@dataclass
class Call:
    """One request as the sandbox sees it; header names are lower-case, `raw_query` is exactly as sent."""

    method: str
    path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """Return the decoded parameters."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))


@dataclass
class Reply:
    """What goes back: `body` is JSON data, or bytes as they are."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


class Refused(Exception):
    """Ends a call with the provider's own error answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


Route = Callable[[Call], Any]


class Api:
    """The strict local copy of one provider's API."""

    name: ClassVar[str]
    # The credentials this sandbox accepts, as in credentials.toml.
    keys: ClassVar[dict[str, str]] = {}
    # The provider's own error answers by fault word: rate-limit, bad-key, bad-signature, clock,
    # ip, permission, maintenance, error (a server fault); see faults.py.
    errors: ClassVar[dict[str, Reply]] = {}

    def __init__(self, world: World) -> None:
        self.world = world
        self.skew_ms = 0
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()

    def routes(self) -> dict[str, Route]:
        """Return "METHOD /path" -> function of a Call that returns JSON data or a Reply."""
        raise NotImplementedError

    def unknown_route(self, _call: Call) -> Reply:
        """Answer a path that does not exist, the provider's way."""
        return Reply(b"", 404)

    def now_ms(self) -> int:
        """Return this server's clock, which a fault may have put wrong."""
        return now_ms() + self.skew_ms

    def tick(self, call: Call) -> int:
        """Return how often this endpoint was asked: prices move by it."""
        return self.calls[f"{call.method} {call.path}"]

    def refuse(self, word: str) -> Refused:
        """Return the error to raise for one of `errors`."""
        return Refused(self.errors[word])

    def answer(self, call: Call) -> Reply:
        """Count a call and answer it, with the fault that lies on it if there is one."""
        with self.lock:
            self.calls[f"{call.method} {call.path}"] += 1
            fault = next((one for one in self.faults if one.hits(call.path)), None)
            if fault is not None:
                fault.left -= 1
        route = self.routes().get(f"{call.method} {call.path}")
        if fault is not None and (reply := fault.early(self)) is not None:
            return reply
        try:
            made = route(call) if route else self.unknown_route(call)
        except Refused as refused:
            made = refused.reply
        reply = made if isinstance(made, Reply) else Reply(made)
        return fault.late(reply, f"{call.method} {call.path}") if fault is not None else reply


def signature(secret: str, message: str, digest: str = "sha256") -> bytes:
    """Return the HMAC of a text. Its own: a copy must not check signatures with the code under test."""
    return hmac.new(secret.encode(), message.encode(), digest).digest()


def hex_signature(secret: str, message: str, digest: str = "sha256") -> str:
    """Return the HMAC as lower-case hex."""
    return signature(secret, message, digest).hex()


def base64_signature(secret: str, message: str) -> str:
    """Return the HMAC-SHA256 in base64."""
    return base64.b64encode(signature(secret, message)).decode()


def same(one: str, other: str) -> bool:
    """Compare two signatures."""
    return hmac.compare_digest(one.encode(), other.encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: with Nagle's algorithm a small one waits for an acknowledgement.
    disable_nagle_algorithm = True
    server: "_Server"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        call = Call(
            self.command,
            parts.path,
            parts.query,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(size),
        )
        reply = self.server.control(call) if call.path.startswith("/_sandbox/") else self.server.api.answer(call)
        content = reply.content()
        headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
        if (
            "gzip" in call.headers.get("accept-encoding", "")
            and len(content) > 1024
            and "Content-Encoding" not in headers
        ):
            content = gzip.compress(content, 1)
            headers["Content-Encoding"] = "gzip"
        headers.setdefault("Content-Length", str(len(content)))
        self.send_response(reply.status)
        for name, value in headers.items():
            if not name.startswith("_"):
                self.send_header(name, value)
        if "_drop" in headers:
            self.close_connection = True
            self.connection.close()
            return
        self.end_headers()
        drip = float(headers.get("_drip", 0))
        if drip:
            for start in range(0, len(content), 64):
                self.wfile.write(content[start : start + 64])
                time.sleep(drip)
        else:
            self.wfile.write(content)
        if int(headers["Content-Length"]) != len(content):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the Date header by this server's own clock."""
        return super().date_time_string(timestamp if timestamp is not None else self.server.api.now_ms() / 1000)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `/_sandbox/requests` tells what was asked."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, api: Api, port: int) -> None:
        self.api = api
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet when a client hangs up; anything else is a bug and shown."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | ValueError | OSError):
            super().handle_error(request, client_address)

    def control(self, call: Call) -> Reply:
        """Serve `/_sandbox/faults` (GET, POST a list of specs, DELETE) and `/_sandbox/requests`."""
        api = self.api
        if call.path == "/_sandbox/requests":
            return Reply(dict(api.calls))
        if call.path != "/_sandbox/faults":
            return Reply({"error": "try /_sandbox/faults or /_sandbox/requests"}, 404)
        if call.method == "POST":
            try:
                specs = json.loads(call.body)
                if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
                    raise ValueError('expected a JSON list of specs, such as ["BYBIT=429:2*1"]')
                set_faults([api], specs)
            except ValueError as error:
                return Reply({"error": str(error)}, 400)
        elif call.method == "DELETE":
            set_faults([api], [])
        return Reply([str(fault) for fault in api.faults])


def set_faults(apis: list[Api], specs: list[str]) -> None:
    """Replace the faults of these APIs by those of the specs that name them. Raises ValueError."""
    faults = [Fault.parse(spec) for spec in specs]
    own = {word for api in apis for word in api.errors}
    names = {api.name for api in apis}
    for fault in faults:
        if fault.provider != "*" and fault.provider not in names:
            raise ValueError(f"fault {fault}: expected one of the providers *, {', '.join(sorted(names))}")
        if fault.kind not in KINDS and fault.kind not in own:
            raise ValueError(f"fault {fault}: expected one of the kinds {', '.join(sorted({*KINDS, *own}))}")
    for api in apis:
        with api.lock:
            api.faults = [Fault.parse(str(fault)) for fault in faults if fault.provider in (api.name, "*")]
            api.world.faults[api.name] = api.faults
            api.skew_ms = sum(round(float(fault.argument or 0)) for fault in api.faults if fault.kind == "skew")


class Sandbox:
    """All (or some) providers' APIs, one local port each. A context manager.

    `apis` are classes to serve in place of shipped ones: those of a package of somebody else's.
    """

    def __init__(
        self,
        names: list[str] | None = None,
        *,
        apis: Iterable[type[Api]] | None = None,
        port: int = 0,
        seed: int = 1,
        scale: float = 1,
        faults: list[str] | None = None,
    ) -> None:
        from marketctl.sandbox import API_MODULES, load_api

        self.world = World(seed, scale)
        classes = list(apis) if apis is not None else [load_api(name) for name in names or API_MODULES]
        self.apis = {cls.name: cls(self.world) for cls in classes}
        self.fault(*faults or ())
        self._threads: list[threading.Thread] = []
        self._servers: dict[str, _Server] = {}
        try:
            for index, (name, api) in enumerate(self.apis.items()):
                self._servers[name] = _Server(api, port + index if port else 0)
        except OSError:
            self.stop()
            raise

    def url(self, name: str) -> str:
        """Return the base_url of one provider."""
        return f"http://127.0.0.1:{self._servers[name].server_address[1]}"

    def fault(self, *specs: str) -> None:
        """Replace all faults; no argument means none. Raises ValueError for a spec that cannot be read."""
        set_faults(list(self.apis.values()), list(specs))

    def forget(self) -> None:
        """Drop all faults and what was asked so far: what moves with each question begins anew."""
        self.fault()
        for api in self.apis.values():
            api.calls.clear()

    def requests(self, name: str) -> Counter[str]:
        """Return how often each endpoint of a provider was asked so far."""
        return Counter(self.apis[name].calls)

    def start(self) -> "Sandbox":
        """Serve in background threads."""
        for server in self._servers.values():
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> None:
        """Stop serving and close the ports."""
        for server in self._servers.values():
            if self._threads:
                server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
