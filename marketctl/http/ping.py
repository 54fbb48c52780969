"""Tell a dead-man service something: a POST to a URL that is a secret."""

from http import HTTPStatus

from marketctl.errors import BadAnswer, RateLimited, Unavailable
from marketctl.http import client as http_client
from marketctl.http.client import Client
from marketctl.http.messages import USER_AGENT, Exchange, Request
from marketctl.http.retries import again
from marketctl.log import log
from marketctl.times import now_ms

PING_TIMEOUT_S = 4.0

PING_DEADLINE_S = 5.0  # one attempt of two


def ping(url: str, query: str, body: bytes = b"") -> None:
    """Send it, once more where that may help; redirects are not followed.

    The URL is a secret: messages name the host alone. Raises MarketctlError.
    """
    again(
        lambda: _ping_once(url, query, body),
        sleep=http_client.sleep,
        wait=lambda _state: 0.5,
        stop=lambda state: state.attempt_number >= 2,
    )


def _ping_once(url: str, query: str, body: bytes) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": USER_AGENT}
    # The whole URL is the base, so that no message has its path.
    client = Client(url, timeout_s=PING_TIMEOUT_S, deadline_s=PING_DEADLINE_S, attempts=1, endpoints=frozenset())
    with client:
        client.watch()
        answer = client.transfer(
            Request("POST", client.host, "", query, now_ms(), headers, body),
            Exchange("POST", "", {}, None, {}, b"", now_ms(), 0),
        )
    log.debug("POST %s: %d", client.host, answer.status)
    told = f"POST {client.host}: HTTP {answer.status}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(told)
    if answer.status >= 500:
        raise Unavailable(told)
    if not 200 <= answer.status < 300:
        raise BadAnswer(told, hint="check ping_url; redirects are not followed")
