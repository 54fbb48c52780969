"""Which stored records are as marketctl writes them: what is of another type is no fact, whoever put it there.

The one judgement of all that reads data/ or its copies in Redis. Records are judged many at once, by columns: there are
thousands. A field that is not there is unknown, as in the file of an older version; one that is not ours is let be.
"""

from collections.abc import Callable, Collection, Mapping
from operator import itemgetter
from types import NoneType
from typing import Any

from marketctl.models import NETWORK_FIELDS, Network
from marketctl.text import are_decimals
from marketctl.times import ms_or_none

Kinds = Mapping[str, frozenset[type]]

TEXT, FLAG, COUNT = (frozenset((kind, NoneType)) for kind in (str, bool, int))
ANY = TEXT | FLAG | COUNT

AMOUNTS = ("deposit_min", "withdraw_min", "withdraw_max", "withdraw_fee", "withdraw_fee_percent")

NETWORK: Kinds = {name: frozenset(Network.__dataclass_fields__[name].type.__args__) for name in NETWORK_FIELDS}  # type: ignore[union-attr]
ASSET: Kinds = {"ticker": frozenset((str,)), "networks": frozenset((dict,)), "name": TEXT, "precision": COUNT,
                "fiat": FLAG, "deposit": FLAG, "withdraw": FLAG}  # fmt: skip

NO_ASSET, NO_NETWORK = (dict.fromkeys(kinds) for kinds in (ASSET, NETWORK))

_counts = dict.fromkeys(("total", "deposit_open", "withdraw_open"), COUNT)
STATS: Mapping[str, Kinds] = {
    "pairs": dict.fromkeys(("total", "trading", "halted"), COUNT),
    "assets": _counts,
    "networks": _counts,
    "platform": {"status": TEXT, "message": TEXT},
    "quota": {"plan": TEXT, "resets_at": TEXT, **dict.fromkeys(("used", "limit", "remaining"), COUNT)},
}
OF_STATS: Kinds = {"server_time": TEXT, "clock_skew_ms": COUNT, "latency_ms": COUNT}


def _is_count(found: object) -> bool:
    return type(found) is int and found >= 0


def _is_time(found: object) -> bool:
    return ms_or_none(found) is not None


# What else stands in a head, where it does.
BESIDE: Mapping[str, Callable[[Any], bool]] = {
    "known_since": _is_time,
    "journal_bytes": _is_count,
    "journal_cut": lambda found: type(found) is bool,
    "largest": lambda found: isinstance(found, dict) and _is_time(found.get("at")) and _is_count(found.get("count")),
    "key_ends_at": lambda found: found is None or _is_time(found),
    "quota_marks": lambda found: (
        isinstance(found, list)
        and all(isinstance(one, dict) and _is_time(one.get("at")) and type(one.get("used")) is int for one in found)
    ),
}


def read_head(found: dict[str, Any]) -> None:
    """Make unknown what is of another type in the head of a snapshot."""
    for name in ("run_id", "version"):
        found[name] = found[name] if isinstance(found.get(name), str) else None
    for name in [name for name, is_sound in BESIDE.items() if name in found and not is_sound(found[name])]:
        del found[name]


# Wallets -----------------------------------------------------------------------------------


def read_assets(found: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the assets of a wallet that are some, with all their fields, and the names of those that are none."""
    if _are_assets(found.values()):
        return dict(found), []
    whole = {code: _complete(one) for code, one in found.items()}
    good = {code: one for code, one in whole.items() if one is not None}
    if not _are_assets(good.values()):
        good = {code: one for code, one in good.items() if _are_assets([one])}
    return good, sorted({name_of(code, found[code]) for code in found.keys() - good.keys()})


def read_asset(found: object) -> dict[str, Any] | None:
    """Return an asset with all its fields, None for what is none."""
    asset = _complete(found)
    return asset if asset is not None and _are_assets([asset]) else None


def _complete(found: object) -> dict[str, Any] | None:
    networks = found.get("networks") if isinstance(found, dict) else None
    tables = [] if networks is None else networks.values() if isinstance(networks, dict) else [None]
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in tables):
        return None
    known = {key: NO_NETWORK | one for key, one in (networks or {}).items()}
    return NO_ASSET | found | {"networks": known}


def name_of(code: str, found: object) -> str:
    """Return what an asset that cannot be read is called: its ticker where that is told, as views look for it."""
    ticker = found.get("ticker") if isinstance(found, dict) else None
    return (ticker if isinstance(ticker, str) and ticker else code).upper()


def _are_assets(found: Collection[Any]) -> bool:
    assets = columns_of(found, ASSET)
    if assets is None or "" in assets["ticker"]:
        return False
    networks = columns_of([one for table in assets["networks"] for one in table.values()], NETWORK, AMOUNTS)
    return networks is not None and "" not in networks["network"]


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
    if any(columns_of([one], kinds) is None for one, kinds in [*tables, (told, OF_STATS)]):
        return None
    return told if isinstance(turnover, dict) and are_decimals(turnover.values()) else None


# Columns -----------------------------------------------------------------------------------


def columns_of(
    records: Collection[Any], kinds: Kinds, decimals: Collection[str] = ()
) -> dict[str, tuple[Any, ...]] | None:
    """Return the values of these fields, each of its kind, or a decimal; None where one is not, or is not there."""
    try:
        columns = dict(
            zip(kinds, list(zip(*map(itemgetter(*kinds), records), strict=True)) or [()] * len(kinds), strict=True)
        )
        figures = set[Any]().union(*[columns[name] for name in decimals]) - {None}
    except (KeyError, TypeError):
        return None
    fit = all(
        kinds[name].issuperset(map(type, column))
        for name, column in columns.items()
        if name not in decimals or NoneType not in kinds[name]
    )
    return columns if fit and are_decimals(figures) else None
