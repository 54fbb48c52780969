"""The first hour: one registry from every folder, a line that says what comes next."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from marketctl.cli import invoke
from marketctl.config.credentials import store_credentials
from marketctl.redis.embedded import EmbeddedRedis


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Two folders, the first of them the working directory."""
    for name in ("home", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path


NEXT = "Next: marketctl run --once (without keys first; then marketctl credentials set PROVIDER).\n"


def test_init_says_how_to_use_it_from_other_folders(elsewhere, monkeypatch, capsys):
    assert invoke(["init"]) == 0
    told = capsys.readouterr()
    assert told.out == "wrote providers.toml\nwrote credentials.toml\n"
    assert told.err == f"from other folders, too: export MARKETCTL_CONFIG={elsewhere}/home/providers.toml\n{NEXT}"
    # As it says, and as the README has it from the start: there is one registry, not two.
    monkeypatch.chdir(elsewhere / "other")
    monkeypatch.setenv("MARKETCTL_CONFIG", f"{elsewhere}/home/providers.toml")
    assert invoke(["init"]) == 0
    told = capsys.readouterr()
    assert told.out == f"kept {elsewhere}/home/providers.toml\nkept {elsewhere}/home/credentials.toml\n"
    assert told.err == NEXT
    assert list((elsewhere / "other").iterdir()) == []


def test_init_keeps_to_the_users_registry_where_there_is_one(elsewhere, monkeypatch, capsys):
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "marketctl" / "providers.toml"
    assert invoke(["--config", str(own), "init", "-q"]) == 0
    assert invoke(["init"]) == 0
    assert capsys.readouterr().out == f"kept {own}\nkept {own.parent}/credentials.toml\n"
    assert list((elsewhere / "home").iterdir()) == []


def on_a_terminal(folder: Path, *words: str) -> str:
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "HOME": str(folder)}
    env["MARKETCTL_CONFIG"] = f"{folder}/providers.toml"
    process = subprocess.Popen([sys.executable, "-m", "marketctl", *words], env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.wait(60)
    return shown.decode().replace("\r\n", "\n")


def test_first_run_says_where_data_went_and_which_jobs_want_keys(folder):
    (folder / "credentials.toml").unlink()
    store_credentials(folder / "credentials.toml", "KUCOIN", {"api_key": "k", "api_secret": "s", "passphrase": "p"})
    words = ["run", "--once", "--task", "wallet-assets", "-p", "HTX"]
    last = on_a_terminal(folder, *words).splitlines()[-1]
    assert last == f"data are in {folder}/data"
    shown = " ".join(on_a_terminal(folder, "run", "--once", "--task", "wallet-assets").split())
    assert shown.endswith(
        f"data are in {folder}/data; 2 jobs of BYBIT, MEXC were skipped for want of keys. "
        "Next: marketctl credentials set BYBIT."
    )
    assert EmbeddedRedis(folder / "data").shut_down() is False
