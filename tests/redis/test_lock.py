"""The lock of a job in Redis, and the turns it served."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.errors import RedisFailed
from marketctl.redis import connection
from marketctl.redis import lock as turn
from marketctl.redis.connection import RedisConnection
from marketctl.redis.lock import RedisLock
from marketctl.times import now_ms
from tools.torture_world import RedisServer


@pytest.fixture
def store(redis_server: RedisServer, tmp_path: Path) -> Iterator[RedisConnection]:
    redis_server.say("FLUSHALL")
    with RedisConnection(redis_server.url, tmp_path, "p") as found:
        yield found


def test_a_job_is_taken_once_and_free_when_it_ended(store: RedisConnection) -> None:
    one, other = RedisLock(store, "BYBIT", "prices"), RedisLock(store, "BYBIT", "prices")
    assert one.take() == "taken"
    with one:
        assert other.take() == "busy"
        assert RedisLock(store, "BYBIT", "wallet").take() == "taken"
        assert RedisLock(store, "HTX", "prices").take() == "taken"
    assert other.take() == "taken"


def test_what_is_asked_beside_a_lock_is_heard_with_its_errors(store: RedisConnection) -> None:
    store.call("SET", store.key("BYBIT", "held"), "mine")
    lock = RedisLock(store, "BYBIT", "prices")
    assert lock.take(also=[("HGETALL", store.key("BYBIT", name)) for name in ("marked", "held")]) == "taken"
    assert lock.heard[0] == []
    assert "WRONGTYPE" in str(lock.heard[1])
    assert RedisLock(store, "BYBIT", "prices").take() == "busy"


def test_a_dead_owner_is_forgotten_after_its_lease(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LEASE_S", 0.2)
    assert RedisLock(store, "BYBIT", "prices").take() == "taken"  # and never comes back
    other = RedisLock(store, "BYBIT", "prices")
    assert other.take() == "busy"
    assert other.take(wait_s=2) == "taken"


def test_a_job_that_goes_on_keeps_its_lock(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LEASE_S", 0.9)
    one = RedisLock(store, "BYBIT", "prices")
    assert one.take() == "taken"
    with one:
        time.sleep(1.2)
        assert RedisLock(store, "BYBIT", "prices").take() == "busy"
        store.call("FLUSHALL")  # the server came back empty
        time.sleep(0.4)
        assert RedisLock(store, "BYBIT", "prices").take() == "busy"


def test_a_server_that_stood_still_locks_nobody_out(
    redis_server: RedisServer, store: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It acts on what was asked of it when it goes on; who asked has given up, and asks anew."""
    with RedisLock(store, "BYBIT", "wallet") as known:  # the script is known there from now on
        known.take()
    monkeypatch.setattr(connection, "READ_S", 0.2)
    with redis_server.stopped():
        for _ in range(2):
            with pytest.raises(RedisFailed, match="did not answer in time"):
                RedisLock(store, "BYBIT", "prices").take()
    assert redis_server.say("GET", "p:{BYBIT}:lock:prices")
    one = RedisLock(store, "BYBIT", "prices")
    assert one.take() == "taken"
    assert RedisLock(store, "BYBIT", "prices").take() == "busy"


def test_nobody_gives_back_the_lock_of_another(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = RedisLock(store, "BYBIT", "prices"), RedisLock(store, "BYBIT", "prices")
    assert one.take() == "taken"
    with one:
        store.call("DEL", "p:{BYBIT}:lock:prices")  # it slept through its lease
        assert other.take() == "taken"
        one.ended()
    assert RedisLock(store, "BYBIT", "prices").take() == "busy"
    assert store.call("EXISTS", "p:{BYBIT}:turn:prices") == 0


def serve(store: RedisConnection, due_ms: int | None = None) -> None:
    """Do BYBIT's prices: a task that was due then, or a command."""
    lock = RedisLock(store, "BYBIT", "prices")
    assert lock.take(due_ms) == "taken"
    with lock:
        lock.ended()


def test_a_task_that_was_served_since_it_was_due_is_not_served_again(store: RedisConnection) -> None:
    now = now_ms()
    serve(store, now - 10_000)
    assert RedisLock(store, "BYBIT", "prices").take(now - 10_000) == "served"
    assert RedisLock(store, "BYBIT", "prices").take(now - 20_000) == "served"
    assert RedisLock(store, "BYBIT", "prices").take(now - 9_999) == "taken"


def test_a_task_is_served_by_a_command_that_began_after_it_was_due(store: RedisConnection) -> None:
    serve(store)
    assert RedisLock(store, "BYBIT", "prices").take(now_ms() - 500) == "served"
    assert RedisLock(store, "BYBIT", "prices").take(now_ms() + 500) == "taken"


def test_a_command_is_served_by_what_began_since_it_was_due(store: RedisConnection) -> None:
    """How long ago is all it says: whether its own clock is right does not matter."""
    serve(store)
    assert RedisLock(store, "BYBIT", "prices").take(None, 500) == "served"
    time.sleep(0.02)
    assert RedisLock(store, "BYBIT", "prices").take(None, 0) == "taken"


def test_a_turn_whose_job_did_not_end_is_still_to_be_served(store: RedisConnection) -> None:
    due = now_ms() - 1000
    one = RedisLock(store, "BYBIT", "prices")
    assert one.take(due) == "taken"
    with pytest.raises(KeyboardInterrupt), one:
        raise KeyboardInterrupt
    assert RedisLock(store, "BYBIT", "prices").take(due) == "taken"


def test_a_clock_that_was_a_day_ahead_once_stops_nobody(store: RedisConnection) -> None:
    """The server's own time tells that such a turn is none."""
    serve(store, now_ms() + 86_400_000)
    assert RedisLock(store, "BYBIT", "prices").take(now_ms()) == "taken"
    store.call("DEL", "p:{BYBIT}:lock:prices")
    serve(store, now_ms())  # and it does not outlive the next one that ends
    assert abs(int(store.call("GET", "p:{BYBIT}:turn:prices")) - now_ms()) < 5000


def test_a_server_without_memory_forgets_the_turn_and_not_the_lock(store: RedisConnection) -> None:
    lock = RedisLock(store, "BYBIT", "prices")
    assert lock.take(now_ms()) == "taken"
    try:
        with lock:
            lock.ended()
            store.call("CONFIG", "SET", "maxmemory", "1")
    finally:
        store.call("CONFIG", "SET", "maxmemory", "0")
    assert store.call("EXISTS", "p:{BYBIT}:lock:prices") == 0
