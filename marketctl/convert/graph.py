"""Where money can go now: books that are fresh and trade, networks that are open at both ends, as edges between places.

Everything is read and judged when the search first looks at it: most coins of most venues are never looked at.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.convert.books import Books, Trading
from marketctl.convert.edges import Edge, transfer_edge
from marketctl.convert.steps import Door, Place, Step, Transfer
from marketctl.convert.wallets import Wallet
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Live
from marketctl.views.twins import identify


@dataclass
class Avoid:
    """What may not be on a way: providers and tickers in capital letters, networks by their common names."""

    providers: frozenset[str] = frozenset()
    tickers: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()


@dataclass
class Graph:
    """Books and doors of all providers at one moment.

    `left_out` is what was looked at and may not be on a way, by reason.
    """

    entries: Mapping[str, ProviderEntry]
    now_ms: int
    avoid: Avoid = field(default_factory=Avoid)
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unpriced: list[str] = field(default_factory=list)  # providers without a taker fee
    books: dict[str, Books] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)  # provider whose books are gone or unread -> why
    _listed: list[tuple[str, Books | Wallet]] = field(default_factory=list)  # who knows tickers, of any age
    _wallets: dict[str, tuple[Wallet, int]] = field(default_factory=dict)  # provider -> wallet, its age
    _doors: dict[Place, dict[str, list[Door]]] = field(default_factory=dict)
    _too_old: list[tuple[str, str]] = field(default_factory=list)  # reason, provider: as a whole
    _two_coins: set[Place] = field(default_factory=set)

    def begin(self) -> None:
        """Begin another question: what was left out is that of the one before."""
        self.left_out.clear()
        for reason, provider in self._too_old:
            self.left_out[reason].add(provider)

    def add_quotes(self, live: Live) -> None:
        """Take over a provider's books: those that are fresh as a set, and have a fee that somebody told."""
        entry = self.entries[live.provider]
        if live.state in ("never", "expired", "failed"):
            self.silent[entry.name] = f"{entry.name}: {live.words()}"
        if live.provider in self.avoid.providers or not (live.quotes or live.held):
            return
        books = Books(live, entry, self.now_ms, self.avoid.tickers, self.left_out)
        self._listed.append((entry.name, books))
        if books.stale:
            self._too_old.append(("stale", entry.name))
        elif entry.taker_fee is not None:
            self.books[live.provider] = books
        elif not books.rates:
            self.unpriced.append(live.provider)

    def add_wallet(self, wallet: Wallet) -> None:
        """Take over a provider's networks, unless they are too old to go by."""
        entry = self.entries[wallet.provider]
        if entry.name in self.avoid.providers:
            return
        self._listed.append((entry.name, wallet))
        age = age_ms(self.now_ms, ms_or_none(wallet.collected_at))
        if age is None or age > limit_ms(entry.wallet_interval_s):
            self._too_old.append(("wallet-stale", entry.name))
            return
        self._wallets[entry.name] = wallet, age

    # What there is ----------------------------------------------------------------------------

    def tickers(self, provider: str | None = None) -> set[str]:
        """Return the assets that are known, at all or at one provider."""
        return {ticker for name, known in self._listed if provider in (None, name) for ticker in known.tickers()}

    def places(self, ticker: str) -> list[Place]:
        """Return where an asset is known: in a wallet or in a book."""
        return sorted({(name, ticker) for name, known in self._listed if ticker in known})

    def wallets(self) -> Iterator[tuple[str, Wallet]]:
        """Yield each provider whose networks are told, and its wallet."""
        for provider, (wallet, _) in self._wallets.items():
            yield provider, wallet

    def places_of(self, ticker: str) -> list[Place]:
        """Return where an asset may be sent to."""
        return [(provider, ticker) for provider, (wallet, _) in self._wallets.items() if ticker in wallet]

    def out_of(self, place: Place) -> Sequence[Trading]:
        """Return the trades in which an asset is given."""
        books = self.books.get(place[0])
        return () if books is None else books.out_of(place[1])

    def into(self, place: Place) -> Sequence[Trading]:
        """Return the trades in which an asset is got."""
        books = self.books.get(place[0])
        return () if books is None else books.into(place[1])

    def senders(self, place: Place) -> list[Place]:
        """Return where an asset could be sent from to a place."""
        at = self.places_of(place[1])
        return [one for one in at if one != place] if place in at and place[1] not in self.avoid.tickers else []

    # Networks ---------------------------------------------------------------------------------

    def doors(self, place: Place) -> dict[str, list[Door]]:
        """Return a provider's networks of an asset by common name; none where two living coins have its ticker."""
        provider, ticker = place
        if place in self._two_coins:
            self.left_out["two-coins"].add(f"{provider} {ticker}")
        known = self._doors.get(place)
        if known is not None:
            return known
        found: dict[str, list[Door]] = {}
        wallet, age = self._wallets[provider]
        assets = wallet.coins(ticker)
        alive = [one for one in assets if one.get("deposit") is not False or one.get("withdraw") is not False]
        if len(alive) > 1:
            self._two_coins.add(place)
            self.left_out["two-coins"].add(f"{provider} {ticker}")
        else:
            for asset in alive or assets:
                for key, network in asset["networks"].items():
                    if (slug := network.get("network")) is not None:
                        precision = _precision(network, asset)
                        found.setdefault(slug, []).append(Door(provider, ticker, slug, key, network, precision, age))
        self._doors[place] = found
        return found

    def transfers(self, source: Place, target: Place) -> Iterator[Edge]:
        """Yield the networks two providers have in common: open, of one coin, and with a fee that is told."""
        ticker = source[1]
        leaving, entering = self.doors(source), self.doors(target)
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
            elif not one.tells_fee:
                self.left_out["fee-unknown"].add(_words(one, other))
            elif one.slug not in self.avoid.networks:
                yield transfer_edge(source, target, one, other)

    def least_fee(self, place: Place) -> float:
        """Return what sending an asset from a place costs at least, over whatever network."""
        return self._wallets[place[0]][0].least_fee(place[1])

    def unreadable(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the providers whose wallets hold records that cannot be read, and of which tickers."""
        for provider, (wallet, _) in self._wallets.items():
            if wallet.unreadable:
                yield provider, sorted(wallet.unreadable)

    def step_of(self, edge: Edge) -> Step:
        """Return the step behind an edge, which is worked out exactly."""
        provider, ticker = edge.source
        if isinstance(edge.behind[0], Door):
            one, other = edge.behind
            mine, theirs = one.network.get("contract"), other.network.get("contract")
            return Transfer(one, other, *identify(ticker, one.slug, mine, theirs))
        return self.books[provider].step(*edge.behind)


def _words(one: Door, other: Door) -> str:
    return f"{one.ticker} {one.slug} {one.provider} to {other.provider}"


def _identity(ticker: str, one: Door, other: Door) -> str:
    mine, theirs = one.network.get("contract"), other.network.get("contract")
    return "proven" if mine and mine == theirs else identify(ticker, one.slug, mine, theirs)[0]


def _precision(network: Mapping[str, Any], asset: Mapping[str, Any]) -> int | None:
    own = network.get("precision")
    found = own if own is not None else asset.get("precision")
    return found if isinstance(found, int) and 0 <= found <= 36 else None
