"""Calls that are due later: over one thread, each in its own, and nothing is left of those that are cancelled."""

import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest

from marketctl.alarms import Alarm


def wait_for(event: threading.Event) -> None:
    assert event.wait(5)


def test_what_is_due_is_done_and_can_be_waited_for():
    began, done = threading.Event(), []
    alarm = Alarm(0.01, lambda: (began.set(), time.sleep(0.1), done.append(1)))
    alarm.start()
    wait_for(began)
    alarm.cancel()  # too late
    alarm.join()
    assert done == [1]


def test_one_of_no_time_is_done_at_once():
    done = threading.Event()
    Alarm(-1, done.set).start()
    wait_for(done)


def test_one_that_is_due_sooner_than_others_does_not_wait_for_them():
    late, soon = threading.Event(), threading.Event()
    first = Alarm(60, late.set)
    first.start()
    time.sleep(0.02)  # the thread sleeps for a minute
    Alarm(0.01, soon.set).start()
    wait_for(soon)
    first.cancel()
    assert not late.is_set()


def test_what_is_cancelled_is_never_done_and_holds_nothing():
    class Connection:
        def cut(self) -> None:
            raise AssertionError("it was cancelled")

    connection = Connection()
    alarms = [Alarm(0.05, connection.cut) for _ in range(3)]
    for alarm in alarms:
        alarm.start()
    for alarm in alarms:
        alarm.cancel()
        alarm.cancel()
        alarm.join()
    gone = weakref.ref(connection)
    del connection, alarms, alarm
    gc.collect()
    assert gone() is None
    time.sleep(0.1)


def test_one_that_hangs_or_fails_holds_no_other_up(monkeypatch):
    told, hang, done = [], threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))
    slow = Alarm(0.01, hang.wait)
    slow.start()
    wrong = Alarm(0.02, lambda: {}["lost"])
    wrong.start()
    Alarm(0.03, done.set).start()
    wait_for(done)
    hang.set()
    slow.join()
    wrong.join()
    assert told == [KeyError]


def test_hundreds_are_waited_for_by_one_thread():
    Alarm(0, lambda: None).start()
    time.sleep(0.02)
    before = threading.active_count()
    alarms = [Alarm(60, print) for _ in range(300)]
    for alarm in alarms:
        alarm.start()
    assert threading.active_count() <= before
    for alarm in alarms:
        alarm.cancel()


def test_a_clock_that_a_test_holds_holds_no_alarm(monkeypatch):
    Alarm(0, lambda: None).start()
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    time.sleep(0.02)
    done = threading.Event()
    Alarm(0.01, done.set).start()
    assert done.wait(5)


def test_a_system_that_has_no_thread_to_give_is_asked_again(monkeypatch):
    asked, first, second = [], threading.Event(), threading.Event()
    start = threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        asked.append(thread)
        if len(asked) <= 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    began = time.monotonic()
    Alarm(0.01, first.set).start()
    Alarm(0.02, second.set).start()
    wait_for(first)
    wait_for(second)
    assert len(asked) == 5
    assert time.monotonic() - began > 0.1


SIGNALS = """
import faulthandler, random, signal, threading
from marketctl.alarms import Alarm

faulthandler.dump_traceback_later(20, exit=True)  # it stands still

def stop(number, frame):
    raise InterruptedError

signal.signal(signal.SIGALRM, stop)
alarm = Alarm(60, print)  # a signal may come before the first one of the loop
for _ in range(1000):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-4))
        while True:
            alarm = Alarm(60, print)
            alarm.start()
            alarm.cancel()
    except InterruptedError:
        pass
    alarm.cancel()
    alarm.join()
done = threading.Event()
Alarm(0.01, done.set).start()
print(done.wait(5))
"""


def test_a_signal_at_any_moment_leaves_nothing_locked():
    done = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_waits_for_its_own_alone():
    reader, writer = os.pipe()
    other = Alarm(0.2, lambda: os.write(writer, b"p"))
    other.start()
    if not (child := os.fork()):
        done = threading.Event()
        Alarm(0.01, done.set).start()
        time.sleep(0.4)  # the parent's own would be due
        os.write(writer, b"c" if done.is_set() else b"nothing")
        os._exit(0)
    os.waitpid(child, 0)
    other.join()
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        assert sorted(told.read()) == sorted(b"cp")
