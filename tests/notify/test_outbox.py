"""What is still to be sent: few messages, late ones with their time, and quiet hours."""

from datetime import time

import pytest

from marketctl.notify.ledger import Ledger
from marketctl.notify.outbox import KEPT, compose, condense, is_quiet, put
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
