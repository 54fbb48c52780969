"""One table of rates.toml read key by key; each error says in which line and column it shows."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

from marketctl.config.registry import Registry
from marketctl.config.table import found_text
from marketctl.errors import ConfigError
from marketctl.rates.formula import Formula, FormulaError, parse
from marketctl.rates.places import place_of
from marketctl.text import closest, printable


class Section:
    """One table of the file, read key by key. Each reader raises ConfigError, which says where in the file it is."""

    def __init__(self, path: Path, text: str, keys: tuple[str | int, ...], values: Any) -> None:
        self.path = path
        self.text = text
        self.keys = keys
        self.values: dict[str, Any] = values

    def error(
        self, name: str, message: str, *, index: int | None = None, at: int | None = None, key: bool = False
    ) -> ConfigError:
        """Make the error for a key, for an element of its list, or for a character inside its text."""
        keys: tuple[str | int, ...] = (*self.keys, name) if index is None else (*self.keys, name, index)
        line, column = place_of(self.text, keys, at, key=key or name not in self.values)
        words = " ".join(str(one + 1) if isinstance(one, int) else one for one in (*self.keys, name))
        return ConfigError(f"{self.path}: line {line}, column {column}: {words}: {message}")

    def wrong(self, name: str, expected: str, *, index: int | None = None) -> ConfigError:
        """Make the error for a value of another kind."""
        value = self.values.get(name)
        found = value if index is None or not isinstance(value, list) else value[index]
        return self.error(name, f"found {_found(found)}, expected {expected}", index=index)

    def unknown(self, name: str, known: Iterable[str], what: str = "key") -> ConfigError:
        """Make the error for a key that does not exist, with the closest one that does."""
        names = list(known)
        close = closest(name, names)
        advice = f'did you mean "{close}"?' if close else f"expected one of {', '.join(names) or 'none'}"
        return self.error(name, f"no such {what}; {advice}", key=True)

    def expect(self, *names: str) -> None:
        """Raise ConfigError for the first other key: asked before all else, so that no slip is told as a lack."""
        for name in self.values:
            if name not in names:
                raise self.unknown(name, names)

    def needed(self, found: Any, name: str, expected: str) -> Any:
        """Return what was found; raise ConfigError where it is None."""
        if found is None:
            raise self.error(name, f"found nothing, expected {expected}")
        return found

    def section(self, name: str) -> "Section":
        """Return a table inside this one; an empty one where there is none."""
        values = self.values.get(name)
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise self.wrong(name, "a table")
        return Section(self.path, self.text, (*self.keys, name), values)

    def sections(self, name: str) -> "list[Section]":
        """Return the tables under `[[name]]`."""
        values = self.values.get(name)
        if values is None:
            values = []
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise self.wrong(name, f"tables, each under [[{name}]]")
        return [Section(self.path, self.text, (*self.keys, name, place), one) for place, one in enumerate(values)]

    def word(self, name: str, fits: Callable[[str], object], expected: str) -> str | None:
        """Return a text that fits, None where there is none."""
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and fits(value)):
            return value
        raise self.wrong(name, expected)

    def words(self, name: str, fits: Callable[[str], object], expected: str) -> tuple[str, ...]:
        """Return a list of texts, or one text alone."""
        value = self.values.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            if not fits(value):
                raise self.wrong(name, expected)
            return (value,)
        if not isinstance(value, list):
            raise self.wrong(name, f"a list of {expected}")
        for index, one in enumerate(value):
            if not isinstance(one, str) or not fits(one):
                raise self.wrong(name, expected, index=index)
            if one in value[:index]:
                raise self.error(name, f'found "{printable(one, 40)}" twice, expected it once', index=index)
        return tuple(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return a switch."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def count(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number between two bounds, both included; None where there is none."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(name, f"a whole number from {low} to {high}")
        return value

    def seconds(self, name: str) -> float | None:
        """Return a time span above zero and of at most a year; None where there is none."""
        value = self.values.get(name)
        if value is None:
            return None
        number = None if isinstance(value, bool) or not isinstance(value, int | Decimal) else Decimal(value)
        if number is None or number.is_nan() or not 0 < number <= 31_536_000:
            raise self.wrong(name, "seconds, more than 0 and at most a year")
        return float(value)

    def figure(self, name: str) -> Fraction | None:
        """Return an amount above zero, exactly; None where there is none."""
        value = self.values.get(name)
        if value is None:
            return None
        found = _decimal(value)
        if found is None or found <= 0:
            raise self.wrong(name, 'an amount above 0, such as "0.01"')
        return Fraction(found)

    def formula(self, name: str, constants: Mapping[str, Formula], registry: Registry) -> Formula | None:
        """Return a formula; a bare number is one as well."""
        value = self.values.get(name)
        if value is None:
            return None
        text = value if isinstance(value, str) else None if _decimal(value) is None else format(_decimal(value), "f")
        if text is None:
            raise self.wrong(name, "a formula")
        try:
            return parse(text, constants, registry.providers)
        except FormulaError as error:
            raise self.error(name, error.message, at=error.at) from error


def _found(value: Any) -> str:
    return f"{value} (number)" if isinstance(value, Decimal) else found_text(value)


def _decimal(value: Any) -> Decimal | None:
    """Read a figure of at most 40 digits, written as a number or as a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and len(format(found, "f")) <= 40 else None
