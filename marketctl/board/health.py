"""The board's tab of health: jobs, checks and causes a provider."""

from collections.abc import Mapping
from typing import Any

from marketctl.board.compact import SKIPPED, collected_ms, safe
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.files.state import read_state
from marketctl.models import JOBS
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, is_stale, limit_ms, standstill_ms
from marketctl.views.quotes import Live
from marketctl.views.snapshots import HOW


def gather_health(
    registry: Registry,
    entry: ProviderEntry,
    live: Live,
    wallet: Mapping[str, Any] | None,
    stats: Mapping[str, Any] | None,
    quotes: Mapping[str, int],
    made_ms: int,
) -> dict[str, Any]:
    """Tell how a provider and its jobs are doing."""
    try:
        states = read_state(registry.settings.data_dir / "state", entry.name)
    except MarketctlError:
        states = {}
    collected = {"wallet": collected_ms(wallet), "prices": live.collected_ms, "stats": collected_ms(stats)}
    assets: Mapping[str, Any] = wallet["assets"] if wallet else {}
    networks = sum(len(asset.get("networks") or {}) for asset in assets.values())
    told = stats["stats"] if stats else {}
    counts: dict[str, Any] = {
        "wallet": {"assets": len(assets), "networks": networks} if wallet else None,
        "prices": dict(quotes) if live.quotes else None,
        "stats": {"pairs": (told.get("pairs") or {}).get("total")} if stats else None,
    }
    jobs = {}
    for job in JOBS:
        state = states.get(job, {})
        jobs[job] = {
            "state": _job_state(state, collected[job], _old(entry, job, live, collected[job], made_ms)),
            "at": collected[job],
            "attempt": ms_or_none(state.get("last_attempt")),
            "success": ms_or_none(state.get("last_success")),
            "failures": state.get("failures", 0),
            "reason": safe(state["last_reason"], 40) if state.get("last_reason") else None,
            "message": None,
            "counts": counts[job],
            "interval": entry.interval_s(job),
            "sync": f"marketctl {HOW[job]} -p {entry.name}",
        }
    prices = jobs["prices"]
    if live.state == "failed":
        prices["state"] = "failing"
    if words := live.words():
        prices["message"] = safe(words)
    if live.state == "expired" and prices["state"] == "ok":
        prices["state"] = "late"
    platform, quota = told.get("platform") or {}, told.get("quota")
    return {
        "name": entry.name,
        "kind": entry.kind,
        "jobs": jobs,
        "latency": told.get("latency_ms"),
        "skew": told.get("clock_skew_ms"),
        "platform": safe(platform.get("status") or "unknown", 40),
        "platform_message": safe(platform["message"]) if platform.get("message") else None,
        "quota": {name: quota.get(name) for name in ("plan", "used", "limit", "remaining", "resets_at")}
        if isinstance(quota, dict)
        else None,
    }


def _old(entry: ProviderEntry, job: str, live: Live, collected: int | None, made_ms: int) -> bool:
    """Tell whether a job has no new data: nothing was collected, or the source's own time stands still."""
    if job != "prices":
        return is_stale(age_ms(made_ms, collected), limit_ms(entry.interval_s(job)))
    limit = limit_ms(entry.prices_interval_s, live.kept_ms)
    longest = standstill_ms(entry.prices_interval_s, live.kept_ms, rates=live.rates)
    stands_still = bool(live.quotes) and is_stale(live.set_age_ms(made_ms), longest)
    return stands_still or is_stale(age_ms(made_ms, collected), limit)


def _job_state(state: Mapping[str, Any], collected: int | None, old: bool) -> str:
    """Return `ok`, `late` (no new data for some intervals), `failing`, `skipped` or `never`."""
    if state.get("last_reason") in SKIPPED:
        return "skipped"
    if state.get("failures"):
        return "failing"
    if collected is None:
        return "never"
    return "late" if old else "ok"
