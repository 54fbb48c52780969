"""Pairs, and a batch of quotes over them."""

from marketctl.models import Pair, Quote
from marketctl.providers.batch import PairList, QuoteBatch

UNSPLIT = Pair("OLDCOIN", "", "", "", "", "halted")


def pair(
    symbol: str, base: str, quote: str, base_code: str = "", status: str | None = "trading", spot: bool = True
) -> Pair:
    return Pair(symbol, base, quote, base_code or base, quote, status, spot)


BTC = pair("BTCUSDT", "BTC", "USDT")
PERP = pair("BTC_PERP", "BTC", "USDT", spot=False)


def batch_of(*pairs: Pair, wanted: frozenset[str] = frozenset()) -> QuoteBatch:
    return QuoteBatch(PairList(pairs or (BTC, PERP, UNSPLIT)), wanted)


def quote(**told: object) -> Quote:
    empty = dict.fromkeys(Quote._fields) | {"symbol": "BTCUSDT", "status": "trading", "derived": False}
    return Quote(**empty | told)


FIELDS = ("s", "b", "a", "bs", "as", "l", "v", "q")


def row(symbol: object, *values: object) -> dict[str, object]:
    return {name: value for name, value in zip(FIELDS, (symbol, *values), strict=False) if value is not ...}


def coins(*names: str) -> tuple[Pair, ...]:
    return tuple(pair(f"{name}USDT", name, "USDT") for name in names)
