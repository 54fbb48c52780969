"""Read rows of an answer into quotes and assets: every row is taken, or left out with a reason and counted.

Speed lives here: an adapter hands over raw values, one call a row.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Self

from marketctl.errors import BadAnswer
from marketctl.models import Asset, Pair, Quote, Quotes, Row, Skip
from marketctl.providers.bugs import own_time, see_quotes, see_times
from marketctl.providers.columns import COLUMNS, ROWS, Sides, column, in_columns
from marketctl.providers.fields import NotANumber, code, decimal_text, flag, is_zero, seven_plain
from marketctl.providers.pairs import PairList, is_key
from marketctl.text import printable

__all__ = ["AssetBatch", "PairList", "QuoteBatch"]


class QuoteBatch:
    """The quotes of one answer under construction. `wanted` limits it to these pair keys."""

    def __init__(self, pairs: PairList, wanted: frozenset[str] = frozenset()) -> None:
        self.pairs = pairs
        self.wanted = wanted
        self._quotes: dict[str, Row] = {}
        self.quotes: Mapping[str, Quote] = Quotes(self._quotes)  # what is in them is also in the sides
        self.sides = Sides()
        self.skips: list[Skip] = []
        self.rows = 0
        self.complete = True
        self.cached = False
        self.collected_ms: int | None = None
        # Quotes that were collected earlier than the rest, and when the source can next be asked for all of them.
        self.own_ms: dict[str, int] = {}
        self.until_ms = 0

    @property
    def skipped(self) -> Counter[str]:
        """Return how many rows were left out, by reason."""
        return Counter(skip.reason for skip in self.skips)

    def skip(self, symbol: object, reason: str, pair: Pair | None = None, quote_volume: object = None) -> None:
        """Leave a row out and count it."""
        try:
            turnover = decimal_text(quote_volume) if pair else None
        except NotANumber:
            turnover = None
        self.skips.append(Skip(printable(symbol, 64), reason, pair.quote if pair else None, turnover))

    def add(
        self,
        symbol: Any,
        bid: Any = None,
        ask: Any = None,
        *,
        bid_size: Any = None,
        ask_size: Any = None,
        last: Any = None,
        volume: Any = None,
        quote_volume: Any = None,
        at_ms: int | None = None,
    ) -> None:
        """Take one row of a ticker list: raw values as they came, `at_ms` in milliseconds.

        Left out with a reason: `unknown-symbol`, `not-spot`, `not-a-number`, `negative`, `no-price`, `crossed`, and
        `duplicate` for a second row of a pair: which of the two is right, nobody can say.
        """
        self.rows += 1
        try:
            pair: Pair | None = self.pairs.by_symbol[symbol]
        except (KeyError, TypeError):
            pair = self.pairs.find(symbol)
        if pair is None or not pair.spot:
            self.skip(symbol, "not-spot" if pair else "unknown-symbol")
            return
        key = pair.key
        if not key:  # listed, but its base and quote are told nowhere
            self.skip(symbol, "unknown-symbol")
            return
        if self.wanted and key not in self.wanted:
            return
        if key in self._quotes:
            self.skip(symbol, "duplicate")
            return
        if seven_plain((bid, ask, bid_size, ask_size, last, volume, quote_volume)):
            # Nearly every row: what came is what is kept, but for "" and prices of zero.
            bid = bid if bid and bid.strip("0.") else None
            ask = ask if ask and ask.strip("0.") else None
            last = last if last and last.strip("0.") else None
            bid_size = bid_size or None if bid else None
            ask_size = ask_size or None if ask else None
            volume, turnover = volume or None, quote_volume or None
            negative = False
        else:
            try:
                bid, ask, last = _price(bid), _price(ask), _price(last)
                bid_size = decimal_text(bid_size) if bid is not None else None
                ask_size = decimal_text(ask_size) if ask is not None else None
                volume, turnover = decimal_text(volume), decimal_text(quote_volume)
            except NotANumber:
                self.skip(symbol, "not-a-number", pair, quote_volume)
                return
            values = (bid, ask, bid_size, ask_size, last, volume, turnover)
            negative = any(value is not None and value[0] == "-" for value in values)
        if bid is None and ask is None:
            self.skip(symbol, "no-price", pair, quote_volume)
            return
        if negative:
            self.skip(symbol, "negative", pair, quote_volume)
            return
        # Exact where it counts: floats may call close prices equal, but never put them the other way round.
        if bid is not None and ask is not None and float(bid) >= float(ask) and Decimal(bid) > Decimal(ask):
            self.skip(symbol, "crossed", pair, quote_volume)
            return
        at_ms = own_time(at_ms)
        self._quotes[key] = (
            pair.symbol, bid, ask, bid_size, ask_size, last, None, volume, turnover, pair.status, at_ms, False
        )  # fmt: skip

    def add_rows(
        self,
        found: Sequence[Mapping[str, Any]],
        fields: tuple[str, ...],
        at_ms: int | Sequence[int | None] | None = None,
        symbols: Sequence[Any] | None = None,
    ) -> Self:
        """Take the rows of a ticker list, as `add` does, in a third of the time.

        `fields` names where these stand: symbol, bid, ask, bid size, ask size, last, volume, quote volume; "" for what
        is not told. `at_ms` is one time for all, or one a row; `symbols` where they stand elsewhere.
        """
        columns = [column(found, name) for name in fields]
        columns[0] = list(symbols) if symbols is not None else columns[0]
        times = list(map(own_time, at_ms)) if isinstance(at_ms, Sequence) else [own_time(at_ms)] * len(found)
        for rows in (slice(start, start + ROWS) for start in range(0, len(times), ROWS)):
            self._add_columns([one[rows] for one in columns], times[rows])
        return self

    def _add_columns(self, columns: Sequence[list[Any]], times: list[int | None]) -> None:
        """Take rows in columns: most of them in whole columns, the others one by one, all in their order."""
        names, listed = columns[0], self.pairs.by_symbol
        alone, quotes, sides = in_columns(columns, times, listed, self._quotes, self.wanted)
        done = 0
        for place in alone:
            self.rows += place - done
            self._quotes.update(islice(quotes, place - done))
            self.sides.extend(sides, done, place)
            next(quotes)
            before = len(self._quotes)
            row = dict(zip(COLUMNS, [column[place] for column in columns], strict=True))
            self.add(**row, at_ms=times[place])
            if len(self._quotes) > before:
                self.sides.append(Quote._make(next(reversed(self._quotes.values()))))
            done = place + 1
            if self.pairs.by_symbol is not listed:  # a new symbol: the list was fetched anew, and keys may be others
                self._add_columns([column[done:] for column in columns], times[done:])
                return
        self.rows += len(names) - done
        self._quotes.update(quotes)
        self.sides.extend(sides, done, len(names))

    def add_rate(
        self,
        pair: str,
        mid: object,
        bid: object = None,
        ask: object = None,
        *,
        at_ms: int | None = None,
        derived: bool = False,
    ) -> None:
        """Take one rate of a CASH source under its pair key ("USD/RUB"); the reasons are those of `add`."""
        self.rows += 1
        try:
            middle, bid, ask = _price(mid), _price(bid), _price(ask)
        except NotANumber:
            self.skip(pair, "not-a-number")
            return
        if not is_key(*pair.partition("/")[::2]):
            self.skip(pair, "unknown-symbol")
        elif pair in self._quotes:
            self.skip(pair, "duplicate")
        elif middle is None and bid is None and ask is None:
            self.skip(pair, "no-price")
        elif any(value is not None and value[0] == "-" for value in (middle, bid, ask)):
            self.skip(pair, "negative")
        elif bid is not None and ask is not None and Decimal(bid) > Decimal(ask):
            self.skip(pair, "crossed")
        else:
            at_ms = own_time(at_ms)
            self._quotes[pair] = (pair, bid, ask, None, None, None, middle, None, None, None, at_ms, derived)

    def gone(self, pairs: Iterable[str]) -> list[str]:
        """Return those of the configured pairs that the source has no more; what could not be asked is not one."""
        pairs = list(pairs)
        if not pairs:
            return []
        unknown = {skip.symbol for skip in self.skips if skip.reason in ("unknown-symbol", "permission")}
        listed = set(self.pairs.by_symbol.published.values())
        return [
            pair
            for pair in pairs
            if pair not in self.quotes and (pair in unknown or (self.pairs.by_symbol and pair not in listed))
        ]

    def refuse_if_empty(self) -> None:
        """Raise BadAnswer when not one row could be read: an outage must not look like "no prices".

        The batch is whole then: what its list of pairs has learned is remembered. Raises TypeError for a bug (bugs.py).
        """
        self.pairs.remember_unlisted()
        see_times(self.collected_ms, self.until_ms, *self.own_ms.values())
        if not (type(self.quotes) is Quotes and self.quotes.rows is self._quotes):  # an adapter's own
            see_quotes(self.quotes)
            self.sides = Sides()
        if self.quotes:
            return
        if not self.rows:
            raise BadAnswer("the answer holds no quote at all")
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
        if told:
            raise BadAnswer(f"none of {self.rows} quotes can be used: {told}")
        raise BadAnswer("none of the configured pairs is offered", hint="correct `pairs` in providers.toml by its list")


def _price(value: object) -> str | None:
    text = decimal_text(value)
    return None if text is None or is_zero(text) else text


class AssetBatch:
    """The assets of one answer under construction; `words` are the provider's own for open (true) and closed."""

    def __init__(self, words: Mapping[str, bool] | None = None) -> None:
        self.words = words or {}
        self.assets: dict[str, Asset] = {}
        self.skipped: Counter[str] = Counter()

    def skip(self, reason: str) -> None:
        """Leave a row out and count it."""
        self.skipped[reason] += 1

    def coded(self, found: list[dict[str, Any]], *names: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each row with its code, told by the first of these fields that has one.

        A row without a code and a second one of the same code are left out and counted.
        """
        seen = set()
        for row in found:
            key = next((key for key in (code(row.get(name)) for name in names) if key), None)
            if key is None or key in seen:
                self.skip("duplicate" if key else "no-code")
            else:
                seen.add(key)
                yield key, row

    def add(self, asset: Asset) -> None:
        """Take an asset; a second row of the same code is counted as `duplicate` and left out."""
        if asset.code in self.assets:
            self.skip("duplicate")
        else:
            self.assets[asset.code] = asset

    def amount(self, value: object) -> str | None:
        """Return an amount; one that cannot be read is unknown (None) and counted, never guessed."""
        try:
            text = decimal_text(value)
        except NotANumber:
            self.skip("not-a-number")
            return None
        if text is not None and text[0] == "-":
            self.skip("negative")
            return None
        return text

    def limit(self, value: object, digits: int = 17) -> str | None:
        """Return a maximum; one that means "none" (-1, or of more digits: 10^17 and more) is None."""
        if value == "-1" or value == -1:
            return None
        text = self.amount(value)
        return None if text is None or len(text.partition(".")[0]) > digits else text

    def switch(self, value: object, words: Mapping[str, bool] | None = None) -> bool | None:
        """Return a three-valued flag; a value that is no switch is unknown and counted. `words` in place of its own."""
        if type(value) is str and value in (words := self.words if words is None else words):
            return words[value]
        found = flag(value)
        if found is None and value not in (None, ""):
            self.skip("not-a-flag")
        return found

    def refuse_if_empty(self) -> None:
        """Raise BadAnswer when not one asset could be read."""
        if not self.assets:
            told = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
            raise BadAnswer(f"no asset can be read from the answer{': ' + told if told else ''}")
