"""Words for people: what is printable, what a value is, which word was meant."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from marketctl.redact import redact

if TYPE_CHECKING:
    from fractions import Fraction


def kind_of(value: object) -> str:
    """Name the JSON type of a value, for messages."""
    from decimal import Decimal

    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


DECIMAL = r"-?[0-9]{1,60}+(?:\.[0-9]{1,60}+)?+"
"""A decimal as it is stored: no exponent, at most 60 digits on either side of the point."""


def are_decimals(texts: Iterable[Any]) -> bool:
    """Tell whether all of these are decimals as they are stored; what is no text is none."""
    import re

    told = [*texts, ""]
    try:
        joined = ",".join(told)
    except TypeError:
        return False
    return joined.count(",") == len(told) - 1 and re.fullmatch(rf"(?:{DECIMAL},)*+", joined) is not None


def printable(value: object, limit: int = 200) -> str:
    """Return a provider's words fit for a terminal and a log: one line, no control characters, cut short."""
    found = kind_of(value) if isinstance(value, list | dict) else str(value)
    if len(found) > limit:
        found = redact(found)  # a part of a secret would not be known for one
    found = " ".join("".join(char if char.isprintable() else " " for char in found[: limit * 4]).split())
    return found if len(found) <= limit else found[: limit - 1] + "…"


# What begins so is no step: nothing is to be done but to wait.
WAITS = ("not before", "wait", "try again")


def sentence(message: str, hint: str | None = None) -> str:
    """Join what was wrong and what to do next into one line, fit for a terminal."""
    words = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(message.split()))
    if hint is None or not hint:
        return words
    joint = "; " if hint.startswith(WAITS) else ". Next: "
    return f"{words.rstrip('.')}{joint}{hint.rstrip('.')}."


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the most similar of the known words, None when none is close."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def plain(value: "Fraction", digits: int = 60) -> str:
    """Write a value as a plain decimal without trailing zeros; one that has no end is cut after so many digits."""
    from decimal import Decimal

    denominator, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0:
            denominator //= prime
            count += 1
        places = max(places, count)
    if denominator != 1 or places > digits:
        places = digits
    scaled = abs(value.numerator) * 10**places // value.denominator
    text = format(Decimal((0, tuple(map(int, str(scaled))), -places)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"-{text}" if value < 0 and scaled else text
