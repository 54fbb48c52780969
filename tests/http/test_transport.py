"""Ways to a server, and what is said where there is none: redirects, TLS, proxies, names, broken connections."""

import base64
import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from marketctl.errors import BadAnswer, ConfigError, NetworkFailed
from marketctl.providers.cex.mexc import MexcAdapter
from tests.authority import DAY, Authority
from tests.http.asking import ask, failure
from tests.wire import reply

# Redirects ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (206, "HTTP 206, a part of an answer, where the whole was asked for"),
        (304, "HTTP 304, not modified, where the whole answer was asked for"),
    ],
)
def test_a_part_of_an_answer_is_none(serve, connect, status, told):
    wire = serve(reply(status, b'{"a": 1}' if status == 206 else b""))
    error = failure(connect(wire.url), BadAnswer)
    assert error.message == f"GET 127.0.0.1/x: {told}"
    assert error.hint == "check base_url and proxy of this provider: a cache in between is at fault"
    assert len(wire.asked) == 1


def test_credentials_never_reach_the_host_of_a_redirect(serve, adapt, no_sleep):
    other = serve()
    wire = serve(reply(302, b"", location=f"{other.url}/api/v3/capital/config/getall"))
    adapter = adapt(MexcAdapter, wire.url, credentials={"api_key": "k" * 20, "api_secret": "s" * 20})
    with pytest.raises(BadAnswer):
        adapter.assets()
    assert (len(wire.asked), other.connections) == (1, 0)


# No connection -----------------------------------------------------------------------------


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


# Proxies -----------------------------------------------------------------------------------


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


# What broke, in words that lead somewhere --------------------------------------------------


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
