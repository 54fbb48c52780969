"""An embedded server that runs and does not answer: nobody takes it for asleep, nobody waits for it without end."""

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from marketctl.errors import RedisFailed
from marketctl.redis import embedded
from marketctl.redis.embedded import EmbeddedRedis, running_socket
from tests.redis.process import is_gone, server_pid, wait_for


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(embedded, "ANSWER_S", 0.2)
    monkeypatch.setattr(embedded, "START_S", 0.5)


@contextmanager
def hanging(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_last_one_leaves_it_and_it_ends_when_it_goes_on(tmp_path, caplog):
    server = EmbeddedRedis(tmp_path)
    server.start()
    pid, began = server_pid(tmp_path), time.monotonic()
    with hanging(pid):
        server.stop()
        assert time.monotonic() - began < 5
    assert caplog.messages == [
        f"embedded Redis in {tmp_path}/redis (process {pid}) does not answer and is left: "
        "it saves its data and ends when it goes on"
    ]
    wait_for(lambda: is_gone(pid))


def test_who_comes_is_told_that_it_does_not_answer(tmp_path):
    with EmbeddedRedis(tmp_path), hanging(server_pid(tmp_path)):
        with pytest.raises(RedisFailed, match=r"is not ready after . s: no answer$"):
            EmbeddedRedis(tmp_path).start()
        with pytest.raises(RedisFailed, match="runs and does not answer"), running_socket(tmp_path):
            pass


def test_one_for_which_too_many_wait_already_is_not_asleep(tmp_path):
    (tmp_path / "redis").mkdir()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(str(tmp_path / "redis" / "redis.sock"))
        server.listen(0)
        waiting.connect(str(tmp_path / "redis" / "redis.sock"))
        with pytest.raises(RedisFailed, match="runs and does not answer"), running_socket(tmp_path):
            pass


def test_one_that_loads_is_waited_for(tmp_path):
    (tmp_path / "redis").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "redis" / "redis.sock"))
        server.listen()

        def answer():
            for words in (b"-LOADING Redis is loading the dataset in memory\r\n", b"+PONG\r\n"):
                connection, _ = server.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(words)

        answering = threading.Thread(target=answer)
        answering.start()
        with running_socket(tmp_path) as path:
            assert path == str(tmp_path / "redis" / "redis.sock")
        answering.join(5)
        assert not answering.is_alive()  # it was asked twice
