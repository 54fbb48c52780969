"""Count what a provider lists and add up its turnover: unknown stays unknown, never zero."""

from collections import Counter
from decimal import Decimal, localcontext
from typing import Any

from marketctl.models import Pair
from marketctl.providers.batch import QuoteBatch


def count_pairs(pairs: list[Pair]) -> dict[str, int | None]:
    """Count pairs by status; where most are unknown, so is how many are open and how many halted."""
    statuses = Counter(pair.status for pair in pairs)
    known = statuses["trading"] + statuses["halted"] > len(pairs) / 2
    return {
        "halted": statuses["halted"] if known else None,
        "total": len(pairs),
        "trading": statuses["trading"] if known else None,
    }


def count_open(items: list[Any] | None) -> dict[str, int | None]:
    """Count assets or networks and how many are open; unknown (None) where most flags are."""
    if items is None:
        return {"deposit_open": None, "total": None, "withdraw_open": None}
    counts: dict[str, int | None] = {"total": len(items)}
    for name, way in (("deposit_open", "deposit"), ("withdraw_open", "withdraw")):
        flags = [getattr(item, way) for item in items]
        known = len(flags) - flags.count(None)
        counts[name] = flags.count(True) if known > len(flags) / 2 else None
    return counts


def turnover(batch: QuoteBatch) -> dict[str, str]:
    """Add up the 24 h turnover by quote currency, over all known pairs, also those without a price."""
    sums: dict[str, Decimal] = {}
    with localcontext() as context:
        context.prec = 60
        for pair, quote in batch.quotes.items():
            if quote.quote_volume is not None:
                currency = pair.rpartition("/")[2]
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(quote.quote_volume)
        for skip in batch.skips:
            if skip.quote and skip.quote_volume and skip.quote_volume[0] != "-":
                sums[skip.quote] = sums.get(skip.quote, Decimal(0)) + Decimal(skip.quote_volume)
    return {currency: format(amount, "f") for currency, amount in sorted(sums.items())}
