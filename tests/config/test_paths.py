"""Where files are looked for, and how they are read and replaced."""

import os
import stat
import sys
from pathlib import Path

import pytest

from marketctl.config.paths import absolute, find_credentials, find_registry, read_text, registry_to_create
from marketctl.errors import ConfigError, StorageFailed
from marketctl.files.replace import replace_file


def message(error: pytest.ExceptionInfo[ConfigError]) -> tuple[str, str | None]:
    return error.value.message, error.value.hint


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a registry in each place; the working directory is `here`."""
    for name in ("here", "option", "variable", "xdg/marketctl", "home/.config/marketctl"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "providers.toml").touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_registry_option_comes_first(places: Path) -> None:
    environ = {"MARKETCTL_CONFIG": f"{places}/variable/providers.toml"}
    assert find_registry("../option/providers.toml", environ) == Path("../option/providers.toml")


def test_registry_variable_comes_second(places: Path) -> None:
    environ = {"MARKETCTL_CONFIG": f"{places}/variable/providers.toml", "XDG_CONFIG_HOME": f"{places}/xdg"}
    assert find_registry(None, environ) == places / "variable/providers.toml"


def test_registry_working_directory_comes_third(places: Path) -> None:
    assert find_registry(None, {"XDG_CONFIG_HOME": f"{places}/xdg"}) == Path("providers.toml")


def test_registry_user_folder_comes_last(places: Path) -> None:
    Path("providers.toml").unlink()
    environ = {"XDG_CONFIG_HOME": f"{places}/xdg", "HOME": f"{places}/home"}
    assert find_registry(None, environ) == places / "xdg/marketctl/providers.toml"


@pytest.mark.parametrize("xdg", [{}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}])
def test_registry_without_usable_xdg_falls_back_to_home(places: Path, xdg: dict[str, str]) -> None:
    Path("providers.toml").unlink()
    assert find_registry(None, xdg | {"HOME": f"{places}/home"}) == places / "home/.config/marketctl/providers.toml"


def test_registry_variable_of_a_file_with_crlf(places: Path) -> None:
    assert find_registry(None, {"MARKETCTL_CONFIG": f" {places}/variable/providers.toml\r\n"}) == (
        places / "variable/providers.toml"
    )
    assert find_registry(None, {"MARKETCTL_CONFIG": "\r"}) == Path("providers.toml")


def test_registry_empty_variable_counts_as_unset(places: Path) -> None:
    assert find_registry("", {"MARKETCTL_CONFIG": ""}) == Path("providers.toml")


def test_registry_named_by_option_missing(places: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find_registry("gone.toml", {})
    assert message(error) == (
        "gone.toml: No such file or directory (named by --config)",
        "marketctl --config gone.toml init",
    )


def test_registry_named_by_variable_missing(places: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find_registry(None, {"MARKETCTL_CONFIG": "/nowhere/p.toml"})
    assert message(error) == (
        "/nowhere/p.toml: No such file or directory (named by MARKETCTL_CONFIG)",
        "marketctl --config /nowhere/p.toml init",
    )


def test_registry_nowhere_tells_the_places(places: Path) -> None:
    Path("providers.toml").unlink()
    with pytest.raises(ConfigError) as error:
        find_registry(None, {"HOME": "/nobody"})
    assert message(error) == (
        "no providers.toml: --config and MARKETCTL_CONFIG are not set, "
        "looked at ./providers.toml, /nobody/.config/marketctl/providers.toml",
        "marketctl init",
    )


def test_registry_nowhere_without_home(places: Path) -> None:
    Path("providers.toml").unlink()
    with pytest.raises(ConfigError) as error:
        find_registry(None, {})
    assert message(error) == (
        "no providers.toml: --config and MARKETCTL_CONFIG are not set, looked at ./providers.toml",
        "marketctl init",
    )


def test_registry_to_create_needs_no_file() -> None:
    assert registry_to_create("a.toml", {"MARKETCTL_CONFIG": "b.toml"}) == Path("a.toml")
    assert registry_to_create(None, {"MARKETCTL_CONFIG": "b.toml"}) == Path("b.toml")
    assert registry_to_create(None, {"HOME": "/nobody"}) == Path("providers.toml")


def test_credentials_option_then_variable_then_beside_the_registry(tmp_path: Path) -> None:
    option, variable, registry = tmp_path / "o", tmp_path / "v", tmp_path / "conf/providers.toml"
    option.touch()
    variable.touch()
    environ = {"MARKETCTL_CREDENTIALS": str(variable)}
    assert find_credentials(str(option), registry, environ) == option
    assert find_credentials(None, registry, environ) == variable
    assert find_credentials(None, registry, {"MARKETCTL_CREDENTIALS": ""}) == tmp_path / "conf/credentials.toml"


def test_credentials_named_but_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find_credentials("/nowhere/c.toml", tmp_path, {})
    assert message(error) == (
        "/nowhere/c.toml: No such file or directory (named by --credentials)",
        "marketctl --credentials /nowhere/c.toml credentials set PROVIDER",
    )
    assert find_credentials("/nowhere/c.toml", tmp_path, {}, must_exist=False) == Path("/nowhere/c.toml")


def test_absolute_starts_at_base_or_working_directory(places: Path) -> None:
    assert absolute("../data", places / "option", "x") == places / "data"
    assert absolute("data", None, "x") == places / "here/data"
    assert absolute("/data", places, "x") == Path("/data")


def test_absolute_unknown_user(places: Path) -> None:
    with pytest.raises(ConfigError) as error:
        absolute("~no-such-user/data", None, "--data-dir")
    assert message(error) == ("--data-dir: ~no-such-user/data: Could not determine home directory.", None)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="it says nothing of a loop: whoever opens a file there does")
def test_absolute_loop_of_links(places: Path) -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(ConfigError):
        absolute("loop/data", None, "--data-dir")


def test_read_text_keeps_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes("ключ\r\nb\n".encode())
    assert read_text(path, forbidden=0, complaint="", chmod="") == "ключ\r\nb\n"


def test_read_text_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"ab\xff")
    with pytest.raises(ConfigError) as error:
        read_text(path, forbidden=0, complaint="", chmod="")
    assert message(error) == (f"{path}: not UTF-8 (byte 3)", None)


def test_read_text_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_text(tmp_path, forbidden=0, complaint="", chmod="")
    assert message(error) == (f"{tmp_path}: cannot be read: Is a directory", "name a file, not a folder")


def test_read_text_forbidden_mode_quotes_the_file_to_type(tmp_path: Path) -> None:
    path = tmp_path / "my file"
    path.touch()
    path.chmod(0o602)
    with pytest.raises(ConfigError) as error:
        read_text(path, forbidden=0o022, complaint="too open", chmod="go-w")
    assert message(error) == (f"{path}: too open (mode 0602)", f"chmod go-w '{path}'")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_replace_file_keeps_the_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(mode)
    replace_file(path, b"new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)
    assert list(tmp_path.glob(".f.*")) == []


def test_replace_file_keeps_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real/f")
    replace_file(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real/f").read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_replace_file_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    os.chown(path, 1234, 2345)
    replace_file(path, b"new", 0o600)
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (1234, 2345, 0o600)


def test_replace_file_failing_leaves_the_old_one_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as error:
        replace_file(path, b"new")
    assert error.value.message == f"{path}: cannot be written: No space left on device"
    assert (path.read_text(), list(tmp_path.glob(".f.*"))) == ("old", [])


def test_replace_file_replaces_no_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageFailed, match="is no regular file, and is not replaced"):
        replace_file(pipe, b"new")
    assert pipe.is_fifo()


def test_replace_file_in_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed) as error:
        replace_file(tmp_path / "gone/f", b"new")
    assert error.value.message == f"{tmp_path}/gone/f: there is no such folder"
    assert error.value.hint == f"mkdir -p {tmp_path}/gone"
