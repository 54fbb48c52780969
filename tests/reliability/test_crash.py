"""A short round of the crash torture: `make torture` does thousands of kills."""

import subprocess
import sys

from tests.reliability.torture import torture


def test_kills_at_any_moment_lose_and_mix_nothing():
    figures = torture("crash", "--kills", "12", "--seed", "5")
    assert figures["kills"] >= 12
    assert figures["file reads"] > 40
    assert figures["Redis reads"] > 40
    assert figures["sets back after a restart"] == figures["sets in Redis"] == 6
    assert figures["journal lines"] > 0
    assert figures["kills of edits"] > 3


def test_signal_that_falls_into_a_finalizer_is_not_lost():
    """Python swallows what is raised there; the run would go on, and with it `marketctl run` for ever."""
    code = """
import signal, sys, time
from marketctl.cli import working
from marketctl.errors import Stopped

class Fragile:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

signal.signal(signal.SIGTERM, working._stop)
working._keep_signals()
try:
    Fragile()
    time.sleep(60)
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (143, "")


def test_signal_that_falls_into_the_making_of_a_class_is_none_of_our_bugs():
    """Python 3.11 makes a RuntimeError of what is raised while a class names its fields; a run loads modules."""
    code = """
import signal, sys, time
from marketctl.cli import working
from marketctl.errors import Stopped

class Field:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, working._stop)
try:
    class Record:
        field = Field()
    time.sleep(60)
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (130, "")
