"""No message, log line or record of the client holds a secret."""

import logging
from dataclasses import asdict

import pytest

from marketctl.errors import ConfigError, MarketctlError, NetworkFailed
from tests.http.asking import BIG, HEAD, PAGE, ask, close, drip, silent
from tests.wire import reply

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
