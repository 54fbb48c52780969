"""Judge one quote against other venues and its own last good one. Pure: no store, no clock, exact decimals."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import NamedTuple

from marketctl.config.sentinel import Limits

WIDE = Decimal("0.1")  # a book wider than this tells no price to hold others against

# Ratios are for verdicts: 28 digits, whatever the context of the caller.
_context = Context(prec=28)


class Span(NamedTuple):
    """The prices a quote can mean: from its bid to its ask, both its middle for a rate; None is an open end."""

    low: Decimal | None
    high: Decimal | None

    @classmethod
    def of(cls, bid: str | None, ask: str | None, mid: str | None = None) -> "Span | None":
        """Read the texts of a quote; None without any price."""
        if mid is not None and (bid is None or ask is None):
            return cls(Decimal(mid), Decimal(mid))
        if bid is None and ask is None:
            return None
        return cls(Decimal(bid) if bid is not None else None, Decimal(ask) if ask is not None else None)

    @property
    def value(self) -> Decimal | None:
        """The middle of a book with two close sides; one that is open or wide tells none."""
        if self.low is None or self.high is None:
            return None
        middle = _context.divide(_context.add(self.low, self.high), Decimal(2))
        return middle if self.high - self.low <= WIDE * middle else None

    @property
    def any_value(self) -> Decimal:
        """The middle, however wide, or the only side."""
        if self.low is not None and self.high is not None:
            return _context.divide(_context.add(self.low, self.high), Decimal(2))
        side = self.low if self.low is not None else self.high
        assert side is not None
        return side

    def gap(self, low: Decimal | None, high: Decimal | None) -> Decimal:
        """Return how far this lies outside of another span, as a share of its near end; below it is negative."""
        if high is not None and self.low is not None and self.low > high:
            return _context.divide(self.low - high, high)
        if low is not None and self.high is not None and self.high < low:
            return _context.divide(self.high - low, low)
        return Decimal(0)


class Peer(NamedTuple):
    """Another venue's live quote of the pair; `twin` says why it is another coin."""

    name: str
    span: Span
    twin: str | None = None


class Before(NamedTuple):
    """What was held of this pair at the last cycle; `reference` is what the others said then."""

    verdict: str
    span: Span
    cycles: int
    reference: Decimal | None = None


class Case(NamedTuple):
    """All that is known of one quote when it is judged."""

    span: Span
    limits: Limits
    rates: bool = False  # of a source of rates: nobody trades there
    halted: bool = False
    last_good: Span | None = None
    peers: Sequence[Peer] = ()
    doors: Sequence[str] = ()
    before: Before | None = None
    released: Span | None = None  # what a person let pass


class Verdict(NamedTuple):
    """What is wrong with a quote: `outlier` and `jump` are held, `disagree`, `explained` and `released` only marked.

    `others` is the part of `why` that tells of other venues, where a jump has both.
    """

    verdict: str
    held: bool
    why: str
    reference: Decimal | None
    deviation: Decimal
    by: tuple[str, ...] = ()
    cycles: int = 1
    cause: str | None = None  # of `explained`: contract, doors or halted
    others: str = ""


def judge(case: Case) -> Verdict | None:
    """Return what is wrong with a quote, None when nothing is."""
    found = _against_others(case) or _against_itself(case)
    if found is None:
        return _another_coin(case)
    if found.held and case.released is not None and not _moved(case.span, case.released, _jump(case)):
        return Verdict(
            "released", False, f"a person let it pass; {found.why}", found.reference, found.deviation, found.by
        )
    if not found.held or case.before is None or case.before.verdict != found.verdict:
        return found
    if found.verdict == "jump" and _moved(case.span, case.before.span, _jump(case)):
        return found  # another jump: counted from one again
    cycles = case.before.cycles + 1
    if found.verdict == "jump" and not case.rates and cycles >= case.limits.cycles:
        return _settled(case, found)
    return Verdict(found.verdict, True, found.why, found.reference, found.deviation, found.by, cycles)


def _against_others(case: Case) -> Verdict | None:
    """Hold a quote against the venues that have the same coin."""
    peers = [(peer.name, value) for peer in case.peers if not peer.twin and (value := peer.span.value) is not None]
    if not peers:
        return None
    names = tuple(name for name, _ in peers)
    middle, allowed = reach(case, [value for _, value in peers])
    gap = case.span.gap(middle, middle)
    if abs(gap) <= allowed:
        return None
    told = f"{_percent(gap)} from {_those(names, middle)}"
    if case.halted:
        return Verdict("explained", False, f"halted; {told}", middle, gap, names, cause="halted")
    jumped = case.last_good is not None and _moved(case.span, case.last_good, _jump(case))
    if len(peers) > 1:
        if case.doors and jumped and case.last_good is not None:
            return _jumped(case.span.gap(*case.last_good), told, middle, gap, names)
        if case.doors:
            return _by_doors(case, told, middle, gap, names)
        return Verdict("outlier", True, told, middle, gap, names)
    if jumped and case.last_good is not None and abs(case.last_good.gap(middle, middle)) <= allowed:
        # The other one stands where both stood before: it was this one that moved.
        return _jumped(case.span.gap(*case.last_good), told, middle, gap, names)
    if case.doors:
        return _by_doors(case, told, middle, gap, names)
    return Verdict("disagree", False, f"{told}, and no third venue to ask", middle, gap, names)


def _jumped(own_gap: Decimal, told: str, reference: Decimal, gap: Decimal, by: tuple[str, ...]) -> Verdict:
    """It moved from its own last good one, and away from the others."""
    return Verdict("jump", True, f"moved {_percent(own_gap)} at once, {told}", reference, gap, by, others=told)


def reach(case: Case, values: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Return what the venues say together, and how far from it a quote may lie, as a share.

    Who leads in a market that moves is ahead by what that moves in a cycle: where the others came after what was
    held at the last one, so much more is allowed. Never more than a jump.
    """
    limits, own = case.limits, case.span.value
    if len(values) == 1:
        return values[0], limits.max_deviation
    everything = [*values, own] if own is not None else list(values)
    middle = median(everything)
    spread = _context.divide(median([abs(value - middle) for value in everything]), middle)
    allowed = max(limits.max_deviation, min(limits.mad * spread, limits.jump))
    before = case.before
    if before is not None and before.verdict == "outlier" and before.reference:
        followed = _context.divide(middle - before.reference, before.reference)
        if followed * case.span.gap(middle, middle) > 0:
            allowed = max(allowed, min(allowed + abs(followed), limits.jump))
    return middle, allowed


def _against_itself(case: Case) -> Verdict | None:
    """Hold a quote that no other venue has against its own last good one."""
    if any(not peer.twin and peer.span.value is not None for peer in case.peers):
        return None
    if case.last_good is None or case.halted or not _moved(case.span, case.last_good, _jump(case)):
        return None
    gap = case.span.gap(*case.last_good)
    reference = case.last_good.any_value
    return Verdict("jump", True, f"moved {_percent(gap)} at once, and no other venue has it", reference, gap)


def _another_coin(case: Case) -> Verdict | None:
    """Mark a quote that differs from those of other coins of the same name."""
    twins = [(peer, value) for peer in case.peers if peer.twin and (value := peer.span.value) is not None]
    for peer, value in twins:
        gap = case.span.gap(value, value)
        if abs(gap) > case.limits.max_deviation:
            why = f"{peer.twin}; {_percent(gap)} from {_those((peer.name,), value)}"
            return Verdict("explained", False, why, value, gap, (peer.name,), cause="contract")
    return None


def _settled(case: Case, found: Verdict) -> Verdict | None:
    """Return what is left of a jump that has stood: the other venues may still say something else."""
    if not found.others:
        return None
    if case.doors:
        return _by_doors(case, found.others, found.reference, found.deviation, found.by)
    words = f"{found.others}; it has stood for {case.limits.cycles} cycles"
    return Verdict("disagree", False, words, found.reference, found.deviation, found.by)


def _by_doors(case: Case, told: str, reference: Decimal | None, gap: Decimal, by: tuple[str, ...]) -> Verdict:
    """Nobody can carry the coin in or out, so its price may stand apart."""
    why = f"{', '.join(case.doors)}; {told}"
    return Verdict("explained", False, why, reference, gap, by, cause="doors")


def _jump(case: Case) -> Decimal:
    return case.limits.rate_jump if case.rates else case.limits.jump


def _moved(span: Span, since: Span, limit: Decimal) -> bool:
    return abs(span.gap(*since)) > limit


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle value, of two the half of their sum."""
    ranked = sorted(values)
    half = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[half]
    return _context.divide(_context.add(ranked[half - 1], ranked[half]), Decimal(2))


def percent(share: Decimal) -> str:
    """Write a share in percent, to two digits behind the point: "-88.01"."""
    return f"{share * 100:.2f}"


def _percent(share: Decimal) -> str:
    return f"{'+' if share > 0 else ''}{percent(share)} %"


def _those(names: Sequence[str], middle: Decimal) -> str:
    shown = f"{_context.plus(middle).normalize():f}"
    return f"{names[0]}'s {shown}" if len(names) == 1 else f"{shown}, the median with {', '.join(names)}"
