"""The board's statistics and growth."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.board.compact import collected_ms, decimal, size
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.files.journal import read_journal, unread_lines
from marketctl.times import ms_or_none

GROWTH_POINTS = 200  # a line of pairs or coins over time


def gather_totals(
    registry: Registry,
    entries: Sequence[ProviderEntry],
    found: Sequence[Mapping[str, Any] | None],
    problems: list[MarketctlError],
) -> dict[str, Any]:
    """Return counts, turnover by quote currency, and pairs and coins over time where they were noted."""
    turnover: dict[str, list[str]] = {}
    providers = []
    for place, (entry, one) in enumerate(zip(entries, found, strict=True)):
        told = one["stats"] if one else {}
        for currency, amount in (told.get("turnover_24h") or {}).items():
            turnover.setdefault(currency, [""] * len(entries))[place] = decimal(amount)
        counts = {name: dict(told.get(name) or {}) for name in ("pairs", "assets", "networks")}
        providers.append(
            {"name": entry.name, "at": collected_ms(one), "growth": _growth(registry, entry, one, problems), **counts}
        )
    widest = sorted(
        turnover.items(),
        key=lambda item: (-sum(bool(amount) for amount in item[1]), -max(map(size, item[1])), item[0]),
    )
    return {"providers": providers, "turnover": dict(widest)}


def _growth(
    registry: Registry, entry: ProviderEntry, now: Mapping[str, Any] | None, problems: list[MarketctlError]
) -> dict[str, list[list[int]]]:
    """Return pairs and coins over time as [milliseconds, count]: a count holds until the next one."""
    lines: dict[str, list[list[int]]] = {"pairs": [], "assets": []}
    path = registry.settings.data_dir / "stats" / f"{entry.name}.history.jsonl"
    try:
        noted, broken = read_journal(path)
    except MarketctlError as error:
        problems.append(error)
        return lines
    if broken:
        problems.append(unread_lines(path, broken))
    if now is not None:
        noted.append({"at": now["collected_at"], **{name: now["stats"].get(name) for name in lines}})
    for name, line in lines.items():
        for one in noted:
            counts, at = one.get(name), ms_or_none(one.get("at"))
            total = counts.get("total") if isinstance(counts, dict) else None
            if at is not None and type(total) is int:
                line.append([at, total])
        if len(line) > GROWTH_POINTS:
            step = len(line) / GROWTH_POINTS
            lines[name] = [line[int(index * step)] for index in range(GROWTH_POINTS)] + line[-1:]
    return lines
