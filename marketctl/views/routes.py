"""Find the ways of a coin from one provider to another: networks open at both ends now, cheapest first.

Two providers' coins of one ticker may be different coins ("twins"): where both tell a contract address on the same
network and the addresses differ, the way is refused; where it cannot be known, that is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import product
from typing import Any

from marketctl.config.registry import Registry
from marketctl.errors import StorageFailed
from marketctl.times import ms_or_none, now_ms
from marketctl.views.freshness import age_ms, is_stale, limit_ms
from marketctl.views.snapshots import Found, no_such, number, snapshot, snapshots, tickers, unread
from marketctl.views.twins import identify


@dataclass
class Routes:
    """Ways in order, refused twins last; what was left out by network, and networks that cannot be matched."""

    routes: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    unmapped: list[dict[str, Any]] = field(default_factory=list)
    # Provider names: who lists the coin at the start, at the end.
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


def routes(registry: Registry, asset: str, source: str | None, target: str | None) -> tuple[Routes, Found]:
    """Find an asset's ways from `source` to `target`, or from and to all enabled providers.

    Raises ConfigError for an unknown provider, StorageFailed for one without a wallet and for an unknown asset.
    """
    ticker = asset.upper()
    ends = [None if name is None else snapshot(registry, "wallet", name, {ticker}) for name in (source, target)]
    named = [one for one in ends if one is not None]
    found = Found() if len(named) == 2 else snapshots(registry, "wallet", names={ticker})
    read = [one["provider"] for one in found.snapshots]
    for one in named:
        if one["provider"] not in read:
            found.take(one)
    if ticker not in {known.upper() for known in tickers(found.snapshots)}:
        for one in found.snapshots:
            if (same := one["assets"].get(ticker)) is not None:
                raise StorageFailed(
                    f"{one['provider']} shows its {ticker} as {same['ticker']}",
                    hint=f"marketctl wallet routes {same['ticker']}",
                )
        raise no_such("no provider lists", ticker, tickers(found.snapshots), unread=next(iter(found.broken), None))
    for one in named:
        if not list(_listed(one, ticker)):
            broken = next(iter(unread(one)), None)
            raise no_such(f"{one['provider']} lists no", ticker, tickers([one]), unread=broken)
    starts, goals = (found.snapshots if one is None else [one] for one in ends)
    max_age_ms = {name: limit_ms(entry.wallet_interval_s) for name, entry in registry.providers.items()}
    return find_routes(ticker, starts, goals, now_ms(), max_age_ms), found


def find_routes(
    ticker: str,
    sources: Iterable[Mapping[str, Any]],
    targets: Iterable[Mapping[str, Any]],
    at_ms: int,
    max_age_ms: Mapping[str, float],
) -> Routes:
    """Match the wallet snapshots of both ends by ticker and common network; `max_age_ms` by provider marks old ones."""
    starts, ends = [[(one, *listed) for one in side for listed in _listed(one, ticker)] for side in (sources, targets)]
    found = Routes(
        sources=list(dict.fromkeys(one["provider"] for one, _, _ in starts)),
        targets=list(dict.fromkeys(one["provider"] for one, _, _ in ends)),
    )
    coins = {(one["provider"], code): asset for one, code, asset in (*starts, *ends)}
    for (provider, code), asset in coins.items():
        nameless = [key for key, network in _networks(asset) if network.get("network") is None]
        found.unmapped += [{"provider": provider, "asset": code, "network": key} for key in nameless]
    aged = {id(one): _aged(one, at_ms, max_age_ms) for one, _, _ in (*starts, *ends)}
    for (source, source_code, start), (target, target_code, end) in product(starts, ends):
        if source["provider"] == target["provider"]:
            continue
        for (key, leaving), (other_key, entering) in product(_networks(start), _networks(end)):
            slug = leaving.get("network")
            if slug is None or slug != entering.get("network"):
                continue
            way = {"from": source["provider"], "to": target["provider"], "network": slug}
            if reason := _shut(leaving.get("withdraw"), entering.get("deposit")):
                found.left_out.append(way | {"reason": reason})
                continue
            way |= {"from_asset": source_code, "from_network": key, "to_asset": target_code, "to_network": other_key}
            ages = _ages({"from": aged[id(source)], "to": aged[id(target)]})
            found.routes.append(way | _route(ticker, slug, leaving, entering) | ages)
    found.routes.sort(key=_order)
    return found


def _listed(snapshot: Mapping[str, Any], ticker: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for code, asset in snapshot["assets"].items():
        if str(asset.get("ticker")).upper() == ticker:
            yield code, asset


def _networks(asset: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    networks: Mapping[str, Mapping[str, Any]] = asset.get("networks") or {}
    return networks.items()


def _shut(withdraw: bool | None, deposit: bool | None) -> str | None:
    """Say why a network is no way now: closed at either end, or not known to be open."""
    if withdraw is False:
        return "withdraw-closed"
    if deposit is False:
        return "deposit-closed"
    if withdraw is not True:
        return "withdraw-unknown"
    return None if deposit is True else "deposit-unknown"


def _route(ticker: str, slug: str, leaving: Mapping[str, Any], entering: Mapping[str, Any]) -> dict[str, Any]:
    identity, why = identify(ticker, slug, leaving.get("contract"), entering.get("contract"))
    minimum, set_by = larger(leaving.get("withdraw_min"), entering.get("deposit_min"))
    memos = (leaving.get("memo_required"), entering.get("memo_required"))
    return {
        "verdict": "twin" if identity == "twin" else "open",
        "identity": identity,
        "why": why,
        "fee": leaving.get("withdraw_fee"),
        "fee_percent": leaving.get("withdraw_fee_percent"),
        "minimum": minimum,
        "minimum_set_by": set_by,
        "withdraw_min": leaving.get("withdraw_min"),
        "withdraw_max": leaving.get("withdraw_max"),
        "deposit_min": entering.get("deposit_min"),
        "confirmations": entering.get("confirmations"),
        "memo_required": True if True in memos else None if None in memos else False,
        "from_contract": leaving.get("contract"),
        "to_contract": entering.get("contract"),
        "from_note": leaving.get("note"),
        "to_note": entering.get("note"),
        # A provider that comments on a network may have suspended it in words alone.
        "commented": bool(leaving.get("note") or entering.get("note")),
    }


def _aged(wallet: Mapping[str, Any], at_ms: int, max_age_ms: Mapping[str, float]) -> tuple[str, int | None, bool]:
    """Return of when a wallet is, its age, and whether that is too old."""
    age = age_ms(at_ms, ms_or_none(wallet["collected_at"]))
    return wallet["collected_at"], age, is_stale(age, max_age_ms[wallet["provider"]])


def _ages(ends: Mapping[str, tuple[str, int | None, bool]]) -> dict[str, Any]:
    told: dict[str, Any] = {"stale": any(stale for _, _, stale in ends.values())}
    for end, (at, age, stale) in ends.items():
        told |= {f"{end}_collected_at": at, f"{end}_age_ms": age, f"{end}_stale": stale}
    return told


def _order(route: Mapping[str, Any]) -> tuple[Any, ...]:
    fee, percent = number(route["fee"]), number(route["fee_percent"])
    known = (fee is None, fee or Decimal(0), percent or Decimal(0))
    return (
        route["verdict"] == "twin",
        route["identity"] != "proven",
        *known,
        route["from"],
        route["to"],
        route["network"],
    )


def arriving(route: Mapping[str, Any], amount: Decimal) -> Decimal | None:
    """Return what of an amount arrives at the other end; None where the fee is unknown or the amount is not allowed."""
    fee, share = number(route["fee"]), number(route["fee_percent"])
    least, most = number(route["minimum"]), number(route["withdraw_max"])
    if fee is None or route["verdict"] == "twin":
        return None
    if (least is not None and amount < least) or (most is not None and amount > most):
        return None
    with localcontext() as context:
        context.prec = 60
        left = amount - fee - amount * (share or 0) / 100
    return left if left > 0 else None


def with_amount(found: Routes, amount: Decimal) -> None:
    """Add `arrives` and `cost_percent` to every route; those by which most arrives come first, proven ones before."""
    for route in found.routes:
        left = arriving(route, amount)
        route["arrives"] = None if left is None else format(left.normalize() + 0, "f")
        route["cost_percent"] = None
        if left is not None:
            with localcontext() as context:
                context.prec = 28
                route["cost_percent"] = format(((amount - left) * 100 / amount).quantize(Decimal("0.0001")), "f")
    found.routes.sort(
        key=lambda route: (
            *(route["verdict"] == "twin", route["arrives"] is None, route["identity"] != "proven"),
            -(number(route["arrives"]) or 0),
        )
    )


def larger(withdraw_min: str | None, deposit_min: str | None) -> tuple[str | None, str | None]:
    """Return the larger minimum and which end sets it; with one unknown the other is what is known."""
    first, second = number(withdraw_min), number(deposit_min)
    if second is not None and (first is None or second > first):
        return deposit_min, "deposit"
    return (None, None) if first is None else (withdraw_min, "withdraw")


# In words ---------------------------------------------------------------------------------

REASONS = {
    "withdraw-closed": ("from", "withdrawals closed"),
    "deposit-closed": ("to", "deposits closed"),
    "withdraw-unknown": ("from", "withdrawals not known to be open"),
    "deposit-unknown": ("to", "deposits not known to be open"),
}


def explain(found: Routes) -> list[str]:
    """Say why there is no way, or which ones are missing: one line a reason."""
    lines = []
    for reason, (end, words) in REASONS.items():
        ends = dict.fromkeys(f"{one[end]} {one['network']}" for one in found.left_out if one["reason"] == reason)
        if ends:
            lines.append(f"{words}: {', '.join(ends)}")
    if found.unmapped:
        nameless = ", ".join(f"{one['provider']} {one['network']}" for one in found.unmapped)
        lines.append(f"networks without a common name, which are never matched: {nameless}")
    if not (found.routes or found.left_out):
        both = {*found.sources, *found.targets}
        lines.insert(0, "no network in common" if len(both) > 1 else f"only {''.join(both)} lists it")
    return lines
