"""What is no file is told, and nobody waits for it."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from marketctl.errors import ConfigError, StorageFailed
from marketctl.files import look
from marketctl.files.archive import Archive, archive_path, members
from marketctl.files.journal import append_journal, read_journal
from marketctl.files.look import read_named, read_regular
from marketctl.files.snapshots import read_snapshot
from marketctl.files.state import read_state
from marketctl.providers.loader import load_registry
from marketctl.times import from_iso


def _socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "told"), [(os.mkfifo, "no regular file"), (os.mkdir, "directory"), (_socket, "No such device")]
)
def test_what_is_no_file_is_an_error_and_holds_up_nobody(tmp_path, monkeypatch, make, told):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    make("x")
    with pytest.raises(OSError, match=told):
        read_regular(tmp_path / "x")


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "b") == b"1"


def test_a_file_larger_than_any_of_ours_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "LARGEST", 10)
    (tmp_path / "a").write_bytes(b"1" * 10)
    assert len(read_regular(tmp_path / "a")) == 10
    (tmp_path / "a").write_bytes(b"1" * 11)
    with pytest.raises(OSError, match=r"^it has 11 bytes, expected at most 10$"):
        read_regular(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("prices/BYBIT.json", read_snapshot),
        ("wallet/BYBIT.changes.jsonl", read_journal),
        ("wallet/BYBIT.changes.jsonl", lambda path: append_journal(path, [{"at": "2026-11-26T00:00:00Z"}])),
        ("state/BYBIT.json", lambda path: read_state(path.parent, "BYBIT", "prices")),
        ("history/2026-11-26/BYBIT.jsonl.gz", members),
        (
            "history/2026-11-26/BYBIT.jsonl.gz",
            lambda path: Archive(path.parents[2], "BYBIT", from_iso("2026-11-26T01:00:00Z"), 9).append(["{}"]),
        ),
    ],
)
def test_a_pipe_in_place_of_a_file_of_data_is_told(tmp_path, name, read):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(StorageFailed, match=f" {path}: "):
        read(path)


def test_a_folder_that_only_looks_like_a_day_is_none(tmp_path):
    from marketctl.files.archive import days

    for name in ("2026-99-99", "2026-W48-4", "2026-11-26", "20261126", "2026-1126"):
        archive_path(tmp_path, "BYBIT", name).parent.mkdir(parents=True)
    assert days(tmp_path) == ["2026-11-26"]


def test_what_is_named_may_be_a_pipe_and_nobody_waits_for_one_for_good(tmp_path, monkeypatch):
    path = tmp_path / "providers.toml"
    os.mkfifo(path)
    text = '[settings]\nredis_url = "none"\n' + "#" * 100_000
    writer = threading.Thread(target=lambda: path.write_text(text))
    writer.start()
    time.sleep(0.1)  # it waits for its reader
    assert read_named(path)[1].decode() == text
    writer.join()
    monkeypatch.setattr(look, "PIPE_S", 0.1)
    with pytest.raises(ConfigError, match=r"cannot be read: it did not come to its end within 0\.1 s"):
        load_registry(path)
    monkeypatch.setattr(look, "MOST_NAMED", 1 << 20)
    with pytest.raises(OSError, match="and 1 MiB"):
        read_named(Path("/dev/zero"))
    with pytest.raises(IsADirectoryError):
        read_named(tmp_path)


def test_nothing_is_added_to_a_device(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("/dev/null")
    with pytest.raises(StorageFailed, match="it is no regular file"):
        append_journal(tmp_path / "a.jsonl", [{"at": "2026-11-26T00:00:00Z"}])
