"""The cheapest ways of the wallet page, as `convert` finds them: some are on the page, a server answers any other.

A search looks at all books of all providers, which takes a hundredth of a second and more: a page of the disk holds
the answers for the watched assets between any two providers, as many whole assets as make no more than QUESTIONS.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from statistics import median
from typing import Any

from marketctl.board.compact import safe, words
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.convert.assumed import Told
from marketctl.convert.graph import Graph
from marketctl.convert.wallets import wallet_of
from marketctl.convert.ways import Converted, answer, convert
from marketctl.errors import ConfigError, MarketctlError
from marketctl.text import plain, sentence
from marketctl.times import now_ms
from marketctl.views.quotes import Live, open_reader

QUESTIONS = 60
STEPS, TOP = 3, 2  # of an answer on the page: sell, send, buy
COIN, WORTH = "USDT", 1000  # an asset's usual amount is worth some so much of this coin
LONGEST = 100  # letters of a word in a question


def gather_ways(
    registry: Registry,
    entries: Sequence[ProviderEntry],
    lives: Iterable[Live],
    wallets: Iterable[Mapping[str, Any] | None],
    made_ms: int,
) -> dict[str, Any]:
    """Return the answers that are on a page, in columns: asset → its amount, and ways from provider to provider.

    A step is a list of the values of `keys`; what a way rests on stands in `assumed`, each once.
    """
    graph = Graph({entry.name: entry for entry in entries}, made_ms)
    for live in lives:
        graph.add_quotes(live)
    for wallet in wallets:
        if wallet is not None:
            graph.add_wallet(wallet_of(wallet))
    packed = _Packed(entries)
    room = QUESTIONS
    for asset in registry.watch.assets:
        amount = usual_amount(graph, asset)
        questions = list(permutations(graph.places_of(asset), 2))
        if amount is None or not questions or len(questions) > room:
            continue
        room -= len(questions)
        packed.amounts[asset] = plain(amount)
        for start, goal in questions:
            packed.add(
                start[0], goal[0], asset, answer(graph, registry, amount, [start], [goal], top=TOP, max_steps=STEPS)
            )
    return packed.to_dict()


def usual_amount(graph: Graph, asset: str) -> Fraction | None:
    """Return 1, 2 or 5 times a power of ten that is worth nearly WORTH by the books; None where nobody trades it."""
    if asset == COIN:
        return Fraction(WORTH)
    trades = [trade for provider in graph.books for trade in graph.out_of((provider, asset)) if trade[1] == COIN]
    rates = [trade[3] for trade in trades]
    if not rates:
        bought = [trade for provider in graph.books for trade in graph.into((provider, asset)) if trade[0] == COIN]
        rates = [1 / trade[3] for trade in bought]
    if not rates:
        return None
    whole, power = Fraction(WORTH) / Fraction(median(rates)), Fraction(1)
    while power * 10 <= whole:
        power *= 10
    while power > whole:
        power /= 10
    return max(power * lead for lead in (1, 2, 5) if power * lead <= whole)


class _Packed:
    """Answers, with what comes again and again told once."""

    def __init__(self, entries: Sequence[ProviderEntry]) -> None:
        self.amounts: dict[str, str] = {}
        self._places = {entry.name: place for place, entry in enumerate(entries)}
        self._keys: dict[str, list[str]] = {}
        self._assumed: list[list[Any]] = []
        self._answers: list[list[Any]] = []

    def add(self, start: str, goal: str, asset: str, found: Converted) -> None:
        told = tell(found)
        ways = [
            [way["arrives"], way["rate"], way["whole"], [self._step(step) for step in way["steps"]],
             [self._place(one) for one in way["assumed"]]]
            for way in told["ways"]
        ]  # fmt: skip
        why = [{}, None] if ways else [told["left_out"], told["cause"]]
        self._answers.append([self._places[start], self._places[goal], asset, told["complete"], *why, ways])

    def _step(self, step: Mapping[str, Any]) -> list[Any]:
        self._keys.setdefault(step["step"], list(step))
        return list(step.values())

    def _place(self, assumption: list[Any]) -> int:
        if assumption not in self._assumed:
            self._assumed.append(assumption)
        return self._assumed.index(assumption)

    def to_dict(self) -> dict[str, Any]:
        return {"steps": STEPS, "top": TOP, "amounts": self.amounts, "keys": self._keys, "assumed": self._assumed,
                "answers": self._answers}  # fmt: skip


def tell(found: Converted) -> dict[str, Any]:
    """Return an answer as the page shows it: what was left out is counted, what a way rests on has keys for words."""
    ways = []
    for way, assumed in zip(found.ways, found.assumed, strict=True):
        steps = [step | {"notes": [safe(note) for note in step["notes"]]} if "notes" in step else step
                 for step in way["steps"]]  # fmt: skip
        ways.append(
            {name: way[name] for name in ("arrives", "rate", "whole")}
            | {
                "steps": steps,
                "assumed": list(map(_safe, assumed)),
            }
        )
    return {
        "amount": found.amount,
        "ways": ways,
        "complete": found.complete,
        "cause": None if found.cause is None else _safe(found.cause),
        "left_out": {reason: len(told) for reason, told in found.left_out.items()},
        "problems": [[one.key, one.whose, words(one.words)] for one in found.problems],
    }


def _safe(told: Told) -> list[Any]:
    key, values = told
    return [key, {name: safe(value) for name, value in values.items()}]


def answer_question(registry: Registry, asked: Mapping[str, Sequence[str]]) -> tuple[bool, bytes]:
    """Answer what a page asks a server: `amount`, `from` and `to`, as they are given to `convert`.

    False with an answer that says why there is none: a reason (errors.py) and our words.
    """
    given = [asked.get(name, [""])[0].strip() for name in ("amount", "from", "to")]
    try:
        if any(len(word) > LONGEST for word in given):
            raise ConfigError(f"a word of the question is longer than {LONGEST} letters")
        with open_reader(registry) as reader:
            told = tell(convert(reader, *given)) | {"at": now_ms()}
    except MarketctlError as error:
        return False, _written({"error": [error.reason, words(sentence(error.message, error.hint))]})
    return True, _written(told)


def _written(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace")
