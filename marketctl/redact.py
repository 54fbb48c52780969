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
