"""What is tried again, after what wait, and what is not."""

import gzip
import time
from email.utils import formatdate

import pytest

from marketctl.errors import AuthFailed, BadAnswer, Blocked, NetworkFailed, RateLimited, Unavailable
from marketctl.http.messages import Answer
from marketctl.http.ratelimit import Pace
from marketctl.http.verdicts import named_wait, retry_after_s
from marketctl.times import from_iso, now_ms
from tests.http.asking import BIG, PAGE, ask, close, failure
from tests.wire import reply

# What is tried again -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "message", "requests"),
    [
        (close, NetworkFailed, "the connection was closed without an answer", 3),
        (reply(500, b""), Unavailable, "HTTP 500 without readable JSON", 3),
        (reply(502, PAGE), Unavailable, "HTTP 502 with a web page in place of JSON", 3),
        (reply(503, b'{"a": 1}'), Unavailable, "HTTP 503", 3),
        (reply(429, b"slow down"), RateLimited, "HTTP 429, too many requests", 3),
        (reply(429, b"{}"), RateLimited, "HTTP 429, too many requests", 3),
        (reply(401, b"{}"), AuthFailed, "HTTP 401", 1),
        (reply(403, b'{"a": 1}'), Blocked, "HTTP 403", 1),
        (reply(403, PAGE), Blocked, "HTTP 403 with a web page in place of JSON", 1),
        (reply(403, b"denied"), Blocked, "HTTP 403 without readable JSON", 1),
        (reply(451, b""), Blocked, "HTTP 451 without readable JSON", 1),
        (reply(418, b"{}"), Blocked, "HTTP 418", 1),
        (reply(404, b"{}"), BadAnswer, "HTTP 404", 1),
        (reply(400, b"no"), BadAnswer, "HTTP 400 without readable JSON", 1),
        (reply(200, PAGE), Blocked, "HTTP 200 with a web page in place of JSON", 1),
        (reply(200, b" \n " + PAGE), Blocked, "HTTP 200 with a web page in place of JSON", 1),
        (reply(200, b"Hi", content_type="text/html; charset=utf-8"), Blocked,
         "HTTP 200 with a web page in place of JSON", 1),
        (reply(200, b""), BadAnswer, "HTTP 200 without readable JSON (0 bytes)", 1),
        (reply(204, b""), BadAnswer, "HTTP 204 without readable JSON (0 bytes)", 1),
        (reply(200, b'{"rows": [{"a'), BadAnswer, "HTTP 200 without readable JSON (13 bytes)", 1),
        (reply(200, b'{"bid": NaN}'), BadAnswer, "HTTP 200 without readable JSON (12 bytes)", 1),
        (reply(200, b'{"bid": 1e99999999999999999999}'), BadAnswer, "HTTP 200 without readable JSON (31 bytes)", 1),
        (reply(200, b"no gzip", content_encoding="gzip"), BadAnswer, "the body is not the gzip it says", 1),
        (reply(200, gzip.compress(BIG)[:-2000], content_encoding="gzip"), BadAnswer, None, 1),
    ],
)  # fmt: skip
def test_failure_and_its_number_of_requests(serve, connect, no_sleep, answer, kind, message, requests):
    wire = serve(answer)
    client = connect(wire.url)
    error = failure(client, kind)
    if message:
        assert error.message == f"GET 127.0.0.1/x: {message}"
    assert len(wire.asked) == requests
    assert (client.requests, client.retries, len(no_sleep)) == (requests, requests - 1, requests - 1)


def breaking(wire, asked, write):
    write(reply(200, BIG)[:-100])


@pytest.mark.parametrize("bad", [close, breaking, reply(500), reply(429)])
def test_a_passing_fault_is_tried_again_until_it_is_over(serve, connect, no_sleep, bad):
    client = connect(serve(bad, bad, reply(200, b"[1]")).url, attempts=4)
    assert ask(client).body == [1]
    assert (client.requests, client.retries) == (3, 2)


@pytest.mark.parametrize(
    "cut",
    [
        reply(200, BIG)[:-100],
        reply(200, BIG)[:-1],
        reply(200, b"64\r\n" + b"x" * 50, content_length="", transfer_encoding="chunked"),
        reply(200, b"2\r\n{}\r\n", content_length="", transfer_encoding="chunked"),
        reply(200, gzip.compress(BIG), content_encoding="gzip")[:-9],
    ],
    ids=["length", "last byte", "chunk", "no last chunk", "gzip"],
)
def test_a_body_that_breaks_off_is_a_network_failure(serve, connect, no_sleep, cut):
    wire = serve(lambda wire, asked, write: write(cut))
    error = failure(connect(wire.url), NetworkFailed)
    assert error.message == "GET 127.0.0.1/x: the connection broke in the middle of the answer"
    assert len(wire.asked) == 3


def test_the_waits_grow_with_jitter(serve, connect, no_sleep, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    failure(connect(serve(reply(500)).url, attempts=8, deadline_s=600), Unavailable)
    assert no_sleep == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0]


def test_one_attempt_means_one(serve, connect, no_sleep):
    wire = serve(reply(500))
    failure(connect(wire.url, attempts=1), Unavailable)
    assert (len(wire.asked), no_sleep) == (1, [])


def test_a_bug_in_an_adapter_is_not_tried_again(serve, connect):
    wire = serve()

    def check(answer):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        connect(wire.url).ask("GET", "/x", check=check)
    assert len(wire.asked) == 1


# Retry-After -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "after", "low", "high"),
    [
        (429, "2", 2, 2.1),
        (429, "0", 0, 0.1),
        (503, "3", 3, 3.1),
        pytest.param(429, formatdate(time.time() - 3600, usegmt=True), 0, 0.1, id="date gone by"),
        (429, "soon", 0.1, 0.3),
        (429, "-5", 0.1, 0.3),
        (429, "2.5", 0.1, 0.3),
        (429, "٣", 0.1, 0.3),
        (429, "Mon, 99 Foo 2026 00:00:00 GMT", 0.1, 0.3),
        (429, "Mon, 01 Jan 0001 00:00:00 -0000", 0, 0.3),
    ],
)
def test_retry_after_is_obeyed_where_it_can_be_read(serve, connect, no_sleep, status, after, low, high):
    wire = serve(reply(status, b"", retry_after=after.encode().decode("latin-1")), reply())
    ask(connect(wire.url, deadline_s=86400))
    assert len(no_sleep) == 1
    assert low <= no_sleep[0] <= high


def test_retry_after_of_many_digits_is_a_long_wait_not_a_crash():
    assert retry_after_s({"retry-after": "9" * 5000}, 0) == 999999999.0


def test_a_moment_that_is_named_is_held_to_the_millisecond():
    received = 1_800_000_000_123
    headers = {"retry-after": "Fri, 15 Jan 2027 08:10:00 GMT"}
    answer = Answer(429, headers, None, b"", False, received - 5, received)
    assert named_wait(answer) == (pytest.approx(599.877), 1_800_000_600_000)


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Unavailable)])
def test_a_wait_longer_than_the_time_left_fails_at_once_and_says_until_when(serve, connect, no_sleep, status, kind):
    wire = serve(reply(status, b"", retry_after="3600"))
    before = now_ms()
    error = failure(connect(wire.url, deadline_s=60), kind)
    assert (len(wire.asked), no_sleep) == (1, [])
    assert error.hint.startswith("not before ")
    assert 3_600_000 <= from_iso(error.hint.removeprefix("not before ")) - before <= 3_610_000


def test_a_wait_until_a_date_is_told_with_that_date(serve, connect, no_sleep):
    at = int(time.time()) + 7200
    error = failure(connect(serve(reply(429, b"", retry_after=formatdate(at, usegmt=True))).url), RateLimited)
    assert abs(from_iso(error.hint.removeprefix("not before ")) - at * 1000) <= 10


# Pacing ------------------------------------------------------------------------------------


def test_the_client_waits_for_its_turn_and_each_attempt_takes_one(serve, connect, no_sleep, tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.http.ratelimit.time.monotonic", lambda: 1000.0)
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    client = connect(serve(reply(500)).url, pace=Pace(tmp_path / "p", 10, 1))
    monkeypatch.setattr(client, "left_s", lambda: 30.0)
    failure(client, Unavailable)
    assert [round(wait, 3) for wait in no_sleep] == [0.2, 0.1, 0.4, 0.2]


@pytest.mark.parametrize(("rate", "deadline_s", "told"), [(0.01, 30, "100 s"), (5, 0.1, "1 s")])
def test_a_turn_beyond_the_deadline_fails_at_once_and_takes_nothing(
    serve, connect, no_sleep, tmp_path, monkeypatch, rate, deadline_s, told
):
    monkeypatch.setattr("marketctl.http.ratelimit.time.monotonic", lambda: 1000.0)
    wire = serve()
    pace = Pace(tmp_path / "p", rate, 1)
    client = connect(wire.url, pace=pace)
    ask(client)
    monkeypatch.setattr(client, "left_s", lambda: deadline_s)
    before = pace.path.read_text()
    error = failure(client, RateLimited.__subclasses__()[0])
    assert (error.reason, error.message) == (
        "rate-limited",
        f"127.0.0.1: this machine's share of the rate limit is used up for {told}",
    )
    assert error.hint.startswith("not before 20")
    assert (len(wire.asked), no_sleep, pace.path.read_text()) == (1, [], before)
