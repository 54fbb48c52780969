"""Real receivers on loopback: a webhook, which is Telegram's API as well, and a mail server."""

import json
import socket
import threading
from email import message_from_bytes
from email.header import decode_header, make_header

from aiosmtpd.controller import Controller

from tests.http_receiver import HttpReceiver

TOKEN = "987654321:AAF_abcdefghijklmnopqrstuvwxyz0123"
PATIENCE_S = 120  # nobody judges by it: what was told is judged, not when
SECRET = "s3cr3t-webhook-token-0123456789"


class Webhook(HttpReceiver):
    """`with Webhook() as hook`: what came is in `hook.told`, as (path, JSON body); `hook.status` is the answer."""

    answer = b'{"ok": true, "result": {}}'
    content_type = "application/json"

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, dict]] = []
        self.status = 200
        self._came = threading.Condition()
        self.url = f"json://127.0.0.1:{self.port}/{SECRET}"

    def take(self, path: str, body: bytes) -> int:
        if self.status == 200:
            with self._came:
                self.told.append((path, json.loads(body)))
                self._came.notify_all()
        return self.status

    def wait_for(self, count: int) -> list[str]:
        """Return the messages once so many have come; however slow the machine is."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.told) >= count, PATIENCE_S), self.told
            return self.messages

    @property
    def messages(self) -> list[str]:
        """The texts, of whatever service they are."""
        return [body.get("message") or body.get("text") or "" for _, body in self.told]


class Mail:
    """`with Mail() as mail`: subjects and texts are in `mail.told`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802  (aiosmtpd's name)
        message = message_from_bytes(envelope.content)
        part = next(one for one in message.walk() if not one.is_multipart())
        subject = str(make_header(decode_header(message["Subject"])))
        self.told.append((subject, part.get_payload(decode=True).decode()))
        return "250 OK"

    def __enter__(self) -> "Mail":
        self._controller.start()
        self.url = f"mailto://127.0.0.1:{self.port}?from=desk@example.com&to=ops@example.com&mode=insecure"
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
