"""Which stored records are as marketctl writes them: what is of another type is no fact, whoever put it there.

The one judgement of all that reads data/ or its copies in Redis. Records are judged many at once, by columns: there are
thousands. A field that is not there is unknown, as in the file of an older version; one that is not ours is let be.
"""

from collections.abc import Collection, Mapping
from operator import itemgetter
from types import NoneType
from typing import Any

from marketctl.models import NETWORK_FIELDS, Network
from marketctl.redis.quotes import DECIMALS, see_record
from marketctl.text import are_decimals
from marketctl.times import ms_or_none
from marketctl.views.held import mirror_record, redis_record

Kinds = Mapping[str, frozenset[type]]

TEXT, FLAG, COUNT = (frozenset((kind, NoneType)) for kind in (str, bool, int))
ANY = TEXT | FLAG | COUNT

AMOUNTS = ("deposit_min", "withdraw_min", "withdraw_max", "withdraw_fee", "withdraw_fee_percent")

NETWORK: Kinds = {name: frozenset(Network.__dataclass_fields__[name].type.__args__) for name in NETWORK_FIELDS}  # type: ignore[union-attr]
ASSET: Kinds = {"ticker": frozenset((str,)), "networks": frozenset((dict,)), "name": TEXT, "precision": COUNT,
                "fiat": FLAG, "deposit": FLAG, "withdraw": FLAG}  # fmt: skip
QUOTE: Kinds = {**dict.fromkeys((*DECIMALS, "symbol", "status", "at"), TEXT), "derived": frozenset((bool,))}

_counts = dict.fromkeys(("total", "deposit_open", "withdraw_open"), COUNT)
STATS: Mapping[str, Kinds] = {
    "pairs": dict.fromkeys(("total", "trading", "halted"), COUNT),
    "assets": _counts,
    "networks": _counts,
    "platform": {"status": TEXT, "message": TEXT},
    "quota": {"plan": TEXT, "resets_at": TEXT, **dict.fromkeys(("used", "limit", "remaining"), COUNT)},
}
OF_STATS: Kinds = {"server_time": TEXT, "clock_skew_ms": COUNT, "latency_ms": COUNT}

# Wallets -----------------------------------------------------------------------------------


def read_assets(found: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the assets of a wallet that are some, with all their fields, and the names of those that are none."""
    if _are_assets(found.values()):
        return dict(found), []
    read = {code: read_asset(one) for code, one in found.items()}
    unreadable = {name_of(code, found[code]) for code, one in read.items() if one is None}
    return {code: one for code, one in read.items() if one is not None}, sorted(unreadable)


def read_asset(found: object) -> dict[str, Any] | None:
    """Return an asset with all its fields, None for what is none."""
    if not isinstance(found, dict):
        return None
    networks = found.get("networks")
    networks = {} if networks is None else networks
    if not isinstance(networks, dict) or not all(isinstance(one, dict) for one in networks.values()):
        return None
    networks = {key: dict.fromkeys(NETWORK) | one for key, one in networks.items()}
    asset = dict.fromkeys(ASSET) | found | {"networks": networks}
    return asset if _are_assets([asset]) else None


def name_of(code: str, found: object) -> str:
    """Return what an asset that cannot be read is called: its ticker where that is told, as views look for it."""
    ticker = found.get("ticker") if isinstance(found, dict) else None
    return (ticker if isinstance(ticker, str) and ticker else code).upper()


def _are_assets(found: Collection[Any]) -> bool:
    assets = _columns(found, ASSET)
    if assets is None or "" in assets["ticker"]:
        return False
    networks = _columns([one for table in assets["networks"] for one in table.values()], NETWORK)
    return networks is not None and "" not in networks["network"] and _have_decimals(networks, AMOUNTS)


# Prices ------------------------------------------------------------------------------------


def read_quotes(found: object) -> dict[str, Any] | None:
    """Return the quotes of a mirror with all their fields, None where one of them is none."""
    if not isinstance(found, dict) or _are_quotes(found.values()):
        return found if isinstance(found, dict) else None
    if not all(isinstance(one, dict) for one in found.values()):
        return None
    whole = {pair: dict.fromkeys(QUOTE) | one for pair, one in found.items()}
    return whole if _are_quotes(whole.values()) else None


def _are_quotes(found: Collection[Any]) -> bool:
    quotes = _columns(found, QUOTE)
    if quotes is None or not _have_decimals(quotes, DECIMALS):
        return False
    times = set(quotes["at"]) - {None}
    times.update(str(one["collected_at"]) for one in found if "collected_at" in one)  # of a merge: older than the rest
    return all(ms_or_none(at) is not None for at in times) and not any("collected_ms" in one for one in found)


def read_aside(found: object) -> dict[str, Any] | None:
    """Return what a mirror tells to be held or marked, with all its fields; None where one of them is none."""
    if not isinstance(found, dict | None) or not all(isinstance(one, dict) for one in (found or {}).values()):
        return None
    told = {pair: redis_record(one) for pair, one in (found or {}).items()}
    try:
        for one in told.values():
            see_record(one)
    except ValueError:
        return None
    return {pair: mirror_record(one) for pair, one in told.items()}


# Statistics --------------------------------------------------------------------------------


def read_stats(found: object) -> dict[str, Any] | None:
    """Return statistics with all their fields, None for what is none."""
    if not isinstance(found, dict):
        return None
    told: dict[str, Any] = dict.fromkeys(OF_STATS) | found
    for name, kinds in STATS.items():
        table = found.get(name)
        if not isinstance(table, dict | None):
            return None
        told[name] = None if table is None and name == "quota" else dict.fromkeys(kinds) | (table or {})
    turnover = told["turnover_24h"] = found.get("turnover_24h") or {}
    tables = [(told[name], kinds) for name, kinds in STATS.items() if told[name] is not None]
    if any(_columns([one], kinds) is None for one, kinds in [*tables, (told, OF_STATS)]):
        return None
    return told if isinstance(turnover, dict) and are_decimals(turnover.values()) else None


def _columns(records: Collection[Any], kinds: Kinds) -> dict[str, tuple[Any, ...]] | None:
    """Return the values of these fields, each of its kind; None where one is not, or is not there."""
    try:
        columns = list(zip(*map(itemgetter(*kinds), records), strict=True)) or [()] * len(kinds)
    except (KeyError, TypeError):
        return None
    fit = all(kind.issuperset(map(type, column)) for kind, column in zip(kinds.values(), columns, strict=True))
    return dict(zip(kinds, columns, strict=True)) if fit else None


def _have_decimals(columns: Mapping[str, tuple[Any, ...]], names: Collection[str]) -> bool:
    return are_decimals(set[Any]().union(*[columns[name] for name in names]) - {None})
