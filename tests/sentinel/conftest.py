"""Fixtures: a desk at the sandbox with a Redis that stays between the commands, and the command line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from marketctl.cli import invoke
from marketctl.sandbox.base import Sandbox
from tools.torture_world import RedisServer

FORGET = "for _, key in ipairs(redis.call('KEYS', '*:memory:*')) do redis.call('DEL', key) end return 1"


@dataclass
class Desk:
    """A folder with registry and keys; `call` runs a command line and returns exit code, stdout, stderr."""

    folder: Path
    sandbox: Sandbox
    call: Callable[..., tuple[int, str, str]]
    redis: RedisServer

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def mirror(self, provider: str) -> dict[str, Any]:
        return json.loads((self.data / "prices" / f"{provider}.json").read_text())

    def collect(self, *providers: str) -> tuple[int, str, str]:
        """Collect anew: rate sources would use their last answer again."""
        for path in (self.data / "cache").glob("*"):
            path.unlink()
        self.redis.say("EVAL", FORGET, 0)
        return self.call("prices", "collect", *(word for name in providers for word in ("-p", name)))

    def held(self, *words: str) -> list[dict[str, Any]]:
        return json.loads(self.call("prices", "held", "--json", *words)[1])["results"]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def desk(
    sandbox: Sandbox, redis_server: RedisServer, folder: Path, capsys: Any, no_sleep: list[float], request: Any
) -> Desk:
    """A desk at all APIs; `@pytest.mark.parametrize("desk", ["none"], indirect=True)` is one without Redis."""
    url = getattr(request, "param", None) or redis_server.url
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', f'redis_url = "{url}"'))
    redis_server.say("FLUSHALL")

    def call(*words: str) -> tuple[int, str, str]:
        code = invoke(["--config", str(path), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return Desk(folder, sandbox, call, redis_server)
