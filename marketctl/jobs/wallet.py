"""The wallet job: snapshot, journal of what changed, copy in Redis."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import HalfAnswer, StorageFailed
from marketctl.files.journal import append_journal, lines_after
from marketctl.files.snapshots import encode_json, read_snapshot, staged_snapshot
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run, copy_to_redis
from marketctl.jobs.whole import LastGood, last_good, refuse_half
from marketctl.providers.base import Provider
from marketctl.providers.batch import AssetBatch
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.jobs.changes import Changes
    from marketctl.redis.connection import RedisConnection


def collect_wallet(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch coins and networks; write the snapshot, the journal of what changed and the copy in Redis."""
    batch = adapter.read(adapter.assets)
    collected = now_ms()
    path = run.path("wallet", entry.name)
    assets = {code: asset.to_dict() for code, asset in batch.assets.items()}
    if run.options.dump_raw:
        result.batch = wallet_batch(batch)
    result.counts = {
        "assets": len(assets),
        "networks": sum(len(asset["networks"]) for asset in assets.values()),
        **dict.fromkeys(("created", "updated", "unchanged", "removed")),
        "skipped": batch.skipped.total(),
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
    force = None if run.options.force else f"marketctl wallet sync -p {entry.name} --force"
    try:
        before = last_good(path, "assets")
        largest = refuse_half(before, len(assets), collected, what="assets", force=force)
    except HalfAnswer:
        run.keep(entry.name, "wallet", None)
        raise
    lines = {code: encode_json(asset) for code, asset in assets.items()}
    changes = _changes(path, run.path("wallet", entry.name, ".changes.jsonl"), before, lines, assets)
    run.keep(entry.name, "wallet", batch)
    result.collected_at = at = to_iso(collected)
    result.counts |= {
        "created": changes.created,
        "updated": changes.updated,
        "unchanged": changes.unchanged,
        "removed": changes.removed,
    }
    # From then on the journal tells every change; a snapshot of an older version is where that begins.
    since = before.head.get("known_since") or before.head.get("collected_at") or at
    head = run.head(entry, "wallet", collected) | largest | {"known_since": since}
    told = [{"at": at, "run_id": run.run_id, "provider": entry.name, **line} for line in changes.lines]
    # The journal's last word is true: it is told when the snapshot can no longer fail, and taken back if it does.
    take_back: Callable[[], None] = lambda: None  # noqa: E731
    try:
        with staged_snapshot(path, head, "assets", lines):
            take_back = append_journal(run.path("wallet", entry.name, ".changes.jsonl"), told)
    except StorageFailed:
        take_back()
        raise
    result.stored.append("file")

    def copy(store: "RedisConnection") -> None:
        from marketctl.redis.publish import publish_wallet

        publish_wallet(store, entry.name, lines, run.head(entry, "wallet", collected))

    copy_to_redis(run, result, copy)


def _changes(
    path: Path, journal: Path, last: LastGood, lines: Mapping[str, str], assets: Mapping[str, Any]
) -> "Changes":
    """Compare with the last snapshot, and with what the journal of a run that died has told beyond it."""
    from marketctl.jobs.changes import compare, compare_lines, told_ahead

    if last.lines is not None:
        ahead = lines_after(journal, str(last.head.get("collected_at")))
        try:
            return compare_lines(told_ahead(last.lines, ahead) if ahead else last.lines, lines, assets)
        except ValueError:  # a line that is no JSON
            pass
    return compare((read_snapshot(path) or {}).get("assets"), assets)  # not as we write it, or none


def wallet_batch(batch: AssetBatch) -> dict[str, Any]:
    """Return what was read of a wallet: assets and what was left out."""
    return {
        "assets": {code: asset.to_dict() for code, asset in sorted(batch.assets.items())},
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
