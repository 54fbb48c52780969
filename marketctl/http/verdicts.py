"""What an answer's status and headers alone tell: the error's class, the wait it names, what to do next.

Adapters read it too, so nothing heavy is imported here.
"""

from collections.abc import Mapping

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    IpNotAllowed,
    Maintenance,
    MarketctlError,
    NetworkFailed,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer

UNAUTHORIZED, FORBIDDEN, TOO_MANY_REQUESTS = 401, 403, 429

# What to do next, by kind. {provider} is its name in the registry.
NEXT: Mapping[type[MarketctlError], str] = {
    AuthFailed: "marketctl credentials set {provider}",
    PermissionDenied: "marketctl check {provider}, to see what the key or its plan may do",
    IpNotAllowed: "add this machine's address to the key at the provider, or ask through `proxy`",
    ClockSkew: "sync this machine's clock (NTP)",
    Blocked: "set `proxy`, or the region's `base_url`: this address or country is refused, not the key",
    RateLimited: "ask less often, or from fewer machines",
    Unavailable: "try again later: the provider's servers failed",
    Maintenance: "wait until it is over",
    BadAnswer: "keep the answer and report it: marketctl dump all -p {provider}",
    NetworkFailed: "check this machine's network, `proxy` and `base_url`",
}


def next_step(kind: type[MarketctlError], provider: str) -> str | None:
    """Return what to do after a failure of this kind."""
    told = next((NEXT[one] for one in kind.__mro__ if one in NEXT), None)
    return told and told.format(provider=provider or "PROVIDER")


def retry_after_s(headers: Mapping[str, str], received_ms: int) -> float | None:
    """Read Retry-After: seconds, or a date, by the server's own clock where told. None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _http_date(value)
    if until is None:
        return None
    now = _http_date(headers.get("date", ""))
    return max(0.0, until - (received_ms / 1000 if now is None else now))


def _http_date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def named_wait(answer: Answer) -> tuple[float | None, int | None]:
    """Return the wait that an answer's Retry-After names, in seconds and as its moment (ms); None where it has none."""
    wait = retry_after_s(answer.headers, answer.received_ms)
    return wait, None if wait is None else moment(answer, wait)


def moment(answer: Answer, wait_s: float) -> int:
    """Return when a wait that came with this answer ends (ms)."""
    return answer.received_ms + round(wait_s * 1000)


def class_of_status(answer: Answer) -> type[MarketctlError]:
    """Choose the error for a status that no adapter explains."""
    if answer.status == TOO_MANY_REQUESTS:
        return RateLimited
    if answer.status >= 500:
        return Unavailable
    if answer.status in (451, 418):
        return Blocked
    if answer.status == FORBIDDEN and (answer.public or not answer.is_json):
        return Blocked  # what was asked without a key is refused to the address
    if answer.status == UNAUTHORIZED:
        return AuthFailed
    return PermissionDenied if answer.status == FORBIDDEN else BadAnswer
