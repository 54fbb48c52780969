"""Files the operator names, private folders, editors and writers at once."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from marketctl.config.credentials import load_credentials, store_credentials
from marketctl.config.edit import set_enabled
from marketctl.errors import ConfigError, StorageFailed
from marketctl.files import machine
from marketctl.files.atomic import write_atomic, write_new, write_output
from marketctl.files.machine import machine_dir
from marketctl.sandbox.base import Sandbox
from marketctl.sandbox.setup import write_setup

ENTRY = '[providers.{name}]\npath = "marketctl.providers.cex.kucoin:KucoinAdapter"\nenabled = true\n'


def test_device_and_pipe_are_written_into_and_stay(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(pipe, b"figures")
    assert (os.read(reader, 100), stat.S_ISFIFO(pipe.stat().st_mode)) == (b"figures", True)
    os.close(reader)
    before = Path("/dev/null").stat()
    write_output(Path("/dev/null"), b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert Path("/dev/null").stat().st_ino == before.st_ino


def test_link_is_followed(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_output(link, b"new")
    assert (link.is_symlink(), target.read_text()) == (True, "new")


def test_metrics_are_readable_by_everybody_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_output(tmp_path / "m.prom", b"x", exact=True)
        write_output(tmp_path / "other", b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("m.prom", "other")] == [0o644, 0o600]


def test_folders_are_writable_by_nobody_else_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        write_atomic(tmp_path / "a" / "b" / "c.json", b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(folder.stat().st_mode) & 0o022 for folder in (tmp_path / "a", tmp_path / "a/b")] == [0, 0]


def test_new_file_is_written_once(tmp_path):
    path = tmp_path / "d" / "dump.json"
    assert write_new(path, b"first")
    assert not write_new(path, b"second")
    assert (path.read_bytes(), list(path.parent.iterdir())) == (b"first", [path])


def _work(name: str, path: Path, at: "multiprocessing.synchronize.Barrier") -> None:
    at.wait()
    if path.suffix == ".toml" and path.stem == "credentials":
        store_credentials(path, {name: {"api_key": f"key-of-{name}"}})
    else:
        set_enabled(path, [name], False)


@pytest.mark.parametrize("file", ["credentials.toml", "providers.toml"])
def test_editors_at_once_lose_nothing(tmp_path, file):
    names = ("ONE", "TWO", "THREE", "FOUR")
    path = tmp_path / file
    if file == "providers.toml":
        path.write_text("".join(ENTRY.format(name=name) for name in names))
        path.chmod(0o644)
    fork = multiprocessing.get_context("spawn")
    barrier = fork.Barrier(len(names))
    workers = [fork.Process(target=_work, args=(name, path, barrier)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    if file == "credentials.toml":
        assert set(load_credentials(path, {}).names()) == set(names)
    else:
        assert path.read_text().count("enabled = false") == 4


def test_machine_folder_falls_back_where_there_is_no_temporary_one(tmp_path, monkeypatch):
    def none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(machine.tempfile, "gettempdir", none)
    with pytest.raises(StorageFailed, match="no folder for temporary files can be written"):
        machine_dir()
    found = machine_dir(instead=tmp_path / "state")
    assert found == tmp_path / "state" / f"marketctl-{os.getuid()}"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_machine_folder_is_never_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    assert machine_dir(instead=tmp_path / "state").parent == tmp_path / "state"


def test_machine_folder_of_somebody_else_is_left_alone(tmp_path, monkeypatch):
    foreign = tmp_path / f"marketctl-{os.getuid()}"
    foreign.mkdir(mode=0o755)
    foreign.chmod(0o777)
    assert machine_dir(str(tmp_path), instead=tmp_path / "state").parent == tmp_path / "state"


def test_sandbox_overwrites_no_live_desk(tmp_path):
    (tmp_path / "credentials.toml").write_text('[KUCOIN]\napi_secret = "LIVESECRET"\n')
    with Sandbox() as sandbox:
        with pytest.raises(ConfigError, match="is there already and no sandbox wrote it"):
            write_setup(sandbox, tmp_path)
        assert "LIVESECRET" in (tmp_path / "credentials.toml").read_text()
        write_setup(sandbox, tmp_path / "own")
        write_setup(sandbox, tmp_path / "own")  # its own it may renew
