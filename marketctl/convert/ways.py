"""What arrives: from the words of the command line to the best ways, each with every assumption it rests on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from marketctl.config.registry import Registry
from marketctl.convert.graph import Avoid, Graph
from marketctl.convert.search import MAX_STEPS, Way, find_ways
from marketctl.convert.steps import Place, Step, Trade, Transfer
from marketctl.convert.wallets import read_wallet
from marketctl.errors import ConfigError, MarketctlError, StorageFailed
from marketctl.text import plain, printable
from marketctl.times import now_ms
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import no_such

DIGITS = 28  # decimals of an amount; what has no end is cut there

ALWAYS = (
    "every trade is filled at once at the best level, and the books stay as they are until the money is there",
    "lot sizes, least order amounts and deposit fees are not told by the sources and taken as none",
)


@dataclass
class Converted:
    """The best ways and what was not on any: `left_out` by reason, `problems` in words."""

    amount: str
    ways: list[dict[str, Any]]
    complete: bool
    left_out: dict[str, list[str]]
    problems: list[str] = field(default_factory=list)


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
    graph, problems = gather(reader, sort_avoid(avoid, registry))
    starts, goals = (places_of(graph, asset, provider) for provider, asset in ends)
    starts = [one for one in starts if one not in goals]
    if not starts:
        raise ConfigError(f"{printable(source, 60)} is {printable(target, 60)} already: nothing is to be converted")
    wanted = [word.strip().upper() for word in via]
    found = find_ways(
        graph, figure, starts, goals, top=top, max_steps=max_steps, wanted=lambda steps: passes(steps, wanted)
    )
    problems.extend(graph.unreadable())
    if graph.unpriced:
        problems.append(f"no taker_fee, so no trades: {', '.join(graph.unpriced)}")
    ways = [describe(way, figure, registry) for way in found.ways]
    left_out = {reason: sorted(told) for reason, told in sorted(graph.left_out.items())}
    return Converted(plain(figure), ways, found.complete, left_out, problems)


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
    from marketctl.providers.networks import network_names

    names = [word.strip() for word in words]
    networks = network_names()
    providers = frozenset(word.upper() for word in names if word.upper() in registry.providers)
    slugs = frozenset(word.lower() for word in names if word.lower() in networks and word != word.upper())
    tickers = frozenset(word.upper() for word in names) - providers - {slug.upper() for slug in slugs}
    return Avoid(providers, tickers, slugs)


def passes(steps: Sequence[Step], wanted: Sequence[str]) -> bool:
    """Tell whether a way goes over all providers, assets and networks that were named."""
    if not wanted:
        return True
    seen = {word.upper() for step in steps for word in (*step.source, *step.target)}
    seen |= {step.leaving.slug.upper() for step in steps if isinstance(step, Transfer)}
    return seen.issuperset(wanted)


def gather(reader: Reader, avoid: Avoid) -> tuple[Graph, list[str]]:
    """Read books and wallets of all enabled providers; what cannot be read is told and is on no way."""
    registry = reader.registry
    entries = registry.enabled()
    problems: list[str] = []
    lives, wallets = [], []
    if reader.away is not None and not isinstance(reader.away, ConfigError):
        problems.append(f"books are from the mirror: {reader.away.message}")
    for entry in entries:
        if entry.name in avoid.providers:
            continue
        live = reader.read(entry, as_stored=True)
        if live.state != "never" and (words := live.words()):
            problems.append(f"{entry.name}: {words}")
        lives.append(live)
        try:
            wallets.append(read_wallet(registry, entry.name))
        except MarketctlError as error:
            problems.append(error.message)
    graph = Graph({entry.name: entry for entry in entries}, now_ms(), avoid)
    for live in lives:
        graph.add_quotes(live)
    for wallet in wallets:
        graph.add_wallet(wallet)
    return graph, problems


def places_of(graph: Graph, asset: str, provider: str | None) -> list[Place]:
    """Return where an asset may begin or end. Raises StorageFailed for one that nobody knows."""
    found = [place for place in graph.places(asset) if provider in (None, place[0])]
    if not found:
        who = f"{provider} lists no" if provider else "no provider lists"
        error: StorageFailed = no_such(who, asset, graph.tickers(provider))
        raise error
    return found


# In words ---------------------------------------------------------------------------------


def describe(way: Way, amount: Fraction, registry: Registry) -> dict[str, Any]:
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
        "assumptions": list(dict.fromkeys([*_assumptions(way, registry), *ALWAYS])),
    }


def _assumptions(way: Way, registry: Registry) -> Iterable[str]:
    for step, done in zip(way.steps, way.done, strict=True):
        yield from _of_trade(step, registry) if isinstance(step, Trade) else _of_transfer(step)
        if isinstance(step, Trade) and done.left:
            left = f"{plain(done.left, DIGITS)} {step.source[1]} stay at {step.provider}"
            yield f"{step.provider} {step.pair}: the best level takes {plain(done.taken, DIGITS)}; {left}"
        elif done.left:
            left = f"{plain(done.left, DIGITS)} {step.source[1]} stay at {step.source[0]}"
            yield f"{step.source[0]} sends {plain(done.taken, DIGITS)} (decimals and limits of the network); {left}"


def _of_trade(step: Trade, registry: Registry) -> Iterable[str]:
    fee = registry.provider(step.provider).taker_fee
    if fee is not None:
        how = "is assumed" if fee.assumed else "is set"
        yield f"{step.provider}: a taker fee of {fee.percent} % {how} ({fee.source}), kept back of what is bought"
    if step.size is None:
        yield f"{step.provider} {step.pair}: the size of the best level is not told, and taken as enough"


def _of_transfer(step: Transfer) -> Iterable[str]:
    where = f"{step.leaving.ticker} over {step.leaving.slug}, {step.leaving.provider} to {step.entering.provider}"
    leaving, entering = step.leaving.network, step.entering.network
    if step.identity != "proven":
        yield f"{where}: the same coin is not proven, {step.why}"
    figures = {
        "a fixed fee": leaving.get("withdraw_fee"),
        "a least withdrawal": leaving.get("withdraw_min"),
        "a least deposit": entering.get("deposit_min"),
    }
    for name, told in figures.items():
        if told is None:
            yield f"{where}: {name} is not told, and taken as none"
    for end, note in ((step.leaving.provider, leaving.get("note")), (step.entering.provider, entering.get("note"))):
        if note:
            yield f"{where}: {end} comments on the network: {printable(note, 100)}"
    if step.leaving.precision is None:
        yield f"{where}: the decimals of the network are not told, nothing is rounded"
    if leaving.get("memo_required") is None or entering.get("memo_required") is None:
        yield f"{where}: whether a memo is needed is not told by both"
