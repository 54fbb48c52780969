"""Keep secrets out of whatever is printed, logged or stored: by value, in the forms they travel in.

`redact` is for words (messages, hints, log lines): every secret, also in pieces. `redact_data` is for texts inside
data, before they are encoded: only secrets that no price, code or name can be taken for.
"""

import re
from collections.abc import Iterable
from typing import Any

MASK = "***"
OUR_NAME = "marketctl"  # as a user or a topic it is no secret, and stands in every hint
PIECE = 12  # characters of a secret that tell it from chance
WORDS_MAX = 20_000  # longer texts are no words, and are not looked through piece by piece
_secrets: set[str] = set()
_derived: tuple[set[str], int, frozenset[str], frozenset[str]] = (_secrets, 0, frozenset(), frozenset())

_blank = re.compile(r"[\s\u200b]")
# A channel on this machine: that much of its URL is nobody's secret, and stands in addresses that people need to see.
_loopback = re.compile(r"^\w+://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(?=/)")


def protect(values: list[str]) -> None:
    """Remember secrets; `redact` hides them from now on.

    Values under 4 characters can't be told from words, those of few digits can't be told from numbers.
    """
    values = [_loopback.sub("", value) for value in values]
    lines = [line for value in values for line in value.splitlines() if "\n" in value and not line.startswith("-----")]
    for value in (*values, *lines):  # of a PEM key each line is told apart
        if len(value) < 4 or value == OUR_NAME or (value.isdigit() and len(value) < PIECE):
            continue
        _secrets.update(_forms(value))
        if len(value) >= PIECE:
            _secrets.update(_far_forms(value))


def _forms(value: str) -> set[str]:
    """Return how a value looks plain, in URLs, in JSON, in Python, and in the middle of a base64 text."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    encoded = value.encode("utf-8", "surrogateescape")
    forms = {value, repr(value)[1:-1]}
    urls = {quote(encoded, safe=""), quote(encoded), quote_plus(encoded)}
    forms |= urls | {re.sub("%..", lambda found: found[0].lower(), url) for url in urls}
    forms |= {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    # In the middle of a longer base64 text a value shows up in one of three alignments.
    for pad in range(3):
        cut = base64.b64encode(b"\0" * pad + encoded).decode().rstrip("=")
        core = cut[(0, 2, 3)[pad] : -1]
        if len(core) >= 6:
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


def _far_forms(value: str) -> set[str]:
    """Return how a long value looks in HTML, twice in a URL, and in hexadecimal digits."""
    from urllib.parse import quote

    encoded = value.encode("utf-8", "surrogateescape")
    html = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return {
        html,
        html.replace("'", "&#x27;"),
        html.replace("'", "&#39;"),
        quote(quote(encoded, safe=""), safe=""),
        encoded.hex(),
        encoded.hex().upper(),
    }


def _long_and_pieces() -> tuple[frozenset[str], frozenset[str]]:
    """Return the secrets that nothing else can be taken for, and all their pieces; made when first needed."""
    global _derived
    if _derived[0] is not _secrets or _derived[1] != len(_secrets):
        long = frozenset(form for form in _secrets if len(form) >= PIECE and not form.isdigit())
        bare = {_blank.sub("", form) for form in long if "-----" not in form}
        pieces = frozenset(form[at : at + PIECE] for form in bare for at in range(len(form) - PIECE + 1))
        pieces -= {form[0] * PIECE for form in pieces}  # twelve zeros stand in many an amount
        _derived = (_secrets, len(_secrets), long, pieces)
    return _derived[2:]


def redact(text: str) -> str:
    """Replace every protected secret in words, and pieces of one, also broken by blanks."""
    if not _secrets:
        return text
    text = _replace(text, _secrets)
    return _without_pieces(text, _long_and_pieces()[1]) if PIECE <= len(text) <= WORDS_MAX else text


def redact_data(value: Any) -> Any:
    """Replace long secrets in the texts of data that are not encoded yet; numbers and keys stay as they are."""
    return _redact_data(value, sorted(_long_and_pieces()[0], key=len, reverse=True)) if _secrets else value


def _redact_data(value: Any, long: list[str]) -> Any:
    if isinstance(value, str):
        if len(value) >= PIECE:
            for secret in long:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {key: _redact_data(one, long) for key, one in value.items()}
    if isinstance(value, list | tuple):
        make = getattr(value, "_make", type(value))  # a named tuple stays one
        return make(_redact_data(one, long) for one in value)
    return value


def _replace(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _without_pieces(text: str, pieces: frozenset[str]) -> str:
    places = [at for at, char in enumerate(text) if not _blank.match(char)]
    bare = "".join([text[at] for at in places])
    hits = [at for at in range(len(bare) - PIECE + 1) if bare[at : at + PIECE] in pieces]
    for at in reversed(_runs(hits)):
        first, last = places[at[0]], places[at[1] + PIECE - 1]
        text = f"{text[:first]}{MASK}{text[last + 1 :]}"
    return text


def _runs(hits: list[int]) -> list[tuple[int, int]]:
    """Join pieces that overlap: return the first and the last of each run."""
    runs: list[tuple[int, int]] = []
    for at in hits:
        if runs and at <= runs[-1][1] + PIECE:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs


def redact_bytes(content: bytes) -> bytes:
    """Replace long protected secrets in what is no text."""
    for secret in sorted(_long_and_pieces()[0], key=len, reverse=True):
        content = content.replace(secret.encode("utf-8", "surrogateescape"), MASK.encode())
    return content


# A scheme, and behind it a colon that begins no port: a password without its "@".
_mistyped = re.compile(r"((?:rediss?|unix|https?|socks\w*):)(?=.*:(?!//|\d{1,5}(?:[/?#]|$)))", re.IGNORECASE)


def mask_url(url: str) -> str:
    """Hide user and password of a URL; of one mistyped without "@" all but the scheme."""
    masked = re.sub(r"(?i)(?<=[?&]password=)[^&]*", MASK, re.sub(r"^(\w+://)?.*@", r"\1***@", url))
    if masked != url:
        return masked
    found = _mistyped.match(re.sub(r"\[[0-9A-Fa-f:.]+\]", "", url))
    return f"{found[1]}{MASK}" if found else url


def mask_path(url: str) -> str:
    """Hide all of a URL but scheme and host."""
    return re.sub(r"(?<=[^/:]/).*", MASK, url, count=1)


def path_secrets(url: str) -> list[str]:
    """Return a URL that is secret by its path, without scheme, and its long parts: a short one may be a common word."""
    rest = url.partition("//")[2].rstrip("/")
    return [rest, *(part for part in rest.split("/")[1:] if len(part) >= 16)]


def url_secrets(url: str) -> list[str]:
    """Return the password of a URL, as written and decoded."""
    from urllib.parse import unquote

    found = re.findall(r"://[^:]*:(.*)@|[?&]password=([^&]*)", url)
    return [text for pair in found for raw in pair if raw for text in dict.fromkeys((raw, unquote(raw)))]
