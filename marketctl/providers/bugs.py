"""What an adapter puts into a batch past its doors is judged before it goes out: what is none is a bug, and loud."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marketctl.models import Quote
from marketctl.providers.fields import is_zero
from marketctl.providers.pairs import STATUSES, is_key
from marketctl.text import are_decimals, printable
from marketctl.times import END_MS


def own_time(at_ms: int | None) -> int | None:
    """Return the own time of a quote, None for one that is none. Raises TypeError for what is no milliseconds."""
    if at_ms is not None and type(at_ms) is not int:
        raise TypeError(f"at_ms is {at_ms!r}, expected milliseconds as an integer")
    return at_ms if at_ms is not None and 0 < at_ms < END_MS else None


def see_times(*found: object) -> None:
    """Raise TypeError unless all times of a batch are milliseconds, or not told."""
    if not _are_times(found):
        raise TypeError(f"collected_ms, until_ms, own_ms: found {found!r:.200}, expected milliseconds as integers")


def see_quotes(quotes: Mapping[Any, Any]) -> None:
    """Raise TypeError where one of these is none that `QuoteBatch.add` would have made."""
    for pair, quote in quotes.items():
        if not _is_quote(pair, quote):
            told = f"{printable(pair)}: {printable(repr(quote))}"
            raise TypeError(f"{told} is no quote; hand its values to batch.add(...)")


def _are_times(found: Iterable[object]) -> bool:
    """Tell whether all of these are milliseconds, or not told."""
    return all(one is None or (type(one) is int and 0 <= one < END_MS) for one in found)


def _is_quote(pair: object, quote: object) -> bool:
    if not (isinstance(pair, str) and is_key(*pair.partition("/")[::2]) and isinstance(quote, Quote)):
        return False
    figures = [one for one in quote[1:9] if one is not None]
    prices = [one for one in (quote.bid, quote.ask, quote.mid, quote.last) if one is not None]
    return (
        are_decimals(figures)
        and not any(one[0] == "-" for one in figures)
        and not any(map(is_zero, prices))
        and (quote.bid or quote.ask or quote.mid) is not None
        and (quote.bid is None or quote.ask is None or Decimal(quote.bid) <= Decimal(quote.ask))
        and (type(quote.symbol), type(quote.derived)) == (str, bool)
        and quote.status in STATUSES
        and _are_times([quote.at_ms])
    )
