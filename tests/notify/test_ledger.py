"""The ledger that machines share: its lock is one machine's, and is given back by nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.notify.ledger import RedisStore
from marketctl.redis.connection import RedisConnection
from tools.torture_world import RedisServer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisConnection]:
    with RedisServer(tmp_path) as server, RedisConnection(server.url, tmp_path, "p") as store:
        yield store


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
