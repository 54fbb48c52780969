"""Read one field of an answer, or say exactly which one was wrong.

Bodies come from `http/messages.py` with every JSON number as int or Decimal, never as float.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from marketctl.errors import BadAnswer
from marketctl.http.columns import Columns
from marketctl.text import kind_of

# Exponents are written out, so an exponent is bounded before it is: "1e999999999" is a gigabyte.
MAX_DIGITS = 60

_PLAIN = r"(?:0|[1-9][0-9]{0,59})(?:\.[0-9]{1,60})?"

_plain = re.compile(_PLAIN).fullmatch

# Both are looked at where something is odd: compiled when that comes.
_SEVEN_PLAIN = ",".join([f"(?:{_PLAIN})?"] * 7)

_NUMBER = r"[+-]?(?:[0-9]{1,200}(?:\.[0-9]{0,200})?|\.[0-9]{1,200})(?:[eE][+-]?[0-9]{1,4})?"


class NotANumber(ValueError):
    """The value is no finite decimal number of a sane size."""


class ToldObject(dict[str, Any]):
    """The object an answer is, with the request it came for."""

    where = ""


class ToldList(list[Any]):
    """The list an answer is, with the request it came for."""

    where = ""


def told_by(body: Any, where: str) -> Any:
    """Return a body that names its request ("GET api.example.com/v1/time: HTTP 200") when it cannot be read."""
    if type(body) is Columns:
        body.where = where
    if type(body) not in (dict, list):
        return body
    named: ToldObject | ToldList = ToldObject(body) if type(body) is dict else ToldList(body)
    named.where = where
    return named


def bad_answer(body: object, words: str) -> BadAnswer:
    """Return the error of a body that cannot be read, with the request it came for."""
    where = getattr(body, "where", "")
    return BadAnswer(f"{where}: {words}" if where else words)


def decimal_text(value: object) -> str | None:
    """Return the digits of a number as sent, exponent written out; None and "" are None.

    Raises NotANumber for anything that is no number, and for numbers with more than 60 digits on
    one side of the point. A zero keeps its form ("0", "0.00") and has no sign.
    """
    if type(value) is str:
        if _plain(value):
            return value
        if not value:
            return None
        if not re.fullmatch(_NUMBER, value):
            raise NotANumber(repr(value[:40]))
        return _written_out(Decimal(value))
    if value is None:
        return None
    if type(value) is Decimal:
        return _written_out(value)
    if type(value) is int:
        if -(10**MAX_DIGITS) < value < 10**MAX_DIGITS:
            return str(value)
        raise NotANumber("a number of more than 60 digits")
    raise NotANumber(kind_of(value))


def seven_plain(values: tuple[Any, ...]) -> bool:
    """Tell whether seven values are what `decimal_text` would return as it is, or nothing: a row in one look."""
    try:
        joined = ",".join(["" if value is None else value for value in values])
    except TypeError:  # numbers
        return False
    return re.fullmatch(_SEVEN_PLAIN, joined) is not None


def _written_out(number: Decimal) -> str:
    if not number:
        number = number.copy_abs()  # "-0.00" is nothing, and not below it
    # Most numbers are short and have no exponent.
    if _plain(told := str(number)):
        return told
    if len(told) < 100 and abs(number.adjusted()) < MAX_DIGITS and _plain(told := format(number, "f")):
        return told
    # Bounded by both its ends: neither 1e400 nor 1e-400 nor a million digits gets through.
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS or number.adjusted() >= MAX_DIGITS:
        raise NotANumber(str(number)[:40])
    return format(number, "f")


def is_zero(text: str) -> bool:
    """Tell whether a decimal text is zero in any form."""
    return not text.strip("-0.")


@lru_cache(maxsize=1024)  # a few rates, told for thousands of networks
def shift_point(text: str, places: int) -> str:
    """Move the decimal point: `shift_point("0.022", 2)` is "2.2" (a ratio as percent)."""
    sign, digits, exponent = Decimal(text).as_tuple()
    # Not scaleb: it rounds to the context's precision.
    return format(Decimal((sign, digits, int(exponent) + places)), "f")


def step_precision(step: str) -> int:
    """Turn a step into a count of decimals: "0.001" is 3, "1" is 0."""
    return len(step.partition(".")[2].rstrip("0"))


def text(value: object) -> str | None:
    """Return a non-empty text, else None. A number is written out."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        try:
            return decimal_text(value)
        except NotANumber:
            return str(value)[:200]
    return None


def code(value: object) -> str | None:
    """Return a usable code (asset, network, symbol): printable, no blanks at the ends, at most 64 characters."""
    found = text(value)
    if found is None or len(found) > 64 or not found.isprintable() or found != found.strip():
        return None
    return found


LIMIT = 10**18  # of whole numbers


def integer(value: object) -> int | None:
    """Return a whole number told as number or as digits, else None."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if len(digits) <= 18 and digits.isascii() and digits.isdecimal() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < LIMIT else None
    if isinstance(value, Decimal):
        # adjusted() first: arithmetic on 1e9999999 overflows.
        whole = value.is_finite() and value.adjusted() < 18 and value == value.to_integral_value()
        return int(value) if whole else None
    return None


def count(value: object) -> int | None:
    """Return a whole number of 0 to 10^9 (digits, confirmations), else None."""
    found = integer(value)
    return found if found is not None and 0 <= found <= 10**9 else None


_FLAGS: Mapping[object, bool] = {"1": True, "0": False, "true": True, "false": False, 1: True, 0: False}


def flag(value: object) -> bool | None:
    """Return a switch told as boolean, 0/1 or their texts; anything else is unknown."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _FLAGS.get(value.lower())
    return _FLAGS.get(value) if isinstance(value, int) else None


def member(body: object, *path: str) -> Any:
    """Walk into nested objects. Raises BadAnswer with the path where one is missing."""
    found = body
    for depth, key in enumerate(path):
        if not isinstance(found, dict):
            where = ".".join(path[:depth]) or "the answer"
            raise bad_answer(body, f"{where} is {kind_of(found)}, expected an object with {key!r}")
        if key not in found:
            raise bad_answer(body, f"{'.'.join(path[: depth + 1])} is missing from the answer")
        found = found[key]
    return found


def objects(found: object) -> list[dict[str, Any]]:
    """Return a list's elements; one that is no object reads as an empty one. What is no list has none."""
    if type(found) is Columns:
        return found
    return [row if isinstance(row, dict) else {} for row in found] if isinstance(found, list) else []


def mapping(found: object) -> dict[str, Any]:
    """Return an object as it is; what is none reads as an empty one."""
    return found if isinstance(found, dict) else {}


def rows(body: object, *path: str) -> list[dict[str, Any]]:
    """Return the objects of the list at a path; an element that is no object reads as an empty one.

    Raises BadAnswer when it is no list or empty: an outage is no empty list.
    """
    return objects(_filled(body, path, list, "list"))


def named(found: list[dict[str, Any]], *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield each row that has a usable code in all of these fields, with the codes: `row, symbol, base, quote`."""
    for row in found:
        codes = [code(row.get(name)) for name in names]
        if all(codes):
            yield row, *codes


def table(body: object, *path: str) -> dict[str, Any]:
    """Return the object at a path. Raises BadAnswer when it is something else or empty."""
    found: dict[str, Any] = _filled(body, path, dict, "object")
    return found


def _filled(body: object, path: tuple[str, ...], kind: type, word: str) -> Any:
    """Return what stands at a path, if it is of this kind and not empty. Raises BadAnswer."""
    found = member(body, *path)
    where = ".".join(path) or "the answer"
    if not isinstance(found, kind):
        raise bad_answer(body, f"{where} is {kind_of(found)}, expected {'an' if word[0] in 'aeiou' else 'a'} {word}")
    if not found:
        raise bad_answer(body, f"{where} is an empty {word}")
    return found
