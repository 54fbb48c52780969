"""How the desk stands, told from files and Redis alone: what is fresh, failing, held and closed."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.state import read_state
from marketctl.models import JOBS
from marketctl.redis.quotes import read_meta
from marketctl.text import sentence
from marketctl.times import ms_or_none, to_iso
from marketctl.views.doors import Door, doors, ways_out
from marketctl.views.freshness import age_ms, is_stale, limit_ms, stands, standstill_ms
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import NotCollected, snapshot
from marketctl.views.wallets import WalletFiles

# Why a job was skipped, in words; a skipped one is no trouble.
SKIPPED = {"no-credentials": "no key", "not-supported": "not there"}

# States from good to bad.
STATES = ("no key", "not there", "fresh", "never", "stale", "failing", "expired")
WELL = frozenset(("no key", "not there", "fresh"))


def job_status(
    registry: Registry, reader: Reader, entry: ProviderEntry, job: str, now_ms: int, wallets: WalletFiles | None = None
) -> dict[str, Any]:
    """Tell how one job of a provider stands: state, age of its data, failures in a row and the last reason.

    What cannot be read is told as the state `failing` with its words; nothing is raised. `wallets` may be read already.
    Where it is the state file, `problem` has its words, and what only that file tells is unknown (null).
    """
    told: dict[str, Any] = {"provider": entry.name, "job": job, "state": "never", "age_ms": None, "failures": 0}
    told |= {"reason": None, "message": None, "last_success": None, "count": None, "held": None}
    told["problem"] = None
    try:
        state = read_state(registry.settings.data_dir / "state", entry.name, job)
    except StorageFailed as error:
        state = {"failures": None}
        told["problem"] = sentence(error.message, error.hint)
    try:
        found = _prices(registry, reader, entry) if job == "prices" else _snapshot(registry, entry, job, wallets)
    except MarketctlError as error:
        return told | {"state": "failing", "reason": error.reason, "message": error.message}
    collected, kept_ms, told["count"], told["held"], live = found
    told["age_ms"] = age = age_ms(now_ms, collected)
    told |= {"failures": state.get("failures", 0), "reason": state.get("last_reason")}
    told["last_success"] = state.get("last_success")
    attempt = ms_or_none(state.get("last_attempt"))
    if collected and attempt and collected > attempt + entry.deadline_s * 1000:  # another machine had it since
        told |= {"failures": 0, "reason": None, "last_success": to_iso(collected)}
    if told["reason"] in SKIPPED:
        told["state"] = SKIPPED[told["reason"]]
    elif told["failures"]:
        told["state"] = "failing"
    elif collected is None and told["problem"] is not None:
        told |= {"state": "failing", "reason": "storage"}
    elif collected is None and told["last_success"] is None:
        told["state"] = "never"
    elif not live:
        told["state"] = "expired"
    else:
        told["state"] = "stale" if is_stale(age, limit_ms(entry.interval_s(job), kept_ms)) else "fresh"
    return told


def see_standstill(reader: Reader, entry: ProviderEntry, told: dict[str, Any], now_ms: int) -> None:
    """Tell the age of live prices by the source's own time as well, as every reader does.

    Those that are collected in time while it stands still are stale.
    """
    if told["job"] != "prices" or told["age_ms"] is None:
        return
    try:
        live = reader.look(entry)
    except MarketctlError as error:
        told |= {"state": "failing", "reason": error.reason, "message": error.message}
        return
    if not live.quotes:
        return
    told["age_ms"] = age = live.set_age_ms(now_ms)
    limit = standstill_ms(entry.prices_interval_s, live.kept_ms, rates=live.rates)
    if told["state"] == "fresh" and is_stale(age, limit):
        told |= {"state": "stale", "message": f"the source's own time {stands(age)}"}


_Found = tuple[int | None, int | None, int | None, int | None, bool]


def _prices(registry: Registry, reader: Reader, entry: ProviderEntry) -> _Found:
    """Return when they were collected, the pace kept, how many there are and are held, and whether they are live."""
    if reader.store is None:
        return _snapshot(registry, entry, "prices")
    meta = read_meta(reader.store, entry.name)
    collected, earlier = meta.get("collected_ms"), meta.get("earlier_ms")
    kept = collected - earlier if isinstance(collected, int) and isinstance(earlier, int) else None
    count = reader.store.call("HLEN", reader.store.key(entry.name, "l1"))
    held = reader.store.call("HLEN", reader.store.key(entry.name, "held"))
    # A set of which every quote is held is empty, and has not expired.
    return collected, kept, count, held, bool(count or (held and meta.get("count") == 0))


def _snapshot(registry: Registry, entry: ProviderEntry, job: str, wallets: WalletFiles | None = None) -> _Found:
    """Return the same of a file. Raises StorageFailed, also where a part of it cannot be read."""
    try:
        found = (
            (wallets or WalletFiles(registry)).whole(entry.name)
            if job == "wallet"
            else snapshot(registry, job, entry.name)
        )
    except NotCollected:
        return None, None, None, None, False
    tables = [found.get({"wallet": "assets", "prices": "quotes"}.get(job, "")), found.get("held")]
    count, held = (None if one is None else len(one) for one in tables)
    return ms_or_none(found["collected_at"]), None, count, held, True


def status(
    registry: Registry, reader: Reader, now_ms: int, assets: Sequence[str], networks: Sequence[str]
) -> dict[str, Any]:
    """Return `jobs` (one record each), `closed` doors of these assets, `unknown` ones among them, `totals` by state."""
    files = WalletFiles(registry)
    jobs = [job_status(registry, reader, entry, job, now_ms, files) for entry in registry.chosen() for job in JOBS]
    for job in jobs:
        see_standstill(reader, registry.provider(job["provider"]), job, now_ms)
    wallets = files.readable()
    found = doors(wallets, now_ms, assets, networks or None)
    everything = doors(wallets, now_ms, assets) if networks else found
    closed = [
        door_record(door, everything)
        for door in sorted(found.values(), key=lambda door: (-len(door.closed), door.asset, door.network, door.door))
        if door.closed
    ]
    known = {door.asset for door in found.values() if door.known}
    unknown = [asset for asset in assets if asset.upper() not in known]
    totals = {name: count for name in STATES if (count := sum(job["state"] == name for job in jobs))}
    return {"at": to_iso(now_ms), "jobs": jobs, "closed": closed, "unknown": unknown, "totals": totals}


def door_record(door: Door, everything: Mapping[tuple[str, str, str], Door]) -> dict[str, Any]:
    """Return a closed door as `--json` shows it, with the networks that are open instead."""
    return {
        "asset": door.asset,
        "network": door.network,
        "door": door.door,
        "closed": door.closed,
        "open": list(door.open),
        "unknown": door.unknown,
        "of": door.known,
        "instead": [{"network": slug, "fee": fee} for slug, fee in ways_out(everything, door.asset, door.door)],
        "words": door.words(),
    }
