"""Tell the health of providers to monitoring systems: one Nagios line, or Prometheus' text for a textfile collector.

The Nagios text has at most 80 characters; figures follow after the `|`. Unknown figures are left out of both.
"""

from collections.abc import Iterable, Mapping, Sequence

from marketctl.check import SKEW_FAIL_MS, SKEW_WARN_MS, UNHEALTHY, Health
from marketctl.fields import printable
from marketctl.redact import redact

LINE_MAX = 80
NAGIOS = {"pass": 0, "warn": 1, "unconfigured": 1, "fail": 2, "unknown": 3}
WORDS = (("OK", "healthy"), ("WARNING", "warn"), ("CRITICAL", "fail"), ("UNKNOWN", "unknown"))
NAGIOS_UNKNOWN = 3

Sample = tuple[Mapping[str, str], float | int]


# Nagios -----------------------------------------------------------------------------------------


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
            text += f": {only[0].message}"
    return f"{_plain(text)} | {' '.join(_figures(results, duration_ms, max_age_s))}"


def nagios_unknown(message: str) -> str:
    """Return the line of a check that could not be made."""
    return _plain(f"MARKETCTL UNKNOWN - {message}")


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
    return printable(redact(text).replace("|", "/"), LINE_MAX)


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


# Prometheus -------------------------------------------------------------------------------------


def prometheus_text(results: Sequence[Health]) -> str:
    """Return all gauges; sub-checks that were skipped have none."""
    made = [(health, check) for health in results for check in health.checks if check.status != "skipped"]

    def of(figures: Iterable[tuple[Health, float | int | None]]) -> list[Sample]:
        return [({"provider": health.provider}, value) for health, value in figures if value is not None]

    families: list[tuple[str, str, list[Sample]]] = [
        (
            "marketctl_healthy",
            "1 if none of the provider's checks failed or is unknown, else 0.",
            of((health, int(health.healthy)) for health in results),
        ),
        (
            "marketctl_check_status",
            "1 if this check is healthy (pass, warn or unconfigured), 0 if not (fail or unknown).",
            [
                (
                    {"provider": health.provider, "check": check.check, "status": check.status},
                    int(check.status not in UNHEALTHY),
                )
                for health, check in made
            ],
        ),
        (
            "marketctl_check_duration_seconds",
            "How long this check took.",
            [({"provider": health.provider, "check": check.check}, check.duration_ms / 1000) for health, check in made],
        ),
        (
            "marketctl_clock_skew_seconds",
            "The provider's clock minus this machine's.",
            of((health, _seconds(health.clock_skew_ms)) for health in results),
        ),
        (
            "marketctl_published_age_seconds",
            "The age of the published quotes.",
            of((health, _seconds(health.published_age_ms)) for health in results),
        ),
        ("marketctl_quotes", "Quotes read by this check.", of((health, health.quotes) for health in results)),
        (
            "marketctl_quota_remaining",
            "What the provider's plan has left, in its own units.",
            of((health, health.quota.remaining if health.quota else None) for health in results),
        ),
        (
            "marketctl_quota_limit",
            "What the provider's plan allows, in its own units.",
            of((health, health.quota.limit if health.quota else None) for health in results),
        ),
        (
            "marketctl_quota_runs_dry_timestamp_seconds",
            "When the plan runs dry at the present pace; none when it lasts or that is unknown.",
            of((health, _seconds(health.quota_runs_dry_ms)) for health in results),
        ),
    ]
    return redact("".join(family(name, told, samples) for name, told, samples in families if samples))


def family(name: str, told: str, samples: Iterable[Sample]) -> str:
    """Return one gauge with its help and its samples."""
    lines = [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
