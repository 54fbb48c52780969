"""Put the quotes of a pair over all providers side by side."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from marketctl.views.freshness import is_stale
from marketctl.views.quotes import Live
from marketctl.views.snapshots import number

if TYPE_CHECKING:
    from marketctl.views.twins import Coins


def compare(
    pair: str, lives: Iterable[Live], now_ms: int, max_age_ms: Mapping[str, float], coins: "Coins | None" = None
) -> dict[str, Any]:
    """Put the quotes of a pair side by side and find the best bid and ask among those that count.

    What does not count says why in `left_out`: `stale`, `halted`, `rate` (a reference rate, nobody trades at it) or
    `twin` (another coin of that name; `twin` says how that is known). `verdict` and `why` are the sentinel's word to a
    quote; those it holds are no rows but stand in `held`.
    """
    rows = []
    lives = list(lives)
    held = [{"provider": live.provider, "pair": pair} | live.held[pair] for live in lives if pair in live.held]
    twins = coins.apart(pair, [live.provider for live in lives if pair in live.quotes]) if coins is not None else {}
    for live in lives:
        if pair in live.quotes:
            row = live.row(pair, now_ms)
            mark = live.marked.get(pair, {})
            row |= {"twin": twins.get(live.provider), "verdict": mark.get("verdict"), "why": mark.get("why")}
            row["stale"] = is_stale(row["age_ms"], max_age_ms[live.provider])
            row["left_out"] = _left_out(row)
            row["spread"], row["spread_percent"] = spread(row["bid"], row["ask"])
            rows.append(row)
    counted = [row for row in rows if row["left_out"] is None]
    bids, asks = ([n for row in counted if (n := number(row[side])) is not None] for side in ("bid", "ask"))
    top, low = max(bids, default=None), min(asks, default=None)
    for row in rows:
        counts = row["left_out"] is None
        row["best_bid"] = counts and top is not None and number(row["bid"]) == top
        row["best_ask"] = counts and low is not None and number(row["ask"]) == low
    best_bid, best_ask = _best(rows, "bid"), _best(rows, "ask")
    between = spread(best_bid["price"], best_ask["price"]) if best_bid and best_ask else (None, None)
    return {
        "rows": rows,
        "held": held,
        "best": {"bid": best_bid, "ask": best_ask, "spread": between[0], "spread_percent": between[1]},
    }


def _left_out(row: Mapping[str, Any]) -> str | None:
    # An exchange gives no mid: what has one is a rate to look at, of a CASH source.
    if row["mid"] is not None or row["derived"]:
        return "rate"
    if row["twin"]:
        return "twin"
    return "stale" if row["stale"] else "halted" if row["status"] == "halted" else None


def _best(rows: Sequence[Mapping[str, Any]], side: str) -> dict[str, Any] | None:
    best = [row for row in rows if row[f"best_{side}"]]
    return {"price": best[0][side], "providers": [row["provider"] for row in best]} if best else None


def spread(bid: str | None, ask: str | None) -> tuple[str | None, str | None]:
    """Return ask minus bid, exactly, and in percent of the middle to six digits."""
    low, high = number(bid), number(ask)
    if low is None or high is None:
        return None, None
    with localcontext() as context:
        context.prec = 130  # the longest texts have 60 digits on either side of the point
        apart, total = high - low, high + low
        if not total:
            return format(apart, "f"), None
        share = apart * 200 / total
        context.prec = 6
        return format(apart, "f"), format((+share).normalize() + 0, "f")
