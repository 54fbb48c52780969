"""Celery's Redis transport, with the behaviour our tasks rely on, and its URL."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as redis_transport
from redis.exceptions import ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as BrokenConnection

# A server that refuses so will take tasks again: Celery ends the worker for what is no broken connection. By its class
# where redis-py has one; the words stand alone, or in the refusal of a transaction or a script.
PASSING = (ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError)
PASSING_WORDS = ("CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM command", "READONLY", "UNBLOCKED")


def broker_url(redis_url: str) -> tuple[str, dict[str, Any] | None]:
    """Return a Redis URL as Celery writes it, with `Transport` in place of Celery's own, and its TLS options."""
    parts = urlsplit(redis_url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        database = f"?virtual_host={query['db']}" if "db" in query else ""
        return f"marketctl+socket://{parts.netloc}{parts.path}{database}", None
    tls = {name: value for name, value in query.items() if name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")}
    url = parts._replace(scheme="marketctl", query="").geturl()
    strict = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return url, strict | tls if parts.scheme == "rediss" else None


class _Patient:
    """A connection on which a server that refuses for a while is one that is away: who needs it connects anew."""

    def read_response(self, *given: Any, **named: Any) -> Any:
        try:
            return super().read_response(*given, **named)  # type: ignore[misc]
        except ResponseError as error:
            if not isinstance(error, PASSING) and not any(word in str(error) for word in PASSING_WORDS):
                raise
            self.disconnect()  # type: ignore[attr-defined]
            raise BrokenConnection(str(error)) from error


class _QoS(redis_transport.QoS):
    """What cannot be given back is in hand no more: a worker with full hands asks for nothing, and hears of nothing."""

    def ack(self, delivery_tag: Any) -> None:
        with self._let_go(delivery_tag):
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        with self._let_go(delivery_tag):
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]

    @contextmanager
    def _let_go(self, delivery_tag: Any) -> Iterator[None]:
        try:
            yield
        except BrokenConnection:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


class _Channel(redis_transport.Channel):
    QoS = _QoS
    # What is in hand when the connection breaks goes on being worked on: it is not to be given to others at once.
    do_restore = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)  # type: ignore[no-untyped-call]
        try:  # a write that changes nothing: who connects to a server that refuses them waits longer each time
            self.client.execute_command("XADD", f"{self.global_keyprefix}probe", "NOMKSTREAM", "*", "by", "celery")
        except BrokenConnection:
            self.close()  # type: ignore[no-untyped-call]
            raise
        except ResponseError:  # no right to that key
            pass

    def _connparams(self, asynchronous: bool = False) -> Any:
        # kombu 5.7 ends the worker with an AttributeError when a task comes to its end after its connection did.
        if self.connection is None or self.connection.client is None:
            raise BrokenConnection("the connection on which this task came is gone")
        found = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        return found | {"connection_class": type("Connection", (_Patient, found["connection_class"]), {})}


class Transport(redis_transport.Transport):
    """Celery's Redis transport, whose unacknowledged messages wait for `visibility_timeout`."""

    Channel = _Channel


TRANSPORT_ALIASES["marketctl"] = "marketctl.workers.broker:Transport"
