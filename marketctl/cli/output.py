"""How results are shown: tables on a terminal, tab-separated rows in a pipe, one JSON document with --json."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import click

from marketctl.cli.options import Globals

COLORS = {
    "ok": "green",
    "pass": "green",
    "skipped": "yellow",
    "warn": "yellow",
    "failed": "red",
    "fail": "red",
    "unconfigured": "yellow",
    "unknown": "magenta",
}


def sentence(message: str, hint: str | None = None) -> str:
    """Join what was wrong and what to do next into one line."""
    message = printable_cell(" ".join(message.split()))
    return f"{message.rstrip('.')}. Next: {hint.rstrip('.')}." if hint else message


def use_color(given: Globals) -> bool:
    """Tell whether stdout may be coloured."""
    return sys.stdout.isatty() and not given.no_color and not os.environ.get("NO_COLOR")


def printable_cell(value: Any) -> str:
    """Return a cell's text, fit for a terminal: no control characters, unknown is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if text.isprintable() else "".join(char if char.isprintable() else "�" for char in text)


def print_rows(given: Globals, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on a terminal; in a pipe bare rows, tab-separated. Unknown is "-" in a table, empty in a row."""
    cells = [[printable_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            click.echo("\t".join(row))
        return
    cells = [[cell or "-" for cell in row] for row in cells]
    widths = [max(len(column), *(len(row[index]) for row in cells), 0) for index, column in enumerate(columns)]
    color = use_color(given)
    header = "  ".join(column.upper().ljust(width) for column, width in zip(columns, widths, strict=True))
    click.echo(click.style(header.rstrip(), bold=True) if color else header.rstrip())
    for row in cells:
        line = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if color:
            line = [click.style(cell, fg=COLORS[cell.strip()]) if cell.strip() in COLORS else cell for cell in line]
        click.echo("  ".join(line).rstrip())


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print comma-separated rows with a header. Unknown is empty."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([printable_cell(value) for value in row] for row in rows)
    click.echo(text.getvalue(), nl=False)


def json_text(document: Any) -> str:
    """Return one JSON document without secrets; decimals are texts already."""
    from marketctl.redact import redact

    return redact(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, default=_plain))


def print_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(document).encode("utf-8", "backslashreplace"))


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in JSON output")


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
