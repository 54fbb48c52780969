"""One asset everywhere: its networks by common name over the venues, and its best prices."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import StorageFailed
from marketctl.views.compare import compare
from marketctl.views.doors import is_old, wallet_age_ms
from marketctl.views.freshness import limit_ms
from marketctl.views.quotes import Live, Reader
from marketctl.views.snapshots import no_such, number, tickers
from marketctl.views.twins import Coins, known_coins
from marketctl.views.wallets import WalletFiles

WALLET_FIELDS = (
    *("deposit", "withdraw", "withdraw_fee", "withdraw_fee_percent", "withdraw_min", "deposit_min"),
    *("confirmations", "memo_required", "contract", "note"),
)


def asset(files: WalletFiles, reader: Reader, word: str, now_ms: int) -> dict[str, Any]:
    """Return `{"asset", "name", "networks": [...], "prices": [...]}`; flags and fees as the wallets have them.

    `twin` of a network says why it is of another coin than most venues mean by this ticker.

    Raises StorageFailed for one that no wallet and no pair knows, with the closest.
    """
    ticker, registry, wallets = word.upper(), reader.registry, files.readable()
    networks = [row for entry, wallet in wallets for row in _networks(entry, wallet, ticker, now_ms)]
    lives, pairs = _quotes(registry, reader, ticker)
    if not networks and not pairs:
        known = tickers(wallet for _, wallet in wallets)
        broken = files.broken()
        if not known:
            raise broken[0] if broken else StorageFailed("nothing was collected yet", hint="marketctl run --once")
        raise no_such("no provider lists", ticker, known, unread=broken[0] if broken else None)
    limits = {
        live.provider: limit_ms(registry.provider(live.provider).prices_interval_s, live.kept_ms) for live in lives
    }
    coins = known_coins(registry)
    apart = coins.apart(ticker, [row["provider"] for row in networks])
    for row in networks:
        row["twin"] = apart.get(row["provider"])
    prices = [_price(pair, compare(pair, lives, now_ms, limits, coins), coins) for pair in pairs]
    prices.sort(key=lambda price: (-price["venues"], price["pair"]))
    return {"asset": ticker, "name": _name(wallets, ticker), "networks": _in_order(networks), "prices": prices}


def _name(wallets: Iterable[tuple[ProviderEntry, Mapping[str, Any]]], ticker: str) -> str | None:
    names = (one.get("name") for _, wallet in wallets for one in wallet["assets"].values() if one["ticker"] == ticker)
    return next((name for name in names if name), None)


def _networks(entry: ProviderEntry, wallet: Mapping[str, Any], ticker: str, now_ms: int) -> Iterable[dict[str, Any]]:
    age = wallet_age_ms(wallet, now_ms)
    for code, one in wallet["assets"].items():
        if str(one.get("ticker") or code).upper() != ticker:
            continue
        for key, network in (one.get("networks") or {"": one}).items():
            yield {
                "provider": entry.name,
                "code": code,
                "network": network.get("network") if key else None,
                "network_code": key or None,
                **{name: network.get(name) for name in WALLET_FIELDS},
                "age_ms": age,
                "stale": is_old(entry, wallet, now_ms),
            }


def _in_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort by network, the most widely open first, each by fee."""
    spread: dict[Any, int] = {}
    for row in rows:
        spread[row["network"]] = spread.get(row["network"], 0) + (row["withdraw"] is True)

    def place(row: Mapping[str, Any]) -> tuple[Any, ...]:
        fee = number(row["withdraw_fee"])
        network = row["network"]
        return (network is None, -spread[network], str(network), row["withdraw"] is not True, fee is None, fee or 0)

    return sorted(rows, key=place)


def _quotes(registry: Registry, reader: Reader, ticker: str) -> tuple[list[Live], list[str]]:
    """Read the pairs an asset is the base of, and of an asset that is the base of none those it is the quote of."""
    by_provider = {entry.name: reader.pairs(entry) for entry in registry.enabled()}
    everything = sorted({pair for pairs in by_provider.values() for pair in pairs})
    chosen = [pair for pair in everything if pair.startswith(f"{ticker}/")]
    chosen = chosen or [pair for pair in everything if pair.endswith(f"/{ticker}")]
    lives = [
        reader.read(entry, [pair for pair in by_provider[entry.name] if pair in chosen])
        for entry in registry.enabled()
        if set(chosen) & set(by_provider[entry.name])
    ]
    return lives, chosen


def _price(pair: str, found: Mapping[str, Any], coins: Coins) -> dict[str, Any]:
    rows, best = found["rows"], found["best"]
    ages = [row["age_ms"] for row in rows if row["left_out"] is None]
    sides: dict[str, Any] = {}
    for side in ("bid", "ask"):
        one = best[side]
        sides |= {side: one["price"] if one else None, f"{side}_at": one["providers"] if one else []}
    mids = [row["mid"] for row in rows if row["mid"] is not None and not row["stale"]]
    return {
        "pair": pair,
        **sides,
        "mid": mids[0] if mids else None,
        "spread_percent": best["spread_percent"],
        "venues": coins.venues(row["provider"] for row in rows if row["left_out"] is None),
        "left_out": {row["provider"]: row["left_out"] for row in rows if row["left_out"]},
        "age_ms": None if not ages or None in ages else max(ages),
    }
