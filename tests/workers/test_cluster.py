"""A real Redis Cluster of three nodes: what is published through any of them is found through any of them."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.config.registry import HistorySettings
from marketctl.errors import Suspect
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.lock import RedisLock
from marketctl.redis.publish import Published, mark_failed, publish_l1, publish_stats, publish_wallet
from marketctl.redis.quotes import read_history, read_l1, read_meta
from marketctl.sandbox.setup import write_setup
from tools.torture_world import RedisServer

SLOTS = 16384
T0 = time.time_ns() // 1_000_000
NAMES = [f"X{index}" for index in range(12)]  # enough for every node to have some


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        found = []
        for index in range(3):
            node = RedisServer(folder / str(index), "--cluster-enabled", "yes")
            found.append(stack.enter_context(node))
        for index, node in enumerate(found):
            mine = range(SLOTS * index // 3, SLOTS * (index + 1) // 3)
            node.say("CLUSTER", "ADDSLOTS", *mine)
            node.say("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            node.say("CLUSTER", "MEET", "127.0.0.1", found[0].port)
        until = time.monotonic() + 20
        while not all(_whole(node) for node in found):
            assert time.monotonic() < until, "the cluster did not form"
            time.sleep(0.05)
        yield found


def _whole(node: RedisServer) -> bool:
    told = node.say("CLUSTER", "INFO").decode().split("\r\n")
    return "cluster_state:ok" in told and "cluster_known_nodes:3" in told


@pytest.fixture(params=[0, 1, 2])
def store(request: pytest.FixtureRequest, nodes: list[RedisServer], tmp_path: Path) -> Iterator[RedisConnection]:
    """Enter through each of the nodes, each time with a prefix of its own."""
    with RedisConnection(nodes[request.param].url, tmp_path, f"t{request.param}") as found:
        yield found


def put(store: RedisConnection, name: str, collected_ms: int, bids: dict[str, str]) -> Published:
    quotes = {pair: Quote(pair, bid, "9", None, None, None, None, None, None, None, None) for pair, bid in bids.items()}
    return publish_l1(
        store,
        name,
        quotes,
        run_id=f"r{collected_ms}",
        collected_ms=collected_ms,
        interval_s=10,
        skipped=0,
        history=HistorySettings(enabled=True, max_len=10, max_age_s=86400, pairs=("*",)),
    )


def test_every_provider_is_published_and_read_whichever_node_has_it(
    store: RedisConnection, nodes: list[RedisServer]
) -> None:
    for name in NAMES:
        assert put(store, name, T0, {"A/B": "1", "C/D": "2"}).added == 2
        done = put(store, name, T0 + 1000, {"A/B": "1.5", "C/D": "2"})
        assert (done.changed, done.removed, done.seq, done.history_error) == (1, 0, 2, None)
        with pytest.raises(Suspect, match="the live quotes are newer"):
            put(store, name, T0 + 500, {"A/B": "1", "C/D": "2"})
    assert store.call("SMEMBERS", f"{store.prefix}:providers")
    for node in nodes:
        with RedisConnection(node.url, Path(), store.prefix) as reader:
            for name in NAMES:
                quotes, meta = read_l1(reader, name)
                assert ({pair: one["bid"] for pair, one in quotes.items()}, meta["seq"]) == (
                    {"A/B": "1.5", "C/D": "2"}, 2,
                )  # fmt: skip
                assert [one["bid"] for one in read_history(reader, name, "A/B")] == ["1", "1.5"]
            assert {one.decode() for one in reader.call("SMEMBERS", f"{store.prefix}:providers")} == set(NAMES)
    owned = [len(node.say("KEYS", f"{store.prefix}:{{X*}}:l1")) for node in nodes]
    assert sum(owned) == len(NAMES)
    assert all(owned)


def test_wallets_statistics_failures_and_locks(store: RedisConnection) -> None:
    for name in NAMES:
        publish_wallet(store, name, {"BTC": {"ticker": "BTC"}}, {"run_id": "r"})
        publish_stats(store, name, {"pairs": 1})
        mark_failed(store, name, "timeout: no answer", T0)
        turn = RedisLock(store, name, "prices")
        assert turn.take() == "taken"
        with turn:
            assert RedisLock(store, name, "prices").take() == "busy"
        assert store.call("HGETALL", store.key(name, "wallet")) == [b"BTC", b'{"ticker":"BTC"}']
        assert store.call("GET", store.key(name, "stats")) == b'{"pairs":1}'
        assert read_meta(store, name)["status"] == "failing"


def test_many_providers_in_one_batch(store: RedisConnection) -> None:
    keys = [store.key(name, "x") for name in NAMES]
    assert store.batch([("SET", key, key) for key in keys]) == [b"OK"] * len(keys)
    assert store.batch([("GET", key) for key in keys]) == [key.encode() for key in keys]


def test_a_slot_that_moved_is_followed(nodes: list[RedisServer], tmp_path: Path) -> None:
    with RedisConnection(nodes[0].url, tmp_path, "moved") as store:
        put(store, "X0", T0, {"A/B": "1"})
        slot = nodes[0].say("CLUSTER", "KEYSLOT", "moved:{X0}:l1")
        keys = {node.port: node.say("CLUSTER", "COUNTKEYSINSLOT", slot) for node in nodes}
        old = next(node for node in nodes if keys[node.port])
        new = nodes[(nodes.index(old) + 1) % 3]
        ids = {node.port: node.say("CLUSTER", "MYID").decode() for node in nodes}
        new.say("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[old.port])
        old.say("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[new.port])
        for key in old.say("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            assert old.say("MIGRATE", "127.0.0.1", new.port, key, 0, 2000) in (b"OK", True)
        for node in (new, old, *nodes):
            node.say("CLUSTER", "SETSLOT", slot, "NODE", ids[new.port])
        assert put(store, "X0", T0 + 1000, {"A/B": "2"}).seq == 2
        assert read_l1(store, "X0")[0]["A/B"]["bid"] == "2"


def test_the_commands_need_no_setting_for_it(sandbox, nodes, tmp_path, capsys) -> None:
    registry = write_setup(sandbox, tmp_path / "desk")
    registry.write_text(registry.read_text().replace('"embedded"', f'"{nodes[1].url}"'))
    words = ["--config", str(registry), "run", "--once", "-p", "BYBIT", "-p", "KUCOIN", "-p", "HTX", "--json"]
    assert marketctl(words) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert {(one["status"], *one["stored"]) for one in results if one["job"] == "prices"} == {("ok", "redis", "file")}
    assert all("redis" in one["stored"] for one in results)
    assert marketctl(["--config", str(registry), "prices", "compare", "BTC/USDT", "--json"]) == 0
    told = capsys.readouterr().out
    assert [name for name in ("BYBIT", "HTX", "KUCOIN") if name not in told] == []
