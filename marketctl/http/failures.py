"""Failures told in our words, from method, host, path and status: a requests exception holds the whole URL."""

import ssl
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from marketctl.errors import (
    BadAnswer,
    Blocked,
    ConfigError,
    MarketctlError,
    NetworkFailed,
    RateLimited,
    TimedOut,
    Unavailable,
)
from marketctl.http.messages import Answer, Request, page_told
from marketctl.http.verdicts import class_of_status, named_wait, next_step
from marketctl.lean_imports import import_requests
from marketctl.text import printable
from marketctl.times import to_iso

import_requests()

import requests  # noqa: E402
import urllib3.exceptions  # noqa: E402


def unsendable(where: str) -> ConfigError:
    """Return what is raised for a credential that no header or query can hold."""
    return ConfigError(
        f"{where}: a credential has characters that cannot be sent, such as a line break",
        hint="set it anew: marketctl credentials set",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what lies under it, the outermost first."""
    seen: BaseException | None = error
    for _ in range(20):
        if seen is None:
            return
        yield seen
        reason = getattr(seen, "reason", None)
        nested = next((one for one in seen.args if isinstance(one, BaseException)), None)
        seen = reason if isinstance(reason, BaseException) else nested or seen.__cause__ or seen.__context__


def timed_out(error: BaseException) -> bool:
    """Tell whether nothing came within the time one request has."""
    return isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)


def transfer_failure(where: str, error: BaseException, timeout_s: float, encoding: object) -> MarketctlError:
    """Tell why a request could not be sent, or its answer not be received."""
    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        of_answer = error.args and isinstance(error.args[0], urllib3.exceptions.InvalidHeader)
        return network_failure(where, error) if of_answer else unsendable(where)
    if timed_out(error):
        told = f"{where}: no answer within {timeout_s:g} s"
        return TimedOut(told, hint="raise timeout_s, or try again later")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return BadAnswer(f"{where}: the body is not the {printable(encoding, 40)} it says", hint=_ON_THE_WAY)
    if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return network_failure(where, error)
    return no_bundle(where, error)


def network_failure(where: str, error: BaseException) -> MarketctlError:
    """Tell what broke on the way, in the words of the system, without the URL a requests error carries."""
    causes = list(_causes(error))
    handshake = any(getattr(one, "in_handshake", False) for one in causes)
    for one in causes:
        if isinstance(one, urllib3.exceptions.InvalidHeader):
            return NetworkFailed(f"{where}: the answer tells its length twice, and differently", hint=_ON_THE_WAY)
        if isinstance(one, requests.exceptions.InvalidSchema) and "SOCKS" in str(one):
            return ConfigError(
                f"{where}: its proxy is a SOCKS one, which needs a package more",
                hint="pip install PySocks (the extra socks)",
            )
        if isinstance(one, ssl.SSLCertVerificationError):
            return NetworkFailed(f"{where}: TLS failed: {_certificate(one)}", hint=_certificate_hint(one))
    for one in causes:
        if handshake and isinstance(one, ConnectionResetError | BrokenPipeError | ssl.SSLEOFError):
            return NetworkFailed(
                f"{where}: the connection was cut in the TLS handshake, before anything was asked",
                hint="set `base_url` of your region, or `proxy`: a firewall or a region's block may do that",
            )
        if isinstance(one, urllib3.exceptions.SSLError):
            return NetworkFailed(f"{where}: TLS failed: {printable(one.args[0] if one.args else '')}", hint=_ON_THE_WAY)
    return NetworkFailed(f"{where}: {_broke(causes, error)}", hint=next_step(NetworkFailed, ""))


_ON_THE_WAY = "check `base_url` and `proxy`: something on the way does not speak as it should"


def _broke(causes: list[BaseException], error: BaseException) -> str:
    for one in causes:
        if type(one).__name__ == "RemoteDisconnected":
            return "the connection was closed without an answer"
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return printable(one.strerror)
        if isinstance(one, urllib3.exceptions.IncompleteRead):
            return "the connection broke in the middle of the answer"
    if any(isinstance(one, urllib3.exceptions.ProtocolError) for one in causes):
        return "the connection broke in the middle of the answer"
    return printable(type(error).__name__)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    words = printable(error.verify_message or error.reason or "the certificate is not valid", 120)
    if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return f"the certificate has expired ({words})"
    if error.verify_code == 9:
        return f"the certificate is not valid yet ({words})"
    if error.verify_code in (62, 64):  # host name, IP address
        return f"the certificate is of another host ({words})"
    if error.verify_code in (2, 18, 19, 20, 21):
        return f"the certificate is signed by nobody this machine trusts ({words})"
    return f"the certificate is refused ({words})"


def _certificate_hint(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (9, 10):
        return "check this machine's clock; where that is right, the provider has to renew it"
    if error.verify_code in (62, 64):
        return "check `base_url` and `proxy`: another server answers"
    return "where a proxy opens TLS, name its certificate in REQUESTS_CA_BUNDLE; never switch verification off"


def no_bundle(where: str, error: BaseException) -> MarketctlError:
    """Tell an error of the system on the way out: mostly a bundle of certificates that is not there."""
    if "TLS CA certificate bundle" in str(error):
        return ConfigError(  # the same for whomever we asked
            printable(error), hint="set REQUESTS_CA_BUNDLE to a file that is there, or unset it"
        )
    return NetworkFailed(f"{where}: {printable(getattr(error, 'strerror', None) or type(error).__name__)}")


def tell_moment(error: MarketctlError, now: int) -> None:
    """Have the hint of a wait say its moment."""
    until = error.until_ms
    if until is None and error.retry_after is not None:
        until = now + round(error.retry_after * 1000)
    if until is not None and not (error.hint or "").startswith("not before"):
        more = f"; {error.hint}" if error.until_ms is not None and error.hint else ""
        error.hint = f"not before {to_iso(until)}{more}"


# Nobody asked for them: we name no older answer and no range.
PARTS: dict[int, str] = {
    HTTPStatus.PARTIAL_CONTENT: "a part of an answer, where the whole was asked for",
    HTTPStatus.NOT_MODIFIED: "not modified, where the whole answer was asked for",
}


def refuse_redirect(request: Request, answer: Answer) -> None:
    """Raise BadAnswer for an answer that sends elsewhere, keys go to the configured host alone, or is not the whole."""
    if answer.status in PARTS:
        raise BadAnswer(
            f"{request.method} {request.host}{request.path}: HTTP {answer.status}, {PARTS[answer.status]}",
            hint="check base_url and proxy of this provider: a cache in between is at fault",
        )
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


def refuse_failure(request: Request, answer: Answer, provider: str = "") -> None:
    """Raise for what the HTTP status alone tells, and for a body that is not what its endpoint speaks."""
    good = 200 <= answer.status < 300
    page = page_told(answer)
    if good and (answer.is_json or (answer.raw and answer.content.strip() and not page)):
        return
    told = f"{request.method} {request.host}{request.path}: HTTP {answer.status}"
    if page:
        told += page
    elif answer.raw:
        told += "" if answer.content.strip() else " without a body"
    elif not answer.is_json and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        told += " without readable JSON"
    if good and page:
        raise Blocked(told, hint="open it in a browser: a CDN, a geo-block or a captive portal may stand in between")
    if good:
        raise BadAnswer(f"{told} ({len(answer.content)} bytes)", hint=next_step(BadAnswer, provider))
    kind = class_of_status(answer)
    wait, until_ms = named_wait(answer) if issubclass(kind, RateLimited | Blocked | Unavailable) else (None, None)
    told += ", too many requests" if kind is RateLimited else ""
    hint = None if until_ms is not None else next_step(kind, provider)
    raise kind(told, retry_after=wait, until_ms=until_ms, hint=hint)
