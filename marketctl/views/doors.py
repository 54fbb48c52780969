"""Doors over all venues: where an asset's deposits and withdrawals are open or closed, by common network."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.times import ms_or_none
from marketctl.views.freshness import age_ms, is_stale, limit_ms
from marketctl.views.snapshots import number
from marketctl.views.twins import address_of, find_coins

DOORS = ("withdraw", "deposit")
NOUNS = {"withdraw": "withdrawals", "deposit": "deposits"}


@dataclass
class Door:
    """One door of an asset on a network: who keeps it open, who closed, whose state is not known now."""

    asset: str
    network: str
    door: str
    open: dict[str, str | None] = field(default_factory=dict)  # provider -> withdrawal fee
    closed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """How many venues tell."""
        return len(self.open) + len(self.closed)

    def words(self) -> str:
        """Say how it stands: "USDT · tron: withdrawals closed at 2 of 6: BYBIT, MEXC"."""
        many = f" of {self.known}" if self.known else ""
        who = "" if len(self.closed) == self.known else f": {', '.join(self.closed)}"
        return f"{self.asset} · {self.network}: {NOUNS[self.door]} closed at {len(self.closed)}{many}{who}"


def doors(
    wallets: Iterable[tuple[ProviderEntry, Mapping[str, Any]]],
    now_ms: int,
    assets: Iterable[str] | None = None,
    networks: Iterable[str] | None = None,
) -> dict[tuple[str, str, str], Door]:
    """Return (ticker, common network, door) → how it stands over the venues; a wallet that is too old tells nothing.

    `assets` are tickers, `networks` common names; None is all. Networks without a common name are left out, and venues
    that mean another coin by the ticker than most. Of several entries of one address one speaks, the first whose wallet
    is not too old.
    """
    wanted = None if assets is None else {asset.upper() for asset in assets}
    chosen = None if networks is None else set(networks)
    found: dict[tuple[str, str, str], Door] = {}
    listed = [(entry, of_tickers(wallet, wanted), old) for entry, wallet, old in _one_a_venue(wallets, now_ms)]
    coins = find_coins({entry.name: wallet for entry, wallet, _ in listed})
    others = {ticker: coins.others(ticker) for ticker in coins.twins}
    for entry, wallet, old in listed:
        for code, asset in wallet["assets"].items():
            ticker = _ticker(code, asset)
            if entry.name in others.get(ticker, ()):
                continue
            for network in (asset.get("networks") or {}).values():
                slug = network.get("network")
                if slug is None or (chosen is not None and slug not in chosen):
                    continue
                for name in DOORS:
                    door = found.setdefault((ticker, slug, name), Door(ticker, slug, name))
                    _note(door, entry.name, network, None if old else network.get(name))
    return found


def of_tickers(wallet: Mapping[str, Any], wanted: Collection[str] | None) -> dict[str, Any]:
    """Return a wallet with the assets of these tickers alone; None is all."""
    assets = wallet["assets"].items()
    return {**wallet, "assets": {key: one for key, one in assets if wanted is None or _ticker(key, one) in wanted}}


def _ticker(code: str, asset: Mapping[str, Any]) -> str:
    return str(asset.get("ticker") or code).upper()


def _one_a_venue(
    wallets: Iterable[tuple[ProviderEntry, Mapping[str, Any]]], now_ms: int
) -> Iterable[tuple[ProviderEntry, Mapping[str, Any], bool]]:
    venues: dict[object, tuple[ProviderEntry, Mapping[str, Any], bool]] = {}
    for entry, wallet in wallets:
        address = address_of(entry)
        if address not in venues or venues[address][2]:
            old = is_old(entry, wallet, now_ms)
            if address not in venues or not old:
                venues[address] = (entry, wallet, old)
    return venues.values()


def _note(door: Door, provider: str, network: Mapping[str, Any], is_open: object) -> None:
    if is_open is True:
        door.open[provider] = network.get("withdraw_fee")
        for names in (door.closed, door.unknown):  # one of its networks of this name is enough
            if provider in names:
                names.remove(provider)
    elif provider in door.open or provider in door.closed:
        return
    elif is_open is False:
        door.closed.append(provider)
        if network.get("note"):
            door.notes[provider] = str(network["note"])
    elif provider not in door.unknown:
        door.unknown.append(provider)


def is_old(entry: ProviderEntry, wallet: Mapping[str, Any], now_ms: int) -> bool:
    """Tell whether a wallet is too old to say what is open now."""
    return is_stale(wallet_age_ms(wallet, now_ms), limit_ms(entry.wallet_interval_s))


def wallet_age_ms(wallet: Mapping[str, Any], now_ms: int) -> int | None:
    """Return a snapshot's age; None is unknown."""
    return age_ms(now_ms, ms_or_none(wallet.get("collected_at")))


def ways_out(found: Mapping[tuple[str, str, str], Door], asset: str, door: str) -> list[tuple[str, str | None]]:
    """Return the networks of an asset that are open somewhere, with the lowest fee, the cheapest first."""
    ways = []
    for (ticker, slug, name), one in found.items():
        if (ticker, name) == (asset, door) and one.open:
            fees = [fee for fee in one.open.values() if number(fee) is not None]
            ways.append((slug, min(fees, key=lambda fee: number(fee) or 0, default=None)))
    return sorted(ways, key=lambda way: (way[1] is None, number(way[1]) or 0, way[0]))
