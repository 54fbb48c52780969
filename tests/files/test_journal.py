"""Journals: whole lines, what a crash left of one, what a full disk takes back."""

from pathlib import Path

import pytest

from marketctl.files.journal import append_journal, read_journal
from marketctl.files.snapshots import encode_json
from tests.files.python import run_python

AT = 1_767_225_600_000  # 2026-01-01T00:00:00.000Z


def test_journal_appends_whole_lines_and_reads_since(tmp_path: Path) -> None:
    path = tmp_path / "wallet" / "BYBIT.changes.jsonl"
    first = {"at": "2026-01-01T00:00:00.000Z", "asset": "BTC", "before": None, "after": True}
    second = {"at": "2026-01-01T01:00:00.000Z", "asset": "ETH", "before": None, "after": True}
    append_journal(path, [first])
    append_journal(path, [])
    append_journal(path, [second])
    assert path.read_text() == (
        '{"after": true, "asset": "BTC", "at": "2026-01-01T00:00:00.000Z", "before": null}\n'
        '{"after": true, "asset": "ETH", "at": "2026-01-01T01:00:00.000Z", "before": null}\n'
    )
    assert read_journal(path) == ([first, second], 0)
    assert read_journal(path, AT + 1) == ([second], 0)


def test_journal_broken_off_line_is_counted_and_gone_with_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    entry = {"at": "2026-01-01T00:00:00.000Z"}
    path.write_bytes(b'{"at": "2026-01-01T00:00:00.000Z"}\n{"at": "2026-01-')
    assert read_journal(path) == ([entry], 1)
    append_journal(path, [entry])
    assert path.read_bytes() == b'{"at": "2026-01-01T00:00:00.000Z"}\n' * 2
    assert read_journal(path) == ([entry, entry], 0)


@pytest.mark.parametrize("line", ["[]", "null", "{}", '{"at": 5}', '{"at": "yesterday"}', "\\xff"])
def test_journal_line_of_another_shape_is_broken(tmp_path: Path, line: str) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    path.write_text(line + "\n")
    assert read_journal(path) == ([], 1)


def test_journal_failing_midway_takes_its_part_back(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    append_journal(path, [{"at": "2026-01-01T00:00:00.000Z"}])
    code = """
import resource, sys, pathlib
from marketctl import errors
from marketctl.files.journal import append_journal
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    append_journal(pathlib.Path(sys.argv[1]), [{"at": "x" * 500}])
except errors.StorageFailed as error:
    print(error.message)
"""
    said, _ = run_python(code, path).communicate(timeout=20)
    assert said == f"cannot append to {path}: File too large\n"
    assert path.read_text() == '{"at": "2026-01-01T00:00:00.000Z"}\n'


def test_a_bounded_journal_keeps_its_newest_half_in_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "notify.jsonl"
    lines = [{"at": f"2026-01-01T00:00:{n:02}.000Z", "n": f"{n:02}"} for n in range(24)]
    size = len(encode_json(lines[0])) + 1
    append_journal(path, lines[:10], most=10 * size)
    path.chmod(0o640)
    assert read_journal(path) == (lines[:10], 0)
    append_journal(path, lines[10:11], most=10 * size)
    assert read_journal(path) == (lines[6:11], 0)
    assert path.stat().st_mode & 0o777 == 0o640
    # Where the half begins within a line that line goes too.
    append_journal(path, lines[11:24], most=10 * size - 2)
    assert read_journal(path) == (lines[20:24], 0)
    assert {one.name for one in tmp_path.glob("*notify*")} == {"notify.jsonl", ".notify.jsonl.append.lock"}


def test_journal_absent_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "no.jsonl", 0) == ([], 0)


def test_a_figure_beyond_all_floats_is_a_figure_and_no_infinity(tmp_path):
    path = tmp_path / "X.changes.jsonl"
    path.write_text(
        '{"at": "2026-01-02T03:04:05.678Z", "after": 1e999}\n{"at": "2026-01-02T03:04:05.678Z", "after": NaN}\n'
    )
    entries, broken = read_journal(path)
    assert ([encode_json(one) for one in entries], broken) == (
        ['{"after": "1E+999", "at": "2026-01-02T03:04:05.678Z"}'], 1,
    )  # fmt: skip
