"""Plans that count requests: what is left of one, and the rates that were bought with it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.errors import RateLimited
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.files.memory import Memory

MINUTE_MS = 60_000
DAY_MS = 86_400_000
DAY_S = 86_400
LONGEST_S = 400 * DAY_S  # as far ahead as a refusal is remembered

Row = list[Any]
"""What is remembered of a pair: when it was asked for (ms), its rate, the rate's time (s), why there is none."""


class Plan(NamedTuple):
    """What a plan allows: credits a minute, and a day where it has such a cap."""

    minute: int
    day: int | None

    def min_age_ms(self, pairs: int) -> int:
        """Return how old a rate must be before it is asked for anew, so that so many pairs keep within the plan."""
        by_minute = -(-60 * pairs // self.minute)
        by_day = -(-DAY_S * pairs // self.day) if self.day else 0
        return 1000 * max(60, by_minute, by_day)


class Credits:
    """The credits left, remembered between runs: of this minute, or none until the provider gives new ones."""

    def __init__(self, memory: "Memory") -> None:
        self.memory = memory
        known = memory.get("credits", LONGEST_S)
        self._left, self.until_ms = 0, 0
        if known and isinstance(known[0], list) and [type(one) for one in known[0]] == [int, int]:
            self._left, self.until_ms = known[0]

    def left(self, limit: int) -> int:
        """Return what is left of this minute's limit as far as known."""
        return min(limit, self._left) if now_ms() < self.until_ms else limit

    def note(self, left: int, wait_s: float | None = None) -> None:
        """Remember what is left, until the minute ends or for as long as told."""
        now = now_ms()
        self._left = max(0, left)
        self.until_ms = next_turn(now, MINUTE_MS) if wait_s is None else now + round(wait_s * 1000)
        self.memory.put("credits", [self._left, self.until_ms])

    def used_up(self) -> RateLimited:
        """Return the error of a job that has no credits left to begin with."""
        return RateLimited(
            "the credits of the plan are used up",
            retry_after=max(0.0, (self.until_ms - now_ms()) / 1000),
            until_ms=self.until_ms,
            hint=f"not before {to_iso(self.until_ms)}",
            of_key=True,
        )


class RateBook:
    """The rates of these pairs as they were bought, each with its own age; kept between runs."""

    def __init__(self, memory: "Memory", pairs: Iterable[str]) -> None:
        self._memory = memory
        self.pairs = tuple(pairs)
        known = memory.get("rates", 30 * DAY_S)
        kept = known[0] if known and isinstance(known[0], dict) else {}
        self.rows: dict[str, Row] = {pair: row for pair, row in kept.items() if pair in self.pairs and _is_row(row)}

    def due(self, age_ms: int, now: int) -> list[str]:
        """Return the pairs whose rate is so old, or was never asked for: the oldest first."""
        asked = {pair: self.rows[pair][0] if pair in self.rows else 0 for pair in self.pairs}
        return sorted((pair for pair in self.pairs if now - asked[pair] >= age_ms), key=asked.__getitem__)

    def take(self, found: Mapping[str, Row], now: int) -> None:
        """Keep what was asked now: rate, the rate's time (s), why there is none."""
        self.rows |= {pair: [now, *row] for pair, row in found.items()}
        self._memory.put("rates", self.rows)

    def batch(self, late: list[str]) -> QuoteBatch:
        """Return the quotes of all pairs but the late ones; an older one keeps the time at which it was asked for."""
        batch = QuoteBatch(PairList([]))
        told = [pair for pair in self.pairs if pair not in late]
        batch.collected_ms = max((self.rows[pair][0] for pair in told), default=None)
        for pair in told:
            asked_ms, rate, timestamp, reason = self.rows[pair]
            if reason:
                batch.rows += 1
                batch.skip(pair, reason)
                continue
            batch.add_rate(pair, rate, at_ms=None if timestamp is None else timestamp * 1000)
            if asked_ms != batch.collected_ms:
                batch.own_ms[pair] = asked_ms
        batch.complete = not late
        return batch


def _is_row(row: object) -> bool:
    """Tell whether it is a row of this version's making."""
    if not isinstance(row, list) or len(row) != 4:
        return False
    asked, rate, timestamp, reason = row
    return (
        type(asked) is int
        and isinstance(rate, str | None)
        and (timestamp is None or type(timestamp) is int)
        and isinstance(reason, str | None)
    )


def next_turn(now: int, length_ms: int) -> int:
    """Return when the present minute or UTC day ends."""
    return now - now % length_ms + length_ms
