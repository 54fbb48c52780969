"""What is now so that somebody wants to be told: one condition for one cause over all venues, from files and Redis."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.config.watch import WatchSettings
from marketctl.notify.health import look_at_crossed, look_at_jobs, look_at_plans
from marketctl.notify.picture import Condition, Picture
from marketctl.views.compare import compare
from marketctl.views.doors import Door, doors, is_old, of_tickers, ways_out
from marketctl.views.freshness import limit_ms
from marketctl.views.gaps import gaps
from marketctl.views.quotes import Live, Reader
from marketctl.views.snapshots import number
from marketctl.views.twins import Coins, address_of, find_coins, known_coins

Wallets = list[tuple[ProviderEntry, Mapping[str, Any]]]


def look(
    registry: Registry, reader: Reader, now_ms: int, before: Mapping[str, Mapping[str, Any]], known: Wallets
) -> Picture:
    """Return what is so now, by these wallets.

    `before` are the facts of what was told earlier, by key: a venue of which nothing is known now is as it was.
    """
    settings = registry.watch
    unread = {entry.name for entry in registry.enabled()} - {
        entry.name for entry, one in known if not one.get("unreadable")
    }
    picture = Picture(now_ms, before, unread)
    watched = {entry.name: of_tickers(wallet, settings.assets) for entry, wallet in known}
    coins = find_coins(watched)
    coins.addresses = {entry.name: address_of(entry) for entry, _ in known}
    _doors(picture, settings, known)
    _fees(picture, settings, watched, coins)
    if settings.twins:
        _twins(picture, settings, watched, coins)
    _prices(picture, registry, reader, known)
    look_at_jobs(picture, registry, reader)
    look_at_crossed(picture, registry)
    look_at_plans(picture, registry)
    return picture


# Doors and fees ---------------------------------------------------------------------------


def door_key(asset: str, network: str, door: str) -> str:
    """Return the key of a door's condition."""
    return f"door {asset} {network} {door}"


def _doors(picture: Picture, settings: WatchSettings, wallets: Wallets) -> None:
    if not settings.doors:
        return
    everything = doors(wallets, picture.at_ms, settings.assets)
    facts: Mapping[str, Any]
    for (asset, network, name), door in everything.items():
        if settings.networks and network not in settings.networks:
            continue
        key = door_key(asset, network, name)
        earlier = picture.told_of(key).get("closed", [])
        # Nothing known of a venue that was closed: it is still taken for closed, not for open again.
        closed = [*door.closed, *(one for one in earlier if one in door.unknown or one in picture.unread)]
        told = _door_facts(door, closed, everything)
        if closed:
            picture.add(Condition(key, "door", told, ",".join(sorted(closed))))
        elif door.open:
            picture.open_doors[key] = told
        else:
            picture.unknown.add(key)
    listed = {door_key(*names) for names in everything}
    for key, facts in picture.before.items():
        if key.startswith("door ") and key not in listed and picture.unread & set(facts.get("closed", ())):
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


def _fees(picture: Picture, settings: WatchSettings, watched: Mapping[str, Mapping[str, Any]], coins: Coins) -> None:
    if settings.fee is None:
        return
    for provider, wallet in watched.items():
        for asset in wallet["assets"].values():
            ticker = str(asset.get("ticker")).upper()
            if ticker not in settings.assets or provider in coins.others(ticker):
                continue  # the fee of another coin is none of this one
            for network in (asset.get("networks") or {}).values():
                slug, fee = network.get("network"), network.get("withdraw_fee")
                if slug and fee is not None and (not settings.networks or slug in settings.networks):
                    picture.fees[f"{ticker} {slug} {provider}"] = fee


def _twins(picture: Picture, settings: WatchSettings, watched: Mapping[str, Mapping[str, Any]], coins: Coins) -> None:
    for ticker in settings.assets:
        key, apart = f"twin {ticker}", coins.apart(ticker, watched)
        still = picture.unread & set(picture.told_of(key).get("venues", ()))
        if apart:
            venues = sorted({*apart, *still})
            facts = {"asset": ticker, "venues": venues, "why": apart[min(apart)].partition(": ")[2]}
            picture.add(Condition(key, "twin", facts, ",".join(venues)))
        elif still:
            picture.unknown.add(key)


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
    old_wallets = {entry.name for entry, wallet in wallets if is_old(entry, wallet, picture.at_ms)}
    for pair in pairs:
        found = compare(pair, lives, picture.at_ms, limits, coins)
        silent = {row["provider"] for row in found["rows"] if row["stale"]}
        silent |= {live.provider for live in lives if live.state != "ok" or pair in live.held}
        bid, ask = best_of(found)
        for name, bounds, price in (("above", settings.above, bid), ("below", settings.below, ask)):
            bound = bounds.get(pair)
            if bound is None:
                continue
            key = f"{name} {pair}"
            if price is not None and (price[0] > bound if name == "above" else price[0] < bound):
                facts = {"pair": pair, "price": format(price[0], "f"), "at": price[1], "bound": format(bound, "f")}
                picture.add(Condition(key, name, facts))
            elif price is None or picture.told_of(key).get("at") in silent:
                picture.unknown.add(key)
        # Whose quote or wallet is not known now ends no gap.
        gap = picture.told_of(f"gap {pair}")
        if settings.gap is not None and (silent | picture.unread | old_wallets) & {
            gap.get("buy_at"),
            gap.get("sell_at"),
        }:
            picture.unknown.add(f"gap {pair}")
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
