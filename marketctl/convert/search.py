"""Find the ways on which most arrives, exactly: every way of at most so many steps counts that sees no place twice.

First forward: the most there can be of each asset after so many steps, were transfers free (floats that never come out
too low, as they only say where not to look). Then backward from the goal, the most promising end of a way first; a way
that is whole is worked out exactly. What cannot arrive with more than the last way found is never looked at.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import count
from operator import itemgetter
from typing import Any, NamedTuple

from marketctl.convert.edges import SLACK, Edge
from marketctl.convert.graph import Graph
from marketctl.convert.steps import Done, Place, Step, Trade, Transfer

MAX_STEPS = 4
LOOKS = 200_000  # ends of ways that are looked at before the search gives up: seconds


class Way(NamedTuple):
    """Steps with what each does to the amount."""

    steps: tuple[Step, ...]
    done: tuple[Done, ...]

    @property
    def arrived(self) -> Fraction:
        """What arrives."""
        return self.done[-1].arrived


class Found(NamedTuple):
    """The best ways, most first; `complete` false where the search gave up after `looks` before it was sure."""

    ways: list[Way]
    complete: bool
    looks: int


def find_ways(
    graph: Graph,
    amount: Fraction,
    starts: Iterable[Place],
    goals: Iterable[Place],
    *,
    top: int = 3,
    max_steps: int = MAX_STEPS,
    wanted: Callable[[Sequence[Step]], bool] = lambda _steps: True,
) -> Found:
    """Return the `top` best ways from any start to any goal; ways that `wanted` refuses do not count.

    Equally good ones: fewer steps first, then by their words.
    """
    search = _Search(graph, float(amount) * SLACK, frozenset(starts), frozenset(goals), max_steps)
    best: list[tuple[tuple[Fraction, int, str], Way]] = []
    looks = 0
    for bound, edges in search.ends():
        looks += 1
        if looks > LOOKS:
            return Found([way for _, way in best], False, looks)
        if len(best) == top and bound < float(best[-1][1].arrived):
            break
        if edges is None:
            continue
        steps = tuple(map(graph.step_of, edges))
        if not wanted(steps):
            continue
        done = work_out(steps, amount)
        if done is not None:
            way = Way(steps, done)
            best.append(((-way.arrived, len(steps), words(steps)), way))
            best.sort(key=lambda one: one[0])
            del best[top:]
            if len(best) == top:
                search.floor = float(best[-1][1].arrived) / SLACK
    return Found([way for _, way in best], True, looks)


def work_out(steps: Sequence[Step], amount: Fraction) -> tuple[Done, ...] | None:
    """Take an amount over the steps, exactly; None where it does not get through."""
    done: list[Done] = []
    for step in steps:
        found = step.do(done[-1].arrived if done else amount)
        if found is None:
            return None
        done.append(found)
    return tuple(done)


def words(steps: Sequence[Step]) -> str:
    """Return what tells a way from others, for a fixed order."""
    return " ".join(
        f"{one.provider} {one.pair} {one.side}" if isinstance(one, Trade) else _transfer_words(one) for one in steps
    )


def _transfer_words(one: Transfer) -> str:
    return f"{one.leaving.provider} {one.leaving.key} {one.entering.provider} {one.entering.key}"


class _Search:
    """The forward table, and the backward walk that goes by it."""

    def __init__(
        self, graph: Graph, amount: float, starts: frozenset[Place], goals: frozenset[Place], max_steps: int
    ) -> None:
        self.graph = graph
        self.amount = amount
        self.starts = starts
        self.goals = goals
        self.max_steps = max_steps
        self._begin: dict[str, set[str]] = {}
        for provider, ticker in starts:
            self._begin.setdefault(provider, set()).add(ticker)
        self.floor = 0.0  # what does not promise more is not looked at
        self._heap: list[tuple[float, int, Callable[..., None] | None, tuple[Any, ...]]] = []
        self._number = count()  # what was put first goes first
        self._arrived: list[dict[str, float]] = [{} for _ in range(max_steps)]
        # free[k]: ticker -> the most there can be of it anywhere after at most k steps
        self.free: list[dict[str, float]] = [{ticker: amount for _, ticker in starts}]
        # got[k]: provider -> ticker -> the most that can be got in a trade as the last of at most k steps
        self._got: list[dict[str, dict[str, float]]] = [defaultdict(dict) for _ in range(max_steps)]
        for steps in range(1, max_steps - 1):
            self.free.append(self._further(steps, None))
        self._ends = {provider for provider, _ in goals}  # before the last step more is told of these alone
        if max_steps > 1:
            self._further(max_steps - 1, self._ends)

    def _further(self, steps: int, providers: set[str] | None) -> dict[str, float]:
        """Trade everything once more, at these providers or at all; transfers of what there was before cost nothing."""
        most = dict(self.free[-1])
        given: dict[str, dict[str, float]] = {name: dict(held) for name, held in self._got[steps - 1].items()}
        if steps == 1:  # nothing is anywhere else before the first step
            given = {provider: dict.fromkeys(tickers, self.amount) for provider, tickers in self._begin.items()}
        else:
            for provider, wallet in self.graph.wallets():
                if providers is None or provider in providers:
                    held = given.setdefault(provider, {})
                    for ticker, amount in self.free[steps - 2].items():
                        if ticker in wallet and amount > held.get(ticker, 0.0):
                            held[ticker] = amount
        for provider in given if providers is None else providers & given.keys():
            found = self._got[steps][provider] = dict(self._got[steps - 1].get(provider, {}))
            for source, amount in given[provider].items():
                if (provider, source) in self.goals:
                    continue
                for _, ticker, cap, ratio, _, _ in self.graph.out_of((provider, source)):
                    there = (amount if amount < cap else cap) * ratio
                    if there > found.get(ticker, 0.0):
                        found[ticker] = there
                        if there > most.get(ticker, 0.0):
                            most[ticker] = there
        return most

    def ends(self) -> Iterator[tuple[float, tuple[Edge, ...] | None]]:
        """Yield looks at ends of ways, the most promising first: the bound, and the edges where a way is whole.

        A bound is first taken from the table alone; an end whose turn it is gets a better one, and waits again.
        """
        for goal in sorted(self.goals):
            self._lengthen(goal, ())
        while self._heap:
            negative, _, look, found = heapq.heappop(self._heap)
            if look is not None:
                look(*found)
            yield -negative, found if look is None else None

    def _put(self, bound: float, look: Callable[..., None] | None, *found: Any) -> None:
        """Let an end wait for its turn; without a `look` it is a whole way."""
        if bound > self.floor:
            heapq.heappush(self._heap, (-bound, next(self._number), look, found))

    def _lengthen(self, place: Place, edges: tuple[Edge, ...]) -> None:
        """Look at what may come before an end of a way, which begins at this place."""
        seen = {edge.target for edge in edges}
        left = self.max_steps - len(edges) - 1
        if left < 0:
            return
        provider = place[0]
        begin = self._begin.get(provider, ())
        free = self.free[min(left, len(self.free) - 1)]
        own = {} if left < len(self.free) else self._got[left][provider]  # more than is told of all
        trades = []
        for trade in self.graph.into(place) if left or begin else ():
            other, _, cap, ratio, _, _ = trade
            given = self.amount if other in begin else max(free.get(other, 0.0), own.get(other, 0.0))
            bound = self._bound(edges, (given if given < cap else cap) * ratio)
            if bound > self.floor and (provider, other) not in seen and (provider, other) not in self.goals:
                trades.append((bound, trade))
        trades.sort(key=itemgetter(0))
        self._put_next(place, edges, trades)
        for source in self.graph.senders(place):
            if source not in seen and source not in self.goals:
                bound = self._bound(edges, self._most(source, left) * SLACK)
                self._put(bound, self._hop, source, place, edges)

    def _put_next(self, place: Place, edges: tuple[Edge, ...], trades: list[tuple[float, Any]]) -> None:
        """Put the best of trades into a place; the others wait until it had its turn."""
        if trades:
            self._put(trades[-1][0], self._trade, place, edges, trades)

    def _trade(self, place: Place, edges: tuple[Edge, ...], trades: list[tuple[float, Any]]) -> None:
        bound, (other, _, cap, ratio, pair, side) = trades.pop()
        self._put_next(place, edges, trades)
        source = place[0], other
        edge = Edge(source, place, cap, 0.0, ratio, 0.0, 0.0, (pair, side))
        if source in self.starts:
            self._put(bound, None, edge, *edges)
        else:
            self._put_before((edge, *edges))

    def _put_before(self, edges: tuple[Edge, ...]) -> None:
        """Put an end that does not begin at a start."""
        place = edges[0].source
        self._put(self._bound(edges, self._at(place, self.max_steps - len(edges))), self._lengthen, place, edges)

    def _hop(self, source: Place, target: Place, edges: tuple[Edge, ...]) -> None:
        given = self._at(source, self.max_steps - len(edges) - 1)
        self._put(self._bound(edges, given * SLACK), self._send, source, target, edges, given)

    def _send(self, source: Place, target: Place, edges: tuple[Edge, ...], given: float) -> None:
        """Put the transfers of what can be at a place."""
        whole = source in self.starts
        for edge in self.graph.transfers(source, target):
            bound, longer = self._bound(edges, edge.after(given)), (edge, *edges)
            if whole:
                self._put(bound, None, *longer)
            else:
                self._put(bound, self._lengthen, source, longer)

    def _bound(self, edges: Sequence[Edge], amount: float) -> float:
        for edge in edges:
            amount = edge.after(amount)
        return amount

    def _at(self, place: Place, steps: int) -> float:
        """Return the most that can be at a place after at most so many steps, with what sending costs at least."""
        if place in self.starts:
            return self.amount
        return max(self._traded(place, steps), self._sent(place[1], steps)) if steps > 0 else 0.0

    def _sent(self, ticker: str, steps: int) -> float:
        """Return the most of an asset that can have been sent to anywhere; sent on it gets no more."""
        known = self._arrived[steps].get(ticker)
        if known is None:
            known = 0.0
            own = [
                (self.amount if place in self.starts else self._traded(place, steps - 1), place)
                for place in self.graph.places_of(ticker)
                if place not in self.goals
            ]
            for given, place in sorted(own, reverse=True):
                if given * SLACK <= known:
                    break
                known = max(known, given * SLACK - self.graph.least_fee(place))
            self._arrived[steps][ticker] = known
        return known

    def _most(self, place: Place, steps: int) -> float:
        """Return the most that can be at a place after at most so many steps, were sending free."""
        if place in self.starts:
            return self.amount
        if steps < 1:
            return 0.0
        free = self.free
        sent = free[min(steps, len(free)) - 1].get(place[1], 0.0)
        if steps < len(free) and free[steps].get(place[1], 0.0) == sent:
            return sent  # nowhere is more
        return max(sent, self._traded(place, steps))

    def _traded(self, place: Place, steps: int) -> float:
        """Return the most that can be got in a trade as the last of at most so many steps."""
        provider, ticker = place
        if steps < 1 or (steps == 1 and provider not in self._begin):
            return 0.0
        got = self._got[steps][provider]
        known = got.get(ticker)
        if known is not None:
            return known
        most = 0.0
        if steps >= len(self.free) and provider not in self._ends:  # else the table tells all
            begin, before, own = self._begin.get(provider, ()), self.free[steps - 2], self._got[steps - 1][provider]
            for other, _, cap, ratio, _, _ in self.graph.into(place):
                given = self.amount if other in begin else max(before.get(other, 0.0), own.get(other, 0.0))
                there = (given if given < cap else cap) * ratio
                if there > most and (provider, other) not in self.goals:
                    most = there
        got[ticker] = most
        return most
