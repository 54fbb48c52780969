"""A local dead-man service: it notes what it is told and answers as the test wants."""

import threading
from typing import NamedTuple

from tests.http_receiver import HttpReceiver

PATH = "/0123456789abcdef/9f1c27a6-1d2e-4b53-8f0a-7c6d5e4f3a2b"


class Told(NamedTuple):
    action: str
    rid: str
    body: str


class DeadMan(HttpReceiver):
    """`with DeadMan() as service`: `service.url` is its ping_url, `service.told` what came."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []
        self.statuses: list[int] = []  # of the next answers; then 200
        self.hold: threading.Event | None = None  # no answer before that
        self.url = f"http://127.0.0.1:{self.port}{PATH}"

    def take(self, path: str, body: bytes) -> int:
        if self.hold is not None:
            self.hold.wait(30)
        action, _, rid = path.partition("?rid=")
        assert action.startswith(PATH)
        self.told.append(Told(action.removeprefix(PATH), rid, body.decode()))
        return self.statuses.pop(0) if self.statuses else 200

    @property
    def actions(self) -> list[str]:
        return [one.action for one in self.told]
