"""What happened between two looks: doors that closed and opened again, from the journals, by a cursor of our own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketctl.config.registry import Registry
from marketctl.files.look import open_regular
from marketctl.notify.conditions import Wallets, door_key
from marketctl.notify.ledger import Ledger
from marketctl.providers.networks import common_network
from marketctl.times import ms_or_none
from marketctl.views.changes import is_change


def new_lines(registry: Registry, ledger: Ledger) -> list[dict[str, Any]]:
    """Return the journal lines since the cursor and move it; the first look begins at the end of each journal.

    A line that is cut (somebody writes it now) is left for the next look, one that is no change is passed over.
    """
    found = []
    for entry in registry.enabled():
        path = registry.settings.data_dir / "wallet" / f"{entry.name}.changes.jsonl"
        try:
            found += _read(path, entry.name, ledger)
        except OSError:  # the journal's own commands tell of it
            continue
    return found


def _read(path: Path, name: str, ledger: Ledger) -> list[dict[str, Any]]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        if ledger.started_ms is not None:
            ledger.cursor.setdefault(name, [0, 0])  # all of a journal to come is new
        return []
    inode, offset = ledger.cursor.get(name, [0, 0])
    if name not in ledger.cursor:
        ledger.cursor[name] = [stat.st_ino, stat.st_size]
        return []
    if stat.st_size < offset or (inode and inode != stat.st_ino):  # another file than the one we know
        offset = 0
    with open_regular(path) as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    ledger.cursor[name] = [stat.st_ino, offset + len(whole)]
    lines = []
    for raw in whole.splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if not isinstance(line, dict) or not is_change(line, name):
            continue
        if line["field"] in ("deposit", "withdraw") and line["network"]:
            lines.append(line)
    return lines


def toggles(registry: Registry, lines: list[dict[str, Any]], wallets: Wallets) -> dict[str, dict[str, list[int]]]:
    """Return for each watched door, by its key, when it changed: venue → times (ms)."""
    settings = registry.watch
    known = {entry.name: wallet["assets"] for entry, wallet in wallets}
    found: dict[str, dict[str, list[int]]] = {}
    for line in lines:
        named = _name(line, known)
        if named is None or named[0] not in settings.assets:
            continue
        ticker, slug = named
        if settings.networks and slug not in settings.networks:
            continue
        if (at := ms_or_none(line.get("at"))) is None:
            continue
        told = found.setdefault(door_key(ticker, slug, line["field"]), {})
        told.setdefault(line["provider"], []).append(at)
    return found


def _name(line: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    provider, code, key = line["provider"], line["asset"], line["network"]
    asset = known.get(provider, {}).get(code) or {}
    network = (asset.get("networks") or {}).get(key) or {}
    slug = network.get("network") or common_network(provider, key)
    return None if slug is None else (str(asset.get("ticker") or code).upper(), slug)
