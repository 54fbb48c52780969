"""A worker whose clock is wrong throws its turns away: it says so, once a minute."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery")

from marketctl.log import set_up
from marketctl.times import now_ms
from marketctl.workers import clock
from tools.torture_world import RedisServer


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as found:
        registry = tmp_path / "providers.toml"
        registry.write_text(f'[settings]\nredis_url = "{found.url}"\n')
        monkeypatch.setenv("MARKETCTL_CONFIG", str(registry))
        monkeypatch.setattr(clock, "_looked_s", -clock.AGAIN_S)
        set_up(0, False, "text")
        yield found


@pytest.mark.parametrize(
    ("off_ms", "told"),
    [
        (5040, "tasks expire unbegun: this machine's clock is 5.0 s ahead of Redis'. Next: sync it (NTP).\n"),
        (-7_200_040, "tasks expire unbegun: this machine's clock is 7200.0 s behind Redis'. Next: sync it (NTP).\n"),
        (300, ""),
    ],
)
def test_an_expired_task_has_the_clock_looked_at(server, monkeypatch, capsys, off_ms, told):
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms() + off_ms)
    clock.see_expired(expired=False)
    assert capsys.readouterr().err == ""  # revoked by somebody
    clock.see_expired(sender=None, request=None, expired=True)
    assert capsys.readouterr().err == told
    clock.see_expired(sender=None, request=None, expired=True)
    assert capsys.readouterr().err == ""


def test_without_redis_the_tasks_say_so_themselves(server, capsys):
    server.kill()
    clock.see_expired(expired=True)
    assert capsys.readouterr().err == ""
