"""marketctl redis, and how the other commands use the embedded server: it goes on, looking writes nothing."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from marketctl.errors import ConfigError
from marketctl.redis.connection import connect_running
from marketctl.redis.embedded import EmbeddedRedis

NAMES = ("KUCOIN", "HTX")


@pytest.fixture
def staying(folder):
    """The registry of the sandbox with the default: the server goes on."""
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace("embedded_stay = false\n", ""))
    yield folder
    EmbeddedRedis(folder / "data").shut_down()


def collect(ctl) -> None:
    assert ctl("run", "--once", "--task", "prices", "-q", "-p", "KUCOIN", "-p", "HTX") == (0, "", "")


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each file with its size and the time it was written."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            found[str(path)] = status.st_size, status.st_mtime_ns
    return found


def status(ctl) -> dict:
    code, out, err = ctl("redis", "status", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["schema"], document["command"]) == (1, "redis status")
    return document["results"][0]


def test_quote_between_runs(staying, ctl):
    collect(ctl)
    told = status(ctl)
    assert (told["running"], told["stays"], told["providers"]) == (True, True, 2)
    assert told["socket"] == f"{staying}/data/redis/redis.sock"
    with connect_running("embedded", staying / "data", "marketctl") as store:
        assert b'"bid":"91197.35"' in store.call("HGET", "marketctl:{KUCOIN}:l1", "BTC/USDT")
    collect(ctl)
    assert status(ctl)["pid"] == told["pid"]
    assert not (staying / "data" / "redis" / "dump.rdb").exists()  # neither loaded nor saved


def test_a_server_that_hangs_is_not_asleep(staying, ctl, monkeypatch):
    collect(ctl)
    pid = status(ctl)["pid"]
    monkeypatch.setattr("marketctl.redis.embedded.ANSWER_S", 0.2)
    told = f"embedded Redis in {staying}/data/redis runs and does not answer"
    os.kill(pid, signal.SIGSTOP)
    try:
        assert ctl("redis", "status") == (1, "", f"marketctl: {told}. Next: Read {staying}/data/redis/redis.log.\n")
        code, out, err = ctl("prices", "show", "KUCOIN", "BTC/USDT")
        assert (code, out[:16], err) == (0, "KUCOIN\tBTC/USDT\t", f"quotes are from the mirror: {told}\n")
        code, out, _ = ctl("check", "KUCOIN", "--json")
        (published,) = [one for one in json.loads(out)["results"][0]["checks"] if one["check"] == "published"]
        assert (code, published["status"], published["message"][: len(told)]) == (1, "fail", told)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status(ctl)["pid"] == pid


def test_to_stop_a_server_that_hangs_is_told_at_once_and_bounded(staying, ctl, monkeypatch):
    assert ctl("redis", "start", "-q") == (0, "", "")
    pid = status(ctl)["pid"]
    monkeypatch.setattr("marketctl.redis.embedded.ANSWER_S", 0.2)
    monkeypatch.setattr("marketctl.redis.embedded.STOP_S", 0.5)
    who = f"embedded Redis in {staying}/data/redis (process {pid})"
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        code, out, err = ctl("redis", "stop")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (code, out, time.monotonic() - began < 5) == (1, "", True)
    assert err == (
        f"{who} does not answer: waiting at most 0.5 s for it to save its data and end\n"
        f"marketctl: {who} does not end. Next: kill -CONT {pid} where somebody stopped it; "
        f"kill -KILL {pid} ends it, unsaved data are lost.\n"
    )


def test_status_start_and_stop(staying, ctl):
    code, out, err = ctl("redis", "status")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "state     asleep: starts when something is published"
    assert f"socket    {staying}/data/redis/redis.sock" in out
    assert not (staying / "data").exists()
    assert ctl("redis", "stop") == (0, "it did not run\n", "")
    assert ctl("redis", "start") == (0, f"{staying}/data/redis/redis.sock\n", "")
    pid = status(ctl)["pid"]
    assert ctl("redis", "start", "-q") == (0, "", "")
    assert status(ctl)["pid"] == pid
    code, out, _ = ctl("redis", "status")
    assert out.startswith(f"state     running, pid {pid}, for ")
    assert ctl("redis", "stop") == (0, "saved and stopped\n", "")
    told = status(ctl)
    assert (told["running"], told["pid"]) == (False, None)
    assert told["saved_bytes"] > 0


def test_stop_while_it_is_used(staying, ctl):
    with EmbeddedRedis(staying / "data", stay=True):
        code, out, err = ctl("redis", "stop")
    assert (code, out) == (75, "")
    assert err.startswith("marketctl: another process uses the embedded Redis in ")


def test_start_says_that_the_next_run_stops_it(folder, ctl):
    code, _, err = ctl("redis", "start")
    assert (code, err) == (0, "embedded_stay is false in providers.toml: the next run stops it when it ends\n")
    collect(ctl)
    assert status(ctl)["running"] is False


@pytest.mark.parametrize(("url", "words"), [("none", 'redis_url is "none"'), ("redis://:pw@h", "redis_url names a")])
@pytest.mark.parametrize("command", ["status", "start", "stop"])
def test_another_redis_is_none_of_it(folder, ctl, url, words, command):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('"embedded"', f'"{url}"'))
    code, out, err = ctl("redis", command)
    assert (code, out) == (4, "")
    assert err.startswith(f"marketctl: {words}")
    assert "pw" not in err


def test_looking_writes_nothing_awake_or_asleep(staying, ctl):
    collect(ctl)
    for asleep in (False, True):
        if asleep:
            ctl("redis", "stop")
        before = contents(staying)
        for words in (
            ("prices", "compare", "BTC/USDT"),
            ("prices", "show", "KUCOIN", "BTC/USDT"),
            ("redis", "status"),
            ("providers", "list"),
        ):
            code, _, err = ctl(*words)
            assert code == 0, (words, err)
            if asleep and words[0] == "prices":
                assert err.splitlines()[0] == (
                    f"quotes are from the mirror: the embedded Redis in {staying}/data/redis is asleep"
                )
        assert contents(staying) == before
        assert status(ctl)["running"] is not asleep


def test_history_wakes_it_and_leaves_it_asleep_and_unsaved(staying, ctl):
    collect(ctl)
    collect(ctl)
    ctl("redis", "stop")
    dump = staying / "data" / "redis" / "dump.rdb"
    before = dump.stat().st_mtime_ns
    code, out, err = ctl("prices", "history", "KUCOIN", "BTC/USDT")
    assert code == 0
    assert re.fullmatch(r"asked since \S+, but nothing is kept from before \S+\n", err)
    assert out.splitlines()
    assert status(ctl)["running"] is False
    assert dump.stat().st_mtime_ns == before


def test_killed_server_and_lost_minutes(staying, ctl):
    """kill -9 of the server, and with it what a machine that restarts does: the mirror has it, the next run goes on."""
    collect(ctl)
    pid = status(ctl)["pid"]
    os.kill(pid, signal.SIGKILL)
    while status(ctl)["running"]:
        time.sleep(0.01)
    assert (staying / "data" / "redis" / "redis.sock").exists()  # stale
    code, out, err = ctl("prices", "show", "KUCOIN", "BTC/USDT")
    assert (code, out.split("\t")[:3]) == (0, ["KUCOIN", "BTC/USDT", "91197.35"])
    assert "is asleep" in err
    collect(ctl)
    assert status(ctl)["pid"] != pid
    assert ctl("prices", "show", "KUCOIN", "BTC/USDT")[::2] == (0, "")


@pytest.fixture
def no_program(monkeypatch):
    def nothing():
        raise ConfigError("no redis-server or valkey-server found for the embedded Redis", hint="install one")

    monkeypatch.setattr("marketctl.redis.program.find_server", nothing)


@pytest.mark.parametrize("words", [("run", "--once"), ("prices", "collect"), ("wallet", "sync"), ("stats", "collect")])
def test_without_a_program_nobody_is_asked(folder, ctl, sandbox, no_program, words):
    code, out, err = ctl(*words)
    assert (code, out) == (4, "")
    assert err == "marketctl: no redis-server or valkey-server found for the embedded Redis. Next: install one.\n"
    assert not any(api.calls for api in sandbox.apis.values())
    assert not (folder / "data").exists()


def test_without_a_program_a_server_that_runs_is_enough(staying, ctl, monkeypatch, request):
    collect(ctl)
    request.getfixturevalue("no_program")
    collect(ctl)


def test_none_is_told_in_every_result_also_in_cached_ones(folder, ctl):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('"embedded"', '"none"'))
    for words in ("24 quotes", "cached"):
        code, out, err = ctl("prices", "collect", "-p", "OPENEXCHANGERATES")
        assert (code, err) == (0, "")
        assert words in out
        assert 'redis_url is "none": written to the mirror only' in out
