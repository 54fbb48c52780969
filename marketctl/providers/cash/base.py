"""What rate sources share: a list of currencies as wallet, inverse and crossed pairs, budgets of credits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, NamedTuple

from marketctl.errors import BadAnswer, RateLimited
from marketctl.models import Asset, Clock, Platform, Stats
from marketctl.providers.base import Provider, count_open, measure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import NotANumber, code, decimal_text, integer, is_zero
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.files.memory import Memory
    from marketctl.http.messages import Answer

Rate = Sequence[str | None]
"""Units of a currency per 1 base as texts: mid, bid, ask."""

ONE: Rate = ("1", "1", "1")

MINUTE_MS = 60_000
DAY_MS = 86_400_000
DAY_S = 86_400
LAST_SECOND = 253_402_300_800  # the end of the year 9999

# A quotient seldom ends: 28 significant digits are kept, whatever the global context says.
_exact = Context(prec=28, rounding=ROUND_HALF_EVEN)


class CashProvider(Provider):
    """A source of fiat rates: no coins, no networks, no turnover; its list of currencies needs no key."""

    kind = "CASH"
    key_jobs = frozenset({"prices"})
    rate = (2.0, 4.0)
    canary = "USD/JPY"
    shared_memory = True

    def listed(self) -> tuple[AssetBatch, int]:
        """Fetch the currencies, and how many pairs are offered."""
        raise NotImplementedError(f"{type(self).__name__} needs listed()")

    def assets(self) -> AssetBatch:
        return self.listed()[0]

    def clock(self) -> Clock:
        if self.last_answer is None:
            self.listed()
        return date_clock(self.last_answer)

    def stats(self) -> Stats:
        """Count pairs and currencies, measure the clock; ask for the quota where there is a key, for no rates."""
        listed, trouble = None, None
        try:
            found = self.listed()
            found[0].refuse_if_empty()
            listed = found
        except BadAnswer as error:
            trouble = error
        clock = date_clock(self.last_answer)
        quota = self.told(self.quota, None) if self.has_key() else None
        if trouble and quota is None:
            raise trouble  # nothing is known at all
        batch, pairs = listed or (None, None)
        return Stats(
            pairs={"halted": None, "total": pairs, "trading": None},
            assets=count_open(list(batch.assets.values()) if batch else None),
            networks=count_open([]),
            turnover_24h={},
            clock=clock,
            platform=self.told(self.platform, Platform()),
            quota=quota,
            skipped=batch.skipped if batch else Counter(),
        )


def date_clock(answer: "Answer | None") -> Clock:
    """Measure the clock by the Date header, which is cut to whole seconds."""
    if answer is None:
        return Clock()
    from email.utils import parsedate_to_datetime

    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return measure(answer, None)
    return measure(answer, round(told * 1000))


def seconds(value: object) -> int | None:
    """Return a time in seconds since the epoch; None for what is no time."""
    found = integer(value)
    return found if found is not None and 0 < found < LAST_SECOND else None


def add_currency(batch: AssetBatch, key: object, name: str | None) -> str | None:
    """Take a currency into the list and return its code; None for what is no code."""
    found = code(key)
    if found is None:
        batch.skip("no-code")
        return None
    found = found.upper()
    batch.add(Asset(found, found, name, fiat=is_fiat(found)))
    return found


def add_pair(batch: QuoteBatch, pair: str, base: str, rates: Mapping[str, Rate], at_ms: int | None) -> None:
    """Take a pair from rates against `base`: as sent where it begins with the base, else inverse or crossed."""
    first, _, second = pair.partition("/")
    under, over = (ONE if code == base else rates.get(code) for code in (first, second))
    if under is None or over is None or code(pair) is None:
        batch.rows += 1
        batch.skip(pair, "unknown-symbol")
    elif first == base:
        batch.add_rate(pair, *over, at_ms=at_ms)
    else:
        try:
            mid, bid, ask = cross(over, under)
        except NotANumber:
            batch.rows += 1
            batch.skip(pair, "not-a-number")
        else:
            batch.add_rate(pair, mid, bid, ask, at_ms=at_ms, derived=True)


def cross(over: Rate, under: Rate) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Divide two rates of one base. What is bought of one is sold of the other, so bid and ask swap."""
    return _ratio(over[0], under[0]), _ratio(over[1], under[2]), _ratio(over[2], under[1])


def quotient(over: Decimal, under: Decimal) -> Decimal:
    """Divide to 28 significant digits."""
    return _exact.divide(over, under)


def _ratio(over: str | None, under: str | None) -> Decimal | None:
    top, bottom = decimal_text(over), decimal_text(under)
    if top is None or bottom is None or is_zero(top) or is_zero(bottom):
        return None
    ratio = quotient(Decimal(top), Decimal(bottom)).copy_abs()
    # Two negatives make no price.
    return ratio.copy_negate() if "-" in (top[0], bottom[0]) else ratio


# Credits ----------------------------------------------------------------------------------


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
        known = memory.get("credits", DAY_S)
        self._left: int = known[0][0] if known else 0
        self.until_ms: int = known[0][1] if known else 0

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
        wait_s = max(0.0, (self.until_ms - now_ms()) / 1000)
        return RateLimited(
            "the credits of the plan are used up", retry_after=wait_s, hint=f"not before {to_iso(self.until_ms)}"
        )


def next_turn(now: int, length_ms: int) -> int:
    """Return when the present minute or UTC day ends."""
    return now - now % length_ms + length_ms
