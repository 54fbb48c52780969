"""A provider's list of pairs: the only authority for base and quote, and the keys they are published under."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from marketctl.models import Pair

STATUSES = frozenset(("trading", "halted", None))

new_pair = partial(tuple.__new__, Pair)  # without keywords and defaults, which take longer than all else


class Listed(Mapping[str, Pair]):
    """Pairs by symbol. Of nearly all of them the key tells the rest: such a pair is made when somebody looks at it."""

    def __init__(self, plain: dict[str, str], others: Iterable[Pair]) -> None:
        self.plain = plain  # symbol -> key
        self.others = {pair.symbol: pair for pair in others}
        kept = self.others.values()
        odd = {pair.symbol: pair.key for pair in kept if pair.spot and pair.key}
        self.published: Mapping[str, str] = plain | odd if odd else plain  # symbol -> key of those that can be
        self.statuses = {pair.symbol: pair.status for pair in kept if pair.status != "trading"}  # all others trade
        self.named: dict[Any, Any] = {}  # what was found for symbols in a row, for who reads such once more

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Listed":
        """Return pairs that have their keys."""
        plain, others = {}, []
        for pair in pairs:
            if pair == _plain_pair(pair.symbol, f"{pair.base}/{pair.quote}"):
                plain[pair.symbol] = f"{pair.base}/{pair.quote}"
            else:
                others.append(pair)
        return cls(plain, others)

    def __getitem__(self, symbol: str) -> Pair:
        """Return a pair. Raises KeyError."""
        return self.others.get(symbol) or _plain_pair(symbol, self.plain[symbol])

    def __contains__(self, symbol: object) -> bool:
        """Tell whether it is listed."""
        return symbol in self.plain or symbol in self.others

    def __iter__(self) -> Iterator[str]:
        """All symbols."""
        yield from self.plain
        yield from self.others

    def __len__(self) -> int:
        """How many."""
        return len(self.plain) + len(self.others)


def _plain_pair(symbol: str, key: str) -> Pair:
    base, _, quote = key.partition("/")
    return new_pair((symbol, base, quote, base, quote, "trading", True, key))


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
        self.by_symbol = Listed.of(_with_keys({pair.symbol: pair for pair in pairs}.values()))

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


def is_key(base: str, quote: str) -> bool:
    """Tell whether a key can be made of these that says where the quote begins, and that a terminal may show."""
    both = base + quote
    return bool(base and quote) and "/" not in both and both.isprintable()


def _with_keys(pairs: Iterable[Pair]) -> list[Pair]:
    """Give each pair the key it is published under: its tickers, or its codes where another has that key."""
    pairs = list(pairs)
    if wrong := next((pair for pair in pairs if pair.status not in STATUSES), None):
        # It would be published, and read by nobody.
        raise TypeError(f"pair {wrong.symbol}: status is {wrong.status!r}, expected 'trading', 'halted' or None")
    taken: dict[str, str] = {}
    renamed = []
    for pair in pairs:
        if not pair.spot or not is_key(pair.base, pair.quote):
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


def to_remember(pairs: Listed) -> dict[str, Any]:
    """Return pairs as a memory keeps them."""
    return {"plain": pairs.plain, "others": list(pairs.others.values())}


def remembered_list(found: Any) -> PairList:
    """Read a list of pairs that was remembered; one of another version, or of another shape, is empty."""
    known = PairList(())
    try:
        plain, others = found["plain"], [Pair(*row) for row in found["others"]]
        texts = [*plain.values(), *(text for pair in others for text in (*pair[:5], pair.key))]
        if set(map(type, texts)) <= {str} and STATUSES.issuperset(pair.status for pair in others):
            known.by_symbol = Listed(plain, others)
    except (TypeError, KeyError, ValueError, AttributeError):
        pass
    return known
