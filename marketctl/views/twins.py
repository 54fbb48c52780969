"""Which coins of one ticker are not the same coin ("twins"), and whose doors are closed: told by the wallets.

The one judgement for all views that join providers, and for the sentinel. A contract address proves it: where two
providers tell one on the same network, equal addresses make them the same coin, different ones twins. What nobody
tells stays unknown, and unknown is no twin.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations, permutations
from threading import Lock
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.files.atomic import write_atomic
from marketctl.files.look import read_regular
from marketctl.files.memory import sealed, unsealed
from marketctl.providers.networks import native_coins
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, is_stale, limit_ms
from marketctl.views.snapshots import snapshot

_hex = re.compile(r"(?:0[xX])?([0-9a-fA-F]{40}|[0-9a-fA-F]{64})").fullmatch
_long_hex = re.compile(r"0[xX]([0-9a-fA-F]+)(::.+)?").fullmatch
_TON = r"[EU]Q[A-Za-z0-9_+/-]{46}|0:[0-9a-fA-F]{64}"


def identify(ticker: str, slug: str, one: str | None, other: str | None) -> tuple[str, str]:
    """Tell whether two contracts on a network are the same coin (`proven`, `unproven`, `twin`), and why."""
    if one and other:
        if same_contract(one, other):
            return "proven", "same contract"
        return "twin", f"another coin of this name: contract {one} is not {other}"
    if not one and not other:
        if native_coins().get(slug) == ticker:
            return "proven", "the network's own coin"
        return "unproven", "neither tells a contract"
    return "unproven", f"only the {'sender' if one else 'receiver'} tells a contract"


def same_contract(one: str, other: str) -> bool:
    """Compare addresses as their chains do: hex in any case and with or without 0x, all else exactly."""
    return _canonical(one) == _canonical(other)


def _canonical(contract: str) -> str:
    if found := _hex(contract):
        return found[1].lower()
    if found := _long_hex(contract):  # Move: leading zeros may be left out, what follows is a name
        return f"0x{found[1].lower().lstrip('0')}{found[2] or ''}"
    if re.fullmatch(_TON, contract):  # spellings of the same 32 bytes
        if contract.startswith("0:"):
            return contract.lower()
        from base64 import urlsafe_b64decode

        return "0:" + urlsafe_b64decode(contract.replace("+", "-").replace("/", "_"))[2:34].hex()
    return contract


# Coins of one ticker -----------------------------------------------------------------------

CACHE_VERSION = 3

KEPT = ("twins", "closed", "collected", "unread")

DOORS = {"deposit": "deposits", "withdraw": "withdrawals"}


@dataclass
class Coins:
    """What the wallets tell of coins, by ticker. Providers without a wallet are in neither.

    `twins`: ticker → provider → other provider → why. `closed`: provider → ticker → the closed doors
    (`deposit`, `withdraw`). `collected`: provider → when its wallet was, as an ISO text. `addresses`: provider → its
    venue: two accounts of one exchange are no two witnesses. `unread`: whose wallet is there and cannot be read, with
    the tickers it cannot be read for; none of them is all.
    """

    twins: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    closed: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    collected: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    addresses: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def is_unread(self, provider: str, pair: str) -> bool:
        """Tell whether what a provider's wallet says of a pair's coins cannot be read."""
        names = self.unread.get(provider)
        return names is not None and (not names or not set(names).isdisjoint(pair.split("/")))

    def venues(self, providers: Iterable[str]) -> int:
        """Count the venues of these providers."""
        return len({self.addresses.get(name, (name,)) for name in providers})

    def twin(self, pair: str, one: str, other: str) -> str | None:
        """Say why a pair ("BIFI/USDT") is of other coins at two providers; None when that is not proven."""
        for ticker in dict.fromkeys(pair.split("/")):
            if why := self.twins.get(ticker, {}).get(one, {}).get(other):
                return why
        return None

    def apart(self, pair: str, providers: Iterable[str]) -> dict[str, str]:
        """Return the providers whose coin is not the one most of them mean, with the reason.

        The coin is that of the group of most venues without a twin inside; where two groups are equally large nobody
        can say which coin the ticker means, and all that have a twin are apart.
        """
        names = list(dict.fromkeys(providers))
        whys = {(a, b): why for a, b in combinations(names, 2) if (why := self.twin(pair, a, b))}
        if not whys:
            return {}

        def friends(name: str) -> frozenset[str]:
            return frozenset(one for one in names if (one, name) not in whys and (name, one) not in whys)

        groups = {friends(name) for name in names if any(name in ends for ends in whys)}
        largest = max(self.venues(group) for group in groups)
        chosen = [group for group in groups if self.venues(group) == largest]
        main = chosen[0] if len(chosen) == 1 else frozenset()
        against = sorted(names, key=lambda name: name not in main)  # what most mean comes first
        told = {name: next((w for one in against if (w := self.twin(pair, name, one))), None) for name in names}
        return {name: why for name, why in told.items() if why is not None and name not in main}

    def others(self, ticker: str) -> Collection[str]:
        """Return the providers that mean another coin than most; none where nobody can say which one it is."""
        having = self.twins.get(ticker, {})
        apart = self.apart(ticker, self.collected)
        return () if len(apart) == len(having) else apart.keys()

    def closed_doors(self, entry: ProviderEntry, pair: str, now_ms: int) -> list[str]:
        """Return the closed doors of a pair's coins at a provider ("GEM deposits closed"); an old wallet tells none."""
        closed = self.closed.get(entry.name)
        if not closed:
            return []
        shut = [f"{ticker} {DOORS[door]} closed" for ticker in pair.split("/") for door in closed.get(ticker, ())]
        age = age_ms(now_ms, ms_or_none(self.collected.get(entry.name)))
        return [] if is_stale(age, limit_ms(entry.wallet_interval_s)) else shut


_lock = Lock()
_remembered: dict[str, tuple[Mapping[str, Any], Coins]] = {}


def known_coins(registry: Registry) -> Coins:
    """Return what the enabled providers' wallets tell; made anew only when a wallet changed, and kept in `data/cache`.

    A wallet that cannot be read tells nothing, and is among the `unread`.
    """
    coins = _known_coins(registry, _files(registry))
    coins.addresses = {entry.name: address_of(entry) for entry in registry.enabled()}
    return coins


def _known_coins(registry: Registry, files: Mapping[str, list[int]]) -> Coins:
    data_dir = registry.settings.data_dir
    with _lock:
        known = _remembered.get(str(data_dir))
        if known is not None and known[0] == files:
            return known[1]
        path = data_dir / "cache" / "coins.json"
        try:
            kept = unsealed(read_regular(path))
            if kept["version"] == CACHE_VERSION and kept["files"] == files:
                coins = Coins(*[kept[name] for name in KEPT])
                _remembered[str(data_dir)] = (files, coins)
                return coins
        except (OSError, ValueError):
            pass
        coins = read_coins(registry, files)
        told = {name: getattr(coins, name) for name in KEPT}
        told |= {"version": CACHE_VERSION, "files": files}
        with suppress(MarketctlError):  # it is made again next time
            write_atomic(path, sealed(told), sync="none")
        _remembered[str(data_dir)] = (files, coins)
        return coins


def _files(registry: Registry) -> dict[str, list[int]]:
    found, folder = {}, registry.settings.data_dir / "wallet"
    for entry in registry.enabled():
        try:
            stat = os.stat(f"{folder}/{entry.name}.json")  # noqa: PTH116  (looked at for each publish)
        except OSError:
            continue
        found[entry.name] = [stat.st_mtime_ns, stat.st_size]
    return found


def read_coins(registry: Registry, names: Iterable[str]) -> Coins:
    """Read the wallets of these providers."""
    wallets, broken = {}, dict[str, list[str]]()
    for name in names:
        try:
            wallets[name] = snapshot(registry, "wallet", name)
        except MarketctlError:  # told by the commands that show wallets
            broken[name] = []
    coins = find_coins(wallets)
    coins.unread |= broken
    return coins


def find_coins(wallets: Mapping[str, Mapping[str, Any]]) -> Coins:
    """Compare wallet snapshots (provider → snapshot) coin by coin."""
    coins = Coins(collected={name: one["collected_at"] for name, one in wallets.items()})
    coins.unread = {name: one["unreadable"] for name, one in wallets.items() if one.get("unreadable")}
    contracts: dict[str, dict[str, dict[str, set[str]]]] = {}  # ticker -> provider -> network -> addresses
    for name, wallet in wallets.items():
        closed: dict[str, list[str]] = {}
        for asset in wallet["assets"].values():
            ticker = str(asset.get("ticker")).upper()
            # A dead coin beside a living one of the same ticker closes nothing.
            shut = [door for door in ("deposit", "withdraw") if asset.get(door) is False]
            closed[ticker] = [door for door in closed.get(ticker, shut) if door in shut]
            for network in (asset.get("networks") or {}).values():
                slug, contract = network.get("network"), network.get("contract")
                if slug and contract:
                    told = contracts.setdefault(ticker, {}).setdefault(name, {})
                    told.setdefault(slug, set()).add(contract)
        coins.closed[name] = {ticker: doors for ticker, doors in closed.items() if doors}
    for ticker, by_provider in contracts.items():
        for one, other in permutations(by_provider, 2):
            if why := _differ(by_provider[one], by_provider[other]):
                why = f"{ticker} is another coin at {other}: {why}"
                coins.twins.setdefault(ticker, {}).setdefault(one, {})[other] = why
    return coins


def _differ(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> str | None:
    """Say on which network two coins have other contracts; None when they share one, or no network with two told."""
    why = None
    for slug in one.keys() & other.keys():
        if {_canonical(found) for found in one[slug]} & {_canonical(found) for found in other[slug]}:
            return None
        why = f"on {slug} contract {min(one[slug])} is not {min(other[slug])}"
    return why


def address_of(entry: ProviderEntry) -> tuple[object, ...]:
    """Return what tells venues apart: two entries of one address are one venue, and count once.

    A `base_url` that is the adapter's own is like none.
    """
    if entry.base_url and not (entry.base_url.startswith("https://") and entry.base_url.lower() == _own_url(entry)):
        return (entry.base_url.lower(),)
    return (entry.path, entry.options.get("exchange"))


_own_urls: dict[tuple[object, ...], str | None] = {}


def _own_url(entry: ProviderEntry) -> str | None:
    from marketctl.providers.loader import load_adapter

    key = (entry.path, entry.options.get("exchange"))
    if key not in _own_urls:
        try:
            _own_urls[key] = load_adapter(entry).base_url.lower()
        except MarketctlError:  # told by whoever wants to ask it
            _own_urls[key] = None
    return _own_urls[key]
