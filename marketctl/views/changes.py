"""Changes of wallets in words, from the journals."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketctl.config.registry import Registry
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.journal import is_cut, read_journal, unread_lines
from marketctl.files.look import is_there
from marketctl.files.snapshots import encode_json, read_lines, read_snapshot
from marketctl.providers.networks import common_network
from marketctl.text import are_decimals
from marketctl.times import from_iso, ms_or_none, to_iso
from marketctl.views.snapshots import no_such, number, snapshot, unread
from marketctl.views.sound import AMOUNTS, ANY, ASSET, NETWORK, read_asset

FLAGS = {True: "open", False: "closed", None: "unknown"}

MOVES = ("withdraw_fee", "withdraw_fee_percent", "deposit_min", "withdraw_min", "withdraw_max")

NAMES = {
    "network": "common name",
    "withdraw_max": "withdraw maximum",
    "memo_required": "memo required",
    "withdraw_fee": "fee",
    "withdraw_fee_percent": "fee %",
    "deposit_min": "deposit minimum",
    "withdraw_min": "withdraw minimum",
}


def in_words(name: str, before: Any, after: Any, network: str | None = None) -> str:
    """Say what a line of the journal means: "deposit opened", "fee 1 → 1.2", "network new"."""
    if whole_record(name, before, after, network):
        return f"{name} {'new' if before is None else 'gone'}"
    if name in ("deposit", "withdraw"):
        if isinstance(before, bool) and isinstance(after, bool):
            return f"{name} {'opened' if after else 'closed'}"
        return f"{name} {_flag(before)} → {_flag(after)}"
    told = ["unknown" if value is None else {True: "yes", False: "no"}.get(value, value) for value in (before, after)]
    return f"{NAMES.get(name, name.replace('_', ' '))} {told[0]} → {told[1]}"


def whole_record(name: str, before: Any, after: Any, network: str | None = None) -> bool:
    """Tell whether a line is of a whole asset or network that is gone or new: its record stands on the other side.

    Older journals have its code there. A network's own field `network` is our common name for it.
    """
    if name == "asset":
        return True
    return name == "network" and (dict in (type(before), type(after)) or network in (before, after))


def kinds_of(line: Mapping[str, Any]) -> frozenset[str]:
    """Return the kinds of a line: `opened` and `closed` are `flags` too, as is a flag that became known or unknown."""
    name, before, after = line["field"], line["before"], line["after"]
    if whole_record(name, before, after, line["network"]):
        return frozenset(("new" if before is None else "gone",))
    if name in ("deposit", "withdraw"):
        return frozenset(("flags", *({True: ("opened",), False: ("closed",)}.get(after, ()))))
    return frozenset(("fees" if name in ("withdraw_fee", "withdraw_fee_percent") else "other",))


def narrow(
    events: Iterable[dict[str, Any]], only: Collection[str] = (), min_change: Decimal | None = None
) -> list[dict[str, Any]]:
    """Keep the lines of these kinds (all without any), and no amount that moved by less than `min_change` percent."""
    return [
        line
        for line in events
        if (not only or kinds_of(line) & set(only)) and not (min_change is not None and _moved_less(line, min_change))
    ]


def _moved_less(line: Mapping[str, Any], percent: Decimal) -> bool:
    """Tell whether an amount moved by less than so many percent; one that became known or unknown did not."""
    if line["field"] not in MOVES:
        return False
    before, after = number(line["before"]), number(line["after"])
    if not before or after is None:
        return False
    return abs(after - before) * 100 < percent * abs(before)


def brief(value: Any) -> Any:
    """Return one side of a line for a table: a whole record as one text."""
    return encode_json(value) if isinstance(value, dict) else value


def _flag(value: Any) -> str:
    return FLAGS[value] if value is None or isinstance(value, bool) else str(value)


def changes(
    registry: Registry, since_ms: int, providers: Iterable[str] = (), assets: Iterable[str] = ()
) -> tuple[list[dict[str, Any]], list[MarketctlError], dict[str, str | None]]:
    """Return the journals' lines since that time, oldest first, each with `what` in words, and what of them is missing.

    The third is since when each provider's changes are known; None where that is not told. `assets` are codes or
    tickers. Raises ConfigError for an unknown provider, StorageFailed for an unknown asset and where nothing was ever
    collected.
    """
    chosen = [registry.provider(name) for name in dict.fromkeys(name.upper() for name in providers)]
    entries = chosen or list(registry.providers.values())
    wanted = dict.fromkeys(word.upper() for word in assets)
    events: list[dict[str, Any]] = []
    problems: list[MarketctlError] = []
    begin: dict[str, str | None] = {}
    known: dict[str, set[str]] = {}  # ticker or code -> "PROVIDER code"
    seen = False
    for entry in entries:
        path = registry.settings.data_dir / "wallet" / f"{entry.name}.changes.jsonl"
        try:
            there, told = is_there(path.parent / f"{entry.name}.json"), is_there(path)
            seen = seen or there or told
            if chosen and not (there or told):
                snapshot(registry, "wallet", entry.name)  # raises, and says what to do
            events += _read(path, entry.name, since_ms, problems)
            if there:
                begin[entry.name], lost = _begin(path, path.parent / f"{entry.name}.json", since_ms)
                problems += [] if lost is None else [lost]
            if wanted and there:
                found = snapshot(registry, "wallet", entry.name)
                problems += unread(found)
                for code, asset in found["assets"].items():
                    for name in (code, asset["ticker"]):
                        known.setdefault(name.upper(), set()).add(f"{entry.name} {code}")
        except MarketctlError as error:
            if chosen:
                raise
            problems.append(error)
    if not seen:
        if problems:
            raise problems[0]
        raise StorageFailed(
            f"there is no wallet snapshot in {registry.settings.data_dir / 'wallet'} yet", hint="marketctl wallet sync"
        )
    for line in events if wanted else ():
        known.setdefault(line["asset"].upper(), set()).add(f"{line['provider']} {line['asset']}")
    for name in wanted:
        if name not in known:
            raise no_such("no provider lists", name, known, unread=next(iter(problems), None))
    keys = {key for name in wanted for key in known[name]}
    return (
        [
            line | {"what": in_words(line["field"], line["before"], line["after"], line["network"])}
            for line in sorted(events, key=lambda line: str(line["at"]))
            if not wanted or f"{line['provider']} {line['asset']}" in keys
        ],
        problems,
        begin,
    )


def _begin(journal: Path, path: Path, since_ms: int) -> tuple[str | None, StorageFailed | None]:
    """Return since when the snapshot says that a journal tells all, and what it lost since that time.

    Raises StorageFailed.
    """
    try:
        found = read_lines(path, "assets")
        head = {} if found is None else found[0]
    except ValueError:  # not as we write it
        try:
            head = read_snapshot(path) or {}
        except StorageFailed as error:
            words = StorageFailed(f"{error.message}; whether its journal lost lines is not known")
            words.__cause__ = error
            return None, words
    missing = "what its lost lines told is missing"
    if is_cut(journal, head.get("journal_bytes")):
        at = to_iso(ms_or_none(head.get("collected_at")))
        return at, StorageFailed(f"{journal} is shorter than it was: {missing}")
    known = ms_or_none(head.get("known_since"))
    if known is None:
        return None, None
    lost = head.get("journal_cut") is True and since_ms < known
    return to_iso(known), StorageFailed(f"{journal} was cut before {to_iso(known)}: {missing}") if lost else None


def _read(path: Path, provider: str, since_ms: int, problems: list[MarketctlError]) -> list[dict[str, Any]]:
    """Return the changes of a journal since that time, and add what of it cannot be read. Raises StorageFailed."""
    lines, broken = read_journal(path, since_ms)
    good = [line for line in lines if is_change(line, provider)]
    if broken := broken + len(lines) - len(good):
        problems.append(unread_lines(path, broken))
    return good


# Which belong together ------------------------------------------------

TOGETHER_MS = 3_600_000  # venues that close one network do so within an hour, seen at their own turns


def together(
    registry: Registry, events: Iterable[Mapping[str, Any]], wallets: Mapping[str, Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Give networks their common names and put the same event of several venues into one line, oldest first.

    A venue whose network closes again begins a new line. `wallets` are snapshots by provider that are read already.
    """
    names = _Names(registry, wallets or {})
    found: list[dict[str, Any]] = []
    last: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, int]]] = {}  # a line, and when each venue came to it
    for event in events:
        ticker, network = names.of(event)
        key = (ticker, network, event["field"], event["what"])
        line, came = last.get(key, (None, {}))
        provider, at_ms = event["provider"], from_iso(event["at"])
        if line is not None and at_ms - line["at_ms"] <= TOGETHER_MS and came.get(provider, at_ms) == at_ms:
            if provider not in came:
                line["providers"].append(provider)
                came[provider] = at_ms
            continue
        line = {**event, "asset": ticker, "network": network, "at_ms": at_ms, "providers": [provider]}
        last[key] = line, {provider: at_ms}
        found.append(line)
    for line in found:
        line["provider"] = ", ".join(line["providers"])
    return found


class _Names:
    """Tickers and common names of networks, by the wallets as they are now, else by the codes alone."""

    def __init__(self, registry: Registry, wallets: Mapping[str, Mapping[str, Any]]) -> None:
        self._registry = registry
        self._assets: dict[str, Mapping[str, Any]] = {name: one["assets"] for name, one in wallets.items()}

    def of(self, event: Mapping[str, Any]) -> tuple[str, str | None]:
        provider, code, key = event["provider"], event["asset"], event["network"]
        if provider not in self._assets:
            try:
                self._assets[provider] = snapshot(self._registry, "wallet", provider)["assets"]
            except MarketctlError:
                self._assets[provider] = {}
        asset = self._assets[provider].get(code) or {}
        ticker = str(asset.get("ticker") or code)
        if key is None:
            return ticker, None
        network = (asset.get("networks") or {}).get(key) or {}
        return ticker, network.get("network") or common_network(provider, key) or key


def _around(network: dict[str, Any]) -> dict[str, Any]:
    """Return an asset of this network alone."""
    return {"ticker": "X", "networks": {"X": network}}


def is_change(line: Mapping[str, Any], provider: str) -> bool:
    """Tell whether a line of a provider's journal is of our shape; a whole record is an asset or a network alone."""
    names = [line.get(name) for name in ("asset", "field", "run_id")]
    if (
        line.get("provider") != provider
        or not all(isinstance(name, str) for name in names)
        or not isinstance(line.get("network", 0), str | None)
    ):
        return False
    name, both = line["field"], [line.get("before", ...), line.get("after", ...)]
    if name in ("asset", "network"):
        records = [one if name == "asset" else _around(one) for one in both if isinstance(one, dict)]
        return all(isinstance(one, str | int | dict | None) for one in both) and None not in map(read_asset, records)
    kind = (ASSET if line["network"] is None else NETWORK).get(name, ANY)
    return kind.issuperset(map(type, both)) and (
        name not in AMOUNTS or are_decimals([one for one in both if one is not None])
    )
