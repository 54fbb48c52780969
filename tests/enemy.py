"""An enemy in a provider's place: the sandbox's answers, one of them spoilt in body, status or headers."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from marketctl.errors import BadAnswer
from marketctl.files.atomic import safe_name
from marketctl.files.snapshots import to_bytes
from marketctl.http.messages import Answer, Request, encode_query, read_json
from marketctl.providers.base import Provider
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.sandbox import API_MODULES, load_api
from marketctl.sandbox.base import Call
from marketctl.sandbox.world import World
from marketctl.times import now_ms
from tests.sane import verify

REGISTRY = load_registry(Path(__file__).parent.parent / "providers.toml", environ={})
deep: Any = "bottom"
for _ in range(300):
    deep = {"a": [deep]}

NASTY: list[Any] = [
    None, True, False, 0, 1, -1, 2, 10**12, 10**18, -(10**18), 10**30, 10**400, -(10**400),
    Decimal("0E-10"), Decimal("-0.0"), Decimal("1E+400"), Decimal("1E-400"), Decimal("-1E+9999999"),
    Decimal("1E+9999999"), Decimal("1E-9999999"), Decimal("0." + "1" * 50), Decimal("1.5"), Decimal("-0.5"),
    "", " ", "0", "-0", "1", "-1", "-1.5", "NaN", "nan", "sNaN", "Infinity", "-inf", "1e400", "1e-400", "1e60", "1e59",
    "1e999999999", "9" * 60, "9" * 61, "9" * 5000, "0." + "1" * 5000, "1_000", "１２", "٣", "0x10", "1,5", "1.", ".5",
    "true", "null", "online", "A", "A" * 65, "x" * 5000, "BTC", "BTCUSDT", "USD/RUB", "/", "A/B", "A/B/C", "-", "a-b",
    "../../x", "/etc/passwd", "C:\\x", "\x00", "\x1b[31mred\x1b[0m", "a\nb", "a\rb", "\u202etxt", "\u2028", "\x9b1m",
    "\ud800", "a\udcffb", "é" * 64, "ß", "币安", "'; DROP", "{{x}}", "${x}", "%s%n", "<b>", "{BYBIT}", "*", "__proto__",
    [], {}, [[]], [None], [{}], [[], {}], {"": ""}, {"a": {"b": [1]}}, ["x"] * 50, {"x": None}, deep,
]  # fmt: skip
STATUSES = [*[200] * 20, 201, 400, 401, 403, 404, 418, 429, 451, 500, 503, 599]
HEADERS = [
    "date", "retry-after", "x-bapi-limit-reset-timestamp", "gw-ratelimit-limit", "gw-ratelimit-remaining",
    "gw-ratelimit-reset", "x-hb-ratelimit-requests-expire", "api-credits-used", "api-credits-left",
]  # fmt: skip
WORDS = ["", "0", "-1", "9" * 30, "1e9", "NaN", "soon", "\xff", "Mon, 01 Jan 0001 00:00:00 -0000", "1767225600000"]


@cache
def adapter_class(name: str) -> type[Provider]:
    return load_adapter(REGISTRY.providers[name])


@cache
def honest_api(name: str) -> Any:
    return load_api(name)(World(1, 0))


@cache
def honest_body(name: str, method: str, path: str, query: str, signed: bool) -> Any:
    """Return what the sandbox says to a request, signed as it must be."""
    api, cls = load_api(name)(World(1, 0)), adapter_class(name)  # fresh: some count what they are asked
    request = Request(method, "127.0.0.1", path, query, now_ms(), {}, None)
    if signed:
        cls(None, None, credentials=api.keys).sign(request)
    headers = {key.lower(): value for key, value in request.headers.items()} | {"host": "127.0.0.1"}
    reply = api.answer(Call(method, path, request.query, headers, request.body or b""))
    if f"{method} {path}" in cls.formats:
        return reply.content()
    body, is_json = read_json(reply.content())
    assert reply.status == 200, (name, method, path, body)
    assert is_json
    return body


READERS = {
    "wallet": lambda adapter: adapter.assets(),
    "prices": lambda adapter: adapter.prices(),
    "stats": lambda adapter: adapter.stats(),
    "key": lambda adapter: adapter.check_key(),
}
ASKED = [
    (name, reader) for name in API_MODULES for reader in READERS if reader != "key" or adapter_class(name).credentials
]
HOW = ("replace", "replace", "replace", "delete", "double", "rename")


class FakeMemory:
    """Remembers nothing over runs, but refuses what a file could not hold."""

    def get(self, key: str, _max_age_s: float) -> None:
        safe_name(key)

    def get_made(self, key: str, _max_age_s: float, _make: Any) -> None:
        safe_name(key)

    def put(self, key: str, value: Any, _at_ms: int | None = None) -> None:
        safe_name(key)
        to_bytes(json.dumps(value))


class FakeClient:
    """Answers like the sandbox, but with the spoilt body, status and headers at one endpoint."""

    base_url = "http://127.0.0.1:1"
    host = "127.0.0.1"
    provider = "X"

    def __init__(self, name: str, target: str, body: Any, status: int, headers: Mapping[str, str]) -> None:
        self.name = name
        self.target = target
        self.spoilt = body, status, headers
        self.clock_offset_ms = 0

    def left_s(self) -> float:
        return 60.0

    def ask(
        self, method: str, path: str, query: Any = None, *, sign: Any = None, check: Any, body: Any = None, **_: Any
    ) -> Answer:
        found = honest_body(self.name, method, path, encode_query(dict(query or {})), sign is not None)
        status, headers = 200, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if f"{method} {path}" == self.target:
            found, status, headers = self.spoilt
        raw = f"{method} {path}" in adapter_class(self.name).formats
        if raw and not isinstance(found, bytes):
            found = json.dumps(found, default=str).encode()
        answer = Answer(status, headers, found, b"...", not raw, now_ms() - 20, now_ms(), raw)
        check(answer)
        if not 200 <= status < 300:
            raise BadAnswer(f"{method} {self.host}{path}: HTTP {status}")
        return answer


def make(name: str, client: Any) -> Provider:
    entry = REGISTRY.providers[name]
    keys = honest_api(name).keys
    return adapter_class(name)(client, FakeMemory(), credentials=keys, pairs=entry.pairs, options=entry.options)


@cache
def targets(name: str, reader: str) -> list[str]:
    """Return the endpoints that a reader asks when all is well."""
    asked = []
    client = FakeClient(name, "", None, 200, {})
    ask = client.ask

    def note(method: str, path: str, *rest: Any, **more: Any) -> Answer:
        asked.append((method, path, encode_query(dict((rest and rest[0]) or {})), more.get("sign") is not None))
        return ask(method, path, *rest, **more)

    client.ask = note  # type: ignore[method-assign]
    found = READERS[reader](make(name, client))
    verify(found)
    return list(dict.fromkeys(f"{method} {path}" for method, path, _, _ in asked))


@cache
def sample(name: str, reader: str, target: str) -> Any:
    """Return the honest body of one endpoint, as the reader asks for it."""
    bodies: list[Any] = []
    client = FakeClient(name, "", None, 200, {})
    ask = client.ask

    def note(method: str, path: str, *rest: Any, **more: Any) -> Answer:
        answer = ask(method, path, *rest, **more)
        if f"{method} {path}" == target:
            bodies.append(answer.body)
        return answer

    client.ask = note  # type: ignore[method-assign]
    READERS[reader](make(name, client))
    return bodies[0]


def spoil(value: Any, where: list[int], how: str, what: Any) -> Any:
    """Return a copy of a value that is changed at one place: a way down, one step a number."""
    if isinstance(value, bytes):
        start = sum(where) % (len(value) or 1)
        end = start + {"delete": 20, "double": 0, "rename": 5, "replace": 8}[how]
        return value[:start] + str(what)[:100].encode("utf-8", "surrogatepass") + value[end:]
    if not where or not isinstance(value, dict | list) or not value:
        return what if how == "replace" else value
    if isinstance(value, list):
        index = where[0] % len(value)
        if len(where) > 1:
            return [*value[:index], spoil(value[index], where[1:], how, what), *value[index + 1 :]]
        changed = {
            "replace": [what],
            "delete": [],
            "double": [value[index], value[index]],
            "rename": [what, value[index]],
        }
        return [*value[:index], *changed[how], *value[index + 1 :]]
    key = list(value)[where[0] % len(value)]
    if len(where) > 1:
        return value | {key: spoil(value[key], where[1:], how, what)}
    if how == "replace":
        return value | {key: what}
    rest = {name: one for name, one in value.items() if name != key}
    if how == "delete":
        return rest
    other = str(what)[:200] if how == "rename" and isinstance(what, str | int) else f"{key}2"
    return (rest if how == "rename" else value) | {other: value[key]}
