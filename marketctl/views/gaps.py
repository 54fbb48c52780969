"""Gaps between venues: the best bid of a pair over its best ask elsewhere, less what the cheapest open way costs."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.times import to_iso
from marketctl.views.compare import compare
from marketctl.views.freshness import limit_ms
from marketctl.views.quotes import Live
from marketctl.views.routes import arriving, find_routes
from marketctl.views.snapshots import number
from marketctl.views.twins import Coins, address_of

Wallets = Mapping[str, Mapping[str, Any]]


def gaps(
    lives: Sequence[Live],
    entries: Mapping[str, ProviderEntry],
    wallets: Wallets,
    now_ms: int,
    *,
    amount: Decimal,
    pairs: Iterable[str] | None = None,
    coins: Coins | None = None,
) -> list[dict[str, Any]]:
    """Return the pairs that can be bought at one venue below the bid of another, the largest net gap first.

    `amount` is what is spent, in the pair's quote; less where less stands at the best level. A record has `pair,
    buy_at, ask, sell_at, bid, gross_percent, net_percent, amount, network, fee, identity, why`; net is None where no
    way is open, and `why` says so. Fees for trading are not in it. Twins are never in it, nor what is stale or halted,
    nor two accounts of one exchange.
    """
    limits = {live.provider: limit_ms(entries[live.provider].prices_interval_s, live.kept_ms) for live in lives}
    ages = {name: limit_ms(entry.wallet_interval_s) for name, entry in entries.items()}
    venues = {name: address_of(entry) for name, entry in entries.items()}
    known = dict.fromkeys(pair for live in lives for pair in live.quotes) if pairs is None else dict.fromkeys(pairs)
    found = []
    for pair in known:
        counted = [row for row in compare(pair, lives, now_ms, limits, coins)["rows"] if row["left_out"] is None]
        best = _best(pair, counted, venues, wallets, now_ms, ages, amount)
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda gap: (gap["net_percent"] is None, -(number(gap["net_percent"]) or 0), gap["pair"]))


def _best(
    pair: str,
    rows: Sequence[Mapping[str, Any]],
    venues: Mapping[str, object],
    wallets: Wallets,
    now_ms: int,
    ages: Mapping[str, float],
    amount: Decimal,
) -> dict[str, Any] | None:
    """Return the best gap of a pair over all two venues, by what is left of it; None where there is none."""
    best: dict[str, Any] | None = None
    for buy in rows:
        for sell in rows:
            ask, bid = number(buy["ask"]), number(sell["bid"])
            if venues[buy["provider"]] == venues[sell["provider"]] or ask is None or bid is None or not 0 < ask < bid:
                continue
            gap = _gap(pair, buy, sell, wallets, now_ms, ages, amount)
            if gap is not None and (best is None or _worth(gap) > _worth(best)):
                best = gap
    return best


def _worth(gap: Mapping[str, Any]) -> tuple[bool, Decimal]:
    net = number(gap["net_percent"])
    return net is not None, net if net is not None else number(gap["gross_percent"]) or Decimal(0)


def _gap(
    pair: str,
    buy: Mapping[str, Any],
    sell: Mapping[str, Any],
    wallets: Wallets,
    now_ms: int,
    ages: Mapping[str, float],
    amount: Decimal,
) -> dict[str, Any] | None:
    """Return the gap of buying here and selling there, with the best way from here to there; None between twins."""
    ask, bid = Decimal(buy["ask"]), Decimal(sell["bid"])
    size = _size(buy, sell, ask, amount)
    told: dict[str, Any] = {
        "pair": pair,
        "buy_at": buy["provider"],
        "ask": buy["ask"],
        "sell_at": sell["provider"],
        "bid": sell["bid"],
        "gross_percent": percent(bid - ask, ask),
        "net_percent": None,
        "amount": text(size * ask),
        "network": None,
        "fee": None,
        "identity": None,
        "why": None,
        "age_ms": _older(buy["age_ms"], sell["age_ms"]),
        "at": to_iso(now_ms),
    }
    ticker = pair.partition("/")[0]
    ends = [wallets.get(one["provider"]) for one in (buy, sell)]
    if ends[0] is None or ends[1] is None:
        return told | {"why": "no wallet"}
    if any(ticker in one.get("unreadable", ()) for one in ends if one is not None):
        return told | {"why": "a wallet cannot be read for it"}
    ways = find_routes(ticker, [ends[0]], [ends[1]], now_ms, ages)
    # The same name for another coin: no gap at all.
    if any(way["identity"] == "twin" for way in ways.routes) and not any(
        way["identity"] == "proven" for way in ways.routes
    ):
        return None
    choices = [
        (arrived, way) for way in ways.routes if not way["stale"] and (arrived := arriving(way, size)) is not None
    ]
    if not choices:
        return told | {"why": "no way open" if not ways.routes else "less than a way takes, or its fee is unknown"}
    arrived, way = max(choices, key=lambda one: (one[0], one[1]["identity"] == "proven"))
    with localcontext() as context:
        context.prec = 60
        told["net_percent"] = percent(arrived * bid - size * ask, size * ask)
    return told | {"network": way["network"], "fee": way["fee"], "identity": way["identity"]}


def _size(buy: Mapping[str, Any], sell: Mapping[str, Any], ask: Decimal, amount: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 28
        sizes = [amount / ask, *(n for n in (number(buy["ask_size"]), number(sell["bid_size"])) if n)]
        return min(sizes)


def percent(part: Decimal, whole: Decimal) -> str:
    """Return a share in percent with four decimals."""
    with localcontext() as context:
        context.prec = 60
        return format((part * 100 / whole).quantize(Decimal("0.0001")), "f")


def text(value: Decimal) -> str:
    """Write a computed figure with eight digits."""
    with localcontext() as context:
        context.prec = 8
        return format((+value).normalize() + 0, "f")


def _older(*ages: int | None) -> int | None:
    return None if None in ages else max(age for age in ages if age is not None)
