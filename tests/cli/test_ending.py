"""What ends the board and the sandbox: a signal, whenever it comes."""

import os
import signal
import threading

import pytest

from marketctl.cli.ending import take_signals


@pytest.fixture
def wait():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield take_signals()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_ends_the_wait_whether_it_came_before_or_comes_meanwhile(wait):
    os.kill(os.getpid(), signal.SIGTERM)
    assert wait() == signal.SIGTERM
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert wait() == signal.SIGINT


def test_a_signal_needs_no_lock_that_may_be_taken_when_it_comes(wait, monkeypatch):
    """An Event's lock is: its owner would wait for itself."""

    def refuse(*_):
        raise AssertionError("a lock is wanted in a handler of signals")

    monkeypatch.setattr(threading.Condition, "__enter__", refuse)
    os.kill(os.getpid(), signal.SIGTERM)
    assert wait() == signal.SIGTERM
