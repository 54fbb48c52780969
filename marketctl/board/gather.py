"""What the board shows, gathered from data/ and Redis into one compact document.

Columns in place of objects and numbers in place of repeated texts: 12,000 quotes and 4,000 assets have to fit into
3 MB. Decimals stay the texts they are, times are milliseconds, unknown is "" for a decimal and null for the rest.
The scripts in `js/` are the one reader of this; a provider is known by its place in `providers`, its venue by that of
the first one at its address.
"""

from collections.abc import Iterable
from typing import Any

from marketctl import __version__
from marketctl.board.changes import gather_changes
from marketctl.board.compact import words
from marketctl.board.health import gather_health
from marketctl.board.quotes import gather_history, gather_quotes
from marketctl.board.totals import gather_totals
from marketctl.board.wallets import gather_wallets
from marketctl.board.ways import gather_ways
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError, RedisFailed, StorageFailed
from marketctl.files.look import is_there
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import snapshot, unread
from marketctl.views.twins import address_of, known_coins


def gather(reader: Reader, made_ms: int, *, ways: bool) -> dict[str, Any]:
    """Return everything the page shows. What cannot be read is told in `problems` and hides nothing else.

    Without `ways` there is a server that finds them.
    """
    registry = reader.registry
    entries = registry.enabled()
    lives = [reader.read(entry) for entry in entries]
    problems: list[MarketctlError] = [
        (StorageFailed if live.source == "mirror" else RedisFailed)(live.last_error)
        for live in lives
        if live.state == "failed" and live.last_error
    ]
    wallets = _snapshots(registry, entries, "wallet", problems)
    stats = _snapshots(registry, entries, "stats", problems)
    venues = [address_of(entry) for entry in entries]
    prices = gather_quotes(entries, lives, known_coins(registry), made_ms)
    return {
        "version": __version__,
        "made": made_ms,
        "source": "mirror" if reader.store is None else "redis",
        "away": reader.away and words(reader.away.message),
        "providers": [
            gather_health(registry, entry, live, wallet, one, made_ms) | {"venue": venues.index(address_of(entry))}
            for entry, live, wallet, one in zip(entries, lives, wallets, stats, strict=True)
        ],
        "disabled": [name for name, entry in registry.providers.items() if not entry.enabled],
        "prices": prices,
        "history": gather_history(reader, prices, made_ms),
        "watch": gather_watch(registry),
        "wallet": gather_wallets(registry, entries, wallets, made_ms),
        "ways": gather_ways(registry, entries, lives, wallets, made_ms) if ways else None,
        "changes": gather_changes(registry, entries, wallets, made_ms, problems),
        "stats": gather_totals(registry, entries, stats, problems),
        "problems": [[error.reason, words(error.message)] for error in problems],
    }


def gather_watch(registry: Registry) -> dict[str, Any]:
    """Return what `[watch]` names: the desk of the page is about these."""
    watch = registry.watch
    return {
        "given": watch.given,
        "assets": list(watch.assets),
        "networks": list(watch.networks),
        "pairs": list(dict.fromkeys((*watch.pairs, *watch.above, *watch.below))),
    }


def _snapshots(
    registry: Registry, entries: Iterable[ProviderEntry], job: str, problems: list[MarketctlError]
) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = []
    for entry in entries:
        one = None
        try:
            if is_there(registry.settings.data_dir / job / f"{entry.name}.json"):
                one = snapshot(registry, job, entry.name)
                problems += unread(one) if job == "wallet" else []
        except MarketctlError as error:
            problems.append(error)
        found.append(one)
    return found
