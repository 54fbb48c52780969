"""A local dead-man service: it notes what it is told and answers as the test wants."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

PATH = "/0123456789abcdef/9f1c27a6-1d2e-4b53-8f0a-7c6d5e4f3a2b"


class Told(NamedTuple):
    method: str
    action: str
    rid: str
    body: str


class DeadMan:
    """`with DeadMan() as service`: `service.url` is its ping_url, `service.told` what came."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.statuses: list[int] = []  # of the next answers; then 200
        self.hold: threading.Event | None = None  # no answer before that
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if service.hold is not None:
                    service.hold.wait(30)
                length = int(self.headers["Content-Length"])
                path, _, query = self.path.partition("?rid=")
                assert path.startswith(PATH)
                body = self.rfile.read(length).decode()
                service.told.append(Told(self.command, path.removeprefix(PATH), query, body))
                status = service.statuses.pop(0) if service.statuses else 200
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"http://127.0.0.1:{service.port}{PATH}/elsewhere?rid=")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{PATH}"

    def __enter__(self) -> "DeadMan":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def actions(self) -> list[str]:
        return [one.action for one in self.told]
