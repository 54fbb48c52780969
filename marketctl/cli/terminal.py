"""Tables on a terminal: fitted to its width, figures aligned on the point, states in colour."""

import os
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import click

from marketctl.cli.table import Column, printable_cell, spoken

GAP = "  "
TEXT_MIN = 12  # a text is not shortened below that before a column that can be missed goes
RED = ("closed", "failed", "fail", "refused", "twin", "crossed", "never", "expired", "failing", "halted")
AMBER = (
    "stale",
    "held",
    "skipped",
    "warn",
    "unconfigured",
    "outlier",
    "disagree",
    "jump",
    "unproven",
    "overdue",
    "gone",
)
GREEN = ("best", "ok", "pass", "proven", "opened", "fresh", "open", "healthy")
COLORS = {
    **dict.fromkeys(GREEN, "green"),
    **dict.fromkeys(AMBER, "yellow"),
    **dict.fromkeys(RED, "red"),
    "unknown": "magenta",
}
RANKS = ("red", "yellow", "magenta", "green")


class Drawn(NamedTuple):
    """The lines of a table, and the titles of columns there was no room for."""

    lines: list[str]
    left_out: list[str]


def text_width(text: str) -> int:
    """Return how many places of a terminal a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(char) in ("Mn", "Me", "Cf") else 2 if east_asian_width(char) in ("W", "F") else 1 for char in text
    )


def shorten(text: str, width: int, *, keep_end: bool = False) -> str:
    """Cut a text to a width, with "…" where something is missing."""
    if text_width(text) <= width:
        return text
    kept, left = "", width - 1
    for char in reversed(text) if keep_end else text:
        left -= text_width(char)
        if left < 0:
            break
        kept = char + kept if keep_end else kept + char
    return f"…{kept}" if keep_end else f"{kept}…"


def size() -> tuple[int, int]:
    """Return columns and lines of the terminal; 80 × 24 where there is none. COLUMNS and LINES win."""
    found = [_env("COLUMNS"), _env("LINES")]
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        if all(found):
            break
        try:
            real = os.get_terminal_size(stream.fileno()) if stream is not None else None
        except (OSError, ValueError):
            continue
        if real is not None and real.columns:
            found = [found[0] or real.columns, found[1] or real.lines]
    return found[0] or 80, found[1] or 24


def _env(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 6 else 0


def draw(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    width: int,
    *,
    color: bool = False,
    header: bool = True,
    keep: bool = False,
) -> Drawn:
    """Draw a table no wider than `width`. Columns empty in every row go, unless `keep` (they were asked for)."""
    cells = [
        [spoken(column, value, places=True) or "-" for column, value in zip(columns, row, strict=True)] for row in rows
    ]
    named = [column._replace(title=column.head, unit=None) for column in columns]
    fit = _Fit(named, [list(column) for column in zip(*cells, strict=True)] if cells else [[] for _ in columns])
    if rows and not keep:
        fit.drop_empty()
    fit.align()
    fit.to(width)
    lines = [] if not header else [_bold(line, color) for line in fit.heads()]
    return Drawn(lines + fit.lines(color), fit.left_out)


class _Fit:
    """A table on its way to a width: its columns, their cells column by column."""

    def __init__(self, columns: list[Column], cells: list[list[str]]) -> None:
        self.columns = columns
        self.cells = cells
        self.stacked = False
        self.left_out: list[str] = []

    # What is done to make it fit, from harmless to painful ------------------------------------

    def to(self, width: int) -> None:
        """Make it fit. Figures are never cut: the least important columns go instead."""
        self._times(19, width)
        self._texts(width, 2 * TEXT_MIN, last_only=True)
        if self.total() > width:
            self.stacked = True
        self._times(16, width)
        while self.total() > width and (ranks := [column.rank for column in self.columns[1:]]) and max(ranks):
            self._drop(1 + ranks.index(max(ranks)))
        self._texts(width, TEXT_MIN // 2)
        while self.total() > width and (figures := self._later_figures()):
            self._drop(figures[-1])
        self._texts(width, 1, names=True)

    def drop_empty(self) -> None:
        for index in reversed(range(1, len(self.columns))):
            if all(cell in ("-", self.columns[index].blank) for cell in self.cells[index]):
                del self.columns[index], self.cells[index]

    def _drop(self, index: int) -> None:
        self.left_out.append(self.columns[index].title)
        del self.columns[index], self.cells[index]

    def _later_figures(self) -> list[int]:
        return [index for index, column in enumerate(self.columns) if index and not column.is_text]

    def _times(self, places: int, width: int) -> None:
        for index, column in enumerate(self.columns):
            if column.kind == "time" and self.total() > width:
                self.cells[index] = [
                    cell[:places].replace("T", " ") if cell[4:5] == "-" else cell for cell in self.cells[index]
                ]

    def _texts(self, width: int, least: int, *, last_only: bool = False, names: bool = False) -> None:
        kinds = ("text", "path") if not names else ("text", "path", "name", "word", "time", "flag")
        found = [index for index, column in enumerate(self.columns) if column.kind in kinds]
        for index in list(reversed(found))[: 1 if last_only else None]:
            over = self.total() - width
            if over <= 0:
                return
            room = max(least, self.width(index) - over)
            end = self.columns[index].kind == "path"
            self.cells[index] = [shorten(cell, room, keep_end=end) for cell in self.cells[index]]
            if names or self._title_width(index) > room:
                self.columns[index] = self.columns[index]._replace(title=shorten(self.columns[index].title, room))

    # What it looks like -----------------------------------------------------------------------

    def align(self) -> None:
        """Put the points of each column of figures below each other."""
        for index, column in enumerate(self.columns):
            if column.kind == "number":
                self.cells[index] = _on_the_point(self.cells[index])

    def _title_width(self, index: int) -> int:
        title = self.columns[index].title
        return max(map(text_width, title.split())) if self.stacked else text_width(title)

    def width(self, index: int) -> int:
        return max([self._title_width(index), *map(text_width, self.cells[index])])

    def total(self) -> int:
        return sum(map(self.width, range(len(self.columns)))) + len(GAP) * (len(self.columns) - 1)

    def heads(self) -> list[str]:
        """Return the lines of the header: one, or with stacked words as many as the longest title has."""
        words = [_stack(column.title.upper(), self.width(index)) for index, column in enumerate(self.columns)]
        height = max(map(len, words))
        return [
            self._line([[""] * (height - len(title)) + title for title in words], line, None) for line in range(height)
        ]

    def lines(self, color: bool) -> list[str]:
        count = len(self.cells[0]) if self.cells else 0
        self._widths = [self.width(index) for index in range(len(self.columns))]
        return [self._line(self.cells, row, color, self._widths) for row in range(count)]

    def _line(
        self, cells: Sequence[Sequence[str]], row: int, color: bool | None, widths: list[int] | None = None
    ) -> str:
        parts = []
        for index, column in enumerate(self.columns):
            cell = cells[index][row]
            pad = " " * ((widths[index] if widths else self.width(index)) - text_width(cell))
            shown = click.style(cell, fg=tint) if color and (tint := _tint(column, cell)) else cell
            parts.append(pad + shown if column.is_figure else shown + pad)
        return GAP.join(parts).rstrip()


def _stack(title: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in title.split():
        if lines and text_width(lines[-1]) + 1 + text_width(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _on_the_point(cells: list[str]) -> list[str]:
    """Pad figures behind, so that right-aligned their points meet. What is no figure stands at the right."""
    behind = [_places(cell) for cell in cells]
    most = max((places for places in behind if places is not None), default=0)
    return [
        cell if places is None else cell + " " * (most - places + (1 if most and not places else 0))
        for cell, places in zip(cells, behind, strict=True)
    ]


def _places(cell: str) -> int | None:
    """Return the digits behind the point; "-", the unknown one, stands where whole numbers end."""
    if cell == "-":
        return 0
    try:
        Decimal(cell)
    except InvalidOperation:
        return None
    return len(cell.partition(".")[2])


def _bold(line: str, color: bool) -> str:
    return click.style(line, bold=True) if color else line


def _tint(column: Column, cell: str) -> str | None:
    """Return the colour of a state: the worst of the words in a cell."""
    if column.kind == "flag":
        return "red" if cell == "no" else None
    if column.kind not in ("word", "age"):
        return None
    found = {COLORS[word] for word in cell.replace(",", " ").replace(":", " ").split() if word in COLORS}
    return next((color for color in RANKS if color in found), None)


def may_color(no_color: bool) -> bool:
    """Tell whether stdout may be coloured: a terminal that can, and nobody said no."""
    return (
        sys.stdout is not None
        and sys.stdout.isatty()
        and not no_color
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


def page(lines: list[str]) -> bool:
    """Show what is longer than the terminal in a pager; false when it is not, or nobody sits there."""
    if sys.stdin is None or not sys.stdin.isatty() or os.environ.get("TERM") == "dumb":
        return False
    if len(lines) < size()[1] or os.environ.get("PAGER") in ("", "cat"):
        return False
    os.environ.setdefault("LESS", "FRSX")  # as git: leave at once what fits, keep colours, chop long lines
    click.echo_via_pager("\n".join(lines) + "\n", color=True)
    return True


__all__ = ["Drawn", "draw", "may_color", "page", "printable_cell", "shorten", "size", "text_width"]
