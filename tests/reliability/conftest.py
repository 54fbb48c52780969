"""Fixtures of the reliability tests: a desk with two providers, a plain Redis, and the command line at hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from marketctl.cli import invoke as command_line
from tools.torture_world import RedisServer, desk


@dataclass
class Outcome:
    """How a command line ended: exit code, results by "PROVIDER job", the lines on stderr, all it said."""

    code: int
    results: dict[str, dict[str, Any]]
    lines: list[str]
    said: str
    document: dict[str, Any] = field(default_factory=dict)


@dataclass
class Desk:
    """A folder with registry and keys."""

    path: Path
    call: Callable[..., Outcome]
    write: Callable[..., None]

    @property
    def data(self) -> Path:
        return self.path.parent / "data"

    def file(self, job: str, provider: str = "BYBIT") -> Path:
        return self.data / job / f"{provider}.json"

    def head(self, job: str, provider: str = "BYBIT") -> str:
        """Return the run_id in a file."""
        return str(json.loads(self.file(job, provider).read_text())["run_id"])


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def clean_redis(redis_server: RedisServer) -> RedisServer:
    """Return a plain Redis without data."""
    if redis_server.process is None or redis_server.process.poll() is not None:
        redis_server.start()
    assert redis_server.say("FLUSHALL")
    return redis_server


@pytest.fixture
def at_desk(sandbox, tmp_path, capfd, no_sleep) -> Desk:
    """A desk with BYBIT and KUCOIN of the sandbox, files only until told otherwise."""
    folder = tmp_path / "desk"

    def write(redis_url: str = "none", **settings: Any) -> None:
        desk(sandbox, folder, redis_url, only=("BYBIT", "KUCOIN"), **settings)

    def call(*words: str, as_json: bool = True) -> Outcome:
        capfd.readouterr()
        code = command_line(["--config", str(folder / "providers.toml"), *words, *(["--json"] if as_json else [])])
        out, err = capfd.readouterr()
        document = json.loads(out) if as_json and out.startswith("{") else {}
        results = {f"{one['provider']} {one['job']}": one for one in document.get("results", []) if "job" in one}
        return Outcome(code, results, err.splitlines(), out + err, document)

    write()
    return Desk(folder / "providers.toml", call, write)
