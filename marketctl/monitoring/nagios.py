"""One line and an exit code for monitoring plugins."""

from collections.abc import Iterable, Sequence

from marketctl.check.health import SKEW_FAIL_MS, SKEW_WARN_MS, Health
from marketctl.redact import redact
from marketctl.text import printable

LINE_MAX = 80

NAGIOS = {"pass": 0, "warn": 1, "unconfigured": 1, "fail": 2, "unknown": 3}

WORDS = (("OK", "healthy"), ("WARNING", "warn"), ("CRITICAL", "fail"), ("UNKNOWN", "unknown"))

NAGIOS_UNKNOWN = 3


def nagios_exit(results: Iterable[Health]) -> int:
    """Return the worst state as monitoring plugins do: a failure says more than what is not known."""
    return max((NAGIOS[health.status] for health in results), key=(0, 1, 3, 2).index, default=0)


def nagios_line(results: Sequence[Health], duration_ms: int, max_age_s: float | None = None) -> str:
    """Return the whole line: state and what is wrong, then the figures."""
    code = nagios_exit(results)
    state, word = WORDS[code]
    found = {
        health.provider: [check for check in health.checks if NAGIOS.get(check.status, 0) == code]
        for health in results
        if NAGIOS[health.status] == code
    }
    items = [f"{name} {'+'.join(check.check for check in checks)}" for name, checks in found.items()]
    head = f"MARKETCTL {state} - "
    if code == 0:
        text = head + (f"{results[0].provider} healthy" if len(results) == 1 else f"{len(results)} providers healthy")
    else:
        if len(results) > 1:
            head += f"{len(found)} of {len(results)} {word}: "
        text = head + _fit(items, LINE_MAX - len(head))
        only = [check for checks in found.values() for check in checks]
        if len(only) == 1:
            text += f": {redact(only[0].message or '')}"
    return f"{_plain(text)} | {' '.join(_figures(results, duration_ms, max_age_s))}"


def nagios_unknown(message: str) -> str:
    """Return the line of a check that could not be made."""
    return _plain(f"MARKETCTL UNKNOWN - {redact(message)}")


def _fit(items: Sequence[str], room: int) -> str:
    """Join as many items as there is room for."""
    text = ", ".join(items)
    kept = len(items)
    while len(text) > room and kept > 1:
        kept -= 1
        text = f"{', '.join(items[:kept])}, +{len(items) - kept} more"
    return text


def _plain(text: str) -> str:
    """Fit a text into the line: `|` would begin the figures."""
    return printable(text.replace("|", "/"), LINE_MAX)


def _figures(results: Iterable[Health], duration_ms: int, max_age_s: float | None) -> Iterable[str]:
    yield f"time={duration_ms / 1000:.3f}s"
    limit = "" if max_age_s is None else f";;{max_age_s:g}"
    skew = f";-{SKEW_WARN_MS}:{SKEW_WARN_MS};-{SKEW_FAIL_MS}:{SKEW_FAIL_MS}"
    for health in results:
        name = health.provider
        if health.quotes is not None:
            yield f"{name}_quotes={health.quotes}"
        if health.published_age_ms is not None:
            yield f"{name}_age={health.published_age_ms / 1000:.3f}s{limit}"
        if health.clock_skew_ms is not None:
            yield f"{name}_skew={health.clock_skew_ms}ms{skew}"
        yield f"{name}_time={health.duration_ms / 1000:.3f}s"
