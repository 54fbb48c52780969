"""Answers made by an enemy: whatever a provider sends, nothing worse than a foreseen error comes out, and no lie.

Honest answers of the sandboxes are spoilt in one to eight places and read by each adapter. `make test-long` tries
harder: HOSTILE_EXAMPLES.
"""

import json
import os
import random
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketctl.cli.table import printable_cell
from marketctl.errors import BadAnswer, ConfigError, MarketctlError, StorageFailed
from marketctl.files.atomic import safe_name
from marketctl.files.memory import Memory
from marketctl.files.snapshots import read_snapshot, to_bytes, write_document, write_snapshot
from marketctl.http.messages import Answer, Request, encode_query, read_json
from marketctl.jobs.changes import compare
from marketctl.jobs.stats import stats_to_dict
from marketctl.models import KeyInfo, Stats
from marketctl.providers.base import Provider
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fields import code
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.redis.forms import l1_texts
from marketctl.redis.publish import _pack_hset
from marketctl.redis.quotes import write_mirror
from marketctl.sandbox import API_MODULES, load_api
from marketctl.sandbox.base import Call
from marketctl.sandbox.world import World
from marketctl.times import now_ms
from tests.wire import Wire, reply

REGISTRY = load_registry(Path(__file__).parent.parent / "providers.toml", environ={})
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "50"))
HEAD = {"schema": 1, "provider": "X", "job": "x", "run_id": "r", "collected_at": None, "version": "0"}
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
# What was tried, for the report: (provider, reader) -> outcome -> count.
tried: dict[tuple[str, str], Counter[str]] = {}

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


def make(name: str, client: Any) -> Provider:
    entry = REGISTRY.providers[name]
    keys = honest_api(name).keys
    return adapter_class(name)(client, FakeMemory(), credentials=keys, pairs=entry.pairs, options=entry.options)


READERS = {
    "wallet": lambda adapter: adapter.assets(),
    "prices": lambda adapter: adapter.prices(),
    "stats": lambda adapter: adapter.stats(),
    "key": lambda adapter: adapter.check_key(),
}
ASKED = [
    (name, reader) for name in API_MODULES for reader in READERS if reader != "key" or adapter_class(name).credentials
]


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


# Spoiling ---------------------------------------------------------------------------------

HOW = ("replace", "replace", "replace", "delete", "double", "rename")


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


# What came out ----------------------------------------------------------------------------


def verify(found: Any) -> None:
    """Check that what was read is sane, and can be stored and shown."""
    if isinstance(found, AssetBatch):
        found.refuse_if_empty()
        verify_assets(found)
    elif isinstance(found, QuoteBatch):
        found.refuse_if_empty()
        verify_quotes(found)
    elif isinstance(found, Stats):
        verify_stats(found)
    else:
        assert isinstance(found, KeyInfo)
        for word in (*(found.permissions or ()), *found.warnings):
            assert printable_cell(word).isprintable()


def verify_error(error: MarketctlError) -> None:
    """Check that it is one of the provider's, told on one line whatever its words were."""
    assert not isinstance(error, StorageFailed), error.message
    assert error.message.isprintable(), ascii(error.message)
    assert (error.hint or "").isprintable(), ascii(error.hint)
    assert len(error.message) < 600
    assert error.retry_after is None or 0 <= error.retry_after < 4e9


def verify_assets(batch: AssetBatch) -> None:
    shapes = {key: asset.to_dict() for key, asset in batch.assets.items()}
    for key, asset in batch.assets.items():
        verify_key(key)
        verify_key(asset.ticker)
        verify_flags(asset.deposit, asset.withdraw)
        verify_counts(asset.precision)
        assert not (asset.fiat and asset.networks)
        for network_key, network in asset.networks.items():
            verify_key(network_key)
            verify_flags(network.deposit, network.withdraw, network.memo_required)
            verify_counts(network.precision, network.confirmations)
            verify_numbers(network.deposit_min, network.withdraw_min, network.withdraw_max)
            verify_numbers(network.withdraw_fee, network.withdraw_fee_percent)
            verify_texts(network.name, network.network, network.contract, network.note)
        verify_texts(asset.name)
    write_snapshot(Path("wallet.json"), HEAD, "assets", shapes)
    stored = read_snapshot(Path("wallet.json"))
    assert stored is not None
    assert stored["assets"] == shapes
    assert compare(stored["assets"], shapes).unchanged == len(shapes)
    verify_redis({key: json.dumps(shape, separators=(",", ":")) for key, shape in shapes.items()})


def verify_quotes(batch: QuoteBatch) -> None:
    for key, quote in batch.quotes.items():
        verify_key(key)
        assert "/" in key
        verify_key(quote.symbol)
        sides = (quote.bid, quote.ask, quote.mid, quote.last)
        verify_numbers(*sides, quote.bid_size, quote.ask_size, quote.volume, quote.quote_volume)
        assert any(sides[:3])
        assert all(side is None or side.strip("0.") for side in sides), "zero is no price"
        if quote.bid is not None and quote.ask is not None:
            assert Decimal(quote.bid) <= Decimal(quote.ask)
        assert quote.status in ("trading", "halted", None)
        assert quote.at_ms is None or 0 < quote.at_ms < 253_402_300_800_000
    for skip in batch.skips:
        assert skip.symbol.isprintable()
        assert len(skip.symbol) <= 64
    write_mirror(Path("prices.json"), HEAD, batch.quotes)
    stored = read_snapshot(Path("prices.json"))
    assert stored is not None
    assert {key: (row["symbol"], row["bid"], row["ask"]) for key, row in stored["quotes"].items()} == {
        key: (quote.symbol, quote.bid, quote.ask) for key, quote in batch.quotes.items()
    }
    live = dict(zip(batch.quotes, l1_texts(list(batch.quotes.items())), strict=True))
    assert {key: json.loads(value)["symbol"] for key, value in live.items()} == {
        key: quote.symbol for key, quote in batch.quotes.items()
    }
    verify_redis(live)


def verify_stats(stats: Stats) -> None:
    shape = stats_to_dict(stats)
    for counts in (shape["pairs"], shape["assets"], shape["networks"]):
        verify_counts(*counts.values())
    verify_numbers(*shape["turnover_24h"].values())
    for currency in shape["turnover_24h"]:
        verify_key(currency)
    assert shape["platform"]["status"] in ("ok", "maintenance", "unknown")
    assert (shape["platform"]["message"] or "").isprintable()
    write_document(Path("stats.json"), HEAD | {"stats": shape})
    assert json.loads(Path("stats.json").read_bytes())["stats"] == json.loads(json.dumps(shape))


def verify_key(key: str) -> None:
    """Check what becomes a key of Redis and of JSON and a cell of a table: printable, short, no blanks around."""
    assert code(key[:64]) == key[:64]
    assert len(key) <= 200


def verify_numbers(*numbers: str | None) -> None:
    for number in numbers:
        assert number is None or NUMBER.fullmatch(number), number
        assert number is None or len(number) <= 130


def verify_counts(*counts: int | None) -> None:
    for count in counts:
        assert count is None or (type(count) is int and 0 <= count <= 10**9), count


def verify_flags(*flags: bool | None) -> None:
    for flag in flags:
        assert flag in (True, False, None)
        assert flag is None or type(flag) is bool


def verify_texts(*texts: str | None) -> None:
    for text in texts:
        assert text is None or type(text) is str
        assert printable_cell(text).isprintable()


def verify_redis(fields: Mapping[str, str]) -> None:
    """Read back what goes over the wire to Redis: as many parts as announced, each as long as announced."""
    sent = b"".join(_pack_hset("P:{X}:l1", fields))
    found: dict[str, str] = {}
    while sent:
        head, _, sent = sent.partition(b"\r\n")
        parts = []
        for _ in range(int(head[1:])):
            size, _, sent = sent.partition(b"\r\n")
            parts.append(sent[: int(size[1:])].decode())
            assert sent[int(size[1:]) : int(size[1:]) + 2] == b"\r\n"
            sent = sent[int(size[1:]) + 2 :]
        assert parts[:2] == ["HSET", "P:{X}:l1"]
        found |= dict(zip(parts[2::2], parts[3::2], strict=True))
    assert found == dict(fields)


# Trying -----------------------------------------------------------------------------------


@pytest.fixture
def _fast_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda _fd: None)


@pytest.mark.usefixtures("_fast_folder")
@pytest.mark.parametrize(("name", "reader"), ASKED)
def test_only_foreseen_errors_and_sane_values_come_out(name, reader):
    counts = tried.setdefault((name, reader), Counter())

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64))
    def attack(seed):
        # Drawn from a seed: drawn one by one by hypothesis they would cost more than the reading.
        dice = random.Random(seed)
        target = dice.choice(targets(name, reader))
        body = sample(name, reader, target)
        for _ in range(dice.choice((1, 1, 2, 3, 4, 8))):
            where = [dice.randrange(10_000) for _ in range(dice.randrange(8))]
            body = spoil(body, where, dice.choice(HOW), dice.choice(NASTY))
        status = dice.choice(STATUSES)
        headers = {dice.choice(HEADERS): dice.choice(WORDS) for _ in range(dice.randrange(3))}
        try:
            verify(READERS[reader](make(name, FakeClient(name, target, body, status, headers))))
        except MarketctlError as error:
            verify_error(error)
            counts[error.reason] += 1
        else:
            counts["read"] += 1

    attack()


@pytest.mark.usefixtures("_fast_folder")
@pytest.mark.parametrize(("name", "reader"), ASKED)
@pytest.mark.parametrize(
    "body", [None, True, 0, -1, "", "text", [], {}, [[]], [{}], [None], {"": None}, deep], ids=ascii
)
def test_a_whole_body_of_another_kind_is_foreseen(name, reader, body):
    for target in targets(name, reader):
        try:
            verify(READERS[reader](make(name, FakeClient(name, target, body, 200, {}))))
        except MarketctlError as error:
            verify_error(error)


def test_error_words_nested_without_end_are_cut():
    client = FakeClient(
        "WHITEBIT", "GET /api/v4/public/assets", {"code": 1, "message": deep, "errors": [[deep]]}, 422, {}
    )
    with pytest.raises(BadAnswer) as error:
        make("WHITEBIT", client).assets()
    verify_error(error.value)


def test_a_uid_that_cannot_be_sent_back_is_not():
    client = FakeClient("HTX", "GET /v2/user/uid", {"code": 200, "data": "a\udcffb"}, 200, {})
    assert make("HTX", client).check_key() == KeyInfo()


@pytest.mark.parametrize("depth", [400, 900, 940, 950, 960, 970, 980, 990, 5000])
def test_json_nested_almost_too_deep_to_read_is_foreseen(adapt, depth):
    nested = b"[" * depth + b"1" + b"]" * depth
    rows = b'{"retCode": 0, "result": {"list": [{"symbol": %b, "bid1Price": %b}], "rows": %b}}' % ((nested,) * 3)
    wire = Wire(reply(200, rows))
    try:
        adapter = adapt(adapter_class("BYBIT"), wire.url, credentials=honest_api("BYBIT").keys)
        for read in (adapter.prices, adapter.assets):
            with pytest.raises(BadAnswer) as error:
                verify(read())
            verify_error(error.value)
    finally:
        wire.stop()


# By construction --------------------------------------------------------------------------

MOVES = re.compile(
    r"order(?!book)|withdraw|transfer|cancel|repay|borrow|convert|/trade(?!-account/balance)|batch|place|buy|sell"
)


@pytest.mark.parametrize("name", API_MODULES)
def test_no_adapter_can_send_anything_that_moves_money(name):
    for endpoint in adapter_class(name).endpoints:
        method, path = endpoint.split(" ")
        assert method == "GET" or endpoint in ("POST /api/v4/trade-account/balance", "POST /open/generate_jwt")
        assert not MOVES.search(path.lower()), endpoint


@pytest.mark.parametrize("name", API_MODULES)
def test_the_client_of_an_adapter_refuses_what_would_move_money(name, adapt):
    adapter = adapt(adapter_class(name), "http://127.0.0.1:1", credentials=honest_api(name).keys)
    for method, path in (
        ("POST", "/v5/order/create"),
        ("POST", "/v5/asset/withdraw/create"),
        ("POST", "/api/v3/order"),
        ("POST", "/api/v3/capital/withdraw"),
        ("POST", "/api/v4/order/new"),
        ("POST", "/api/v4/main-account/withdraw"),
        ("POST", "/v1/order/orders/place"),
        ("POST", "/v1/dw/withdraw/api/create"),
        ("POST", "/api/v1/orders"),
        ("POST", "/api/v3/withdrawals"),
        ("DELETE", "/api/v1/orders"),
        *((verb, endpoint.split(" ")[1]) for endpoint in adapter.endpoints for verb in ("PUT", "DELETE", "PATCH")),
    ):
        with pytest.raises(ValueError, match="is not among the endpoints its adapter declares"):
            adapter.ask(method, path, signed=bool(adapter.credentials))
    assert adapter.client.requests == 0


# Names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "", ".", "..", ".hidden", "a/b", "a\x00b", "a\nb", "币", "-x", "a b"]
)
def test_a_provider_of_that_name_gets_no_file(name, tmp_path):
    with pytest.raises(StorageFailed, match="cannot be part of a file name"):
        safe_name(name)
    with pytest.raises(StorageFailed):
        Memory(tmp_path, name, "http://127.0.0.1:1")
    assert list(tmp_path.glob("[!_]*")) == []


@pytest.mark.parametrize("name", ["../../x", "a/b", "A B", "A\nB"])
def test_a_registry_with_a_provider_of_that_name_is_refused(name, tmp_path):
    path = tmp_path / "providers.toml"
    path.write_text(
        f'[providers.{json.dumps(name)}]\npath = "marketctl.providers.cex.bybit:BybitAdapter"\nenabled = true\n'
    )
    with pytest.raises(ConfigError):
        load_registry(path, environ={})


def test_an_asset_of_that_name_is_a_key_and_never_a_file(tmp_path):
    batch = AssetBatch()
    from marketctl.models import Asset

    for key, row in batch.coded([{"coin": "../../X"}, {"coin": "A\x00"}], "coin"):
        batch.add(Asset(key, key, row.get("name")))
    write_snapshot(tmp_path / "X.json", HEAD, "assets", {key: one.to_dict() for key, one in batch.assets.items()})
    assert sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith("_")) == ["X.json"]
    assert list(json.loads((tmp_path / "X.json").read_bytes())["assets"]) == ["../../X"]
    assert batch.skipped == Counter({"no-code": 1})
