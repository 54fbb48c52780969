"""Snapshots as commands show them: found by provider or for all, with what is missing told."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.look import is_there
from marketctl.files.snapshots import decode_json, read_lines, read_snapshot
from marketctl.files.state import read_state
from marketctl.text import DECIMAL, closest, printable
from marketctl.times import ms_or_none
from marketctl.views.sound import read_assets, read_head, read_stats

HOW = {"wallet": "wallet sync", "prices": "prices collect", "stats": "stats collect"}

SOME = 5  # assets that cannot be read are named

RECORDS = {"wallet": "assets", "prices": "quotes", "stats": "stats"}

_is_decimal = re.compile(DECIMAL).fullmatch


class NotCollected(StorageFailed):
    """There is no snapshot yet."""


@dataclass
class Found:
    """What could be read, what is missing (words for the operator) and what could not be read."""

    snapshots: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[MarketctlError] = field(default_factory=list)

    def take(self, found: dict[str, Any]) -> None:
        """Add a snapshot, and what of it cannot be read."""
        self.snapshots.append(found)
        self.broken += unread(found) if found["job"] == "wallet" else []


def snapshot(registry: Registry, job: str, provider: str, names: Collection[str] | None = None) -> dict[str, Any]:
    """Return the last snapshot of a provider's job; of a wallet the assets of these tickers or codes may be enough.

    A wallet's `unreadable` are the tickers that it cannot be read for, of those that were looked at.

    Raises ConfigError for an unknown provider, StorageFailed when there is no snapshot yet or it is not that one.
    """
    entry = registry.provider(provider)
    path = registry.settings.data_dir / job / f"{entry.name}.json"
    found = (None if names is None else _read_some(path, names)) or read_snapshot(path)
    if found is None:
        raise NotCollected(
            f"there is no {job} snapshot of {entry.name} yet", hint=f"marketctl {HOW[job]} -p {entry.name}"
        )
    at_ms = ms_or_none(found.get("collected_at"))
    if (found.get("provider"), found.get("job")) != (entry.name, job) or at_ms is None or not _read(job, found):
        raise StorageFailed(
            f"{path} is no {job} snapshot of {entry.name}", hint="move the file away; the next run writes a new one"
        )
    read_head(found)
    return found


TICKER = '"ticker": "'


def ticker_of(line: str) -> str | None:
    """Return the ticker in a line of a wallet, `CODE": {...}`, in capitals; None where it is not plain to see."""
    start = line.rfind(TICKER) + len(TICKER)
    word = line[start : line.find('"', start)]
    return None if start < len(TICKER) or "\\" in word else word.upper()


def read_line(line: str) -> object:
    """Return what the line of an asset holds, None where that is no JSON."""
    try:
        return decode_json(line[line.index('": ') + 3 :])
    except (ValueError, RecursionError):
        return None


def _read_some(path: Path, names: Collection[str]) -> dict[str, Any] | None:
    """Return a wallet with the assets of these tickers or codes alone, and the `tickers` of all; None where that fails.

    It is read whole then: it is not there, or not as we write it.
    """
    try:
        read = read_lines(path, RECORDS["wallet"])
    except ValueError:
        return None
    if read is None:
        return None
    head, lines = read
    told = {line.partition('"')[0]: line for line in lines}
    known = {code: ticker_of(line) for code, line in told.items()}
    if None in known.values() or any("\\" in code for code in told):
        return None
    chosen = [code for code, ticker in known.items() if ticker in names or code.upper() in names]
    return head | {"assets": {code: read_line(told[code]) for code in chosen}, "tickers": list(known.values())}


def _read(job: str, found: dict[str, Any]) -> bool:
    """Put what can be read of the records in their place; False where that is nothing a command may show."""
    records = found.get(RECORDS[job])
    if job == "wallet":
        if isinstance(records, dict):
            found["assets"], found["unreadable"] = read_assets(records)
        return isinstance(records, dict)
    if job == "stats":
        read = {"stats": read_stats(records)}
    else:
        from marketctl.views.mirrors import read_aside, read_quotes

        read = {"quotes": read_quotes(records), **{name: read_aside(found.get(name)) for name in ("held", "marked")}}
    found |= read
    return None not in read.values()


def unread(wallet: Mapping[str, Any]) -> list[MarketctlError]:
    """Say what of a wallet cannot be read; nothing where all of it can."""
    names = [printable(name, 40) for name in wallet["unreadable"]]
    if not names:
        return []
    told = ", ".join(names[:SOME]) + (f" and {len(names) - SOME} more" if len(names) > SOME else "")
    words = f"{wallet['provider']}: its wallet cannot be read for {told}"
    return [StorageFailed(words, hint=f"marketctl {HOW['wallet']} -p {wallet['provider']}")]


def snapshots(
    registry: Registry, job: str, providers: Iterable[str] = (), names: Collection[str] | None = None
) -> Found:
    """Return the last snapshots of these providers, or of all enabled ones: a broken file hides no other.

    Of wallets the assets of these tickers or codes may be enough.

    Raises StorageFailed when there is none at all, or none of one that was named.
    """
    found = Found()
    for name in dict.fromkeys(providers):
        found.take(snapshot(registry, job, name, names))
    if found.snapshots:
        return found
    for entry in registry.chosen():
        try:
            there = is_there(registry.settings.data_dir / job / f"{entry.name}.json")
            if there:
                found.take(snapshot(registry, job, entry.name, names))
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
        reason = read_state(registry.settings.data_dir / "state", entry.name, job).get("last_reason")
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
        if name in found["unreadable"]:
            raise unread(found)[0]
        if not same:
            raise no_such(f"{found['provider']} lists no", name, tickers([found]))
        chosen |= same
    return chosen if names else assets


def tickers(found: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the tickers of all assets of wallet snapshots."""
    return {
        ticker
        for one in found
        for ticker in one.get("tickers") or [asset["ticker"] for asset in one["assets"].values()]
    }


def number(text: object) -> Decimal | None:
    """Read a stored decimal; what is none counts as unknown, and so does what nobody stores: hundreds of digits."""
    return Decimal(text) if isinstance(text, str) and _is_decimal(text) else None


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
