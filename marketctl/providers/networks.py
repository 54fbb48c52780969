"""One name for one network over all providers, from networks.toml."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=4096)  # thousands of coins move on a few dozen networks
def common_network(provider: str, *codes: str | None) -> str | None:
    """Return the slug of the first code that is known for this provider, or None: an unmapped code is never guessed.

    provider is the key used in networks.toml, such as "bybit"; one that is not there has the shared aliases alone.
    Give a provider's codes from the surest on. HTX has no such code, its `chain` is unique per coin: ask a token by
    baseChainProtocol, baseChain (in this order: USDT of protocol OMNI has baseChain BTC), and a native coin, which has
    neither, by displayName, chain. The displayName of a token is no network: it may be the coin's nickname.
    """
    known = _slugs(provider.casefold())
    for code in codes:
        if code and (slug := known.get(code.strip().casefold())):
            return slug
    return None


def own_networks(own: Mapping[str, Iterable[str]]) -> Callable[..., str | None]:
    """Return what `common_network` is for a package of somebody else's: slug → the codes its provider uses.

    What is called takes codes from the surest on and returns a slug or None. As with a provider's line in networks.toml
    the codes of a slug stand in place of its aliases (none: not under any alias), and the other slugs keep theirs.
    Raises ValueError for a slug that networks.toml does not have, or a code under two slugs.
    """
    if unknown := sorted(set(own) - set(_table())):
        raise ValueError(f"{', '.join(unknown)}: no slug of networks.toml")
    given = {slug: tuple(code.strip().casefold() for code in codes) for slug, codes in own.items()}
    mine = [code for codes in given.values() for code in codes]
    if twice := sorted({code for code in mine if mine.count(code) > 1}):
        raise ValueError(f"{', '.join(twice)}: a code stands for one network")
    shared = {code: slug for code, slug in _slugs("").items() if slug not in given}
    known = shared | {code: slug for slug, codes in given.items() for code in codes}

    def find(*codes: str | None) -> str | None:
        return next((known[key] for code in codes if code and (key := code.strip().casefold()) in known), None)

    return find


def network_names() -> dict[str, str]:
    """Return every common slug with the name to show for it."""
    return {slug: network["name"] for slug, network in _table().items()}


@cache
def native_coins() -> dict[str, str]:
    """Return slug → ticker of the coin a network itself pays its fees in: it has no contract anywhere."""
    return {slug: network["native"] for slug, network in _table().items() if "native" in network}


@cache
def _table() -> dict[str, Any]:
    import tomllib  # only a wallet needs it: every other command starts without

    return tomllib.loads(Path(__file__).with_name("networks.toml").read_text(encoding="utf-8"))


@cache
def _slugs(provider: str) -> dict[str, str]:
    """Return slug by folded code, as one provider uses the codes: its own line where there is one, else the aliases."""
    slugs = {}
    for slug, network in _table().items():
        for code in network.get(provider, network.get("aliases", ())):
            slugs[code.casefold()] = slug
    return slugs
