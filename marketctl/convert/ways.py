"""What arrives: from the words of the command line to the best ways, each with every assumption it rests on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from marketctl.config.registry import Registry
from marketctl.convert.assumed import DIGITS, Told, assumptions, in_words
from marketctl.convert.graph import Avoid, Graph
from marketctl.convert.search import MAX_STEPS, Way, find_ways
from marketctl.convert.steps import Place, Step, Transfer
from marketctl.convert.wallets import read_wallet
from marketctl.errors import ConfigError, MarketctlError, RedisFailed, StorageFailed
from marketctl.text import closest, plain, printable
from marketctl.times import now_ms
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import NotCollected, no_such, without
from marketctl.views.twins import address_of, find_coins


class Problem(NamedTuple):
    """What could not be looked at: a key for pages with words of their own, whose it is ("" for all), and our words."""

    key: str
    whose: str
    words: str

    @property
    def is_unread(self) -> bool:
        """Tell whether quotes or a wallet that are there could not be read: a better way may lie there."""
        return self.key in ("failed", "expired", "wallet", "records")


@dataclass
class Converted:
    """The best ways, what each rests on, and what was not on any: `left_out` by reason.

    `cause` is what keeps the amount from arriving where a way is open but for a least amount or a fee.
    """

    amount: str
    ways: list[dict[str, Any]]
    assumed: list[list[Told]]
    complete: bool
    left_out: dict[str, list[str]]
    problems: list[Problem] = field(default_factory=list)
    cause: Told | None = None


def convert(
    reader: Reader,
    amount: str,
    source: str,
    target: str,
    *,
    top: int = 3,
    max_steps: int = MAX_STEPS,
    via: Iterable[str] = (),
    avoid: Iterable[str] = (),
) -> Converted:
    """Find the best ways of an amount; `source` and `target` are `ASSET` or `ASSET@PROVIDER`.

    Raises ConfigError for words that mean nothing, StorageFailed for an asset nobody knows.
    """
    registry = reader.registry
    figure = read_amount(amount)
    ends = [read_end(word, registry) for word in (source, target)]
    graph, problems, unread = gather(reader, sort_avoid(avoid, registry))
    starts, goals = (places_of(graph, asset, provider, unread) for provider, asset in ends)
    if ends[0][0] is None:
        starts = of_one_coin(graph, ends[0][1], starts, problems)
    if ends[1][0] is None:
        goals = of_one_coin(graph, ends[1][1], goals, problems)
    starts = [one for one in starts if one not in goals]
    if not starts:
        raise ConfigError(f"{printable(source, 60)} is {printable(target, 60)} already: nothing is to be converted")
    know_words(graph, via, avoid)
    wanted = [word.strip().upper() for word in via]
    found = answer(graph, registry, figure, starts, goals, top=top, max_steps=max_steps, via=wanted)
    found.problems = problems
    for name, tickers in graph.unreadable():
        words = f"{name}: its wallet cannot be read for {', '.join(tickers)}"
        found.problems.append(Problem("records", name, words))
    if graph.unpriced:
        names = ", ".join(graph.unpriced)
        found.problems.append(Problem("unpriced", names, f"no taker_fee, so no trades: {names}"))
    return found


def answer(
    graph: Graph,
    registry: Registry,
    amount: Fraction,
    starts: Iterable[Place],
    goals: Iterable[Place],
    *,
    top: int,
    max_steps: int,
    via: Sequence[str] = (),
) -> Converted:
    """Answer one question of a graph, which may have answered others before."""
    graph.begin()

    def wanted(steps: Sequence[Step]) -> bool:
        return passes(steps, via)

    found = find_ways(graph, amount, starts, goals, top=top, max_steps=max_steps, wanted=wanted)
    assumed = [assumptions(way, registry) for way in found.ways]
    ways = [
        describe(way, amount) | {"assumptions": list(map(in_words, told))}
        for way, told in zip(found.ways, assumed, strict=True)
    ]
    left_out = {reason: sorted(told) for reason, told in sorted(graph.left_out.items())}
    answered = Converted(plain(amount), ways, assumed, found.complete, left_out)
    if not ways:
        from marketctl.convert.nearest import nearest_cause

        answered.cause = nearest_cause(graph, amount, starts, goals, max_steps, wanted)
    return answered


def read_amount(text: str) -> Fraction:
    """Read an amount above zero. Raises ConfigError."""
    if not re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", text) or not Decimal(text):
        raise ConfigError(f"found {printable(text, 40)!r}, expected an amount above 0 such as 1000 or 0.25")
    return Fraction(text)


def read_end(word: str, registry: Registry) -> tuple[str | None, str]:
    """Return provider (None: any) and asset of `ASSET@PROVIDER`. Raises ConfigError."""
    asset, sign, provider = word.partition("@")
    if not asset or (sign and not provider):
        raise ConfigError(f"found {printable(word, 60)!r}, expected ASSET or ASSET@PROVIDER, such as USDT@MEXC")
    entry = registry.provider(provider) if sign else None
    if entry is not None and not entry.enabled:
        raise ConfigError(f"{entry.name} is disabled", hint=f"marketctl providers enable {entry.name}")
    return entry.name if entry else None, asset.upper()


def sort_avoid(words: Iterable[str], registry: Registry) -> Avoid:
    """Tell providers, networks and assets apart."""
    names = [word.strip() for word in words]
    if not names:
        return Avoid()
    from marketctl.providers.networks import network_names

    networks = network_names()
    providers = frozenset(word.upper() for word in names if word.upper() in registry.providers)
    slugs = frozenset(word.lower() for word in names if word.lower() in networks and word != word.upper())
    tickers = frozenset(word.upper() for word in names) - providers - {slug.upper() for slug in slugs}
    return Avoid(providers, tickers, slugs)


def know_words(graph: Graph, via: Iterable[str], avoid: Iterable[str]) -> None:
    """Raise StorageFailed for a word that names nothing: its typo would be on the way that was to be avoided."""
    words = [(word.strip(), option) for option, words in (("--via", via), ("--avoid", avoid)) for word in words]
    if not words:
        return
    from marketctl.providers.networks import network_names

    known = {*graph.entries, *map(str.upper, network_names()), *graph.tickers()}
    for word, option in words:
        if word.upper() not in known and word.upper() not in graph.avoid.providers:
            error: StorageFailed = no_such(
                f"{option}: no asset, provider or network is called", word, (), closest(word.upper(), known)
            )
            raise error


def passes(steps: Sequence[Step], wanted: Sequence[str]) -> bool:
    """Tell whether a way goes over all providers, assets and networks that were named."""
    if not wanted:
        return True
    seen = {word.upper() for step in steps for word in (*step.source, *step.target)}
    seen |= {step.leaving.slug.upper() for step in steps if isinstance(step, Transfer)}
    return seen.issuperset(wanted)


def gather(reader: Reader, avoid: Avoid) -> tuple[Graph, list[Problem], dict[str, MarketctlError]]:
    """Read books and wallets of all enabled providers; what cannot be read is told and is on no way.

    The third is why a provider's wallet is not there.
    """
    registry = reader.registry
    entries = registry.enabled()
    problems: list[Problem] = []
    missing: list[str] = []
    unread: dict[str, MarketctlError] = {}
    lives, wallets = [], []
    if reader.away is not None and not isinstance(reader.away, ConfigError):
        problems.append(Problem("mirror", "", f"books are from the mirror: {reader.away.message}"))
    for entry in entries:
        if entry.name in avoid.providers:
            continue
        live = reader.read(entry, as_stored=True)
        if live.state != "never" and (words := live.words()):
            key = "failing" if live.state == "ok" else live.state
            problems.append(Problem(key, entry.name, f"{entry.name}: {words}"))
        lives.append(live)
        for store in dict.fromkeys((reader.store, None)):  # where its copy in Redis cannot be read the file may do
            try:
                wallets.append(read_wallet(registry, entry.name, store))
                unread.pop(entry.name, None)
                break
            except NotCollected as error:
                unread.setdefault(entry.name, error)
                missing += without(registry, "wallet", entry)
                break
            except MarketctlError as error:
                unread[entry.name] = error
                problems.append(Problem("wallet", entry.name, error.message))
                if not isinstance(error, RedisFailed):
                    break
    if missing:
        names = ", ".join(missing)
        problems.append(Problem("missing", names, f"without a wallet, so left out: {names}"))
    graph = Graph({entry.name: entry for entry in entries}, now_ms(), avoid)
    for live in lives:
        graph.add_quotes(live)
    for wallet in wallets:
        graph.add_wallet(wallet)
    return graph, problems, unread


def places_of(graph: Graph, asset: str, provider: str | None, unread: Mapping[str, MarketctlError]) -> list[Place]:
    """Return where an asset may begin or end. Raises StorageFailed for one that nobody knows.

    Where a wallet that could not be read may know of it, raises why.
    """
    found = [place for place in graph.places(asset) if provider in (None, place[0])]
    if not found:
        if provider in graph.avoid.providers:
            raise StorageFailed(f"{asset}@{provider}: {provider} is to be avoided")
        if provider is not None and provider in unread:
            raise unread[provider]
        if unread and not graph.tickers(provider):
            raise _broken(unread) or StorageFailed("no wallet was collected yet", hint="marketctl wallet sync")
        others = " but those to be avoided" if graph.avoid.providers else ""
        if provider in graph.silent:  # its books may know of it
            raise StorageFailed(f"{asset}@{provider} is not known now: {graph.silent[provider]}")
        who = f"{provider} lists no" if provider else f"no provider{others} lists"
        broken = _broken(unread) if provider is None else None
        error: StorageFailed = no_such(who, asset, graph.tickers(provider), unread=broken)
        raise error
    return found


def _broken(unread: Mapping[str, MarketctlError]) -> MarketctlError | None:
    return next((error for error in unread.values() if not isinstance(error, NotCollected)), None)


def of_one_coin(graph: Graph, asset: str, places: list[Place], problems: list[Problem]) -> list[Place]:
    """Leave out the places whose coin of this name is another one than most mean, and tell them.

    Raises StorageFailed where that is all of them.
    """
    wallets = {
        name: {"collected_at": wallet.collected_at, "assets": dict(enumerate(wallet.coins(asset)))}
        for name, wallet in graph.wallets()
    }
    coins = find_coins(wallets)
    coins.addresses = {name: address_of(entry) for name, entry in graph.entries.items()}
    apart = coins.apart(asset, [provider for provider, _ in places])
    left = [place for place in places if place[0] not in apart]
    if not left:
        why = next(iter(apart.values()))
        raise StorageFailed(f"which {asset} is meant, nobody can say: {why}", hint=f"write {asset}@PROVIDER")
    problems += [Problem("twin", name, f"{name}: {why}; {asset}@{name} asks for it") for name, why in apart.items()]
    return left


# In words ---------------------------------------------------------------------------------


def describe(way: Way, amount: Fraction) -> dict[str, Any]:
    """Return a way in the shape of `--json`: amounts are texts, exact as far as they have an end."""
    steps = []
    for step, done in zip(way.steps, way.done, strict=True):
        amounts = {
            "given": plain(done.taken + done.left, DIGITS),
            "taken": plain(done.taken, DIGITS),
            "left": plain(done.left, DIGITS),
            "fee": plain(done.fee, DIGITS),
            "arrives": plain(done.arrived, DIGITS),
        }
        units = {"unit_in": step.source[1], "unit_out": step.target[1]}
        steps.append(step.to_dict() | amounts | units)
    return {
        "from": way.steps[0].source[0],
        "from_asset": way.steps[0].source[1],
        "to": way.steps[-1].target[0],
        "to_asset": way.steps[-1].target[1],
        "arrives": plain(way.arrived, DIGITS),
        "rate": plain(way.arrived / amount, DIGITS),
        "whole": not any(done.left for done in way.done),
        "steps": steps,
    }
