"""Failures told in our words, from method, host, path and status: a requests exception holds the whole URL."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ConfigError,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request, looks_html
from marketctl.lean_imports import import_requests
from marketctl.text import printable

import_requests()

import requests  # noqa: E402
import urllib3.exceptions  # noqa: E402


class OutOfBudget(RateLimited):
    """Our own pacing would hold the job past its deadline: waiting in a retry loop cannot help."""

    retryable = False


def unsendable(where: str) -> ConfigError:
    return ConfigError(
        f"{where}: a credential has characters that cannot be sent, such as a line break",
        hint="set it anew: marketctl credentials set",
    )


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


def cause_of(error: BaseException) -> str:
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


def refuse_redirect(request: Request, answer: Answer) -> None:
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


def refuse_failure(request: Request, answer: Answer) -> None:
    """Raise for what the HTTP status alone tells, and for a body that is not what its endpoint speaks."""
    where = f"{request.method} {request.host}{request.path}: HTTP {answer.status}"
    page = not answer.is_json and looks_html(answer.content, answer.headers.get("content-type", ""))
    if 200 <= answer.status < 300 and (answer.is_json or (answer.raw and answer.content.strip() and not page)):
        return
    if page:
        kind = f" with a web page in place of {'data' if answer.raw else 'JSON'}"
    elif answer.raw:
        kind = "" if answer.content.strip() else " without a body"
    else:
        kind = "" if answer.is_json else " without readable JSON"
    if 200 <= answer.status < 300 and page:
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
