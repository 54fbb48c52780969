"""The first hour: one registry from every folder, a line that says what comes next."""

import os
from pathlib import Path

import pytest

from marketctl.cli import invoke
from marketctl.config.credentials import store_credentials
from marketctl.redis.embedded import EmbeddedRedis
from tests.terminal import on_a_terminal


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


def shown(folder: Path, *words: str) -> str:
    env = {"NO_COLOR": "1", "HOME": str(folder), "MARKETCTL_CONFIG": f"{folder}/providers.toml"}
    return on_a_terminal(words, env).text


def test_first_run_says_where_data_went_and_which_jobs_want_keys(folder):
    (folder / "credentials.toml").unlink()
    store_credentials(folder / "credentials.toml", {"KUCOIN": {"api_key": "k", "api_secret": "s", "passphrase": "p"}})
    words = ["run", "--once", "--task", "wallet-assets", "-p", "HTX"]
    last = shown(folder, *words).splitlines()[-1]
    assert last == f"data are in {folder}/data"
    told = " ".join(shown(folder, "run", "--once", "--task", "wallet-assets").split())
    assert told.endswith(
        f"data are in {folder}/data; 2 jobs of BYBIT, MEXC were skipped for want of keys. "
        "Next: marketctl credentials set BYBIT."
    )
    assert EmbeddedRedis(folder / "data").shut_down() is False
