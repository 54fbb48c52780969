"""Dead-man pings: what is sent when, and that a dead service harms nothing."""

import threading
import uuid

import pytest

from marketctl.errors import BadAnswer, NetworkFailed, RateLimited, Unavailable
from marketctl.http.ping import ping
from marketctl.jobs.result import Result
from marketctl.monitoring.pings import BACKLOG, BODY_MAX, Line, Pings, body
from marketctl.redact import protect
from tests.dead_man import PATH, DeadMan, Told


@pytest.fixture
def service():
    with DeadMan() as service:
        yield service


# One ping ---------------------------------------------------------------------------------------


def test_ping_is_a_post_with_rid_and_body(service, no_sleep):
    ping(service.url + "/fail", "rid=7", "BYBIT ✗\n".encode())
    ping(service.url, "rid=8")
    assert service.told == [Told("/fail", "7", "BYBIT ✗\n"), Told("", "8", "")]
    assert no_sleep == []


@pytest.mark.parametrize(
    ("statuses", "error", "asked"),
    [
        ([503], None, 2),
        ([429], None, 2),
        ([503, 503, 200], Unavailable, 2),
        ([429, 429, 200], RateLimited, 2),
        ([404, 200], BadAnswer, 1),
        ([302, 200], BadAnswer, 1),
        ([307, 200], BadAnswer, 1),
    ],
)
def test_ping_is_tried_once_more_where_that_may_help_and_follows_no_redirect(service, no_sleep, statuses, error, asked):
    service.statuses = statuses
    if error is None:
        ping(service.url, "rid=1")
    else:
        status = statuses[0]
        with pytest.raises(error, match=rf"^POST 127\.0\.0\.1: HTTP {status}$") as caught:
            ping(service.url, "rid=1")
        assert PATH not in f"{caught.value}{caught.value.message}{caught.value.hint}"
    assert service.actions == [""] * asked
    assert no_sleep == [0.5] * (asked - 1)


def test_ping_to_nobody_is_one_short_line_without_the_path(no_sleep):
    with DeadMan() as gone:
        url = gone.url
    with pytest.raises(NetworkFailed, match=r"^POST 127\.0\.0\.1: Connection refused$"):
        ping(url, "rid=1")
    assert no_sleep == [0.5]


# A run --------------------------------------------------------------------------------------------


class Entry:
    def __init__(self, name, ping_url=None):
        self.name, self.ping_url = name, ping_url


class FakeRun:
    def __init__(self, ping_url=None):
        self.run_id = "20261123T120000000Z-abcdef"
        self.settings = type("Settings", (), {"ping_url": ping_url})


def result(provider, job="prices", status="ok", reason=None, message=None):
    return Result(provider, job, status, reason, message)


def play(pings, work, results, started=None):
    """Play a turn: begin, start of those that start, end of each."""
    pings.begin(FakeRun(), work)
    for one in results:
        if started is None or (one.provider, one.job) in started:
            pings.start(one.provider, one.job)
        pings.done(one)


def test_whole_run_is_told_once_with_one_rid(service):
    pings = Pings(FakeRun(service.url), whole=True)
    work = [(Entry("BYBIT"), "wallet"), (Entry("BYBIT"), "prices"), (Entry("HTX"), "prices")]
    play(pings, work, [result("BYBIT", "wallet"), result("BYBIT"), result("HTX", "prices", "skipped")])
    pings.close(10)
    assert [(one.action, one.body) for one in service.told] == [("/start", ""), ("", "")]
    (rid,) = {one.rid for one in service.told}
    assert uuid.UUID(rid).version == 5


def test_failure_brings_the_results_failures_first(service):
    pings = Pings(FakeRun(service.url + "/"), whole=True)
    work = [(Entry("BYBIT"), "prices"), (Entry("HTX"), "prices")]
    play(pings, work, [result("BYBIT"), result("HTX", "prices", "failed", "timeout", "no answer within 10 s")])
    pings.close(10)
    assert service.actions == ["/start", "/fail"]
    assert service.told[1].body == "HTX prices failed (timeout): no answer within 10 s\nBYBIT prices ok\n"


def test_provider_has_a_url_of_its_own_and_a_rid_of_its_own(service):
    with DeadMan() as own:
        run = FakeRun(service.url)
        pings = Pings(run, whole=True)
        work = [(Entry("BYBIT"), "prices"), (Entry("HTX", own.url), "prices"), (Entry("HTX", own.url), "stats")]
        play(pings, work, [result("BYBIT", "prices", "failed"), result("HTX"), result("HTX", "stats")])
        pings.close(10)
        assert (service.actions, own.actions) == (["/start", "/fail"], ["/start", ""])
        assert len({one.rid for one in service.told + own.told}) == 2
        named = Pings(run, whole=False)
        play(named, work[1:], [result("HTX"), result("HTX", "stats", "failed")])
        named.close(10)
        assert (service.actions, own.actions) == (["/start", "/fail"], ["/start", "", "/start", "/fail"])


def test_what_another_run_is_doing_is_not_told(service):
    pings = Pings(FakeRun(service.url), whole=True)
    work = [(Entry("BYBIT"), "prices"), (Entry("HTX"), "prices")]
    busy = [result("BYBIT", "prices", "failed", "busy"), result("HTX", "prices", "failed", "busy")]
    play(pings, work, busy, started=set())
    play(pings, work, [busy[0], result("HTX")], started={("HTX", "prices")})
    pings.close(10)
    assert service.actions == ["/start", ""]


def test_run_that_broke_off_is_a_failure_and_an_ended_one_is_not_told_twice(service):
    pings = Pings(FakeRun(service.url), whole=True)
    pings.begin(FakeRun(), [(Entry("BYBIT"), "prices")])
    pings.start("BYBIT", "prices")
    pings.broke(ZeroDivisionError("secret"))
    pings.broke(ZeroDivisionError("secret"))
    play(pings, [(Entry("BYBIT"), "prices")], [result("BYBIT")])
    pings.broke(ValueError())
    pings.close(10)
    assert [(one.action, one.body) for one in service.told] == [
        ("/start", ""), ("/fail", "the run broke off: ZeroDivisionError\n"), ("/start", ""), ("", ""),
    ]  # fmt: skip


def test_stuck_service_holds_up_nothing_and_turns_it_cannot_hear_are_left_out(service):
    service.hold = threading.Event()
    pings = Pings(FakeRun(service.url), whole=True)
    for _ in range(2 * BACKLOG):
        play(pings, [(Entry("BYBIT"), "prices")], [result("BYBIT")])
    assert service.told == []
    service.hold.set()
    pings.close(10)
    assert service.actions[:2] == ["/start", ""]
    assert service.actions == ["/start", ""] * (len(service.actions) // 2)
    assert BACKLOG <= len(service.actions) <= BACKLOG + 3


def test_close_does_not_wait_for_ever(service, caplog, monkeypatch):
    monkeypatch.setattr("marketctl.log.log.propagate", True)
    service.hold = threading.Event()
    pings = Pings(FakeRun(service.url), whole=True)
    play(pings, [(Entry("BYBIT"), "prices")], [result("BYBIT")])
    pings.close(0)
    assert set(caplog.messages) == {"a dead-man ping was given up after 0 s"}
    service.hold.set()
    pings.close(10)  # else the next test hears of them
    assert service.actions == ["/start", ""]


def test_bug_in_a_ping_is_told_with_its_traceback_and_no_more(caplog, monkeypatch):
    monkeypatch.setattr("marketctl.log.log.propagate", True)
    monkeypatch.setattr("marketctl.http.ping.ping", lambda *_: 1 / 0)
    line = Line("http://127.0.0.1:1/x")
    line.start()
    line.tell("", "1")
    line.close()
    line.join(10)
    (told,) = set(caplog.messages)
    assert told.startswith("a dead-man ping was not delivered:\nTraceback (most recent call last):\n")
    assert told.endswith("ZeroDivisionError: division by zero")


def test_body_is_short_and_without_secrets():
    protect(["hush-hush"])
    long = [result("BYBIT", "prices", "failed", "auth", f"{'я' * 50} hush-hush") for _ in range(200)]
    text = body(long)
    assert len(text) == BODY_MAX
    assert b"hush" not in text
    assert b"***" in text
