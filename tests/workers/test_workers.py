"""Two machines with a worker and a beat each, on one Redis server: everything once, whatever dies.

The tests share one fleet and follow each other. `pytest -s tests/workers` shows the figures.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery")

from tests.workers.fleet import INTERVAL_MS, TICKERS, Fleet, now_ms, wait_for

CALM = ("HTX", "KUCOIN", "WHITEBIT")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    found = Fleet(tmp_path_factory.mktemp("fleet"), "KUCOIN/api/v3/currencies=slow:10*1")
    try:
        for machine in ("north", "south"):
            found.start(machine, "worker", "-c", "2")
        found.start("north", "beat")
        yield found
    finally:
        found.close()


def told(what: str, turns: Counter[int]) -> Counter[int]:
    """Show and return how many turns were done how often."""
    how = Counter(turns.values())
    twice = sum(count for times, count in how.items() if times > 1)
    print(f"\n{what}: {len(turns)} due, {how[1]} done once, {twice} done twice, {how[0]} lost")
    return how


def joined(fleet: Fleet, first: int, last: int, providers: tuple[str, ...] = CALM) -> Counter[int]:
    """Return the turns of several providers in one, by a number of their own."""
    found: Counter[int] = Counter()
    for index, name in enumerate(providers):
        for due, times in fleet.turns(name, first, last).items():
            found[due * 10 + index] = times
    return found


def test_a_job_whose_process_was_killed_is_done_by_another_once_its_lock_is_gone(fleet: Fleet) -> None:
    asked = fleet.sandbox.apis["KUCOIN"].calls
    wait_for(lambda: asked["GET /api/v3/currencies"], 15)
    time.sleep(1)
    hanging, (token, process) = wait_for(
        lambda: next((one for one in fleet.locks().items() if one[0] in ("KUCOIN wallet", "KUCOIN stats")), None), 3
    )
    job = hanging.split()[1]
    assert fleet.server.say("PTTL", f"marketctl:{{KUCOIN}}:lock:{job}") <= 2000
    os.kill(process, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: fleet.done("KUCOIN", job), 8)
    print(f"\nkilled in the middle of KUCOIN {job}: done by another after {time.monotonic() - began:.1f} s")
    assert token not in str(fleet.locks())
    assert "WorkerLostError" in fleet.told()


def test_every_turn_is_done_once_beside_a_second_beat_a_slow_provider_and_marketctl_run(fleet: Fleet) -> None:
    fleet.start("south", "beat")
    fleet.sandbox.fault("BYBIT/v5/market/tickers=slow:4", *(f"{name}{TICKERS[name]}=slow:0.05" for name in CALM))
    wait_for(lambda: fleet.done("WHITEBIT", "prices"), 5)
    first = now_ms()
    time.sleep(5 * INTERVAL_MS / 1000)
    last = now_ms()
    how = told("two workers, two beats, BYBIT hanging", joined(fleet, first, last))
    assert max(how) == 1
    assert how[0] <= 1  # where the machine is so busy that a job takes longer than its interval
    assert fleet.most["BYBIT"] == 1

    with ThreadPoolExecutor(3) as beside:
        words = ("run", "--once", "--task", "prices", "-p", "WHITEBIT", "--json")
        runs = list(beside.map(lambda _: fleet.marketctl(*words), range(3)))
    results = [json.loads(run.stdout)["results"][0] for run in runs]
    assert {one["reason"] for one in results} <= {None, "busy"}
    assert fleet.most == dict.fromkeys(TICKERS, 1)  # never two at the same time
    for name in TICKERS:  # long jobs, each sent by both beats
        assert (fleet.done(name, "wallet"), fleet.done(name, "stats")) == (1, 1), name
    fleet.sandbox.fault()


def test_an_edit_of_the_registry_needs_no_restart(fleet: Fleet) -> None:
    assert fleet.marketctl("providers", "disable", "BYBIT", "HTX").returncode == 0
    time.sleep(1.2)  # beat looks each second, and what was sent is done
    before = Counter(name for _, name in fleet.asked)
    time.sleep(1.5 * INTERVAL_MS / 1000)
    after = Counter(name for _, name in fleet.asked)
    assert {name: after[name] > before[name] for name in TICKERS} == {
        "BYBIT": False, "HTX": False, "KUCOIN": True, "WHITEBIT": True,
    }  # fmt: skip
    assert fleet.marketctl("providers", "enable", "HTX").returncode == 0
    wait_for(lambda: Counter(name for _, name in fleet.asked)["HTX"] > after["HTX"], 1.2 + 2 * INTERVAL_MS / 1000)


def test_a_broken_edit_leaves_the_workers_as_they_were(fleet: Fleet) -> None:
    good = fleet.registry.read_text()
    fleet.registry.write_text(good + "\n[providers.WHITEBIT\n")
    before = Counter(name for _, name in fleet.asked)
    wait_for(lambda: Counter(name for _, name in fleet.asked)["WHITEBIT"] > before["WHITEBIT"] + 1, 6)
    assert "still working with the registry as it was" in fleet.told()
    fleet.registry.write_text(good)


def test_a_broker_that_dies_and_comes_back_loses_its_turns_and_nothing_is_done_twice(fleet: Fleet) -> None:
    first = now_ms()
    time.sleep(INTERVAL_MS / 1000)
    fleet.server.kill()
    gone = now_ms()
    time.sleep(1)
    fleet.server.start()
    back = now_ms()
    wait_for(lambda: {name for at, name in fleet.asked if at > back} >= set(CALM), 12)
    print(f"\nbroker away for {(back - gone) / 1000:.1f} s: all done again {(now_ms() - back) / 1000:.1f} s after it")
    time.sleep(2 * INTERVAL_MS / 1000)
    how = told("broker killed and started", joined(fleet, first, now_ms()))
    assert max(how) == 1
    assert fleet.most == dict.fromkeys(TICKERS, 1)


REFUSALS = (
    ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "command not allowed when used memory > 'maxmemory'"),
    ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "You can't write against a read only replica"),
)


def test_a_broker_that_refuses_for_a_while_ends_no_worker(fleet: Fleet) -> None:
    """It is full, or a replica for a moment: Celery itself ends a worker then, and beat goes on alone."""
    for refuse, allow, told_so in REFUSALS:
        fleet.server.say(*refuse.split())
        time.sleep(1.5)
        fleet.server.say(*allow.split())
        back = now_ms()
        wait_for(lambda back=back: {name for at, name in fleet.asked if at > back} >= set(CALM), 14)
        assert told_so in fleet.told()
    assert {name: one.poll() for name, one in fleet.processes.items()} == dict.fromkeys(fleet.processes)
    assert "Unrecoverable error" not in fleet.told()
    assert "CPendingDeprecationWarning" not in fleet.told()
    assert fleet.most == dict.fromkeys(TICKERS, 1)


def test_a_machine_that_dies_in_the_middle_costs_the_turns_of_its_lease(fleet: Fleet) -> None:
    fleet.sandbox.fault(f"KUCOIN{TICKERS['KUCOIN']}=slow:6*1")
    first = now_ms()
    process = wait_for(lambda: fleet.locks().get("KUCOIN prices", ("", 0))[1], 4)
    victim = "north" if os.getpgid(process) == fleet.processes["north worker"].pid else "south"
    time.sleep(0.1)
    seen = len(fleet.asked)
    fleet.kill(victim, "worker")
    killed = time.monotonic()
    wait_for(lambda: "KUCOIN" in [name for _, name in fleet.asked[seen:]], 8)
    print(f"\none of two machines killed: KUCOIN is asked again after {time.monotonic() - killed:.1f} s")
    time.sleep(2 * INTERVAL_MS / 1000)
    last = now_ms()
    told("  its provider", fleet.turns("KUCOIN", first, last))
    how = told("  the others", joined(fleet, first, last, ("HTX", "WHITEBIT")))
    assert max(how) == 1
    assert how[0] <= 2  # what it had in hand besides


def test_no_secret_is_logged(fleet: Fleet) -> None:
    keys = [value for api in fleet.sandbox.apis.values() for value in api.keys.values()]
    logs = "".join(path.read_text() for path in fleet.folder.glob("*.log"))
    assert "[KUCOIN prices]" in logs
    assert [key for key in keys if key in logs] == []
