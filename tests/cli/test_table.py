"""The renderer of tables: widths, points, colours, and the forms for machines."""

import json
from decimal import Decimal

import click
import pytest

from marketctl.cli.globals import Globals
from marketctl.cli.output import print_csv, print_document, print_rows
from marketctl.cli.table import Aged, Column
from marketctl.cli.terminal import draw, may_color, shorten, size, text_width
from tests.cli.tables import tables

QUOTES = (
    Column("provider", "name"),
    Column("bid", "number"),
    Column("mid", "number"),
    Column("spread %", "number", places=3),
    Column("age", "age"),
    Column("mark", "word"),
    Column("volume", "number", extra=True, largest_first=True),
    Column("note"),
)
ROWS = [
    ("BYBIT", "91179.45", None, "0.0935199", 300, "best bid", "9", "龙猫"),
    ("WHITEBIT", "0.000012", None, "0.19", 74_000, "stale", "12.5", None),
    ("MEXC", None, None, None, None, None, None, "a long story that goes on and on, further than the eye can see"),
]


def table(width: int, **more: object) -> list[str]:
    columns = [column for column in QUOTES if not column.extra]
    rows = [[value for column, value in zip(QUOTES, row, strict=True) if not column.extra] for row in ROWS]
    return draw(columns, rows, width, **more).lines


def test_points_meet_figures_stand_right_empty_columns_go_the_last_text_is_cut():
    assert table(80) == [
        "PROVIDER           BID  SPREAD %    AGE  MARK      NOTE",
        "BYBIT     91179.45         0.094  0.3 s  best bid  龙猫",
        "WHITEBIT      0.000012     0.190   74 s  stale     -",
        "MEXC          -            -          -  -         a long story that goes on an…",
    ]


def test_a_narrow_one_stacks_its_header_and_cuts_texts_but_no_figure():
    assert table(60) == [
        "                        SPREAD",
        "PROVIDER           BID       %    AGE  MARK      NOTE",
        "BYBIT     91179.45       0.094  0.3 s  best bid  龙猫",
        "WHITEBIT      0.000012   0.190   74 s  stale     -",
        "MEXC          -          -          -  -         a long sto…",
    ]
    for width in range(20, 100):
        lines = table(width)
        assert max(map(text_width, lines)) <= width
        assert width < 48 or all(figure in "".join(lines) for figure in ("91179.45", "0.000012", "0.094", "74 s"))


def test_what_has_no_room_is_named_least_important_first():
    columns = [Column("name", "name"), *(Column(f"n{rank}", "number", rank=rank) for rank in (2, 0, 3, 1))]
    drawn = draw(columns, [("x", "1234567890", "1234567890", "1234567890", "1234567890")], 30)
    assert drawn.left_out == ["n3", "n2"]
    assert drawn.lines[0].split() == ["NAME", "N0", "N1"]


def test_times_lose_their_ends_before_a_column_goes():
    columns = [Column("at", "time"), Column("what", "name")]
    row = ("2026-11-26T01:06:04.430Z", "x" * 10)
    assert draw(columns, [row], 36).lines[1].startswith("2026-11-26T01:06:04.430Z  ")
    assert draw(columns, [row], 35).lines[1].startswith("2026-11-26 01:06:04  ")
    assert draw(columns, [row], 28).lines[1].startswith("2026-11-26 01:06  ")


def test_states_have_colours_and_figures_none():
    columns = [Column("deposit", "flag"), Column("verdict", "word"), Column("fee", "number"), Column("age", "age")]
    rows = [(False, "refused", "1", Aged(4_000, "stale")), (True, "best bid, stale", "2", 10)]
    lines = draw(columns, rows, 80, color=True).lines
    assert lines[1] == "\x1b[31mno\x1b[0m       \x1b[31mrefused\x1b[0m            1  \x1b[33m4.0 s stale\x1b[0m"
    assert lines[2] == "yes      \x1b[33mbest bid, stale\x1b[0m    2        0.0 s"


@pytest.mark.parametrize(
    ("environment", "no_color", "colored"),
    [({}, False, True), ({"NO_COLOR": "1"}, False, False), ({"TERM": "dumb"}, False, False), ({}, True, False)],
)
def test_colours_on_a_terminal_that_can(monkeypatch, environment, no_color, colored):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert not may_color(no_color)  # a pipe
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert may_color(no_color) is colored


def test_widths_count_what_a_terminal_shows(monkeypatch):
    assert [text_width(text) for text in ("abc", "龙猫", "é", "e\u0301", "ｱ")] == [3, 4, 1, 1, 1]
    assert [shorten("龙猫龙猫", width) for width in (8, 7, 4)] == ["龙猫龙猫", "龙猫龙…", "龙…"]
    assert shorten("/srv/data/raw/x.json", 12, keep_end=True) == "…/raw/x.json"
    monkeypatch.setenv("COLUMNS", "132")
    monkeypatch.setenv("LINES", "50")
    assert size() == (132, 50)


# Forms ------------------------------------------------------------------------------------


def shown(capsys, **given: object) -> str:
    print_rows(Globals(**given), QUOTES, ROWS)
    return capsys.readouterr().out


def test_a_pipe_has_bare_rows_with_all_digits_as_ever(capsys):
    assert shown(capsys).splitlines() == [
        "BYBIT\t91179.45\t\t0.0935199\t0.3 s\tbest bid\t龙猫",
        "WHITEBIT\t0.000012\t\t0.19\t74 s\tstale\t",
        "MEXC\t\t\t\t\t\ta long story that goes on and on, further than the eye can see",
    ]
    assert shown(capsys, header=True).splitlines()[0] == "provider\tbid\tmid\tspread_percent\tage\tmark\tnote"


def test_tsv_and_csv_have_a_header_and_ages_in_seconds(capsys):
    assert shown(capsys, form="csv").splitlines()[:3] == [
        "provider,bid,mid,spread_percent,age,age_s,mark,note",
        "BYBIT,91179.45,,0.0935199,0.3 s,0.3,best bid,龙猫",
        "WHITEBIT,0.000012,,0.19,74 s,74.0,stale,",
    ]
    assert (
        shown(capsys, form="tsv", header=False, limit=1) == "BYBIT\t91179.45\t\t0.0935199\t0.3 s\t0.3\tbest bid\t龙猫\n"
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x")', '"\'=HYPERLINK(""http://x"")"'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+7 495", "'+7 495"),
        ("-2+3", "'-2+3"),
        ("- closed -", "'- closed -"),
        ("a=b", "a=b"),
        ("-0.0025", "-0.0025"),
        ("-12", "-12"),
        (Decimal("-3.50"), "-3.50"),
        (-1.5, "-1.5"),
    ],
)
def test_csv_has_no_text_that_a_sheet_takes_for_a_formula(capsys, value, cell):
    print_rows(Globals(form="csv", header=False), ["note"], [(value,)])
    assert capsys.readouterr().out == f"{cell}\n"
    print_rows(Globals(form="tsv", header=False), ["note"], [(value,)])
    assert capsys.readouterr().out == f"{value}\n"  # programs get what was told
    print_csv(["note"], [(value,)])
    assert capsys.readouterr().out == f"note\n{cell}\n"


def test_markdown_and_ndjson(capsys):
    assert shown(capsys, form="md", columns="provider,spread %", limit=1).splitlines() == [
        "| provider | spread % |",
        "| --- | ---: |",
        "| BYBIT | 0.0935199 |",
    ]
    first, *_, last = shown(capsys, form="ndjson", columns="provider,bid,age").splitlines()
    assert json.loads(first) == {"provider": "BYBIT", "bid": "91179.45", "age": "0.3 s", "age_s": 0.3}
    assert json.loads(last) == {"provider": "MEXC", "bid": None, "age": None, "age_s": None}


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("bid", "WHITEBIT BYBIT MEXC"),
        ("bid:desc", "BYBIT WHITEBIT MEXC"),
        ("-spread_percent", "WHITEBIT BYBIT MEXC"),
        ("spread %", "BYBIT WHITEBIT MEXC"),
        ("volume", "WHITEBIT BYBIT MEXC"),
        ("volume:asc", "BYBIT WHITEBIT MEXC"),
        ("provider", "BYBIT MEXC WHITEBIT"),
        ("age:desc", "WHITEBIT BYBIT MEXC"),
    ],
)
def test_sorted_by_size_what_is_unknown_last(capsys, sort, order):
    rows = shown(capsys, sort=sort).splitlines()
    assert [row.split("\t")[0] for row in rows] == order.split()


def test_unknown_columns_are_bad_usage():
    with pytest.raises(click.UsageError, match="no column price; there are provider, bid, mid, spread_percent, age"):
        print_rows(Globals(sort="price"), QUOTES, ROWS)
    with pytest.raises(click.UsageError, match="no column x; there are provider"):
        print_rows(Globals(columns="bid,x"), QUOTES, ROWS)
    with pytest.raises(click.UsageError, match='--sort bid:up: found ":up", expected ":asc" or ":desc"'):
        print_rows(Globals(sort="bid:up"), QUOTES, ROWS)


def test_a_document_is_cut_the_same_way_and_says_when(capsys):
    records = [{"pair": "A/B", "bid": "10", "age_ms": 9}, {"pair": "C/B", "bid": "9", "age_ms": 10}]
    given = Globals(sort="bid", limit=1, columns="pair,age", started_ms=1_767_322_800_000)
    print_document(given, {"schema": 1, "command": "x", "results": records})
    document = json.loads(capsys.readouterr().out)
    assert document["results"] == [{"pair": "C/B", "age_ms": 10}]
    assert document["started_at"] == "2026-01-02T03:00:00.000Z"
    assert document["run_id"].startswith("20260102T030000000Z-")
    assert document["duration_ms"] > 0
    with pytest.raises(click.UsageError, match="no field x in the results; there are pair, bid, age_ms"):
        print_document(Globals(sort="x"), {"results": records})


# What a column may hold at its worst, by its kind.
WORST = {
    "text": "the provider's own words, which go on and on, and nobody knows for how long they will",
    "path": "/srv/desk/marketctl/data/raw/prices-OPENEXCHANGERATES-of-the-second-account.json",
    "name": "OPENEXCHANGERATES",
    "word": "withdrawals closed, unproven",
    "flag": False,
    "number": "0.0000000000788200123456",
    "age": Aged(172_800_000, "failing"),
    "time": "2026-11-26T07:02:06.044Z",
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("name", "columns"), tables().items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_table_of_every_command_fits(name, columns, width):
    rows = [[WORST[column.kind] for column in columns], ["1" if column.is_figure else "x" for column in columns]]
    lines = draw(columns, rows, width).lines
    assert [line for line in lines if text_width(line) > width] == []
    assert len(lines) >= 3
