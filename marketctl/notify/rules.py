"""What is told of a picture: what is new, changed or over since the last one, unless it changes too often."""

from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from marketctl.config.watch import WatchSettings
from marketctl.notify.ledger import Ledger
from marketctl.notify.picture import Condition, Picture
from marketctl.views.snapshots import number

WINDOW_MS = 3_600_000
FLAPS = 4  # changes within that are told, more are too many
STEADY_MS = 1_800_000


class Event(NamedTuple):
    """Something to tell. `status`: now (the first picture), new, changed, over, still, flap, steady, blink, fee."""

    key: str
    kind: str
    status: str
    facts: Mapping[str, Any]
    lasted_ms: int | None = None


def compare(
    picture: Picture, ledger: Ledger, settings: WatchSettings, changed: Mapping[str, Mapping[str, list[int]]]
) -> list[Event]:
    """Return what is to be told, and bring the ledger up to date.

    `changed`: the key of a door → venue → when it changed, by the journals.
    """
    first = ledger.started_ms is None
    if first:
        ledger.started_ms = picture.at_ms
    ledger.rewind(picture.at_ms)
    events: list[Event] = []
    moved: set[str] = set()
    before = dict(ledger.active)
    ended = [key for key in ledger.unsaid if not is_muted(ledger, key, picture.at_ms)]
    for key in ended:
        ledger.fees |= ledger.unsaid[key]["fees"]  # how they moved since is told below
    for condition in picture.conditions.values():
        events += _present(picture, ledger, settings, condition, first, moved)
    for key in [key for key in ledger.active if key not in picture.conditions and key not in picture.unknown]:
        events += _over(picture, ledger, key, moved)
    for key, venues in changed.items():
        if key not in moved and key not in ledger.damped and not first:
            events += _blink(picture, ledger, key, venues)
    events += _steady(picture, ledger)
    events += _fees(picture, ledger, settings)
    events += _unsaid(picture, ledger, ended, {event.key for event in events})
    for event in events:
        if is_muted(ledger, event.key, picture.at_ms):
            last = ledger.unsaid.setdefault(event.key, {"active": before.get(event.key), "fees": {}})
            if event.kind == "fee":
                name = "{asset} {network} {provider}".format(**event.facts)
                last["fees"].setdefault(name, event.facts["before"])
    ledger.seen_ms = picture.at_ms
    return events


def _unsaid(picture: Picture, ledger: Ledger, ended: list[str], told: set[str]) -> list[Event]:
    """Tell how that stands which changed under a mute that ended since, unless it is as it was told last."""
    events = []
    for key in ended:
        if key in ledger.damped or key in picture.unknown:
            continue
        last, active = ledger.unsaid.pop(key)["active"], ledger.active.get(key)
        if key in told or (last and last["signature"]) == (active and active["signature"]):
            continue
        if active is not None:
            events.append(Event(key, active["kind"], "still", active["facts"]))
        else:
            facts = picture.open_doors.get(key) or last["facts"] | {"gone": last["kind"] == "door"}
            events.append(Event(key, last["kind"], "over", facts))
    return events


def _present(
    picture: Picture, ledger: Ledger, settings: WatchSettings, condition: Condition, first: bool, moved: set[str]
) -> list[Event]:
    key, now = condition.key, picture.at_ms
    old = ledger.active.get(key)
    since = condition.since_ms or now
    if old is not None:
        since = old["since_ms"]
    told = {"kind": condition.kind, "facts": condition.facts, "signature": condition.signature, "since_ms": since}
    if old is not None and old["signature"] == condition.signature:
        ledger.active[key] = told | {"told_ms": old["told_ms"]}
        repeat = settings.repeat_after_s
        if repeat is None or key in ledger.damped or now - old["told_ms"] < repeat * 1000:
            return []
        ledger.active[key]["told_ms"] = now
        return [Event(key, condition.kind, "still", condition.facts, now - since)]
    ledger.active[key] = told | {"told_ms": now}
    moved.add(key)
    if first:
        return [Event(key, condition.kind, "now", condition.facts)]
    if _too_often(picture, ledger, key):
        return _damp(ledger, key, condition.kind, condition.facts, now)
    return [Event(key, condition.kind, "new" if old is None else "changed", condition.facts)]


def _over(picture: Picture, ledger: Ledger, key: str, moved: set[str]) -> list[Event]:
    old = ledger.active.pop(key)
    moved.add(key)
    facts = picture.open_doors.get(key) or old["facts"] | {"gone": old["kind"] == "door"}
    if _too_often(picture, ledger, key):
        return _damp(ledger, key, old["kind"], facts, picture.at_ms)
    return [Event(key, old["kind"], "over", facts, max(0, picture.at_ms - old["since_ms"]))]


# What changes too often --------------------------------------------------------------------


def _too_often(picture: Picture, ledger: Ledger, key: str, times: int = 1) -> bool:
    """Note a change; tell whether there were too many of late."""
    known = [at for at in ledger.flaps.get(key, []) if picture.at_ms - at < WINDOW_MS]
    ledger.flaps[key] = (known + [picture.at_ms] * times)[-50:]
    return key in ledger.damped or len(ledger.flaps[key]) > FLAPS


def _damp(ledger: Ledger, key: str, kind: str, facts: Mapping[str, Any], now: int) -> list[Event]:
    about = ("asset", "network", "door") if kind == "door" else facts  # of a door how it stands is seen then
    ledger.calm[key] = {"kind": kind, "facts": {name: facts[name] for name in about}}
    if key in ledger.damped:
        return []
    ledger.damped[key] = now
    return [Event(key, kind, "flap", {**facts, "times": len(ledger.flaps[key])})]


def _steady(picture: Picture, ledger: Ledger) -> list[Event]:
    """Tell how what changed too often stands, when it has not changed for a while; forget old changes."""
    events = []
    for key in list(ledger.flaps):
        last = ledger.flaps[key][-1]
        if key in ledger.damped and picture.at_ms - last >= STEADY_MS:
            del ledger.damped[key]
            active, told = ledger.active.get(key), ledger.calm.pop(key, None)
            if active is not None:
                events.append(Event(key, active["kind"], "steady", active["facts"]))
            elif key not in picture.unknown and told is not None:
                facts = picture.open_doors.get(key) or told["facts"] | {"gone": told["kind"] == "door"}
                events.append(Event(key, told["kind"], "over", facts))
        if key not in ledger.damped and picture.at_ms - last >= WINDOW_MS:
            del ledger.flaps[key]
    return events


def _blink(picture: Picture, ledger: Ledger, key: str, venues: Mapping[str, list[int]]) -> list[Event]:
    """Tell what changed and changed back between two pictures."""
    back = {venue: times for venue, times in venues.items() if len(times) > 1}
    if not back:
        return []
    _, asset, network, door = key.split(" ", 3)
    most = max(map(len, back.values()))
    facts = {
        "asset": asset,
        "network": network,
        "door": door,
        "venues": sorted(back),
        "times": most,
        "closed": key in ledger.active,
    }
    if _too_often(picture, ledger, key, most):
        return _damp(ledger, key, "door", facts, picture.at_ms)
    return [Event(key, "door", "blink", facts)]


# Fees --------------------------------------------------------------------------------------


def _fees(picture: Picture, ledger: Ledger, settings: WatchSettings) -> list[Event]:
    if settings.fee is None:
        return []
    events = []
    for name, fee in picture.fees.items():
        before = ledger.fees.setdefault(name, fee)
        share = moved_percent(before, fee)
        if share is not None and abs(share) > settings.fee:
            asset, network, provider = name.rsplit(" ", 2)
            facts = {"asset": asset, "network": network, "provider": provider, "before": before, "after": fee}
            events.append(Event(f"fee {asset} {network}", "fee", "fee", facts | {"percent": format(share, "+.0f")}))
            ledger.fees[name] = fee
    return events


def moved_percent(before: str, after: str) -> Decimal | None:
    """Return by how many percent a figure moved; from zero it is a hundred, None where one is no figure."""
    old, new = number(before), number(after)
    if old is None or new is None:
        return None
    if not old:
        return Decimal(100) if new else Decimal(0)
    return (new - old) * 100 / old


# Mutes -------------------------------------------------------------------------------------


def is_muted(ledger: Ledger, key: str, now_ms: int) -> bool:
    """Tell whether nobody wants to hear of it: a mute is a word of a key, or a pattern such as "door USDT *"."""
    for pattern, until in list(ledger.mutes.items()):
        if until is not None and until <= now_ms:
            del ledger.mutes[pattern]
            continue
        words = key.casefold().split()
        folded = pattern.casefold()
        if folded in ("*", "all") or folded in words or fnmatchcase(key.casefold(), folded):
            return True
    return False
