"""Find the ways on which most arrives, exactly: every way of at most so many steps counts that sees no place twice.

First forward: the most there can be of each asset after so many steps, were transfers free (floats that never come out
too low, as they only say where not to look). Then backward from the goal, the most promising end of a way first; a way
that is whole is worked out exactly. What cannot arrive with more than the last way found is never looked at.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import count
from typing import NamedTuple

from marketctl.convert.graph import SLACK, Edge, Graph
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
        self.floor = 0.0  # what does not promise more is not looked at
        self._known: list[dict[Place, float]] = [{} for _ in range(max_steps)]
        # free[k]: ticker -> the most there can be of it anywhere after at most k steps
        self.free: list[dict[str, float]] = [{ticker: amount for _, ticker in starts}]
        reached = dict.fromkeys(starts, amount)
        for _ in range(max_steps - 2):
            reached = self._further(reached)

    def _further(self, reached: dict[Place, float]) -> dict[Place, float]:
        """Trade everything once more; transfers of what there was before cost nothing."""
        before = self.free[-1]
        most = dict(before)
        found: dict[Place, float] = {}
        given = dict(reached)
        if len(self.free) > 1:  # nothing was anywhere else before the first step
            for ticker, amount in self.free[-2].items():
                for place in self.graph.places_of(ticker):
                    if amount > given.get(place, 0.0):
                        given[place] = amount
        for place, amount in given.items():
            if place in self.goals:
                continue
            for edge in self.graph.trades_from(place):
                there = edge.after(amount)
                target = edge.target
                if there > found.get(target, 0.0):
                    found[target] = there
                    if there > most.get(target[1], 0.0):
                        most[target[1]] = there
        self.free.append(most)
        return found

    def ends(self) -> "Iterable[tuple[float, tuple[Edge, ...] | None]]":
        """Yield ends of ways, the most promising first: their bound, and the edges where the way is whole.

        A bound is first taken from the table alone; an end whose turn it is gets the better one, and waits again.
        """
        number = count()
        heap: list[tuple[float, int, tuple[Edge, ...], str]] = []
        for goal in sorted(self.goals):
            self._lengthen(heap, number, goal, ())
        while heap:
            negative, _, edges, state = heapq.heappop(heap)
            if state == "loose":
                bound = self._bound(edges, self._most(edges[0].source, self.max_steps - len(edges)))
                if bound > self.floor:
                    heapq.heappush(heap, (-bound, next(number), edges, "tight"))
                continue
            yield -negative, edges if state == "whole" else None
            if state != "whole":
                self._lengthen(heap, number, edges[0].source, edges)

    def _lengthen(
        self, heap: list[tuple[float, int, tuple[Edge, ...], str]], number: "count[int]", place: Place,
        edges: tuple[Edge, ...],
    ) -> None:  # fmt: skip
        seen = {edge.target for edge in edges}
        left = self.max_steps - len(edges) - 1
        if left < 0:
            return
        free = self.free[left] if left < len(self.free) else None
        starts, goals, floor, amount = self.starts, self.goals, self.floor, self.amount
        for edge in self.graph.trades_into(place):
            source = edge.source
            if source in seen or source in goals:
                continue
            if source in starts:
                given, state = amount, "whole"
            elif free is not None:
                given, state = free.get(source[1], 0.0), "loose"
            else:
                given, state = self._most(source, left), "tight"
            bound = edge.after(given)
            for later in edges:
                bound = later.after(bound)
            if bound > floor:
                heapq.heappush(heap, (-bound, next(number), (edge, *edges), state))
        for source in self.graph.senders(place):
            if source in seen or source in goals:
                continue
            given, state = (amount, "whole") if source in starts else (self._most(source, left), "tight")
            if self._bound(edges, given) > floor:  # else not even a free transfer would do
                for edge in self.graph.transfers(source, place):
                    bound = self._bound(edges, edge.after(given))
                    if bound > floor:
                        heapq.heappush(heap, (-bound, next(number), (edge, *edges), state))

    def _bound(self, edges: Sequence[Edge], amount: float) -> float:
        for edge in edges:
            amount = edge.after(amount)
        return amount

    def _most(self, place: Place, steps: int) -> float:
        """Return the most that can be at a place that is no start after at most so many steps."""
        if steps <= 0:
            return 0.0
        known = self._known[steps].get(place)
        if known is not None:
            return known
        most = self.free[min(steps, len(self.free)) - 1].get(place[1], 0.0)
        for edge in self.graph.trades_into(place):
            source = edge.source
            if source not in self.goals:
                given = self.amount if source in self.starts else self._most(source, steps - 1)
                most = max(most, edge.after(given))
        self._known[steps][place] = most
        return most
