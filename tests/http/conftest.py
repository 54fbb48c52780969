"""A server that gives what a test tells it to, and clients that ask it; stopped at the end."""

import pytest

from marketctl.http.client import Client
from tests.wire import Wire


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
