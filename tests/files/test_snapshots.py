"""Snapshots: one record a line, sorted, hostile texts included; what is broken is told."""

from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files.snapshots import read_lines, read_snapshot, write_document, write_snapshot


def test_snapshot_is_sorted_one_record_a_line_with_a_newline_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.json"
    head = {"schema": 1, "provider": "BYBIT", "collected_at": "2026-01-01T00:00:00.000Z", "skipped": {"b": 1, "a": 2}}
    write_snapshot(path, head, "assets", {"USDT": {"ticker": "USDT", "name": "Тетер"}, "BTC": '{"as": "it is"}'})
    assert path.read_text(encoding="utf-8") == (
        "{\n"
        '  "assets": {\n'
        '    "BTC": {"as": "it is"},\n'
        '    "USDT": {"name": "Тетер", "ticker": "USDT"}\n'
        "  },\n"
        '  "collected_at": "2026-01-01T00:00:00.000Z",\n'
        '  "provider": "BYBIT",\n'
        '  "schema": 1,\n'
        '  "skipped": {"a": 2, "b": 1}\n'
        "}\n"
    )


def test_snapshot_without_records_is_valid(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "X.json", {"schema": 1}, "quotes", {})
    assert (tmp_path / "X.json").read_text() == '{\n  "quotes": {},\n  "schema": 1\n}\n'


@pytest.mark.parametrize("text", ["a\nb", "\x00\x1b[31m", "\x7f\x9b2J", "\u2028\u2029", "\ud800", '"\\', "💰"])
def test_snapshot_hostile_text_stays_one_line_and_reads_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BYBIT.json"
    write_snapshot(path, {"schema": 1}, "assets", {text: {"name": text}})
    written = path.read_bytes().decode("utf-8")
    assert len(written.splitlines()) == 6
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in written.replace("\n", ""))
    assert read_snapshot(path) == {"schema": 1, "assets": {text: {"name": text}}}


def test_read_snapshot_absent_is_none(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "BYBIT.json") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema": 1', "is not JSON: Expecting ',' delimiter: line 1 column 13 (char 12)"),
        (b"", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "has schema 'list', expected 1"),
        (b'{"schema": 2}', "has schema '2', expected 1"),
        (b"{}", "has schema 'None', expected 1"),
    ],
)
def test_read_snapshot_broken_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_bytes(content)
    with pytest.raises(StorageFailed) as caught:
        read_snapshot(path)
    assert caught.value.message == f"{path} {message}"
    assert caught.value.hint == "Move the file away; the next run writes a new one."


def test_document_is_indented_and_sorted(tmp_path: Path) -> None:
    write_document(tmp_path / "X.json", {"stats": {"b": None, "a": 1}, "schema": 1})
    assert (tmp_path / "X.json").read_text() == (
        '{\n  "schema": 1,\n  "stats": {\n    "a": 1,\n    "b": null\n  }\n}\n'
    )


def test_a_tower_in_the_head_is_none_of_our_layouts(tmp_path: Path) -> None:
    path = tmp_path / "X.json"
    write_snapshot(path, {"schema": 1}, "assets", {"X": {"ticker": "X"}})
    assert read_lines(path, "assets") == ({"schema": 1, "assets": {}}, ['X": {"ticker": "X"}'])
    path.write_text(path.read_text().replace('"schema": 1', f'"schema": 1,\n  "tower": {"[" * 100_000}{"]" * 100_000}'))
    with pytest.raises(ValueError, match="is a tower"):
        read_lines(path, "assets")
    with pytest.raises(StorageFailed, match="is not JSON"):
        read_snapshot(path)
