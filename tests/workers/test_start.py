"""One worker and one beat of Celery: every job of every provider is done, and a stop is clean."""

import json
import logging
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery")

from marketctl.workers.app import LOOK_S
from tests.dead_man import PATH, DeadMan
from tests.workers.fleet import TICKERS, Fleet, wait_for

PATIENCE_S = 60
GUIDE = Path(__file__).parents[2] / "docs" / "scaling.md"


@pytest.fixture
def service():
    with DeadMan() as service:
        yield service


def test_a_worker_and_beat_do_every_job_and_stop_when_told(tmp_path, service):
    fleet = Fleet(tmp_path)
    (user,) = re.findall(r"^user (.*)$", GUIDE.read_text(), re.MULTILINE)
    fleet.server.say("ACL", "SETUSER", *user.replace("PASSWORD", "pass-word").split())
    fleet.edit(
        f'redis_url = "{fleet.server.url}"', f'redis_url = "{fleet.server.url.replace("//", "//worker:pass-word@")}"'
    )
    fleet.edit("[settings]", '[settings]\nrun_log = "runs.jsonl"')
    fleet.edit("[providers.KUCOIN]", f'[providers.KUCOIN]\nping_url = "{service.url}"')
    try:
        fleet.start("north", "worker", "-c", "1")
        fleet.start("north", "beat")
        jobs = {(provider, job) for provider in TICKERS for job in ("wallet", "prices", "stats")}
        wait_for(lambda: all(fleet.done(*one) for one in jobs), PATIENCE_S)
        ended = []
        for process in fleet.processes.values():
            process.send_signal(signal.SIGTERM)
            ended.append(process.wait(PATIENCE_S))
        told = "".join(path.read_text() for path in fleet.folder.glob("*.log"))
        assert ended == [0, 0], told[-5000:]
        assert fleet.locks() == {}
        for provider in TICKERS:
            assert int(fleet.server.say("HGET", f"marketctl:{{{provider}}}:l1:meta", "seq")) >= 1
            assert fleet.server.say("HLEN", f"marketctl:{{{provider}}}:wallet") > 0
        # CLIENT is redis-py introducing itself: it does without.
        assert {entry["object"] for entry in fleet.server.say("ACL LOG")} <= {"client"}
        assert fleet.most == dict.fromkeys(TICKERS, 1)
        assert "Traceback" not in told
        keys = [value for api in fleet.sandbox.apis.values() for value in api.keys.values()]
        assert [key for key in (*keys, PATH, "pass-word") if key in told] == []
        lines = [json.loads(line) for line in (fleet.registry.parent / "runs.jsonl").read_text().splitlines()]
        assert {(line["provider"], line["job"]) for line in lines if line["status"] == "ok"} == jobs
        assert {line["command"] for line in lines} == {"run"}
        # Each job is a run of its own to the provider's dead-man service.
        done = sum(line["provider"] == "KUCOIN" for line in lines)
        assert service.actions == ["/start", ""] * done
    finally:
        fleet.close()


def test_a_beat_that_is_stopped_while_it_sends_ends_well(tmp_path):
    fleet = Fleet(tmp_path)
    try:
        fleet.start("north", "beat")
        wait_for(lambda: fleet.server.say("LLEN", "marketctl:celery:prices"), PATIENCE_S)
        (beat,) = fleet.processes.values()
        with fleet.server.stopped():
            time.sleep(LOOK_S + 0.5)  # it waits for an answer by now
            beat.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        code = beat.wait(PATIENCE_S)
        told = "".join(path.read_text() for path in fleet.folder.glob("*.log"))
        assert (code, "Traceback" in told) == (0, False), told[-5000:]
    finally:
        fleet.close()


@pytest.fixture
def one_provider(tmp_path, monkeypatch):
    """A registry of KUCOIN alone, whose broker is not there: its path."""
    registry = tmp_path / "providers.toml"
    registry.write_text(
        '[settings]\nredis_url = "redis://127.0.0.1:9"\n[providers.KUCOIN]\n'
        'path = "marketctl.providers.cex.kucoin:KucoinAdapter"\nenabled = true\nneeds_api = false\n'
    )
    monkeypatch.setenv("MARKETCTL_CONFIG", str(registry))
    return registry


def test_beat_plans_anew_when_its_clock_was_ahead_and_is_set_right(one_provider, monkeypatch):
    """Its turns would else lie in tomorrow, and nothing be sent until then."""
    from marketctl.workers import beat

    sent = []
    monkeypatch.setattr(beat.Timetable, "__init__", lambda self: self.setup_schedule())
    monkeypatch.setattr(beat.Timetable, "_send", lambda self, *turn: sent.append(turn[:3]))
    monkeypatch.setattr(beat.Timetable, "_waiting", lambda *_: 0)
    connection = SimpleNamespace(connection_errors=(), channel_errors=())
    monkeypatch.setattr(beat.Timetable, "connection", connection, raising=False)
    clock = [1_767_225_600_000 + 86_400_000]
    monkeypatch.setattr(beat, "now_ms", lambda: clock[0])
    timetable = beat.Timetable()
    timetable.tick()
    assert {job for _, job, _ in sent} == {"wallet", "prices", "stats"}
    sent.clear()
    clock[0] -= 86_400_000
    timetable.tick()
    assert {job for _, job, _ in sent} == {"wallet", "prices", "stats"}
    assert all(due <= clock[0] for _, _, due in sent)


def test_beat_sends_no_turn_whose_next_one_is_due(one_provider, monkeypatch):
    """Celery would wonder about its expiry in five lines, and a worker throw it away."""
    from marketctl.providers.loader import load_registry
    from marketctl.workers import beat

    sent = []
    monkeypatch.setattr(beat.Timetable, "__init__", lambda self: self.setup_schedule())
    monkeypatch.setattr(beat.Timetable, "producer", None, raising=False)
    monkeypatch.setattr(beat.job_task, "apply_async", lambda given, **how: sent.append((given, how["expires"])))
    monkeypatch.setattr(beat, "now_ms", lambda: 1_767_225_600_000)
    timetable, due = beat.Timetable(), 1_767_225_590_000
    for late_ms in (0, 1):
        timetable._send("KUCOIN", "prices", due + late_ms, load_registry(one_provider))
    assert sent == [(("KUCOIN", "prices", due + 1), datetime(2026, 1, 1, 0, 0, 0, 1000, UTC))]


def test_what_redis_says_is_one_line_also_where_celery_ends(tmp_path, monkeypatch):
    registry = tmp_path / "providers.toml"
    registry.write_text('[settings]\nredis_url = "redis://127.0.0.1:9"\n')
    monkeypatch.setenv("MARKETCTL_CONFIG", str(registry))
    from redis.exceptions import NoPermissionError

    from marketctl.workers.app import _Redacted

    words = "this user has no permissions to run the 'zrange' command"
    for error, lines in ((NoPermissionError(words), 1), (KeyError(words), 2)):  # the other is a bug, and loud
        record = logging.LogRecord("celery", logging.CRITICAL, "x", 1, "Unrecoverable error: %r", ("auth",), None)
        record.exc_info = (type(error), error, None)
        told = _Redacted(logging.Formatter("%(levelname)s: %(message)s")).format(record)
        assert told.splitlines()[0].startswith("CRITICAL: Unrecoverable error: 'auth'")
        assert (words in told, len(told.splitlines())) == (True, lines)
