"""Faults on demand. A spec is `PROVIDER[/path]=KIND[:ARGUMENT][*TIMES]`; `*` is every provider.

Examples: `BYBIT=html`, `KUCOIN/api/v3/currencies=429:2*1` (once, with Retry-After 2), `*=slow:0.5`.
"""

import gzip
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from marketctl.sandbox import shocks

if TYPE_CHECKING:
    from marketctl.sandbox.base import Api, Reply

KINDS = {
    "429": "HTTP 429 with a plain text body; the argument is Retry-After in seconds",
    "500": "HTTP 500 with an empty body",
    "503": "HTTP 503 with an HTML page",
    "451": "HTTP 451 with an HTML page",
    "403": "HTTP 403 with an HTML page",
    "401": "HTTP 401 with an empty body",
    "html": "HTTP 200 with an HTML page",
    "redirect": "HTTP 302 to another host",
    "drop": "the connection closes without an answer",
    "slow": "the answer comes after so many seconds",
    "drip": "the body comes in 64-byte pieces, so many seconds apart",
    "cut": "the connection closes in the middle of the body",
    "truncated": "the JSON ends in the middle, the HTTP answer is whole",
    "types": "every value has another type",
    "empty-object": "the body is {}",
    "empty-list": "every list in the answer is empty",
    "empty": "HTTP 200 without a body",
    "bomb": "a small gzip body that unpacks to 200 MiB",
    "skew": "the server's clock is so many milliseconds off",
    "rate-limit": "the provider's own rate-limit answer",
    "bad-key": "the provider's own answer to an unknown key",
    "bad-signature": "the provider's own answer to a wrong signature",
    "clock": "the provider's own answer to a wrong timestamp",
    "ip": "the provider's own answer to an address that is not allowed",
    "permission": "the provider's own answer to a missing permission",
    "maintenance": "the provider's own answer under maintenance",
    "error": "the provider's own answer to a fault of its servers",
    **shocks.KINDS,
}
PAGE = b"<!DOCTYPE html><html><head><title>Attention Required</title></head><body>Access denied</body></html>"
_spec = re.compile(
    r"(?P<provider>[A-Z0-9_-]+|\*)(?P<path>/[^=]*)?=(?P<kind>[a-z0-9-]+)(?::(?P<arg>[^*]+))?(?:\*(?P<times>\d+))?"
)

_count = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?").fullmatch


@dataclass
class Fault:
    """One fault on one provider's endpoints; `left` counts down where it has a number of times."""

    provider: str
    path: str
    kind: str
    argument: str | None
    left: float
    since: float = field(default_factory=time.monotonic, compare=False)
    kept: dict[str, "Reply"] = field(default_factory=dict, compare=False)  # the answers of a source that stands still

    @classmethod
    def parse(cls, spec: str) -> "Fault":
        """Read a spec. Raises ValueError that says what was expected."""
        found = _spec.fullmatch(spec)
        if not found:
            raise ValueError(f"fault {spec!r}: expected PROVIDER[/path]=KIND[:ARGUMENT][*TIMES]")
        if found["kind"] in ("slow", "drip", "skew") and not _count(found["arg"] or "1"):
            raise ValueError(f"fault {spec!r}: {found['kind']} takes a number, found {found['arg']!r}")
        if wrong := shocks.check(found["kind"], found["arg"]):
            raise ValueError(f"fault {spec!r}: {wrong}")
        left = float(found["times"] or "inf")
        return cls(found["provider"], found["path"] or "", found["kind"], found["arg"], left)

    def __str__(self) -> str:
        argument = f":{self.argument}" if self.argument else ""
        times = "" if self.left == float("inf") else f"*{self.left:.0f}"
        return f"{self.provider}{self.path}={self.kind}{argument}{times}"

    def hits(self, path: str) -> bool:
        """Tell whether a call of this path meets the fault."""
        quiet = self.kind == "skew" or self.kind in shocks.PRICED
        return self.left > 0 and not quiet and path.startswith(self.path)

    def early(self, api: "Api") -> "Reply | None":
        """Return what comes in place of the real answer; None to let that be made first."""
        from marketctl.sandbox.base import Reply

        page = {"Content-Type": "text/html"}
        if self.kind in api.errors:
            return api.errors[self.kind]
        if self.kind == "429":
            return Reply(b"too many requests", 429, {"Retry-After": self.argument} if self.argument else {})
        if self.kind in ("500", "401"):
            return Reply(b"", int(self.kind))
        if self.kind in ("503", "451", "403"):
            return Reply(PAGE, int(self.kind), page)
        if self.kind == "html":
            return Reply(PAGE, 200, page)
        if self.kind == "redirect":
            return Reply(b"", 302, {"Location": "https://elsewhere.example/login"})
        if self.kind == "drop":
            return Reply(b"", 200, {"_drop": "1"})
        if self.kind == "empty-object":
            return Reply({})
        if self.kind == "empty":
            return Reply(b"")
        if self.kind == "bomb":
            return Reply(_bomb(), 200, {"Content-Encoding": "gzip"})
        if self.kind == "slow":
            time.sleep(float(self.argument or 1))
        return None

    def late(self, reply: "Reply", called: str = "") -> "Reply":
        """Return the real answer, spoilt; the answer itself may be a constant and stays as it is."""
        if self.kind in ("halted", "closed"):
            return shocks.spoil(self, reply)
        if self.kind == "still":
            return self.kept.setdefault(called, reply)
        content = reply.content()
        if self.kind == "cut":
            headers = {**reply.headers, "Content-Length": str(len(content)), "Content-Encoding": "identity"}
            return replace(reply, body=content[: len(content) // 2], headers=headers)
        if self.kind == "truncated":
            return replace(reply, body=content[: len(content) // 2])
        if self.kind == "types" and content:
            return replace(reply, body=_changed(content, _other_types, _letters))
        if self.kind == "empty-list" and content:
            return replace(reply, body=_changed(content, _without_rows, _without_children))
        if self.kind == "drip":
            headers = {**reply.headers, "_drip": self.argument or "0.1", "Content-Encoding": "identity"}
            return replace(reply, headers=headers)
        return reply


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (200 * 1024 * 1024), 1)


def _changed(content: bytes, of_json: Callable[[Any], Any], of_xml: Callable[[bytes], bytes]) -> Any:
    try:
        return of_json(json.loads(content))
    except ValueError:
        return of_xml(content)


def _letters(content: bytes) -> bytes:
    """Turn the digits between the tags and in attributes into letters; the declaration stays."""
    head, end, rest = content.partition(b"?>")
    return head + end + re.sub(rb"[0-9]", b"x", rest)


def _without_children(content: bytes) -> bytes:
    """Leave the root alone, with its attributes."""
    from xml.etree import ElementTree as ET

    root = ET.fromstring(content)  # noqa: S314  (what this sandbox made itself)
    root[:] = []
    spoilt: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return spoilt


def _other_types(value: Any) -> Any:
    """Turn lists into texts and texts into objects, but keep the envelope's codes so that it looks like success."""
    if isinstance(value, dict):
        return {
            key: one if key in ("code", "retCode", "status", "success") else _other_types(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return "a text"
    return {"value": value} if isinstance(value, str) else value


def _without_rows(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_rows(one) for key, one in value.items()}
    return [] if isinstance(value, list) else value
