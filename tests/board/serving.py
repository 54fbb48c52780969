"""The board served as `marketctl board` serves it, and asked."""

import http.client
from contextlib import closing, contextmanager

from marketctl.board.serve import BoardServer


@contextmanager
def served(desk, bind="127.0.0.1:0", token=None):
    server = BoardServer(desk, bind, token)
    with server.serving():
        yield server


def ask(server, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with closing(connection), connection.getresponse() as answer:
        return answer.status, answer.read(), dict(answer.getheaders())
