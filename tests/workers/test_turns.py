"""Turns of Celery's tasks: when they are due, tried again or expired, and over which broker they come."""

from itertools import pairwise
from pathlib import Path

import pytest


def test_turns_lie_on_one_grid_and_providers_are_spread_over_it() -> None:
    pytest.importorskip("celery", reason="celery is not installed: pip install celery")
    from marketctl.workers.beat import last_turn

    now = 1_767_225_600_123
    for provider in ("BYBIT", "HTX"):
        due = last_turn(provider, "prices", 10_000, now)
        assert now - 10_000 < due <= now
        assert last_turn(provider, "prices", 10_000, due) == due
        assert last_turn(provider, "prices", 10_000, due - 1) == due - 10_000
    places = sorted(last_turn(f"X{i}", "prices", 10_000, now) for i in range(1000))
    assert max(b - a for a, b in pairwise(places)) < 200


def test_a_task_that_waits_for_the_lock_of_a_dead_owner_tries_until_its_turn_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times, as Celery does by itself, are less than a lease."""
    pytest.importorskip("celery", reason="celery is not installed: pip install celery")
    registry = tmp_path / "providers.toml"
    registry.write_text('[settings]\nredis_url = "redis://127.0.0.1:1"\n')
    monkeypatch.setenv("MARKETCTL_CONFIG", str(registry))
    from marketctl.celery_app import job_task

    assert job_task.max_retries is None


@pytest.mark.parametrize(
    ("again", "late_ms", "expected"),
    [
        (True, 0, 0.75),  # given back: who had it is dead, its lock soon gone
        (True, 60_000, 0.75),  # until it expires, which is the broker's business
        (False, 200, 3.0),  # who has the lock may have died just now
        (False, 1000, 2.5),  # half a second before the next turn is due
        (False, 3100, None),
        (False, None, None),  # no turn: somebody sent it by hand
    ],
)
def test_a_task_that_finds_the_lock_taken(again: bool, late_ms: int | None, expected: float | None) -> None:
    pytest.importorskip("celery", reason="celery is not installed: pip install celery")
    from marketctl.workers.app import retry_after_s

    now = 1_767_225_600_000
    assert retry_after_s(again, None if late_ms is None else now - late_ms, 4.0, now) == expected


@pytest.mark.parametrize(
    ("redis_url", "broker", "tls"),
    [
        ("redis://u:p%40w@h:1/2", "marketctl://u:p%40w@h:1/2", None),
        ("unix:///run/r.sock", "marketctl+socket:///run/r.sock", None),
        ("unix://:pw@/run/r.sock?db=3", "marketctl+socket://:pw@/run/r.sock?virtual_host=3", None),
        ("rediss://:x@h?ssl_ca_certs=/a", "marketctl://:x@h", {"ssl_ca_certs": "/a"}),
    ],
)
def test_the_broker_is_the_registrys_redis(redis_url: str, broker: str, tls: dict[str, str] | None) -> None:
    pytest.importorskip("celery", reason="celery is not installed: pip install celery")
    import ssl

    from marketctl.workers.broker import broker_url

    strict = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    assert broker_url(redis_url) == (broker, None if tls is None else strict | tls)


def test_celery_without_a_redis_server_says_so_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("celery", reason="celery is not installed: pip install celery")
    import subprocess
    import sys

    registry = tmp_path / "providers.toml"
    registry.write_text('[settings]\nredis_url = "none"\n')
    done = subprocess.run(
        [Path(sys.executable).with_name("celery"), "-A", "marketctl.celery_app", "worker"],
        env={"MARKETCTL_CONFIG": str(registry), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        f'{registry}: Celery needs a Redis server, redis_url is "none". '
        "Next: set redis_url to a redis://, rediss:// or unix:// URL.\n"
    )
