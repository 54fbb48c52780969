"""What a pair's quotes were, out of Redis and the archive."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from marketctl.config.registry import Registry
from marketctl.errors import MarketctlError, RedisFailed, StorageFailed
from marketctl.files.archive import PRICES, Member
from marketctl.redis.quotes import first_of_history, read_history
from marketctl.times import END_MS, from_iso, to_iso
from marketctl.views.at import archived, known_from, missing_days
from marketctl.views.choose import choose_pair, how_to_have
from marketctl.views.quotes import open_reader
from marketctl.views.snapshots import number


class History(NamedTuple):
    """Changes of a pair, oldest first, unknown sides None; `begins_at` is the oldest moment anything is known of.

    `away` says why Redis was not asked; `broken` parts of the archive could not be read, and may have told of more. Of
    `missing` days nothing is kept: what the price was then is not known.
    """

    pair: str
    rows: list[dict[str, Any]]
    begins_at: str | None
    away: MarketctlError | None = None
    broken: int = 0
    missing: Sequence[str] = ()


def history(registry: Registry, provider: str, word: str, since_ms: int) -> History:
    """Return a pair's changes since that time out of Redis and the archive.

    Raises RedisFailed, ConfigError (unknown provider, no Redis), StorageFailed (nothing published, unknown pair).
    """
    entry = registry.provider(provider)
    pair = word.upper()
    from_archive = known_from(registry, [entry])
    # What came since the archive begins is in it: a server that sleeps is woken for what is older.
    short = from_archive is None or from_archive > since_ms
    with open_reader(registry, history=short) as reader:
        store = reader.history
        if store is None and from_archive is None:
            why = reader.away.message if reader.away else ""
            raise type(reader.away or RedisFailed(""))(
                f"there is no archive of {entry.name}, and {why}",
                hint=(reader.away and reader.away.hint)
                or "set redis_url in providers.toml: files alone keep no history",
            )
        broken: list[Member] = []
        kept = read_history(store, entry.name, pair, since_ms) if store is not None else []
        first = first_of_history(store, entry.name, pair) if store is not None else None
        until = kept[0]["at_ms"] if kept else END_MS - 1
        older = archived(registry, entry, pair, since_ms, until, broken) if from_archive is not None else []
        live = reader.read(entry) if not kept and not older else None
        away = reader.away if store is None and short and registry.settings.redis_url != "none" else None
    if live is not None and pair not in (*live.quotes, *live.held):
        if not live.quotes:
            raise StorageFailed(f"{entry.name}: {live.words()}", hint=how_to_have([live]))
        choose_pair(pair, live.quotes, f"{entry.name} quotes no")
    if older and kept and {**older[-1], "at_ms": 0} == {**kept[0], "at_ms": 0}:
        del kept[0]  # a value that was told twice
    rows = [{"at": to_iso(one["at_ms"]), **{name: one.get(name) for name in PRICES}} for one in (*older, *kept)]
    begins = min((one for one in (from_archive, first) if one is not None), default=None)
    told = {(to_iso(one["at_ms"]) or "")[:10] for one in kept}
    missing = [day for day in missing_days(registry, entry, since_ms) if day not in told]
    return History(pair, rows, to_iso(begins), away, len(broken), missing)


BARS = "▁▂▃▄▅▆▇█"


def sparkline(records: Sequence[Mapping[str, Any]], width: int = 60) -> str | None:
    """Draw the middle price over time, one bar a slice of time, with its ends; None with fewer than two prices."""
    points = [(from_iso(one["at"]), price) for one in records if (price := _middle(one)) is not None]
    if len(points) < 2:
        return None
    low, high = min(price for _, price in points), max(price for _, price in points)
    start, end = points[0][0], points[-1][0]
    bars = ""
    index = 0
    for slot in range(width):
        until = start + (end - start) * (slot + 1) // width
        while index + 1 < len(points) and points[index + 1][0] <= until:
            index += 1  # a price holds until the next one
        share = (points[index][1] - low) / (high - low) if high > low else Decimal(0)
        bars += BARS[int(share * (len(BARS) - 1))]
    return f"{bars}  low {low:f}, high {high:f}, last {points[-1][1]:f}"


def _middle(record: Mapping[str, Any]) -> Decimal | None:
    bid, ask, mid, last = (number(record.get(name)) for name in ("bid", "ask", "mid", "last"))
    if mid is not None:
        return mid
    if bid is not None and ask is not None:
        return (bid + ask) / 2
    return bid if bid is not None else ask if ask is not None else last
