"""docs/reading.md explains every column and every word of the tables, in both languages."""

import ast
import re
from pathlib import Path

import pytest

from marketctl.cli.terminal import COLORS
from tests.cli.tables import tables

ROOT = Path(__file__).parent.parent


def explained(page: str) -> set[str]:
    """Return the words of a page's tables: what stands in their first columns, divided by commas."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.M)
    return {word.strip("` *") for row in rows for word in row.split(",")}


def constants(pattern: str, call: str, place: int) -> set[str]:
    """Return the texts that a call has at a place, in all modules that fit."""
    found = set()
    for path in (ROOT / "marketctl").glob(pattern):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == call:
                for value in ast.walk(node.args[place]) if len(node.args) > place else ():
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        found.add(value.value)
    return found


@pytest.mark.parametrize("page", ["reading.md", "reading.ru.md"])
def test_every_column_and_word_is_explained(page):
    known = explained(page)
    titles = {column.title for columns in tables().values() for column in columns}
    assert len(titles) > 80
    assert titles - known == set()
    words = {*COLORS} - {"best"}  # "best bid", "best ask"
    assert words - known == set()


@pytest.mark.parametrize("page", ["reading.md", "reading.ru.md"])
def test_every_reason_of_a_row_that_is_left_out_and_every_verdict_is_explained(page):
    skipped = constants("providers/batch.py", "skip", 1)
    verdicts = constants("sentinel/judge.py", "Verdict", 0)
    assert {"crossed", "no-price", "unknown-symbol"} <= skipped
    assert {"outlier", "jump", "explained"} <= verdicts
    assert (skipped | verdicts) - explained(page) == set()
