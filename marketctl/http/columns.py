"""Long JSON texts, read by msgspec; a list of rows in columns: a third of the time of an object a row.

What comes of it is what JSON's own decoder finds, or that one reads the text.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, SupportsIndex

from marketctl.lean_imports import import_msgspec

if TYPE_CHECKING:
    from msgspec.json import Decoder

DEPTH = 3  # objects around the list, at most

MOST_ROWS = 250_000  # a hundred times what a venue lists


class Columns(list[Any]):
    """A list of rows that has them in columns alone. Numbers that are not whole stand in it as texts, as sent."""

    where = ""

    def __init__(self, columns: dict[str, list[Any]], count: int) -> None:
        super().__init__()
        self._columns = columns
        self._count = count

    def column(self, name: str) -> list[Any]:
        """Return what the rows have under a name, None where one has nothing; of no name, nothing.

        Raises LookupError for a name that was not asked for: what the rows have there is not known any more.
        """
        if name and name not in self._columns:
            raise LookupError(f"{name!r} is not among the names that `columns` has of this list's rows")
        return self._columns[name] if name else [None] * self._count

    def __len__(self) -> int:
        """How many rows."""
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Make the rows."""
        return (dict(zip(self._columns, row, strict=True)) for row in zip(*self._columns.values(), strict=True))

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        """Make a row, or some."""
        return list(iter(self))[place]


def read_long(content: bytes, names: Sequence[str] = ()) -> Any:
    """Return the value of a JSON text, numbers exact; a list whose rows have these names in `Columns`.

    Raises ValueError, ArithmeticError, RecursionError for what JSON's own decoder may read nevertheless.
    """
    names = tuple(dict.fromkeys(filter(None, names)))
    if names:
        with suppress(ValueError):
            body, lists = _in_columns(_of_rows(names).decode(content), names)
            if not content.isascii():  # what a row has beside these names was passed over, and has to be UTF-8 as well
                for row in content.split(b"}"):
                    if not row.isascii():
                        row.decode()
            if lists == 1:
                return body
    return _of_anything().decode(content)


@cache
def _of_anything() -> "Decoder[Any]":
    import_msgspec()
    from msgspec.json import Decoder

    return Decoder(float_hook=Decimal)


@cache
def _of_rows(names: tuple[str, ...]) -> "Decoder[Any]":
    """Return what reads objects around a list of rows, and of each row these names alone."""
    import_msgspec()
    from msgspec import defstruct, field
    from msgspec.json import Decoder

    members = [(f"n{place}", Any, field(default=None, name=name)) for place, name in enumerate(names)]
    row: Any = defstruct("Row", members, gc=False)
    level: Any = list[row]
    for _ in range(DEPTH):
        level = dict[str, level] | list[row] | str | int | bool | None  # of another number the digits would be lost
    return Decoder(level, float_hook=str)


def _in_columns(body: Any, names: Sequence[str]) -> tuple[Any, int]:
    """Put rows in columns; tell how many lists of them there were. Raises ValueError for rows of another kind."""
    if isinstance(body, list) and body:
        if len(body) > MOST_ROWS:
            raise ValueError("more rows than an answer of this size has with something in them")
        columns = {name: list(map(attrgetter(f"n{place}"), body)) for place, name in enumerate(names)}
        if all(column.count(None) == len(column) for column in columns.values()):
            raise ValueError("rows without these names")
        return Columns(columns, len(body)), 1
    found = 0
    for name, one in body.items() if isinstance(body, dict) else ():
        body[name], here = _in_columns(one, names)
        found += here
    return body, found
