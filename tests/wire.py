"""A bare HTTP server for tests of what real ones do wrong: each answer is written byte by byte by the test."""

import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Asked:
    """One request as it came; header names are lower-case."""

    line: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[["Wire", Asked, Callable[[bytes], None]], None]


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """Return a whole answer; `content_type="text/html"` is a header."""
    lines = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} Words\r\n{head}\r\n".encode() + body


class _Connection(socketserver.StreamRequestHandler):
    server: "Wire"

    def handle(self) -> None:
        with suppress(OSError, ssl.SSLError):
            self.connection.settimeout(10)
            self.server.connections += 1
            while asked := self.read():
                self.server.asked.append(asked)
                answer = self.server.answers[min(len(self.server.asked), len(self.server.answers)) - 1]
                if callable(answer):
                    answer(self.server, asked, self.wfile.write)
                    return
                self.wfile.write(answer)

    def read(self) -> Asked | None:
        line = self.rfile.readline().decode("latin-1").strip()
        if not line:
            return None
        headers = {}
        while (header := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(line, headers, self.rfile.read(int(headers.get("content-length", 0))))


class Wire(socketserver.ThreadingTCPServer):
    """Serves on a local port. The n-th request gets the n-th answer, the last one from then on.

    An answer is bytes, or a function that writes them and whose end closes the connection.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: bytes | Answer, cert: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answers = answers or (reply(),)
        self.asked: list[Asked] = []
        self.connections = 0
        self.stopped = threading.Event()
        self.scheme = "https" if cert else "http"
        self._tls = None
        if cert:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(cert)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def get_request(self) -> Any:
        sock, address = super().get_request()
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up in these tests."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.stopped.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
