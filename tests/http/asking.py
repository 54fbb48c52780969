"""Asking one thing over a client, and answers that many tests give."""

import json

import pytest

HEAD = b"HTTP/1.1 200 OK\r\n"
PAGE = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"
BIG = json.dumps({"rows": [{"symbol": f"C{number}USDT", "bid": "0.1"} for number in range(3000)]}).encode()


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


def drip(*first, piece=b"x", every=0.02):
    """Write the first pieces at once, then one small piece after another for as long as anybody listens."""

    def answer(wire, asked, write):
        write(b"".join(first))
        while not wire.stopped.wait(every):
            write(piece)

    return answer


def silent(wire, asked, write):
    wire.stopped.wait(5)
