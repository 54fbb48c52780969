"""Read one table of a TOML file key by key, or say which key was wrong, what was found and what is expected."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketctl.errors import ConfigError
from marketctl.redact import mask_url
from marketctl.text import closest, printable

YEAR_S = 365 * 86400


def parse_toml(
    text: str, path: Path, *, secret: bool = False, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Return the data of a TOML text; of a secret one only the place of a mistake is told. Raises ConfigError."""
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        why = ": too deeply nested"
    except ValueError as error:
        # The parser's words may quote the file.
        place = re.search(r"at (?:line \d+, column \d+|end of document)", str(error))
        why = f": {error}" if not secret else f" ({place[0]})" if place else ""
    raise ConfigError(f"{path}: not valid TOML{why}", hint="correct the file there") from None


@dataclass(eq=False, repr=False, slots=True)
class Table:
    """A table and the file it stands in, as the user named it. Keys nobody asked for are unknown.

    Each reader raises ConfigError for what is written otherwise.
    """

    file: str
    name: str
    values: dict[str, object]
    known: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Return how messages about this table begin."""
        return f"{self.file}: [{self.name}]" if self.name else f"{self.file}:"

    def wrong(self, key: str, expected: str, value: object = None) -> ConfigError:
        """Make the error for a key; `value` is the element of a list that was wrong."""
        found = found_text(self.values.get(key) if value is None else value)
        return ConfigError(f"{self.where} {key}: found {found}, expected {expected}")

    def table(self, key: str) -> "Table":
        """Return a table inside this one; an empty one when there is none."""
        values = self._take(key)
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise self.wrong(key, "a table")
        return Table(self.file, f"{self.name}.{key}" if self.name else key, values)

    def flag(self, key: str, default: bool) -> bool:
        """Return a switch."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def seconds(self, key: str, default: float) -> float:
        """Return a time span above zero; whole seconds stay an integer."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= YEAR_S:
            raise self.wrong(key, f"seconds, more than 0 and at most {YEAR_S}")
        return value

    def count(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number between two bounds, both included."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"an integer from {low} to {high}")
        return value

    def share(self, key: str, default: Decimal, low: Decimal, high: Decimal, expected: str) -> Decimal:
        """Return a number between two bounds, both included, with the digits it is written with."""
        value = self._take(key)
        if value is None:
            return default
        number = None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(repr(value))
        if number is None or number.is_nan() or not low <= number <= high:
            raise self.wrong(key, f"{expected}, from {low} to {high}")
        return number

    def decimal(self, key: str, expected: str, high: Decimal) -> str | None:
        """Return a figure from 0 to `high` with the digits that were written, as a text or as a number."""
        value = self._take(key)
        if value is None:
            return None
        text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", text) or Decimal(text) > high:
            raise self.wrong(key, expected)
        return text

    def text(self, key: str, fits: Callable[[str], object], expected: str, *, secret: bool = False) -> str | None:
        """Return a text that fits, None when there is none. A secret that does not fit is not shown."""
        value = self._take(key)
        if value is None or (isinstance(value, str) and fits(value)):
            return value
        if secret and isinstance(value, str):
            raise ConfigError(
                f"{self.where} {key}: found another text (not shown: it is a secret), expected {expected}"
            )
        raise self.wrong(key, expected)

    def texts(self, key: str, fits: Callable[[str], object], expected: str) -> tuple[str, ...]:
        """Return a list of texts that fit, none twice; () when there is no list."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            raise self.wrong(key, f"a list of {expected}")
        texts: list[str] = []
        for item in value:
            if not isinstance(item, str) or not fits(item):
                raise self.wrong(key, expected, item)
            if item in texts:
                raise ConfigError(f'{self.where} {key}: found "{printable(item, 60)}" twice, expected it once')
            texts.append(item)
        return tuple(texts)

    def unknown(self) -> dict[str, object]:
        """Return what nobody asked for."""
        return {key: value for key, value in self.values.items() if key not in self.known}

    def refuse_unknown(self) -> None:
        """Raise ConfigError for the first key nobody asked for."""
        for key in self.unknown():
            raise unknown_key(self.where, key, self.known)

    def _take(self, key: str) -> object:
        self.known.append(key)
        return self.values.get(key)


def unknown_key(where: str, key: str, known: Iterable[str]) -> ConfigError:
    """Make the error for a key that does not exist, with the closest one that does."""
    known = list(known)
    close = closest(key, known)
    advice = f'did you mean "{close}"?' if close else f"expected one of {', '.join(known)}"
    return ConfigError(f'{where} unknown key "{printable(key, 60)}"; {advice}')


def found_text(value: object) -> str:
    """Describe a TOML value on one line, without the password of a URL."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{str(value).lower()} (boolean)"
        case str():
            return f'"{printable(mask_url(value), 60)}" (string)'
        case int():
            return f"{value if abs(value) < 10**20 else 'more than 20 digits'} (integer)"
        case float():
            return f"{value} (float)"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a table"
    return f"{value} (date or time)"
