"""The only module that talks HTTP: sessions, time limits, retries, exact numbers, recording.

Retries are tenacity's, driven by the error's class (`retryable`) and by the wait it carries
(`retry_after`); nothing else is decided there. Messages are built from method, host, path and
status, because the text of a requests exception holds the whole URL.
"""

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

from marketctl import __version__, slim
from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ConfigError,
    DeadlineExceeded,
    MarketctlError,
    NetworkFailed,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unavailable,
)
from marketctl.fields import printable
from marketctl.log import log
from marketctl.pace import Pace
from marketctl.signing import encode_query
from marketctl.times import now_ms, to_iso

slim.import_requests()

import requests  # noqa: E402
import urllib3.exceptions  # noqa: E402
from requests.adapters import HTTPAdapter  # noqa: E402

if TYPE_CHECKING:
    import ssl

    import tenacity

BODY_LIMIT = 64 * 1024 * 1024
CHUNK = 256 * 1024
PING_TIMEOUT_S = 4.0
PING_DEADLINE_S = 5.0  # one attempt of two
USER_AGENT = f"marketctl/{__version__} (python-requests)"
# Answer headers that say nothing of us; the others stay out of dumps.
SAFE_HEADERS = frozenset(
    "age cache-control content-encoding content-length content-type date etag expires last-modified retry-after server "
    "via vary x-bapi-limit x-bapi-limit-status x-bapi-limit-reset-timestamp gw-ratelimit-limit gw-ratelimit-remaining "
    "gw-ratelimit-reset x-hb-ratelimit-requests-remain x-hb-ratelimit-requests-expire api-credits-used "
    "api-credits-left is_batch".split()
)

T = TypeVar("T")

sleep = time.sleep


@dataclass(slots=True)
class Request:
    """One attempt, as a signer sees it: it may append to `query`, set headers and the body.

    `query` is the encoded text as it will be sent; `timestamp_ms` is the provider's clock as far
    as known. `host` is without port.
    """

    method: str
    host: str
    path: str
    query: str
    timestamp_ms: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(slots=True)
class Answer:
    """One answer: parsed body, status, headers (lower-case names), times in ms and the bytes as received."""

    status: int
    headers: Mapping[str, str]
    body: Any
    content: bytes
    is_json: bool
    sent_ms: int
    received_ms: int


@dataclass(slots=True)
class Exchange:
    """One recorded request with its answer, for dumps. `query` and `request_body` are as before signing."""

    method: str
    path: str
    query: dict[str, str]
    status: int | None
    headers: dict[str, str]
    content: bytes
    started_ms: int
    duration_ms: int
    error: str | None = None


class Client:
    """Speaks to one provider for one job: all its requests, retries and waits share one deadline."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        deadline_s: float,
        attempts: int,
        endpoints: frozenset[str],
        proxy: str | None = None,
        pace: Pace | None = None,
        recording: bool = False,
        provider: str = "",
    ) -> None:
        self.provider = provider
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).hostname or ""
        self.timeout_s = timeout_s
        self.deadline = time.monotonic() + deadline_s
        self.deadline_s = deadline_s
        self.attempts = attempts
        self.endpoints = endpoints
        self.pace = pace
        self.clock_offset_ms = 0
        self.requests = 0
        self.retries = 0
        self.bytes = 0
        self.recorded: list[Exchange] | None = [] if recording else None
        self._session = requests.Session()
        self._session.auth = _no_auth  # else requests would look into ~/.netrc
        self._session.headers.clear()
        self._transport = _Transport()
        self._session.mount("https://", self._transport)
        self._session.mount("http://", self._transport)
        # Time limits of sockets start anew with each byte: only this ends an answer that drips.
        self._watchdog: threading.Timer | None = None
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        sign: Callable[[Request], None] | None = None,
        check: Callable[[Answer], None],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        weight: float = 1.0,
    ) -> Answer:
        """Send one request, again where its failure is worth it, and return a good answer.

        `check` raises the provider's own error for an answer that tells one. `sign` runs anew on
        every attempt. Raises a MarketctlError of any kind named in design 6.
        """
        if f"{method} {path}" not in self.endpoints:
            raise ValueError(f"{method} {path} is not among the endpoints its adapter declares")
        self._watch()

        def attempt() -> Answer:
            self._wait_for_turn(weight)
            request = Request(
                method,
                self.host,
                path,
                encode_query(dict(query or {})),
                now_ms() + self.clock_offset_ms,
                {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT},
                body,
            )
            request.headers.update(headers or {})
            if sign is not None:
                try:
                    sign(request)
                except UnicodeError:
                    raise _unsendable(f"{method} {self.host}{path}") from None
            return self._send(request, query or {}, check)

        try:
            return _again(attempt, wait=_wait_s, stop=self._give_up, before_sleep=self._count_retry)
        except (RateLimited, Unavailable) as error:
            if error.retry_after is not None:
                until = to_iso(now_ms() + round(error.retry_after * 1000))
                error.hint = f"not before {until}" if error.hint is None else error.hint
            raise

    def _watch(self) -> None:
        if self._watchdog is None:
            self._watchdog = threading.Timer(max(0.0, self.left_s()), self._transport.cut)
            self._watchdog.daemon = True
            self._watchdog.start()

    def left_s(self) -> float:
        """Return the seconds left until the deadline."""
        return self.deadline - time.monotonic()

    def _wait_for_turn(self, weight: float) -> None:
        left = self.left_s()
        wait = self.pace.reserve(weight, left) if self.pace and left > 0 else 0.0
        if wait > max(0.0, left):
            raise _OutOfBudget(
                f"{self.host}: this machine's share of the rate limit is used up for {wait:.0f} s", retry_after=wait
            )
        if wait > 0:
            sleep(wait)

    def _give_up(self, state: "tenacity.RetryCallState") -> bool:
        return state.attempt_number >= self.attempts or state.upcoming_sleep >= self.left_s()

    def _count_retry(self, _state: "tenacity.RetryCallState") -> None:
        self.retries += 1

    def _send(self, request: Request, query: Mapping[str, str], check: Callable[[Answer], None]) -> Answer:
        started = now_ms()
        self.requests += 1
        exchange = Exchange(request.method, request.path, dict(query), None, {}, b"", started, 0)
        try:
            answer = self._transfer(request, exchange)
            _refuse_redirect(request, answer)
            check(answer)
            _refuse_failure(request, answer)
        except MarketctlError as error:
            exchange.error = error.reason
            if isinstance(error, RateLimited) and error.retry_after and self.pace:
                self.pace.hold(error.retry_after)  # whoever comes next need not hear it again
            raise
        finally:
            if exchange.status is None:
                exchange.duration_ms = now_ms() - started
            log.debug(
                "%s %s%s: %s, %d bytes, %d ms",
                request.method,
                self.host,
                request.path,
                exchange.error or exchange.status,
                len(exchange.content),
                exchange.duration_ms,
                extra={"provider": self.provider},
            )
            if self.recorded is not None:
                self.recorded.append(exchange)
        return answer

    def _transfer(self, request: Request, exchange: Exchange) -> Answer:
        where = f"{request.method} {self.host}{request.path}"
        left = self.left_s()
        if left <= 0:
            raise self._too_late(where)
        url = f"{self.base_url}{request.path}" + (f"?{request.query}" if request.query else "")
        asked = requests.Request(request.method, self.base_url + request.path, request.headers, data=request.body)
        settings: Any = self._session.merge_environment_settings(self.base_url, self._proxies, True, True, None)
        timeout = min(self.timeout_s, left)
        sent = now_ms()
        try:
            prepared = self._session.prepare_request(asked)
            prepared.url = url  # exactly what was signed: requests would quote it anew
            # Not Session.send: it follows a redirect in thought, and reads its body without limit.
            response = self._session.get_adapter(url).send(prepared, timeout=timeout, **settings)
            with response:
                content = self._read(response.raw, where)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise _unsendable(where) from None  # its words hold the value
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            timed_out = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
            if self.left_s() <= 0 or (timed_out and timeout < self.timeout_s):
                raise self._too_late(where) from error
            if timed_out:
                raise TimedOut(f"{where}: no answer within {timeout:g} s") from error
            if isinstance(error, urllib3.exceptions.DecodeError):
                told = printable(response.headers.get("Content-Encoding"), 40)
                raise BadAnswer(f"{where}: the body is not the {told} it says") from error
            raise NetworkFailed(f"{where}: {_cause(error)}") from error
        received = now_ms()
        headers = {name.lower(): value for name, value in response.headers.items()}
        exchange.status = response.status_code
        exchange.started_ms, exchange.duration_ms = sent, received - sent
        exchange.headers = {name: value for name, value in headers.items() if name in SAFE_HEADERS}
        exchange.content = content
        body, is_json = read_json(content)
        return Answer(response.status_code, headers, body, content, is_json, sent, received)

    def _read(self, raw: Any, where: str) -> bytes:
        # read1 returns what one receive brought, and never unpacks more than a chunk at once.
        parts = []
        size = 0
        while chunk := raw.read1(CHUNK, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            self.bytes += len(chunk)
            if size > BODY_LIMIT:
                raise BadAnswer(f"{where}: the body is larger than {BODY_LIMIT // 1024 // 1024} MiB")
        if self.left_s() <= 0:  # cut off by the watchdog, which may look like a good end
            raise self._too_late(where)
        return b"".join(parts)

    def _too_late(self, where: str) -> DeadlineExceeded:
        return DeadlineExceeded(f"{where}: {self.deadline_s:g} s are over (deadline_s)")


class _Transport(HTTPAdapter):
    """Requests' own, with one TLS context for all and sockets that another thread can cut off."""

    def __init__(self) -> None:
        self.sockets: WeakSet[socket.socket] = WeakSet()
        self.over = False
        super().__init__()

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

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool whose connections tell their sockets."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            transport, base = self, pool.ConnectionCls

            class Connection(base):  # type: ignore[misc, valid-type]
                def connect(self) -> None:
                    super().connect()
                    transport.sockets.add(self.sock)
                    if transport.over:
                        transport.cut()

            pool.ConnectionCls = Connection
        return pool

    def cut(self) -> None:
        """Break off all connections, also those to come; whoever reads from one sees its end."""
        self.over = True
        for one in list(self.sockets):
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not SSLSocket's own: another thread is reading


class _OutOfBudget(RateLimited):
    """Our own pacing would hold the job past its deadline: waiting in a retry loop cannot help."""

    retryable = False


def _tls_context(pool: Mapping[str, Any]) -> "ssl.SSLContext | None":
    """Return the context that verifies as these arguments of a pool would; None to leave it to requests."""
    from requests.adapters import DEFAULT_CA_BUNDLE_PATH

    if pool["cert_reqs"] != "CERT_REQUIRED" or "cert_file" in pool:
        return None
    place = pool.get("ca_certs") or pool.get("ca_cert_dir") or DEFAULT_CA_BUNDLE_PATH
    try:
        # A bundle that was replaced counts, also for a process that runs for weeks.
        return _load_context(str(place), Path(place).stat().st_mtime_ns)
    except OSError:  # ssl.SSLError too: told by requests when it tries
        return None


@lru_cache(maxsize=4)
def _load_context(place: str, _changed: int) -> "ssl.SSLContext":
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    if Path(place).is_dir():
        context.load_verify_locations(capath=place)
    else:
        context.load_verify_locations(cafile=place)
    return context


def _unsendable(where: str) -> ConfigError:
    return ConfigError(
        f"{where}: a credential has characters that cannot be sent, such as a line break",
        hint="set it anew: marketctl credentials set",
    )


def _no_auth(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


def read_json(content: bytes) -> tuple[Any, bool]:
    """Return the value of a JSON text, numbers exact, and True; None and False for what is no JSON.

    Of a field told twice the last one counts: to refuse it would cost a third more time for every answer.
    """
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_constant), True
    except (ValueError, ArithmeticError, RecursionError):  # ArithmeticError: an exponent beyond Decimal's
        return None, False


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, MarketctlError) and error.retryable


def _again(attempt: Callable[[], T], **when: Any) -> T:
    """Attempt it, again where its failure may pass: tenacity says when. It is imported for a failure, not before."""
    try:
        return attempt()
    except MarketctlError as error:
        if not error.retryable:
            raise
        failed = [error]
    import tenacity

    def next_attempt() -> T:
        if failed:
            raise failed.pop()  # the first one is made already
        return attempt()

    retry = tenacity.retry_if_exception(_may_pass)
    return tenacity.Retrying(retry=retry, sleep=sleep, reraise=True, **when)(next_attempt)


def _wait_s(state: "tenacity.RetryCallState") -> float:
    """Wait as long as the provider asked for; else 0.2 s, 0.4 s, 0.8 s ... with jitter."""
    error = state.outcome.exception() if state.outcome else None
    backoff = min(8.0, 0.2 * 2 ** (state.attempt_number - 1)) * random.uniform(0.5, 1.5)
    asked = getattr(error, "retry_after", None)
    return float(asked) + random.uniform(0.0, 0.1) if asked is not None else backoff


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read the Retry-After header: seconds or an HTTP date. None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    """Say what went wrong in the words of the system, without the URL a requests error carries."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror and not isinstance(seen, requests.RequestException):
            return printable(seen.strerror)
        if isinstance(seen, urllib3.exceptions.SSLError):
            return "TLS failed: " + printable(seen.args[0] if seen.args else "")
        if isinstance(seen, urllib3.exceptions.IncompleteRead | urllib3.exceptions.ProtocolError):
            return "the connection broke in the middle of the answer"
        reason = getattr(seen, "reason", None)
        nested = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = reason if isinstance(reason, BaseException) else nested or seen.__cause__ or seen.__context__
    return printable(type(error).__name__)


def _refuse_redirect(request: Request, answer: Answer) -> None:
    if 300 <= answer.status < 400:
        try:
            target = urlsplit(answer.headers.get("location", "")).hostname or request.host
        except ValueError:
            target = "an address that is none"
        raise BadAnswer(
            f"{request.method} {request.host}{request.path}: HTTP {answer.status} sends us to "
            f"{printable(target, 80)}; redirects are not followed",
            hint="check base_url and proxy of this provider",
        )


def _refuse_failure(request: Request, answer: Answer) -> None:
    """Raise for what the HTTP status alone tells, and for a body that is no JSON."""
    where = f"{request.method} {request.host}{request.path}: HTTP {answer.status}"
    if answer.is_json and 200 <= answer.status < 300:
        return
    looks_html = answer.content[:256].lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", "")
    kind = "" if answer.is_json else " with a web page in place of JSON" if looks_html else " without readable JSON"
    if 200 <= answer.status < 300 and looks_html:
        raise Blocked(f"{where}{kind}", hint="a CDN, a geo-block or a captive portal may stand in between")
    if 200 <= answer.status < 300:
        raise BadAnswer(f"{where}{kind} ({len(answer.content)} bytes)")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(f"{where}, too many requests", retry_after=retry_after_s(answer.headers))
    if answer.status >= 500:
        raise Unavailable(f"{where}{kind}", retry_after=retry_after_s(answer.headers))
    if answer.status in (451, 418) or (answer.status == HTTPStatus.FORBIDDEN and not answer.is_json):
        raise Blocked(f"{where}{kind}", hint="this address or country is refused; it says nothing of the key")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise AuthFailed(f"{where}{kind}")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise PermissionDenied(f"{where}{kind}")
    raise BadAnswer(f"{where}{kind}")


def ping(url: str, query: str, body: bytes = b"") -> None:
    """Tell a dead-man service something: a POST, once more where that may help; redirects are not followed.

    The URL is a secret: messages name the host alone. Raises MarketctlError.
    """
    _again(
        lambda: _ping_once(url, query, body),
        wait=lambda _state: 0.5,
        stop=lambda state: state.attempt_number >= 2,
    )


def _ping_once(url: str, query: str, body: bytes) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": USER_AGENT}
    # The whole URL is the base, so that no message has its path.
    client = Client(url, timeout_s=PING_TIMEOUT_S, deadline_s=PING_DEADLINE_S, attempts=1, endpoints=frozenset())
    with client:
        client._watch()
        answer = client._transfer(
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
