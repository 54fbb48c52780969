"""`providers add|enable|disable|remove`: one change of the user's file, and what is said about it."""

from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl

REGISTRY = """\
# mine
[settings]
redis_url = "none"

# the big one
[providers.BYBIT]   # b
path = "marketctl.providers.cex.bybit:BybitAdapter"
enabled = true    # since march

[providers.HTX]
path="marketctl.providers.cex.htx:HtxAdapter"
enabled=false
"""
KUCOIN = "marketctl.providers.cex.kucoin:KucoinAdapter"
CASH = "marketctl.providers.cash.twelvedata:TwelveDataCashAdapter"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in the working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / "providers.toml"
    path.write_text(REGISTRY)
    return path


def test_enable_changes_one_line_and_says_what_changed(registry, capsys):
    assert marketctl(["providers", "enable", "htx", "BYBIT", "HTX"]) == 0
    assert registry.read_text() == REGISTRY.replace("enabled=false", "enabled=true")
    assert capsys.readouterr() == ("", "enabled HTX\nBYBIT was enabled already\n")


def test_disable_keeps_the_comment_on_the_line(registry, capsys):
    assert marketctl(["providers", "disable", "BYBIT", "HTX"]) == 0
    assert registry.read_text() == REGISTRY.replace("enabled = true    # since", "enabled = false    # since")
    assert capsys.readouterr() == ("", "disabled BYBIT\nHTX was disabled already\n")


def test_enable_with_an_unknown_name_changes_nothing(registry, capsys):
    assert marketctl(["providers", "enable", "HTX", "BYBT"]) == 4
    assert registry.read_text() == REGISTRY
    assert capsys.readouterr() == ("", 'marketctl: No such provider "BYBT". Did you mean BYBIT?\n')


@pytest.mark.parametrize("command", ["enable", "disable", "remove", "add", "new"])
def test_a_provider_has_to_be_named(registry, capsys, command):
    assert marketctl(["providers", command]) == 2
    assert f"Try 'marketctl providers {command} -h'." in capsys.readouterr().err


def test_add_appends_a_table(registry, capsys):
    assert marketctl(["providers", "add", "desk", "--path", KUCOIN, "--needs-api"]) == 0
    assert registry.read_text() == (
        f'{REGISTRY}\n[providers.DESK]\npath = "{KUCOIN}"\nenabled = true\nneeds_api = true\n'
    )
    assert capsys.readouterr() == (
        "",
        "added DESK to providers.toml\nits keys (api_key, api_secret, passphrase): marketctl credentials set DESK\n",
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--path", CASH], 'enabled = true\nneeds_api = true\nstablecoin = "USD"\n'),
        (["--path", CASH, "--stablecoin", "eur"], 'enabled = true\nneeds_api = true\nstablecoin = "EUR"\n'),
        (["--path", CASH, "--stablecoin", ""], "enabled = true\nneeds_api = true\n"),
        (["--path", CASH, "--kind", "cex"], 'enabled = true\nneeds_api = true\nkind = "CEX"\n'),
        (
            ["--path", KUCOIN, "--kind", "bank"],
            'enabled = true\nneeds_api = false\nkind = "BANK"\nstablecoin = "USD"\n',
        ),
        (["--path", KUCOIN, "--disabled"], "enabled = false\nneeds_api = false\n"),
        (["--path", CASH, "--no-needs-api", "--stablecoin", ""], "enabled = true\nneeds_api = false\n"),
        (["--path", KUCOIN.replace("kucoin:Kucoin", "bybit:Bybit")], "enabled = true\nneeds_api = true\n"),
    ],
)
def test_add_goes_by_the_kind_and_the_jobs_unless_told(registry, options, expected):
    assert marketctl(["providers", "add", "DESK", *options, "-q"]) == 0
    path = options[1]
    assert registry.read_text() == f'{REGISTRY}\n[providers.DESK]\npath = "{path}"\n{expected}'


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        (
            "DESK",
            "no_such_package.desk:Desk",
            'providers.toml: [providers.DESK] path: found "no_such_package.desk:Desk", '
            'expected a module that can be imported: there is no "no_such_package"',
        ),
        (
            "DESK",
            "marketctl.providers.cex.kucoin:Kucoin",
            'providers.toml: [providers.DESK] path: found "marketctl.providers.cex.kucoin:Kucoin", expected a class '
            "that exists: marketctl.providers.cex.kucoin has no Kucoin; did you mean KucoinAdapter?",
        ),
        (
            "DESK",
            "json:JSONDecoder",
            'providers.toml: [providers.DESK] path: found "json:JSONDecoder", '
            "expected a subclass of marketctl.providers.base.Provider",
        ),
        (
            "DESK",
            "kucoin",
            'providers.toml: [providers.DESK] path: found "kucoin" (string), expected "module.path:ClassName"',
        ),
        (
            "DE SK",
            KUCOIN,
            'providers.toml: [providers]: found the name "DE SK", '
            "expected capital letters, digits, - and _, at most 32",
        ),
        (
            "HTX",
            KUCOIN,
            "providers.toml: [providers.HTX] is there already. Next: marketctl providers show HTX.",
        ),
    ],
)
def test_add_what_cannot_work_writes_nothing(registry, capsys, name, path, message):
    assert marketctl(["providers", "add", name, "--path", path]) == 4
    assert registry.read_text() == REGISTRY
    assert capsys.readouterr() == ("", f"marketctl: {message}\n")


def test_remove_takes_out_the_table_and_keeps_data_and_comments(registry, capsys):
    snapshot = registry.parent / "data/wallet/BYBIT.json"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text("{}\n")
    assert marketctl(["providers", "remove", "bybit"]) == 0
    assert registry.read_text() == (
        '# mine\n[settings]\nredis_url = "none"\n\n# the big one\n\n[providers.HTX]\n'
        'path="marketctl.providers.cex.htx:HtxAdapter"\nenabled=false\n'
    )
    assert snapshot.read_text() == "{}\n"
    assert capsys.readouterr() == ("", "removed BYBIT from providers.toml; its data and keys stay\n")


@pytest.mark.parametrize("command", [["enable", "HTX"], ["disable", "HTX"], ["remove", "HTX"]])
def test_quiet_says_nothing(registry, capsys, command):
    assert marketctl(["providers", *command, "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_edits_go_to_the_named_registry(registry, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(REGISTRY)
    assert marketctl(["--config", str(other), "providers", "enable", "HTX", "-q"]) == 0
    assert registry.read_text() == REGISTRY
    assert other.read_text() == REGISTRY.replace("enabled=false", "enabled=true")
