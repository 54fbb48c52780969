"""Threads share a connection to Redis and do not wait for one another, also when its server goes away; its words."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import RedisFailed
from marketctl.redis.connection import RedisConnection, _together, packed
from tools.torture_world import RedisServer


def clients(store: RedisConnection) -> int:
    """Return how many connections the server has."""
    return len(store.call("CLIENT", "LIST").splitlines())


def is_alone(store: RedisConnection) -> bool:
    """Tell whether the connections of others are gone: a server sees within moments that they were closed."""
    end = time.monotonic() + 5
    while clients(store) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    return clients(store) == 1


def test_a_thread_does_not_wait_for_the_reply_of_another(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.say("FLUSHALL")
    with RedisConnection(redis_server.url, tmp_path, "p") as store, ThreadPoolExecutor(1) as other:
        waiting = other.submit(store.call, "BLPOP", "told", "4")
        while b"blpop" not in store.call("CLIENT", "LIST"):
            pass
        assert store.call("RPUSH", "told", "now") == 1
        assert waiting.result() == [b"told", b"now"]


def test_who_asks_one_after_another_has_one_connection(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisConnection(redis_server.url, tmp_path, "p") as store:
        assert is_alone(store)
        for _ in range(20):
            thread = threading.Thread(target=store.call, args=("PING",))
            thread.start()
            thread.join()
        assert clients(store) == 1
    with RedisConnection(redis_server.url, tmp_path, "p") as another:
        assert is_alone(another)


def test_connections_that_were_closed_while_idle_are_opened_anew(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisConnection(redis_server.url, tmp_path, "p") as store, ThreadPoolExecutor(4) as hands:
        barrier = threading.Barrier(4)

        def ask(_: int) -> Any:
            barrier.wait()
            return store.call("PING")

        for _ in range(3):
            assert list(hands.map(ask, range(4))) == [b"PONG"] * 4
            redis_server.say("CLIENT", "KILL", "TYPE", "normal")


def test_a_server_that_was_killed_is_started_once_for_all_threads(tmp_path: Path) -> None:
    with RedisConnection("embedded", tmp_path, "p") as store, ThreadPoolExecutor(4) as hands:
        barrier = threading.Barrier(4)

        def ask(number: int) -> Any:
            barrier.wait()
            return store.call("ECHO", number)

        for turn in range(2):
            assert list(hands.map(ask, range(4))) == [b"0", b"1", b"2", b"3"]
            assert store._starts == turn + 1
            os.kill(int((tmp_path / "redis" / "server.lock").read_text()), signal.SIGKILL)
        assert store.call("PING") == b"PONG"
        assert store._starts == 3


def test_a_server_that_was_killed_is_started_for_who_connects_then(tmp_path: Path) -> None:
    with RedisConnection("embedded", tmp_path, "p") as store:
        assert store.call("PING") == b"PONG"
        os.kill(int((tmp_path / "redis" / "server.lock").read_text()), signal.SIGKILL)
        held = store._idle.pop(None)  # as another thread has it
        assert store.call("PING") == b"PONG"
        assert store._starts == 2
        store._start_anew(held[0].start)  # that thread has seen it too, and a server is there already
        held[0].connection.disconnect()
        assert store.call("PING") == b"PONG"
        assert store._starts == 2


def test_a_connection_whose_reply_was_not_waited_for_is_not_used_again(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    class Interrupt(BaseException):
        pass

    with RedisConnection(redis_server.url, tmp_path, "p") as store:
        assert store.call("PING") == b"PONG"
        connection = store._idle[None][0].connection
        real = connection.read_response

        def interrupted() -> Any:
            raise Interrupt

        connection.read_response = interrupted
        with pytest.raises(Interrupt):
            store.call("ECHO", "lost")
        connection.read_response = real
        assert store.call("ECHO", "mine") == b"mine"


def test_a_server_that_is_not_there_is_one_line_for_every_thread(tmp_path: Path) -> None:
    with RedisConnection("redis://127.0.0.1:1", tmp_path, "p") as store, ThreadPoolExecutor(3) as hands:
        failed = list(hands.map(lambda _: _told(store), range(3)))
    assert len(set(failed)) == 1
    assert failed[0].startswith("cannot reach Redis at redis://127.0.0.1:1")


def _told(store: RedisConnection) -> str:
    with pytest.raises(RedisFailed) as caught:
        store.call("PING")
    return caught.value.message


def test_a_command_is_written_in_redis_protocol_with_lengths_in_bytes():
    assert packed("PING") == b"*1\r\n$4\r\nPING\r\n"
    sent = packed("SET", "ю", 5, b"\xff\r\n")
    assert sent == b"*4\r\n$3\r\nSET\r\n$2\r\n\xd1\x8e\r\n$1\r\n5\r\n$3\r\n\xff\r\n\r\n"


def test_what_is_small_is_sent_together_with_what_comes_next():
    kb = 1024
    for sizes, sent in (
        ([1, 2, 3], [6]),
        ([40 * kb, 20 * kb, 10 * kb, 3], [70 * kb, 3]),
        ([90 * kb, 1, 90 * kb], [90 * kb, 90 * kb + 1]),
        ([5, 200 * kb], [5 + 200 * kb]),
        ([7], [7]),
    ):
        pieces = [bytes([place]) * size for place, size in enumerate(sizes)]
        together = list(_together(pieces))
        assert [len(one) for one in together] == sent
        assert b"".join(together) == b"".join(pieces)
