"""What a build of the rates tells: on stderr what came and went, a line of the run log, figures for Prometheus.

All figures begin with `marketctl_rates_`; what is unknown has no sample.
"""

from collections.abc import Sequence

from marketctl.config.registry import Settings
from marketctl.errors import StorageFailed
from marketctl.files.atomic import write_output
from marketctl.files.snapshots import to_bytes
from marketctl.log import log
from marketctl.monitoring.prometheus import Sample, family
from marketctl.monitoring.runlog import append
from marketctl.rates.build import Built, Outcome
from marketctl.redact import redact
from marketctl.text import sentence
from marketctl.times import to_iso


def tell(built: Built, settings: Settings) -> bool:
    """Tell of a build wherever somebody listens; a failure is told on stderr. Return whether all of it worked."""
    for one in built.outcomes:
        if one.turned and one.status == "out":
            log.warning("%s is out (%s): %s", one.direction.name, one.reason, one.message)
        elif one.turned:
            log.info("%s is in the export", one.direction.name)
    try:
        if built.metrics is not None:
            write_output(built.metrics, to_bytes(metrics_text(built.outcomes, built.started_ms)), exact=True)
        if settings.run_log is not None:
            append(settings.run_log, [run_log_line(built)], settings.run_log_max_mb * 1_000_000, settings.run_log_keep)
    except StorageFailed as error:
        log.error("%s", sentence(error.message, error.hint))
        return False
    return True


def run_log_line(built: Built) -> dict[str, object]:
    """Return the line of the run log: how many directions are in and out, why, and what came and went."""
    out = [one for one in built.outcomes if one.status == "out"]
    return {
        "at": to_iso(built.started_ms + built.duration_ms),
        "run_id": built.run_id,
        "command": "rates build",
        "provider": None,
        "job": "rates",
        "status": "failed" if out and len(out) == len(built.outcomes) else "ok",
        "reason": out[0].reason if out else None,
        "message": f"{out[0].direction.name}: {redact(out[0].message or '')}" if out else None,
        "duration_ms": built.duration_ms,
        **built.counts,
    }


def metrics_text(outcomes: Sequence[Outcome], built_ms: int) -> str:
    """Return all gauges."""

    def label(one: Outcome, **more: str) -> dict[str, str]:
        return {"direction": one.direction.name, **more}

    out = [one for one in outcomes if one.status == "out"]
    families: list[tuple[str, str, list[Sample]]] = [
        ("marketctl_rates_last_build_timestamp_seconds", "When the rates were built last.", [({}, built_ms / 1000)]),
        (
            "marketctl_rates_directions",
            "Directions in the export and out of it.",
            [({"state": "in"}, len(outcomes) - len(out)), ({"state": "out"}, len(out))],
        ),
        (
            "marketctl_rates_in",
            "1 if the direction is in the export, 0 if it is out.",
            [(label(one), int(one.status == "ok")) for one in outcomes],
        ),
        (
            "marketctl_rates_out",
            "Always 1: the labels tell which direction is out of the export, and why.",
            [(label(one, reason=one.reason or ""), 1) for one in out],
        ),
        (
            "marketctl_rates_oldest_quote_age_seconds",
            "The age of the oldest quote of the direction when it was built.",
            [(label(one), one.age_ms / 1000) for one in outcomes if one.age_ms is not None],
        ),
    ]
    return "".join(family(name, told, samples) for name, told, samples in families if samples)
