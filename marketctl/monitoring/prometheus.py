"""What `check` found as figures in Prometheus' text format: times are seconds, as Prometheus has them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from marketctl.check.health import UNHEALTHY, Check, Health
from marketctl.redact import redact_data

Sample = tuple[Mapping[str, str], float | int]


def _of(figure: Callable[[Health], float | int | None]) -> Callable[[Sequence[Health]], list[Sample]]:
    """Return what makes a sample a provider of a figure; None is no sample."""
    return lambda results: [
        ({"provider": health.provider}, value) for health in results if (value := figure(health)) is not None
    ]


def _of_each_check(figure: Callable[[Check], float | int], *labels: str) -> Callable[[Sequence[Health]], list[Sample]]:
    """Return what makes a sample a sub-check, with these of its fields as labels; a skipped one has none."""
    return lambda results: [
        ({"provider": health.provider, **{label: getattr(check, label) for label in labels}}, figure(check))
        for health in results
        for check in health.checks
        if check.status != "skipped"
    ]


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


# What follows `marketctl_`, help, and the samples of all providers; a gauge without samples is left out.
GAUGES: tuple[tuple[str, str, Callable[[Sequence[Health]], list[Sample]]], ...] = (
    (
        "healthy",
        "1 if none of the provider's checks failed or is unknown, else 0.",
        _of(lambda health: int(health.healthy)),
    ),
    (
        "blocked",
        "1 if this location is refused, which is not the same as down, else 0.",
        _of(lambda health: int(any(check.status == "unknown" for check in health.checks))),
    ),
    (
        "check_status",
        "1 if this check is healthy (pass, warn or unconfigured), 0 if not (fail or unknown).",
        _of_each_check(lambda check: int(check.status not in UNHEALTHY), "check", "status"),
    ),
    (
        "check_duration_seconds",
        "How long this check took.",
        _of_each_check(lambda check: check.duration_ms / 1000, "check"),
    ),
    (
        "clock_skew_seconds",
        "The provider's clock minus this machine's.",
        _of(lambda health: _seconds(health.clock_skew_ms)),
    ),
    (
        "published_age_seconds",
        "The age of the published quotes.",
        _of(lambda health: _seconds(health.published_age_ms)),
    ),
    ("quotes", "Quotes read by this check.", _of(lambda health: health.quotes)),
    ("held", "Quotes the sentinel holds back.", _of(lambda health: health.held)),
    (
        "quota_remaining",
        "What the provider's plan has left, in its own units.",
        _of(lambda health: health.quota and health.quota.remaining),
    ),
    (
        "quota_limit",
        "What the provider's plan allows, in its own units.",
        _of(lambda health: health.quota and health.quota.limit),
    ),
    (
        "quota_runs_dry_timestamp_seconds",
        "When the plan runs dry at the present pace; none when it lasts or that is unknown.",
        _of(lambda health: _seconds(health.quota_runs_dry_ms)),
    ),
)


def prometheus_text(results: Sequence[Health]) -> str:
    """Return all gauges of what a check found."""
    made = [(f"marketctl_{name}", told, samples_of(results)) for name, told, samples_of in GAUGES]
    return "".join(family(name, told, samples) for name, told, samples in made if samples)


def family(name: str, told: str, samples: Iterable[Sample]) -> str:
    """Return one gauge with its help and its samples."""
    lines = [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return str(redact_data(text)).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
