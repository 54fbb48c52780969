"""What changed between two wallet snapshots, for the counts of a run and the journal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A change of these is worth a line of the journal; any other makes the asset "updated" and no more.
ASSET_FIELDS = ("deposit", "withdraw", "fiat")
NETWORK_FIELDS = (
    "deposit",
    "withdraw",
    "memo_required",
    "withdraw_fee",
    "withdraw_fee_percent",
    "deposit_min",
    "withdraw_min",
    "contract",
)


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
        {code: json.loads(line) for code, line in before.items() if code not in same},
        {code: asset for code, asset in after.items() if code not in same},
    )
    changes.unchanged += len(same)
    return changes


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Changes:
    """Compare assets by code; the first sync (before is None) writes no journal."""
    changes = Changes()
    if before is None:
        changes.created = len(after)
        return changes
    for code in sorted(before.keys() | after.keys()):
        old, new = before.get(code), after.get(code)
        if old == new:
            changes.unchanged += 1
        elif old is None:
            changes.created += 1
            changes.line(code, None, "asset", None, code)
        elif new is None:
            changes.removed += 1
            changes.line(code, None, "asset", code, None)
        else:
            changes.updated += 1
            _compare_asset(changes, code, old, new)
    return changes


def _compare_asset(changes: Changes, code: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name in ASSET_FIELDS:
        if old.get(name) != new.get(name):
            changes.line(code, None, name, old.get(name), new.get(name))
    was, now = old.get("networks") or {}, new.get("networks") or {}
    for network in sorted(was.keys() | now.keys()):
        if network not in now or network not in was:
            changes.line(
                code, network, "network", network if network in was else None, network if network in now else None
            )
            continue
        for name in NETWORK_FIELDS:
            if was[network].get(name) != now[network].get(name):
                changes.line(code, network, name, was[network].get(name), now[network].get(name))
