"""Changes of wallets in words, from the journals."""

from collections.abc import Iterable
from typing import Any

from marketctl.config.registry import Registry
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.journal import read_journal
from marketctl.views.snapshots import no_such, snapshot

FLAGS = {True: "open", False: "closed", None: "unknown"}

AMOUNTS = {
    "withdraw_fee": "fee",
    "withdraw_fee_percent": "fee %",
    "deposit_min": "deposit minimum",
    "withdraw_min": "withdraw minimum",
}


def in_words(name: str, before: Any, after: Any) -> str:
    """Say what a line of the journal means: "deposit opened", "fee 1 → 1.2", "network new"."""
    if name in ("asset", "network"):
        return f"{name} {'new' if before is None else 'gone'}"
    if name in ("deposit", "withdraw"):
        if isinstance(before, bool) and isinstance(after, bool):
            return f"{name} {'opened' if after else 'closed'}"
        return f"{name} {_flag(before)} → {_flag(after)}"
    told = ["unknown" if value is None else {True: "yes", False: "no"}.get(value, value) for value in (before, after)]
    return f"{AMOUNTS.get(name, name.replace('_', ' '))} {told[0]} → {told[1]}"


def _flag(value: Any) -> str:
    return FLAGS[value] if value is None or isinstance(value, bool) else str(value)


def changes(
    registry: Registry, since_ms: int, providers: Iterable[str] = (), assets: Iterable[str] = ()
) -> tuple[list[dict[str, Any]], list[MarketctlError]]:
    """Return the journals' lines since that time, oldest first, each with `what` in words, and what was unreadable.

    `assets` are codes or tickers. Raises ConfigError for an unknown provider, StorageFailed for an unknown asset and
    where nothing was ever collected.
    """
    chosen = [registry.provider(name) for name in dict.fromkeys(name.upper() for name in providers)]
    entries = chosen or list(registry.providers.values())
    wanted = dict.fromkeys(word.upper() for word in assets)
    events: list[dict[str, Any]] = []
    problems: list[MarketctlError] = []
    known: dict[str, set[str]] = {}  # ticker or code -> "PROVIDER code"
    seen = False
    for entry in entries:
        path = registry.settings.data_dir / "wallet" / f"{entry.name}.changes.jsonl"
        there = (path.parent / f"{entry.name}.json").exists()
        seen = seen or there or path.exists()
        if chosen and not (there or path.exists()):
            snapshot(registry, "wallet", entry.name)  # raises, and says what to do
        try:
            lines, broken = read_journal(path, since_ms)
            events += (good := [line for line in lines if _is_change(line)])
            broken += len(lines) - len(good)
            if broken:
                count = "1 line" if broken == 1 else f"{broken} lines"
                problems.append(StorageFailed(f"{path}: {count} cannot be read, the rest is shown"))
            if wanted and there:
                for code, asset in snapshot(registry, "wallet", entry.name)["assets"].items():
                    for name in (code, str(asset.get("ticker"))):
                        known.setdefault(name.upper(), set()).add(f"{entry.name} {code}")
        except MarketctlError as error:
            if chosen:
                raise
            problems.append(error)
    if not seen:
        raise StorageFailed(
            f"there is no wallet snapshot in {registry.settings.data_dir / 'wallet'} yet", hint="marketctl wallet sync"
        )
    for line in events if wanted else ():
        known.setdefault(line["asset"].upper(), set()).add(f"{line['provider']} {line['asset']}")
    for name in wanted:
        if name not in known:
            raise no_such("no provider lists", name, known)
    keys = {key for name in wanted for key in known[name]}
    return [
        line | {"what": in_words(line["field"], line["before"], line["after"])}
        for line in sorted(events, key=lambda line: str(line["at"]))
        if not wanted or f"{line['provider']} {line['asset']}" in keys
    ], problems


def _is_change(line: dict[str, Any]) -> bool:
    return (
        all(isinstance(line.get(name), str) for name in ("provider", "asset", "field"))
        and isinstance(line.get("network"), str | None)
        and all(name in line and isinstance(line[name], str | int | None) for name in ("before", "after"))
    )
