"""What the venues quote now, as far as this process knows: the last good set of each, and a band a pair.

Floats here only find what needs a closer look; the verdicts are made of the texts (judge.py). Sets come from what this
process itself published, from the reference beside the live set in Redis, or from the mirror.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from threading import Lock
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.config.sentinel import SentinelSettings
from marketctl.errors import ForeignValue, MarketctlError
from marketctl.log import log
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import read_l1
from marketctl.sentinel.bands import Bands
from marketctl.sentinel.sheet import Draft, Good, Sheet, good_of
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.snapshots import snapshot

# What others have published is looked for so often at most: a process that publishes one provider after another would
# ask for each of them what hardly anybody but itself has told, and a quote of a second ago is as fresh as one of now.
ASK_S = 1.0


@dataclass(slots=True)
class Venue:
    """The last good set of a provider. `token` tells one set from the next; None when it has to be read."""

    name: str
    token: Any = None
    collected_ms: int | None = None
    earlier_ms: int | None = None
    sheet: Sheet | None = None
    goods: dict[str, Good] = field(default_factory=dict)  # what is not in the sheet

    def good(self, pair: str) -> Good | None:
        """Return the last good quote of a pair."""
        place = None if self.sheet is None else self.sheet.names.place(pair)
        if self.sheet is None or place is None:
            return self.goods.get(pair)
        return self.sheet.good(place, self.collected_ms)

    def fresh(self, pair: str, now_ms: int, interval_s: float) -> Good | None:
        """Return the quote of a pair unless it is too old to hold others against."""
        good = self.good(pair)
        if good is None or good.halted:
            return None
        age = age_ms(now_ms, good.collected_ms, good.at_ms)
        kept = None if None in (self.collected_ms, self.earlier_ms) else self.collected_ms - self.earlier_ms  # type: ignore[operator]
        return good if age is not None and age <= limit_ms(interval_s, kept) else None

    def middles(self) -> Iterator[tuple[str, float]]:
        """Yield its pairs and their middles."""
        if self.sheet is not None:
            yield from zip(self.sheet.names.pairs, self.sheet.middles, strict=True)
        yield from middles_of(self.goods)


class Market:
    """All venues of a registry. Safe to share between threads under `lock`."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.venues: dict[str, Venue] = {}
        self._asked = float("-inf")
        self._ahead: dict[str, tuple[float, list[Any]]] = {}  # what Redis said beside the sets, and when, until used
        self.bands = Bands()
        self.limits: SentinelSettings | None = None  # what the width of the bands is of
        self._said: dict[str, str] = {}  # what cannot be read, by venue

    def venue(self, name: str) -> Venue:
        """Return a venue, empty when nothing is known."""
        return self.venues.setdefault(name, Venue(name))

    def refresh(
        self,
        registry: Registry,
        store: RedisConnection | None,
        entries: Sequence[ProviderEntry],
        also: Sequence[Sequence[str]] = (),
        name: str = "",
    ) -> list[Any]:
        """Read the sets that are newer than those known; return the replies to what Redis is asked beside it.

        What was just asked ahead for this `name` is not asked again. What a venue has that is not as we write it is
        told once and left out: it is no harm to the others. Raises RedisFailed.
        """
        asked_at, replies = self._ahead.pop(name, (float("-inf"), []))
        heard = time.monotonic() - asked_at < ASK_S
        if store is not None:
            found = self._refresh_redis(store, entries, () if heard else also)
            return replies if heard else found
        self._refresh_files(registry, entries)
        return []

    def look_ahead(
        self, registry: Registry, store: RedisConnection | None, also: Mapping[str, Sequence[Sequence[str]]]
    ) -> None:
        """Read the sets of all that are on, and what is asked beside them by name, before answers are there.

        A thread that publishes then need not wait for what Redis does for another. Raises RedisFailed.
        """
        if not registry.sentinel.enabled:
            return
        with self.lock:
            found = iter(self.refresh(registry, store, registry.enabled(), list(chain.from_iterable(also.values()))))
            for name, asked in also.items():
                self.heard(name, list(islice(found, len(asked))))

    def heard(self, name: str, replies: list[Any]) -> None:
        """Take what Redis said just now to what `refresh` would ask beside the sets."""
        self._ahead[name] = time.monotonic(), replies

    def accept(
        self,
        name: str,
        sheet: Sheet,
        halted: Mapping[str, Quote],
        collected_ms: int,
        earlier_ms: int | None,
        run_id: str,
    ) -> None:
        """Take over what was published whole just now."""
        goods = {pair: good_of(quote, collected_ms) for pair, quote in halted.items()}
        self.venues[name] = Venue(name, run_id, collected_ms, earlier_ms, sheet, goods)

    def forget(self, name: str) -> None:
        """Read a set anew next time: what was found of it was not published."""
        self.venue(name).token = None

    def _refresh_redis(
        self, store: RedisConnection, entries: Sequence[ProviderEntry], also: Sequence[Sequence[str]]
    ) -> list[Any]:
        now = time.monotonic()
        if now - self._asked < ASK_S and all(self.venue(entry.name).token is not None for entry in entries):
            return store.batch(also) if also else []
        self._asked = now
        # A run publishes a provider once: its id tells one set from the next.
        asked = [("HGET", store.key(entry.name, "l1:meta"), "run_id") for entry in entries]
        replies = store.batch_of_many([*asked, *also])
        stale = [entry.name for entry, one in zip(entries, replies, strict=False) if not self._known(entry.name, one)]
        if stale:
            self._read_anew(store, stale)
        if wrong := next((one for one in replies[len(asked) :] if isinstance(one, ForeignValue)), None):
            raise wrong
        return replies[len(asked) :]

    def _known(self, name: str, told: bytes | ForeignValue | None) -> bool:
        """Tell whether the set of this run is what we have; no set at all is known at once."""
        run_id = None if isinstance(told, ForeignValue) else _text(told)
        if isinstance(told, ForeignValue):
            self._say(name, told.message)
        if run_id is None:
            self.venues[name] = Venue(name)
        return run_id is None or self.venue(name).token == run_id

    def _say(self, name: str, words: str) -> None:
        """Tell what cannot be read of a venue, once until it is something else."""
        if self._said.get(name) != words:
            told = f"{words}. The sentinel goes without it until {name} publishes anew"
            log.warning("%s", told, extra={"provider": name, "job": "prices"})
        self._said[name] = words

    def _read_anew(self, store: RedisConnection, names: Sequence[str]) -> None:
        fields = ("run_id", "collected_ms", "earlier_ms")
        metas = [("HMGET", store.key(name, "l1:meta"), *fields) for name in names]
        keys = [store.key(name, "reference") for name in names]
        replies = store.batch_of_many([*metas, *(("GET", key) for key in keys)])
        for name, key, meta, raw in zip(names, keys, replies[: len(names)], replies[len(names) :], strict=True):
            run_id, collected, earlier = (None,) * 3 if isinstance(meta, ForeignValue) else map(_text, meta)
            venue = self.venues[name] = Venue(name, run_id, _number(collected), _number(earlier))
            try:
                venue.sheet = _sheet(raw, run_id, f"{store.where}: key {key}")
                self._said.pop(name, None)
            except ForeignValue as error:
                self._say(name, error.message)
            try:
                if venue.sheet is None:
                    self._take_values(venue, read_l1(store, name)[0])
            except ForeignValue as error:
                self._say(name, error.message)
            self.bands.take(venue.middles())

    def _take_values(self, venue: Venue, quotes: Mapping[str, Mapping[str, Any]]) -> None:
        """Take quotes as Redis holds them."""
        for pair, one in quotes.items():
            venue.goods[pair] = Good(
                one.get("bid"),
                one.get("ask"),
                one.get("mid"),
                one.get("status") == "halted",
                one.get("at"),
                one.get("collected_ms", venue.collected_ms),
            )

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
            except MarketctlError as error:
                self._say(entry.name, error.message)
                continue
            venue.collected_ms, venue.earlier_ms = (
                ms_or_none(found["collected_at"]),
                ms_or_none(found.get("earlier_at")),
            )
            for pair, one in found["quotes"].items():
                venue.goods[pair] = Good(
                    one.get("bid"),
                    one.get("ask"),
                    one.get("mid"),
                    one.get("status") == "halted",
                    ms_or_none(one.get("at")),
                    ms_or_none(one.get("collected_at")) or venue.collected_ms,
                )
            self.bands.take(venue.middles())

    def apart(self, name: str, draft: Draft) -> list[str]:
        """Return the pairs of a venue that stand apart from what is published, itself among it."""
        return self.bands.apart(name, draft.names, draft.middles, self._published)

    def _published(self, pair: str) -> Iterator[float]:
        """Yield the middles of a pair."""
        for venue in self.venues.values():
            place = None if venue.sheet is None else venue.sheet.names.place(pair)
            if venue.sheet is not None and place is not None:
                yield venue.sheet.middles[place]
            elif (good := venue.goods.get(pair)) is not None:
                yield from (middle for _, middle in middles_of({pair: good}))

    def limit(self, limits: SentinelSettings) -> None:
        """Take other limits: bands of another width are laid of what is known."""
        self.limits = limits
        tightest = float(limits.tightest)
        reach = tightest * 0.49 / (1 + tightest)  # two in one band are no further apart than the smallest limit
        if reach != self.bands.reach:
            self.bands = Bands(reach)
            for venue in self.venues.values():
                self.bands.take(venue.middles())


def middles_of(goods: Mapping[str, Good]) -> Iterable[tuple[str, float]]:
    """Yield pairs and the middles of their quotes; one without any is left out."""
    for pair, good in goods.items():
        try:
            yield pair, good.middle
        except (TypeError, ValueError):  # a foreign file: no price, nothing to hold against
            continue


def _sheet(raw: bytes | ForeignValue | None, run_id: str | None, where: str) -> Sheet | None:
    """Read the reference of a run. Raises ForeignValue."""
    if isinstance(raw, ForeignValue):
        raise raw
    try:
        return None if raw is None else Sheet.read(raw, run_id)
    except ValueError:
        raise ForeignValue(f"{where} is not as marketctl writes it") from None


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="replace")


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None


_markets: dict[tuple[Any, ...], Market] = {}


def market_of(registry: Registry) -> Market:
    """Return what this process knows of a registry's venues."""
    place = registry.settings.data_dir, registry.settings.redis_url, registry.settings.redis_prefix
    market = _markets.get(place) or _markets.setdefault(place, Market())
    if market.limits is not registry.sentinel:
        market.limit(registry.sentinel)
    return market
