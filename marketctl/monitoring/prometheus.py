"""Figures in Prometheus' text form."""

from collections.abc import Iterable, Mapping, Sequence

from marketctl.check.health import UNHEALTHY, Health
from marketctl.redact import redact_data

Sample = tuple[Mapping[str, str], float | int]


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
            "marketctl_blocked",
            "1 if this location is refused, which is not the same as down, else 0.",
            of((health, int(any(check.status == "unknown" for check in health.checks))) for health in results),
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
            "marketctl_held",
            "Quotes the sentinel holds back.",
            of((health, health.held) for health in results),
        ),
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
    return "".join(family(name, told, samples) for name, told, samples in families if samples)


def family(name: str, told: str, samples: Iterable[Sample]) -> str:
    """Return one gauge with its help and its samples."""
    lines = [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return str(redact_data(text)).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
