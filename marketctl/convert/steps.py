"""The steps a way is made of: a trade at a book's best level, a transfer over a network. Each is worked out exactly.

What a step does to an amount never gets worse when the amount grows: that is what the search relies on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from marketctl.views.snapshots import number

Place = tuple[str, str]  # provider, ticker


class Done(NamedTuple):
    """What a step makes of an amount: taken of it, left behind, arrived, and the fee in between."""

    taken: Fraction
    left: Fraction
    arrived: Fraction
    fee: Fraction


def exact(text: object) -> Fraction | None:
    """Read a stored decimal, exactly; None where it is none."""
    found = number(text)
    return None if found is None else Fraction(found)


@dataclass(frozen=True, slots=True)
class Trade:
    """Sell the base at the best bid, or buy it at the best ask; the fee is kept back of what is bought.

    No more is taken than stands at the best level, where that is told.
    """

    provider: str
    pair: str
    side: str
    price: str
    size: str | None
    fee_percent: str
    age_ms: int | None
    at: str | None

    @property
    def source(self) -> Place:
        """What is given."""
        base, _, counter = self.pair.partition("/")
        return self.provider, base if self.side == "bid" else counter

    @property
    def target(self) -> Place:
        """What is got."""
        base, _, counter = self.pair.partition("/")
        return self.provider, counter if self.side == "bid" else base

    def do(self, amount: Fraction) -> Done | None:
        """Work it out; None where nothing arrives."""
        price, size = exact(self.price), exact(self.size)
        fee_share = exact(self.fee_percent)
        assert price is not None
        assert fee_share is not None
        most = None if size is None else size if self.side == "bid" else size * price
        taken = amount if most is None else min(amount, most)
        gross = taken * price if self.side == "bid" else taken / price
        fee = gross * fee_share / 100
        return Done(taken, amount - taken, gross - fee, fee) if gross > fee else None

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`, without the amounts."""
        return {
            "step": "trade",
            "from": self.provider,
            "to": self.provider,
            "pair": self.pair,
            "side": self.side,
            "rate": self.price,
            "size": self.size,
            "fee_percent": self.fee_percent,
            "age_ms": self.age_ms,
            "at": self.at,
        }


class Door(NamedTuple):
    """One network of an asset at a provider, as its wallet tells it; `age_ms` is that of the wallet."""

    provider: str
    ticker: str
    slug: str
    key: str
    network: Mapping[str, Any]
    precision: int | None
    age_ms: int | None

    @property
    def tells_fee(self) -> bool:
        """Tell whether anything is known of what a withdrawal costs."""
        return self.network.get("withdraw_fee") is not None or self.network.get("withdraw_fee_percent") is not None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Withdraw over a network and deposit at the other end.

    What is sent is rounded down to the network's decimals; fixed fee and percentage are kept back of it, and what is
    left is rounded down again, as the chain carries no more decimals.
    """

    leaving: Door
    entering: Door
    identity: str
    why: str

    @property
    def source(self) -> Place:
        """Where it leaves."""
        return self.leaving.provider, self.leaving.ticker

    @property
    def target(self) -> Place:
        """Where it arrives."""
        return self.entering.provider, self.entering.ticker

    def do(self, amount: Fraction) -> Done | None:
        """Work it out; None where it is below a minimum, or nothing arrives."""
        told = self.leaving.network
        fixed, share = exact(told.get("withdraw_fee")), exact(told.get("withdraw_fee_percent"))
        low = exact(told.get("withdraw_min"))
        least = exact(self.entering.network.get("deposit_min"))
        taken = self.sent(amount)
        if low is not None and taken < low:
            return None
        fee = (fixed or 0) + taken * (share or 0) / 100
        arrived = self._down(taken - fee)
        if arrived <= 0 or (least is not None and arrived < least):
            return None
        return Done(taken, amount - taken, arrived, taken - arrived)

    def sent(self, amount: Fraction) -> Fraction:
        """Return what of an amount can be sent, minimum aside."""
        high = exact(self.leaving.network.get("withdraw_max"))
        return self._down(amount if high is None else min(amount, high))

    def _down(self, value: Fraction) -> Fraction:
        decimals = self.leaving.precision
        if decimals is None:
            return value
        scale = 10**decimals
        return Fraction(value.numerator * scale // value.denominator, scale)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`, without the amounts."""
        leaving, entering = self.leaving.network, self.entering.network
        memos = (leaving.get("memo_required"), entering.get("memo_required"))
        ages = (self.leaving.age_ms, self.entering.age_ms)
        return {
            "step": "transfer",
            "from": self.leaving.provider,
            "to": self.entering.provider,
            "asset": self.leaving.ticker,
            "network": self.leaving.slug,
            "from_network": self.leaving.key,
            "to_network": self.entering.key,
            "fee_fixed": leaving.get("withdraw_fee"),
            "fee_percent": leaving.get("withdraw_fee_percent"),
            "withdraw_min": leaving.get("withdraw_min"),
            "withdraw_max": leaving.get("withdraw_max"),
            "deposit_min": entering.get("deposit_min"),
            "precision": self.leaving.precision,
            "confirmations": entering.get("confirmations"),
            "memo_required": True if True in memos else None if None in memos else False,
            "identity": self.identity,
            "why": self.why,
            "age_ms": None if None in ages else max(age for age in ages if age is not None),
            "notes": [note for note in (leaving.get("note"), entering.get("note")) if note],
        }


Step = Trade | Transfer
