"""Sixteen simulated hours of violent random walks over eight venues, some of them late, some of them wrong: figures.

Pure simulation of the judge, on a clock that jumps: `python tools/sentinel_walk.py [--hours 16] [--seed 1]`. The true
price walks in steps of up to 3 % and sometimes moves 30 % within a minute, up or down. Each venue shows it with a lag
of up to a cycle, a spread and a noise of its own. Wrong are at most two of eight venues at a time: off by a factor,
drifting away, standing still. Asked is: is a true quote ever held for more than two cycles, and does a wrong one beyond
the threshold ever go out?
"""

import argparse
import json
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from marketctl.config.sentinel import Limits
from marketctl.sentinel.judge import Before, Case, Peer, Span, judge, reach

VENUES = "ABCDEFGH"
CYCLE_S = 10
FACTORS = (0.01, 0.12, 0.5, 0.8, 1.2, 1.5, 3, 100, 1000)


@dataclass
class Venue:
    """One venue: how late it is, how wide, what is wrong with it, and what the sentinel keeps of it."""

    name: str
    lag_s: float
    half: float
    wrong: str | None = None
    factor: float = 1.0
    frozen: Span | None = None
    left: int = 0
    good: Span | None = None
    before: Before | None = None
    held_true: int = 0


@dataclass
class Figures:
    """What came of it."""

    quotes: int = 0
    held: int = 0
    true_held: Counter[int] = field(default_factory=Counter)  # lengths of spells, in cycles
    wrong_beyond: int = 0
    wrong_through: int = 0
    wrong_within: int = 0
    moves: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, object]:
        """Return them for JSON."""
        return {
            "quotes": self.quotes,
            "held": self.held,
            "moves of 30 % in a minute": self.moves,
            "faults": dict(self.faults),
            "true quotes held, by cycles": dict(sorted(self.true_held.items())),
            "true moves held longer than two cycles": sum(n for cycles, n in self.true_held.items() if cycles > 2),
            "wrong quotes beyond the threshold": self.wrong_beyond,
            "of these let through": self.wrong_through,
            "wrong quotes beyond 5 %, but within the threshold of a market that moves": self.wrong_within,
        }


def walk(hours: float, seed: int) -> Figures:
    """Let the time pass."""
    dice = random.Random(seed)
    venues = [Venue(name, dice.uniform(0, CYCLE_S), dice.uniform(0.0001, 0.004)) for name in VENUES]
    figures, limits = Figures(), Limits()
    price, drift, trail = 100.0, 0.0, {}
    shock_left = 0
    for second in range(int(hours * 3600)):
        if shock_left:
            shock_left -= 1
        elif dice.random() < 1 / 900:
            shock_left, figures.moves = 60, figures.moves + 1
            drift = math.log(1.3 if dice.random() < 0.5 else 0.7) / 60
        step = drift if shock_left else 0.0
        price *= math.exp(step + dice.gauss(0, 0.0008) + (dice.uniform(-0.03, 0.03) if dice.random() < 0.004 else 0))
        trail[second] = price
        trail.pop(second - 60, None)
        # Each venue has its place within a cycle, as a run one after another has.
        for place, venue in enumerate(venues):
            if second % CYCLE_S == place and second > 60:
                look(venue, venues, trail, second, dice, limits, figures)
    return figures


def look(venue, venues, trail, second, dice, limits, figures) -> None:
    """Collect one venue's quote, judge it, and see whether that was right."""
    true = trail[max(min(trail), round(second - venue.lag_s))] * math.exp(dice.gauss(0, 0.0004))
    spoil(venue, venues, dice, figures)
    span = book(true * venue.factor, venue.half)
    if venue.wrong == "still":
        span = venue.frozen = venue.frozen or span
    # What is held of the others is not live.
    peers = [Peer(one.name, one.good) for one in venues if one is not venue and one.good and one.before is None]
    case = Case(span, limits, last_good=venue.good, peers=peers, before=venue.before)
    found = judge(case)
    held = found is not None and found.held
    figures.quotes += 1
    figures.held += held
    if venue.wrong is None:
        venue.held_true = venue.held_true + 1 if held else 0
        if venue.held_true:
            figures.true_held[venue.held_true] += 1
            figures.true_held[venue.held_true - 1] -= venue.held_true > 1
    else:
        middle, allowed = reach(case, [peer.span.value for peer in peers]) if peers else (span.value, Decimal(0))
        off = abs(span.gap(middle, middle))
        figures.wrong_beyond += off > allowed
        figures.wrong_through += off > allowed and not held
        figures.wrong_within += limits.max_deviation < off <= allowed and not held
    venue.before = Before(found.verdict, span, found.cycles, found.reference) if held else None
    if not held:
        venue.good = span


def spoil(venue, venues, dice, figures) -> None:
    """Let a fault begin, go on or end; never with more than two venues at a time."""
    if venue.left:
        venue.left -= 1
        if venue.wrong == "drift":
            venue.factor *= 1.005
        if not venue.left:
            venue.wrong, venue.factor, venue.frozen = None, 1.0, None
            venue.held_true = 0
    elif sum(one.wrong is not None for one in venues) < 2 and dice.random() < 1 / 400:
        venue.wrong = dice.choice(["off", "off", "drift", "still"])
        venue.left, venue.held_true = dice.randint(1, 60), 0
        venue.factor = dice.choice(FACTORS) if venue.wrong == "off" else 1.0
        figures.faults[venue.wrong] += 1


def book(price: float, half: float) -> Span:
    """Return a book around a price."""
    return Span(Decimal(f"{price * (1 - half):.8f}"), Decimal(f"{price * (1 + half):.8f}"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=16)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(walk(given.hours, given.seed).to_dict(), indent=2))
