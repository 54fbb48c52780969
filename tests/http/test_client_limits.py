"""No answer takes longer than the deadline or more memory than the limit, however it comes."""

import functools
import gzip
import time
import tracemalloc
import weakref

import pytest

from marketctl.errors import BadAnswer, DeadlineExceeded, TimedOut, Unavailable
from marketctl.providers.base import Provider
from marketctl.providers.cex.bybit import BybitAdapter
from tests.http.asking import HEAD, ask, drip, failure, silent
from tests.wire import reply

# Time --------------------------------------------------------------------------------------


GZIP_HEAD = gzip.compress(b"")[:10]
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"


@pytest.mark.parametrize(
    "answer",
    [
        drip(HEAD, b"Content-Length: 100000\r\n\r\n"),
        drip(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", piece=b"1\r\nx\r\n"),
        drip(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", piece=b"0"),
        drip(HEAD, b"\r\n"),
        drip(HEAD, b"X-Endless: "),
        drip(piece=b"H"),
        drip(HEAD, b"Content-Encoding: gzip\r\n\r\n", GZIP_HEAD, piece=EMPTY_BLOCK),
        drip(HEAD, b"Content-Encoding: gzip\r\n\r\n", GZIP_HEAD, piece=EMPTY_BLOCK * 1000, every=0),
        drip(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 100000\r\n\r\n"),
    ],
    ids=["length", "chunked", "chunk size", "until close", "header", "status", "gzip", "fast empty gzip", "redirect"],
)
def test_an_answer_that_drips_ends_at_the_deadline(serve, connect, answer):
    wire = serve(answer)
    client = connect(wire.url, timeout_s=10, deadline_s=0.25)
    started = time.monotonic()
    error = failure(client, DeadlineExceeded)
    assert 0.2 < time.monotonic() - started < 2
    assert error.message == "GET 127.0.0.1/x: 0.25 s are over (deadline_s)"
    assert (error.reason, len(wire.asked), client.retries) == ("deadline", 1, 0)


def test_an_answer_over_tls_that_drips_ends_at_the_deadline(serve, connect, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    wire = serve(drip(HEAD, b"Content-Length: 100000\r\n\r\n"), cert=certificate)
    started = time.monotonic()
    failure(connect(wire.url, timeout_s=10, deadline_s=0.4), DeadlineExceeded)
    assert time.monotonic() - started < 2


def test_no_answer_in_time_is_a_timeout_and_tried_again(serve, connect, no_sleep):
    wire = serve(silent)
    error = failure(connect(wire.url, timeout_s=0.1, attempts=2), TimedOut)
    assert error.message == "GET 127.0.0.1/x: no answer within 0.1 s"
    assert len(wire.asked) == 2


def test_no_answer_until_the_deadline_is_told_as_such(serve, connect, no_sleep):
    wire = serve(silent)
    error = failure(connect(wire.url, timeout_s=5, deadline_s=0.15), DeadlineExceeded)
    assert error.message == "GET 127.0.0.1/x: 0.15 s are over (deadline_s)"
    assert len(wire.asked) == 1


def test_all_requests_share_one_deadline(serve, connect):
    wire = serve()
    client = connect(wire.url, deadline_s=0.2)
    ask(client)
    time.sleep(0.25)
    failure(client, DeadlineExceeded)
    assert len(wire.asked) == 1


def test_a_retry_that_would_come_too_late_is_not_waited_for(serve, connect, no_sleep, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    wire = serve(reply(500))
    failure(connect(wire.url, deadline_s=0.25), Unavailable)
    assert (len(wire.asked), no_sleep) == (1, [])


def test_closing_the_client_ends_its_watch(serve, connect):
    client = connect(serve().url)
    ask(client)
    watchdog = weakref.ref(client._watchdog)
    assert watchdog() is not None
    client.close()
    assert watchdog() is None  # nobody waits for its deadline, and nothing of it is kept till then


# Size --------------------------------------------------------------------------------------


def endless(wire, asked, write):
    write(HEAD + b"\r\n[")
    while not wire.stopped.is_set():
        write(b"1," * 32768)


@functools.cache
def bomb() -> bytes:
    return gzip.compress(b" " * 100_000_000, 1)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: endless,
        lambda: reply(200, bomb(), content_encoding="gzip"),
        lambda: reply(200, gzip.compress(bomb()), content_encoding="gzip, gzip"),
        lambda: reply(302, bomb(), content_encoding="gzip", location="/y"),
    ],
    ids=["endless", "bomb", "bomb in a bomb", "bomb in a redirect"],
)
def test_a_body_beyond_the_limit_is_refused_in_bounded_memory(serve, connect, answer):
    wire = serve(answer())
    client = connect(wire.url, body_limit=4 * 1024 * 1024)
    tracemalloc.start()
    error = failure(client, BadAnswer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.message == "GET 127.0.0.1/x: the body is larger than 4 MiB"
    assert peak < 10 * 1024 * 1024
    assert len(wire.asked) == 1


def test_the_limit_is_16_mib_unless_an_adapter_declares_more(connect):
    class Wide(Provider):
        endpoints = ("GET /x",)
        body_limit = 40 * 1024 * 1024  # a list of every option there ever was

    settings = Wide.client_settings()
    assert connect("http://127.0.0.1:9").body_limit == 16_777_216
    assert BybitAdapter.client_settings()["body_limit"] == 16_777_216
    assert connect("http://127.0.0.1:9", **settings).body_limit == 41_943_040
