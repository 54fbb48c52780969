"""The board's tab of health: jobs, checks and causes a provider."""

from collections.abc import Mapping
from typing import Any

from marketctl.board.compact import collected_ms, safe, words
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.files.state import read_state
from marketctl.models import JOBS
from marketctl.times import ms_or_none
from marketctl.views.freshness import limit_ms, standstill_ms
from marketctl.views.quotes import Live
from marketctl.views.snapshots import HOW


def gather_health(
    registry: Registry,
    entry: ProviderEntry,
    live: Live,
    wallet: Mapping[str, Any] | None,
    stats: Mapping[str, Any] | None,
    made_ms: int,
) -> dict[str, Any]:
    """Tell how a provider and its jobs are doing; whether data are too old is judged by the page, at its own time."""
    assets: Mapping[str, Any] = wallet["assets"] if wallet else {}
    networks = sum(len(asset.get("networks") or {}) for asset in assets.values())
    told = stats["stats"] if stats else {}
    counts: dict[str, Any] = {
        "wallet": {"assets": len(assets), "networks": networks} if wallet else None,
        "stats": {"pairs": (told.get("pairs") or {}).get("total")} if stats else None,
    }
    collected = {"wallet": collected_ms(wallet), "stats": collected_ms(stats)}
    jobs = {
        job: gather_job(registry, entry, job, collected.get(job)) | {"counts": counts.get(job)}
        for job in ("wallet", "stats")
    }
    platform, quota = told.get("platform") or {}, told.get("quota")
    return {
        "name": entry.name,
        "kind": entry.kind,
        "jobs": {job: gather_prices(registry, entry, live, made_ms) if job == "prices" else jobs[job] for job in JOBS},
        "latency": told.get("latency_ms"),
        "skew": told.get("clock_skew_ms"),
        "platform": safe(platform.get("status") or "unknown", 40),
        "platform_message": words(platform["message"]) if platform.get("message") else None,
        "quota": {name: quota.get(name) for name in ("plan", "used", "limit", "remaining", "resets_at")}
        if isinstance(quota, dict)
        else None,
    }


def gather_job(registry: Registry, entry: ProviderEntry, job: str, collected: int | None) -> dict[str, Any]:
    """Return the facts that a job's state is made of: when it was collected, how old that may be, what went wrong."""
    try:
        state = read_state(registry.settings.data_dir / "state", entry.name, job)
    except MarketctlError as error:  # how it went nobody knows: no good job, as `status` has it
        state = {"failures": 1, "last_reason": error.reason}
    return {
        "at": collected,
        "limit": limit_ms(entry.interval_s(job)),
        "attempt": ms_or_none(state.get("last_attempt")),
        "success": ms_or_none(state.get("last_success")),
        "failures": state.get("failures", 0),
        "reason": safe(state["last_reason"], 40) if state.get("last_reason") else None,
        "interval": entry.interval_s(job),
        "sync": f"marketctl {HOW[job]} -p {entry.name}",
    }


def gather_prices(registry: Registry, entry: ProviderEntry, live: Live, made_ms: int) -> dict[str, Any]:
    """Return the same of the prices: also what became of the set, and the source's own time, which may stand still."""
    age = live.set_age_ms(made_ms)
    return gather_job(registry, entry, "prices", live.collected_ms) | {
        "limit": limit_ms(entry.prices_interval_s, live.kept_ms),
        "source": None if age is None else made_ms - age,
        "still": standstill_ms(entry.prices_interval_s, live.kept_ms, rates=live.rates),
        "live": live.state,
        "failing": live.failing,
        "error": words(live.last_error) if live.last_error else None,
        "counts": None,
    }
