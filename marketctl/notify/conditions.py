"""What is now so that somebody wants to be told: one condition for one cause over all venues, from files and Redis."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.config.watch import WatchSettings
from marketctl.errors import MarketctlError
from marketctl.files.state import read_state
from marketctl.jobs.forecast import pace
from marketctl.models import JOBS
from marketctl.times import ms_or_none, to_iso
from marketctl.views.compare import compare
from marketctl.views.doors import Door, doors, of_tickers, ways_out
from marketctl.views.freshness import limit_ms
from marketctl.views.gaps import gaps
from marketctl.views.quotes import Live, Reader
from marketctl.views.snapshots import number, snapshot
from marketctl.views.status import job_status
from marketctl.views.twins import Coins, address_of, find_coins, known_coins

Wallets = list[tuple[ProviderEntry, Mapping[str, Any]]]


@dataclass
class Condition:
    """Something worth telling: `key` is its own for good, `signature` changes when it is worth telling again.

    `facts` are what its words are made of, fit for JSON. `since_ms` is known for some.
    """

    key: str
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    signature: str = ""
    since_ms: int | None = None


@dataclass
class Picture:
    """All that is so at one moment. `open_doors` are the watched doors that are open, `fees` the watched fees."""

    at_ms: int
    conditions: dict[str, Condition] = field(default_factory=dict)
    open_doors: dict[str, dict[str, Any]] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # keys nothing can be said of now: neither so nor over

    def add(self, condition: Condition) -> None:
        """Add what is so now, by its key."""
        self.conditions[condition.key] = condition


def look(
    registry: Registry, reader: Reader, now_ms: int, before: Mapping[str, Mapping[str, Any]], known: Wallets
) -> Picture:
    """Return what is so now, by these wallets.

    `before` are the facts of what was told earlier, by key: a venue of which nothing is known now is as it was.
    """
    settings = registry.watch
    picture = Picture(now_ms)
    _doors(picture, settings, known, before)
    _fees(picture, settings, known)
    if settings.twins:
        _twins(picture, settings, known, before)
    _prices(picture, registry, reader, known)
    _jobs(picture, registry, reader)
    _crossed(picture, registry)
    _plans(picture, registry)
    return picture


# Doors and fees ---------------------------------------------------------------------------


def door_key(asset: str, network: str, door: str) -> str:
    """Return the key of a door's condition."""
    return f"door {asset} {network} {door}"


def _doors(
    picture: Picture, settings: WatchSettings, wallets: Wallets, before: Mapping[str, Mapping[str, Any]]
) -> None:
    if not settings.doors:
        return
    everything = doors(wallets, picture.at_ms, settings.assets)
    facts: Mapping[str, Any]
    for (asset, network, name), door in everything.items():
        if settings.networks and network not in settings.networks:
            continue
        key = door_key(asset, network, name)
        earlier = before.get(key, {}).get("closed", [])
        # Nothing known of a venue that was closed: it is still taken for closed, not for open again.
        closed = [*door.closed, *(one for one in door.unknown if one in earlier)]
        told = _door_facts(door, closed, everything)
        if closed:
            picture.add(Condition(key, "door", told, ",".join(sorted(closed))))
        elif door.open:
            picture.open_doors[key] = told
        else:
            picture.unknown.add(key)
    # A door that nobody lists now: a wallet that cannot be read opens nothing.
    listed = {door_key(*names) for names in everything}
    read = {entry.name for entry, _ in wallets}
    for key, facts in before.items():
        if key.startswith("door ") and key not in listed and set(facts.get("closed", ())) - read:
            picture.unknown.add(key)


def _door_facts(door: Door, closed: list[str], everything: Mapping[tuple[str, str, str], Door]) -> dict[str, Any]:
    return {
        "asset": door.asset,
        "network": door.network,
        "door": door.door,
        "closed": closed,
        "of": len(door.open) + len(closed),
        "ways": [[slug, fee] for slug, fee in ways_out(everything, door.asset, door.door) if slug != door.network][:3],
        "notes": door.notes,
    }


def _fees(picture: Picture, settings: WatchSettings, wallets: Wallets) -> None:
    if settings.fee is None:
        return
    for entry, wallet in wallets:
        for asset in wallet["assets"].values():
            ticker = str(asset.get("ticker")).upper()
            if ticker not in settings.assets:
                continue
            for network in (asset.get("networks") or {}).values():
                slug, fee = network.get("network"), network.get("withdraw_fee")
                if slug and fee is not None and (not settings.networks or slug in settings.networks):
                    picture.fees[f"{ticker} {slug} {entry.name}"] = fee


def _twins(
    picture: Picture, settings: WatchSettings, wallets: Wallets, before: Mapping[str, Mapping[str, Any]]
) -> None:
    watched = {entry.name: of_tickers(wallet, settings.assets) for entry, wallet in wallets}
    coins = find_coins(watched)
    coins.addresses = {entry.name: address_of(entry) for entry, _ in wallets}
    for ticker in settings.assets:
        key, apart = f"twin {ticker}", coins.apart(ticker, watched)
        if apart:
            venues = sorted(apart)
            facts = {"asset": ticker, "venues": venues, "why": apart[venues[0]].partition(": ")[2]}
            picture.add(Condition(key, "twin", facts, ",".join(venues)))
        elif set(before.get(key, {}).get("venues", ())) - watched.keys():
            picture.unknown.add(key)  # a wallet that cannot be read makes no coins the same


# Prices -----------------------------------------------------------------------------------


def _prices(picture: Picture, registry: Registry, reader: Reader, wallets: Wallets) -> None:
    settings = registry.watch
    pairs = list(dict.fromkeys([*settings.pairs, *settings.above, *settings.below]))
    if not pairs:
        return
    lives = [reader.read(entry, pairs) for entry in registry.enabled()]
    limits = {
        live.provider: limit_ms(registry.provider(live.provider).prices_interval_s, live.kept_ms) for live in lives
    }
    coins = known_coins(registry)
    for pair in pairs:
        found = compare(pair, lives, picture.at_ms, limits, coins)
        bid, ask = best_of(found)
        for name, bounds, price in (("above", settings.above, bid), ("below", settings.below, ask)):
            bound = bounds.get(pair)
            if bound is None:
                continue
            key = f"{name} {pair}"
            if price is None:
                picture.unknown.add(key)
            elif (price[0] > bound) if name == "above" else (price[0] < bound):
                facts = {"pair": pair, "price": format(price[0], "f"), "at": price[1], "bound": format(bound, "f")}
                picture.add(Condition(key, name, facts))
    _gaps(picture, registry, lives, wallets, coins)


def best_of(found: Mapping[str, Any]) -> tuple[tuple[Decimal, str] | None, tuple[Decimal, str] | None]:
    """Return the best bid and ask with their venue; where only rates are known both are the middle of one."""
    sides = []
    for side in ("bid", "ask"):
        best = found["best"][side]
        price = number(best["price"]) if best else None
        sides.append((price, str(best["providers"][0])) if best and price is not None else None)
    if sides == [None, None]:
        for row in found["rows"]:
            middle = number(row["mid"])
            if middle is not None and not row["stale"]:
                return (middle, row["provider"]), (middle, row["provider"])
    return sides[0], sides[1]


def _gaps(picture: Picture, registry: Registry, lives: list[Live], wallets: Wallets, coins: Coins) -> None:
    settings = registry.watch
    if settings.gap is None or not settings.pairs:
        return
    found = gaps(
        lives,
        registry.providers,
        {entry.name: wallet for entry, wallet in wallets},
        picture.at_ms,
        amount=settings.gap_amount,
        pairs=settings.pairs,
        coins=coins,
    )
    for gap in found:
        net = number(gap["net_percent"])
        if net is not None and net > settings.gap:
            names = ("pair", "buy_at", "ask", "sell_at", "bid", "net_percent", "network", "fee", "identity")
            facts = {name: gap[name] for name in names}
            picture.add(Condition(f"gap {gap['pair']}", "gap", facts, f"{gap['buy_at']} {gap['sell_at']}"))


# Jobs and plans ---------------------------------------------------------------------------


def _jobs(picture: Picture, registry: Registry, reader: Reader) -> None:
    settings = registry.watch
    for entry in registry.enabled():
        for job in JOBS:
            told = job_status(registry, reader, entry, job, picture.at_ms)
            facts: dict[str, Any] = {"provider": entry.name, "job": job, "reason": told["reason"]}
            if told["state"] == "failing" and settings.failing_after_s is not None:
                since = ms_or_none(told["last_success"])
                facts |= {"since": told["last_success"]}
                long = since is None and told["failures"] >= 3
                if long or (since is not None and picture.at_ms - since >= settings.failing_after_s * 1000):
                    key = f"failing {entry.name} {job}"
                    picture.add(Condition(key, "failing", facts, str(told["reason"]), since))
            elif told["state"] in ("stale", "expired") and settings.stale and job != "stats":
                age = told["age_ms"]
                since = None if age is None else picture.at_ms - age
                facts |= {"since": to_iso(since)}
                picture.add(Condition(f"stale {entry.name} {job}", "stale", facts, "", since))
            if told["held"] and settings.held:
                facts = {"provider": entry.name, "count": told["held"]}
                picture.add(Condition(f"held {entry.name}", "held", facts))


def _crossed(picture: Picture, registry: Registry) -> None:
    """Find watched pairs that a venue shows with the bid above the ask: it is not published, and something is wrong."""
    if not registry.watch.crossed:
        return
    venues: dict[str, list[str]] = {}
    for entry in registry.enabled():
        try:
            state = read_state(registry.settings.data_dir / "state", entry.name).get("prices", {})
        except MarketctlError:
            continue
        for pair in state.get("crossed", ()):
            if pair in registry.watch.pairs:
                venues.setdefault(pair, []).append(entry.name)
    for pair, names in venues.items():
        facts = {"pair": pair, "venues": names}
        picture.add(Condition(f"crossed {pair}", "crossed", facts, " ".join(names)))


def _plans(picture: Picture, registry: Registry) -> None:
    """Look at what ends: a plan and a key."""
    settings = registry.watch
    for entry, stats in _stats(registry):
        ends_ms, within_s = ms_or_none(stats.get("key_ends_at")), settings.key_within_s
        if ends_ms is not None and within_s is not None and ends_ms - picture.at_ms <= within_s * 1000:
            told: dict[str, Any] = {"provider": entry.name, "ends_at": to_iso(ends_ms)}
            picture.add(Condition(f"key {entry.name}", "key", told))
        if settings.quota_within_s is not None:
            dry_ms = pace(stats).dry_ms
            if dry_ms is not None and dry_ms - picture.at_ms <= settings.quota_within_s * 1000:
                quota = stats["stats"]["quota"]
                facts = {"provider": entry.name, "remaining": quota.get("remaining"), "dry_at": to_iso(dry_ms)}
                picture.add(Condition(f"quota {entry.name}", "quota", facts))


def _stats(registry: Registry) -> Iterator[tuple[ProviderEntry, Mapping[str, Any]]]:
    for entry in registry.enabled():
        try:
            yield entry, snapshot(registry, "stats", entry.name)
        except MarketctlError:
            continue
