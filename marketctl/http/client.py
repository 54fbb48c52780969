"""The only module that talks HTTP: sessions, time limits, retries, exact numbers, recording.

Retries are tenacity's, driven by the error's class (`retryable`) and by the wait it carries (`retry_after`). Messages
are built from method, host, path and status, because the text of a requests exception holds the whole URL.

An answer is JSON, read with exact numbers, unless its endpoint is declared in `formats` as "xml", "csv" or "text":
then `Answer.body` is the bytes as received (unpacked), `Answer.raw` is true and nothing is parsed or decoded here. A
web page is `blocked` all the same, an empty body and every status but 2xx a failure; the adapter's `failure()` sees
the bytes first. A POST is declared like a GET; its body is recorded as it was before signing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from marketctl.alarms import Alarm
from marketctl.errors import BadAnswer, Blocked, DeadlineExceeded, MarketctlError, RateLimited, Unavailable
from marketctl.http.failures import (
    refuse_failure,
    refuse_redirect,
    tell_moment,
    timed_out,
    transfer_failure,
    unsendable,
)
from marketctl.http.messages import (
    FORMATS,
    SAFE_HEADERS,
    USER_AGENT,
    Answer,
    Exchange,
    Request,
    SameAnswer,
    digest,
    encode_query,
    read_json,
)
from marketctl.http.ratelimit import Pace, Waiting
from marketctl.http.retries import again, too_long, wait_s
from marketctl.http.transport import Lines, Transport, prepared_request
from marketctl.http.unpack import unpacked
from marketctl.lean_imports import import_requests
from marketctl.log import log
from marketctl.times import now_ms

import_requests()

import requests  # noqa: E402
import urllib3.exceptions  # noqa: E402

if TYPE_CHECKING:
    import tenacity

BODY_LIMIT = 16 * 1024 * 1024  # unpacked; an adapter that needs more says so (`body_limit`)

CHUNK = 256 * 1024

sleep = time.sleep


def _nobody(_provider: str | None, _seconds: float, _why: str) -> None:
    """Tell nobody of a wait."""


on_wait: Callable[[str | None, float, str], None] = _nobody  # told before each wait: provider, seconds, why


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
        formats: Mapping[str, str] | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
        body_limit: int = BODY_LIMIT,
        kept_headers: tuple[str, ...] = (),
        other_bases: tuple[str, ...] = (),
        proxy: str | None = None,
        pace: Pace | None = None,
        recording: bool = False,
        provider: str = "",
        lines: Lines | None = None,
    ) -> None:
        self.provider = provider
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).hostname or ""
        self.other_bases = frozenset(other_bases)  # where else its API lives: nobody else is ever asked
        self.timeout_s = timeout_s
        self.deadline = time.monotonic() + deadline_s
        self.deadline_s = deadline_s
        self.attempts = attempts
        self.endpoints = endpoints
        self.formats, self.columns = formats or {}, columns or {}
        self.body_limit = body_limit
        self.kept_headers = SAFE_HEADERS.union(kept_headers)
        self.pace = pace
        self.clock_offset_ms = 0
        self.requests = self.retries = self.bytes = 0
        self.recorded: list[Exchange] | None = [] if recording else None
        self.known: str | None = None  # digest of a good body; when it comes again, SameAnswer ends the reading
        self.heard: str | None = None  # and of the last one, where `known` is looked for
        self._lines, self._way = lines, f"{self.base_url} {proxy or ''}"
        self._transport = lines.lend(self._way) if lines else Transport()
        # Time limits of sockets start anew with each byte: only this ends an answer that drips.
        self._watchdog: Alarm | None = None
        self._closed = False
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
        if self._lines and self.left_s() > 1:  # later the watchdog may be at work just now
            self._lines.give_back(self._way, self._transport)
        elif not self._closed:
            self._transport.close()
        self._lines, self._closed = None, True

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
        base: str | None = None,
    ) -> Answer:
        """Send one request, again where its failure is worth it, and return a good answer.

        `check` raises the provider's own error for an answer that tells one. `sign` runs anew on
        every attempt. `base` asks there, if it is one of `other_bases`. Raises a MarketctlError of any kind.
        """
        if f"{method} {path}" not in self.endpoints:
            raise ValueError(f"{method} {path} is not among the endpoints its adapter declares")
        if base is not None and base not in self.other_bases:
            raise ValueError(f"{base} is not among the hosts its adapter declares")
        host = urlsplit(base).hostname or "" if base else self.host
        self.watch()
        accept = FORMATS.get(self.formats.get(f"{method} {path}", ""), "application/json")

        def attempt() -> Answer:
            self._wait_for_turn(weight)
            request = Request(
                method,
                host,
                path,
                encode_query(dict(query or {})),
                now_ms() + self.clock_offset_ms,
                {"Accept": accept, "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT},
                body,
                base or self.base_url,
                sign is None,
            )
            request.headers.update(headers or {})
            if sign is not None:
                try:
                    sign(request)
                except UnicodeError:
                    raise unsendable(f"{method} {host}{path}") from None
            return self._send(request, query or {}, body, check)

        try:
            return again(attempt, sleep=sleep, wait=wait_s, stop=self._give_up, before_sleep=self._count_retry)
        except (RateLimited, Unavailable, Blocked) as error:
            tell_moment(error, now_ms())
            raise

    def watch(self) -> None:
        """Cut all connections when the deadline comes."""
        if self._watchdog is None:
            self._watchdog = Alarm(self.left_s(), self._transport.cut)
            self._watchdog.start()

    def left_s(self) -> float:
        """Return the seconds left until the deadline."""
        return self.deadline - time.monotonic()

    def _wait_for_turn(self, weight: float) -> None:
        left = self.left_s()
        wait = self.pace.reserve(weight, left) if self.pace and left > 0 else 0.0
        if wait > max(0.0, left):
            told = f"this machine's share of the rate limit is used up for {max(1, wait):.0f} s"
            raise Waiting(f"{self.host}: {told}", retry_after=wait)
        if wait > 0:
            on_wait(self.provider, wait, "own pace")
            sleep(wait)

    def _give_up(self, state: "tenacity.RetryCallState") -> bool:
        return state.attempt_number >= self.attempts or too_long(state, self.left_s())

    def _count_retry(self, state: "tenacity.RetryCallState") -> None:
        self.retries += 1
        error = state.outcome.exception() if state.outcome else None
        on_wait(self.provider, state.upcoming_sleep, getattr(error, "reason", ""))

    def _send(
        self, request: Request, query: Mapping[str, str], body: bytes | None, check: Callable[[Answer], None]
    ) -> Answer:
        started = now_ms()
        self.requests += 1
        exchange = Exchange(request.method, request.path, dict(query), None, {}, b"", started, 0, request_body=body)
        try:
            answer = self.transfer(request, exchange)
            refuse_redirect(request, answer)
            check(answer)
            refuse_failure(request, answer, self.provider)
        except MarketctlError as error:
            exchange.error = error.reason
            if self.pace is not None:
                self.pace.heed(error, now_ms())
            raise
        finally:
            if exchange.status is None:
                exchange.duration_ms = now_ms() - started
            log.debug(
                "%s %s%s: %s, %d bytes, %d ms",
                request.method,
                request.host,
                request.path,
                exchange.error or exchange.status,
                len(exchange.content),
                exchange.duration_ms,
                extra={"provider": self.provider},
            )
            if self.recorded is not None:
                self.recorded.append(exchange)
        return answer

    def transfer(self, request: Request, exchange: Exchange) -> Answer:
        """Send it once and read the answer, whatever it says. Raises NetworkFailed, TimedOut, DeadlineExceeded ..."""
        base, where = request.base or self.base_url, f"{request.method} {request.host}{request.path}"
        left = self.left_s()
        if left <= 0:
            raise self._too_late(where)
        url = f"{base}{request.path}" + (f"?{request.query}" if request.query else "")
        settings = self._transport.settings(base, self._proxies)
        timeout = min(self.timeout_s, left)
        sent = now_ms()
        encoding = None
        try:
            prepared = prepared_request(request, url)
            # Not Session.send: it follows a redirect in thought, and reads its body without limit.
            response = self._transport.session.get_adapter(url).send(prepared, timeout=timeout, **settings)
            encoding = response.headers.get("Content-Encoding")
            with response:
                content = self._read(response, where, encoding or "")
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, OSError) as error:
            if self.left_s() <= 0 or (timed_out(error) and timeout < self.timeout_s):
                raise self._too_late(where) from error
            secret = isinstance(error, UnicodeError | requests.exceptions.InvalidHeader)  # the header's value is in it
            # It is given no name here: by that it would hold its own connection.
            raise transfer_failure(where, error, timeout, encoding) from (None if secret else error)
        received = now_ms()
        headers = {name.lower(): value for name, value in response.headers.items()}
        exchange.started_ms, exchange.duration_ms = sent, received - sent
        exchange.headers = {name: value for name, value in headers.items() if name in self.kept_headers}
        exchange.status, exchange.content = response.status_code, content
        if self.known is not None:
            self.heard = digest(content)
            if self.heard == self.known and response.ok:
                raise SameAnswer(where)
        raw = (endpoint := f"{request.method} {request.path}") in self.formats
        body, is_json = (content, False) if raw else read_json(content, self.columns.get(endpoint, ()))
        return Answer(response.status_code, headers, body, content, is_json, sent, received, raw, where, request.public)

    def _read(self, response: requests.Response, where: str, encoding: str) -> bytes:
        parts, size = list[bytes](), 0
        # read1 returns what one receive brought. Of a failure the status counts, whatever is left of its words.
        received = iter(lambda: response.raw.read1(CHUNK, decode_content=False), b"")
        for chunk in unpacked(received, encoding, whole=response.ok):
            parts.append(chunk)
            size += len(chunk)
            self.bytes += len(chunk)
            if size > self.body_limit:
                raise BadAnswer(f"{where}: the body is larger than {self.body_limit // 1024 // 1024} MiB")
        if self.left_s() <= 0:  # cut off by the watchdog, which may look like a good end
            raise self._too_late(where)
        return b"".join(parts)

    def _too_late(self, where: str) -> DeadlineExceeded:
        return DeadlineExceeded(f"{where}: {self.deadline_s:g} s are over (deadline_s)", hint="try again, or raise it")
