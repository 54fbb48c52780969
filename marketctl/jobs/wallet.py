"""The wallet job: snapshot, journal of what changed, copy in Redis."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.config.registry import ProviderEntry
from marketctl.errors import HalfAnswer, StorageFailed
from marketctl.files.journal import append_journal, is_cut, lines_after, size_with
from marketctl.files.snapshots import encode_json, read_snapshot, staged_snapshot
from marketctl.http.messages import SameAnswer
from marketctl.jobs.reading import Known, listen, remember
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run, copy_to_redis
from marketctl.jobs.whole import LastGood, last_good, refuse_half
from marketctl.providers.base import Provider
from marketctl.providers.batch import AssetBatch
from marketctl.text import printable
from marketctl.times import now_ms, to_iso
from marketctl.views.sound import name_of, read_assets

if TYPE_CHECKING:
    from marketctl.jobs.changes import Changes
    from marketctl.redis.connection import RedisConnection


class Reading(NamedTuple):
    """What an answer was read as; `batch` and `assets` are None where it is the answer of the last snapshot."""

    lines: Mapping[str, str]
    known: Known
    batch: AssetBatch | None = None
    assets: Mapping[str, Any] | None = None


def collect_wallet(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch coins and networks; write the snapshot, the journal of what changed and the copy in Redis.

    Raises whatever the adapter does, HalfAnswer, StorageFailed; nothing is written then.
    """
    path, journal = run.path("wallet", entry.name), run.path("wallet", entry.name, ".changes.jsonl")
    last = last_good(path, "assets")
    ahead = lines_after(journal, str(last.head.get("collected_at"))) if last.lines is not None else []
    # What a person or the statistics of this run want to see is read in any case.
    anew = bool(ahead) or run.options.force or run.options.dump_raw or entry.name in run.with_stats
    read = _read(entry, adapter, last, anew) if adapter.one_answer_assets else _read_whole(adapter)
    collected = now_ms()
    if run.options.dump_raw and read.batch is not None:
        result.batch = wallet_batch(read.batch)
    result.counts = {
        "assets": len(read.lines),
        "networks": read.known.networks,
        **dict.fromkeys(("created", "updated", "unchanged", "removed")),
        "skipped": sum(read.known.skipped_by.values()),
        "skipped_by": dict(read.known.skipped_by),
    }
    force = None if run.options.force else f"marketctl wallet sync -p {entry.name} --force"
    try:
        largest = refuse_half(last, len(read.lines), collected, what="assets", force=force)
    except HalfAnswer:
        run.keep(entry.name, "wallet", None)
        raise
    changes = _changes(path, ahead, last, read)
    run.keep(entry.name, "wallet", read.batch)
    result.collected_at = at = to_iso(collected)
    result.counts |= {
        "created": changes.created,
        "updated": changes.updated,
        "unchanged": changes.unchanged,
        "removed": changes.removed,
    }
    told = [{"at": at, "run_id": run.run_id, "provider": entry.name, **line} for line in changes.lines]
    # From then on the journal tells every change: since the first one, or the last before lines of it were lost.
    cut = is_cut(journal, last.head.get("journal_bytes"))
    earlier = None if cut else last.head.get("known_since")
    known = {"known_since": earlier or last.head.get("collected_at") or at, "journal_bytes": size_with(journal, told)}
    known |= {"journal_cut": True} if cut or last.head.get("journal_cut") is True else {}
    head = run.head(entry, "wallet", collected) | largest | known
    _write(path, head, read.lines, journal, told)
    result.stored.append("file")
    if read.batch is not None and adapter.client.heard is not None:
        remember(entry, adapter, read.lines, read.known)

    def copy(store: "RedisConnection") -> None:
        from marketctl.redis.publish import publish_wallet

        publish_wallet(store, entry.name, read.lines, run.head(entry, "wallet", collected))

    copy_to_redis(run, result, copy)


def _write(
    path: Path, head: Mapping[str, Any], lines: Mapping[str, str], journal: Path, told: list[dict[str, Any]]
) -> None:
    """Write the snapshot and what changed in it. Raises StorageFailed.

    The journal's last word is true: it is told when the snapshot can no longer fail, and taken back if it does.
    """
    take_back: Callable[[], None] = lambda: None  # noqa: E731
    try:
        with staged_snapshot(path, head, "assets", lines):
            take_back = append_journal(journal, told)
    except StorageFailed as error:
        try:
            take_back()
        except StorageFailed as second:  # the next run tells that it was otherwise
            raise StorageFailed(f"{error.message}; and {second.message}", hint=error.hint) from error
        raise


def _read(entry: ProviderEntry, adapter: Provider, last: LastGood, anew: bool) -> Reading:
    """Ask, and read the answer unless it is that of the last snapshot; `anew` reads it in any case."""
    known = listen(entry, adapter, LastGood() if anew else last)
    try:
        return _read_whole(adapter)
    except SameAnswer:
        if known is None or last.lines is None:  # nothing was known, so nothing can be the same
            raise
        return Reading(last.lines, known)


def _read_whole(adapter: Provider) -> Reading:
    batch = adapter.read(adapter.assets)
    assets = {code: asset.to_dict() for code, asset in batch.assets.items()}
    _, wrong = read_assets(assets)
    if wrong or not {str}.issuperset(map(type, assets)):
        told = next((code for code in assets if not isinstance(code, str) or name_of(code, assets[code]) in wrong), "")
        raise TypeError(f"asset {printable(told)} is not as models.Asset has it: {printable(repr(batch.assets[told]))}")
    networks = sum(len(asset["networks"]) for asset in assets.values())
    lines = {code: encode_json(asset) for code, asset in assets.items()}
    return Reading(lines, Known(networks, dict(sorted(batch.skipped.items()))), batch, assets)


def _changes(path: Path, ahead: list[dict[str, Any]], last: LastGood, read: Reading) -> "Changes":
    """Compare with the last snapshot, and with what the journal of a run that died (`ahead`) has told beyond it."""
    from marketctl.jobs.changes import Changes, compare, compare_lines, told_ahead

    if read.assets is None:
        return Changes(unchanged=len(read.lines))
    if last.lines is not None:
        try:
            before = told_ahead(last.lines, ahead) if ahead else last.lines
            return compare_lines(before, read.lines, read.assets)
        except ValueError:  # a line that is no JSON
            pass
    return compare((read_snapshot(path) or {}).get("assets"), read.assets)  # not as we write it, or none


def wallet_batch(batch: AssetBatch) -> dict[str, Any]:
    """Return what was read of a wallet: assets and what was left out."""
    return {
        "assets": {code: asset.to_dict() for code, asset in sorted(batch.assets.items())},
        "skipped_by": dict(sorted(batch.skipped.items())),
    }
