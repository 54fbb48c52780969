"""What the venues quote now, as far as this process knows: the last good set of each, and a band a pair.

Floats here only find what needs a closer look; the verdicts are made of the texts (judge.py). Sets come from what this
process itself published, from the reference beside the live set in Redis, or from the mirror.
"""

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from threading import Lock
from typing import Any, NamedTuple

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import read_l1
from marketctl.sentinel.judge import Span
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.snapshots import snapshot

ABSENT = "-"

NOWHERE = (float("inf"), float("-inf"))


class Good(NamedTuple):
    """A last good quote: its texts and the times it is judged by (None: not told)."""

    bid: str | None
    ask: str | None
    mid: str | None
    halted: bool
    at_ms: int | None
    collected_ms: int | None

    @property
    def span(self) -> Span | None:
        """The prices it can mean."""
        return Span.of(self.bid, self.ask, self.mid)


@dataclass(slots=True)
class Venue:
    """The last good set of a provider. `token` tells one set from the next; None when it has to be read."""

    name: str
    token: Any = None
    collected_ms: int | None = None
    earlier_ms: int | None = None
    _quotes: Mapping[str, Quote] | None = None
    _reference: tuple[list[str], bytes, bytes, list[str]] | None = None
    _goods: dict[str, Good] = field(default_factory=dict)

    def good(self, pair: str) -> Good | None:
        """Return the last good quote of a pair."""
        if self._quotes is not None:
            quote = self._quotes.get(pair)
            return None if quote is None else _good(quote, self.collected_ms)
        if self._reference is not None:
            self._unpack()
        return self._goods.get(pair)

    def fresh(self, pair: str, now_ms: int, interval_s: float) -> Good | None:
        """Return the quote of a pair unless it is too old to hold others against."""
        good = self.good(pair)
        if good is None or good.halted:
            return None
        age = age_ms(now_ms, good.collected_ms, good.at_ms)
        kept = None if None in (self.collected_ms, self.earlier_ms) else self.collected_ms - self.earlier_ms  # type: ignore[operator]
        return good if age is not None and age <= limit_ms(interval_s, kept) else None

    def _unpack(self) -> None:
        assert self._reference is not None
        pairs, bids, asks, ats = self._reference
        self._reference = None
        told = (None if text == ABSENT else text for text in bids.decode().split(" "))
        times = [None if at == ABSENT else int(at) for at in (ats * len(pairs) if len(ats) == 1 else ats)]
        for pair, bid, ask, at in zip(pairs, told, asks.decode().split(" "), times, strict=True):
            # A rate has its middle alone, as "=" for the ask.
            mid = bid if ask == "=" else None
            high = None if ask in (ABSENT, "=") else ask
            self._goods[pair] = Good(None if mid else bid, high, mid, False, at, self.collected_ms)


def _good(quote: Quote, collected_ms: int | None) -> Good:
    return Good(quote.bid, quote.ask, quote.mid, quote.status == "halted", quote.at_ms, collected_ms)


class Market:
    """All venues of a registry. Safe to share between threads under `lock`."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.venues: dict[str, Venue] = {}
        # pair -> a narrow band that holds the middles (or the one side) of everybody's last good set; NOWHERE where
        # they are further apart than the band is wide. What lies in it is within the smallest limit of all others.
        self.bands: dict[str, tuple[float, float]] = {}
        self.reach = 0.0  # half a band, as a share

    def venue(self, name: str) -> Venue:
        """Return a venue, empty when nothing is known."""
        return self.venues.setdefault(name, Venue(name))

    def refresh(self, registry: Registry, store: RedisConnection | None, entries: Sequence[ProviderEntry]) -> None:
        """Read the sets that are newer than those known. Raises RedisFailed; a mirror that is broken is left out."""
        if store is not None:
            self._refresh_redis(store, entries)
        else:
            self._refresh_files(registry, entries)

    def accept(
        self, name: str, quotes: Mapping[str, Quote], collected_ms: int, earlier_ms: int | None, token: Any
    ) -> None:
        """Take over what was published whole just now."""
        self.venues[name] = Venue(name, token, collected_ms, earlier_ms, quotes)

    def forget(self, name: str) -> None:
        """Read a set anew next time: what was found of it was not published."""
        self.venue(name).token = None

    def _refresh_redis(self, store: RedisConnection, entries: Sequence[ProviderEntry]) -> None:
        fields = ("run_id", "seq", "collected_ms", "earlier_ms")
        replies = store.batch([("HMGET", store.key(entry.name, "l1:meta"), *fields) for entry in entries])
        stale = []
        for entry, reply in zip(entries, replies, strict=True):
            venue = self.venue(entry.name)
            run_id, seq, collected, earlier = (None if one is None else one.decode() for one in reply)
            token = (run_id, seq)
            if venue.token != token:
                self.venues[entry.name] = Venue(entry.name, token, _number(collected), _number(earlier))
                if run_id is not None:
                    stale.append(entry.name)
        if not stale:
            return
        for name, raw in zip(
            stale, store.batch([("GET", store.key(name, "reference")) for name in stale]), strict=True
        ):
            if raw is None or not self._take_reference(self.venues[name], raw):
                self._take_values(self.venues[name], read_l1(store, name)[0])

    def _take_reference(self, venue: Venue, raw: bytes) -> bool:
        """Read what `pack` wrote; False when it is of another set, or not of our shape."""
        try:
            head, pairs, bids, asks, ats, middles = raw.split(b"\n", 5)
            told, names = json.loads(head), json.loads(pairs)
            values = array("d", middles)
            if told["run_id"] != venue.token[0] or told["version"] != VERSION or len(values) != len(names):
                return False
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        venue._reference = (names, bids, asks, ats.decode().split(" "))
        self._fill(zip(names, values, strict=True))
        return True

    def _take_values(self, venue: Venue, quotes: Mapping[str, Mapping[str, Any]]) -> None:
        """Take quotes as Redis holds them."""
        for pair, one in quotes.items():
            venue._goods[pair] = Good(
                one.get("bid"),
                one.get("ask"),
                one.get("mid"),
                one.get("status") == "halted",
                one.get("at"),
                one.get("collected_ms", venue.collected_ms),
            )
        self._fill(_middles(venue._goods))

    def _refresh_files(self, registry: Registry, entries: Sequence[ProviderEntry]) -> None:
        for entry in entries:
            path = registry.settings.data_dir / "prices" / f"{entry.name}.json"
            try:
                stat = path.stat()
                token = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            except OSError:
                token = None
            venue = self.venue(entry.name)
            if token is not None and venue.token == token:
                continue
            venue = self.venues[entry.name] = Venue(entry.name, token)
            if token is None:
                continue
            try:
                found = snapshot(registry, "prices", entry.name)
            except MarketctlError:  # it tells nothing; the commands that show prices say so
                continue
            venue.collected_ms, venue.earlier_ms = (
                ms_or_none(found["collected_at"]),
                ms_or_none(found.get("earlier_at")),
            )
            for pair, one in found["quotes"].items():
                venue._goods[pair] = Good(
                    one.get("bid"),
                    one.get("ask"),
                    one.get("mid"),
                    one.get("status") == "halted",
                    ms_or_none(one.get("at")),
                    ms_or_none(one.get("collected_at")) or venue.collected_ms,
                )
            self._fill(_middles(venue._goods))

    def _fill(self, middles: Iterable[tuple[str, float]]) -> None:
        """Take over values that were published elsewhere."""
        bands = self.bands
        for pair, value in middles:
            band = bands.get(pair)
            if band is None:
                bands[pair] = self.band_of(value, value)
            elif not band[0] <= value <= band[1]:
                bands[pair] = NOWHERE

    def band_of(self, low: float, high: float) -> tuple[float, float]:
        """Return the band around these, NOWHERE where they do not fit into one."""
        middle = (low + high) / 2
        band = (middle * (1 - self.reach), middle * (1 + self.reach))
        return band if band[0] <= low and high <= band[1] else NOWHERE

    def fits(self, pair: str, value: float) -> bool:
        """Lay the band of a pair anew around a value and all that is published; tell whether they fit into one."""
        low = high = value
        for venue in self.venues.values():
            good = venue.good(pair)
            if good is not None:
                one = middle(good.bid, good.ask, good.mid)
                low, high = min(low, one), max(high, one)
        band = self.bands[pair] = self.band_of(low, high)
        return band is not NOWHERE


def _middles(goods: Mapping[str, Good]) -> Iterable[tuple[str, float]]:
    for pair, good in goods.items():
        try:
            yield pair, middle(good.bid, good.ask, good.mid)
        except (TypeError, ValueError):  # a foreign file: no price, nothing to hold against
            continue


def middle(bid: str | None, ask: str | None, mid: str | None) -> float:
    """Return the middle, or the one side there is, as a float. Raises TypeError without any."""
    if bid is not None and ask is not None:
        return (float(bid) + float(ask)) * 0.5
    return float(bid or ask or mid)  # type: ignore[arg-type]


VERSION = 1

_bid, _ask, _mid, _status, _at = map(itemgetter, (1, 2, 6, 9, 10))


def middles_of(quotes: Mapping[str, Quote]) -> list[float]:
    """Return the middle of each, or the one side there is, as a float."""
    bids, asks = list(map(_bid, quotes.values())), list(map(_ask, quotes.values()))
    if None not in bids and None not in asks:  # whole columns at once take half the time
        return [(bid + ask) * 0.5 for bid, ask in zip(map(float, bids), map(float, asks), strict=True)]
    return [
        (float(bid) + float(ask)) * 0.5 if bid is not None and ask is not None else float(mid or bid or ask or 0)
        for bid, ask, mid in zip(bids, asks, map(_mid, quotes.values()), strict=True)
    ]


def pack(quotes: Mapping[str, Quote], middles: Sequence[float], run_id: str, collected_ms: int) -> bytes:
    """Write a set for `_take_reference`: texts to judge by, floats to look through. Halted ones are left out."""
    chosen = quotes
    if "halted" in set(map(_status, quotes.values())):
        chosen = {pair: quote for pair, quote in quotes.items() if quote[9] != "halted"}
        middles = [one for one, quote in zip(middles, quotes.values(), strict=True) if quote[9] != "halted"]
    values = chosen.values()
    bids, asks, ats = list(map(_bid, values)), list(map(_ask, values)), list(map(_at, values))
    if None in bids or None in asks:
        bids = [quote[1] or quote[6] or ABSENT for quote in values]
        asks = [quote[2] or ("=" if quote[1] is None and quote[6] else ABSENT) for quote in values]
    times = set(ats)
    words = {at: str(at or ABSENT) for at in times}  # many are the same
    told = map(words.__getitem__, ats if len(times) > 1 else times)
    head = {"version": VERSION, "run_id": run_id, "collected_ms": collected_ms}
    texts = (json.dumps(head), json.dumps(list(chosen)), " ".join(bids), " ".join(asks), " ".join(told))
    return "\n".join(texts).encode() + b"\n" + array("d", middles).tobytes()


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None


_markets: dict[str, Market] = {}


def market_of(registry: Registry) -> Market:
    """Return what this process knows of a registry's venues."""
    settings = registry.settings
    return _markets.setdefault(f"{settings.data_dir}\n{settings.redis_url}\n{settings.redis_prefix}", Market())
