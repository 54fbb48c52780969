"""A provider's list of pairs: the only authority for base and quote, and the keys they are published under."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from marketctl.models import Pair

TICKERS = {"base": "base_code", "quote": "quote_code"}

new_pair = partial(tuple.__new__, Pair)  # without keywords and defaults, which take longer than all else


STATUSES = frozenset(("trading", "halted", None))


class PairList:
    """A provider's pairs by symbol, each with the key it is published under.

    A symbol that is not found makes the list fetch itself anew, once: it may be a new listing. `unlisted` are symbols
    that this list is known not to have; `on_unlisted` gets those that a fresh one does not know.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        refresh: "Callable[[], PairList | None] | None" = None,
        unlisted: frozenset[str] = frozenset(),
    ) -> None:
        self._refresh = refresh
        self._unlisted = set(unlisted)
        self._found_unlisted = False
        self.on_unlisted: Callable[[set[str]], None] | None = None
        self.by_symbol = {pair.symbol: pair for pair in pairs}
        # Those that were remembered have their keys.
        if any(pair.key is None for pair in self.by_symbol.values()):
            self.by_symbol = {pair.symbol: pair for pair in _with_keys(self.by_symbol.values())}

    def lent(self, refresh: "Callable[[], PairList | None]", unlisted: frozenset[str]) -> "PairList":
        """Return a list of the same pairs that learns on its own."""
        one = PairList((), refresh, unlisted)
        one.by_symbol = self.by_symbol
        return one

    def find(self, symbol: object) -> Pair | None:
        """Return the pair of a symbol, or None when the provider does not list it."""
        if not isinstance(symbol, str):
            return None
        pair = self.by_symbol.get(symbol)
        if pair is not None or symbol in self._unlisted:
            return pair
        if self._refresh is not None:
            refresh, self._refresh = self._refresh, None
            fresh = refresh()
            if fresh is not None:
                self.by_symbol, self.on_unlisted = fresh.by_symbol, fresh.on_unlisted
                pair = self.by_symbol.get(symbol)
        if pair is None and len(symbol) <= 64:
            self._unlisted.add(symbol)
            self._found_unlisted = True
        return pair

    def remember_unlisted(self) -> None:
        """Hand over the symbols that a fresh list did not know, if there are new ones."""
        if self._found_unlisted and self.on_unlisted is not None:
            self.on_unlisted({symbol for symbol in self._unlisted if symbol not in self.by_symbol})
        self._found_unlisted = False

    def spot(self) -> list[Pair]:
        """Return what can be published: everything but perpetuals and the like."""
        return [pair for pair in self.by_symbol.values() if pair.spot]


def _with_keys(pairs: Iterable[Pair]) -> list[Pair]:
    """Give each pair the key it is published under: its tickers, or its codes where another has that key."""
    pairs = list(pairs)
    if wrong := next((pair for pair in pairs if pair.status not in STATUSES), None):
        # It would be published, and read by nobody.
        raise TypeError(f"pair {wrong.symbol}: status is {wrong.status!r}, expected 'trading', 'halted' or None")
    taken: dict[str, str] = {}
    renamed = []
    for pair in pairs:
        both = pair.base + pair.quote
        if not pair.spot or not pair.base or "/" in both or not both.isprintable():
            continue  # no key could be made of it that says where the quote begins, or that a terminal may show
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


def to_remember(pairs: Iterable[Pair]) -> dict[str, list[Any]]:
    """Return pairs as a memory keeps them, in columns: a code that is its ticker is null, as nearly all are."""
    columns = dict(zip(Pair._fields, map(list, zip(*pairs, strict=True)), strict=True))
    for ticker, code in TICKERS.items():
        told = zip(columns[ticker], columns[code], strict=True)
        columns[code] = [None if ticker == code else code for ticker, code in told]
    return columns


def remembered_list(found: Any) -> PairList:
    """Read a list of pairs that was remembered; one of another version, or of another shape, is empty."""
    known = PairList(())
    try:
        columns = dict(zip(Pair._fields, [found[name] for name in Pair._fields], strict=True))
        for ticker, code in TICKERS.items():
            told = zip(columns[ticker], columns[code], strict=True)
            columns[code] = [ticker if code is None else code for ticker, code in told]
        if all(set(map(type, columns[name])) == {str} for name in ("symbol", "base", "quote", "key")):
            pairs = map(new_pair, zip(*columns.values(), strict=True))
            known.by_symbol = dict(zip(columns["symbol"], pairs, strict=True))
    except (TypeError, KeyError, ValueError):
        pass
    return known
