"""What a step roughly makes of an amount, in floats that never come out too low: they only say where not to look."""

from typing import Any, NamedTuple

from marketctl.convert.steps import Door, Place

SLACK = 1 + 1e-9
ENDLESS = float("inf")


class Edge(NamedTuple):
    """At most `cap` is taken, nothing below `low`; `ratio` of it less `fee` arrives, if that is `least`."""

    source: Place
    target: Place
    cap: float
    low: float
    ratio: float
    fee: float
    least: float
    behind: tuple[Any, ...]  # what the step is made of

    def after(self, amount: float) -> float:
        """Return roughly what arrives, never too little; 0.0 for nothing."""
        if amount > self.cap:
            amount = self.cap
        if amount < self.low:
            return 0.0
        there = amount * self.ratio - self.fee
        return there if there > 0.0 and there >= self.least else 0.0


def transfer_edge(source: Place, target: Place, one: Door, other: Door) -> Edge:
    """Return the edge of a transfer over a network that tells a fee."""
    told = one.network
    high = told.get("withdraw_max")
    cap = ENDLESS if high is None else float(high) * SLACK
    low = float(told.get("withdraw_min") or 0) / SLACK
    ratio = SLACK - float(told.get("withdraw_fee_percent") or 0) / 100
    fee = float(told.get("withdraw_fee") or 0) / SLACK
    least = float(other.network.get("deposit_min") or 0) / SLACK
    return Edge(source, target, cap, low, ratio, fee, least, (one, other))
