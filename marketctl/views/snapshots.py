"""Snapshots as commands show them: found by provider or for all, with what is missing told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, TypeGuard

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.look import is_there
from marketctl.files.snapshots import read_snapshot
from marketctl.files.state import read_state
from marketctl.text import closest, printable
from marketctl.times import ms_or_none

HOW = {"wallet": "wallet sync", "prices": "prices collect", "stats": "stats collect"}

LONGEST = 122  # characters of a decimal: 60 digits on either side of the point

RECORDS = {"wallet": "assets", "prices": "quotes", "stats": "stats"}

STATS_TABLES = ("assets", "networks", "pairs", "platform", "quota", "turnover_24h")
STATS_SCALARS = ("server_time", "clock_skew_ms", "latency_ms")

QUOTE_TYPES = dict.fromkeys(
    ("symbol", "status", "bid", "ask", "last", "mid", "bid_size", "ask_size", "volume", "quote_volume", "at"), str
)


class NotCollected(StorageFailed):
    """There is no snapshot yet."""


@dataclass
class Found:
    """What could be read, what is missing (words for the operator) and what could not be read."""

    snapshots: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[MarketctlError] = field(default_factory=list)


def snapshot(registry: Registry, job: str, provider: str) -> dict[str, Any]:
    """Return the last snapshot of a provider's job.

    Raises ConfigError for an unknown provider, StorageFailed when there is no snapshot yet or it is not that one.
    """
    entry = registry.provider(provider)
    path = registry.settings.data_dir / job / f"{entry.name}.json"
    found = read_snapshot(path)
    if found is None:
        raise NotCollected(
            f"there is no {job} snapshot of {entry.name} yet", hint=f"marketctl {HOW[job]} -p {entry.name}"
        )
    records = found.get(RECORDS[job])
    if (
        (found.get("provider"), found.get("job")) != (entry.name, job)
        or ms_or_none(found.get("collected_at")) is None
        or not _is_whole(job, records)
    ):
        raise StorageFailed(
            f"{path} is no {job} snapshot of {entry.name}", hint="move the file away; the next run writes a new one"
        )
    return found


def _is_whole(job: str, records: object) -> bool:
    """Tell whether all that is a table in what a job stores is one; a table that is not there holds nothing."""
    if job == "stats":
        return isinstance(records, dict) and _are_stats(records)
    if not _are_tables(records):
        return False
    if job == "prices":
        return _have_types(records.values(), QUOTE_TYPES)
    return all(_are_tables(one.get("networks") or {}) for one in records.values())


def _are_stats(records: Mapping[str, Any]) -> bool:
    tables = [records.get(name) or {} for name in STATS_TABLES]
    if not all(isinstance(one, dict) for one in tables):
        return False
    told = [records.get(name) for name in STATS_SCALARS] + [value for one in tables for value in one.values()]
    return all(type(value) in (str, int, NoneType) for value in told)


def _have_types(records: Iterable[Mapping[str, Any]], kinds: Mapping[str, type]) -> bool:
    """Tell whether what these hold by such a name is of its type, or null; shapes are few, records many."""
    shapes = {tuple(map(type, map(record.get, kinds))) for record in records}
    return all(found in (kind, NoneType) for shape in shapes for found, kind in zip(shape, kinds.values(), strict=True))


def _are_tables(found: object) -> TypeGuard[dict[str, dict[str, Any]]]:
    return isinstance(found, dict) and all(isinstance(one, dict) for one in found.values())


def snapshots(registry: Registry, job: str, provider: str | None = None) -> Found:
    """Return the last snapshots of one provider, or of all enabled ones: a broken file hides no other.

    Raises StorageFailed when there is none at all.
    """
    if provider is not None:
        return Found([snapshot(registry, job, provider)])
    found = Found()
    for entry in registry.chosen():
        try:
            there = is_there(registry.settings.data_dir / job / f"{entry.name}.json")
            if there:
                found.snapshots.append(snapshot(registry, job, entry.name))
        except MarketctlError as error:
            there = True
            found.broken.append(error)
        if there:
            continue
        found.missing += without(registry, job, entry)
    if not found.snapshots:
        if found.broken:
            raise found.broken[0]
        raise StorageFailed(
            f"there is no {job} snapshot in {registry.settings.data_dir / job} yet", hint=f"marketctl {HOW[job]}"
        )
    return found


def without(registry: Registry, job: str, entry: ProviderEntry) -> list[str]:
    """Return a provider without a snapshot in words, with its last run's reason; nothing where it never has one."""
    try:
        reason = read_state(registry.settings.data_dir / "state", entry.name).get(job, {}).get("last_reason")
    except StorageFailed as error:
        reason = error.reason
    return [] if reason == "not-supported" else [entry.name + (f" ({printable(reason, 40)})" if reason else "")]


def no_such(
    what: str, word: str, known: Iterable[str], close: str | None = None, unread: MarketctlError | None = None
) -> StorageFailed:
    """Make the error for an asset or pair that is not there, with the closest one that is.

    Where something that may know it could not be read (`unread`) that is said instead.
    """
    if unread is not None:
        return StorageFailed(f"{what} {printable(word, 64)}, as far as can be read: {unread.message}", hint=unread.hint)
    close = close or closest(word, known)
    question = f" Did you mean {printable(close, 64)}?" if close else ""
    return StorageFailed(f"{what} {printable(word, 64)}.{question}")


def choose_assets(found: dict[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """Return the assets of a wallet snapshot with these codes or tickers, all when none is named.

    Raises StorageFailed for one that is not there.
    """
    assets: dict[str, Any] = found["assets"]
    names = list(dict.fromkeys(word.upper() for word in words))
    chosen: dict[str, Any] = {}
    for name in names:
        same = {code: one for code, one in assets.items() if name in (code.upper(), str(one.get("ticker")).upper())}
        if not same:
            raise no_such(f"{found['provider']} lists no", name, tickers([found]))
        chosen |= same
    return chosen if names else assets


def tickers(found: Iterable[dict[str, Any]]) -> set[str]:
    """Return the tickers of all assets of wallet snapshots."""
    return {str(asset.get("ticker")) for one in found for asset in one["assets"].values()}


def number(text: object) -> Decimal | None:
    """Read a stored decimal; what is none counts as unknown, and so does what nobody stores: hundreds of digits."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < LONGEST else None


def unmapped(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the networks that have no common name, with their coins; those with most coins first."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in found:
        for asset in one["assets"].values():
            for code, network in (asset.get("networks") or {}).items():
                if network.get("network") is None:
                    row = rows.setdefault(
                        (one["provider"], code),
                        {"provider": one["provider"], "code": code, "name": network.get("name"), "assets": []},
                    )
                    row["assets"].append(asset.get("ticker"))
    return sorted(rows.values(), key=lambda row: (-len(row["assets"]), row["provider"], row["code"]))
