"""What jobs left behind that somebody wants to be told: failing, old, held, crossed, a plan or a key that ends."""

from collections.abc import Mapping
from typing import Any

from marketctl.config.registry import Registry
from marketctl.errors import MarketctlError
from marketctl.files.state import read_state
from marketctl.jobs.forecast import pace
from marketctl.models import JOBS
from marketctl.notify.picture import Condition, Picture
from marketctl.times import ms_or_none, to_iso
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import snapshot
from marketctl.views.status import SKIPPED, job_status, see_standstill


def look_at_jobs(picture: Picture, registry: Registry, reader: Reader) -> None:
    """Find jobs that fail for long, data that are too old, and quotes that are held."""
    settings = registry.watch
    for entry in registry.enabled():
        for job in JOBS:
            failing, stale, held = f"failing {entry.name} {job}", f"stale {entry.name} {job}", f"held {entry.name}"
            told = job_status(registry, reader, entry, job, picture.at_ms)
            if told["message"] is not None:  # it cannot be read
                picture.unknown.update([failing, stale, *[held] * (job == "prices")])
                continue
            if settings.stale:
                see_standstill(reader, entry, told, picture.at_ms)
            facts: dict[str, Any] = {"provider": entry.name, "job": job, "reason": told["reason"]}
            if told["state"] == "failing" and settings.failing_after_s is not None:
                since = ms_or_none(told["last_success"])
                facts |= {"since": told["last_success"]}
                long = since is None and (told["failures"] or 0) >= 3
                if long or (since is not None and picture.at_ms - since >= settings.failing_after_s * 1000):
                    picture.add(Condition(failing, "failing", facts, str(told["reason"]), since))
            elif told["state"] in ("stale", "expired") and settings.stale and job != "stats":
                age = told["age_ms"]
                since = ms_or_none(told["last_success"]) if age is None else picture.at_ms - age
                facts |= {"since": to_iso(since)}
                picture.add(Condition(stale, "stale", facts, "", since))
            if told["held"] and settings.held:
                facts = {"provider": entry.name, "count": told["held"]}
                picture.add(Condition(held, "held", facts))
            _not_over(picture, told, failing, stale, held)


def _not_over(picture: Picture, told: Mapping[str, Any], failing: str, stale: str, held: str) -> None:
    """Note what is not known to be over: a job that fails or has no key works no more than before, and so on."""
    unknown = set()
    if told["state"] in ("failing", *SKIPPED.values()) or told["last_success"] is None:
        unknown.add(failing)
    if told["state"] != "fresh":
        unknown.add(stale)
    if told["job"] == "prices" and not told["count"]:
        unknown.add(held)
    picture.unknown |= unknown - picture.conditions.keys()


def look_at_crossed(picture: Picture, registry: Registry) -> None:
    """Find watched pairs that a venue shows with the bid above the ask: it is not published, and something is wrong."""
    if not registry.watch.crossed:
        return
    venues: dict[str, list[str]] = {}
    for entry in registry.enabled():
        try:
            state = read_state(registry.settings.data_dir / "state", entry.name, "prices")
            crossed = state.get("crossed", ())
        except MarketctlError:
            told = {pair: picture.told_of(f"crossed {pair}").get("venues", ()) for pair in registry.watch.pairs}
            crossed = [pair for pair, names in told.items() if entry.name in names]
        for pair in crossed:
            if pair in registry.watch.pairs:
                venues.setdefault(pair, []).append(entry.name)
    for pair, names in venues.items():
        facts = {"pair": pair, "venues": names}
        picture.add(Condition(f"crossed {pair}", "crossed", facts, " ".join(names)))


def look_at_plans(picture: Picture, registry: Registry) -> None:
    """Find plans and keys that end soon."""
    settings = registry.watch
    for entry in registry.enabled():
        try:
            stats = snapshot(registry, "stats", entry.name)
        except MarketctlError:
            stats = {}
        ends_ms, within_s = ms_or_none(stats.get("key_ends_at")), settings.key_within_s
        if within_s is not None and "key_ends_at" not in stats:
            picture.unknown.add(f"key {entry.name}")
        elif within_s is not None and ends_ms is not None and ends_ms - picture.at_ms <= within_s * 1000:
            told: dict[str, Any] = {"provider": entry.name, "ends_at": to_iso(ends_ms)}
            picture.add(Condition(f"key {entry.name}", "key", told))
        if settings.quota_within_s is None:
            continue
        if (quota := (stats.get("stats") or {}).get("quota")) is None:
            picture.unknown.add(f"quota {entry.name}")
            continue
        per_day, dry_ms = pace(stats)
        if dry_ms is None and per_day is None:
            picture.unknown.add(f"quota {entry.name}")
        elif dry_ms is not None and dry_ms - picture.at_ms <= settings.quota_within_s * 1000:
            facts = {"provider": entry.name, "remaining": quota.get("remaining"), "dry_at": to_iso(dry_ms)}
            picture.add(Condition(f"quota {entry.name}", "quota", facts))
