"""The formulas of rates.toml: read into a tree, worked out exactly over live quotes. Nothing is ever evaluated as code.

    sum      = product { ("+" | "-") product }
    product  = part { ("*" | "/") part }
    part     = "-" part | "(" sum ")" | ("min" | "max") "(" sum { "," sum } ")" | number ["%"] | constant | quote
    quote    = PROVIDER BASE/QUOTE ("bid" | "ask" | "mid")
    number   = digits ["." digits]            constant = a lower-case name of [constants]

A percentage behind `+` or `-` is one of what stands before it: `RAPIRA USDT/RUB bid - 1.5%` is 98.5 % of that bid.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from marketctl.text import closest, printable

SIDES = ("bid", "ask", "mid")
LONGEST = 1000  # characters
DEEPEST = 40  # brackets inside brackets
DIGITS = 40  # of one number

_number = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?![A-Za-z0-9_.])").match
_provider = re.compile(r"[A-Z0-9][A-Z0-9_-]*(?=\s|$)").match
_pair = re.compile(r"[^\s/()]+/[^\s/()]+").match
_name = re.compile(r"[a-z][a-z0-9_]*").match
_word = re.compile(r"[^\s()*/+,%]+").match


class FormulaError(Exception):
    """A formula cannot be read, or not be worked out; `at` is the character (from 0) where that shows."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


@dataclass(frozen=True)
class Leg:
    """A quote that a formula asks for: one side of a provider's pair."""

    provider: str
    pair: str
    side: str

    def __str__(self) -> str:
        return f"{self.provider} {self.pair} {self.side}"


@dataclass(frozen=True)
class Number:
    """A plain number; of a percentage its hundredth part."""

    value: Fraction


@dataclass(frozen=True)
class Sum:
    """Two parts added, subtracted, multiplied or divided."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Choice:
    """The least or the greatest of its parts."""

    word: str
    parts: tuple["Node", ...]


Node = Leg | Number | Sum | Choice


@dataclass(frozen=True)
class Formula:
    """What was read. `kind` is `number`, `percent`, or `doubtful`: a percentage times a number, of nothing."""

    node: Node
    kind: str

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The quotes it needs, each once, in the order they are written."""
        return tuple(dict.fromkeys(_legs(self.node)))


def parse(
    text: str, constants: Mapping[str, Formula] | None = None, providers: Mapping[str, object] | None = None
) -> Formula:
    """Read a formula; `providers` None lets every provider's name pass. Raises FormulaError with the place."""
    if len(text) > LONGEST:
        raise FormulaError(f"a formula of {len(text)} characters, expected at most {LONGEST}")
    return _Reader(text, constants or {}, providers).whole()


def work_out(node: Node, value_of: Callable[[Leg], Fraction]) -> Fraction:
    """Return a formula's value, exactly. Raises FormulaError for a division by zero."""
    match node:
        case Leg():
            return value_of(node)
        case Number(value):
            return value
        case Choice(word, parts):
            values = [work_out(part, value_of) for part in parts]
            return min(values) if word == "min" else max(values)
        case Sum(sign, first, second):
            left, right = work_out(first, value_of), work_out(second, value_of)
            if sign == "+":
                return left + right
            if sign == "-":
                return left - right
            if sign == "*":
                return left * right
            if not right:
                raise FormulaError("division by zero")
            return left / right
    raise AssertionError(node)


def _legs(node: Node) -> Iterator[Leg]:
    match node:
        case Leg():
            yield node
        case Sum(_, left, right):
            yield from _legs(left)
            yield from _legs(right)
        case Choice(_, parts):
            for part in parts:
                yield from _legs(part)


class _Reader:
    """Reads one text from left to right; each method reads one line of the grammar, or raises FormulaError."""

    def __init__(self, text: str, constants: Mapping[str, Formula], providers: Mapping[str, object] | None) -> None:
        self.text = text
        self.constants = constants
        self.providers = providers
        self.at = 0
        self.depth = 0

    def whole(self) -> Formula:
        found = self.sum()
        if self.peek():
            point = " (decimals are written with a point)" if self.peek() == "," else ""
            raise self.wrong(f"* / + - or the end{point}")
        return found

    def sum(self) -> Formula:
        self.depth += 1
        if self.depth > DEEPEST:
            raise FormulaError(f"more than {DEEPEST} brackets inside each other", self.at)
        left = self.product()
        while (sign := self.peek()) in ("+", "-"):
            at = self.at
            self.at += 1
            left = _added(sign, left, self.product(), at)
        self.depth -= 1
        return left

    def product(self) -> Formula:
        left = self.part()
        while (sign := self.peek()) in ("*", "/"):
            self.at += 1
            right = self.part()
            loose = "number" not in (left.kind, right.kind) or (
                left.kind != right.kind and not (left.legs if left.kind == "number" else right.legs)
            )
            left = Formula(Sum(sign, left.node, right.node), "doubtful" if loose else "number")
        return left

    def part(self) -> Formula:
        sign = self.peek()
        if sign == "-":
            self.at += 1
            self.depth += 1
            if self.depth > DEEPEST:
                raise FormulaError(f"more than {DEEPEST} signs before a number", self.at)
            found = self.part()
            self.depth -= 1
            return Formula(Sum("*", Number(Fraction(-1)), found.node), found.kind)
        if sign == "(":
            self.at += 1
            found = self.sum()
            self.expect(")")
            return found
        if found_number := _number(self.text, self.at):
            return self.number(found_number)
        if _provider(self.text, self.at):
            return self.quote()
        if found_name := _name(self.text, self.at):
            return self.named(found_name[0])
        raise self.wrong("a number, a constant or a quote such as KUCOIN BTC/USDT bid")

    def number(self, found: re.Match[str]) -> Formula:
        if len(found[1]) > DIGITS:
            raise FormulaError(f"a number of {len(found[1])} characters, expected at most {DIGITS}", self.at)
        self.at = found.end()
        value = Fraction(found[1])
        if self.peek() != "%":
            return Formula(Number(value), "number")
        self.at += 1
        return Formula(Number(value / 100), "percent")

    def named(self, name: str) -> Formula:
        start = self.at
        if name in ("min", "max"):
            self.at += len(name)
            return self.choice(name, start)
        known = self.constants.get(name)
        if known is None:
            close = closest(name, [*self.constants, "min", "max"])
            advice = f"did you mean {close}?" if close else "a quote begins with a provider in capital letters"
            raise FormulaError(f'there is no constant "{printable(name, 40)}"; {advice}', start)
        self.at += len(name)
        return known

    def choice(self, word: str, start: int) -> Formula:
        self.expect("(")
        parts = [self.sum()]
        while self.peek() == ",":
            self.at += 1
            parts.append(self.sum())
        self.expect(")")
        kinds = {part.kind for part in parts}
        if len(kinds) > 1 or "doubtful" in kinds:
            raise FormulaError(f"{word} of percentages and numbers together: a percentage of what?", start)
        return Formula(Choice(word, tuple(part.node for part in parts)), kinds.pop())

    def quote(self) -> Formula:
        provider = self.take(_provider, "a provider")
        if self.providers is not None and provider not in self.providers:
            close = closest(provider, self.providers)
            advice = f"did you mean {close}?" if close else "marketctl providers list shows them"
            raise FormulaError(f'no such provider "{printable(provider, 40)}"; {advice}', self.at - len(provider))
        self.peek()
        pair = self.take(_pair, f"a pair of {provider} such as BTC/USDT")
        if pair != pair.upper():
            raise FormulaError(f"found {printable(pair, 40)}, expected {pair.upper()}", self.at - len(pair))
        self.peek()
        side = self.take(_word, "bid, ask or mid")
        if side not in SIDES:
            close = closest(side.lower(), SIDES)
            advice = f"; did you mean {close}?" if close else ""
            at = self.at - len(side)
            raise FormulaError(f'found "{printable(side, 40)}", expected bid, ask or mid{advice}', at)
        return Formula(Leg(provider, pair, side), "number")

    def take(self, match: Callable[[str, int], "re.Match[str] | None"], expected: str) -> str:
        found = match(self.text, self.at)
        if found is None:
            raise self.wrong(expected)
        self.at = found.end()
        return found[0]

    def expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise self.wrong(f'"{sign}"')
        self.at += 1

    def peek(self) -> str:
        """Go to the next character that is no blank and return it; "" at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def wrong(self, expected: str) -> FormulaError:
        found = _word(self.text, self.at)
        told = found[0] if found else self.text[self.at : self.at + 1]
        shown = f'"{printable(told, 40)}"' if told else "the end"
        return FormulaError(f"found {shown}, expected {expected}", self.at)


def _added(sign: str, left: Formula, right: Formula, at: int) -> Formula:
    if "doubtful" in (left.kind, right.kind) or (left.kind, right.kind) == ("percent", "number"):
        raise FormulaError(f'"{sign}" with a percentage of nothing: write it as one figure, such as 1.5%', at)
    if left.kind == right.kind:
        return Formula(Sum(sign, left.node, right.node), left.kind)
    share = Sum(sign, Number(Fraction(1)), right.node)
    return Formula(Sum("*", left.node, share), "number")
