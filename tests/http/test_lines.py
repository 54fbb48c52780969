"""Connections that are kept from one job to the next: used again, never a failure of the provider."""

import gc
import os
import weakref

import pytest

from marketctl.errors import MarketctlError, NetworkFailed
from marketctl.http import transport
from marketctl.http.client import Client
from marketctl.http.transport import Lines
from tests.authority import Authority
from tests.wire import reply


@pytest.fixture
def lines():
    """What one process keeps."""
    one = Lines()
    yield one
    one.close()


def job(lines, wire, **given):
    """Ask once as a job does, with no attempt to spare; return the client."""
    settings = {"timeout_s": 5, "deadline_s": 30, "attempts": 1, "endpoints": frozenset({"GET /x"}), "lines": lines}
    with Client(wire.url, **settings | given) as client:
        client.ask("GET", "/x", check=lambda _answer: None)
    return client


def drop(_wire, _asked, _write):
    """Hang up without an answer."""


def last(_wire, _asked, write):
    """Answer, and end the connection as servers do that have waited long enough."""
    write(reply())


def test_the_next_job_uses_the_connection_of_the_last_one(serve, lines):
    wire = serve()
    for _ in range(3):
        client = job(lines, wire)
        client.close()  # twice is no harm to who has it now
    assert (wire.connections, len(wire.asked)) == (1, 3)


def test_what_nobody_keeps_is_closed_with_its_client(serve):
    wire = serve()
    asking = Client(wire.url, timeout_s=5, deadline_s=30, attempts=1, endpoints=frozenset({"GET /x"}))
    with asking as client:
        client.ask("GET", "/x", check=lambda _answer: None)
        (one,) = client._transport.sockets
        assert one.fileno() >= 0
    assert one.fileno() == -1


@pytest.mark.parametrize(
    "answer", [reply(200, b"plain", content_encoding="gzip"), reply(500), drop], ids=["odd", "500", "none"]
)
@pytest.mark.parametrize("attempts", [1, 2])
def test_what_failed_leaves_neither_itself_nor_a_connection(serve, answer, attempts):
    """At once, not when Python next looks for garbage: a process that works for weeks seldom does."""
    wire = serve(answer)
    with Client(wire.url, timeout_s=5, deadline_s=30, attempts=attempts, endpoints=frozenset({"GET /x"})) as client:
        gc.collect()
        gc.disable()
        try:
            try:
                client.ask("GET", "/x", check=lambda _answer: None)
            except MarketctlError as error:
                told = weakref.ref(error)
            client.close()
            assert told() is None
            assert not [one for one in client._transport.sockets if one.fileno() >= 0]
        finally:
            gc.enable()


def test_a_bundle_that_was_replaced_counts_from_the_next_job_on(serve, lines, tmp_path, monkeypatch):
    (ours := tmp_path / "ours").mkdir()
    (theirs := tmp_path / "theirs").mkdir()
    authority, other = Authority(ours), Authority(theirs)
    wire, bundle = serve(cert=authority.sign("server", "127.0.0.1")), tmp_path / "bundle.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

    def trust(at, *authorities):
        bundle.write_bytes(b"".join([one.file.read_bytes() for one in authorities]))
        os.utime(bundle, (at, at))

    trust(1, other)
    with pytest.raises(NetworkFailed, match="TLS failed"):
        job(lines, wire)
    trust(2, authority)
    job(lines, wire)
    trust(3, authority, other)
    job(lines, wire)
    client = job(lines, wire)
    assert (len(wire.asked), wire.connections) == (3, 3)
    assert len([one for one in client._transport.sockets if one.fileno() >= 0]) == 1  # that of before is closed


def test_one_that_its_server_has_ended_is_opened_anew(serve, lines):
    wire = serve(last, reply())
    job(lines, wire)
    client = job(lines, wire)
    assert (wire.connections, len(wire.asked), client.retries) == (2, 2, 0)


def test_one_that_ends_as_we_ask_is_asked_once_more_and_no_failure(serve, lines):
    wire = serve(reply(), drop, reply())
    job(lines, wire)
    client = job(lines, wire)
    assert (wire.connections, len(wire.asked)) == (2, 3)
    assert (client.requests, client.retries) == (1, 0)


def test_one_that_ends_twice_is_a_failure(serve, lines):
    wire = serve(reply(), drop, drop, reply())
    job(lines, wire)
    with pytest.raises(NetworkFailed, match="the connection was closed without an answer"):
        job(lines, wire)
    assert len(wire.asked) == 3


def test_a_connection_of_the_same_job_that_ends_is_a_failure_as_ever(serve, lines):
    wire = serve(drop, reply())
    with pytest.raises(NetworkFailed):
        job(lines, wire)
    assert len(wire.asked) == 1


def test_one_that_lay_too_long_is_not_used(serve, lines, monkeypatch):
    wire = serve()
    monkeypatch.setattr(transport, "KEEP_S", -1.0)
    job(lines, wire)
    job(lines, wire)
    assert wire.connections == 2


def test_one_that_may_be_cut_off_is_not_kept(serve, lines):
    wire = serve()
    job(lines, wire, deadline_s=0.9)  # its watchdog is close
    job(lines, wire)
    assert wire.connections == 2


def test_two_at_once_have_one_each(serve, lines):
    wire = serve()
    settings = {"timeout_s": 5, "deadline_s": 30, "attempts": 1, "endpoints": frozenset({"GET /x"}), "lines": lines}
    with Client(wire.url, **settings) as one, Client(wire.url, **settings) as other:
        for client in (one, other, one):
            client.ask("GET", "/x", check=lambda _answer: None)
    job(lines, wire)
    assert wire.connections == 2


def test_another_way_to_the_same_host_has_its_own(serve, lines):
    wire = serve()
    assert lines.lend(f"{wire.url} ") is not lines.lend(f"{wire.url} http://proxy")
