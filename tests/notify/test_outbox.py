"""What is still to be sent: few messages, late ones with their time, and quiet hours."""

import json
from datetime import time

import pytest

from marketctl.notify.ledger import Ledger
from marketctl.notify.outbox import KEPT, compose, condense, deliver, is_quiet, next_try_ms, put
from marketctl.times import from_iso

MINUTE = 60_000
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def waiting(count: int, minute: int = 0) -> Ledger:
    ledger = Ledger()
    for number in range(count):
        line = {"keys": [f"k{number % 50}"], "type": "warning", "title": "t", "text": f"line {number}"}
        put(ledger, {"ops": "url"}, [line], START + minute * MINUTE)
    return ledger


def test_few_lines_are_messages_of_their_own_many_are_one():
    ledger = waiting(2)
    assert compose(ledger.outbox["ops"], "en", START) == (1, "marketctl: t", "line 0", "warning")
    taken, title, body, _ = compose(waiting(7).outbox["ops"], "en", START)
    assert (taken, title, body.splitlines()) == (7, "marketctl: 7 events", [f"line {n}" for n in range(7)])


def test_late_lines_say_when_it_was():
    assert compose(waiting(1).outbox["ops"], "en", START + 3 * MINUTE)[2] == "2026-01-01 00:00 UTC: line 0"


def test_a_channel_that_is_away_for_long_gets_how_things_stand():
    ledger = waiting(KEPT + 1)
    assert len(ledger.outbox["ops"]) == 50
    assert condense(ledger.outbox["ops"])[-1]["text"] == f"line {KEPT}"


class Receiver:
    """Takes what it is sent once it is well."""

    def __init__(self):
        self.well = False
        self.tries = 0
        self.told = []

    def send(self, _channel, _title, body, _kind):
        self.tries += 1
        if not self.well:
            return "HTTP 503"
        self.told.append(body)
        return None


def look_at(ledger, receiver, now_ms):
    """Deliver as one run does, with a ledger as it was written."""
    again = Ledger.read(json.dumps(ledger.document()).encode(), "here")
    failed, paused = deliver(again, {"ops": "json://127.0.0.1:9/x"}, "en", now_ms, lambda: None, receiver.send)
    return again, failed, paused


def test_the_pause_of_a_failing_channel_grows_up_to_an_hour():
    ledger, receiver, at, pauses = waiting(2), Receiver(), START, []
    for _ in range(10):
        ledger, failed, _ = look_at(ledger, receiver, at)
        assert failed == {"ops": "HTTP 503"}
        until = next_try_ms(ledger.channels["ops"], at)
        pauses.append((until - at) // MINUTE if until else 0)
        at = until or at + 1
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (receiver.tries, len(ledger.outbox["ops"])) == (10, 2)


def test_within_its_pause_a_channel_is_not_tried_and_loses_nothing():
    ledger, receiver = waiting(2), Receiver()
    for at in (START, START + 1):
        ledger, _, _ = look_at(ledger, receiver, at)
    put(ledger, {"ops": "url"}, [{"keys": ["k"], "type": "info", "title": "t", "text": "later"}], START + 2)
    receiver.well = True
    ledger, failed, paused = look_at(ledger, receiver, START + MINUTE)
    assert (failed, paused) == ({}, {"ops": "HTTP 503; 3 lines wait until 2026-01-01T00:01:00.001Z"})
    for at in (START + MINUTE + 1, START + MINUTE + 2):
        ledger, failed, paused = look_at(ledger, receiver, at)
        assert (failed, paused, receiver.tries) == ({}, {}, 5)
    assert receiver.told == ["line 0", "line 1", "later"]
    assert ledger.channels["ops"] == {
        "last_ok": "2026-01-01T00:01:00.001Z", "failures": 0, "refused": 0, "last_error": None, "next_try_ms": None
    }  # fmt: skip


def test_faults_of_our_own_are_no_refusals_and_lengthen_no_pause():
    ledger, receiver, pauses = waiting(1), Receiver(), []
    ledger.channels["ops"] = {"last_ok": None, "failures": 500, "last_error": "apprise is not installed"}
    for at in (START, START + 1):
        ledger, _, _ = look_at(ledger, receiver, at)
        pauses.append(next_try_ms(ledger.channels["ops"], at))
    assert pauses == [None, START + 1 + MINUTE]
    assert ledger.channels["ops"]["failures"] == 502


def test_a_pause_that_a_clock_left_which_ran_ahead_is_none():
    assert next_try_ms({"next_try_ms": START + 61 * MINUTE}, START) is None
    assert next_try_ms({"next_try_ms": START + 60 * MINUTE}, START) == START + 60 * MINUTE
    assert next_try_ms({"failures": 9}, START) is None  # as elder versions wrote it


@pytest.mark.parametrize(
    ("hours", "zone", "at", "quiet"),
    [
        ((time(23), time(7)), "UTC", "00:00", True),
        ((time(23), time(7)), "UTC", "07:00", False),
        ((time(23), time(7)), "Europe/Moscow", "04:00", False),
        ((time(23), time(7)), "Europe/Moscow", "20:00", True),
        ((time(1), time(2)), "UTC", "01:59", True),
        (None, "UTC", "00:00", False),
        # 23:00-07:00 where clocks go forward at 02:00 on 2026-03-29, and back at 03:00 on 2026-10-25.
        ((time(23), time(7)), "Europe/Berlin", "03-29 04:59", True),
        ((time(23), time(7)), "Europe/Berlin", "03-29 05:00", False),
        ((time(23), time(7)), "Europe/Berlin", "03-28 21:59", False),
        ((time(23), time(7)), "Europe/Berlin", "03-28 22:00", True),
        ((time(23), time(7)), "Europe/Berlin", "10-25 05:59", True),
        ((time(23), time(7)), "Europe/Berlin", "10-25 06:00", False),
        ((time(2), time(3)), "Europe/Berlin", "10-25 00:30", True),  # that hour comes twice
        ((time(2), time(3)), "Europe/Berlin", "10-25 01:30", True),
    ],
)
def test_quiet_hours(hours, zone, at, quiet):
    day, _, clock = at.rpartition(" ")
    assert is_quiet(hours, zone, from_iso(f"2026-{day or '01-01'}T{clock}")) is quiet
