"""Look at live quotes: choose pairs, compare a pair over providers, show its history."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from marketctl.config.registry import Registry
from marketctl.errors import MarketctlError, RedisFailed, StorageFailed
from marketctl.redis.quotes import first_of_history, read_history
from marketctl.times import END_MS, from_iso, to_iso
from marketctl.views.at import PRICES, archived, known_from
from marketctl.views.freshness import is_stale
from marketctl.views.quotes import Live, open_reader
from marketctl.views.snapshots import no_such, number
from marketctl.views.twins import Coins


def choose_pair(word: str, known: Iterable[str], who: str) -> str:
    """Return a pair's key in any case of letters. Raises StorageFailed with the closest one."""
    pair = word.upper()
    pairs = list(known)
    if pair in pairs:
        return pair
    base, slash, quote = pair.partition("/")
    meant = [f"{quote}/{base}"] if slash else [f"{pair}/USDT", *(one for one in pairs if _named(pair, one))]
    raise no_such(who, pair, pairs, next((one for one in meant if one in pairs), None))


def _named(word: str, pair: str) -> bool:
    """Tell whether a word without a slash is a pair's base, or the pair itself."""
    base, _, quote = pair.partition("/")
    return word in (base, base + quote)


def choose_pairs(words: Iterable[str], lives: Sequence[Live]) -> list[str]:
    """Return the keys of the named pairs. Raises StorageFailed for one that no provider quotes, or without quotes."""
    known = {pair for live in lives for pair in (*live.quotes, *live.held)}
    who = f"{lives[0].provider} quotes" if len(lives) == 1 else "no provider quotes"
    if not known:
        if len(lives) > 1 and all(live.state == "never" and not live.failing for live in lives):
            raise StorageFailed("no quote was ever published", hint="marketctl prices collect")
        told = "; ".join(f"{live.provider}: {live.words()}" for live in lives)
        raise StorageFailed(told, hint=_how_to_have(lives))
    return [choose_pair(word, known, f"{who} no" if len(lives) == 1 else who) for word in dict.fromkeys(words)]


def _how_to_have(lives: Sequence[Live]) -> str | None:
    """Return what brings quotes; what cannot be read says itself what to do."""
    if any(live.state == "failed" for live in lives):
        return None
    return "marketctl prices collect" + (f" -p {lives[0].provider}" if len(lives) == 1 else "")


# Compare ----------------------------------------------------------------------------------


def compare(
    pair: str, lives: Iterable[Live], now_ms: int, max_age_ms: Mapping[str, float], coins: Coins | None = None
) -> dict[str, Any]:
    """Put the quotes of a pair side by side and find the best bid and ask among those that count.

    What does not count says why in `left_out`: `stale`, `halted`, `rate` (a reference rate, nobody trades at it) or
    `twin` (another coin of that name; `twin` says how that is known). `verdict` and `why` are the sentinel's word to a
    quote; those it holds are no rows but stand in `held`.
    """
    rows = []
    lives = list(lives)
    held = [{"provider": live.provider, "pair": pair} | live.held[pair] for live in lives if pair in live.held]
    twins = coins.apart(pair, [live.provider for live in lives if pair in live.quotes]) if coins is not None else {}
    for live in lives:
        if pair in live.quotes:
            row = live.row(pair, now_ms)
            mark = live.marked.get(pair, {})
            row |= {"twin": twins.get(live.provider), "verdict": mark.get("verdict"), "why": mark.get("why")}
            row["stale"] = is_stale(row["age_ms"], max_age_ms[live.provider])
            row["left_out"] = _left_out(row)
            row["spread"], row["spread_percent"] = spread(row["bid"], row["ask"])
            rows.append(row)
    counted = [row for row in rows if row["left_out"] is None]
    bids, asks = ([n for row in counted if (n := number(row[side])) is not None] for side in ("bid", "ask"))
    top, low = max(bids, default=None), min(asks, default=None)
    for row in rows:
        counts = row["left_out"] is None
        row["best_bid"] = counts and top is not None and number(row["bid"]) == top
        row["best_ask"] = counts and low is not None and number(row["ask"]) == low
    best_bid, best_ask = _best(rows, "bid"), _best(rows, "ask")
    between = spread(best_bid["price"], best_ask["price"]) if best_bid and best_ask else (None, None)
    return {
        "rows": rows,
        "held": held,
        "best": {"bid": best_bid, "ask": best_ask, "spread": between[0], "spread_percent": between[1]},
    }


def _left_out(row: Mapping[str, Any]) -> str | None:
    # An exchange gives no mid: what has one is a rate to look at, of a CASH source.
    if row["mid"] is not None or row["derived"]:
        return "rate"
    if row["twin"]:
        return "twin"
    return "stale" if row["stale"] else "halted" if row["status"] == "halted" else None


def _best(rows: Sequence[Mapping[str, Any]], side: str) -> dict[str, Any] | None:
    best = [row for row in rows if row[f"best_{side}"]]
    return {"price": best[0][side], "providers": [row["provider"] for row in best]} if best else None


def spread(bid: str | None, ask: str | None) -> tuple[str | None, str | None]:
    """Return ask minus bid, exactly, and in percent of the middle to six digits."""
    low, high = number(bid), number(ask)
    if low is None or high is None:
        return None, None
    with localcontext() as context:
        context.prec = 130  # the longest texts have 60 digits on either side of the point
        apart, total = high - low, high + low
        if not total:
            return format(apart, "f"), None
        share = apart * 200 / total
        context.prec = 6
        return format(apart, "f"), format((+share).normalize() + 0, "f")


# History ----------------------------------------------------------------------------------


class History(NamedTuple):
    """Changes of a pair, oldest first, unknown sides None; `begins_at` is the oldest moment anything is known of.

    `away` says why Redis was not asked.
    """

    pair: str
    rows: list[dict[str, Any]]
    begins_at: str | None
    away: MarketctlError | None = None


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
        kept = read_history(store, entry.name, pair, since_ms) if store is not None else []
        first = first_of_history(store, entry.name, pair) if store is not None else None
        until = kept[0]["at_ms"] if kept else END_MS - 1
        older = archived(registry, entry, pair, since_ms, until) if from_archive is not None else []
        live = reader.read(entry) if not kept and not older else None
        away = reader.away if store is None and short and registry.settings.redis_url != "none" else None
    if live is not None and pair not in (*live.quotes, *live.held):
        if not live.quotes:
            raise StorageFailed(f"{entry.name}: {live.words()}", hint=_how_to_have([live]))
        choose_pair(pair, live.quotes, f"{entry.name} quotes no")
    if older and kept and {**older[-1], "at_ms": 0} == {**kept[0], "at_ms": 0}:
        del kept[0]  # a value that was told twice
    rows = [{"at": to_iso(one["at_ms"]), **{name: one.get(name) for name in PRICES}} for one in (*older, *kept)]
    begins = min((one for one in (from_archive, first) if one is not None), default=None)
    return History(pair, rows, to_iso(begins), away)


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
