"""The ledger that machines share: its lock is one machine's, and is given back by nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketctl.config.registry import Settings, read_registry
from marketctl.errors import RedisFailed, StorageFailed
from marketctl.notify.ledger import Ledger, RedisStore, kept
from marketctl.redis.connection import RedisConnection
from tools.torture_world import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def store(server: RedisServer, tmp_path: Path) -> Iterator[RedisConnection]:
    with RedisConnection(server.url, tmp_path, "p") as store:
        yield store


LINE = {"id": 1, "at": "2026-01-01T00:00:00.000Z", "keys": ["a"], "type": "warning", "title": "t", "text": "x"}
CHANNEL = {"last_ok": None, "failures": 1, "last_error": "x"}
GOOD = {
    "schema": 1,
    "seq": 1,
    "started_ms": 1,
    "active": {"a": {"kind": "held", "facts": {}, "signature": "s", "since_ms": 1, "told_ms": 1}},
    "cursor": {"A": [1, 2]},
    "outbox": {"ops": [LINE]},
    "mutes": {"a": None},
}


@pytest.mark.parametrize(
    "change",
    [
        {"active": {"a": {"kind": "door"}}},
        {"active": {"a": GOOD["active"]["a"] | {"facts": "x"}}},
        {"active": []},
        {"cursor": {"A": [1]}},
        {"cursor": {"A": ["x", 2]}},
        {"cursor": {"A": 5}},
        {"outbox": {"ops": ["x"]}},
        {"outbox": {"ops": None}},
        {"mutes": {"a": "x"}},
        {"seq": "1"},
        {"started_ms": "1"},
        {"unsaid": {"a": {}}},
        {"flaps": {"a": ["x"]}},
        {"fees": {"a": 1}},
        {"flaps": {"a": []}},
        {"flaps": {"a": ""}},
        {"active": {"a": GOOD["active"]["a"] | {"told_ms": "1"}}},
        {"active": {"a": GOOD["active"]["a"] | {"signature": None}}},
        {"active": {"a": GOOD["active"]["a"] | {"kind": "?"}}},
        {"active": {"a": GOOD["active"]["a"] | {"facts": {"closed": 5}}}},
        {"active": {"a": GOOD["active"]["a"] | {"kind": "failing"}}},
        {"outbox": {"ops": [{"at_ms": 1}]}},
        {"outbox": {"ops": [LINE | {"at": "x"}]}},
        {"outbox": {"ops": [LINE | {"type": "x"}]}},
        {"outbox": {"ops": [LINE | {"keys": []}]}},
        {"outbox": {"ops": {}}},
        {"channels": {"ops": {}}},
        {"channels": {"ops": CHANNEL | {"failures": True}}},
        {"channels": {"ops": CHANNEL | {"last_ok": 5}}},
        {"channels": {"ops": CHANNEL | {"next_try_ms": "x"}}},
        {"unsaid": {"a": {"active": 5, "fees": {}}}},
        {"unsaid": {"a": {"active": None, "fees": None}}},
        {"damped": {"a": None}},
        {"mutes": {"a": True}},
        {"calm": {"a": {}}},
        {"schema": True},
    ],
)
def test_ledger_of_another_shape_is_one_line(change: dict[str, Any]) -> None:
    assert Ledger.read(json.dumps(GOOD).encode(), "here").cursor == {"A": [1, 2]}
    assert Ledger.read(json.dumps(GOOD | {"channels": {"ops": CHANNEL}}).encode(), "here").seq == 1
    with pytest.raises(StorageFailed, match=r"^here is not as marketctl writes it$"):
        Ledger.read(json.dumps(GOOD | change).encode(), "here")


def test_lock_is_one_machines_and_is_given_back(store: RedisConnection) -> None:
    first, other = RedisStore(store, "p"), RedisStore(store, "p")
    with first.lock() as got, other.lock() as refused:
        assert (got, refused) == (True, False)
    assert store.call("EXISTS", "p:notify:lock") == 0
    with other.lock() as got:
        assert got


def test_lock_that_ran_out_and_is_somebody_elses_stays_theirs(store: RedisConnection) -> None:
    with RedisStore(store, "p").lock() as got:
        assert got
        store.call("SET", "p:notify:lock", "theirs", "EX", "60")
    assert store.call("GET", "p:notify:lock") == b"theirs"


def test_a_save_makes_the_lease_new_and_is_refused_when_it_is_lost(store: RedisConnection) -> None:
    first, other = RedisStore(store, "p"), RedisStore(store, "p")
    with first.lock():
        store.call("EXPIRE", "p:notify:lock", "5")
        first.save(Ledger(seq=1))
        assert 100 < store.call("TTL", "p:notify:lock") <= 120
        store.call("DEL", "p:notify:lock")  # it took too long, and another machine tells
        with other.lock():
            other.save(Ledger(seq=2))
            with pytest.raises(RedisFailed, match="the lock p:notify:lock was lost"):
                first.save(Ledger(seq=3))
            assert other.load().seq == 2


def test_where_workers_keep_no_ledger_or_redis_is_away_a_machine_has_its_own(
    server: RedisServer, store: RedisConnection, tmp_path: Path
) -> None:
    def settings(url: str) -> Settings:
        path = tmp_path / "providers.toml"
        path.write_text(f'[settings]\nredis_url = "{url}"\nredis_prefix = "p"\n')
        return read_registry(path, environ={}).settings

    here = settings(server.url)
    with kept(here) as own:
        assert own.redis is None
    store.call("SET", "p:notify", json.dumps(GOOD))
    with kept(here) as shared:
        assert shared.load().seq == 1
    dead = settings("redis://127.0.0.1:1/0")
    with pytest.raises(RedisFailed), kept(dead):
        pass
    with kept(dead, away_is_own=True) as own:
        assert own.redis is None
