"""A set of quotes in whole columns: texts to judge by, floats to look through; the same as bytes beside the live set.

What is done to a column at once takes a fraction of what a quote at a time would; texts are joined, so that the last
sets of all venues take little memory, and taken apart when something stands out.
"""

import json
import sys
from array import array
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from typing import NamedTuple, Self

from marketctl.models import Quote
from marketctl.sentinel.judge import Span

ABSENT, MIDDLE = "-", "="  # for a side that is not there; for the ask of a rate, whose middle stands as its bid

VERSION = f"1 {sys.byteorder}"  # the middles are floats as this machine has them

_bid, _ask, _mid, _status, _at = map(itemgetter, (1, 2, 6, 9, 10))


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


class Sheet:
    """The columns of a set. Halted quotes are in it only as long as `without` has not taken them out."""

    def __init__(
        self, names: Names, bids: Sequence[str], asks: Sequence[str], ats: Sequence[str], middles: Sequence[float]
    ) -> None:
        self.names = names
        self.middles = middles
        self._bids, self._asks, self._ats = bids, asks, ats  # the time of all of them, or one each

    @classmethod
    def of(cls, quotes: Mapping[str, Quote]) -> Self:
        """Return the columns of quotes."""
        values = quotes.values()
        bids, asks, ats = (list(map(one, values)) for one in (_bid, _ask, _at))
        if all(bids) and all(asks):
            middles = [(bid + ask) * 0.5 for bid, ask in zip(map(float, bids), map(float, asks), strict=True)]
        else:
            sides = list(zip(bids, asks, map(_mid, values), strict=True))
            middles = [
                (float(bid) + float(ask)) * 0.5 if bid and ask else float(mid or bid or ask or 0)
                for bid, ask, mid in sides
            ]
            bids = [bid or mid or ABSENT for bid, _, mid in sides]
            asks = [ask or (MIDDLE if mid and not bid else ABSENT) for bid, ask, mid in sides]
        words = {at: str(at or ABSENT) for at in set(ats)}  # often all are the same
        times = list(words.values()) if len(words) == 1 else [words[at] for at in ats]
        return cls(Names(list(quotes)), bids, asks, times, middles)

    def without(self, pairs: Collection[str]) -> "Sheet":
        """Return the columns of the others."""
        if not pairs:
            return self
        stay = [name not in pairs for name in self.names.pairs]
        ats = self._ats if len(self._ats) == 1 else list(compress(self._ats, stay))
        pairs, bids, asks = (list(compress(one, stay)) for one in (self.names.pairs, self._bids, self._asks))
        return Sheet(Names(pairs), bids, asks, ats, list(compress(self.middles, stay)))

    def joined(self, before: "Sheet | None") -> "Sheet":
        """Return the columns as joined texts; the names of the set before serve again where they are the same."""
        names = before.names if before is not None and before.names.pairs == self.names.pairs else self.names
        bids, asks, ats = (" ".join(one) for one in (self._bids, self._asks, self._ats))
        return Sheet(names, bids, asks, ats, array("d", self.middles))

    def to_bytes(self, run_id: str, collected_ms: int) -> bytes:
        """Write joined columns for `read`."""
        head = json.dumps({"version": VERSION, "run_id": run_id, "collected_ms": collected_ms})
        texts = "\n".join((head, self.names.text, *map(str, (self._bids, self._asks, self._ats)), ""))
        return texts.encode() + array("d", self.middles).tobytes()

    @classmethod
    def read(cls, raw: bytes, run_id: str | None) -> "Sheet | None":
        """Read what `to_bytes` wrote; None when it is of another set, or not of our shape."""
        try:
            head, names, bids, asks, ats, middles = raw.split(b"\n", 5)
            told, pairs, values = json.loads(head), json.loads(names), array("d", middles)
            spaces = max(0, len(pairs) - 1)
            if (
                (told["run_id"], told["version"], len(values)) != (run_id, VERSION, len(pairs))
                or (bids.count(b" "), asks.count(b" ")) != (spaces, spaces)
                or ats.count(b" ") not in (0, spaces)
            ):
                return None
            return cls(Names(pairs, names.decode()), bids.decode(), asks.decode(), ats.decode(), values)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def good(self, place: int, collected_ms: int | None) -> Good:
        """Return the quote at a place."""
        if isinstance(self._bids, str):
            self._bids, self._asks, self._ats = (str(one).split(" ") for one in (self._bids, self._asks, self._ats))
        bid, ask, at = self._bids[place], self._asks[place], self._ats[place if len(self._ats) > 1 else 0]
        mid = bid if ask == MIDDLE else None
        low = None if mid or bid == ABSENT else bid
        return Good(low, None if ask in (ABSENT, MIDDLE) else ask, mid, False, _time(at), collected_ms)


def halted_of(quotes: Mapping[str, Quote]) -> dict[str, Quote]:
    """Return those that are halted."""
    if "halted" not in set(map(_status, quotes.values())):
        return {}
    return {pair: quote for pair, quote in quotes.items() if quote[9] == "halted"}


def _time(text: str) -> int | None:
    return None if text == ABSENT else int(text)
