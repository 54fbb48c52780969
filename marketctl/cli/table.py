"""What a table is made of: columns with a kind, chosen, sorted and cut as asked, and its forms for machines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click

FORMS = ("table", "tsv", "csv", "md", "json", "ndjson")
FORMULA = ("=", "+", "-", "@")  # what a formula begins with in a sheet
KINDS = ("text", "path", "name", "word", "flag", "number", "age", "time")


class Column(NamedTuple):
    """A column: its title, what kind of values it holds, and how dear it is where there is little room.

    `kind`: text (may be shortened), path (shortened at its front), name (an identity), word (a state), flag (True,
    False, None), number (a decimal as text, or an int), age (milliseconds), time (ISO). `places`: decimals on a
    terminal. `rank`: the higher, the sooner it goes. `extra`: shown when `--columns` or `--sort` names it. `unit` is
    told in the header for people, `blank` a value that says as little as an unknown one.
    """

    title: str
    kind: str = "text"
    places: int | None = None
    rank: int = 0
    extra: bool = False
    largest_first: bool = False
    unit: str | None = None
    blank: str | None = None

    @property
    def head(self) -> str:
        """Its title for people, with the unit."""
        return f"{self.title} {self.unit}" if self.unit else self.title

    @property
    def key(self) -> str:
        """Its name for machines."""
        return self.title.replace("%", "percent").replace(" ", "_")

    @property
    def is_figure(self) -> bool:
        """Tell whether it stands at the right."""
        return self.kind in ("number", "age")

    @property
    def is_text(self) -> bool:
        """Tell whether it may be shortened."""
        return self.kind in ("text", "path", "name")


class Aged(NamedTuple):
    """An age with a word beside it."""

    ms: int | None
    word: str

    def __str__(self) -> str:
        return f"{seconds(self.ms) or 'unknown'} {self.word}".rstrip()


class Shape(NamedTuple):
    """What was asked for: `--format`, `--columns`, `--sort`, `--limit`, `--header`."""

    form: str | None = None
    columns: str | None = None
    sort: str | None = None
    limit: int | None = None
    header: bool | None = None


def as_columns(columns: Iterable[Column | str]) -> list[Column]:
    """Return columns; a bare title is a text."""
    return [Column(column) if isinstance(column, str) else column for column in columns]


def printable_cell(value: Any) -> str:
    """Return a cell's text, fit for a terminal: no control characters, unknown is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if text.isprintable() else "".join(char if char.isprintable() else "�" for char in text)


def spoken(column: Column, value: Any, *, places: bool = False) -> str:
    """Return a value for people; `places` rounds figures to those of the column."""
    if column.kind == "age" and isinstance(value, int):
        return seconds(value)
    if places and column.places is not None and value is not None:
        from decimal import Decimal, InvalidOperation

        try:
            return f"{Decimal(str(value)):.{column.places}f}"
        except InvalidOperation:
            pass
    return printable_cell(value)


def seconds(ms: int | None) -> str:
    """Show a duration or an age: 0.4 s, 12 s, 5 min, 3 h, 2 d."""
    if ms is None:
        return ""
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if ms >= 2 * size:
            return f"{ms // size} {unit}"
    return f"{ms // 1000} s"


# Choose, sort, cut ------------------------------------------------------------------------


def arrange(
    shape: Shape, columns: Sequence[Column], rows: Iterable[Sequence[Any]]
) -> tuple[list[Column], list[Sequence[Any]]]:
    """Return the columns and rows asked for. Raises UsageError for a column that does not exist."""
    found = list(rows)
    if shape.sort is not None:
        name, down = sort_key(shape.sort)
        index = _index(columns, name)
        found = ordered(found, lambda row: row[index], columns[index].largest_first if down is None else down)
    if shape.limit is not None:
        found = found[: shape.limit]
    if shape.columns is not None:
        chosen = [_index(columns, name) for name in split_names(shape.columns)]
    else:
        sorted_by = sort_key(shape.sort)[0] if shape.sort else None
        chosen = [i for i, column in enumerate(columns) if not column.extra or _same(column, sorted_by)]
    if chosen == list(range(len(columns))):
        return list(columns), found
    return [columns[index] for index in chosen], [[row[index] for index in chosen] for row in found]


def arrange_records(shape: Shape, records: Sequence[Any]) -> list[Any]:
    """Do the same to the results of a JSON document, by the names of their fields. Raises UsageError."""
    found = list(records)
    if shape.sort is not None:
        name, down = sort_key(shape.sort)
        field = _field(found, name)
        found = ordered(found, lambda record: record.get(field), down is True or (down is None and _is_volume(name)))
    if shape.limit is not None:
        found = found[: shape.limit]
    if shape.columns is not None:
        fields = [_field(found, name) for name in split_names(shape.columns)]
        found = [{field: record.get(field) for field in fields} for record in found]
    return found


def _is_volume(name: str) -> bool:
    return name.endswith("volume")


def sort_key(text: str) -> tuple[str, bool | None]:
    """Read `NAME`, `-NAME`, `NAME:asc`, `NAME:desc`: the name, and whether the largest comes first (None: as usual)."""
    name, _, way = text.partition(":")
    if way not in ("", "asc", "desc"):
        raise click.UsageError(f'--sort {text}: found ":{way}", expected ":asc" or ":desc".')
    if name.startswith("-"):
        return name[1:], True
    return name, {"": None, "asc": False, "desc": True}[way]


def split_names(text: str) -> list[str]:
    """Read names divided by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def ordered(records: list[Any], pick: Any, down: bool) -> list[Any]:
    """Sort by one value: figures by size, texts by letters, what is unknown last in both directions."""
    known = [record for record in records if pick(record) is not None]
    known.sort(key=lambda record: _rank(pick(record)), reverse=down)
    return known + [record for record in records if pick(record) is None]


def _rank(value: Any) -> tuple[int, Any]:
    from decimal import Decimal, InvalidOperation

    if isinstance(value, Aged):
        value = value.ms or 0
    if isinstance(value, bool | int | Decimal):
        return 0, Decimal(value)
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return 1, str(value)
    return (0, found) if found.is_finite() else (1, str(value))


def _same(column: Column, name: str | None) -> bool:
    return name is not None and name.lower().replace("-", "_") in (column.key.lower(), column.title.lower())


def _index(columns: Sequence[Column], name: str) -> int:
    for index, column in enumerate(columns):
        if _same(column, name):
            return index
    raise click.UsageError(f"no column {printable_cell(name)}; there are {', '.join(one.key for one in columns)}.")


def _field(records: Sequence[Any], name: str) -> str:
    names: dict[str, None] = {}
    for record in records:
        if isinstance(record, Mapping):
            names.update(dict.fromkeys(record))
    asked = name.lower().replace("-", "_").replace("%", "percent").replace(" ", "_")
    for field in (asked, f"{asked}_ms", asked.removesuffix("_s") + "_ms"):
        if field in names or not records:
            return field
    raise click.UsageError(f"no field {printable_cell(name)} in the results; there are {', '.join(names)}.")


# Forms for machines -----------------------------------------------------------------------


def machine_columns(columns: Sequence[Column]) -> list[str]:
    """Return the header for machines: an age has a second column, in seconds."""
    return [name for one in columns for name in ([one.key, f"{one.key}_s"] if one.kind == "age" else [one.key])]


def machine_row(columns: Sequence[Column], row: Sequence[Any]) -> list[Any]:
    """Return a row for machines: exact digits, an age spoken and in seconds."""
    found: list[Any] = []
    for column, value in zip(columns, row, strict=True):
        found.append(value)
        if column.kind == "age":
            found[-1] = spoken(column, value) or None
            ms = value.ms if isinstance(value, Aged) else value
            found.append(ms / 1000 if isinstance(ms, int) else None)
    return found


def delimited(columns: Sequence[Column], rows: Iterable[Sequence[Any]], form: str, header: bool) -> str:
    """Return rows divided by tabs or commas."""
    names = machine_columns(columns)
    lines = [[printable_cell(value) for value in machine_row(columns, row)] for row in rows]
    if header:
        lines.insert(0, names)
    if form == "tsv":
        return "".join("\t".join(line) + "\n" for line in lines)
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[for_sheet(cell) for cell in line] for line in lines])
    return text.getvalue()


def for_sheet(cell: str) -> str:
    """Return a cell that a sheet takes for what it is: a text that would be a formula there is kept a text."""
    import re

    figure = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?", cell)
    return f"'{cell}" if cell.startswith(FORMULA) and not figure else cell


def markdown(columns: Sequence[Column], rows: Iterable[Sequence[Any]], header: bool) -> str:
    """Return a table in Markdown."""
    lines = [[spoken(one, value) for one, value in zip(columns, row, strict=True)] for row in rows]
    if header:
        lines.insert(0, [column.head for column in columns])
        lines.insert(1, ["---:" if column.is_figure else "---" for column in columns])
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def ndjson(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> str:
    """Return one JSON object a line: decimals are texts, unknown is null."""
    import json

    names = machine_columns(columns)
    lines = [
        json.dumps(
            {name: _plain(value) for name, value in zip(names, machine_row(columns, row), strict=True)},
            ensure_ascii=False,
        )
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)
