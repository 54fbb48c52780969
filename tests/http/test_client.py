"""The HTTP client against real sockets: what it returns, what it sends, whom it asks, how it signs."""

import gzip
import ssl
import subprocess
import sys
import zlib
from decimal import Decimal

import pytest

from marketctl.errors import ClockSkew, NetworkFailed
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.times import now_ms
from tests.http.asking import BIG, ask, close, failure, fine
from tests.wire import reply

# A good answer -----------------------------------------------------------------------------


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


# What may be sent --------------------------------------------------------------------------


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


# Signing -----------------------------------------------------------------------------------


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


# Several hosts -----------------------------------------------------------------------------


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


# Cost --------------------------------------------------------------------------------------


def test_importing_an_adapter_does_not_import_requests():
    program = "import sys, marketctl.providers.cex.bybit; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_tls_is_verified_whatever_a_caller_does(serve, connect, no_sleep, certificate, monkeypatch):
    # requests has an attribute for it; an adapter that sets it on the session must not get through.
    client = connect(serve(cert=certificate).url, attempts=1)
    client._transport.session.verify = False
    assert ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).verify_mode == ssl.CERT_REQUIRED
    failure(client, NetworkFailed)
