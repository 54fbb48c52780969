"""Calls that are due later: over one thread, each in its own, and nothing is left of those that are cancelled."""

import gc
import os
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
