"""Keep what a publish changed in the archive: what Redis trims one day is in it already."""

import json
from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import RedisFailed, StorageFailed
from marketctl.files.archive import PRICES, Archive
from marketctl.files.snapshots import read_snapshot
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.models import Quote, Quotes
from marketctl.redis.quotes import read_l1
from marketctl.times import to_iso


def keep_in_archive(
    run: Run,
    entry: ProviderEntry,
    quotes: Mapping[str, Quote],
    *,
    collected_ms: int,
    after_ms: int | None,
    moved: Iterable[str],
    gone: Iterable[str],
    held: Mapping[str, str],
    fresh: Iterable[str] = (),
    complete: bool = True,
    own_ms: Mapping[str, int] | None = None,
) -> str | None:
    """Append what changed: pairs that moved, that are gone, that are newly held (`fresh` of `held`, pair → verdict).

    Where a part was asked, not `complete` or with quotes of a time of their own (`own_ms`), all of that part is
    written: what is not told then is as old as it was.

    All of it was compared with the set of `after_ms`. Where the archive does not end with that one (a run that died
    after its publish, another machine's, a full disk), every pair is written.
    Return why it could not be kept, None when it was: quotes go out all the same.
    """
    history = run.settings.history
    if not (history.enabled and history.archive):
        return None
    try:
        archive = archive_of(run, entry, collected_ms)
        if archive.last_ms not in (None, after_ms, collected_ms):
            archive.whole = True
        fresh = held.keys() if archive.whole else list(fresh)
        if archive.last_ms is not None and collected_ms <= archive.last_ms and not (archive.whole or fresh):
            return None  # the same answer once more
        at = to_iso(collected_ms) or ""
        quotes = Quotes.of(quotes)
        own_ms, part = own_ms or {}, bool(own_ms) or not complete
        wanted: Iterable[str] = quotes.keys() if archive.whole else moved
        if part and not archive.whole:
            changed = set(moved)
            wanted = [pair for pair in quotes if pair not in own_ms or pair in changed]
        kept = ""
        if "*" not in history.pairs:
            wanted, fresh = filter(history.wants, wanted), filter(history.wants, fresh)
            kept = f',"pairs":{json.dumps(history.pairs)}'  # a reader drops what was kept before and no longer is
        apart: list[str] = []
        if own_ms:
            wanted = list(wanted)
            apart, wanted = [one for one in wanted if one in own_ms], [one for one in wanted if one not in own_ms]
        lines = quote_lines(at, quotes, wanted)
        for pair in apart:
            lines += quote_lines(to_iso(own_ms[pair]) or at, quotes, [pair])
        if archive.whole and not complete:
            lines = [*lines, *_carried(run, entry, at, quotes)]
        lines += [f'{{"at":"{at}","pair":{encode_basestring_ascii(pair)},"gone":true}}' for pair in gone]
        lines += [f'{{"at":"{at}","pair":{encode_basestring_ascii(pair)},"held":"{held[pair]}"}}' for pair in fresh]
        whole = ("true" if archive.whole else "false") + (',"part":true' if part else "")
        forgotten = archive.append([f'{{"at":"{at}","run_id":"{run.run_id}","whole":{whole}{kept}}}', *lines])
    except (StorageFailed, RedisFailed) as error:
        return f"published, but not archived: {error.message}"
    if forgotten:
        log.warning(
            "the archive was larger than archive_max_mb (%d) and forgot %s. Next: raise it, or keep fewer pairs",
            run.settings.archive_max_mb,
            ", ".join(forgotten),
            extra={"provider": entry.name, "job": "prices"},
        )
    return None


def archive_of(run: Run, entry: ProviderEntry, at_ms: int) -> Archive:
    """Find where the archive of a provider goes on. Raises StorageFailed."""
    settings = run.settings
    limits = (settings.archive_days, settings.archive_max_mb * 1_000_000)
    return Archive(settings.data_dir, entry.name, at_ms, *limits)


def quote_lines(at: str, quotes: Mapping[str, Quote], pairs: Iterable[str]) -> list[str]:
    """Write one line a pair: time, pair and the prices that are known."""
    head, rows = f'{{"at":"{at}","pair":', Quotes.of(quotes).rows
    return [
        # Nearly every one has all three and no middle of its own.
        f'{head}{encode_basestring_ascii(pair)},"bid":"{quote[1]}","ask":"{quote[2]}","last":"{quote[5]}"}}'
        if quote[1] and quote[2] and quote[5] and not quote[6]
        else "".join(
            (
                head,
                encode_basestring_ascii(pair),
                "" if quote[1] is None else f',"bid":"{quote[1]}"',
                "" if quote[2] is None else f',"ask":"{quote[2]}"',
                "" if quote[5] is None else f',"last":"{quote[5]}"',
                "" if quote[6] is None else f',"mid":"{quote[6]}"',
                "}",
            )
        )
        for pair in pairs
        if (quote := rows.get(pair)) is not None
    ]


def _carried(run: Run, entry: ProviderEntry, at: str, quotes: Mapping[str, Quote]) -> Iterator[str]:
    """Write the lines of pairs that could not be asked and stay live, with the time they were collected."""
    store = run.redis()
    mirror = read_snapshot(run.path("prices", entry.name)) if store is None else None
    live = read_l1(store, entry.name)[0] if store is not None else (mirror or {"quotes": {}})["quotes"]
    for pair, one in live.items():
        if pair not in quotes:
            known = "".join(f',"{name}":"{one[name]}"' for name in PRICES if one.get(name) is not None)
            own = one.get("collected_at") or to_iso(one.get("collected_ms")) or at
            yield f'{{"at":"{own}","pair":{encode_basestring_ascii(pair)}{known}}}'


def compared(before: object, quotes: Mapping[str, Quote]) -> tuple[list[str], list[str]]:
    """Return which pairs moved and which are gone since the quotes of a mirror."""
    old: Mapping[str, Any] = before if isinstance(before, dict) else {}
    moved = []
    for pair, quote in quotes.items():
        one = old.get(pair)
        prices = (quote.bid, quote.ask, quote.last, quote.mid)
        if not isinstance(one, dict) or tuple(map(one.get, PRICES)) != prices:
            moved.append(pair)
    return moved, [pair for pair in old if pair not in quotes]
