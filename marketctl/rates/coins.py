"""Which provider's coin is the one the others mean: by contract addresses on networks they have in common."""

from collections.abc import Mapping
from typing import Any

from marketctl.providers.networks import native_coins
from marketctl.text import printable
from marketctl.views.twins import same_contract

# slug -> the contracts a provider tells for a ticker there; "" stands for the network's own coin
Coin = dict[str, list[str]]


def coin_of(wallet: Mapping[str, Any], ticker: str) -> Coin:
    """Return where a provider's coin lives; empty where it tells nothing."""
    coin: Coin = {}
    for asset in wallet["assets"].values():
        if str(asset.get("ticker")).upper() != ticker:
            continue
        for network in (asset.get("networks") or {}).values():
            slug = network.get("network")
            if slug is not None and network.get("contract"):
                coin.setdefault(slug, []).append(network["contract"])
            elif slug is not None and native_coins().get(slug) == ticker:
                coin.setdefault(slug, []).append("")
    return coin


def relation(one: Coin, other: Coin) -> str:
    """Tell whether two coins are the same: `proven` on some network, `twin` where all they share differ, `unproven`."""
    shared = one.keys() & other.keys()
    if any(_same(a, b) for slug in shared for a in one[slug] for b in other[slug]):
        return "proven"
    return "twin" if any(a and b for slug in shared for a in one[slug] for b in other[slug]) else "unproven"


def twin_of(ticker: str, provider: str, wallets: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say why a provider's coin is not to be joined with the others of its name, None when nothing speaks against it.

    It is a twin where others' contracts differ and no more of them agree with it than with each other: of two that
    contradict each other nobody can say which one is meant.
    """
    coins = {name: coin for name, wallet in wallets.items() if (coin := coin_of(wallet, ticker))}
    own = coins.get(provider)
    if own is None:
        return None
    against = [name for name, coin in coins.items() if relation(own, coin) == "twin"]
    if not against:
        return None
    friends = sum(relation(own, coin) == "proven" for coin in coins.values())
    most = max(sum(relation(coins[name], coin) == "proven" for coin in coins.values()) for name in against)
    if friends > most:
        return None
    first = against[0]
    slug = min(own.keys() & coins[first].keys())
    told = [printable(coin[slug][0], 80) for coin in (own, coins[first])]
    return f"another coin is called {ticker}: on {slug} {provider} has {told[0]}, {', '.join(against)} {told[1]}"


def _same(one: str, other: str) -> bool:
    return one == other or bool(one and other and same_contract(one, other))
