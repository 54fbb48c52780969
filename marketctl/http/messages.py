"""What goes over the wire as adapters and dumps see it: requests, answers, exchanges; exact JSON."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from marketctl import __version__
from marketctl.http.columns import read_long

USER_AGENT = f"marketctl/{__version__} (python-requests)"

# Answer headers that say nothing of us, beside those an adapter declares (`kept_headers`); the rest stays out of dumps.
SAFE_HEADERS = frozenset(
    "age cache-control content-encoding content-length content-type date etag expires last-modified retry-after server "
    "via vary".split()
)

# What an answer may be beside JSON, and how it is asked for.
FORMATS = {
    "xml": "application/xml, text/xml",
    "csv": "text/csv",
    "text": "text/plain",
}

LONG = 20_000  # bytes of JSON that are worth a faster decoder's import


@dataclass(eq=False, repr=False, slots=True)  # its headers hold what nobody should see
class Request:
    """One attempt, as a signer sees it: it may append to `query`, set headers and the body.

    `query` is the encoded text as it will be sent; `timestamp_ms` is the provider's clock as far
    as known. `host` is without port; `base` is scheme, host and port as they are asked.
    """

    method: str
    host: str
    path: str
    query: str
    timestamp_ms: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    base: str = ""
    public: bool = False  # asked without a key


class Answer(NamedTuple):
    """One answer: parsed body, status, headers (lower-case names), times in ms and the bytes as received.

    `raw` marks one of an endpoint that was declared as XML, CSV or text: `body` is the bytes there, whatever the
    status. `where` names the request: "GET api.example.com/v1/time". `public` marks one that was asked without a key.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    content: bytes
    is_json: bool
    sent_ms: int
    received_ms: int
    raw: bool = False
    where: str = ""
    public: bool = False


@dataclass(eq=False, repr=False, slots=True)
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
    request_body: bytes | None = None


class SameAnswer(Exception):
    """The answer is, byte by byte, the one that was read before."""


def digest(content: bytes) -> str:
    """Return what tells one body from another."""
    from hashlib import sha256

    return sha256(content).hexdigest()


def read_json(content: bytes, names: Sequence[str] = ()) -> tuple[Any, bool]:
    """Return the value of a JSON text, numbers exact, and True; None and False for what is no JSON.

    A long list of rows that have these `names` may come in `Columns`. Of a field told twice the last one counts: to
    refuse it would cost a third more time for every answer.
    """
    trouble = (ValueError, ArithmeticError, RecursionError)  # ArithmeticError: an exponent beyond Decimal's
    if len(content) >= LONG:
        with suppress(*trouble):
            return read_long(content, names), True
    try:
        return _loads(content), True
    except trouble:
        return None, False


def _loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def looks_html(content: bytes, content_type: str = "") -> bool:
    """Tell a web page from anything else, XML included."""
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return True
    return "html" in content_type.lower() and not start.startswith((b"<?xml", b"{", b"["))


def page_told(answer: Answer) -> str:
    """Return the words for a web page that came in place of data; "" for anything else."""
    if answer.is_json or not looks_html(answer.content, answer.headers.get("content-type", "")):
        return ""
    return f" with a web page in place of {'data' if answer.raw else 'JSON'}"


def encode_query(params: dict[str, str] | list[tuple[str, str]]) -> str:
    """Encode parameters by RFC 3986 (upper-case hex, space as %20), in the order given."""
    pairs = params.items() if isinstance(params, dict) else params
    return "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
