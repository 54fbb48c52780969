"""Runs at the same moment, and a clock that is set back."""

from types import ModuleType
from typing import Any

import pytest

from marketctl import times
from tests.reliability.torture import torture


def test_runs_at_the_same_moment_do_nothing_twice():
    """Half of them without, half with --lock-wait, on a plain and on the embedded Redis."""
    figures = torture("overlap", "--processes", "3")
    assert figures["runs at the same moment"] == 12
    assert figures["runs that worked"] >= 7  # all that wait, and one at least of those that do not
    assert figures["runs that worked"] + figures.get("runs that said busy (75)", 0) == 12


class SetClock(ModuleType):
    """Stands in for `time`, so many seconds off."""

    def __init__(self, off_s: float) -> None:
        super().__init__("time")
        self.off_s = off_s

    def time_ns(self) -> int:
        import time

        return time.time_ns() + int(self.off_s * 1e9)

    def __getattr__(self, name: str) -> Any:
        import time

        return getattr(time, name)


@pytest.fixture
def set_clock(monkeypatch):
    def to(off_s: float) -> None:
        monkeypatch.setattr(times, "time", SetClock(off_s))

    return to


def test_clock_set_back_never_puts_older_quotes_in_place(at_desk, clean_redis, set_clock):
    """The live quotes stay, and one line says why; --force, or the clock catching up, ends it."""
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "KUCOIN").code == 0
    before, mirror = clean_redis.say("HGETALL", "marketctl:{KUCOIN}:l1"), at_desk.file("prices", "KUCOIN").read_bytes()
    set_clock(-3600)
    told = at_desk.call("prices", "collect", "-p", "KUCOIN")
    result = told.results["KUCOIN prices"]
    assert (told.code, len(told.lines), result["reason"], result["stored"]) == (1, 1, "suspect", [])
    assert result["hint"].startswith("If no other run was faster, check the clocks; ")
    assert clean_redis.say("HGETALL", "marketctl:{KUCOIN}:l1") == before
    assert at_desk.file("prices", "KUCOIN").read_bytes() == mirror
    forced = at_desk.call("prices", "collect", "-p", "KUCOIN", "--force")
    assert (forced.code, forced.results["KUCOIN prices"]["stored"]) == (0, ["redis", "file"])
    set_clock(0)
    assert at_desk.call("prices", "collect", "-p", "KUCOIN").code == 0


def test_clock_set_back_forgets_what_was_remembered_in_the_future(at_desk, sandbox, set_clock):
    """The list of pairs, cached for 300 s, is asked for again: it cannot be told how old it is."""
    set_clock(3600)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    asked = sandbox.requests("BYBIT")
    set_clock(0)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    assert sandbox.requests("BYBIT").total() == 2 * asked.total()


def test_clock_set_back_costs_wallet_and_stats_nothing(at_desk, clean_redis, set_clock):
    at_desk.write(clean_redis.url)
    set_clock(3600)
    assert at_desk.call("run", "--once", "--task", "wallet", "--task", "stats").code == 0
    set_clock(0)
    told = at_desk.call("run", "--once", "--task", "wallet", "--task", "stats")
    assert (told.code, told.lines) == (0, [])
    assert {tuple(one["stored"]) for one in told.results.values()} == {("file", "redis")}
