"""The wallet job: snapshot, journal of what changed, copy in Redis."""

from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.files.journal import append_journal
from marketctl.files.snapshots import encode_json, read_records, read_snapshot, write_snapshot
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run, copy_to_redis
from marketctl.providers.base import Provider
from marketctl.providers.batch import AssetBatch
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection


def collect_wallet(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch coins and networks; write the snapshot, the journal of what changed and the copy in Redis."""
    batch = adapter.assets()
    batch.refuse_if_empty()
    run.keep(entry.name, "wallet", batch)
    collected = now_ms()
    path = run.path("wallet", entry.name)
    assets = {code: asset.to_dict() for code, asset in batch.assets.items()}
    if run.options.dump_raw:
        result.batch = wallet_batch(batch)
    from marketctl.jobs.changes import compare, compare_lines

    lines = {code: encode_json(asset) for code, asset in assets.items()}
    try:
        changes = compare_lines(read_records(path, "assets"), lines, assets)
    except ValueError:  # not as we write it: somebody edited it, or it is broken
        changes = compare((read_snapshot(path) or {}).get("assets"), assets)
    result.collected_at = to_iso(collected)
    result.counts = {
        "assets": len(assets),
        "networks": sum(len(asset["networks"]) for asset in assets.values()),
        "created": changes.created,
        "updated": changes.updated,
        "unchanged": changes.unchanged,
        "removed": changes.removed,
        "skipped": batch.skipped.total(),
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
    head = run.head(entry, "wallet", collected)
    # The journal first: a crash in between tells a change twice, the other way round never.
    at = to_iso(collected)
    append_journal(
        run.path("wallet", entry.name, ".changes.jsonl"),
        [{"at": at, "run_id": run.run_id, "provider": entry.name, **line} for line in changes.lines],
    )
    write_snapshot(path, head, "assets", lines)
    result.stored.append("file")

    def copy(store: "RedisConnection") -> None:
        from marketctl.redis.publish import publish_wallet

        publish_wallet(store, entry.name, lines, head)

    copy_to_redis(run, result, copy)


def wallet_batch(batch: AssetBatch) -> dict[str, Any]:
    """Return what was read of a wallet: assets and what was left out."""
    return {
        "assets": {code: asset.to_dict() for code, asset in sorted(batch.assets.items())},
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
