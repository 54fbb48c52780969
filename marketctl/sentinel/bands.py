"""A narrow band a pair, which holds the middles of all venues: what lies in it needs no closer look."""

from collections.abc import Callable, Iterable
from itertools import repeat
from math import inf
from operator import truediv
from typing import NamedTuple

from marketctl.sentinel.sheet import Names

NOWHERE = inf  # what is divided by it lies in no band

BLOCK = 64  # middles looked at together


class _Laid(NamedTuple):
    """The pairs that a venue asked for last, and the centres of their bands, in the same order."""

    names: Names
    centres: list[float]


class Bands:
    """Bands by pair. `reach` is half of one, as a share: no two in it are further apart than the smallest limit.

    A band holds the middle (or the one side) of everybody's last good quote, halted and old ones too: then no rule can
    say anything of another that lies in it, whichever of them count.
    """

    def __init__(self, reach: float = 0.0) -> None:
        self.reach = reach
        self._low, self._high = 1 - reach, 1 + reach
        self.centres: dict[str, float] = {}  # NOWHERE where the venues are further apart than a band is wide
        self._laid: dict[str, _Laid] = {}  # the same by venue: the pairs of an answer are those of the one before

    def take(self, middles: Iterable[tuple[str, float]]) -> None:
        """Take over what was published elsewhere: pairs and their middles."""
        centres, known, low, high = self.centres, self.centres.get, self._low, self._high
        for pair, value in middles:
            centre = known(pair)
            if centre is None:
                centres[pair] = value if 0.0 < value < inf else NOWHERE  # a foreign set may hold anything
            elif not low * centre <= value <= high * centre:
                centres[pair] = NOWHERE
        self._laid.clear()

    def near(self, value: float, centre: float) -> bool:
        """Tell whether a middle lies in the band around another one."""
        return self._low * centre <= value <= self._high * centre

    def apart(
        self, venue: str, names: Names, middles: list[float], published: Callable[[str], Iterable[float]]
    ) -> list[str]:
        """Return the pairs of a venue that stand apart: outside of their band, also when it is laid anew.

        `published` tells the middles of a pair that are known of all venues.
        """
        low, high, pairs = self._low, self._high, names.pairs
        laid = self._laid.get(venue)
        if laid is None or laid.names.pairs != pairs:
            laid = self._laid[venue] = _Laid(names, list(map(self.centres.get, pairs, repeat(NOWHERE))))
        ratios, found = list(map(truediv, middles, laid.centres)), []
        for start in range(0, len(ratios), BLOCK):
            some = ratios[start : start + BLOCK]
            if min(some) < low or high < max(some):
                found += [place for place, ratio in enumerate(some, start) if not low <= ratio <= high]
        return [
            pairs[place] for place in found if not self._fits(pairs[place], [middles[place], *published(pairs[place])])
        ]

    def _fits(self, pair: str, values: list[float]) -> bool:
        """Lay the band of a pair anew around these; tell whether they fit into one."""
        lowest, highest = min(values), max(values)
        centre = (lowest + highest) / 2
        fits = 0 < centre * self._low <= lowest and highest <= centre * self._high
        self.centres[pair] = centre = centre if fits else NOWHERE
        for laid in self._laid.values():
            if (place := laid.names.place(pair)) is not None:
                laid.centres[place] = centre
        return fits
