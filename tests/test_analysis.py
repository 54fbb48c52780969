"""The recipes of docs/analysis.md, run by DuckDB on files as marketctl writes them."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from marketctl.files.archive import Archive
from marketctl.models import Quote
from marketctl.redis.quotes import write_mirror
from marketctl.times import from_iso

duckdb = pytest.importorskip("duckdb", reason="of the extra dev: pip install --editable '.[dev]'")

RECIPES = re.findall("```sql\n(.*?)```", (Path(__file__).parent.parent / "docs/analysis.md").read_text(), re.DOTALL)
T0 = from_iso("2026-11-26T10:00:00Z")


@pytest.fixture
def data(tmp_path, monkeypatch):
    line = '{"at":"2026-11-26T10:00:0%d.000Z","pair":"BTC/USDT","bid":"%s","ask":"2"}'
    for second, bid in ((0, "1.10"), (1, "0.000000000123")):
        Archive(tmp_path, "BYBIT", T0 + second, 30).append(['{"at":"2026-11-26T10:00:00.000Z"}', line % (second, bid)])
    none = [None] * 8
    quotes = {"A/B": Quote("S", "1.10", "1.30", *none), "C/D": Quote("S", "1", "1.000000000001", *none)}
    write_mirror(tmp_path / "prices/BYBIT.json", {"schema": 1}, quotes)
    monkeypatch.chdir(tmp_path)


def test_archive_recipe_is_exact_over_members(data):
    rows = duckdb.sql(RECIPES[0]).fetchall()
    assert [row[1] for row in rows] == [Decimal("1.100000000000"), Decimal("0.000000000123")]


def test_mirror_recipe_is_exact(data):
    assert duckdb.sql(RECIPES[1]).fetchall() == [("A/B", Decimal("0.200000000000")), ("C/D", Decimal("0.000000000001"))]
