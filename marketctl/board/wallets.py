"""The board's wallets: coins, networks, routes and twins."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.board.compact import Texts, collected_ms, decimal, safe
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.providers.networks import native_coins
from marketctl.times import ms_or_none
from marketctl.views.closings import closed_since
from marketctl.views.doors import DOORS
from marketctl.views.freshness import limit_ms
from marketctl.views.routes import find_routes
from marketctl.views.twins import same_contract

FLAG = {None: 0, False: 1, True: 2}

IDENTITY = {"proven": 0, "unproven": 1, "twin": 2}


def gather_wallets(
    registry: Registry, entries: Sequence[ProviderEntry], wallets: Sequence[Mapping[str, Any] | None], made_ms: int
) -> dict[str, Any]:
    """Return the networks of all assets in columns, one entry a provider's asset and network, and their routes.

    `since` is entry → when withdrawals and deposits closed, of those closed that the journal saw closing; `known` from
    when on a provider's journal tells.
    """
    columns = _Columns()
    places: dict[tuple[str, str, str], int] = {}
    by_ticker: dict[str, list[dict[str, Any]]] = {}
    contracts: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for place, found in enumerate(wallets):
        for code, asset in (found["assets"] if found else {}).items():
            assert found is not None
            ticker = str(asset.get("ticker") or code)
            _listed(by_ticker, ticker, found, code, asset)
            for key, network in (asset.get("networks") or {"": asset}).items():
                row = columns.add(place, code, ticker, asset, key, network)
                if not key:
                    continue
                places[entries[place].name, code, key] = row
                slug, contract = network.get("network"), network.get("contract")
                if slug and contract:
                    contracts.setdefault((ticker, slug), []).append((row, contract))
    return {
        "texts": columns.texts.all,
        "names": columns.names,
        "rows": columns.rows,
        "percent": columns.percent,
        "at": [collected_ms(found) for found in wallets],
        "max": [limit_ms(entry.wallet_interval_s) for entry in entries],
        "known": [ms_or_none(found.get("known_since")) if found else None for found in wallets],
        "since": _since(registry, entries, places),
        "twins": _twins(contracts),
        "routes": _routes(columns.texts, by_ticker, places, entries, made_ms),
        "native": native_coins(),
    }


class _Columns:
    """The networks of all assets, a row for each of a provider's asset; an asset without any has one with key ""."""

    def __init__(self) -> None:
        self.texts = Texts()
        self.names: dict[int, str] = {}  # place of a ticker -> the full name that is told first
        self.rows: dict[str, list[Any]] = {name: [] for name in "p t c n g f fee min dmin conf key note".split()}
        self.percent: dict[int, Any] = {}  # row -> the fee in percent, which few networks have

    def add(
        self, place: int, code: str, ticker: str, asset: Mapping[str, Any], key: str, network: Mapping[str, Any]
    ) -> int:
        """Add a row and return its number."""
        texts, row = self.texts, len(self.rows["p"])
        mark = texts.place(ticker)
        if asset.get("name") and mark not in self.names:
            self.names[mark] = safe(asset["name"], 60)
        values = {
            "p": place,
            "t": mark,
            "c": -1 if code == ticker else texts.place(code),
            "n": texts.maybe(key),
            "g": texts.maybe(network.get("network") if key else None),
            "f": _flags(network, asset),
            "fee": decimal(network.get("withdraw_fee")),
            "min": decimal(network.get("withdraw_min")),
            "dmin": decimal(network.get("deposit_min")),
            "conf": network.get("confirmations") if key else None,
            "key": texts.maybe(network.get("contract")),
            "note": texts.maybe(network.get("note") and safe(network["note"])),
        }
        for name, value in values.items():
            self.rows[name].append(value)
        if network.get("withdraw_fee_percent") is not None:
            self.percent[row] = network["withdraw_fee_percent"]
        return row


def _since(
    registry: Registry, entries: Sequence[ProviderEntry], places: Mapping[tuple[str, str, str], int]
) -> dict[int, list[int | None]]:
    found: dict[int, list[int | None]] = {}
    for entry in entries:
        try:
            closed = closed_since(registry.settings.data_dir / "wallet" / f"{entry.name}.changes.jsonl")
        except MarketctlError:  # told by what lists the changes
            continue
        for (asset, network, door), at in closed.items():
            row = places.get((entry.name, asset, network or ""))
            if row is not None:
                found.setdefault(row, [None, None])[DOORS.index(door)] = at
    return found


def _listed(
    by_ticker: dict[str, list[dict[str, Any]]],
    ticker: str,
    found: Mapping[str, Any],
    code: str,
    asset: Mapping[str, Any],
) -> None:
    """Keep an asset among those of its ticker, in a snapshot of just these."""
    group = by_ticker.setdefault(ticker, [])
    if not group or group[-1]["provider"] != found["provider"]:
        group.append({"provider": found["provider"], "collected_at": found["collected_at"], "assets": {}})
    group[-1]["assets"][code] = asset


def _flags(network: Mapping[str, Any], asset: Mapping[str, Any]) -> int:
    """Pack deposit, withdraw and memo (0 unknown, 1 no, 2 yes) and fiat into a number."""
    deposit, withdraw, memo = (FLAG[network.get(name)] for name in ("deposit", "withdraw", "memo_required"))
    return deposit | withdraw << 2 | memo << 4 | bool(asset.get("fiat")) << 6


def _twins(contracts: Mapping[tuple[str, str], Sequence[tuple[int, str]]]) -> list[list[list[int]]]:
    """Return, for each asset and network with more than one contract, its entries by contract."""
    twins = []
    for listed in contracts.values():
        if len({contract for _, contract in listed}) < 2:
            continue
        groups: list[tuple[str, list[int]]] = []
        for row, contract in listed:
            for known, members in groups:
                if same_contract(known, contract):
                    members.append(row)
                    break
            else:
                groups.append((contract, [row]))
        if len(groups) > 1:
            twins.append([members for _, members in groups])
    return twins


def _routes(
    texts: Texts,
    by_ticker: Mapping[str, list[dict[str, Any]]],
    places: Mapping[tuple[str, str, str], int],
    entries: Sequence[ProviderEntry],
    made_ms: int,
) -> dict[int, list[int]]:
    """Return ticker → open ways in order, three numbers each: entry to leave by, entry to arrive at, identity."""
    max_age_ms = {entry.name: limit_ms(entry.wallet_interval_s) for entry in entries}
    routes: dict[int, list[int]] = {}
    for ticker, group in by_ticker.items():
        if len(group) < 2:
            continue
        flat: list[int] = []
        for way in find_routes(ticker.upper(), group, group, made_ms, max_age_ms).routes:
            flat.append(places[way["from"], way["from_asset"], way["from_network"]])
            flat.append(places[way["to"], way["to_asset"], way["to_network"]])
            flat.append(IDENTITY[way["identity"]])
        if flat:
            routes[texts.place(ticker)] = flat
    return routes
