"""Files are whole at any moment: the old one or the new one, whatever happens in between."""

import os
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files import atomic
from marketctl.files.atomic import write_atomic
from tests.files.python import files, run_python


def test_write_atomic_replaces_with_ordinary_mode_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "wallet" / "BYBIT.json"
    before = os.umask(0o027)
    try:
        write_atomic(path, b"old")
        write_atomic(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert files(path.parent) == ["BYBIT.json"]


def test_write_atomic_failing_midway_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "BYBIT.json"
    write_atomic(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "whatever the system calls it")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as caught:
        write_atomic(path, b"new")
    assert caught.value.message == f"cannot write {path}: No space left on device"
    assert caught.value.hint == "Free some space on that disk."
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["BYBIT.json"]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "close", "replace"])
def test_write_atomic_leaves_nothing_behind_a_signal_after_any_step(tmp_path, monkeypatch, step):
    path = tmp_path / "BYBIT.json"
    path.write_bytes(b"old")
    usual = getattr(os, step)

    def signalled(*given):
        usual(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, signalled)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")
    assert files(tmp_path) == ["BYBIT.json"]
    assert path.read_bytes() == (b"new" if step == "replace" else b"old")


def test_write_atomic_over_the_file_size_limit_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_bytes(b"old")
    code = """
import resource, sys, pathlib
from marketctl import errors
from marketctl.files.atomic import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(pathlib.Path(sys.argv[1]), b"x" * 5000)
except errors.StorageFailed as error:
    print(error.hint)
"""
    said, _ = run_python(code, path).communicate(timeout=20)
    assert said == "Raise the limit on file sizes (ulimit -f).\n"
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_where_a_folder_stands_names_it(tmp_path: Path) -> None:
    (tmp_path / "BYBIT.json").mkdir()
    with pytest.raises(StorageFailed) as caught:
        write_atomic(tmp_path / "BYBIT.json", b"new")
    assert caught.value.message == f"cannot write {tmp_path / 'BYBIT.json'}: Is a directory"
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_where_a_file_stands_for_the_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(StorageFailed) as caught:
        write_atomic(tmp_path / "data" / "BYBIT.json", b"new")
    assert caught.value.hint == "Move the file away that stands where a folder is expected."


def test_write_atomic_killed_midway_leaves_the_old_file_and_the_next_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "BYBIT.json"
    write_atomic(path, b"old")
    code = """
import os, sys, time, pathlib
from marketctl.files.atomic import write_atomic
os.fsync = lambda fd: (print("written", flush=True), time.sleep(60))
write_atomic(pathlib.Path(sys.argv[1]), b"new")
"""
    for _ in range(3):
        with run_python(code, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            process.kill()
        assert path.read_bytes() == b"old"
        assert len(files(tmp_path)) == 2  # the leftovers of the one before are gone already
    write_atomic(path, b"newer")
    assert len(files(tmp_path)) == 2  # this process has looked a moment ago
    monkeypatch.setattr(atomic, "LOOK_AGAIN_S", 0)
    write_atomic(path, b"newest")
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_leaves_temporaries_of_others_alone(tmp_path: Path) -> None:
    running = tmp_path / f".BYBIT.json.{os.getppid()}.00000000.tmp"
    other = tmp_path / ".BYBIT.json.bak.999999999.00000000.tmp"
    old = tmp_path / f".BYBIT.json.{os.getppid()}.11111111.tmp"
    for path in (running, other, old):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    write_atomic(tmp_path / "BYBIT.json", b"new")
    assert files(tmp_path) == [running.name, other.name, "BYBIT.json"]


@pytest.mark.parametrize(
    ("sync_of", "expected"),
    [("all", ["file", "rename", "folder"]), ("content", ["file", "rename"]), ("none", ["rename"])],
)
def test_the_folder_is_synced_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync_of: atomic.Sync, expected: list[str]
) -> None:
    """Else a crash of the machine could bring the old name back, or none."""
    said: list[str] = []
    sync, rename = os.fsync, os.replace

    def fsync(fd: int) -> None:
        said.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file")  # noqa: PTH112
        sync(fd)

    def replace(old: object, new: object, **more: object) -> None:
        said.append("rename")
        rename(old, new, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr("os.replace", replace)
    write_atomic(tmp_path / "x.json", b"{}", sync=sync_of)
    assert said == expected


def test_whatever_the_umask_nobody_else_writes_into_a_folder_of_ours(sandbox, tmp_path):
    from marketctl.cli import invoke
    from marketctl.sandbox.setup import write_setup

    path = write_setup(sandbox, tmp_path / "desk")
    before = os.umask(0)
    try:
        assert invoke(["--config", str(path), "run", "--once", "-q", "-p", "KUCOIN"]) == 0
        assert invoke(["--config", str(path), "dump", "prices", "-p", "KUCOIN", "-q"]) == 0
        assert invoke(["--config", str(tmp_path / "new" / "folder" / "p.toml"), "init", "-q"]) == 0
    finally:
        os.umask(before)
    folders = [one for root in ("desk/data", "new") for one in (tmp_path / root, *(tmp_path / root).rglob("*"))]
    assert len(folders) > 10
    assert [one for one in folders if one.is_dir() and one.stat().st_mode & 0o022] == []
