"""Keep secrets out of whatever is printed, logged or stored: by value, in every form they travel in."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

MASK = "***"
_secrets: set[str] = set()


def protect(values: list[str]) -> None:
    """Remember secrets; `redact` hides them from now on. Values under 4 characters can't be told from words."""
    lines = [line for value in values for line in value.splitlines() if "\n" in value and not line.startswith("-----")]
    for value in (*values, *lines):  # of a PEM key each line is told apart
        if len(value) < 4:
            continue
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
        _secrets.update(forms)


def redact(text: str) -> str:
    """Replace every protected secret in a text."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def redact_bytes(content: bytes) -> bytes:
    """Replace every protected secret in what is no text."""
    for secret in sorted(_secrets, key=len, reverse=True):
        content = content.replace(secret.encode("utf-8", "surrogateescape"), MASK.encode())
    return content


def mask_url(url: str) -> str:
    """Hide user and password of a URL."""
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", re.sub(r"^(\w+://)?.*@", r"\1***@", url))


def mask_path(url: str) -> str:
    """Hide all of a URL but scheme and host."""
    return re.sub(r"(?<=[^/:]/).*", "***", url, count=1)


def path_secrets(url: str) -> list[str]:
    """Return a URL that is secret by its path, without scheme, and its long parts: a short one may be a common word."""
    rest = url.partition("//")[2].rstrip("/")
    return [rest, *(part for part in rest.split("/")[1:] if len(part) >= 16)]


def url_secrets(url: str) -> list[str]:
    """Return the password of a URL, as written and decoded."""
    from urllib.parse import unquote

    found = re.findall(r"://[^:]*:(.*)@|[?&]password=([^&]*)", url)
    return [text for pair in found for raw in pair if raw for text in dict.fromkeys((raw, unquote(raw)))]
