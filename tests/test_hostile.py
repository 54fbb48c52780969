"""Answers made by an enemy: whatever a provider sends, nothing worse than a foreseen error comes out, and no lie.

Honest answers of the sandboxes are spoilt in one to eight places and read by each adapter. `make test-long` tries
harder: HOSTILE_EXAMPLES.
"""

import json
import os
import random
import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketctl.errors import BadAnswer, ConfigError, MarketctlError, StorageFailed
from marketctl.files.atomic import safe_name
from marketctl.files.memory import Memory
from marketctl.files.snapshots import write_snapshot
from marketctl.models import KeyInfo
from marketctl.providers.batch import AssetBatch
from marketctl.providers.loader import load_registry
from marketctl.sandbox import API_MODULES
from tests.enemy import (
    ASKED,
    HEADERS,
    HOW,
    NASTY,
    READERS,
    STATUSES,
    WORDS,
    FakeClient,
    adapter_class,
    deep,
    honest_api,
    make,
    sample,
    spoil,
    targets,
)
from tests.sane import HEAD, verify, verify_error
from tests.wire import Wire, reply

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "50"))


# What was tried, for the report: (provider, reader) -> outcome -> count.
tried: dict[tuple[str, str], Counter[str]] = {}


# Trying ------------------------------------------------------------------------------------


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


# By construction ---------------------------------------------------------------------------


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


# Names -------------------------------------------------------------------------------------


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
