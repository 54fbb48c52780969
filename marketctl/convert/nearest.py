"""Why nothing arrives where a way is open: a least amount, or what sending costs, that the amount does not reach."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

from marketctl.convert.assumed import DIGITS, Told
from marketctl.convert.edges import Edge
from marketctl.convert.graph import Graph
from marketctl.convert.search import find_ways
from marketctl.convert.steps import Done, Place, Step, Transfer, exact
from marketctl.text import plain

LOOKED_AT = 5  # ways that would be open


class FreeTransfer(Transfer):
    """A transfer as if it cost nothing and had no least amount."""

    __slots__ = ()

    def do(self, amount: Fraction) -> Done:
        """Send all that may be sent at once."""
        high = exact(self.leaving.network.get("withdraw_max"))
        taken = amount if high is None else min(amount, high)
        return Done(taken, amount - taken, taken, Fraction(0))


class FreeGraph(Graph):
    """The same places and edges, over which sending is free."""

    def __init__(self, graph: Graph) -> None:
        self.__dict__.update(graph.__dict__)

    def transfers(self, source: Place, target: Place) -> Iterator[Edge]:
        """Yield the open networks; nothing is kept back there."""
        for edge in super().transfers(source, target):
            yield edge._replace(low=0.0, ratio=1.0, fee=0.0, least=0.0)

    def least_fee(self, place: Place) -> float:
        """Return the fee of sending, which is none here."""
        del place
        return 0.0

    def step_of(self, edge: Edge) -> Step:
        """Return the step behind an edge."""
        step = super().step_of(edge)
        if isinstance(step, Transfer):
            return FreeTransfer(step.leaving, step.entering, step.identity, step.why)
        return step


def nearest_cause(
    graph: Graph,
    amount: Fraction,
    starts: Iterable[Place],
    goals: Iterable[Place],
    max_steps: int,
    wanted: Callable[[Sequence[Step]], bool],
) -> Told | None:
    """Say what keeps an amount from arriving on the way that wants the least more of it; None where no way is open.

    Looked at are the shortest ways and those of one step more: free ones there are without number.
    """
    starts, goals, free = list(starts), list(goals), FreeGraph(graph)
    causes: list[tuple[Fraction, Told]] = []
    for steps in range(1, max_steps + 1):
        found = find_ways(free, amount, starts, goals, top=LOOKED_AT, max_steps=steps, wanted=wanted)
        shortest = not causes
        causes += [cause for way in found.ways if (cause := _cause(way.steps, amount)) is not None]
        if not shortest:
            break
    return min(causes, key=lambda one: one[0])[1] if causes else None


def _cause(steps: Iterable[Step], amount: Fraction) -> tuple[Fraction, Told] | None:
    """Return how much more would be needed where a way ends, as a factor, and what is told of it."""
    for step in steps:
        done = Transfer.do(step, amount) if isinstance(step, Transfer) else step.do(amount)
        if done is None:
            return _refused(step, amount) if isinstance(step, Transfer) else None
        amount = done.arrived
    return None


def _refused(step: Transfer, amount: Fraction) -> tuple[Fraction, Told]:
    leaving, entering, asset = step.leaving, step.entering, step.leaving.ticker
    told = leaving.network
    where = {"provider": leaving.provider, "asset": asset, "network": leaving.slug, "amount": plain(amount, DIGITS)}
    sent, low = step.sent(amount), exact(told.get("withdraw_min"))
    if low is not None and sent < low:
        return low / amount, ("least", where | {"least": plain(low, DIGITS)})
    if not sent:
        return 1 / amount, ("decimals", where | {"decimals": str(leaving.precision)})
    costs = ((told.get("withdraw_fee"), f" {asset}"), (told.get("withdraw_fee_percent"), " %"))
    where["fee"] = " and ".join(f"{cost}{unit}" for cost, unit in costs if cost is not None)
    least = exact(entering.network.get("deposit_min")) or Fraction(0)
    wanted = max(((exact(told.get("withdraw_fee")) or Fraction(0)) + least) / amount, Fraction(1))
    if not least:
        return wanted, ("fee", where)
    return wanted, ("fee_and_least", where | {"to": entering.provider, "least": plain(least, DIGITS)})
