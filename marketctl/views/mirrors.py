"""Which quotes of a mirror, and which records beside them, are as marketctl writes them (see sound.py)."""

from collections.abc import Collection
from typing import Any

from marketctl.redis.quotes import DECIMALS, STATUSES, see_record
from marketctl.times import ms_or_none
from marketctl.views.held import mirror_record, redis_record
from marketctl.views.sound import FLAG, TEXT, Kinds, columns_of

QUOTE: Kinds = {**dict.fromkeys((*DECIMALS, "symbol", "status", "at"), TEXT), "derived": FLAG}

NO_QUOTE = dict.fromkeys(QUOTE)


def read_quotes(found: object) -> dict[str, Any] | None:
    """Return the quotes of a mirror with all their fields, None where one of them is none."""
    if not isinstance(found, dict) or _are_quotes(found.values()):
        return found if isinstance(found, dict) else None
    if not all(isinstance(one, dict) for one in found.values()):
        return None
    whole = {pair: NO_QUOTE | one for pair, one in found.items()}
    return whole if _are_quotes(whole.values()) else None


def _are_quotes(found: Collection[Any]) -> bool:
    quotes = columns_of(found, QUOTE, DECIMALS)
    if quotes is None or not STATUSES.issuperset(quotes["status"]):
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
