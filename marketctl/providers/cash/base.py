"""What rate sources share: a list of currencies as wallet, inverse and crossed pairs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

from marketctl.errors import BadAnswer
from marketctl.models import Asset, Clock, Platform, Stats
from marketctl.providers.base import Provider, measure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.counts import count_open
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import NotANumber, code, decimal_text, integer, is_zero
from marketctl.times import END_MS

if TYPE_CHECKING:
    from marketctl.http.messages import Answer

Rate = Sequence[str | None]
"""Units of a currency per 1 base as texts: mid, bid, ask."""

ONE: Rate = ("1", "1", "1")

# A quotient seldom ends: 28 significant digits are kept, whatever the global context says.
_exact = Context(prec=28, rounding=ROUND_HALF_EVEN)


class CashProvider(Provider):
    """A source of fiat rates: no coins, no networks, no turnover; its list of currencies needs no key."""

    kind = "CASH"
    key_jobs = frozenset({"prices"})
    rate = (2.0, 4.0)
    canary = "USD/JPY"
    shared_memory = True
    limits_of_key = True

    def listed(self) -> tuple[AssetBatch, int]:
        """Fetch the currencies, and how many pairs are offered."""
        raise NotImplementedError(f"{type(self).__name__} needs listed()")

    def assets(self) -> AssetBatch:
        return self.listed()[0]

    def main_request(self, asked: list[str]) -> str:
        """Choose the rates: plan and credits are asked for before them."""
        return asked[-1]

    def clock(self) -> Clock:
        if self.clock_field:
            return super().clock()
        if self.last_answer is None:
            self.listed()
        return date_clock(self.last_answer)

    def stats(self) -> Stats:
        """Count pairs and currencies, measure the clock; ask for the quota where there is a key, for no rates."""
        listed, trouble = None, None
        try:
            with self.named():
                found = self.listed()
                found[0].refuse_if_empty()
            listed = found
        except BadAnswer as error:
            trouble = error
        clock = date_clock(self.last_answer)
        quota = self.with_key(self.quota, None) if self.has_key() else None
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
    return found if found is not None and 0 < found < END_MS // 1000 else None


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
