"""Quotes are read on where the embedded server goes away between two questions, and why it is away is told."""

import os
import signal

import pytest

from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.times import now_ms
from marketctl.views.quotes import Asleep, open_reader
from tests.desk import make_desk


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.redis.embedded.ANSWER_S", 0.2)
    monkeypatch.setattr("marketctl.redis.connection.READ_S", 0.3)
    return make_desk(tmp_path, now_ms(), "embedded")


def test_one_that_was_stopped_is_asleep(desk):
    server = EmbeddedRedis(desk.settings.data_dir)
    server.start()
    with open_reader(desk) as reader:
        assert (reader.away, reader.read(desk.provider("KUCOIN")).source) == (None, "redis")
        server.stop()
        assert reader.read(desk.provider("KUCOIN")).source == "mirror"
        assert isinstance(reader.away, Asleep)


def test_one_that_hangs_is_not(desk):
    with EmbeddedRedis(desk.settings.data_dir), open_reader(desk) as reader:
        pid = int((desk.settings.data_dir / "redis" / "server.lock").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            assert reader.read(desk.provider("KUCOIN")).source == "mirror"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert not isinstance(reader.away, Asleep)
        assert reader.away.message.endswith("runs and does not answer")


def test_one_that_is_stopped_after_its_first_answer_is_asleep(desk, monkeypatch):
    server = EmbeddedRedis(desk.settings.data_dir)
    server.start()
    opened = RedisConnection.open

    def open_late(store):
        server.stop()
        opened(store)

    monkeypatch.setattr(RedisConnection, "open", open_late)
    with open_reader(desk) as reader:
        assert isinstance(reader.away, Asleep)
