"""Rows of a ticker list in whole columns: what a row costs is paid thousands of times."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import repeat
from operator import lt
from typing import Any, NamedTuple

from marketctl.http.columns import Columns
from marketctl.models import Quote, Row
from marketctl.providers.fields import LIMIT, NotANumber, decimal_text, integer
from marketctl.providers.pairs import Listed

_written_out = Decimal.__format__

ABSENT, MIDDLE = "-", "="

COLUMNS = ("symbol", "bid", "ask", "bid_size", "ask_size", "last", "volume", "quote_volume")  # of a ticker list

MOST_NAMED = 64  # looks that are remembered: 32,000 rows

ROWS = 500  # read at a time: what one look at them has fetched from memory is still at hand for the next

# Possessive: nothing in it can be read in two ways, and to remember where one might takes twice the time.
_DIGITS, _FIGURES = "[1-9][0-9]{0,59}+", r"\.[0-9]{1,60}+"
# What nearly all are has branches of its own, to be told apart by their first letter: two thirds of the time.
_plain_lines = re.compile(rf"(?:{_DIGITS}{_FIGURES}\n|0{_FIGURES}\n|(?:0|{_DIGITS})?+\n)*+").fullmatch
_number_lines = re.compile(  # also 4.147E-5
    rf"(?:(?:(?:0|{_DIGITS})(?:{_FIGURES})?+(?:[eE][-+]?+[0-5]?[0-9])?+)?+\n)*+"
).fullmatch


def column(found: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Return what rows have under a name, None where one has nothing; of no name, nothing."""
    if type(found) is Columns:
        return found.column(name)
    return [row.get(name) for row in found] if name else [None] * len(found)


class Sides:
    """Columns of quotes in their order, to look through them at once; of fewer where some came one by one.

    A side that is not there is ABSENT. Of a rate that has its middle alone this stands as its bid, and MIDDLE as ask.
    """

    def __init__(self) -> None:
        self.bids: list[str] = []
        self.asks: list[str] = []
        self.middles: list[float] = []  # or the one side there is
        self.statuses: list[str | None] = []
        self.times: list[int | None] = []

    def __len__(self) -> int:
        """Of how many quotes."""
        return len(self.bids)

    @classmethod
    def of(cls, quotes: Mapping[str, Quote]) -> "Sides":
        """Take them from quotes."""
        sides = cls()
        for quote in quotes.values():
            sides.append(quote)
        return sides

    def extend(self, more: "Sides", start: int, end: int) -> None:
        """Add what stands at these places of others."""
        self.bids += more.bids[start:end]
        self.asks += more.asks[start:end]
        self.middles += more.middles[start:end]
        self.statuses += more.statuses[start:end]
        self.times += more.times[start:end]

    def append(self, quote: Quote) -> None:
        """Add one."""
        bid, ask, mid = quote.bid, quote.ask, quote.mid
        self.bids.append(bid or mid or ABSENT)
        self.asks.append(ask or (MIDDLE if mid and not bid else ABSENT))
        self.middles.append((float(bid) + float(ask)) * 0.5 if bid and ask else float(mid or bid or ask or 0))
        self.statuses.append(quote.status)
        self.times.append(quote.at_ms)


def integers(column: list[Any]) -> list[int | None]:
    """Return what `integer` makes of each value."""
    if set(map(type, column)) == {int} and -LIMIT < min(column) <= max(column) < LIMIT:
        return column
    with suppress(TypeError, ValueError):  # not texts alone, or one is empty
        digits = "".join(column)
        if digits.isascii() and digits.isdecimal() and max(map(len, column)) <= 18:
            return list(map(int, column))
    return list(map(integer, column))


def in_columns(
    columns: Sequence[list[Any]],
    times: list[int | None],
    listed: Listed,
    taken: Mapping[str, Row],
    wanted: frozenset[str],
) -> tuple[list[int], Iterator[tuple[str, Row]], Sides]:
    """Return which rows have to be looked at one by one; and of each row in order, good of the others, pair and quote.

    Others than those alone have both sides, in order, of a pair that is listed, wanted and not yet `taken`: nearly
    every row.
    """
    named = _named(columns[0], listed, wanted)
    words, keys = named.words, named.keys
    texts, odd = zip(*map(plain_texts, columns[1:]), strict=True)
    bids, asks, bid_sizes, ask_sizes, lasts, volumes, turnovers = texts
    alone = named.alone.union(*odd)
    if taken and not taken.keys().isdisjoint(keys):
        alone.update(range(len(words)))  # the second one of a pair is left out
    sides, lows, highs = Sides(), _floats(bids), _floats(asks)
    if not (min(lows, default=0.0) > 0.0 and all(map(lt, lows, highs))):
        alone.update([place for place, (low, high) in enumerate(zip(lows, highs, strict=True)) if not 0.0 < low < high])
    # Nothing and zeros are the first ones in the order of texts.
    last = lasts if min(lasts, default="").strip("0.") else [price if price.strip("0.") else None for price in lasts]
    sizes, volumes, turnovers = map(_known, (bid_sizes, ask_sizes)), _known(volumes), _known(turnovers)
    sides.bids, sides.asks, sides.times = bids, asks, times
    sides.statuses = named.statuses
    sides.middles = [(low + high) * 0.5 for low, high in zip(lows, highs, strict=True)]
    rows = zip(
        words, bids, asks, *sizes, last, repeat(None), volumes, turnovers, sides.statuses, times,
        repeat(False),
    )  # fmt: skip
    return sorted(alone), zip(keys, rows, strict=True), sides


class _Named(NamedTuple):
    """What symbols tell: their keys ("" for none), statuses, and which of them have to be looked at one by one."""

    words: list[str]
    keys: list[str]
    statuses: list[str | None]
    alone: set[int]


def _named(symbols: list[Any], listed: Listed, wanted: frozenset[str]) -> _Named:
    """Return what these symbols tell; who asks again and again hears mostly the same ones in the same order."""
    first = symbols[0] if symbols and type(symbols[0]) is str else ""
    known: _Named | None = listed.named.get(asked := (wanted, first, len(symbols)))
    if known is not None and known.words == symbols:
        return known
    words = [name if type(name) is str else "" for name in symbols]
    keys = list(map(listed.published.get, words, repeat("")))
    alone = {place for place, key in enumerate(keys) if not key or (wanted and key not in wanted)}
    if len({*words, ""}) - 1 < len(words) - words.count(""):
        alone.update(range(len(words)))  # the second one of a pair is left out
    found = _Named(words, keys, list(map(listed.statuses.get, words, repeat("trading"))), alone)
    if words == symbols:
        if len(listed.named) >= MOST_NAMED:  # more where threads came at one moment
            listed.named.clear()
        listed.named[asked] = found
    return found


def _known(texts: list[str]) -> Sequence[str | None]:
    return texts if all(texts) else [text or None for text in texts]


def _floats(texts: list[str]) -> list[float]:
    return list(map(float, texts if all(texts) else [text or "0" for text in texts]))


_TOLD = {str, Decimal, int, type(None)}


def _shown(value: object) -> str:
    return str(value) if type(value) in (Decimal, int) else ""


def plain_texts(column: list[Any]) -> tuple[list[str], set[int]]:
    """Return what `decimal_text` makes of each value, "" for nothing, and where those below zero or no number stand.

    A whole column in one look: what a row costs is paid thousands of times.
    """
    texts, told = column, True
    try:
        lines = "\n".join(texts)
    except TypeError:  # not texts alone
        kinds = set(map(type, column))
        if kinds == {type(None)}:
            return [""] * len(column), set()
        told = kinds <= _TOLD
        texts = [value if type(value) is str else _shown(value) for value in column]
        lines = "\n".join(texts)
    if ("E" in lines or "e" in lines) and _number_lines(f"{lines}\n"):
        texts = [_written_out(Decimal(text), "f") if "E" in text else text for text in lines.upper().split("\n")]
        lines = "\n".join(texts)
    # A value with a line break in it would pass as two.
    if told and _plain_lines(f"{lines}\n") and lines.count("\n") == len(column) - 1:
        return texts, set()
    found = ["" if one is None else _digits(one) for one in column]
    odd = {place for place, text in enumerate(found) if text.startswith("-")}
    return ["" if place in odd else text for place, text in enumerate(found)], odd


def _digits(value: object) -> str:
    """Return the digits of a number, "" of an empty text, "-" of what is none."""
    try:
        return decimal_text(value) or ""
    except NotANumber:
        return "-"
