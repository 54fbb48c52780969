"""Whether a ledger that was read is as it is written: nothing of another shape comes as far as the rules and words."""

from collections.abc import Callable, Mapping
from typing import Any

from marketctl.models import JOBS
from marketctl.times import END_MS, ms_or_none

KINDS = ("door", "above", "below", "gap", "failing", "stale", "held", "crossed", "quota", "key", "twin")
TYPES = ("warning", "success", "info")


def is_sound(tables: Mapping[str, Any]) -> bool:
    """Tell whether the document's tables have the types that are written."""
    return all(_is_table(tables[name], is_good) for name, is_good in TABLES.items()) and (
        _is_count(tables["seq"]) and all(_is_moment_or_none(tables[name]) for name in ("started_ms", "seen_ms"))
    )


def _is_table(value: Any, is_good: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(is_good, value.values()))


def _are(value: Any, is_good: Callable[[Any], bool], least: int = 0) -> bool:
    return isinstance(value, list) and len(value) >= least and all(map(is_good, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_moment(value: Any) -> bool:
    return _is_count(value) and value < END_MS


def _is_moment_or_none(value: Any) -> bool:
    return value is None or _is_moment(value)


def _is_told(value: Any) -> bool:
    """Tell whether it is a kind and the facts that its words need."""
    if not isinstance(value, dict) or value.get("kind") not in KINDS or not isinstance(value.get("facts"), dict):
        return False
    kind, facts = value["kind"], value["facts"]
    if not all(_are(facts.get(name, []), _is_text) for name in ("closed", "venues")):
        return False
    if kind == "door":
        return all(_is_text(facts.get(name)) for name in ("asset", "network")) and (
            facts.get("door") in ("deposit", "withdraw")
        )
    return kind not in ("failing", "stale") or (_is_text(facts.get("provider")) and facts.get("job") in JOBS)


def _is_active(value: Any) -> bool:
    return (
        _is_told(value)
        and _is_text(value.get("signature"))
        and all(_is_moment(value.get(name)) for name in ("since_ms", "told_ms"))
    )


def _is_unsaid(value: Any) -> bool:
    if not isinstance(value, dict) or not {"active", "fees"} <= value.keys():
        return False
    return (value["active"] is None or _is_active(value["active"])) and _is_table(value["fees"], _is_text)


def _is_waiting(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("id"))
        and ms_or_none(value.get("at")) is not None
        and _are(value.get("keys"), _is_text, least=1)
        and value.get("type") in TYPES
        and all(_is_text(value.get(name)) for name in ("title", "text"))
    )


def _is_channel(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("failures"))
        and _is_count(value.get("refused", 0))
        and _is_moment_or_none(value.get("next_try_ms"))
        and all(name in value and (value[name] is None or _is_text(value[name])) for name in ("last_ok", "last_error"))
    )


TABLES: Mapping[str, Callable[[Any], bool]] = {
    "active": _is_active,
    "fees": _is_text,
    "flaps": lambda value: _are(value, _is_moment, least=1),
    "damped": _is_moment,
    "calm": _is_told,
    "mutes": _is_moment_or_none,
    "unsaid": _is_unsaid,
    "cursor": lambda value: _are(value, _is_count, least=2) and len(value) == 2,
    "outbox": lambda value: _are(value, _is_waiting),
    "channels": _is_channel,
}
