"""Sample answers of the bridge's venues, and what the bridge makes of them."""

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from marketctl.errors import BadAnswer, NotSupported
from marketctl.http.messages import Answer
from marketctl.jobs.replay import NO_MEMORY
from marketctl.providers.bridge import CcxtAdapter
from marketctl.providers.bridge.adapter import venue_class
from marketctl.times import now_ms

SAMPLES = Path(__file__).with_name("bridge")
VENUES = sorted(path.stem for path in SAMPLES.glob("*.json"))
Path_ = tuple[str | int, ...]
JOBS = ("prices", "wallet")


class Digits(str):
    """A JSON number by its digits."""


class FakeClient:
    """Answers with the bodies of a sample, byte by byte as they stand there."""

    host = "127.0.0.1"
    provider = "X"
    clock_offset_ms = 0

    def __init__(self, base_url: str, bodies: dict[str, Any]) -> None:
        self.base_url = base_url
        self.bodies = bodies
        self.asked: list[str] = []

    def left_s(self) -> float:
        return 60.0

    def ask(self, method: str, path: str, _query: Any = None, *, check: Any, **_: Any) -> Answer:
        self.asked.append(f"{method} {path}")
        content = text_of(self.bodies.get(f"{method} {path}", {})).encode()
        answer = Answer(200, {}, None, content, True, now_ms(), now_ms())
        check(answer)
        return answer


def text_of(value: Any) -> str:
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{text_of(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value)


@cache
def bodies_of(venue: str) -> dict[str, Any]:
    text = (SAMPLES / f"{venue}.json").read_text()
    found: dict[str, Any] = json.loads(text, parse_float=Digits, parse_int=Digits)
    return found


@cache
def adapter_of(venue: str) -> CcxtAdapter:
    cls = venue_class(venue)
    keys = dict.fromkeys(cls.credentials, "c2FtcGxl")
    return cls(FakeClient(cls.base_url, {}), NO_MEMORY, credentials=keys)  # type: ignore[arg-type]


def outcome(venue: str, bodies: dict[str, Any], jobs: tuple[str, ...] = JOBS) -> dict[tuple[str, ...], Any]:
    """Return every figure and flag that comes out, by place; a job that fails brings none."""
    adapter = adapter_of(venue)
    adapter.client.bodies = bodies  # type: ignore[attr-defined]
    found: dict[tuple[str, ...], Any] = {}
    with suppress(BadAnswer, NotSupported):
        for quote in adapter.prices().quotes.values() if "prices" in jobs else ():
            fields = ("bid", "ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status", "at_ms")
            found |= {("quote", field): getattr(quote, field) for field in fields}
    with suppress(BadAnswer, NotSupported):
        for asset in adapter.assets().assets.values() if "wallet" in jobs else ():
            found |= {("coin", field): getattr(asset, field) for field in ("deposit", "withdraw", "precision")}
            for network in asset.networks.values():
                shape = network.to_dict()
                for field in ("name", "network", "note"):
                    del shape[field]
                found |= {("network", field): value for field, value in shape.items()}
    return found


def changed(value: Any, where: Path_, to: Any) -> Any:
    """Return a copy with another leaf; `...` takes it away (in a list it becomes null, the others keep their place)."""
    key, rest = where[0], where[1:]
    if isinstance(value, list):
        index = int(key)
        new = changed(value[index], rest, to) if rest else None if to is ... else to
        return [*value[:index], new, *value[index + 1 :]]
    if rest:
        return value | {key: changed(value[key], rest, to)}
    return {name: one for name, one in value.items() if name != key} if to is ... else value | {key: to}
