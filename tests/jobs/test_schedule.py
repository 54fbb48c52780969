"""When jobs are due, who takes them, and that one slow provider holds up no other."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from marketctl.files.locks import MOMENT_S
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


def test_caller_does_something_else_while_others_wait():
    """What the answers need is loaded while they are waited for, not before and not instead."""
    loaded = threading.Event()
    told = list(turns(Schedule.once([("BYBIT", "prices")]), lambda _turn: loaded.wait(10), 2, loaded.set))
    assert [found for _, found in told] == [True]


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

INTERVAL_MS = 1000
TURNS = 5
# The quick one, and three in trouble.
QUICK, SLOW, HANGING, DEAD = "KUCOIN", "BYBIT", "HTX", "MEXC"


def make(tmp_path: Path, sandbox: Any) -> list[str]:
    """Write a desk with three providers in trouble; return the command line that runs all four."""
    registry = write_setup(sandbox, tmp_path / "desk")
    text = registry.read_text().replace('redis_url = "embedded"', 'redis_url = "none"\nrun_log = "runs.jsonl"')
    text = text.replace("prices_interval_s = 10", f"prices_interval_s = {INTERVAL_MS / 1000}\ndeadline_s = 7")
    text = text.replace(sandbox.url(DEAD), "http://127.0.0.1:9")
    assert [text.count(word) for word in ("deadline_s = 7", "run_log", ':9"')] == [1, 1, 1]
    registry.write_text(text)
    sandbox.fault(f"{SLOW}/v5/market/tickers=slow:6", f"{HANGING}=slow:60")
    words = [word for name in (QUICK, SLOW, HANGING, DEAD) for word in ("-p", name)]
    command = [sys.executable, "-m", "marketctl", "--config", str(registry), "run", "--task", "prices", *words]
    return [*command, "--jobs", "8", "--json"]


def test_a_slow_a_hanging_and_a_dead_provider_cost_the_others_no_turn(sandbox, tmp_path):
    """One keeps its interval beside one that needs 6 s, one that hangs to its deadline, one that refuses."""
    command = make(tmp_path, sandbox)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        told = []
        while sum(one["results"][0]["provider"] == QUICK for one in told) < TURNS + 1:
            told.append(json.loads(run.stdout.readline()))
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=10)
        assert run.returncode == 143
    assert len({one["run_id"] for one in told}) == len(told)
    mine = [one for one in told if one["results"][0]["provider"] == QUICK]
    assert {one["results"][0]["status"] for one in mine} == {"ok"}
    began = [from_iso(one["started_at"]) for one in mine]
    # On a grid that begins with the first: no turn is missing and none drifts.
    places = [round((at - began[0]) / INTERVAL_MS) for at in began]
    assert places == list(range(TURNS + 1))
    log = tmp_path / "desk/runs.jsonl"
    logged = Counter(json.loads(line)["provider"] for line in log.read_text().splitlines())
    assert (logged[QUICK] >= TURNS + 1, logged[SLOW] <= 2, logged[HANGING] <= 2) == (True, True, True)


def test_a_run_from_cron_is_not_held_up_by_the_one_before_that_waits_for_a_slow_provider(sandbox, tmp_path):
    """`run --once` gives each lock back when its job ended: the next run does all but what still goes on."""
    command = [*make(tmp_path, sandbox), "--once"]
    data = tmp_path / "desk/data"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        # The quick one and the dead one have come to their end: the second run is to find them free.
        while not all((data / f"state/{name}.json").exists() for name in (QUICK, DEAD)):
            assert first.poll() is None
            time.sleep(0.02)
        time.sleep(MOMENT_S)  # until then they began at the same moment
        command[command.index(HANGING) - 1 : command.index(HANGING) + 1] = []
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        out, _ = first.communicate(timeout=15)
    results = {one["provider"]: one for one in json.loads(second.stdout)["results"]}
    assert {name: results[name]["status"] for name in (QUICK, SLOW)} == {QUICK: "ok", SLOW: "failed"}
    busy = f"another run is doing {SLOW} prices, it holds {data / f'state/{SLOW}.prices.lock'}"
    assert (results[SLOW]["message"], results[DEAD]["reason"], second.returncode) == (busy, "network", 3)
    ends = {one["provider"]: one["reason"] or one["status"] for one in json.loads(out)["results"]}
    assert ends == {QUICK: "ok", SLOW: "ok", HANGING: "deadline", DEAD: "network"}
