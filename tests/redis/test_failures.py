"""A server that is gone, full, slow or asks for a password: one line without the password, what is live untouched."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from marketctl.errors import ConfigError, RedisFailed
from marketctl.redis import connection as redis_store
from marketctl.redis.connection import RedisConnection, connect
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.failures import refusal
from marketctl.redis.publish import Published
from tests.redis.puts import live, put, quote


def test_url_none_is_no_store(tmp_path: Path) -> None:
    assert connect("none", tmp_path) is None


@pytest.mark.parametrize("url", ["redis://:hun/ter2@host", "http://:hunter2@host", "redis://u:hunter2@host:port"])
def test_url_that_is_none_is_a_config_error_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url, tmp_path)
    assert caught.value.message == "redis_url cannot be understood"
    assert "ter2" not in f"{caught.value} {caught.value.hint}"


def test_refused_connection_is_one_line_without_the_password(tmp_path: Path) -> None:
    store = RedisConnection("redis://user:hunter2@127.0.0.1:1/3?socket_timeout=1", tmp_path, "p")
    with pytest.raises(RedisFailed) as caught:
        store.open()
    assert caught.value.message == (
        "cannot reach Redis at redis://127.0.0.1:1/3: Error 111 connecting to 127.0.0.1:1. Connection refused."
    )
    store.close()


def test_broken_idle_connection_is_opened_anew_once(store: RedisConnection, server: Path) -> None:
    store.open()
    with RedisConnection("embedded", server, "other") as other:
        other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert put(store, {"A/B": quote()}).count == 1


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisConnection]:
    """A server of its own for tests that change its settings, spoken to by URL."""
    with EmbeddedRedis(tmp_path) as server:
        store = RedisConnection(f"unix://{server.start()}", tmp_path, "p")
        yield store
        store.close()


def test_out_of_memory_leaves_the_live_quotes(own: RedisConnection) -> None:
    put(own, {"A/B": quote()})
    own.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(RedisFailed, match=r"is out of memory$"):
        put(own, {"A/B": quote("5")}, 10)
    own.call("CONFIG", "SET", "maxmemory", "0")
    assert live(own) == {"A/B": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}'}


def test_read_only_replica(own: RedisConnection) -> None:
    own.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(RedisFailed, match=r"is a read-only replica$"):
        put(own, {"A/B": quote()})
    own.call("REPLICAOF", "NO", "ONE")


def test_password_wanted_and_refused(own: RedisConnection, tmp_path: Path) -> None:
    path = own.where.removeprefix("Redis at ")
    own.call("CONFIG", "SET", "requirepass", "s3cr3t")
    for url, ending in ((path, "wants a password"), (path.replace("//", "//:wr0ng@"), "refused the password")):
        store = RedisConnection(url, tmp_path, "p")
        with pytest.raises(RedisFailed) as caught:
            store.open()
        assert caught.value.message == f"Redis at {path} {ending}"
        store.close()
    own.call("CONFIG", "SET", "requirepass", "")


@pytest.mark.parametrize(
    ("error", "url", "message", "hint"),
    [
        (RedisTimeout("timed out"), "redis://h", "did not answer in time", "Check whether it is overloaded"),
        (RedisTimeout("timed out"), "rediss://h", "did not answer in time", "Check whether it speaks TLS there"),
        (ResponseError("DB index is out of range"), "redis://h/99", "has no database of this number", "Correct it"),
    ],
)
def test_what_a_server_is_asked_in_vain_says_what_to_look_at(
    error: Exception, url: str, message: str, hint: str
) -> None:
    told = refusal(error, "Redis", url)
    assert (told.message, told.hint and told.hint.startswith(hint)) == (f"Redis {message}", True)


def test_slow_server_is_told(own: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "READ_S", 0.05)
    own.open()
    with pytest.raises(RedisFailed, match=r"did not answer in time$"):
        own.call("BLPOP", "nothing comes", "0.3")  # DEBUG SLEEP is refused by Redis 7


def test_embedded_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with RedisConnection("embedded", tmp_path, "p") as store:
        put(store, {"A/B": quote()})
        store.call("SAVE")
        os.kill(int((tmp_path / "redis" / "server.lock").read_text()), signal.SIGKILL)
        assert put(store, {"A/B": quote("2")}, 10) == Published(1, 0, 0, 1, 2)
