"""When jobs are due, who takes them, and that one slow provider holds up no other."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from marketctl.jobs.schedule import Planned, Schedule, Turn, turns
from marketctl.sandbox.setup import write_setup
from marketctl.times import from_iso

# The grid -----------------------------------------------------------------------------------


def test_jobs_due_at_the_same_time_come_in_their_order_and_one_of_a_provider_at_a_time():
    schedule = Schedule.once([("BYBIT", "wallet"), ("BYBIT", "prices"), ("HTX", "prices"), ("BYBIT", "stats")])
    first = schedule.take(0)
    assert first == Turn(0, "BYBIT", "wallet", ("prices", "stats"), 0)
    second = schedule.take(0)
    assert second == Turn(0, "HTX", "prices", (), 0)
    assert schedule.take(0) is None  # BYBIT's turn is in hand
    schedule.done(first)
    third = schedule.take(0)
    assert (third, bool(schedule)) == (Turn(0, "BYBIT", "prices", ("stats",), 0), True)
    for turn in (second, third):
        schedule.done(turn)
    schedule.done(schedule.take(0))
    assert (bool(schedule), schedule.take(0), schedule.next_due()) == (False, None, None)


def test_turns_lie_on_a_grid_however_late_the_ones_before_were():
    schedule = Schedule([Planned(1000, "HTX", "prices", 100)])
    begun = []
    for now in (1000, 1103, 1250, 1299, 1300):  # late by 0, 3, 50 ms; then too early, then on time
        turn = schedule.take(now)
        if turn is not None:
            begun.append((turn.due, turn.missed))
            schedule.done(turn)
    assert begun == [(1000, 0), (1100, 0), (1200, 0), (1300, 0)]
    assert schedule.next_due() == 1400


def test_missed_turns_are_not_made_up_for_but_the_present_one_is():
    schedule = Schedule([Planned(0, "HTX", "prices", 100)])
    schedule.done(schedule.take(0))
    late = schedule.take(777)
    assert late == Turn(700, "HTX", "prices", (), 6)
    schedule.done(late)
    assert (schedule.take(799), schedule.next_due()) == (None, 800)


def test_a_provider_that_is_at_work_keeps_nobody_waiting():
    schedule = Schedule([Planned(0, name, "prices", 100) for name in ("BYBIT", "HTX")])
    slow = schedule.take(0)
    taken = Counter()
    for now in range(0, 1000, 50):
        turn = schedule.take(now)
        if turn is not None:
            taken[turn.provider] += 1
            schedule.done(turn)
    assert taken == {"HTX": 10}
    schedule.done(slow)
    assert schedule.take(1000) == Turn(1000, "BYBIT", "prices", (), 9)


def test_what_is_due_and_in_hand_is_told():
    schedule = Schedule([Planned(0, "BYBIT", "prices", 100), Planned(50, "HTX", "prices", 100)])
    schedule.take(10)
    assert schedule.due(10) == [("BYBIT", "prices")]
    assert schedule.due(60) == [("BYBIT", "prices"), ("HTX", "prices")]


# Hands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hands", [1, 2, 8])
def test_every_turn_is_done_once_and_what_came_of_it_is_told(hands):
    work = [(name, job) for name in ("BYBIT", "HTX", "MEXC") for job in ("wallet", "prices")]
    found = {turn[1:3]: said for turn, said in turns(Schedule.once(work), lambda turn: f"{turn.job}!", hands)}
    assert found == {one: f"{one[1]}!" for one in work}


def test_two_hands_end_what_is_quick_while_one_is_slow():
    go_on = threading.Event()

    def do(turn: Turn) -> str:
        assert turn.provider != "BYBIT" or go_on.wait(10)
        return turn.provider

    told = []
    for _, name in turns(Schedule.once([("BYBIT", "prices"), ("HTX", "prices"), ("MEXC", "prices")]), do, 2):
        told.append(name)
        if len(told) == 2:
            go_on.set()
    assert told == ["HTX", "MEXC", "BYBIT"]


@pytest.mark.parametrize("hands", [1, 3])
def test_a_bug_is_raised_where_the_results_are_awaited_and_nothing_new_begins(hands):
    begun = []

    def do(turn: Turn) -> None:
        begun.append(turn.provider)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(turns(Schedule([Planned(0, "BYBIT", "prices", 1)]), do, hands))
    assert begun == ["BYBIT"]


# The program --------------------------------------------------------------------------------

INTERVAL_MS = 400
TURNS = 10


def make(tmp_path: Path, sandbox: Any, trouble: str) -> Path:
    """Write a desk whose BYBIT is in trouble."""
    registry = write_setup(sandbox, tmp_path / "desk")
    text = registry.read_text().replace('redis_url = "embedded"', 'redis_url = "none"\nrun_log = "runs.jsonl"')
    text = text.replace("prices_interval_s = 10", f"prices_interval_s = {INTERVAL_MS / 1000}\ndeadline_s = 2.5")
    if trouble == "refused":
        text = text.replace(sandbox.url("BYBIT"), "http://127.0.0.1:9")
    else:
        sandbox.fault(f"BYBIT=slow:{trouble}")
    assert text.count("deadline_s = 2.5") == text.count("run_log") == 1
    registry.write_text(text)
    return registry


@pytest.mark.parametrize("trouble", ["1.8", "60", "refused"])
def test_a_slow_a_hanging_and_a_dead_provider_cost_the_others_no_turn(sandbox, tmp_path, trouble):
    """KUCOIN keeps its interval beside a BYBIT that is slow, hangs to its deadline, or refuses connections."""
    registry = make(tmp_path, sandbox, trouble)
    words = ["run", "--task", "prices", "-p", "BYBIT", "-p", "KUCOIN", "--jobs", "8", "--json"]
    command = [sys.executable, "-m", "marketctl", "--config", str(registry), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        told = []
        while sum(one["results"][0]["provider"] == "KUCOIN" for one in told) < TURNS + 1:
            told.append(json.loads(run.stdout.readline()))
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=10)
        assert run.returncode == 143
    assert len({one["run_id"] for one in told}) == len(told)
    mine = [one for one in told if one["results"][0]["provider"] == "KUCOIN"]
    assert {one["results"][0]["status"] for one in mine} == {"ok"}
    began = [from_iso(one["started_at"]) for one in mine]
    # On a grid that begins with the first: no turn is missing and none drifts.
    places = [round((at - began[0]) / INTERVAL_MS) for at in began]
    assert places == list(range(TURNS + 1))
    logged = [json.loads(line)["provider"] for line in (registry.parent / "runs.jsonl").read_text().splitlines()]
    assert Counter(logged)["KUCOIN"] >= TURNS + 1


def test_a_run_from_cron_is_not_held_up_by_the_one_before_that_waits_for_a_slow_provider(sandbox, tmp_path):
    """`run --once` gives each lock back when its job ended: the next run does all but what still goes on."""
    registry = make(tmp_path, sandbox, "2")
    command = [sys.executable, "-m", "marketctl", "--config", str(registry), "run", "--once", "--task", "prices"]
    command += ["-p", "BYBIT", "-p", "KUCOIN", "--json", "--jobs", "8"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not (registry.parent / "data/prices/KUCOIN.json").exists():
        assert first.poll() is None
    assert first.stdout is not None
    held = registry.parent / "data/state/BYBIT.prices.lock"
    from marketctl.files.locks import MOMENT_S

    threading.Event().wait(MOMENT_S)
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    results = {one["provider"]: one for one in json.loads(second.stdout)["results"]}
    assert (results["KUCOIN"]["status"], results["BYBIT"]["reason"], second.returncode) == ("ok", "busy", 3)
    assert results["BYBIT"]["message"] == f"another run is doing BYBIT prices, it holds {held}"
    out, _ = first.communicate(timeout=10)
    assert [one["status"] for one in json.loads(out)["results"]] == ["ok", "ok"]
