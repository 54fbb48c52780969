"""What was known at a moment: quotes out of the archive, wallets backwards through their journal."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import StorageFailed
from marketctl.files.archive import PRICES, Member, archive_path, begins_ms, day_of, days, members, read_members
from marketctl.files.journal import is_cut, read_journal
from marketctl.files.look import is_there
from marketctl.text import are_decimals, kind_of, printable
from marketctl.times import DAY_MS, from_iso, ms_or_none, to_iso
from marketctl.views.changes import is_change
from marketctl.views.snapshots import snapshot
from marketctl.views.sound import read_assets

# Prices ------------------------------------------------------------------------------------


@dataclass
class QuotesAt:
    """The quotes of a provider as they were known; `collected_ms` is that of the last publish before the moment.

    `own_ms` are the times of pairs that were not asked for then, or are of a time of their own.
    `broken` parts of the archive could not be read: what they told of these quotes is missing.
    """

    provider: str
    at_ms: int
    collected_ms: int
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: int = 0
    own_ms: dict[str, int] = field(default_factory=dict)

    def row(self, pair: str) -> dict[str, Any]:
        """Return a quote as `--json` shows it; `told_at` is when the archive last wrote it down."""
        one, collected_ms = self.quotes[pair], self.own_ms.get(pair, self.collected_ms)
        return {
            "provider": self.provider,
            "pair": pair,
            **{name: one.get(name) for name in PRICES},
            "held": one.get("held"),
            "told_at": one["at"],
            "collected_at": to_iso(collected_ms),
            "age_ms": max(0, self.at_ms - collected_ms),
        }

    def publish(self, at_ms: int, *, part: bool) -> None:
        """Take the next publish: of a part, what it does not tell is as old as it was."""
        if part:
            self.own_ms = {pair: self.own_ms.get(pair, self.collected_ms) for pair in self.quotes}
        else:
            self.own_ms = {}
        self.collected_ms = at_ms


def quotes_at(registry: Registry, entry: ProviderEntry, at_ms: int) -> QuotesAt | None:
    """Return what was known of a provider's quotes at a moment, None where that is not known. Raises StorageFailed.

    Quotes that were held then have `held`, the verdict, and no price.
    """
    data_dir = registry.settings.data_dir
    for day in reversed([day for day in days(data_dir) if day <= day_of(at_ms)]):
        path = archive_path(data_dir, entry.name, day)
        past = [one for one in members(path) if one.at_ms <= at_ms]
        if not past:
            continue
        begin = max((index for index, one in enumerate(past) if one.at_ms == one.whole_ms), default=None)
        based, broken = False, list[Member]()
        found = QuotesAt(entry.name, at_ms, past[begin or 0].at_ms)
        for member, lines in _told(path, past[begin or 0 :], broken):
            part = False
            for line in _lines(path, lines):
                pair = line.get("pair")
                if pair is None:
                    part = line.get("part") is True
                    found.publish(member.at_ms, part=part)
                    if line.get("whole") is True:
                        based = True
                        found.quotes.clear()
                    if isinstance(kept := line.get("pairs"), list):
                        wants = registry.settings.history._replace(pairs=tuple(kept)).wants
                        found.quotes = {pair: one for pair, one in found.quotes.items() if wants(pair)}
                elif not isinstance(pair, str):
                    raise _foreign(path, f"a pair that is {kind_of(pair)}")
                elif line.get("gone") is True:
                    found.quotes.pop(pair, None)
                else:
                    found.quotes[pair] = line
                    if part:
                        found.own_ms[pair] = ms_or_none(line.get("at")) or found.collected_ms
        found.broken = len(broken)
        if not based:
            raise StorageFailed(f"{path} is damaged: the set of all quotes before {to_iso(at_ms)} cannot be read")
        if pair := next((pair for pair, line in found.quotes.items() if not _is_quote(line)), None):
            raise _foreign(path, f"other values of {printable(pair, 40)}")
        return found
    return None


def archived(
    registry: Registry, entry: ProviderEntry, pair: str, since_ms: int, until_ms: int, broken: list[Member]
) -> list[dict[str, Any]]:
    """Return the changes of a pair in the archive from one moment to another, oldest first: `at_ms` and prices.

    `broken` gets the parts that could not be read.
    """
    data_dir = registry.settings.data_dir
    mark = f'"pair":{json.dumps(pair)}'.encode()
    records: list[dict[str, Any]] = []
    for day in days(data_dir):
        if not day_of(since_ms) <= day <= day_of(until_ms):
            continue
        path = archive_path(data_dir, entry.name, day)
        chosen: list[Member] = [one for one in members(path) if one.lost or since_ms <= one.at_ms < until_ms]
        for member, lines in _told(path, chosen, broken):
            if mark not in lines:
                continue
            kept = b"\n".join(line for line in lines.split(b"\n") if mark in line)
            for line in _lines(path, kept):
                if line.get("pair") == pair and "gone" not in line and "held" not in line:
                    if not _is_quote(line):
                        raise _foreign(path, f"other values of {printable(pair, 40)}")
                    prices = {name: line[name] for name in PRICES if name in line}
                    # An hourly set of all tells again what did not change.
                    if not records or {name: records[-1].get(name) for name in PRICES if name in records[-1]} != prices:
                        records.append({"at_ms": member.at_ms, **prices})
    return sorted(records, key=lambda one: one["at_ms"])  # a clock that went back wrote older ones behind newer ones


def missing_days(registry: Registry, entry: ProviderEntry, since_ms: int) -> list[str]:
    """Return the days since then of which a provider has no file, though it has earlier and later ones."""
    data_dir = registry.settings.data_dir
    kept = [day for day in days(data_dir) if is_there(archive_path(data_dir, entry.name, day))]
    if not kept:
        return []
    first, last = (from_iso(f"{day}T00:00:00Z") for day in (max(kept[0], day_of(since_ms)), kept[-1]))
    return [day for at_ms in range(first, last, DAY_MS) if (day := day_of(at_ms)) not in kept]


def quoted_then(registry: Registry) -> list[ProviderEntry]:
    """Return the providers of which something may be known at an earlier moment: also those disabled since."""
    data_dir = registry.settings.data_dir
    return [one for one in registry.providers.values() if one.enabled or begins_ms(data_dir, one.name) is not None]


def known_from(registry: Registry, entries: Iterable[ProviderEntry]) -> int | None:
    """Return when the archive of any of these begins."""
    found = [begins_ms(registry.settings.data_dir, entry.name) for entry in entries]
    return min((one for one in found if one is not None), default=None)


def _told(path: Path, chosen: Iterable[Member], broken: list[Member]) -> Iterator[tuple[Member, bytes]]:
    """Yield members and their lines; one whose lines begin with another time than its header's is damaged there."""
    for member, lines in read_members(path, chosen, broken):
        if lines.startswith(b'{"at":"') and not lines.startswith(f'{{"at":"{to_iso(member.at_ms)}"'.encode()):
            broken.append(member)
        else:
            yield member, lines


def _lines(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StorageFailed(f"{path} is not as marketctl writes it: {error}") from error
        if not isinstance(one, dict):
            raise _foreign(path, kind_of(one))
        yield one


def _is_quote(line: Mapping[str, Any]) -> bool:
    """Tell whether what a line of the archive says of a pair is of our shape."""
    prices = [line[name] for name in PRICES if name in line]
    return are_decimals(prices) and isinstance(line.get("held"), str | None) and ms_or_none(line.get("at")) is not None


def _foreign(path: Path, found: str) -> StorageFailed:
    return StorageFailed(f"{path} is not as marketctl writes it: it holds {found}", hint="move the file away")


# Wallets -----------------------------------------------------------------------------------


def wallet_at(registry: Registry, provider: str, at_ms: int) -> dict[str, Any]:
    """Return a wallet snapshot as it was known at a moment: the last one, its changes since undone one by one.

    What the journal tells beyond the snapshot, after a run that died or in a copy taken meanwhile, is made good. Its
    `collected_at` and `run_id` are those of the last change before the moment, or of what is known first (which run
    that was is not known: None); `at` is the moment. Raises StorageFailed where it is not known, and says from when on
    it is.
    """
    found = snapshot(registry, "wallet", provider)
    path = registry.settings.data_dir / "wallet" / f"{found['provider']}.changes.jsonl"
    told, broken = read_journal(path)
    lines = [line for line in told if is_change(line, found["provider"])]
    told_bytes = found.pop("journal_bytes", None)
    whole = not broken and len(told) == len(lines) and not is_cut(path, told_bytes)
    beyond = read_journal(path, start=told_bytes)[0] if type(told_bytes) is int else []
    ahead = [line for line in beyond if is_change(line, found["provider"])]
    first = _first_known(found, whole=whole)
    if at_ms < first:
        raise StorageFailed(f"the wallet of {found['provider']} is not known before {to_iso(first)}")
    assets: dict[str, Any] = found["assets"]
    later = [line for line in lines[: len(lines) - len(ahead)] if from_iso(line["at"]) > at_ms]
    for line in reversed(later):
        put(assets, line, line["before"])
    for line in ahead:
        if from_iso(line["at"]) <= at_ms:
            put(assets, line, line["after"])
            found |= {"collected_at": line["at"], "run_id": line["run_id"]}
    if from_iso(found["collected_at"]) > at_ms:
        before = [(from_iso(line["at"]), line["run_id"]) for line in lines if from_iso(line["at"]) <= at_ms]
        collected, found["run_id"] = max(before, default=(first, None))
        found["collected_at"] = to_iso(max(first, collected))
    found["assets"], unreadable = read_assets(assets)
    found["unreadable"] = sorted({*found["unreadable"], *unreadable})
    return found | {"at": to_iso(at_ms), "known_since": to_iso(first)}


def _first_known(found: Mapping[str, Any], *, whole: bool) -> int:
    """Return from when on everything can be undone: since the first sync, or the first of a version that tells it.

    A line that is lost or cannot be read may have told of any change.
    """
    known = ms_or_none(found.get("known_since")) if whole else None
    return from_iso(found["collected_at"]) if known is None else known


def put(assets: dict[str, Any], line: Mapping[str, Any], value: Any) -> None:
    """Put one side of a line of the journal, before or after, in its place."""
    code, key, name = line["asset"], line.get("network"), line["field"]
    if name == "asset":
        _put(assets, code, value)
    elif code in assets:
        asset = assets[code] = dict(assets[code])
        if key is None:
            asset[name] = value
            return
        networks = asset["networks"] = dict(asset.get("networks") or {})
        # A whole record is one that came or went; a text is our name for the network, a field like the others.
        if name == "network" and dict in (type(line["before"]), type(line["after"])):
            _put(networks, key, value)
        elif key in networks:
            networks[key] = networks[key] | {name: value}


def _put(records: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        records.pop(key, None)
    else:
        records[key] = value
