"""Requests' transport: one TLS context for all, sockets that a watchdog can cut off, connections that are kept."""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from marketctl.lean_imports import import_requests

import_requests()

import requests  # noqa: E402
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter  # noqa: E402

if TYPE_CHECKING:
    import ssl

    from marketctl.http.messages import Request


class Transport(HTTPAdapter):
    """Requests' own, with one TLS context for all and sockets that another thread can cut off."""

    def __init__(self) -> None:
        self.sockets: WeakSet[socket.socket] = WeakSet()
        self.over = False
        self.connects = 0  # connections begun, ever
        self.left_open = 0  # and when this client got it: unless there is one more, what was left open is in use
        super().__init__()
        self.session = requests.Session()
        self.session.adapters.update({"https://": self, "http://": self})
        self._settings: dict[str, Any] = {}
        self._pools: dict[tuple[str, str], tuple[Any, int]] = {}  # and when the bundle of each was changed last

    def settings(self, base: str, proxies: dict[str, str]) -> Any:
        """Return what the environment says of an address (proxy, bundle): asked once, it looks through all of it."""
        if base not in self._settings:
            self._settings[base] = self.session.merge_environment_settings(base, proxies, True, True, None)
        return self._settings[base]

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Return what makes a pool, with our context in place of the bundle each host would read anew."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https" and (context := _tls_context(pool)) is not None:
            pool = {"cert_reqs": pool["cert_reqs"], "ssl_context": context}
        return host, pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Let requests set its bundle only where the pool has not our context."""
        if "ssl_context" not in getattr(conn, "conn_kw", {}):
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return a pool whose connections tell their sockets: that of before, unless its bundle was replaced since."""
        scheme, _, host, *_ = request.url.split("/", 3)
        stamp = _changed(verify if isinstance(verify, str) else None) if scheme == "https:" else 0
        known, since = self._pools.get((scheme, host), (None, 0))
        if known is not None and stamp == since:
            return known
        if known is not None:
            self.close()  # who was trusted by the bundle of before is asked no more
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        if "ConnectionCls" not in vars(pool):
            transport, base = self, pool.ConnectionCls

            class Connection(base):  # type: ignore[misc, valid-type]
                def connect(self) -> None:
                    transport.connects += 1
                    try:
                        super().connect()
                    except Exception as error:
                        error.in_handshake = self.sock is not None  # type: ignore[attr-defined]
                        raise
                    transport.sockets.add(self.sock)
                    if transport.over:
                        transport.cut()

            pool.ConnectionCls = Connection
        self._pools[scheme, host] = pool, stamp
        return pool

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; over a connection that was left open and its server has ended since, once more.

        That is no failure of the provider: nothing was answered, and all we ask can be asked twice.
        """
        try:
            return super().send(*args, **kwargs)
        except requests.ConnectionError:
            if not self.left_open or self.connects != self.left_open or self.over:
                raise
        self.left_open = 0
        return super().send(*args, **kwargs)

    def close(self) -> None:
        """Close its connections: a pool's are closed when nobody has the pool any more."""
        self._pools.clear()
        super().close()

    def cut(self) -> None:
        """Break off all connections, also those to come; whoever reads from one sees its end."""
        self.over = True
        for one in list(self.sockets):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not SSLSocket's own: another thread is reading


KEEP_S = 45.0  # servers end what is idle after a minute or more, and what lies in between forgets it without a word


class Lines:
    """Connections that are kept from one job to the next, by address; each is lent to one client at a time."""

    def __init__(self) -> None:
        self._free: dict[str, tuple[Transport, float]] = {}

    def lend(self, address: str) -> Transport:
        """Return the transport of an address as its last client left it, or a new one."""
        kept, since = self._free.pop(address, (None, 0.0))
        if kept is not None and time.monotonic() - since <= KEEP_S:
            kept.left_open = kept.connects
            return kept
        if kept is not None:
            kept.close()
        return Transport()

    def give_back(self, address: str, transport: Transport) -> None:
        """Keep it for the next one; what was cut off is closed."""
        mine = (transport, time.monotonic())
        # Two accounts of one exchange may be at work side by side: one of them is enough to keep.
        if transport.over or self._free.setdefault(address, mine) is not mine:
            transport.close()

    def close(self) -> None:
        """Close what is kept."""
        while self._free:
            self._free.popitem()[1][0].close()


def _tls_context(pool: Mapping[str, Any]) -> "ssl.SSLContext | None":
    """Return the context that verifies as these arguments of a pool would; None to leave it to requests."""
    if pool["cert_reqs"] != "CERT_REQUIRED" or "cert_file" in pool:
        return None
    place = str(pool.get("ca_certs") or pool.get("ca_cert_dir") or DEFAULT_CA_BUNDLE_PATH)
    try:
        return _load_context(place, _changed(place))
    except OSError:  # ssl.SSLError too: told by requests when it tries
        return None


def _changed(bundle: str | None) -> int:
    """Return when a bundle was changed, 0 where there is none: a new one counts, also where we run for weeks."""
    try:
        return Path(bundle or DEFAULT_CA_BUNDLE_PATH).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _load_context(place: str, _changed: int) -> "ssl.SSLContext":
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    if Path(place).is_dir():
        context.load_verify_locations(capath=place)
    else:
        context.load_verify_locations(cafile=place)
    return context


def prepared_request(request: "Request", url: str) -> requests.PreparedRequest:
    """Return what goes over the wire, and nothing else: requests would quote the URL anew, and look into ~/.netrc.

    Raises InvalidHeader.
    """
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = request.method, url
    prepared.prepare_headers(request.headers)
    prepared.prepare_body(request.body, None)
    return prepared
