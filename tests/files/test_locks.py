"""Locks of jobs: who gets them, who waits, when they are given back."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files.locks import JobLocks, flocked
from tests.files.python import files, run_python

HOLD = """
import sys, time, pathlib
from marketctl.files.locks import JobLocks
jobs = [tuple(text.split(".")) for text in sys.argv[3:]]
with JobLocks.acquire(pathlib.Path(sys.argv[1]), jobs, float(sys.argv[2])) as locks:
    print(len(locks.held), len(locks.busy), flush=True)
    sys.stdin.read()
"""
WANTED = [("BYBIT", "prices"), ("KUCOIN", "prices"), ("KUCOIN", "wallet")]
NAMES = [".".join(job) for job in WANTED]


def test_locks_second_run_sees_all_busy_and_kill_frees_them(tmp_path: Path) -> None:
    with run_python(HOLD, tmp_path, 0, *NAMES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "3 0\n"
        with JobLocks.acquire(tmp_path, [*WANTED, ("HTX", "prices")]) as locks:
            assert locks.held == {("HTX", "prices")}
            assert locks.busy == set(WANTED)
        process.send_signal(signal.SIGKILL)
    with JobLocks.acquire(tmp_path, WANTED) as locks:
        assert (locks.held, locks.busy) == (set(WANTED), set())
    assert locks.held == set()
    assert "BYBIT.prices.lock" in files(tmp_path)  # the file stays


def test_locks_waiting_run_holds_nothing_meanwhile(tmp_path: Path) -> None:
    with JobLocks.acquire(tmp_path, WANTED[:1]), run_python(HOLD, tmp_path, 20, *NAMES) as process:
        time.sleep(0.3)  # it polls by now
        with JobLocks.acquire(tmp_path, WANTED[1:], 1) as others:
            assert others.held == set(WANTED[1:])
        process.kill()


def test_locks_wait_ends_with_what_is_free(tmp_path: Path) -> None:
    with JobLocks.acquire(tmp_path, WANTED[:1]):
        began = time.monotonic()
        with JobLocks.acquire(tmp_path, WANTED, 0.1) as locks:
            assert 0.1 <= time.monotonic() - began < 1
            assert locks.held == set(WANTED[1:])
            assert locks.busy == set(WANTED[:1])


def test_locks_waiting_run_goes_on_when_the_first_ends(tmp_path: Path) -> None:
    first = JobLocks.acquire(tmp_path, WANTED)
    with run_python(HOLD, tmp_path, 20, *NAMES) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first.release()
        assert process.stdout.readline() == "3 0\n"
        process.stdin.close()


def test_locks_of_many_simultaneous_runs_are_never_split(tmp_path: Path) -> None:
    processes = [run_python(HOLD, tmp_path, 0, *names) for names in (NAMES, NAMES[::-1]) * 5]
    said = sorted(process.stdout.readline() for process in processes if process.stdout is not None)
    for process in processes:
        process.communicate()
    assert said == ["0 3\n"] * 9 + ["3 0\n"]


def test_locks_are_not_inherited_by_children(tmp_path: Path) -> None:
    code = "print('here', flush=True); input()"
    with JobLocks.acquire(tmp_path, WANTED):
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
    with JobLocks.acquire(tmp_path, WANTED) as locks:
        busy = locks.busy
    child.communicate(b"\n")
    assert busy == set()


# The first moment of a run, and after it ---------------------------------------------------


def free(folder: Path, job: tuple[str, str]) -> bool:
    with JobLocks.acquire(folder, [job]) as locks:
        return not locks.busy


def test_in_its_first_moment_a_run_holds_all_its_locks_then_those_in_hand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketctl.files.locks.MOMENT_S", 0.3)
    with JobLocks.begin(tmp_path, WANTED) as locks:
        assert locks.take(*WANTED[0]) == locks.take(*WANTED[1]) == "held"
        locks.give_back(*WANTED[1])  # it ended, and still nobody who began with us takes it for to be done
        assert [free(tmp_path, job) for job in WANTED] == [False, False, False]
        time.sleep(0.5)
        assert [free(tmp_path, job) for job in WANTED] == [False, True, True]
        assert locks.take(*WANTED[2]) == "taken"
        locks.give_back(*WANTED[0])
        assert [free(tmp_path, job) for job in WANTED] == [True, True, False]
    assert [free(tmp_path, job) for job in WANTED] == [True, True, True]


def test_who_finds_all_busy_in_its_first_moment_does_not_take_what_is_given_back(tmp_path: Path) -> None:
    first = JobLocks.begin(tmp_path, WANTED)
    with JobLocks.begin(tmp_path, WANTED) as second:
        first.release()
        assert [second.take(*job) for job in WANTED] == ["busy"] * 3


def test_locks_are_their_owners_alone_also_those_an_older_version_made(tmp_path: Path) -> None:
    old = tmp_path / "BYBIT.prices.lock"
    old.touch(0o644)
    old.chmod(0o644)
    with JobLocks.acquire(tmp_path, WANTED[:2]):
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.lock")} == {0o600}


def test_a_lock_that_is_held_for_a_moment_only_is_waited_for_a_bounded_time_and_named(tmp_path: Path) -> None:
    path = tmp_path / ".gate.lock"
    with flocked(path), pytest.raises(StorageFailed) as caught, flocked(path, 0.1):
        pass
    assert caught.value.message == f"another process has held the lock {path} for 0.1 s"
    assert caught.value.hint == f"run fuser -v {path}"
