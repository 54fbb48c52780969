"""What banks share: one official rate a currency and day, per unit, under the bank's own date.

A date comes without a time: a rate counts from midnight at the bank on. One for tomorrow therefore stands in the
future and is not fresh before its day.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from marketctl.errors import BadAnswer, ConfigError
from marketctl.models import Asset
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider, cross, quotient
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import NotANumber, code, decimal_text, integer, is_zero, shift_point
from marketctl.text import printable
from marketctl.times import now_ms, zone

if TYPE_CHECKING:
    from datetime import tzinfo

DAY = timedelta(days=1)
_whole = Context(prec=200)  # no product of two rates is rounded
CONTRADICTION = Decimal("0.0001")  # two figures of one rate that differ by more are not the same rate


class Rate(NamedTuple):
    """One official rate per unit, as text; `exact` is false where a division had to be rounded."""

    value: str
    day: date
    name: str | None = None
    exact: bool = True


class Fixing:
    """The rates of one answer by currency code against `home`, and what was left out, with its reason.

    `home` is the bank's own currency: the second of the published pairs (USD/RUB), or with `home_first` the first
    (EUR/USD).
    """

    def __init__(self, home: str, *, home_first: bool = False) -> None:
        self.home = home
        self.home_first = home_first
        self.rates: dict[str, Rate] = {}
        self.told: dict[str, Rate] = {}  # the first rate of each currency, also where others contradict it
        self.skips: list[tuple[object, str]] = []

    def day(self, currency: object, told: object, form: str) -> date | None:
        """Return the date of a row of its own; one that cannot be read leaves that row out, as `no-date`."""
        try:
            return read_day(told, form)
        except BadAnswer:
            self.skips.append((currency, "no-date"))
            return None

    def add(
        self,
        currency: object,
        value: object,
        day: date,
        *,
        nominal: object = 1,
        per_unit: object = None,
        name: str | None = None,
    ) -> None:
        """Take a rate for `nominal` units. `per_unit` is the bank's own division: it has to agree.

        Left out with a reason: `no-code`, `no-price`, `not-a-number`, `negative`, `duplicate` (told twice, the same),
        `contradiction`. Of two rates of a currency that differ neither is taken: which one is right, nobody can say.
        """
        key = code(currency)
        try:
            text, told, units = decimal_text(value), decimal_text(per_unit), integer(nominal)
            if units is None or units < 1:
                raise NotANumber(f"a nominal of {nominal!r}")
        except NotANumber:
            self.skips.append((currency, "not-a-number"))
            return
        if key is None or text is None or is_zero(text) or text[0] == "-":
            reason = "no-code" if key is None else "negative" if text and text[0] == "-" else "no-price"
            self.skips.append((currency, reason))
            return
        text, exact = divide(text, units)
        if told is not None and abs(Decimal(told) - Decimal(text)) > CONTRADICTION * Decimal(text):
            self.skips.append((currency, "contradiction"))
            return
        key = key.upper()
        known = self.told.setdefault(key, rate := Rate(text, day, name, exact))
        if known is rate:
            self.rates[key] = rate
        elif (Decimal(known.value), known.day) == (Decimal(text), day):
            self.skips.append((currency, "duplicate"))
        else:
            self.rates.pop(key, None)
            self.skips.append((currency, "contradiction"))


def divide(text: str, units: int) -> tuple[str, bool]:
    """Return a rate per unit and whether it is exact: a nominal of 10, 100, ... moves the point, digits stay."""
    digits = str(units)
    if digits == "1" + "0" * (len(digits) - 1):
        return (shift_point(text, 1 - len(digits)) if units > 1 else text), True
    found = quotient(Decimal(text), Decimal(units))
    return format(found, "f"), _whole.multiply(found, Decimal(units)) == Decimal(text)


class BankProvider(CashProvider):
    """A bank that publishes the rates of its own currency; needs no key. Subclasses fetch."""

    kind = "BANK"
    key_jobs = frozenset()
    shared_memory = False
    rate = (1.0, 3.0)
    # Where its days begin.
    zone: ClassVar[str] = "UTC"

    def fetch(self) -> Fixing:
        """Ask for the rates that hold today at the bank."""
        raise NotImplementedError(f"{type(self).__name__} needs fetch()")

    @property
    def today(self) -> date:
        """The date at the bank now."""
        return datetime.fromtimestamp(now_ms() / 1000, self.clockwork).date()

    @cached_property
    def clockwork(self) -> "tzinfo":
        """The bank's time zone. Raises ConfigError where the machine knows none."""
        try:
            return zone(self.zone)
        except KeyError:
            raise ConfigError(
                f"this machine does not know the time zone {self.zone}", hint="apt-get install tzdata"
            ) from None

    def midnight_ms(self, day: date) -> int:
        """Return when a day begins at the bank."""
        return round(datetime.combine(day, time(), self.clockwork).timestamp() * 1000)

    def listed(self) -> tuple[AssetBatch, int]:
        fixing = self.fetch()
        if not fixing.rates:
            raise BadAnswer(f"the answer holds no rate that can be used; {len(fixing.skips)} were left out")
        batch = AssetBatch()
        for key, rate in {fixing.home: None, **fixing.rates}.items():
            batch.add(Asset(key, key, rate.name if rate else None, fiat=is_fiat(key)))
        batch.skipped.update(reason for _symbol, reason in fixing.skips)
        return batch, len(fixing.rates)

    def prices(self) -> QuoteBatch:
        return self.publish(self.fetch(), self.wanted)

    def publish(self, fixing: Fixing, wanted: Iterable[str]) -> QuoteBatch:
        """Make quotes: the published pairs as they are, inverse and crossed ones marked `derived`."""
        batch = QuoteBatch(PairList([]))
        for symbol, reason in fixing.skips:
            batch.rows += 1
            batch.skip(symbol, reason)
        ends = (f"{fixing.home}/", "") if fixing.home_first else ("", f"/{fixing.home}")
        for pair in wanted or [key.join(ends) for key in fixing.rates]:
            self.add_pair(batch, pair, fixing)
        return batch

    def add_pair(self, batch: QuoteBatch, pair: str, fixing: Fixing) -> None:
        """Take one pair from the rates of this bank's currency."""
        first, _, second = pair.partition("/")
        home = Rate("1", date.max)
        known = {**fixing.rates, fixing.home: home}
        over, under = (second, first) if fixing.home_first else (first, second)
        if over not in known or under not in known or over == under:
            batch.rows += 1
            batch.skip(pair, "unknown-symbol")
            return
        top, bottom = known[over], known[under]
        at_ms = self.midnight_ms(min(top.day, bottom.day))
        if bottom is home:
            batch.add_rate(pair, top.value, at_ms=at_ms, derived=not top.exact)
        else:
            mid, _bid, _ask = cross((top.value, None, None), (bottom.value, None, None))
            batch.add_rate(pair, mid, at_ms=at_ms, derived=True)


def read_day(text: object, form: str) -> date:
    """Read a bank's date such as "26.11.2026" by its form ("%d.%m.%Y"). Raises BadAnswer."""
    try:
        return datetime.strptime(str(text), form).replace(tzinfo=UTC).date()
    except ValueError:
        raise BadAnswer(
            f"the answer's date is {printable(text, 40)!r}, expected a day such as {date(2026, 1, 31):{form}}"
        ) from None
