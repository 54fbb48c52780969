"""Two machines with a worker and a beat each, on one Redis server: everything once, whatever dies.

Each test has a fleet of its own and waits for what is to come, however busy the machine is. `make test-long` shows the
figures.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery")

from tests.workers.fleet import TICKERS, Fleet, now_ms, wait_for
from tests.workers.refusals import REFUSALS, have

CALM = ("HTX", "KUCOIN", "WHITEBIT")
PATIENCE_S = 60
ROUND = 2 * len(TICKERS)  # who is asked at all is among the last so many


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Fleet]:
    """Two machines with two processes each, and no beat yet. No secret is in any of their logs at the end."""
    found = Fleet(tmp_path)
    try:
        for machine in ("north", "south"):
            found.start(machine, "worker", "-c", "2")
        yield found
    finally:
        found.close()
    keys = [value for api in found.sandbox.apis.values() for value in api.keys.values()]
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "[KUCOIN prices]" in logs
    assert [key for key in keys if key in logs] == []


@pytest.fixture
def fleet(idle: Fleet) -> Fleet:
    """The same with a beat, at work."""
    idle.start("north", "beat")
    wait_for(lambda: idle.asked_last(ROUND) == set(TICKERS), PATIENCE_S)
    return idle


def wait_for_all(fleet: Fleet) -> None:
    """Wait until each calm provider was asked from now on."""
    seen = len(fleet.asked)
    wait_for(lambda: {name for _, name in fleet.asked[seen:]} >= set(CALM), PATIENCE_S)


def wait_for_turns(fleet: Fleet, providers: tuple[str, ...] = CALM, count: int = 3) -> None:
    """Wait until so many turns in a row, all from now on, were done of each provider."""
    first = now_ms()

    def done() -> bool:
        last = [list(fleet.turns(name, first, now_ms()).values())[-count:] for name in providers]
        return all(turns == [1] * count for turns in last)

    wait_for(done, PATIENCE_S)


def told(what: str, fleet: Fleet, first: int, providers: tuple[str, ...] = CALM) -> None:
    """Show how often turns since then were done; none may be done twice."""
    how = Counter(times for name in providers for times in fleet.turns(name, first, now_ms()).values())
    print(f"\n{what}: {how.total()} due, {how[1]} done once, {how[0]} lost")
    assert max(how) == 1


def test_a_job_whose_process_was_killed_is_done_by_another_once_its_lock_is_gone(idle: Fleet) -> None:
    idle.edit("deadline_s = 15", "deadline_s = 60\ntimeout_s = 50")
    idle.sandbox.fault("KUCOIN/api/v3/currencies=slow:50*1")
    idle.start("north", "beat")
    long_jobs = {"wallet", "stats"}  # both ask for it, and the first one hangs
    (other,) = wait_for(lambda: [job for job in long_jobs if idle.done("KUCOIN", job)], 40)
    (job,) = long_jobs - {other}
    token, process = idle.locks()[f"KUCOIN {job}"]
    os.kill(process, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: idle.done("KUCOIN", job), PATIENCE_S)
    print(f"\nkilled in the middle of KUCOIN {job}: done by another after {time.monotonic() - began:.1f} s")
    assert token not in str(idle.locks())
    wait_for(lambda: "WorkerLostError" in idle.told(), PATIENCE_S)


def test_every_turn_is_done_once_beside_a_second_beat_a_slow_provider_and_marketctl_run(fleet: Fleet) -> None:
    fleet.start("south", "beat")
    fleet.sandbox.fault("BYBIT/v5/market/tickers=slow:4", *(f"{name}{TICKERS[name]}=slow:0.05" for name in CALM))
    first = now_ms()
    wait_for_turns(fleet, count=5)
    told("two workers, two beats, BYBIT hanging", fleet, first)

    with ThreadPoolExecutor(3) as beside:
        words = ("run", "--once", "--task", "prices", "-p", "WHITEBIT", "--json")
        runs = list(beside.map(lambda _: fleet.marketctl(*words), range(3)))
    results = [json.loads(run.stdout)["results"][0] for run in runs]
    assert {one["reason"] for one in results} <= {None, "busy"}
    for name in TICKERS:  # long jobs, each sent by both beats
        wait_for(lambda name=name: (fleet.done(name, "wallet"), fleet.done(name, "stats")) == (1, 1), PATIENCE_S)
    assert fleet.most == dict.fromkeys(TICKERS, 1)  # never two at the same time


def test_an_edit_of_the_registry_needs_no_restart(fleet: Fleet) -> None:
    assert fleet.marketctl("providers", "disable", "BYBIT", "HTX").returncode == 0
    wait_for(lambda: fleet.asked_last(ROUND) == {"KUCOIN", "WHITEBIT"}, PATIENCE_S)
    assert fleet.marketctl("providers", "enable", "HTX").returncode == 0
    wait_for(lambda: fleet.asked_last(ROUND) == set(CALM), PATIENCE_S)


def test_a_broken_edit_leaves_the_workers_as_they_were(fleet: Fleet) -> None:
    with fleet.registry.open("a") as file:
        file.write("\n[providers.WHITEBIT\n")
    wait_for(lambda: "still working with the registry as it was" in fleet.told(), PATIENCE_S)
    wait_for_all(fleet)


def test_a_broker_that_dies_and_comes_back_loses_its_turns_and_nothing_is_done_twice(fleet: Fleet) -> None:
    first = now_ms()
    wait_for_turns(fleet)
    fleet.server.kill()
    gone = now_ms()
    time.sleep(1)
    fleet.server.start()
    back = now_ms()
    wait_for_all(fleet)
    print(f"\nbroker away for {(back - gone) / 1000:.1f} s: all done again {(now_ms() - back) / 1000:.1f} s after it")
    wait_for_turns(fleet)
    told("broker killed and started", fleet, first)
    assert fleet.most == dict.fromkeys(TICKERS, 1)


@pytest.mark.parametrize(("refuse", "allow", "words"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_broker_that_refuses_for_a_while_ends_no_worker(fleet: Fleet, refuse, allow, words) -> None:
    """It is full, or a replica for a moment, or cannot save: Celery itself ends a worker then, and beat goes on.

    Meanwhile there are no locks between machines either: what was in hand may be asked for by both.
    """
    have(fleet.server, refuse)
    wait_for(lambda: all(words in fleet.told(machine) for machine in ("north", "south")), PATIENCE_S)
    have(fleet.server, allow)
    wait_for_all(fleet)
    assert {name: one.poll() for name, one in fleet.processes.items()} == dict.fromkeys(fleet.processes)
    assert "Unrecoverable error" not in fleet.told()
    assert "CPendingDeprecationWarning" not in fleet.told()


def test_a_machine_that_dies_in_the_middle_costs_the_turns_of_its_lease(fleet: Fleet) -> None:
    first = now_ms()
    fleet.sandbox.fault(f"KUCOIN{TICKERS['KUCOIN']}=slow:8*1")
    asked = len(fleet.asked)
    wait_for(lambda: "KUCOIN" in [name for _, name in fleet.asked[asked:]], PATIENCE_S)
    victim = wait_for(lambda: fleet.owner("KUCOIN prices"), PATIENCE_S)
    seen = len(fleet.asked)
    fleet.kill(victim, "worker")
    killed = time.monotonic()
    wait_for(lambda: "KUCOIN" in [name for _, name in fleet.asked[seen:]], PATIENCE_S)
    print(f"\none of two machines killed: KUCOIN is asked again after {time.monotonic() - killed:.1f} s")
    wait_for_turns(fleet)
    told("one of two machines killed", fleet, first)
