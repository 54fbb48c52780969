"""What machines share through a server: one budget an address, one wait, and what is remembered of a plan."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.errors import Blocked, MarketctlError, RateLimited
from marketctl.http.ratelimit import Hold, Pace, address_of
from marketctl.redis.connection import RedisConnection
from marketctl.redis.shared import SharedMemory, SharedPace, WatchedPace
from marketctl.sandbox.base import Sandbox
from marketctl.sandbox.setup import write_setup
from marketctl.times import now_ms, to_iso
from tools.torture_world import RedisServer


@pytest.fixture
def store(redis_server: RedisServer, tmp_path: Path) -> Iterator[RedisConnection]:
    redis_server.say("FLUSHALL")
    with RedisConnection(redis_server.url, tmp_path, "p") as found:
        yield found


# The shared budget -------------------------------------------------------------------------


def budgets(store: RedisConnection, folder: Path) -> tuple[SharedPace, SharedPace]:
    """Return the budget as two machines see it."""
    return tuple(SharedPace(store, "BYBIT", Pace(folder / name, 2.0, 3.0)) for name in ("north", "south"))  # type: ignore[return-value]


def about(wait_s: float) -> object:
    """A wait grows shorter while a busy machine gets round to asking for it; half a second is a turn."""
    return pytest.approx(wait_s, abs=0.24)


def test_two_machines_share_one_budget(store: RedisConnection, tmp_path: Path) -> None:
    north, south = budgets(store, tmp_path)
    waits = [pace.reserve() for pace in (north, south, north, south, north)]
    assert waits == [0, 0, 0, about(0.5), about(1)]
    assert not (tmp_path / "north").exists()


def test_a_wait_that_is_too_long_takes_nothing_of_the_shared_budget(store: RedisConnection, tmp_path: Path) -> None:
    north, south = budgets(store, tmp_path)
    for _ in range(3):
        north.reserve()
    assert [south.reserve(5, 1.0) for _ in range(5)] == [about(2.5)] * 5
    assert north.reserve() == about(0.5)


@pytest.mark.parametrize("shared", [True, False])
def test_what_the_provider_told_one_holds_for_all(store: RedisConnection, tmp_path: Path, shared: bool) -> None:
    one, other = (
        budgets(store, tmp_path) if shared else (Pace(tmp_path / "x", 2.0, 3.0), Pace(tmp_path / "x", 2.0, 3.0))
    )
    one.delay(7)
    assert [other.reserve(), one.reserve()] == [about(7), about(7.5)]
    one.delay(86400)
    assert 59 < other.reserve() <= 61


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("reason", "kind"), [("rate-limited", RateLimited), ("blocked", Blocked)])
def test_a_named_wait_holds_for_all_until_its_own_moment(
    store: RedisConnection, tmp_path: Path, shared: bool, reason: str, kind: type[MarketctlError]
) -> None:
    one, other = (
        budgets(store, tmp_path) if shared else (Pace(tmp_path / "x", 2.0, 3.0), Pace(tmp_path / "x", 2.0, 3.0))
    )
    now = now_ms()
    until = now + 3 * 86_400_000
    one.remember(Hold(until, now, reason, "GET x/y: HTTP 418: ip banned"))
    one.remember(Hold(now + 60_000, now, "rate-limited", "a shorter one"))
    for pace in (one, other):
        with pytest.raises(kind) as error:
            pace.reserve()
        assert (error.value.until_ms, error.value.retryable) == (until, False)
        undone = "rm -f {}; redis-cli DEL 'p:{{BYBIT}}:hold'" if shared else "rm {}"
        place = undone.format(pace.path.with_suffix(".hold"))
        assert error.value.hint == f"not before {to_iso(until)}; if that cannot be right: {place}"
        assert error.value.message == f"GET x/y: HTTP 418: ip banned (told at {to_iso(now)}; not asked again)"


def test_another_machines_wait_lasts_by_the_servers_clock(
    store: RedisConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    north, south = budgets(store, tmp_path)
    now = now_ms()
    north.remember(Hold(now + 600_000, now, "rate-limited", "GET x/y: HTTP 429"))
    # A machine that lives a day behind believes the server, not the moment it cannot place.
    monkeypatch.setattr("marketctl.redis.shared.now_ms", lambda: now - 86_400_000)
    with pytest.raises(RateLimited) as error:
        south.reserve()
    assert 590_000 < error.value.until_ms - (now - 86_400_000) <= 600_000
    store.call("DEL", "p:{BYBIT}:hold")
    assert south.reserve() == 0


def test_who_only_looks_sees_another_machines_wait_and_writes_nothing(store: RedisConnection, tmp_path: Path) -> None:
    north, _south = budgets(store, tmp_path)
    look = WatchedPace(store, "BYBIT", Pace(tmp_path / "look", 2.0, 3.0))
    assert look.reserve() == 0
    assert store.call("KEYS", "*") == []
    now = now_ms()
    north.remember(Hold(now + 600_000, now, "blocked", "GET x/y: HTTP 418: ip banned"))
    with pytest.raises(Blocked) as error:
        look.reserve()
    assert error.value.until_ms == now + 600_000
    look.remember(Hold(now + 900_000, now, "blocked", "told here"))
    assert look.held().until_ms == now + 900_000
    assert json.loads(store.call("GET", "p:{BYBIT}:hold"))["until_ms"] == now + 600_000


def test_check_sees_a_ban_that_was_told_to_another_machine_and_asks_nothing(
    redis_server: RedisServer, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = write_setup(sandbox, tmp_path / "desk")
    registry.write_text(registry.read_text().replace('redis_url = "embedded"', f'redis_url = "{redis_server.url}"'))
    redis_server.say("FLUSHALL")
    now = now_ms()
    with RedisConnection(redis_server.url, tmp_path, "marketctl") as found:
        address = address_of(sandbox.url("BYBIT"))
        elsewhere = SharedPace(found, address, Pace(tmp_path / "elsewhere", 2.0, 3.0))
        elsewhere.remember(Hold(now + 600_000, now, "blocked", "GET x/y: HTTP 418: ip banned"))
    code = marketctl(["--config", str(registry), "check", "BYBIT", "--json"])
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)["results"][0]["checks"]}
    assert code == 1
    assert (checks["clock"]["status"], checks["clock"]["reason"]) == ("unknown", "blocked")
    assert checks["clock"]["message"].startswith("blocked from this location, which is not the same as down: GET x/y")
    assert checks["clock"]["hint"] == f"not before {to_iso(now + 600_000)}"
    assert sandbox.requests("BYBIT") == {}


def test_without_redis_the_machines_own_budget_counts(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisConnection("redis://127.0.0.1:9", tmp_path, "p") as dead:
        north, _ = budgets(dead, tmp_path)
        assert [north.reserve() for _ in range(5)] == [0, 0, 0, about(0.5), about(1)]
        north.delay(5)
        assert north.reserve() == about(5)
        north.remember(Hold(now_ms() + 60_000, now_ms(), "rate-limited", "GET x/y: HTTP 429"))
        with pytest.raises(RateLimited):
            north.reserve()


# What is remembered of a budget ------------------------------------------------------------


def memories(store: RedisConnection, folder: Path, read_only: bool = False) -> tuple[SharedMemory, SharedMemory]:
    """Return the memory as two machines have it."""
    return tuple(SharedMemory(store, folder / name, "X", "http://x", read_only) for name in ("north", "south"))  # type: ignore[return-value]


def test_what_one_machine_remembers_the_other_knows(store: RedisConnection, tmp_path: Path) -> None:
    north, south = memories(store, tmp_path)
    assert south.get("credits", 60) is None
    north.put("credits", [7, 0], at_ms := now_ms())
    assert south.get("credits", 60) == ([7, 0], at_ms)
    assert 0 < store.call("PTTL", "p:{X}:memory:credits") <= 40 * 86_400_000


def test_what_was_remembered_last_counts_wherever_it_is(store: RedisConnection, tmp_path: Path) -> None:
    north, south = memories(store, tmp_path)
    north.put("credits", 5, now_ms() - 2000)
    south.put("credits", 3, now_ms() - 1000)
    assert north.get("credits", 60)[0] == 3  # type: ignore[index]
    store.call("FLUSHALL")  # the server came back empty
    assert (north.get("credits", 60)[0], south.get("credits", 60)[0]) == (5, 3)  # type: ignore[index]


def test_what_a_server_lost_it_is_told_again_by_who_knows_it(store: RedisConnection, tmp_path: Path) -> None:
    north, south = memories(store, tmp_path)
    south.put("rates", 3, now_ms() - 2000)
    north.put("rates", 5, now_ms() - 1000)
    store.call("FLUSHALL")
    look, _ = memories(store, tmp_path, read_only=True)
    assert (look.get("rates", 60)[0], store.call("DBSIZE")) == (5, 0)  # type: ignore[index]
    assert (north.get("rates", 60)[0], south.get("rates", 60)[0]) == (5, 5)  # type: ignore[index]
    assert 0 < store.call("PTTL", "p:{X}:memory:rates") <= 40 * 86_400_000


def test_who_only_looks_tells_the_others_nothing(store: RedisConnection, tmp_path: Path) -> None:
    memories(store, tmp_path)[0].put("credits", 5)
    look, _ = memories(store, tmp_path / "look", read_only=True)
    look.put("credits", 4)
    assert look.get("credits", 60)[0] == 4  # type: ignore[index]
    assert memories(store, tmp_path)[1].get("credits", 60)[0] == 5  # type: ignore[index]


def test_without_redis_the_machine_remembers_by_itself(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisConnection("redis://127.0.0.1:9", tmp_path, "p") as dead:
        north, south = memories(dead, tmp_path)
        north.put("credits", 5)
        assert (north.get("credits", 60)[0], south.get("credits", 60)) == (5, None)  # type: ignore[index]


def test_two_machines_spend_a_plan_once(
    redis_server: RedisServer,
    sandbox: Sandbox,
    tmp_path: Path,
    no_sleep: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A request of OPENEXCHANGERATES' month, a credit of TWELVEDATA's minute: what one has, the other takes over."""
    redis_server.say("FLUSHALL")
    registry = write_setup(sandbox, tmp_path / "desk")
    registry.write_text(registry.read_text().replace('"embedded"', f'"{redis_server.url}"'))
    names = ("TWELVEDATA", "OPENEXCHANGERATES")

    def collect(machine: str) -> dict[str, dict[str, Any]]:
        words = ["--config", str(registry), "--data-dir", str(tmp_path / machine), "prices", "collect", "--json"]
        assert marketctl([*words, *(word for name in names for word in ("-p", name))]) == 0
        return {one["provider"]: one for one in json.loads(capsys.readouterr().out)["results"]}

    first, spent = collect("north"), [sandbox.requests(name).total() for name in names]
    second = collect("south")
    assert [sandbox.requests(name).total() for name in names] == spent
    for name in names:
        assert (first[name]["cached"], second[name]["cached"]) == (False, True)
        assert second[name]["collected_at"] == first[name]["collected_at"]
        assert second[name]["quotes"] == first[name]["quotes"]
    assert marketctl(["--config", str(registry), "--data-dir", str(tmp_path / "third"), "check", *names, "-q"]) == 0
    assert sandbox.requests("OPENEXCHANGERATES")["GET /api/latest.json"] == 1


def test_rates_used_again_that_another_machine_has_newer_are_no_failure(
    redis_server: RedisServer, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    redis_server.say("FLUSHALL")
    registry = write_setup(sandbox, tmp_path / "desk")
    registry.write_text(registry.read_text().replace('"embedded"', f'"{redis_server.url}"'))

    def collect(machine: str) -> dict[str, Any]:
        words = ["--config", str(registry), "--data-dir", str(tmp_path / machine), "prices", "collect", "--json"]
        assert marketctl([*words, "-p", "OPENEXCHANGERATES"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["results"]
        return found

    collect("south")
    redis_server.say("FLUSHALL")  # north knows nothing of it, asks itself, and is newer
    newer = collect("north")
    redis_server.say("DEL", "marketctl:{OPENEXCHANGERATES}:memory:latest-USD")
    found = collect("south")
    assert (found["status"], found["reason"], found["cached"]) == ("skipped", None, True)
    told = f"the live quotes are newer, of {newer['collected_at']}"
    assert found["message"] == f"the last answer would be used again, but OPENEXCHANGERATES: {told}"
    meta = "marketctl:{OPENEXCHANGERATES}:l1:meta"
    assert redis_server.say("HMGET", meta, "status", "last_error") == [b"ok", None]
