"""The HTTP client against real sockets: what it retries, how long it waits, what it refuses, what it never tells."""

import base64
import functools
import gzip
import json
import logging
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from dataclasses import asdict
from decimal import Decimal
from email.utils import formatdate
from pathlib import Path

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    ConfigError,
    DeadlineExceeded,
    MarketctlError,
    NetworkFailed,
    NotSupported,
    RateLimited,
    TimedOut,
    Unavailable,
)
from marketctl.http.client import Client
from marketctl.http.ratelimit import Pace
from marketctl.http.verdicts import retry_after_s
from marketctl.providers.base import Provider
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.cex.mexc import MexcAdapter
from marketctl.times import from_iso, now_ms
from tests.authority import DAY, Authority
from tests.wire import Wire, reply

PAGE = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"
BIG = json.dumps({"rows": [{"symbol": f"C{number}USDT", "bid": "0.1"} for number in range(3000)]}).encode()


@pytest.fixture
def serve():
    """Start a server that gives these answers."""
    wires = []

    def start(*answers, **given):
        wires.append(Wire(*answers, **given))
        return wires[-1]

    yield start
    for wire in wires:
        wire.stop()


@pytest.fixture
def connect():
    """Make a client of a base_url; three attempts unless told otherwise."""
    clients = []

    def make(url, **given):
        settings = {"timeout_s": 5, "deadline_s": 30, "attempts": 3, "endpoints": frozenset({"GET /x", "POST /x"})}
        clients.append(Client(url, **settings | given))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def fine(answer):
    """Stand in for an adapter that has no error envelope of its own."""


def ask(client, **given):
    return client.ask("GET", "/x", check=fine, **given)


def failure(client, kind, **given):
    with pytest.raises(kind) as error:
        ask(client, **given)
    assert type(error.value) is kind
    return error.value


def close(wire, asked, write):
    """Hang up without an answer."""


# A good answer ----------------------------------------------------------------------------


def test_a_good_answer_has_exact_numbers_and_lower_case_headers(serve, connect):
    wire = serve(reply(200, b'{"bid": 0.10, "n": 5, "s": "1.0"}', **{"X-Limit": "9"}))
    client = connect(wire.url)
    answer = ask(client, query={"category": "spot", "t": "a:b c"})
    assert answer.body == {"bid": Decimal("0.10"), "n": 5, "s": "1.0"}
    assert str(answer.body["bid"]) == "0.10"
    assert (answer.status, answer.is_json, answer.headers["x-limit"]) == (200, True, "9")
    assert answer.content == b'{"bid": 0.10, "n": 5, "s": "1.0"}'
    assert wire.asked[0].line == "GET /x?category=spot&t=a%3Ab%20c HTTP/1.1"
    assert (client.requests, client.retries, client.bytes) == (1, 0, 33)


def test_the_query_goes_out_exactly_as_it_was_signed(serve, connect):
    wire = serve()

    def sign(request):
        request.query = "b=%7E&a=%2F+~&Signature=x%3D"

    ask(connect(wire.url), sign=sign)
    assert wire.asked[0].line == "GET /x?b=%7E&a=%2F+~&Signature=x%3D HTTP/1.1"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", lambda body: gzip.compress(body)),
        ("gzip", lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:])),
        ("deflate", zlib.compress),
        ("", lambda body: body),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_packed_or_chunked_body_is_read_whole(serve, connect, encoding, pack, chunked):
    packed = pack(BIG)
    if chunked:
        parts = [packed[start : start + 1000] for start in range(0, len(packed), 1000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        wire = serve(reply(200, body, content_length="", transfer_encoding="chunked", content_encoding=encoding))
    else:
        wire = serve(reply(200, packed, content_encoding=encoding))
    client = connect(wire.url)
    assert ask(client).content == BIG
    assert client.bytes == len(BIG)


def test_a_body_without_a_length_ends_with_the_connection(serve, connect):
    wire = serve(lambda wire, asked, write: write(reply(200, b"[1]", content_length="")))
    assert ask(connect(wire.url)).body == [1]


def test_one_connection_serves_all_requests_and_keeps_no_cookie(serve, connect):
    wire = serve(reply(200, b"{}", set_cookie="id=1"))
    client = connect(wire.url)
    for _ in range(3):
        ask(client)
    assert wire.connections == 1
    assert [asked.headers.get("cookie") for asked in wire.asked] == [None] * 3


def test_headers_say_who_asks_and_what_is_understood(serve, connect):
    wire = serve()
    ask(connect(wire.url), headers={"X-Own": "1"})
    headers = wire.asked[0].headers
    assert headers.pop("host") == wire.url.removeprefix("http://")
    assert headers.pop("user-agent").startswith("marketctl/")
    assert headers == {"accept": "application/json", "accept-encoding": "gzip, deflate", "x-own": "1"}


# What is tried again ----------------------------------------------------------------------


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


# Retry-After ------------------------------------------------------------------------------


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
    assert retry_after_s({"retry-after": "9" * 5000}) == 999999999.0


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


# Time -------------------------------------------------------------------------------------


def drip(*first, piece=b"x", every=0.02):
    """Write the first pieces at once, then one small piece after another for as long as anybody listens."""

    def answer(wire, asked, write):
        write(b"".join(first))
        while not wire.stopped.wait(every):
            write(piece)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
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


def silent(wire, asked, write):
    wire.stopped.wait(5)


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


def test_closing_the_client_leaves_no_thread(serve, connect):
    client = connect(serve().url)
    ask(client)
    assert any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
    client.close()
    time.sleep(0.05)
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())


# Size -------------------------------------------------------------------------------------


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


# XML, CSV and text --------------------------------------------------------------------------

XML = '<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="26.11.2026"><Name>Доллар</Name></ValCurs>'


@pytest.mark.parametrize(
    ("kind", "content", "accept"),
    [
        ("xml", XML.encode("cp1251"), "application/xml, text/xml"),
        ("csv", b"CURRENCY,OBS_VALUE\r\nUSD,1.0910\r\n", "text/csv"),
        ("text", b"1.50\n", "text/plain"),
        ("xml", b"<rates/>", "application/xml, text/xml"),
    ],
)
def test_what_is_declared_raw_comes_as_bytes(serve, connect, kind, content, accept):
    wire = serve(reply(200, content, content_type="application/xml"))
    answer = ask(connect(wire.url, formats={"GET /x": kind}))
    assert (answer.body, answer.content, answer.raw, answer.is_json) == (content, content, True, False)
    assert answer.where == "GET 127.0.0.1/x"
    assert wire.asked[0].headers["accept"] == accept


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (reply(200, PAGE), Blocked, "GET 127.0.0.1/x: HTTP 200 with a web page in place of data"),
        (reply(200, b"<html><p>Log in"), Blocked, "GET 127.0.0.1/x: HTTP 200 with a web page in place of data"),
        (reply(200, b"Log in", content_type="text/html; charset=utf-8"), Blocked, None),
        (reply(200, b" \n"), BadAnswer, "GET 127.0.0.1/x: HTTP 200 without a body (2 bytes)"),
        (reply(404, b"<error/>"), BadAnswer, "GET 127.0.0.1/x: HTTP 404"),
    ],
    ids=["page", "bare page", "page by its type", "empty", "status"],
)
def test_what_is_no_xml_is_still_told(serve, connect, answer, kind, message):
    error = failure(connect(serve(answer).url, formats={"GET /x": "xml"}), kind)
    assert message is None or error.message == message


def test_xml_sent_as_html_is_xml(serve, connect):
    wire = serve(reply(200, XML.encode("cp1251"), content_type="text/html; charset=windows-1251"))
    assert ask(connect(wire.url, formats={"GET /x": "xml"})).raw


def test_an_adapter_looks_at_raw_bytes_before_the_status_does(serve, adapt):
    class Bank(Provider):
        endpoints = ("GET /x",)
        formats = {"GET /x": "xml"}
        error_statuses = {404: NotSupported}

        def failure(self, answer):
            return ("date", "wrong date") if b"wrong date" in answer.body else None

    adapter = adapt(Bank, serve(reply(200, b"<e>wrong date</e>"), reply(404, b"<e/>"), reply(200, b"<ok/>")).url)
    with pytest.raises(BadAnswer, match="wrong date"):
        adapter.get("/x")
    with pytest.raises(NotSupported):
        adapter.get("/x")
    assert adapter.get("/x") == b"<ok/>"


def test_a_post_reads_with_a_json_body_that_is_recorded(serve, adapt):
    class Bank(Provider):
        endpoints = ("POST /x",)

    wire = serve(reply(200, b'{"rates": []}'))
    adapter = adapt(Bank, wire.url, recording=True)
    assert adapter.post("/x", {"day": "2026-11-26", "банк": 1}) == {"rates": []}
    assert wire.asked[0].body == '{"day":"2026-11-26","банк":1}'.encode()
    assert wire.asked[0].headers["content-type"] == "application/json"
    assert adapter.client.recorded[0].request_body == wire.asked[0].body


# Redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://elsewhere.example/login?token=1", "elsewhere.example"),
        ("//elsewhere.example/", "elsewhere.example"),
        ("/y", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("http://[::1", "an address that is none"),
        ("http://\xff\xfe.example/", None),
        ("http://user:word@elsewhere.example", "elsewhere.example"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_its_host_named(serve, connect, status, location, told):
    wire = serve(reply(status, b"", location=location))
    error = failure(connect(wire.url), BadAnswer)
    if told:
        assert error.message == (f"GET 127.0.0.1/x: HTTP {status} sends us to {told}; redirects are not followed")
    assert error.hint == "check base_url and proxy of this provider"
    assert len(wire.asked) == 1


def test_credentials_never_reach_the_host_of_a_redirect(serve, adapt, no_sleep):
    other = serve()
    wire = serve(reply(302, b"", location=f"{other.url}/api/v3/capital/config/getall"))
    adapter = adapt(MexcAdapter, wire.url, credentials={"api_key": "k" * 20, "api_secret": "s" * 20})
    with pytest.raises(BadAnswer):
        adapter.assets()
    assert (len(wire.asked), other.connections) == (1, 0)


# No connection ----------------------------------------------------------------------------


def test_a_name_that_does_not_resolve(connect, no_sleep, monkeypatch):
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    client = connect("https://nowhere.example")
    error = failure(client, NetworkFailed, query={"apiKey": "hidden"})
    assert error.message == "GET nowhere.example/x: Name or service not known"
    assert client.requests == 3


def test_a_refused_connection(connect, no_sleep):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = failure(connect(f"http://127.0.0.1:{port}"), NetworkFailed)
    assert error.message == "GET 127.0.0.1/x: Connection refused"


def test_tls_to_a_port_that_speaks_none(connect, no_sleep):
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def greet():
            with plain.accept()[0] as sock:
                sock.recv(10_000)
                sock.sendall(reply(400))

        thread = threading.Thread(target=greet)
        thread.start()
        client = connect(f"https://127.0.0.1:{plain.getsockname()[1]}", attempts=1)
        error = failure(client, NetworkFailed, query={"apiKey": "hidden"})
        thread.join()
    assert error.message.startswith("GET 127.0.0.1/x: TLS failed: ")
    assert "wrong version number" in error.message
    assert "hidden" not in error.message


def test_a_self_signed_certificate_is_refused_before_anything_is_sent(serve, connect, no_sleep, certificate):
    wire = serve(cert=certificate)
    error = failure(connect(wire.url), NetworkFailed)
    assert error.message.startswith("GET 127.0.0.1/x: ")
    assert "signed by nobody this machine trusts (self-signed certificate)" in error.message
    assert wire.asked == []


def test_a_certificate_the_operator_trusts_is_accepted(serve, connect, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert ask(connect(serve(cert=certificate).url)).body == {}


def test_a_certificate_of_another_host_is_refused(serve, connect, no_sleep, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    wire = serve(cert=certificate)
    error = failure(connect(wire.url.replace("127.0.0.1", "localhost")), NetworkFailed)
    assert "doesn't match" in error.message or "mismatch" in error.message
    assert wire.asked == []


# Proxies ----------------------------------------------------------------------------------


def test_the_proxy_of_the_environment_is_used(serve, connect, monkeypatch):
    proxy = serve(reply(200, b'["by proxy"]'))
    monkeypatch.setenv("http_proxy", proxy.url)
    assert ask(connect("http://exchange.example"), query={"a": "1"}).body == ["by proxy"]
    assert proxy.asked[0].line == "GET http://exchange.example/x?a=1 HTTP/1.1"


def test_no_proxy_is_heeded(serve, connect, monkeypatch):
    proxy, wire = serve(), serve()
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    ask(connect(wire.url))
    assert (proxy.connections, len(wire.asked)) == (0, 1)


def test_the_proxy_of_a_provider_goes_before_that_of_the_environment(serve, connect, monkeypatch):
    general, own = serve(), serve()
    monkeypatch.setenv("http_proxy", general.url)
    ask(connect("http://exchange.example", proxy=own.url))
    assert (general.connections, len(own.asked)) == (0, 1)


def test_https_goes_through_a_tunnel_and_no_secret_to_the_proxy(serve, connect, no_sleep):
    proxy = serve(lambda wire, asked, write: write(reply(502, b"")))
    client = connect("https://exchange.example", proxy=proxy.url.replace("http://", "http://me:word@"), attempts=1)

    def sign(request):
        request.headers["X-Key"] = "secret-in-a-header"
        request.query = "signature=secret-in-a-query"

    error = failure(client, NetworkFailed, sign=sign)
    assert proxy.asked[0].line == "CONNECT exchange.example:443 HTTP/1.1" or proxy.asked[0].line.startswith(
        "CONNECT exchange.example:443 "
    )
    assert "secret" not in str(proxy.asked)
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:word").decode()
    assert "word" not in error.message
    assert error.message.startswith("GET exchange.example/x: ")


def test_a_proxy_that_is_gone(connect, no_sleep):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = connect("http://exchange.example", proxy=f"http://me:word@127.0.0.1:{port}", attempts=1)
    assert failure(client, NetworkFailed).message == "GET exchange.example/x: Connection refused"


@pytest.mark.parametrize("place", ["home", "variable"])
def test_netrc_is_never_used(serve, connect, monkeypatch, tmp_path, place):
    netrc = Path(os.environ["HOME"]) / ".netrc" if place == "home" else tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password word\ndefault login me password word\n")
    netrc.chmod(0o600)
    if place == "variable":
        monkeypatch.setenv("NETRC", str(netrc))
    wire = serve()
    ask(connect(wire.url))
    assert "authorization" not in wire.asked[0].headers


# What may be sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/y"), ("DELETE", "/x"), ("PUT", "/x"), ("POST", "/v5/order/create"), ("GET", "/x?a=1"), ("GET", "/X"),
     ("GET", "/x/../v5/order"), ("get", "/x"), ("GET", "")],
)  # fmt: skip
def test_an_endpoint_nobody_declared_is_refused_loudly(serve, connect, method, path):
    wire = serve()
    with pytest.raises(ValueError, match=r"is not among the endpoints its adapter declares$"):
        connect(wire.url).ask(method, path, check=fine)
    assert wire.connections == 0


def test_a_post_sends_its_body(serve, connect):
    wire = serve()
    connect(wire.url).ask("POST", "/x", check=fine, body=b'{"a":1}')
    assert (wire.asked[0].line, wire.asked[0].body) == ("POST /x HTTP/1.1", b'{"a":1}')


# Signing ----------------------------------------------------------------------------------


def test_each_attempt_is_signed_anew_with_a_later_time(serve, connect, no_sleep, monkeypatch):
    times = iter(range(1767225600000, 1767225700000, 1000))
    monkeypatch.setattr("marketctl.http.client.now_ms", lambda: next(times))
    wire = serve(close, reply(500), reply())
    stamps = []

    def sign(request):
        stamps.append(request.timestamp_ms)
        request.query += f"&t={request.timestamp_ms}"

    ask(connect(wire.url), query={"a": "1"}, sign=sign)
    assert len(set(stamps)) == 3
    assert stamps == sorted(stamps)
    assert [asked.line for asked in wire.asked] == [f"GET /x?a=1&t={stamp} HTTP/1.1" for stamp in stamps]


def test_the_time_of_a_signature_is_the_providers(serve, connect, monkeypatch):
    client = connect(serve().url)
    client.clock_offset_ms = -5000
    stamps = []
    before = now_ms()
    ask(client, sign=lambda request: stamps.append(request.timestamp_ms))
    assert before - 5000 <= stamps[0] <= now_ms() - 5000


KEYS = {"api_key": "SANDBOXBYBITKEY001", "api_secret": "sandbox-bybit-secret-0123456789abcdef"}


def test_a_refused_time_is_tried_once_more_with_the_providers_clock(sandbox, adapt):
    sandbox.fault("BYBIT=skew:-60000")
    adapter = adapt(BybitAdapter, sandbox.url("BYBIT"), credentials=KEYS)
    assert "USDT" in adapter.assets().assets
    assert adapter.client.requests == 3
    assert sandbox.requests("BYBIT") == {"GET /v5/asset/coin/query-info": 2, "GET /v5/market/time": 1}
    assert abs(adapter.client.clock_offset_ms + 60_000) < 2000
    adapter.check_key()
    assert adapter.client.requests == 4


def test_a_time_refused_again_is_told(sandbox, adapt):
    sandbox.fault("BYBIT/v5/asset/coin/query-info=clock")
    adapter = adapt(BybitAdapter, sandbox.url("BYBIT"), credentials=KEYS)
    with pytest.raises(ClockSkew):
        adapter.assets()
    assert adapter.client.requests == 3
    with pytest.raises(ClockSkew):
        adapter.assets()
    assert adapter.client.requests == 4


# Recording --------------------------------------------------------------------------------


def test_a_recorded_exchange_is_as_before_signing_with_safe_headers(serve, connect):
    wire = serve(
        reply(200, gzip.compress(b"[1]"), content_encoding="gzip", set_cookie="id=1", etag='"e"', **{"X-Mine": "m"})
    )
    client = connect(wire.url, recording=True)

    def sign(request):
        request.query += "&signature=s3cret"
        request.headers["X-Key"] = "s3cret"
        request.body = b"s3cret"

    ask(client, query={"a": "1"}, sign=sign)
    (one,) = client.recorded
    assert (one.method, one.path, one.query, one.status, one.content, one.error) == (
        "GET", "/x", {"a": "1"}, 200, b"[1]", None,
    )  # fmt: skip
    assert one.headers == {"content-length": str(len(gzip.compress(b"[1]"))), "content-encoding": "gzip", "etag": '"e"'}
    assert "s3cret" not in repr(asdict(one))


def test_each_attempt_is_recorded_with_its_reason(serve, connect, no_sleep):
    client = connect(serve(close, reply(503, PAGE), reply(200, b"[1]")).url, recording=True)
    ask(client)
    assert [(one.status, one.error, one.content) for one in client.recorded] == [
        (None, "network", b""),
        (503, "unavailable", PAGE),
        (200, None, b"[1]"),
    ]


def test_nothing_is_recorded_unasked(serve, connect):
    client = connect(serve().url)
    ask(client)
    assert client.recorded is None


# Secrets ----------------------------------------------------------------------------------

SECRETS = ("key-0123456789", "secret-9876543210")


def signed(request):
    request.headers["X-Key"], request.headers["Authorization"] = SECRETS[0], f"Token {SECRETS[1]}"
    request.query = f"apiKey={SECRETS[0]}&signature={SECRETS[1]}"


def words_of(error: BaseException | None) -> str:
    """Return all that could be printed of an error, short of a debugger."""
    return f"{error} {getattr(error, 'hint', '')}"


@pytest.mark.parametrize(
    "answer",
    [
        close, silent, reply(500, b""), reply(429, b"", retry_after="99999"), reply(401), reply(403, PAGE), reply(404),
        reply(200, PAGE), reply(200, b"{"), reply(302, b"", location="https://elsewhere.example/?k=v"),
        lambda wire, asked, write: write(reply(200, BIG)[:-9]),
        lambda wire, asked, write: write(b"no http at all\r\n\r\n"),
        lambda wire, asked, write: write(HEAD + b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        reply(200, b"x", content_encoding="gzip"),
        drip(HEAD, b"X-Endless: "),
    ],
)  # fmt: skip
def test_no_message_log_line_or_record_holds_a_secret(serve, connect, no_sleep, capture, answer):
    wire = serve(answer)
    client = connect(wire.url, timeout_s=0.2, deadline_s=0.3, attempts=2, recording=True)
    with pytest.raises(MarketctlError) as error:
        ask(client, sign=signed)
    assert wire.asked[0].headers["x-key"] == SECRETS[0]
    told = words_of(error.value) + repr([asdict(one) for one in client.recorded]) + "".join(capture)
    assert "GET 127.0.0.1/x" in told
    for secret in SECRETS:
        assert secret not in told
    assert "\n" not in error.value.message


@pytest.fixture
def capture():
    """The lines of -vv."""
    from marketctl.log import log

    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield lines
    log.removeHandler(handler)
    log.setLevel(level)


def test_no_message_of_a_broken_connection_holds_a_secret(connect, no_sleep, certificate, serve, capture):
    tls = serve(cert=certificate)
    for url, proxy in (
        ("http://127.0.0.1:9", None),
        (tls.url, None),
        (tls.url.replace("https:", "http:"), None),
        ("http://exchange.example", f"http://me:{SECRETS[1]}@127.0.0.1:9"),
        ("https://exchange.example", f"http://me:{SECRETS[1]}@127.0.0.1:9"),
    ):
        with pytest.raises(NetworkFailed) as error:
            ask(connect(url, proxy=proxy, attempts=1, timeout_s=1), sign=signed)
        for secret in SECRETS:
            assert secret not in words_of(error.value) + "".join(capture)


@pytest.mark.parametrize("value", ["key\n-0123456789", "key-\r\nX: 1", "ключ-0123456789", "key-\udcff0123456789"])
@pytest.mark.parametrize("place", ["header", "signature"])
def test_a_key_that_cannot_be_sent_is_told_without_it(serve, connect, value, place):
    wire = serve()

    def sign(request):
        if place == "header":
            request.headers["X-Key"] = value
        else:
            value.encode("ascii") and request.headers.update({"X-Key": value})

    with pytest.raises(ConfigError) as error:
        ask(connect(wire.url), sign=sign)
    assert error.value.message == (
        "GET 127.0.0.1/x: a credential has characters that cannot be sent, such as a line break"
    )
    assert error.value.__cause__ is None
    assert wire.asked == []


# Several hosts ----------------------------------------------------------------------------


def test_another_host_of_the_provider_is_asked_where_it_is_declared(serve, connect):
    first, second = serve(), serve()
    client = connect(first.url, other_bases=(second.url,), recording=True)
    ask(client, base=second.url)
    ask(client)
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert [one.path for one in client.recorded] == ["/x", "/x"]


def test_a_host_that_is_not_declared_is_never_asked(serve, connect):
    wire = serve()
    client = connect("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="is not among the hosts its adapter declares"):
        ask(client, base=wire.url)
    assert wire.asked == []


# Pacing -----------------------------------------------------------------------------------


def test_the_client_waits_for_its_turn_and_each_attempt_takes_one(serve, connect, no_sleep, tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.http.ratelimit.time.monotonic", lambda: 1000.0)
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    client = connect(serve(reply(500)).url, pace=Pace(tmp_path / "p", 10, 1))
    monkeypatch.setattr(client, "left_s", lambda: 30.0)
    failure(client, Unavailable)
    assert [round(wait, 3) for wait in no_sleep] == [0.2, 0.1, 0.4, 0.2]


def test_a_turn_beyond_the_deadline_fails_at_once_and_takes_nothing(serve, connect, no_sleep, tmp_path):
    wire = serve()
    pace = Pace(tmp_path / "p", 0.01, 1)
    client = connect(wire.url, pace=pace)
    ask(client)
    before = pace.path.read_text()
    error = failure(client, RateLimited.__subclasses__()[0])
    assert (error.reason, error.message) == (
        "rate-limited",
        "127.0.0.1: this machine's share of the rate limit is used up for 100 s",
    )
    assert error.hint.startswith("not before 20")
    assert (len(wire.asked), no_sleep, pace.path.read_text()) == (1, [], before)


# Cost -------------------------------------------------------------------------------------


def test_importing_an_adapter_does_not_import_requests():
    program = "import sys, marketctl.providers.cex.bybit; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_tls_is_verified_whatever_a_caller_does(serve, connect, no_sleep, certificate, monkeypatch):
    # requests has an attribute for it; an adapter that sets it on the session must not get through.
    client = connect(serve(cert=certificate).url, attempts=1)
    client._transport.session.verify = False
    assert ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).verify_mode == ssl.CERT_REQUIRED
    failure(client, NetworkFailed)


# What broke, in words that lead somewhere ------------------------------------------------------


def test_two_lengths_that_differ_are_no_wrong_key(serve, connect, no_sleep):
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "
    wire = serve(lambda wire, asked, write: write(twice), lambda wire, asked, write: write(twice), reply(200, b"[1]"))
    client = connect(wire.url)
    assert ask(client).body == [1]
    assert client.retries == 2
    error = failure(connect(serve(lambda wire, asked, write: write(twice)).url), NetworkFailed)
    assert error.message == "GET 127.0.0.1/x: the answer tells its length twice, and differently"
    assert "credential" not in f"{error.message} {error.hint}"


def test_a_reset_in_the_handshake_is_told_as_that(connect, no_sleep):
    server = socket.create_server(("127.0.0.1", 0))

    def reset():
        for _ in range(3):
            one, _ = server.accept()
            one.recv(100)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()

    thread = threading.Thread(target=reset, daemon=True)
    thread.start()
    error = failure(connect(f"https://127.0.0.1:{server.getsockname()[1]}"), NetworkFailed)
    thread.join(10)
    server.close()
    assert error.message == "GET 127.0.0.1/x: the connection was cut in the TLS handshake, before anything was asked"
    assert "`base_url` of your region" in error.hint


@pytest.mark.parametrize(
    ("host", "ends_in", "trusted", "words", "hint"),
    [
        ("127.0.0.1", -DAY, True, "the certificate has expired", "check this machine's clock"),
        ("elsewhere.example", DAY, True, "the certificate is of another host", "check `base_url`"),
        ("127.0.0.1", DAY, False, "signed by nobody this machine trusts", "REQUESTS_CA_BUNDLE"),
    ],
    ids=["expired", "other host", "unknown authority"],
)
def test_what_is_wrong_with_a_certificate_is_said(
    serve, connect, no_sleep, tmp_path, monkeypatch, host, ends_in, trusted, words, hint
):
    authority = Authority(tmp_path)
    cert = authority.sign("server", host, ends_in=ends_in)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    error = failure(connect(serve(cert=cert).url), NetworkFailed)
    assert error.message.startswith("GET 127.0.0.1/x: TLS failed: ")
    assert words in error.message
    assert hint in error.hint


def test_a_bundle_that_is_gone_is_a_mistake_of_ours_told_in_a_line(connect, no_sleep, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    error = failure(connect("https://127.0.0.1:9"), ConfigError)
    assert "gone.pem" in error.message
    assert error.hint == "set REQUESTS_CA_BUNDLE to a file that is there, or unset it"
