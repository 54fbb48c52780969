"""The prices job: publish to Redis, then mirror to a file."""

from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import (
    StorageFailed,
)
from marketctl.files.snapshots import read_snapshot
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.providers.base import Provider
from marketctl.providers.batch import QuoteBatch
from marketctl.times import now_ms, to_iso


def collect_prices(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch quotes, publish them to Redis and, after that succeeded, mirror them to a file."""
    started = now_ms()
    batch = adapter.prices()
    batch.refuse_if_empty()
    if not entry.pairs:
        run.keep(entry.name, "prices", batch)
    collected = batch.collected_ms or started
    result.collected_at = to_iso(collected)
    result.cached = batch.cached
    result.counts = {
        "quotes": len(batch.quotes),
        "published": 0,
        "skipped": len(batch.skips),
        "changed": None,
        "added": None,
        "removed": None,
        "skipped_by": dict(sorted(batch.skipped.items())),
        "complete": batch.complete,
    }
    if run.options.dump_raw:
        result.batch = prices_batch(batch)
    for skip in batch.skips:
        log.debug("%s left out: %s", skip.symbol, skip.reason, extra={"provider": entry.name, "job": "prices"})
    if batch.cached:
        result.message = f"the last answer is still good and was used again, its data are of {result.collected_at}"
    if run.options.dry_run:
        result.message = "dry run: nothing was published or written"
        return
    publish_batch(run, entry, batch, result, collected)


def publish_batch(run: Run, entry: ProviderEntry, batch: QuoteBatch, result: Result, collected: int) -> None:
    """Send quotes to Redis, then to the mirror. Raises RedisFailed or Suspect and leaves the mirror as it was."""
    from marketctl.redis.publish import publish_l1
    from marketctl.redis.quotes import write_merged_mirror, write_mirror

    mirror = run.settings.mirror_prices if run.options.mirror is None else run.options.mirror
    path = run.path("prices", entry.name)
    head = run.head(entry, "prices", collected) | {"complete": batch.complete}
    store = run.store()
    if store is None:
        if not mirror:
            result.message = 'redis_url is "none" and the mirror is off: nothing was stored'
            return
        write_mirror(path, head | {"earlier_at": before_of(path, collected)}, batch.quotes)
        result.stored.append("file")
        result.message = 'redis_url is "none": written to the mirror only'
        return
    published = publish_l1(
        store,
        entry.name,
        batch.quotes,
        run_id=run.run_id,
        collected_ms=collected,
        interval_s=entry.prices_interval_s,
        skipped=len(batch.skips),
        complete=batch.complete,
        force=run.options.force,
        history=run.settings.history,
    )
    result.stored.append("redis")
    result.counts |= {
        "published": published.count,
        "added": published.added,
        "removed": published.removed,
        "changed": published.changed,
    }
    if published.history_error:
        result.message = f"published, but without history: {published.history_error}"
    if mirror:
        head["earlier_at"] = to_iso(published.earlier_ms)
        try:
            if batch.complete:
                write_mirror(path, head, batch.quotes)
            else:
                write_merged_mirror(path, head, store, entry.name)
        except StorageFailed as error:
            raise StorageFailed(f"published to Redis, but not mirrored: {error.message}", hint=error.hint) from error
        result.stored.append("file")


def before_of(path: Path, collected: int) -> str | None:
    """Return when the set in the mirror was collected, or the one before it where it is the same one."""
    try:
        found = read_snapshot(path) or {}
    except StorageFailed:  # the new one takes its place
        return None
    known = found.get("earlier_at" if found.get("collected_at") == to_iso(collected) else "collected_at")
    return known if isinstance(known, str) else None


def prices_batch(batch: QuoteBatch) -> dict[str, Any]:
    """Return what was read of prices: quotes and what was left out."""
    quotes = {}
    for pair, quote in sorted(batch.quotes.items()):
        quotes[pair] = quote._asdict() | {"at": to_iso(quote.at_ms)}
        del quotes[pair]["at_ms"]
    return {"quotes": quotes, "skipped_by": dict(sorted(batch.skipped.items()))}
