"""Where money can go now: books that are fresh and trade, networks that are open at both ends, as edges between places.

Edges of a place are put together when the search first looks at it: most coins of most venues are never looked at.
An edge says roughly what it makes of an amount, in floats that never come out too low; the step behind it says it
exactly.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from marketctl.config.registry import ProviderEntry
from marketctl.convert.steps import Door, Place, Step, Trade, Transfer
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Live
from marketctl.views.twins import identify

SLACK = 1 + 1e-9
ENDLESS = float("inf")
new_edge = tuple.__new__  # thousands of them: a NamedTuple's own way takes three times as long


class Edge(NamedTuple):
    """At most `cap` is taken, nothing below `low`; `ratio` of it less `fee` arrives, if that is `least`."""

    source: Place
    target: Place
    cap: float
    low: float
    ratio: float
    fee: float
    least: float
    behind: tuple[Any, ...]  # what `step_of` needs

    def after(self, amount: float) -> float:
        """Return roughly what arrives, never too little; 0.0 for nothing."""
        if amount > self.cap:
            amount = self.cap
        if amount < self.low:
            return 0.0
        there = amount * self.ratio - self.fee
        return there if there > 0.0 and there >= self.least else 0.0


@dataclass
class Avoid:
    """What may not be on a way: providers and tickers in capital letters, networks by their common names."""

    providers: frozenset[str] = frozenset()
    tickers: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()


@dataclass
class Graph:
    """Books and doors of all providers at one moment. `left_out` is what may not be on a way, by reason."""

    entries: Mapping[str, ProviderEntry]
    now_ms: int
    avoid: Avoid = field(default_factory=Avoid)
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unpriced: list[str] = field(default_factory=list)  # providers without a taker fee
    _lives: dict[str, Live] = field(default_factory=dict)
    _assets: dict[str, dict[str, list[Mapping[str, Any]]]] = field(default_factory=lambda: defaultdict(dict))
    _listed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # provider -> tickers
    _wallet_ages: dict[str, int] = field(default_factory=dict)
    _doors: dict[Place, dict[str, list[Door]]] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)  # providers whose trades are made
    _given: dict[Place, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    _got: dict[Place, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    _transfers: dict[tuple[str, str, str], list[Edge]] = field(default_factory=dict)
    _too_old: dict[tuple[str, object, object], bool] = field(default_factory=dict)

    def add_quotes(self, live: Live) -> None:
        """Take over a provider's books: those that are fresh as a set, and have a fee that somebody told."""
        entry = self.entries[live.provider]
        if live.provider in self.avoid.providers or not live.quotes:
            return
        self._listed[live.provider].update(ticker for pair in live.quotes for ticker in pair.split("/"))
        if self._old(live, live.collected_ms):
            self.left_out["stale"].add(live.provider)
            return
        if entry.taker_fee is None:
            if any(quote.get("mid") is None for quote in live.quotes.values()):
                self.unpriced.append(live.provider)
            return
        self._lives[live.provider] = live

    def add_wallet(self, wallet: Mapping[str, Any]) -> None:
        """Take over a provider's networks, unless they are too old to go by."""
        entry = self.entries[wallet["provider"]]
        if entry.name in self.avoid.providers:
            return
        age = age_ms(self.now_ms, ms_or_none(wallet["collected_at"]))
        if age is None or age > limit_ms(entry.wallet_interval_s):
            self.left_out["wallet-stale"].add(entry.name)
            return
        self._wallet_ages[entry.name] = age
        listed = self._listed[entry.name]
        for asset in wallet["assets"].values():
            ticker = str(asset.get("ticker")).upper()
            listed.add(ticker)
            if asset.get("networks"):
                self._assets[ticker].setdefault(entry.name, []).append(asset)

    # What there is ----------------------------------------------------------------------------

    def tickers(self, provider: str | None = None) -> set[str]:
        """Return the assets that are known, at all or at one provider."""
        return set().union(*(told for name, told in self._listed.items() if provider in (None, name)))

    def places(self, ticker: str) -> list[Place]:
        """Return where an asset is known: in a wallet or in a book."""
        return [(name, ticker) for name, told in sorted(self._listed.items()) if ticker in told]

    def places_of(self, ticker: str) -> list[Place]:
        """Return where an asset may be sent to."""
        return [(provider, ticker) for provider in self._assets.get(ticker, ())]

    def trades_from(self, place: Place) -> list[Edge]:
        """Return the trades in which an asset is given."""
        if place[0] not in self._made:
            self._make_trades(place[0])
        return self._given.get(place) or []

    def trades_into(self, place: Place) -> list[Edge]:
        """Return the trades in which an asset is got."""
        if place[0] not in self._made:
            self._make_trades(place[0])
        return self._got.get(place) or []

    def senders(self, place: Place) -> list[Place]:
        """Return where an asset could be sent from to a place."""
        provider, ticker = place
        at = self._assets.get(ticker, {})
        if provider not in at or ticker in self.avoid.tickers:
            return []
        return [(other, ticker) for other in at if other != provider]

    def transfers(self, source: Place, target: Place) -> list[Edge]:
        """Return the transfers of an asset from one provider to another."""
        key = (source[1], source[0], target[0])
        known = self._transfers.get(key)
        if known is None:
            known = self._transfers[key] = list(self._open(*key))
        return known

    # Books ------------------------------------------------------------------------------------

    def _make_trades(self, provider: str) -> None:
        """Make the two trades of each of a provider's books."""
        self._made.add(provider)
        live = self._lives.get(provider)
        fee = self.entries[provider].taker_fee
        if live is None or fee is None:
            return
        kept = (1 - float(fee.percent) / 100) * SLACK
        places = {ticker: (provider, ticker) for ticker in {one for pair in live.quotes for one in pair.split("/")}}
        given, got, avoided = self._given, self._got, self.avoid.tickers
        for pair, quote in live.quotes.items():
            base, _, counter = pair.partition("/")
            if base in avoided or counter in avoided or self._is_out(live, pair, quote):
                continue
            first, second = places[base], places[counter]
            if (text := quote.get("bid")) is not None and (price := float(text)) > 0:
                size = quote.get("bid_size")
                cap = ENDLESS if size is None else float(size) * SLACK
                edge = new_edge(Edge, (first, second, cap, 0.0, price * kept, 0.0, 0.0, (pair, "bid")))
                given[first].append(edge)
                got[second].append(edge)
            if (text := quote.get("ask")) is not None and (price := float(text)) > 0:
                size = quote.get("ask_size")
                cap = ENDLESS if size is None else float(size) * price * SLACK
                edge = new_edge(Edge, (second, first, cap, 0.0, kept / price, 0.0, 0.0, (pair, "ask")))
                given[second].append(edge)
                got[first].append(edge)

    def _is_out(self, live: Live, pair: str, quote: Mapping[str, Any]) -> bool:
        """Tell whether a book is on no way: a rate to look at, halted, stale."""
        if quote.get("mid") is not None or quote.get("derived"):
            return True
        if quote.get("status") == "halted":
            self.left_out["halted"].add(f"{live.provider} {pair}")
            return True
        # Many quotes of a provider have one time: it is judged once.
        key = (live.provider, quote.get("at"), quote.get("collected_at"))
        old = self._too_old.get(key)
        if old is None:
            age = live.age_ms(quote, self.now_ms)
            limit = limit_ms(self.entries[live.provider].prices_interval_s, live.kept_ms)
            old = self._too_old[key] = age is None or age > limit
        if old:
            self.left_out["stale"].add(f"{live.provider} {pair}")
        return old

    def _old(self, live: Live, collected_ms: int | None) -> bool:
        age = age_ms(self.now_ms, collected_ms)
        return age is None or age > limit_ms(self.entries[live.provider].prices_interval_s, live.kept_ms)

    # Networks ---------------------------------------------------------------------------------

    def doors(self, place: Place) -> dict[str, list[Door]]:
        """Return a provider's networks of an asset by common name; none where two living coins have its ticker."""
        known = self._doors.get(place)
        if known is not None:
            return known
        provider, ticker = place
        found: dict[str, list[Door]] = {}
        assets = self._assets[ticker][provider]
        alive = [one for one in assets if one.get("deposit") is not False or one.get("withdraw") is not False]
        if len(alive) > 1:
            self.left_out["two-coins"].add(f"{provider} {ticker}")
        else:
            age = self._wallet_ages[provider]
            for asset in alive or assets:
                for key, network in asset["networks"].items():
                    if (slug := network.get("network")) is not None:
                        precision = _precision(network, asset)
                        found.setdefault(slug, []).append(Door(provider, ticker, slug, key, network, precision, age))
        self._doors[place] = found
        return found

    def _open(self, ticker: str, source: str, target: str) -> Iterator[Edge]:
        """Yield the networks two providers have in common: open, of one coin, and with a fee that is told."""
        leaving, entering = self.doors((source, ticker)), self.doors((target, ticker))
        shared = [
            (one, other, _identity(ticker, one, other))
            for slug, doors in leaving.items()
            if slug in entering
            for one in doors
            for other in entering[slug]
        ]
        same = any(identity == "proven" for _, _, identity in shared)
        twins = any(identity == "twin" for _, _, identity in shared)
        for one, other, identity in shared:
            if identity == "twin" or (twins and not same):
                self.left_out["twin"].add(_words(one, other))
                continue
            withdraw, deposit = one.network.get("withdraw"), other.network.get("deposit")
            if withdraw is not True or deposit is not True:
                closed = withdraw is False or deposit is False
                self.left_out["network-closed" if closed else "network-unknown"].add(_words(one, other))
            elif one.network.get("withdraw_fee") is None and one.network.get("withdraw_fee_percent") is None:
                self.left_out["fee-unknown"].add(_words(one, other))
            elif one.slug not in self.avoid.networks:
                yield _transfer_edge((source, ticker), (target, ticker), one, other)

    def step_of(self, edge: Edge) -> Step:
        """Return the step behind an edge, which is worked out exactly."""
        provider, ticker = edge.source
        if isinstance(edge.behind[0], Door):
            one, other = edge.behind
            mine, theirs = one.network.get("contract"), other.network.get("contract")
            return Transfer(one, other, *identify(ticker, one.slug, mine, theirs))
        pair, side = edge.behind
        live = self._lives[provider]
        quote = live.quotes[pair]
        fee = self.entries[provider].taker_fee
        assert fee is not None
        age = live.age_ms(quote, self.now_ms)
        return Trade(provider, pair, side, quote[side], quote.get(f"{side}_size"), fee.percent, age, quote.get("at"))


def _transfer_edge(source: Place, target: Place, one: Door, other: Door) -> Edge:
    told = one.network
    high = told.get("withdraw_max")
    cap = ENDLESS if high is None else float(high) * SLACK
    low = float(told.get("withdraw_min") or 0) / SLACK
    ratio = SLACK - float(told.get("withdraw_fee_percent") or 0) / 100
    fee = float(told.get("withdraw_fee") or 0) / SLACK
    least = float(other.network.get("deposit_min") or 0) / SLACK
    return new_edge(Edge, (source, target, cap, low, ratio, fee, least, (one, other)))


def _words(one: Door, other: Door) -> str:
    return f"{one.ticker} {one.slug} {one.provider} to {other.provider}"


def _identity(ticker: str, one: Door, other: Door) -> str:
    mine, theirs = one.network.get("contract"), other.network.get("contract")
    return "proven" if mine and mine == theirs else identify(ticker, one.slug, mine, theirs)[0]


def _precision(network: Mapping[str, Any], asset: Mapping[str, Any]) -> int | None:
    own = network.get("precision")
    found = own if own is not None else asset.get("precision")
    return found if isinstance(found, int) and 0 <= found <= 36 else None
