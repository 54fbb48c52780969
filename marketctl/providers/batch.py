"""Read rows of an answer into quotes and assets: every row is taken, or left out with a reason and counted.

Speed lives here: an adapter hands over raw values, one call a row.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from marketctl.errors import BadAnswer
from marketctl.models import Asset, Pair, Quote, Skip
from marketctl.providers.fields import NotANumber, code, decimal_text, flag, is_zero, seven_plain
from marketctl.text import printable
from marketctl.times import END_MS

# Without the keywords and defaults of Quote(...), which take longer than all else.
_quote = partial(tuple.__new__, Quote)


class PairList:
    """A provider's pairs by symbol, each with the key it is published under.

    A symbol that is not found makes the list fetch itself anew, once: it may be a new listing.
    """

    def __init__(self, pairs: Iterable[Pair], refresh: Callable[[], Iterable[Pair]] | None = None) -> None:
        self._refresh = refresh
        self._index(pairs)

    def _index(self, pairs: Iterable[Pair]) -> None:
        self.by_symbol = {pair.symbol: pair for pair in pairs}
        # Those that were remembered have their keys.
        if any(pair.key is None for pair in self.by_symbol.values()):
            self.by_symbol = {pair.symbol: pair for pair in _with_keys(self.by_symbol.values())}

    def find(self, symbol: object) -> Pair | None:
        """Return the pair of a symbol, or None when the provider does not list it."""
        if not isinstance(symbol, str):
            return None
        pair = self.by_symbol.get(symbol)
        if pair is None and self._refresh is not None:
            refresh, self._refresh = self._refresh, None
            self._index(refresh())
            pair = self.by_symbol.get(symbol)
        return pair

    def spot(self) -> list[Pair]:
        """Return what can be published: everything but perpetuals and the like."""
        return [pair for pair in self.by_symbol.values() if pair.spot]


def _with_keys(pairs: Iterable[Pair]) -> list[Pair]:
    """Give each pair the key it is published under: its tickers, or its codes where another has that key."""
    pairs = list(pairs)
    taken: dict[str, str] = {}
    renamed = []
    for pair in pairs:
        if not pair.spot or not pair.base:
            continue
        # The pair whose codes are its tickers keeps the key, wherever it stands.
        if (pair.base_code, pair.quote_code) == (pair.base, pair.quote):
            taken.setdefault(f"{pair.base}/{pair.quote}", pair.symbol)
        else:
            renamed.append(pair)
    # Those that have lost theirs come first: nobody else may take the key of their codes.
    renamed.sort(key=lambda pair: f"{pair.base}/{pair.quote}" not in taken)
    for pair in renamed:
        key = f"{pair.base}/{pair.quote}"
        taken.setdefault(f"{pair.base_code}/{pair.quote_code}" if key in taken else key, pair.symbol)
    keys = {symbol: key for key, symbol in taken.items()}
    return [pair._replace(key=keys.get(pair.symbol, "")) for pair in pairs]


class QuoteBatch:
    """The quotes of one answer under construction. `wanted` limits it to these pair keys."""

    def __init__(self, pairs: PairList, wanted: frozenset[str] = frozenset()) -> None:
        self.pairs = pairs
        self.wanted = wanted
        self.quotes: dict[str, Quote] = {}
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

        Left out with a reason: `unknown-symbol`, `not-spot`, `not-a-number`, `negative`, `no-price`, `crossed`.
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
        at_ms = _time(at_ms)
        self.quotes[key] = _quote(
            (pair.symbol, bid, ask, bid_size, ask_size, last, None, volume, turnover, pair.status, at_ms, False)
        )

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
        if middle is None and bid is None and ask is None:
            self.skip(pair, "no-price")
        elif any(value is not None and value[0] == "-" for value in (middle, bid, ask)):
            self.skip(pair, "negative")
        elif bid is not None and ask is not None and Decimal(bid) > Decimal(ask):
            self.skip(pair, "crossed")
        else:
            self.quotes[pair] = Quote(pair, bid, ask, None, None, None, middle, None, None, None, _time(at_ms), derived)

    def refuse_if_empty(self) -> None:
        """Raise BadAnswer when not one row could be read: an outage must not look like "no prices"."""
        if self.quotes:
            return
        if not self.rows:
            raise BadAnswer("the answer holds no quote at all")
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
        if told:
            raise BadAnswer(f"none of {self.rows} quotes can be used: {told}")
        raise BadAnswer(
            "none of the configured pairs is offered", hint="compare `pairs` in providers.toml with its list"
        )


def _price(value: object) -> str | None:
    text = decimal_text(value)
    return None if text is None or is_zero(text) else text


def _time(at_ms: int | None) -> int | None:
    return at_ms if at_ms is not None and 0 < at_ms < END_MS else None


class AssetBatch:
    """The assets of one answer under construction."""

    def __init__(self) -> None:
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

    def limit(self, value: object) -> str | None:
        """Return a maximum; one that means "none" (negative, or 10^17 and more) is None."""
        if value == "-1" or value == -1:
            return None
        text = self.amount(value)
        return None if text is None or len(text.partition(".")[0]) > 17 else text

    def switch(self, value: object) -> bool | None:
        """Return a three-valued flag; a value that is no switch is unknown and counted."""
        found = flag(value)
        if found is None and value not in (None, ""):
            self.skip("not-a-flag")
        return found

    def refuse_if_empty(self) -> None:
        """Raise BadAnswer when not one asset could be read."""
        if not self.assets:
            told = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
            raise BadAnswer(f"no asset can be read from the answer{': ' + told if told else ''}")
