"""Servers, embedded or plain, one a file of tests, and who uses them; a prefix a test."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.times import now_ms
from tests.redis import puts
from tools.torture_world import RedisServer

prefixes = count()


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin a minute after T0, however long those before took."""
    monkeypatch.setattr(puts, "T0", now_ms() - 60_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one embedded server for this file; return its data folder."""
    folder = tmp_path_factory.mktemp("server")
    with EmbeddedRedis(folder):
        yield folder


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a plain server for this file, one that can be stopped and killed."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def store(server: Path) -> Iterator[RedisConnection]:
    """Each test has its own prefix."""
    with RedisConnection("embedded", server, f"t{next(prefixes)}") as found:
        yield found


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Start other processes that use the server of `tmp_path` until their stdin is closed."""
    code = """
import sys, pathlib
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
redis = EmbeddedRedis(pathlib.Path(sys.argv[1]))
print(redis.start(), flush=True)
sys.stdin.read()
redis.stop()
"""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
