"""What changed between two wallet snapshots, for the counts of a run and the journal.

A line of the journal tells one field of an asset or a network; field `asset` or `network` with a whole record in
`before` or `after` tells one that is gone or new. (A network's own field `network`, our name for it, is a text.)
So the journal leads from one snapshot to the next, forth and back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marketctl.files.snapshots import decode_json, encode_json
from marketctl.views.sound import AMOUNTS, ANY, ASSET, NETWORK


@dataclass
class Changes:
    """Counts of assets, and the journal's lines without their common fields."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    def line(self, asset: str, network: str | None, name: str, before: Any, after: Any) -> None:
        """Add a line of the journal."""
        self.lines.append({"asset": asset, "network": network, "field": name, "before": before, "after": after})


def compare_lines(before: Mapping[str, str] | None, lines: Mapping[str, str], after: Mapping[str, Any]) -> Changes:
    """Compare assets given as lines of a snapshot: one that reads the same is the same, only the others are read.

    `after` holds what the lines say. Raises ValueError for an old line that is no JSON.
    """
    if before is None:
        return compare(None, after)
    same = {code for code, line in lines.items() if before.get(code) == line}
    changes = compare(
        {code: decode_json(line) for code, line in before.items() if code not in same},
        {code: asset for code, asset in after.items() if code not in same},
    )
    changes.unchanged += len(same)
    return changes


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Changes:
    """Compare assets by code; the first sync (before is None) writes no journal. What is no record never was one."""
    changes = Changes()
    if before is None:
        changes.created = len(after)
        return changes
    before = _records(before)
    for code in sorted(before.keys() | after.keys()):
        old, new = before.get(code), after.get(code)
        if old == new:
            changes.unchanged += 1
        elif old is None:
            changes.created += 1
            changes.line(code, None, "asset", None, new)
        elif new is None:
            changes.removed += 1
            changes.line(code, None, "asset", old, None)
        else:
            changes.updated += 1
            _compare_asset(changes, code, old, new)
    return changes


def _records(found: object) -> dict[str, Any]:
    """Return what is a record of a table that somebody else may have written."""
    return {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _compare_asset(changes: Changes, code: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    _compare_fields(changes, code, None, old, new)
    was, now = _records(old.get("networks")), _records(new.get("networks"))
    for network in sorted(was.keys() | now.keys()):
        if network not in now or network not in was:
            changes.line(code, network, "network", was.get(network), now.get(network))
        else:
            _compare_fields(changes, code, network, was[network], now[network])


def _compare_fields(
    changes: Changes, code: str, network: str | None, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    kinds = ASSET if network is None else NETWORK
    for name in sorted((old.keys() | new.keys()) - {"networks"}):
        before = old.get(name)
        if type(before) not in kinds.get(name, ANY):  # somebody else wrote it: a figure by its digits, or unknown
            before = str(before) if name in AMOUNTS and type(before) in (int, Decimal) else None
        if before != new.get(name):
            changes.line(code, network, name, before, new.get(name))


def told_ahead(before: Mapping[str, str], lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return a snapshot's lines as a journal that is ahead of it has left them: of a run that died in between."""
    after = dict(before)
    for line in lines:
        code, network, name, value = (line.get(key) for key in ("asset", "network", "field", "after"))
        if not isinstance(code, str) or not isinstance(name, str):
            continue
        if name == "asset":
            if isinstance(value, dict):
                after[code] = encode_json(value)
            elif value is None:
                after.pop(code, None)
            continue
        asset = decode_json(after.get(code, "null"))
        networks = asset.setdefault("networks", {}) if isinstance(asset, dict) else None
        if not isinstance(networks, dict) or not all(isinstance(one, dict) for one in networks.values()):
            continue
        if network is None:
            asset[name] = value
        elif name == "network" and (isinstance(value, dict) or isinstance(line.get("before"), dict)):
            networks.pop(network, None)
            if isinstance(value, dict):
                networks[network] = value
        elif network in networks:
            networks[network][name] = value
        after[code] = encode_json(asset)
    return after
