"""The board served live, read-only: the page, and what changes since as server-sent events.

The standard library's server: one page, one stream, a handful of people. What it does not do - TLS, names, passwords,
compression - a web server in front of it does better.
"""

import hmac
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

from marketctl.board import build_board, require_extra
from marketctl.board.live import Changes
from marketctl.board.ways import answer_question
from marketctl.config.registry import Registry
from marketctl.errors import ConfigError, MarketctlError
from marketctl.log import log
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 64
BEAT_S = 5.0  # a page that hears nothing for long grows old by itself
PACE_S = 0.25  # at most four events a second
REQUEST_S = 15.0
KEEP_S = 60.0  # a page may be given again, as events bring it up to now
COOKIE = "marketctl-board"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class BoardServer(ThreadingHTTPServer):
    """Listens where `address_of` says, off loopback only with a token. Raises ConfigError, OSError, ValueError."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, registry: Registry, bind: str, token: str | None) -> None:
        require_extra()
        self.path, address = address_of(bind)
        host = "" if self.path else address[0]
        if not self.path and host not in LOOPBACK and token is None:
            raise ConfigError(
                f"{bind} can be reached from other machines, and the board has no password of its own",
                hint="add --token, or bind 127.0.0.1 and put nginx before it",
            )
        self.registry, self.token, self.host = registry, token, host
        self.address_family = socket.AF_UNIX if self.path else socket.AF_INET6 if ":" in host else socket.AF_INET
        if self.path:
            _clear(self.path)
        super().__init__(str(self.path) if self.path else address, Handler)  # type: ignore[arg-type]
        if self.path:
            self.path.chmod(0o660)
        self.changes = Changes(registry)
        self.room = BoundedSemaphore(CONNECTIONS)
        self._page: tuple[int, float, bytes] = (-1, 0.0, b"")
        self._making, self.finding = Lock(), Lock()

    @property
    def url(self) -> str:
        """Where it is reached."""
        if self.path:
            return f"unix:{self.path}"
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}/" if ":" in str(host) else f"http://{host!s}:{port}/"

    def server_bind(self) -> None:
        """Bind without asking a name server who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "board", 0

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Say nothing of a client that went away; our own errors stay loud."""
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("the board: %r", error, exc_info=True)

    def page(self) -> bytes:
        """Return the page as of now, made once for all that ask within a while."""
        with self._making:
            shape, made, page = self._page
            if shape != self.changes.shape or monotonic() - made > KEEP_S:
                state, shape = self.changes.state, self.changes.shape
                with open_reader(self.registry, history=False) as reader:
                    page = build_board(reader, now_ms(), state)
                self._page = (shape, monotonic(), page)
            return page

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve while the block runs."""
        threads = [
            Thread(target=self.changes.run, name="changes", daemon=True),
            Thread(target=self.serve_forever, kwargs={"poll_interval": 0.2}, name="board", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.changes.stop()
            self.shutdown()
            self.server_close()
            threads[0].join(5)
            if self.path:
                self.path.unlink(missing_ok=True)


class Handler(BaseHTTPRequestHandler):
    """One connection: GET and HEAD of the page, GET of its events; nothing can be changed here."""

    server: BoardServer
    timeout = REQUEST_S
    server_version, sys_version = "marketctl", ""

    def do_GET(self) -> None:
        """Answer, as long as there is room."""
        if not self.server.room.acquire(blocking=False):
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
        try:
            self._answer()
        finally:
            self.server.room.release()

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Refuse: the board is read-only."""
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "the board is read-only")

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST  # noqa: N815

    def _answer(self) -> None:
        try:
            parts = urlsplit(self.path)
        except ValueError:
            return self._refuse(HTTPStatus.BAD_REQUEST, "no such address")
        if not self._known_host():
            return self._refuse(HTTPStatus.FORBIDDEN, "this board does not go by that name")
        if self.headers.get("Sec-Fetch-Site") == "cross-site" and self.headers.get("Sec-Fetch-Mode") != "navigate":
            return self._refuse(HTTPStatus.FORBIDDEN, "asked from another site")
        given = parse_qs(parts.query).get("token", [""])[0]
        if self.server.token is not None and given and self._is_token(given) and parts.path == "/":
            return self._enter()
        if not self._may_enter():
            return self._refuse(HTTPStatus.UNAUTHORIZED, "open the address with ?token=")
        if parts.path == "/":
            return self._give_page()
        if parts.path == "/events" and self.command == "GET":
            return self._tell(parse_qs(parts.query).get("since", [""])[0])
        if parts.path == "/ways" and self.command == "GET":
            return self._find(parse_qs(parts.query))
        return self._refuse(HTTPStatus.NOT_FOUND, "not here")

    def _known_host(self) -> bool:
        """Refuse foreign names where only this machine should ask: a page elsewhere may have its name lead here."""
        if self.server.path or self.server.host not in LOOPBACK:
            return True
        try:
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in LOOPBACK
        except ValueError:
            return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self.server.token or "").encode())

    def _may_enter(self) -> bool:
        if self.server.token is None:
            return True
        scheme, _, word = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(word.strip()):
            return True
        with suppress(CookieError):
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
            return cookie is not None and self._is_token(cookie.value)
        return False

    def _enter(self) -> None:
        """Keep the token in a cookie, out of the address."""
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "./")
        self.send_header("Set-Cookie", f"{COOKIE}={self.server.token}; HttpOnly; SameSite=Strict; Path=/")
        self._end(0)

    def _give_page(self) -> None:
        try:
            page = self.server.page()
        except MarketctlError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, error.message)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self._end(len(page))
        if self.command == "GET":
            self.wfile.write(page)

    def _find(self, asked: Mapping[str, Sequence[str]]) -> None:
        """Answer how much arrives, over which ways; one question at a time, as a search keeps a core busy."""
        with self.server.finding:
            known, text = answer_question(self.server.registry, asked)
        self.send_response(HTTPStatus.OK if known else HTTPStatus.BAD_REQUEST)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self._end(len(text))
        self.wfile.write(text)

    def _tell(self, state: str) -> None:
        """Send what changes, until one side goes."""
        changes = self.server.changes
        epoch, _, numbers = (self.headers.get("Last-Event-ID") or state).partition("-")
        serial, _, shape = numbers.partition("-")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self._end(None)
        if epoch != changes.epoch or not (serial.isdecimal() and shape.isdecimal() and len(numbers) < 40):
            self._event("again", "{}", changes.state)
            return
        last, known = int(serial), int(shape)
        while not changes.stopped:
            if known != changes.shape:
                self._event("again", "{}", changes.state)
                return
            state, now = changes.state, changes.serial
            if now != last:
                self._event("changes", changes.since(last).decode(), state)
                last = now
            else:
                self._event("beat", f'{{"now":{now_ms()}}}', state)
            begun = monotonic()
            changes.wait(now, known, BEAT_S)
            changes.pause(max(0.0, PACE_S - (monotonic() - begun)))

    def _event(self, name: str, data: str, state: str) -> None:
        self.wfile.write(f"event: {name}\nid: {state}\ndata: {data}\n\n".encode())
        self.wfile.flush()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        text = f"{why}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self._end(len(text))
        if self.command != "HEAD":
            self.wfile.write(text)

    def _end(self, length: int | None) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the log: an address may hold the token."""


def address_of(bind: str) -> tuple[Path | None, tuple[str, int]]:
    """Read `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. Raises ValueError."""
    if bind.startswith("unix:") and len(bind) > len("unix:"):
        return Path(bind.removeprefix("unix:")), ("", 0)
    host, _, port = bind.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and len(port) <= 5) or int(port) > 65535:
        raise ValueError(f"{bind[:60]!r} is no address, expected HOST:PORT or unix:PATH")
    return None, (host.removeprefix("[").removesuffix("]"), int(port))


def _clear(path: Path) -> None:
    """Take away a socket that nobody listens at any more. Raises ConfigError."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigError(f"{path} is there and is no socket", hint="name another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise ConfigError(f"another board listens at {path}", hint="name another path, or end that board")
