"""How results are shown: tables on a terminal, bare rows in a pipe, other forms as asked, or one JSON document."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import click

from marketctl.cli.globals import Globals
from marketctl.cli.table import Aged, Column, arrange, arrange_records, as_columns, seconds, spoken
from marketctl.text import sentence

__all__ = ["Aged", "Column", "print_document", "print_json", "print_rows", "seconds", "sentence"]


def for_people(given: Globals) -> bool:
    """Tell whether a table is drawn: on a terminal, or because it was asked for."""
    return given.form == "table" or (given.form is None and sys.stdout is not None and sys.stdout.isatty())


def write(text: str) -> None:
    """Write to stdout; what its encoding has no letters for is escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace"), nl=False)


def paragraph(given: Globals, text: str) -> str:
    """Return a line of prose, for people broken at blanks where the terminal ends."""
    if not for_people(given):
        return f"{text}\n"
    import textwrap

    from marketctl.cli.terminal import size

    return "\n".join(textwrap.wrap(text, size()[0], subsequent_indent="    ", break_on_hyphens=False)) + "\n"


def print_rows(given: Globals, columns: Sequence[Column | str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table: on a terminal fitted to it, in a pipe bare rows, tab-separated, or in the form asked for.

    Unknown is "-" in a table, empty elsewhere. Raises UsageError for a column that does not exist.
    """
    from marketctl.redact import redact_data

    chosen, found = arrange(given.shape, as_columns(columns), rows)
    found = redact_data(found)
    if for_people(given):
        _print_table(given, chosen, found)
    else:
        write(rows_text(given, chosen, found))


def rows_text(given: Globals, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in a form for machines."""
    from marketctl.cli import table

    header = given.header is not False
    if given.form in ("tsv", "csv"):
        return table.delimited(columns, rows, given.form, header)
    if given.form == "md":
        return table.markdown(columns, rows, header)
    if given.form == "ndjson":
        return table.ndjson(columns, rows)
    lines = ["\t".join([spoken(one, value) for one, value in zip(columns, row, strict=True)]) for row in rows]
    if given.header:
        lines.insert(0, "\t".join([column.key for column in columns]))
    return "".join([f"{line}\n" for line in lines])


def _print_table(given: Globals, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    from marketctl.cli import terminal
    from marketctl.log import log

    drawn = terminal.draw(
        columns,
        rows,
        terminal.size()[0],
        color=terminal.may_color(given.no_color),
        header=given.header is not False,
        keep=given.columns is not None,
    )
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not (on_terminal and not given.redrawn and terminal.page(drawn.lines)):
        write("".join([f"{line}\n" for line in drawn.lines]))
    if drawn.left_out:
        log.warning("no room for: %s (--columns, --format or a wider terminal shows them)", ", ".join(drawn.left_out))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print comma-separated rows with a header. Unknown is empty."""
    from marketctl.cli.table import delimited
    from marketctl.redact import redact_data

    write(delimited(as_columns(columns), redact_data(list(rows)), "csv", True))


def json_text(document: Any, *, one_line: bool = False) -> str:
    """Return one JSON document without secrets; decimals are texts already."""
    from marketctl.redact import redact_data

    indent = None if one_line else 2
    return json.dumps(redact_data(document), ensure_ascii=False, indent=indent, sort_keys=True, default=_plain)


def print_json(document: Any, *, one_line: bool = False) -> None:
    """Print one JSON document."""
    click.echo(json_text(document, one_line=one_line).encode("utf-8", "backslashreplace"))


def print_document(given: Globals, document: Mapping[str, Any], *, one_line: bool = False) -> None:
    """Print a command's JSON document, its results sorted, cut and picked as asked, with when and how long.

    Raises UsageError for a field that no result has.
    """
    from marketctl.times import now_ms, run_id, to_iso

    found = dict(document)
    if given.columns or given.sort or given.limit is not None:
        found["results"] = arrange_records(given.shape, found["results"])
    began = {"run_id": run_id(given.started_ms), "started_at": to_iso(given.started_ms)}
    print_json(began | {"duration_ms": max(0, now_ms() - given.started_ms)} | found, one_line=one_line)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in JSON output")
