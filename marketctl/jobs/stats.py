"""The stats job: snapshot, history of totals, forecast of a plan, copy in Redis."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import HalfAnswer, StorageFailed
from marketctl.files.journal import append_journal
from marketctl.files.look import is_there
from marketctl.files.snapshots import read_snapshot, write_document
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run, copy_to_redis
from marketctl.log import log
from marketctl.models import JOBS, KeyInfo, Stats
from marketctl.providers.base import Provider
from marketctl.times import DAY_MS, now_ms, to_iso
from marketctl.views.sound import read_stats

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection


def collect_stats(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch statistics; write the snapshot and the copy in Redis.

    Raises whatever the adapter does, HalfAnswer, StorageFailed; the last snapshot stays then.
    """
    if not run.options.dump_raw:  # a dump is to hold the job's own answers
        adapter.known = {job: run.read.pop((entry.name, job)) for job in JOBS if (entry.name, job) in run.read}
    for job, batch in adapter.known.items():
        if batch is None:
            from marketctl.views.snapshots import HOW

            force = f"marketctl {HOW[job]} -p {entry.name} --force"
            told = f"the {job} of this run were not accepted: half of them are gone"
            raise HalfAnswer(told, hint=f"If that is right, run `{force}` once.")
    accepted = frozenset(adapter.known)
    with adapter.named():
        stats = adapter.stats()
    collected = now_ms()
    before = _last(run, entry)
    if not run.options.force:
        _refuse_half(entry, before, stats, accepted)
    result.collected_at = to_iso(collected)
    result.batch = {"stats": stats_to_dict(stats)}
    if read_stats(result.batch["stats"]) is None:
        raise TypeError(f"statistics are not as models.Stats has them: {stats!r}")
    document = run.head(entry, "stats", collected) | result.batch
    result.counts = {
        "pairs": stats.pairs.get("total"),
        "assets": stats.assets.get("total"),
        "networks": stats.networks.get("total"),
        **_forecast_quota(before, document, collected),
    }
    document |= _key_end(run, adapter, collected)
    _note_totals(run, entry, before, document)
    write_document(run.path("stats", entry.name), document)
    result.stored.append("file")

    def copy(store: "RedisConnection") -> None:
        from marketctl.redis.publish import publish_stats

        publish_stats(store, entry.name, document)

    copy_to_redis(run, result, copy)


def _last(run: Run, entry: ProviderEntry) -> dict[str, Any]:
    """Return the last snapshot; an empty one where there is none, or none that can be read: the new one replaces it."""
    try:
        return read_snapshot(run.path("stats", entry.name)) or {}
    except StorageFailed:
        return {}


def _stats_of(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    found = snapshot.get("stats")
    return found if isinstance(found, dict) else {}


def _refuse_half(entry: ProviderEntry, before: Mapping[str, Any], stats: Stats, accepted: frozenset[str]) -> None:
    """Refuse statistics of half of what there was, unless they are of a set that was accepted. Raises HalfAnswer."""
    known, now = _totals(_stats_of(before)), _totals(stats_to_dict(stats))
    for what, job in (("pairs", "prices"), ("currencies", "prices"), ("assets", "wallet"), ("networks", "wallet")):
        count = now[what]
        if job not in accepted and count is not None and count * 2 < (known[what] or 0):
            raise HalfAnswer(
                f"{count} {what} where there were {known[what]}: more than half are gone",
                hint=f"If that is right, run `marketctl stats collect -p {entry.name} --force` once.",
            )


def _totals(stats: Mapping[str, Any]) -> dict[str, int | None]:
    """Return what can be counted; None is unknown. A currency counts when it has a turnover."""
    told = {name: _total(stats.get(name)) for name in ("pairs", "assets", "networks")}
    turnover = stats.get("turnover_24h")
    return told | {"currencies": len(turnover) or None if isinstance(turnover, dict) else None}


def _total(counts: object) -> int | None:
    found = counts.get("total") if isinstance(counts, dict) else None
    return found if type(found) is int else None


def _forecast_quota(before: Mapping[str, Any], document: dict[str, Any], collected: int) -> dict[str, Any]:
    """Return what the plan has left and when it runs dry; put the marks the next forecast needs into the document."""
    from marketctl.jobs.forecast import forecast, next_marks

    quota = document["stats"]["quota"]
    marks = before.get("quota_marks")
    marks = marks if isinstance(marks, list) else []
    document["quota_marks"] = next_marks(marks, quota, collected)
    return {"quota": quota, "quota_runs_dry_at": to_iso(forecast(quota, marks, collected).dry_ms)}


def _key_end(run: Run, adapter: Provider, collected: int) -> dict[str, Any]:
    """Return when the key ends, where somebody watches for that: one question more. Null is no end that is told.

    Nothing where that could not be asked.
    """
    watch = run.registry.watch
    if not watch.given or watch.key_within_s is None or not adapter.credentials or not adapter.has_key():
        return {}
    info: KeyInfo | None = adapter.with_key(adapter.check_key, None)
    if info is None:
        return {}
    ends_ms = None if info.days_left is None else collected + info.days_left * DAY_MS
    return {"key_ends_at": to_iso(ends_ms)}


def _note_totals(run: Run, entry: ProviderEntry, before: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Add a line to the history of counts when a total changed. A lost one costs a point of a chart and no more."""
    counts = {name: document["stats"][name] for name in ("assets", "networks", "pairs")}
    path = run.path("stats", entry.name, ".history.jsonl")
    try:
        known = _stats_of(before) if is_there(path) else {}
        if all(_total(known.get(name)) == counts[name].get("total") for name in counts):
            return
        line = {"at": document["collected_at"], "run_id": run.run_id, "provider": entry.name, **counts}
        append_journal(path, [line])
    except StorageFailed as error:
        log.warning("%s", error.message, extra={"provider": entry.name, "job": "stats"})


def stats_to_dict(stats: Stats) -> dict[str, Any]:
    """Return them as the snapshot holds them (docs/schema/files/stats.json)."""
    return {
        "assets": dict(stats.assets),
        "clock_skew_ms": stats.clock.skew_ms,
        "latency_ms": stats.clock.latency_ms,
        "networks": dict(stats.networks),
        "pairs": dict(stats.pairs),
        "platform": {"message": stats.platform.message, "status": stats.platform.status},
        "quota": stats.quota.to_dict() if stats.quota else None,
        "server_time": to_iso(stats.clock.server_ms),
        "turnover_24h": dict(stats.turnover_24h),
    }
