"""Where quotes go: past the sentinel to Redis, and after that succeeded to the mirror and the archive."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import MarketctlError, StorageFailed, Suspect
from marketctl.files.memory import make_ahead
from marketctl.files.snapshots import Block, read_snapshot, write_snapshot
from marketctl.jobs.archive import archive_of, compared, keep_in_archive
from marketctl.jobs.result import TOLD, Result
from marketctl.jobs.run import Run
from marketctl.jobs.whole import last_good, refuse_half, refuse_older
from marketctl.log import log
from marketctl.providers.batch import QuoteBatch
from marketctl.providers.pairs import remembered_list
from marketctl.redis.connection import RedisConnection
from marketctl.redis.publish import Aside, Published, publish_l1
from marketctl.redis.quotes import live_ms, mirror_block, write_merged_mirror, write_mirror
from marketctl.sentinel.guard import Examined, Guard
from marketctl.sentinel.held import aside_commands
from marketctl.sentinel.market import market_of
from marketctl.times import ms_or_none, now_ms, to_iso
from marketctl.views.freshness import limit_ms
from marketctl.views.held import in_words, mirror_record

KEPT = ("held", "marked")
AT_ONCE = 3000  # pairs: of more, what is sent and the mirror beside it take more memory than the wait is worth


def make_ready(run: Run, entries: Sequence[ProviderEntry]) -> None:
    """Read lists of pairs, what the venues quote, what of it is held, and where archives end.

    What cannot be read is left out.
    """
    for entry in entries:
        make_ahead(run.settings.data_dir / "cache", entry.name, "pairs", remembered_list)
    if run.options.dry_run:
        return
    with suppress(MarketctlError):
        store = run.redis()
        also = {entry.name: aside_commands(store, entry) for entry in entries}
        market_of(run.registry).look_ahead(run.registry, store, also)
    if run.settings.history.enabled and run.settings.history.archive:
        for entry in entries:
            with suppress(MarketctlError):
                archive_of(run, entry, now_ms())


def ask_aside(run: Run, entry: ProviderEntry) -> tuple[Sequence[Sequence[str]], Callable[[list[Any]], None]]:
    """Return what the sentinel asks of a provider beside its set, and what takes the replies."""
    market = market_of(run.registry)
    asked = aside_commands(run.redis(), entry) if run.registry.sentinel.enabled else []
    return asked, lambda replies: market.heard(entry.name, replies)


def publish_batch(run: Run, entry: ProviderEntry, batch: QuoteBatch, result: Result, collected: int, kind: str) -> None:
    """Send quotes to Redis, then to the mirror, but for what the sentinel holds back.

    Raises RedisFailed or Suspect and leaves the mirror as it was; Suspect also when all of them are held.
    """
    store = run.redis()
    way = _WayOut(run, entry, batch, result, collected, Guard(run.registry, store, entry, kind))
    if store is not None:
        way.to_redis(store)
    elif way.mirror:
        way.to_the_mirror_alone()
    else:
        result.message = 'redis_url is "none" and the mirror is off: nothing was stored'
        return
    tell_held(entry, way.found, way.live)


class _WayOut:
    """The way of one answer's quotes: examined first, what may go out then published, kept in the archive, mirrored."""

    def __init__(
        self, run: Run, entry: ProviderEntry, batch: QuoteBatch, result: Result, collected: int, guard: Guard
    ) -> None:
        self.run, self.entry, self.batch, self.result, self.guard = run, entry, batch, result, guard
        self.mirror = run.settings.mirror_prices if run.options.mirror is None else run.options.mirror
        self.path = run.path("prices", entry.name)
        self.collected = collected
        self.about: Any = {"run_id": run.run_id, "collected_ms": collected}
        told: Any = {"complete": batch.complete, "force": run.options.force}
        whole = batch.complete and not batch.own_ms
        self.found = guard.examine(batch.quotes, batch.sides, whole=whole, **told, **self.about)
        result.counts |= self.found.counts()
        self.head: dict[str, Any] = run.head(entry, "prices", collected) | {"complete": batch.complete}
        self.block: Callable[[], Block] | None = None
        self.live = 0  # quotes that are out now, those that were not asked for as well
        for name in KEPT:
            self.head[name] = {pair: mirror_record(one) for pair, one in getattr(self.found, name).items()}

    def to_redis(self, store: RedisConnection) -> None:
        """Publish, then mirror what went out. Raises RedisFailed, Suspect; StorageFailed when it is not mirrored."""
        run, entry, batch, found, result = self.run, self.entry, self.batch, self.found, self.result
        if self.mirror and batch.complete:
            self.block = cache(lambda: mirror_block(found.quotes, batch.own_ms))
        try:
            published = publish_l1(
                store,
                entry.name,
                found.quotes,
                **self.about,
                interval_s=entry.prices_interval_s,
                skipped=len(batch.skips),
                complete=batch.complete,
                force=run.options.force,
                history=run.settings.history,
                aside=Aside(found.held, found.marked, found.reference, found.again),
                asked=entry.pairs,
                known=lambda: last_good(self.path, "quotes", entry.pairs).records if self.mirror else 0,
                until_ms=batch.until_ms and batch.until_ms + limit_ms(entry.prices_interval_s),
                own_ms=batch.own_ms,
                meanwhile=self.block if len(found.quotes) <= AT_ONCE else None,
            )
        except BaseException:
            self.guard.refused()
            raise
        self.guard.published(found, earlier_ms=published.earlier_ms, **self.about)
        result.stored.append("redis")
        self.live = published.count
        result.counts |= {
            "published": published.count,
            "added": published.added,
            "removed": published.removed,
            "changed": published.changed,
        }
        self._keep(published.moved, published.gone, published.after_ms)
        _tell_doubts(published, result)
        if self.mirror:
            self._mirror(store, published)

    def to_the_mirror_alone(self) -> None:
        """Write the mirror where there is no Redis, and hold it against itself. Raises Suspect, StorageFailed."""
        entry, found = self.entry, self.found
        before = last_good(self.path, "quotes", entry.pairs)
        force = None if self.run.options.force else f"marketctl prices collect -p {entry.name} --force"
        refuse_older(before, self.collected, what="quotes", force=force)
        force, asked = force if self.batch.complete else None, digest(entry.pairs)
        count = len(self.batch.quotes)
        self.head |= refuse_half(before, count, self.collected, what="quotes", force=force, asked=asked)
        self.head["earlier_at"] = _earlier(before.head, self.collected)
        mirror = read_before(self.path)
        moved, gone = compared(mirror.get("quotes"), found.quotes)
        carried = {} if self.batch.complete else self._carried(mirror, gone)
        write_mirror(self.path, self.head, found.quotes, self.batch.own_ms, carried)
        self.live = len(found.quotes) + len(carried)
        after = ms_or_none(before.head.get("collected_at"))
        self.result.message = 'redis_url is "none": written to the mirror only'
        self._keep(moved, [pair for pair in gone if pair not in found.held and pair not in carried], after)
        self.guard.published(found, earlier_ms=None, **self.about)
        self.result.stored.append("file")

    def _carried(self, mirror: Mapping[str, Any], pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what stays of the mirror when not all was asked: as Redis does, as long as a live set would."""
        oldest = self.collected - live_ms(self.entry.prices_interval_s)
        carried = {}
        for pair in pairs:
            one = mirror["quotes"][pair]
            if pair in self.found.held or not isinstance(one, dict):
                continue
            since = one.get("collected_at") or mirror.get("collected_at")
            if (ms_or_none(since) or 0) > oldest:
                carried[pair] = one | {"collected_at": since}
        return carried

    def _keep(self, moved: Iterable[str], gone: Iterable[str], after_ms: int | None) -> None:
        """Put what changed into the archive, and tell where it could not be kept."""
        found = self.found
        lost = keep_in_archive(
            self.run,
            self.entry,
            found.quotes,
            collected_ms=self.collected,
            after_ms=after_ms,
            moved=moved,
            gone=[*gone, *found.gone],
            held={pair: one["verdict"] for pair, one in found.held.items()},
            fresh=found.fresh,
            complete=self.batch.complete,
            own_ms=self.batch.own_ms,
        )
        if lost is not None:
            self.result.lack(lost)

    def _mirror(self, store: RedisConnection, published: Published) -> None:
        self.head["earlier_at"] = to_iso(published.earlier_ms)
        try:
            if self.block is not None:
                write_snapshot(self.path, self.head, "quotes", self.block())
            else:
                write_merged_mirror(self.path, self.head, store, self.entry.name)
        except StorageFailed as error:
            raise StorageFailed(f"published to Redis, but not mirrored: {error.message}", hint=error.hint) from error
        self.result.stored.append("file")


def _tell_doubts(published: Published, result: Result) -> None:
    if published.ahead_ms:
        seconds = f"{published.ahead_ms / 1000:.0f} s"
        words = f"published, but {seconds} ahead of Redis' clock: no reader takes these quotes for fresh"
        result.lack(words, "sync the clocks (NTP) of this machine and of Redis")
    if published.history_error:
        result.lack(f"published, but without history: {published.history_error}")


def tell_held(entry: ProviderEntry, found: Examined, live: int) -> None:
    """Say once what is newly held, and what goes out again. Raises Suspect when nothing else is `live`."""
    extra = {"provider": entry.name, "job": "prices"}
    for pair in found.fresh[:TOLD]:
        words = in_words(pair, mirror_record(found.held[pair]))
        log.warning("held: %s", f"{words}. Next: marketctl prices held {entry.name}", extra=extra)
    if len(found.fresh) > TOLD:
        log.warning("held: %d more. Next: marketctl prices held %s", len(found.fresh) - TOLD, entry.name, extra=extra)
    if found.passed:
        log.info("no longer held: %s", ", ".join(found.passed[:TOLD]), extra=extra)
    if found.held and not live:
        raise Suspect(
            f"all {len(found.held)} quotes are held, such as {in_words(*first_of(found.held))}",
            hint=f"marketctl prices held {entry.name}",
        )


def first_of(held: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return one of them, to show."""
    pair = min(held)
    return pair, mirror_record(held[pair])


def read_before(path: Path) -> dict[str, Any]:
    """Return the set in the mirror, empty without one."""
    try:
        return read_snapshot(path) or {}
    except StorageFailed:  # the new one takes its place
        return {}


def _earlier(head: Mapping[str, Any], collected: int) -> str | None:
    """Return when the set in the mirror was collected, or the one before it where it is the same one."""
    known = head.get("earlier_at" if head.get("collected_at") == to_iso(collected) else "collected_at")
    return known if isinstance(known, str) else None


def digest(pairs: Collection[str]) -> str:
    """Return a short mark of a choice of pairs; empty for all."""
    from hashlib import sha1

    return sha1("\n".join(sorted(pairs)).encode(), usedforsecurity=False).hexdigest()[:12] if pairs else ""
