"""Read live quotes: from Redis, or their mirror when Redis is away; compare them over providers, show their history.

A quote's age counts from the provider's own time of it where that is known, else from when it was collected.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

from marketctl.errors import ConfigError, MarketctlError, RedisFailed, StorageFailed
from marketctl.fields import printable
from marketctl.publish import mirror_quote, read_history, read_l1
from marketctl.redis_store import RedisStore, connect
from marketctl.registry import ProviderEntry, Registry
from marketctl.store import read_state
from marketctl.times import from_iso, to_iso
from marketctl.views import no_such, number, snapshot

QUOTE_FIELDS = (
    *("at", "bid", "ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume"),
    *("status", "symbol", "derived"),
)


@dataclass
class Live:
    """A provider's quotes, each with every key of QUOTE_FIELDS.

    `state` is `ok`, `expired` (they were there once), `never`, or `failed` (`last_error` says why they can't be read);
    `failing` tells of the last run, whatever is still live.
    """

    provider: str
    source: str
    state: str = "ok"
    failing: bool = False
    collected_ms: int | None = None
    last_ok_at: str | None = None
    last_error: str | None = None
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the quotes, as `--json` shows it."""
        return {
            "provider": self.provider,
            "source": self.source,
            "state": self.state,
            "failing": self.failing,
            "collected_at": to_iso(self.collected_ms),
            "last_ok_at": self.last_ok_at,
            "last_error": self.last_error,
            "quotes": len(self.quotes),
        }

    def words(self) -> str | None:
        """Say what is wrong with these quotes, None when nothing is."""
        if self.state == "failed":
            return f"cannot be read: {self.last_error}"
        told = []
        if self.state == "never":
            told.append("never published a quote")
        if self.state == "expired":
            told.append(f"its quotes expired, the last were of {to_iso(self.collected_ms)}")
        if self.failing:
            since = f"failing since {self.last_ok_at}" if self.last_ok_at else "failing"
            told.append(f"{since} ({self.last_error})" if self.last_error else since)
        return "; ".join(told) or None

    def collected_of(self, quote: Mapping[str, Any]) -> int | None:
        """Return when a quote was collected: after a merge older than the rest."""
        return _ms(quote.get("collected_at")) or self.collected_ms

    def age_ms(self, quote: Mapping[str, Any], now_ms: int) -> int | None:
        """Return a quote's age. A provider's clock that runs ahead makes no quote newer than its arrival."""
        known = [ms for ms in (_ms(quote.get("at")), self.collected_of(quote)) if ms is not None]
        return max(0, now_ms - min(known)) if known else None

    def row(self, pair: str, now_ms: int) -> dict[str, Any]:
        """Return a quote as `--json` shows it."""
        quote = self.quotes[pair]
        return {
            "provider": self.provider,
            "pair": pair,
            **{name: quote.get(name) for name in QUOTE_FIELDS},
            "collected_at": to_iso(self.collected_of(quote)),
            "age_ms": self.age_ms(quote, now_ms),
            "source": self.source,
        }


def _ms(iso: object) -> int | None:
    try:
        return from_iso(iso) if isinstance(iso, str) else None
    except ValueError:
        return None


class Reader:
    """Where quotes are read: Redis, or the mirror when `away` says why Redis is not."""

    def __init__(self, registry: Registry, store: RedisStore | None, away: MarketctlError | None) -> None:
        self.registry = registry
        self.store = store
        self.away = away

    def read(self, entry: ProviderEntry) -> Live:
        """Return a provider's quotes; what goes wrong is told in their state."""
        try:
            return self._mirror(entry) if self.store is None else self._redis(self.store, entry)
        except MarketctlError as error:
            source = "mirror" if self.store is None else "redis"
            return Live(entry.name, source, "failed", last_error=sentence(error))

    def _redis(self, store: RedisStore, entry: ProviderEntry) -> Live:
        quotes, meta = read_l1(store, entry.name)
        published = meta.get("collected_ms")
        return Live(
            entry.name,
            "redis",
            "ok" if quotes else "never" if published is None else "expired",
            meta.get("status") == "failing",
            published,
            to_iso(meta.get("last_ok_ms")),
            meta.get("last_error"),
            {pair: mirror_quote(value) for pair, value in sorted(quotes.items())},
        )

    def _mirror(self, entry: ProviderEntry) -> Live:
        data_dir = self.registry.settings.data_dir
        state = read_state(data_dir / "state", entry.name).get("prices", {})
        live = Live(entry.name, "mirror", "never", state.get("failures", 0) > 0)
        if live.failing:
            live.last_ok_at, live.last_error = state.get("last_success"), printable(state.get("last_reason"), 40)
        if (data_dir / "prices" / f"{entry.name}.json").exists():
            found = snapshot(self.registry, "prices", entry.name)
            live.state, live.quotes, live.collected_ms = "ok", found["quotes"], _ms(found["collected_at"])
        return live


@contextmanager
def open_reader(registry: Registry) -> Iterator[Reader]:
    """Open Redis for reading. An embedded server that never ran is not started."""
    settings = registry.settings
    store: RedisStore | None = None
    away: MarketctlError | None = None
    if settings.redis_url == "none":
        away = ConfigError('redis_url is "none"')
    elif settings.redis_url == "embedded" and not (settings.data_dir / "redis").exists():
        away = RedisFailed(f"the embedded Redis never ran in {settings.data_dir}", hint="marketctl prices collect")
    else:
        try:
            store = connect(settings.redis_url, settings.data_dir, settings.redis_prefix)
            if store is not None:
                store.open()
        except MarketctlError as error:
            if store is not None:
                store.close()
            store, away = None, error
    try:
        yield Reader(registry, store, away)
    finally:
        if store is not None:
            store.close()


def sentence(error: MarketctlError) -> str:
    """Put an error and its hint into one line."""
    return f"{error.message}. Next: {error.hint}" if error.hint else error.message


def choose_pair(word: str, known: Iterable[str], who: str) -> str:
    """Return a pair's key in any case of letters. Raises StorageFailed with the closest one."""
    pair = word.upper()
    pairs = list(known)
    if pair in pairs:
        return pair
    base, _, quote = pair.partition("/")
    swapped = f"{quote}/{base}"
    raise no_such(who, pair, [swapped] if swapped in pairs else pairs)


def choose_pairs(words: Iterable[str], lives: Sequence[Live]) -> list[str]:
    """Return the keys of the named pairs. Raises StorageFailed for one that no provider quotes, or without quotes."""
    known = {pair for live in lives for pair in live.quotes}
    who = f"{lives[0].provider} quotes" if len(lives) == 1 else "no provider quotes"
    if not known:
        told = "; ".join(f"{live.provider}: {live.words()}" for live in lives)
        raise StorageFailed(f"there are no quotes: {told}", hint="marketctl prices collect")
    return [choose_pair(word, known, f"{who} no" if len(lives) == 1 else who) for word in dict.fromkeys(words)]


# Compare ----------------------------------------------------------------------------------


def compare(pair: str, lives: Iterable[Live], now_ms: int, max_age_ms: Mapping[str, float]) -> dict[str, Any]:
    """Put the quotes of a pair side by side and find the best bid and ask among those that count.

    What does not count says why in `left_out`: `stale`, `halted`, or `rate` (a reference rate, nobody trades at it).
    """
    rows = []
    for live in lives:
        if pair in live.quotes:
            row = live.row(pair, now_ms)
            row["stale"] = row["age_ms"] is None or row["age_ms"] > max_age_ms[live.provider]
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
        "best": {"bid": best_bid, "ask": best_ask, "spread": between[0], "spread_percent": between[1]},
    }


def _left_out(row: Mapping[str, Any]) -> str | None:
    # An exchange gives no mid: what has one is a rate to look at, of a CASH source.
    if row["mid"] is not None or row["derived"]:
        return "rate"
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


def history(registry: Registry, provider: str, word: str, since_ms: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the pair's key and its changes since that time, oldest first; unknown sides are None.

    Raises RedisFailed, ConfigError (unknown provider, no Redis), StorageFailed (nothing published, unknown pair).
    """
    entry = registry.provider(provider)
    pair = word.upper()
    with open_reader(registry) as reader:
        if reader.store is None:
            why = reader.away.message if reader.away else ""
            raise type(reader.away or RedisFailed(""))(
                f"history is kept in Redis alone, and {why}", hint="see redis_url in providers.toml"
            )
        kept = read_history(reader.store, entry.name, pair, since_ms)
        live = reader.read(entry) if not kept else None
    if live is not None and pair not in live.quotes:
        if not live.quotes:
            raise StorageFailed(f"{entry.name}: {live.words()}", hint=f"marketctl prices collect -p {entry.name}")
        choose_pair(pair, live.quotes, f"{entry.name} quotes no")
    return pair, [
        {"at": to_iso(one["at_ms"]), **{name: one.get(name) for name in ("bid", "ask", "last", "mid")}} for one in kept
    ]


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
