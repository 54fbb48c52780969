"""The shapes every provider is read into. Decimals are texts with the digits the provider sent.

Unknown is None everywhere: never zero, never false.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

JOBS = ("wallet", "prices", "stats")


class Pair(NamedTuple):
    """One entry of a provider's list of pairs; one without base and quote is counted, never published.

    `base` and `quote` are tickers (what users see), the codes are permanent. `status` is `trading`, `halted` or
    None. `spot` false marks perpetuals and the like: known, never published. `key` is what it is published under, ""
    for nothing, None before a `PairList` looked.
    """

    symbol: str
    base: str
    quote: str
    base_code: str
    quote_code: str
    status: str | None
    spot: bool = True
    key: str | None = None


class Quote(NamedTuple):
    """The best bid and ask (L1) of one pair; `at_ms` is the provider's own time of it."""

    symbol: str
    bid: str | None
    ask: str | None
    bid_size: str | None
    ask_size: str | None
    last: str | None
    mid: str | None
    volume: str | None
    quote_volume: str | None
    status: str | None
    at_ms: int | None
    derived: bool = False


Row = tuple[
    str, str | None, str | None, str | None, str | None, str | None, str | None,
    str | None, str | None, str | None, int | None, bool,
]  # fmt: skip
"""What a Quote has, in its order, as a plain tuple: made and taken apart in a third of the time."""


class Quotes(Mapping[str, Quote]):
    """Quotes by pair, in order. `rows` is what is kept of them; a Quote is made when somebody looks at it."""

    def __init__(self, rows: dict[str, Row]) -> None:
        self.rows = rows

    @classmethod
    def of(cls, quotes: Mapping[str, Quote]) -> "Quotes":
        """Return quotes as these."""
        if isinstance(quotes, cls):
            return quotes
        return cls({pair: quote[:] for pair, quote in quotes.items()})

    def __getitem__(self, pair: str) -> Quote:
        """Make the quote of a pair. Raises KeyError."""
        return Quote._make(self.rows[pair])

    def __contains__(self, pair: object) -> bool:
        """Tell whether there is one of a pair."""
        return pair in self.rows

    def __iter__(self) -> Iterator[str]:
        """Yield the pairs."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Show them as a table of them is shown: an adapter's author compares the two."""
        return repr(dict(self))


class Skip(NamedTuple):
    """A row that was left out, why, and the turnover it told (of a known pair, else None)."""

    symbol: str
    reason: str
    quote: str | None = None
    quote_volume: str | None = None


@dataclass(slots=True)
class Network:
    """One chain an asset moves on. Amounts are in units of the asset, `withdraw_fee_percent` in percent."""

    name: str | None = None
    network: str | None = None
    deposit: bool | None = None
    withdraw: bool | None = None
    deposit_min: str | None = None
    withdraw_min: str | None = None
    withdraw_max: str | None = None
    withdraw_fee: str | None = None
    withdraw_fee_percent: str | None = None
    precision: int | None = None
    confirmations: int | None = None
    contract: str | None = None
    memo_required: bool | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as wallet snapshots hold it (docs/schema/files/wallet.json), with every key; unknown is None."""
        return dict(zip(NETWORK_FIELDS, _network_values(self), strict=True))


NETWORK_FIELDS = tuple(sorted(Network.__dataclass_fields__))
_network_values = attrgetter(*NETWORK_FIELDS)


def any_open(flags: list[bool | None]) -> bool | None:
    """Tell an asset's own flag: true if any network is open, false if all are closed, else unknown."""
    if True in flags:
        return True
    return None if not flags or None in flags else False


@dataclass(slots=True)
class Asset:
    """A coin or fiat currency. Its flags follow from its networks where it has any."""

    code: str
    ticker: str
    name: str | None = None
    fiat: bool = False
    precision: int | None = None
    deposit: bool | None = None
    withdraw: bool | None = None
    networks: dict[str, Network] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.networks:
            self.deposit = any_open([network.deposit for network in self.networks.values()])
            self.withdraw = any_open([network.withdraw for network in self.networks.values()])

    def to_dict(self) -> dict[str, Any]:
        """Return it as wallet snapshots hold it, but for its code, which is its key there; unknown is None."""
        return {
            "deposit": self.deposit,
            "fiat": self.fiat,
            "name": self.name,
            "networks": {code: self.networks[code].to_dict() for code in sorted(self.networks)},
            "precision": self.precision,
            "ticker": self.ticker,
            "withdraw": self.withdraw,
        }


class Platform(NamedTuple):
    """What the provider says of itself: `ok`, `maintenance` or `unknown`, and its words."""

    status: str = "unknown"
    message: str | None = None


class Quota(NamedTuple):
    """A plan's budget. Counts are in the provider's own units; None where it does not tell."""

    plan: str | None = None
    used: int | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_at: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as statistics hold it (docs/schema/files/stats.json)."""
        return {
            "limit": self.limit,
            "plan": self.plan,
            "remaining": self.remaining,
            "resets_at": self.resets_at,
            "used": self.used,
        }


class KeyInfo(NamedTuple):
    """What a provider tells of the key it accepted; `warnings` are for the operator.

    `days_left` are whole days until the key ends; None where that is not told, or it has no end.
    """

    permissions: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    days_left: int | None = None


class Clock(NamedTuple):
    """The provider's time beside ours, in milliseconds: `skew_ms` is theirs minus the midpoint of our request.

    `latency_ms` is what that request took. None is what was not told or measured.
    """

    server_ms: int | None = None
    skew_ms: int | None = None
    latency_ms: int | None = None


class Stats(NamedTuple):
    """How a provider is doing.

    `pairs` has the counts `total`, `trading`, `halted`; `assets` and `networks` have `total`, `deposit_open`,
    `withdraw_open`: of all the provider lists, also what is offline; None is unknown. `turnover_24h` is a sum by quote
    currency, in units of it. `skipped` counts rows that could not be read, by reason.
    """

    pairs: Mapping[str, int | None]
    assets: Mapping[str, int | None]
    networks: Mapping[str, int | None]
    turnover_24h: Mapping[str, str]
    clock: Clock
    platform: Platform
    quota: Quota | None
    skipped: Mapping[str, int] = MappingProxyType({})
