"""What of a ccxt result stands in the answer as it was sent: the rest is computed, guessed or made up there."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from marketctl.providers.fields import NotANumber, decimal_text
from marketctl.times import END_MS, from_iso


class Row:
    """One raw row, with its numbers by the text they were sent in."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.texts = frozenset(leaves(raw))

    def figure(self, value: Any) -> str | None:
        """Return a figure as it was sent; None for one that does not stand in the row."""
        if type(value) is not str:
            return None  # a float: its digits are gone
        if value in self.texts:
            return value
        try:
            text = decimal_text(value)
            if text is None:
                return None
            number = Decimal(text)
            # "1.50" may have become "1.5" on its way; what was sent counts.
            return next((one for one in self.texts if (told := _number(one)) is not None and told == number), None)
        except NotANumber:
            return None

    def time(self, value: Any) -> int | None:
        """Return a time in milliseconds that the row tells in any common form; None for one that is made up."""
        if type(value) is not int or not 0 < value < END_MS:
            return None
        return value if any(_is_time(one, value) for one in self.texts) else None

    def tells(self, *keys: str) -> bool:
        """Tell whether the row has a value under each of these keys."""
        return isinstance(self.raw, dict) and all(self.raw.get(key) not in (None, "") for key in keys)

    def get(self, key: str | None) -> Any:
        """Return what stands under a key, None where nothing does."""
        return self.raw.get(key) if isinstance(self.raw, dict) and key else None


def leaves(raw: Any) -> Iterator[str]:
    """Yield the texts and numbers of an answer, at any depth."""
    if isinstance(raw, dict):
        for one in raw.values():
            yield from leaves(one)
    elif isinstance(raw, list):
        for one in raw:
            yield from leaves(one)
    elif isinstance(raw, str):
        yield raw
    elif isinstance(raw, int) and not isinstance(raw, bool):
        yield str(raw)


def _number(text: str) -> Decimal | None:
    try:
        told = decimal_text(text)
    except NotANumber:
        return None
    return None if told is None else Decimal(told)


def _is_time(text: str, ms: int) -> bool:
    if text.isascii() and text.isdigit():
        # Milliseconds, microseconds, nanoseconds, seconds.
        told = f"{ms}"
        return told in (text, text[:-3], text[:-6]) or told == f"{text}000"
    if not text[:4].isdigit():
        return False
    number = _number(text)
    if number is not None:
        return number * 1000 == ms
    try:
        return from_iso(text) == ms
    except ValueError:
        return False
