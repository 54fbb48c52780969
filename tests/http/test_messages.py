"""Bodies as adapters see them, and exchanges as dumps do."""

import gzip
from dataclasses import asdict

import pytest

from marketctl.errors import BadAnswer, Blocked, NotSupported
from marketctl.providers.base import Provider
from tests.http.asking import PAGE, ask, close, failure
from tests.wire import reply

# XML, CSV and text -------------------------------------------------------------------------


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


# Recording ---------------------------------------------------------------------------------


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
