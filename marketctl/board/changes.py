"""What changed in the wallets, for the page: each change of the last day, and what opened and closed in a week."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.times import DAY_MS, ms_or_none
from marketctl.views.changes import changes, narrow, together, whole_record

CHANGES_MAX = 1000
MOVES_MAX = 200
MOVES_DAYS = 7


def gather_changes(
    registry: Registry,
    entries: Sequence[ProviderEntry],
    wallets: Sequence[Mapping[str, Any] | None],
    made_ms: int,
    problems: list[MarketctlError],
) -> dict[str, Any]:
    """Return `rows`, what changed in the last day, and `moves`, what opened and closed in a week, the newest first.

    A move is the same event of several venues: when, asset, common network, door, whether it opened, providers.
    """
    try:
        events, broken, _ = changes(registry, made_ms - MOVES_DAYS * DAY_MS)
    except MarketctlError:  # nothing was collected yet
        events, broken = [], []
    told = {one.message for one in problems}  # a wallet that cannot be read is among them already
    problems += [one for one in broken if getattr(one.__cause__, "message", one.message) not in told]
    place = {entry.name: index for index, entry in enumerate(entries)}
    known = [event for event in events if event["provider"] in place]
    day = [event for event in reversed(known) if (ms_or_none(event["at"]) or 0) >= made_ms - DAY_MS]
    moves = together(
        registry,
        narrow(known, ("opened", "closed")),
        {entry.name: wallet for entry, wallet in zip(entries, wallets, strict=True) if wallet is not None},
    )
    moves.sort(key=lambda move: -move["at_ms"])
    return {
        "total": len(day),
        "rows": [[ms_or_none(e["at"]), place[e["provider"]], *_row(e)] for e in day[:CHANGES_MAX]],
        "moves": [
            [
                *(move["at_ms"], move["asset"], move["network"], move["field"], move["after"]),
                [place[name] for name in move["providers"]],
            ]
            for move in moves[:MOVES_MAX]
        ],
    }


def _row(line: Mapping[str, Any]) -> list[Any]:
    """Return asset, network, field, before and after of a change; of a whole record only that there was one."""
    field, before, after = line["field"], line["before"], line["after"]
    if whole_record(field, before, after, line["network"]):
        before, after = (None if one is None else line["network"] or line["asset"] for one in (before, after))
    elif field == "network":
        field = "common name"
    return [line["asset"], line["network"], field, before, after]
