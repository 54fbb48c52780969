"""Ask the same provider through ccxt too and compare: where an API has moved, two readers of it disagree."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketctl.check.health import Finding
from marketctl.config.registry import ProviderEntry
from marketctl.errors import NotSupported
from marketctl.models import Asset, Quote

if TYPE_CHECKING:
    from marketctl.jobs.run import Run
    from marketctl.providers.base import Provider

BRIDGE = "marketctl.providers.bridge:CcxtAdapter"
# Our own adapters whose venue ccxt knows too, by their module.
VENUES = {f"marketctl.providers.cex.{name}": name for name in ("bybit", "htx", "kucoin", "mexc", "whitebit")}
SAMPLE = 10  # pairs, beside the canary
NEAR = Decimal("0.02")  # between prices that are asked for one after the other
ODD = 10  # of so many, one may differ: an odd coin is no API that has moved
NAMED = 3

NETWORK_FIELDS = (
    "deposit", "withdraw", "deposit_min", "withdraw_min", "withdraw_max", "withdraw_fee", "confirmations", "contract",
    "precision", "memo_required",
)  # fmt: skip

Difference = tuple[str, str, Any, Any]
"""A field, where, what is read here, what ccxt reads."""


def second_opinion(run: "Run", entry: ProviderEntry) -> list[Finding]:
    """Compare a provider's prices and wallet with what ccxt reads there: a finding for each field that differs.

    Raises NotSupported where ccxt does not know the venue, ConfigError where it is not installed, and whatever a
    request raises.
    """
    from marketctl.jobs.adapter import open_adapter

    venue = VENUES.get(entry.path.partition(":")[0])
    if venue is None:
        raise NotSupported(f"there is a second opinion on {', '.join(sorted(VENUES.values()))} only")
    bridged = entry._replace(path=BRIDGE, options={"exchange": venue})
    findings: list[Finding] = []
    with ExitStack() as stack:
        ours, theirs = (open_adapter(run, one, read_only=True) for one in (entry, bridged))
        for adapter in (ours, theirs):
            stack.enter_context(adapter.client)
        for job, read in (("prices", read_prices), ("wallet", read_wallets)):
            if any(job in one.key_jobs and not one.has_key() for one in (ours, theirs)):
                findings.append(Finding("skipped", f"{job}: there is no key", "no-credentials"))
                continue
            try:
                findings += judge(*read(ours, theirs))
            except NotSupported as error:
                findings.append(Finding("skipped", error.message, error.reason))
    return findings


def read_prices(ours: "Provider", theirs: "Provider") -> tuple[str, int, list[Difference]]:
    """Compare the quotes: how many, which pairs, and the figures of the canary and ten others."""
    here = {quote.symbol: quote for quote in ours.prices().quotes.values()}
    there = {quote.symbol: quote for quote in theirs.prices().quotes.values()}
    common = sorted(here.keys() & there.keys())
    canary = ours.canary.replace("/", "")
    chosen = [symbol for symbol in common if symbol.upper().replace("-", "").replace("_", "") == canary]
    chosen += random.sample(common, min(SAMPLE, len(common)))
    differences = list(missing("pair", here, there))
    for symbol in dict.fromkeys(chosen):
        differences += quote_differences(symbol, here[symbol], there[symbol])
    return f"{len(here)} quotes here, {len(there)} through ccxt, {len(set(chosen))} compared", len(common), differences


def read_wallets(ours: "Provider", theirs: "Provider") -> tuple[str, int, list[Difference]]:
    """Compare all networks of all coins."""
    here, there = networks_of(ours.assets().assets), networks_of(theirs.assets().assets)
    differences = list(missing("network", here, there))
    common = sorted(here.keys() & there.keys())
    for where in common:
        for field in NETWORK_FIELDS:
            one, other = here[where][field], there[where][field]
            # What ccxt does not tell is no opinion.
            if other is not None and not same(one, other, near=field == "withdraw_fee"):
                differences.append((field, where, one, other))
    return f"{len(here)} networks here, {len(there)} through ccxt", len(common), differences


def networks_of(assets: Mapping[str, Asset]) -> dict[str, dict[str, Any]]:
    """Return every network by "COIN/NETWORK"."""
    return {
        f"{key}/{code}": network.to_dict() for key, asset in assets.items() for code, network in asset.networks.items()
    }


def missing(word: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what only one of the two has."""
    for name in sorted(here.keys() ^ there.keys()):
        yield word, name, name in here, name in there


def quote_differences(symbol: str, here: Quote, there: Quote) -> Iterator[Difference]:
    """Yield the fields of a pair that differ: prices by more than time explains, sizes by whether they are told."""
    for field in ("bid", "ask", "last"):
        one, other = getattr(here, field), getattr(there, field)
        if other is None:
            continue
        if one is None or abs(Decimal(one) - Decimal(other)) > NEAR * Decimal(other):
            yield field, symbol, one, other
    for field in ("bid_size", "ask_size", "volume", "quote_volume"):
        if getattr(here, field) is None and getattr(there, field) is not None:
            yield field, symbol, None, getattr(there, field)
    if there.status is not None and here.status != there.status:
        yield "status", symbol, here.status, there.status


def same(one: Any, other: Any, *, near: bool = False) -> bool:
    """Tell whether two values are equal, figures by their worth; `near` for those that move between two requests."""
    if isinstance(one, str) and isinstance(other, str):
        try:
            return abs(Decimal(one) - Decimal(other)) <= (NEAR * abs(Decimal(other)) if near else 0)
        except ArithmeticError:
            return one.casefold() == other.casefold()
    return bool(one == other)


def judge(told: str, compared: int, differences: list[Difference]) -> list[Finding]:
    """Name each field that differs with its first places; it warns where more than an odd one does."""
    by_field: dict[str, list[Difference]] = defaultdict(list)
    for one in differences:
        by_field[one[0]].append(one)
    findings = []
    for field, found in sorted(by_field.items()):
        words = [words_of(one) for one in found]
        more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
        price = field in ("bid", "ask", "last", "status")
        status = "warn" if price or len(found) * ODD > max(compared, ODD) else "pass"
        hint = "marketctl dump all, and look: one of the two reads the API wrong" if status == "warn" else None
        findings.append(
            Finding(status, f"{field}: {', '.join(words[:NAMED])}{more}", "suspect" if hint else None, hint)
        )
    return [Finding("pass", told), *findings]


def words_of(difference: Difference) -> str:
    """Say one difference."""
    field, where, here, there = difference
    if field in ("pair", "network"):
        return f"{where} only {'here' if here else 'through ccxt'}"
    return f"{where} {shown(here)} here, {shown(there)} through ccxt"


def shown(value: Any) -> str:
    """Write a value as JSON has it, texts bare."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
