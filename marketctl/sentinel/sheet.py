"""A set of quotes in whole columns: texts to judge by, floats to look through; the same as bytes beside the live set.

What is done to a column at once takes a fraction of what a quote at a time would.
"""

import json
import sys
from array import array
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypeVar

from marketctl.lean_imports import import_zlib
from marketctl.models import Quote
from marketctl.providers.columns import ABSENT, MIDDLE, Sides
from marketctl.sentinel.judge import Span

crc32 = import_zlib().crc32

T = TypeVar("T")

NEVER = -1  # for a time that is not told

PART = 64  # texts a string

VERSION = f"3 {sys.byteorder}"  # middles and times are numbers as this machine has them


class Good(NamedTuple):
    """A last good quote: its texts and the times it is judged by (None: not told)."""

    bid: str | None
    ask: str | None
    mid: str | None
    halted: bool
    at_ms: int | None
    collected_ms: int | None

    @property
    def span(self) -> Span | None:
        """The prices it can mean."""
        return Span.of(self.bid, self.ask, self.mid)

    @property
    def middle(self) -> float:
        """The middle, or the one side there is, as a float. Raises TypeError, ValueError without any."""
        if self.bid is not None and self.ask is not None:
            return (float(self.bid) + float(self.ask)) * 0.5
        return float(self.bid or self.ask or self.mid)  # type: ignore[arg-type]


def good_of(quote: Quote, collected_ms: int | None) -> Good:
    """Return what is kept of a quote."""
    return Good(quote.bid, quote.ask, quote.mid, quote.status == "halted", quote.at_ms, collected_ms)


class Names:
    """The pairs of a set, which are nearly always those of the set before: in order, as JSON, and by place."""

    def __init__(self, pairs: list[str], text: str | None = None) -> None:
        self.pairs = pairs
        self._text = text
        self._places: dict[str, int] = {}

    @property
    def text(self) -> str:
        """Them as JSON."""
        if self._text is None:
            self._text = json.dumps(self.pairs)
        return self._text

    def place(self, pair: str) -> int | None:
        """Return where a pair stands, None where it does not."""
        if not self._places:
            self._places = {name: place for place, name in enumerate(self.pairs)}
        return self._places.get(pair)


class Words:
    """Texts without a space in them, in a few strings."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._parts = [" ".join(texts[start : start + PART]) for start in range(0, len(texts), PART)]

    def __getitem__(self, place: int) -> str:
        """Return the text at a place."""
        return self._parts[place // PART].split(" ")[place % PART]

    def __str__(self) -> str:
        """All of them."""
        return " ".join(self._parts)


class Draft:
    """The columns of a set that is looked at. Halted quotes are in it until `without` has taken them out."""

    def __init__(
        self, names: Names, bids: list[str], asks: list[str], ats: Sequence[int], middles: list[float]
    ) -> None:
        self.names = names
        self.middles = middles
        self._bids, self._asks = bids, asks
        self._ats = ats  # the time of all of them, or one each
        self.halted: dict[str, int] = {}  # and where they stand

    @classmethod
    def of(cls, quotes: Mapping[str, Quote], sides: Sides | None = None) -> Self:
        """Return the columns of quotes; the `sides` of all of them, where they are known, save most of the work."""
        if sides is None or len(sides) != len(quotes):
            sides = Sides.of(quotes)
        same = len(sides.times) > 0 and sides.times.count(sides.times[0]) == len(sides.times)  # often they are
        times = [NEVER if at is None else at for at in (sides.times[:1] if same else sides.times)]
        draft = cls(Names(list(quotes)), sides.bids, sides.asks, times, sides.middles)
        draft.halted = {draft.names.pairs[place]: place for place in _places(sides.statuses, "halted")}
        return draft

    def without(self, pairs: Collection[str]) -> "Draft":
        """Return the columns of the others."""
        if not (places := self._places(pairs)):
            return self
        names, bids, asks = (_without(one, places) for one in (self.names.pairs, self._bids, self._asks))
        ats = self._ats if len(self._ats) == 1 else _without(self._ats, places)
        return Draft(Names(names), bids, asks, ats, _without(self.middles, places))

    def others(self, pairs: Collection[str]) -> list[str]:
        """Return the other pairs, in order."""
        return _without(self.names.pairs, self._places(pairs))

    def _places(self, pairs: Collection[str]) -> list[int]:
        gone = [self.halted[pair] if pair in self.halted else self.names.place(pair) for pair in pairs]
        return sorted(place for place in gone if place is not None)

    def pack(self, before: "Sheet | None") -> "Sheet":
        """Return the columns as they are kept; the names of the set before serve again where they are the same."""
        names = before.names if before is not None and before.names.pairs == self.names.pairs else self.names
        return Sheet(names, Words(self._bids), Words(self._asks), array("q", self._ats), array("d", self.middles))


class Sheet:
    """The columns of a set that is kept, in few objects: thousands would lie scattered among all that comes later."""

    def __init__(
        self, names: Names, bids: Words | str, asks: Words | str, ats: "array[int]", middles: "array[float]"
    ) -> None:
        self.names = names
        self.middles = middles
        self._bids, self._asks = bids, asks  # one text each as they were read, until one of them is looked at
        self._ats = ats  # the time of all of them, or one each

    def to_bytes(self, run_id: str, collected_ms: int) -> bytes:
        """Write it for `read`."""
        texts = "\n".join((self.names.text, str(self._bids), str(self._asks), ""))
        rest = b"".join((texts.encode(), self.middles.tobytes(), self._ats.tobytes()))
        told = {"version": VERSION, "run_id": run_id, "collected_ms": collected_ms, "crc32": crc32(rest)}
        return b"\n".join((json.dumps(told).encode(), rest))

    @classmethod
    def read(cls, raw: bytes, run_id: str | None) -> "Sheet | None":
        """Read what `to_bytes` wrote; None when it is of another set, or another version wrote it.

        Raises ValueError for what is not as it was written: by its sum, for to judge each text would cost what the
        columns save.
        """
        head, _, rest = raw.partition(b"\n")
        try:
            told = json.loads(head)
        except (ValueError, RecursionError):
            raise ValueError("no head") from None
        if not isinstance(told, dict):
            raise ValueError("no head")
        if (told.get("run_id"), told.get("version")) != (run_id, VERSION):
            return None
        if told.get("crc32") != crc32(rest):
            raise ValueError("another sum")
        names, bids, asks, numbers = rest.split(b"\n", 3)
        pairs = json.loads(names)
        size = 8 * len(pairs)
        middles, ats = array("d", numbers[:size]), array("q", numbers[size:])
        return cls(Names(pairs, names.decode()), bids.decode(), asks.decode(), ats, middles)

    def good(self, place: int, collected_ms: int | None) -> Good:
        """Return the quote at a place."""
        if isinstance(self._bids, str) or isinstance(self._asks, str):
            self._bids, self._asks = (Words(str(one).split(" ")) for one in (self._bids, self._asks))
        bid, ask, at = self._bids[place], self._asks[place], self._ats[place if len(self._ats) > 1 else 0]
        mid = bid if ask == MIDDLE else None
        low = None if mid or bid == ABSENT else bid
        high = None if ask in (ABSENT, MIDDLE) else ask
        return Good(low, high, mid, False, None if at == NEVER else at, collected_ms)


def _places(column: list[Any], value: object) -> list[int]:
    """Return where a value stands; it stands at few places."""
    found: list[int] = []
    with suppress(ValueError):
        while True:
            found.append(column.index(value, found[-1] + 1 if found else 0))
    return found


def _without(column: Sequence[T], places: Sequence[int]) -> list[T]:
    """Leave out what stands at some places; they are few."""
    left = list(column)
    for place in reversed(places):
        del left[place]
    return left
