"""Manners of the command line: bare groups, `-p` and bare names, next steps, progress, what is kept."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import termios

import click
import pytest

from marketctl.cli import COMMANDS, root
from marketctl.cli.globals import Globals
from marketctl.cli.progress import Progress
from marketctl.http import client
from marketctl.text import sentence


def groups() -> list[str]:
    context = click.Context(root)
    return [name for name in COMMANDS if isinstance(root.get_command(context, name), click.Group)]


@pytest.mark.parametrize("group", groups())
def test_a_bare_group_prints_its_help(ctl, group):
    code, out, err = ctl(group)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: marketctl {group} [OPTIONS] COMMAND [ARGS]...\n")
    assert "\nCommands:\n" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dump", "list"], "there is no dump in {folder}/data/raw yet: marketctl dump all makes them"),
        (["notify", "log", "--since", "2026-01-02"], "nothing was told since 2026-01-02T00:00:00.000Z"),
        (["notify", "mute"], "nothing is muted"),
        (["prices", "held"], "nothing is held"),
    ],
)
def test_what_has_nothing_to_show_says_so(ctl, folder, words, told):
    assert ctl(*words)[1:] == ("", told.format(folder=folder) + "\n")
    assert ctl(*words, "-q")[1:] == ("", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stauts"], "\"stauts\". Did you mean stats? Try 'marketctl -h'."),
        (["prices", "comprae"], "\"comprae\". Did you mean compare? Try 'marketctl prices -h'."),
        (["redis", "stats"], "\"stats\". Did you mean status? Try 'marketctl redis -h'."),
        (["rates", "xyzzy"], "\"xyzzy\". Try 'marketctl rates -h'."),
    ],
)
def test_a_mistyped_command_is_bad_usage_and_the_closest_is_named(ctl, words, told):
    assert ctl(*words) == (2, "", f"marketctl: No such command {told}\n")


@pytest.mark.parametrize(
    "words",
    [
        "asset *", "prices compare *", "prices history KUCOIN *", "prices release KUCOIN *", "prices show *",
        "wallet show KUCOIN *", "wallet routes *", "wallet changes *", "stats show *", "rates explain *",
        "providers show *", "providers disable HTX *", "credentials set *", "notify test *",
    ],
)  # fmt: skip
def test_an_empty_word_is_bad_usage(ctl, words):
    for empty in ("", " "):
        code, out, err = ctl(*(empty if word == "*" else word for word in words.split()))
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert err.startswith("marketctl: Invalid value for '")
        assert "': an empty word, expected a name" in err


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wallet sync KUCOIN --json", "wallet sync -p KUCOIN --json"),
        ("wallet show KUCOIN USDT", "wallet show -p kucoin USDT"),
        ("prices history KUCOIN BTC/USDT --json", "prices history -p KUCOIN BTC/USDT --json"),
        ("stats show HTX", "stats show -p HTX"),
        ("providers show HTX", "providers show -p HTX"),
    ],
)
def test_p_and_the_bare_name_mean_the_same(ctl, one, other):
    found = [ctl(*words.split()) for words in (one, other)]
    assert found[0][0] == found[1][0]
    assert found[0][1].count("\n") == found[1][1].count("\n")
    assert (found[0][2] == "") == (found[1][2] == "")


def test_a_time_to_wait_until_is_no_next_step():
    assert sentence("too many requests", "not before 2026-11-26T01:06:04.430Z") == (
        "too many requests; not before 2026-11-26T01:06:04.430Z."
    )
    assert sentence("no data.", "marketctl prices collect") == "no data. Next: marketctl prices collect."


def test_progress_counts_and_says_what_is_waited_for(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(client, "on_wait", client.on_wait)
    progress = Progress(Globals(), 24)
    progress.over = 6
    progress.start("WHITEBIT", "prices")
    client.on_wait("WHITEBIT", 28.2, "rate-limited")
    client.on_wait("WHITEBIT", 0.4, "network")  # too short to be read
    assert capsys.readouterr().err == (
        "\r[7/24] WHITEBIT prices ...\r[7/24] WHITEBIT prices: waiting 28 s (rate-limited)"
    )


def test_dump_says_that_an_older_one_was_kept(ctl):
    assert ctl("dump", "prices", "KUCOIN")[2] == ""
    code, out, err = ctl("dump", "prices", "KUCOIN")
    assert code == 0
    assert err == f"{out.split(chr(9))[3].strip()}: it exists and is kept; --force overwrites it\n"


@pytest.mark.parametrize("command", ["check KUCOIN --format prometheus -o", "dump prices KUCOIN -o"])
def test_a_folder_of_the_day_is_made_for_what_scripts_write(ctl, tmp_path, command):
    path = tmp_path / "2026-11-27" / "kucoin"
    assert ctl(*command.split(), str(path))[0] == 0
    assert path.stat().st_size > 100


def test_report_makes_no_folder_of_a_typo(ctl, tmp_path):
    path = tmp_path / "nowhere" / "x.html"
    message = f"marketctl: {path}: there is no such folder. Next: mkdir -p {path.parent}.\n"
    assert ctl("report", "-o", str(path)) == (1, "", message)
    assert not path.parent.exists()


PROVIDERS = """
wallet sync X | wallet show X | wallet changes -p X | wallet routes USDT --from X | wallet unmapped X
prices collect X | prices show X | prices history X BTC/USDT | prices at 1h X | prices held X | prices gaps -p X
prices release X BTC/USDT | stats collect X | stats show X | dump all X | check X | run --once X
providers show X | providers enable X | providers disable X | credentials set X | convert 1 USDT@X BTC
"""
NAMES = """
wallet show KUCOIN X | wallet changes X | wallet routes X | asset X | convert 1 X USDT
prices show KUCOIN X/Y | prices show X/Y | prices compare X/Y | prices history KUCOIN X/Y | prices gaps X/Y
prices release KUCOIN X/Y | prices at 0s KUCOIN X/Y
"""


def lines(text: str) -> list[list[str]]:
    return [line.split() for part in text.strip().splitlines() for line in part.split(" | ")]


def test_an_unknown_name_ends_every_command_alike(ctl):
    """A provider is looked for in the registry (4); pairs and assets in what was collected (1). Each in one line."""
    assert ctl("wallet", "sync", "KUCOIN", "-q")[0] == ctl("prices", "collect", "KUCOIN", "-q")[0] == 0
    told = {" ".join(words): ctl(*[word.replace("X", "NOWHERE") for word in words]) for words in lines(PROVIDERS)}
    assert {line: code for line, (code, _, _) in told.items() if code != 4} == {}
    assert {err for _, _, err in told.values()} == {
        'marketctl: No such provider "NOWHERE". Next: marketctl providers list.\n'
    }
    told = {" ".join(words): ctl(*[word.replace("X", "NOWHERE") for word in words]) for words in lines(NAMES)}
    assert {line: code for line, (code, _, _) in told.items() if code != 1} == {}
    named = re.compile("NOWHERE|nothing of KUCOIN is held")
    assert [line for line, (_, _, err) in told.items() if not named.search(err.splitlines()[-1])] == []


@pytest.mark.parametrize(
    "line",
    [
        "report -o X", "check -o X --format prometheus", "run --once --metrics X", "run --once --report X",
        "rates check --rates X", "dump prices -p KUCOIN -o X", "dump replay X", "service systemd -o X",
        "--config X status", "--data-dir X status",
    ],
)  # fmt: skip
def test_a_name_that_is_empty_is_refused(ctl, line):
    code, out, err = ctl(*["" if word == "X" else word for word in line.split()])
    assert (code, out) == (2, "")
    assert ": found nothing, expected the name of a file or folder. Try 'marketctl" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        "convert none USDT RUB",
        "convert 0 USDT RUB",
        "convert 1 USDT@ RUB",
        "convert 1 USDT usdt",
        "wallet routes USDT --amount none",
        "prices gaps --min none",
        "prices show --max-age nan",
        "prices at then",
        "prices history KUCOIN",
        "wallet changes --only none",
        "asset USDT --watch=0",
    ],
)
def test_a_word_that_cannot_be_is_bad_usage(ctl, line):
    code, out, err = ctl(*line.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert " -h'." in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("convert 1e999999999 USDT RUB", "'1e999999999' is no amount"),
        (f"convert {'9' * 31} USDT RUB", "is no amount"),
        ("wallet routes USDT --amount 1e999999999", "'1e999999999' is no amount"),
        ("run --once --lock-wait nan", "'nan' is no number of seconds"),
        ("run --once --lock-wait inf", "'inf' is no number of seconds"),
        ("rates check --max-age nan", "'nan' is no number of seconds"),
        ("service systemd --user a\nExecStart=/bin/id", "found no user's name"),
        ("service cron --user \x1b[31mX", "found no user's name"),
    ],
)
def test_figures_and_names_that_are_none_are_usage(ctl, words, told):
    code, out, err = ctl(*words.split(" "))
    assert (code, out) == (2, "")
    assert told in err
    assert "\x1b" not in err


@pytest.mark.parametrize("words", [("KUCOIN", "top-secret-1"), ("KUCOIN", "api_key=top-secret-1", "top-secret-2")])
def test_a_key_given_as_an_argument_is_refused_and_not_repeated(ctl, words):
    code, out, err = ctl("credentials", "set", *words)
    assert (code, out) == (2, "")
    assert "values are never arguments" in err
    assert "top-secret" not in err


def test_a_key_with_a_character_that_none_has_is_not_stored(ctl, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("top-secret-1\ntop-se\u0441ret-2\npass\n"))
    before = (folder / "credentials.toml").read_bytes()
    code, out, err = ctl("credentials", "set", "KUCOIN")
    assert (code, out) == (4, "")
    assert err == (
        "marketctl: KUCOIN api_secret: character 7 is U+0441 (CYRILLIC SMALL LETTER ES), expected plain ASCII; "
        "nothing was stored. Next: copy it anew, from its page.\n"
    )
    assert (folder / "credentials.toml").read_bytes() == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_who_ends_a_question_for_a_key_has_an_echo_again(folder, number, code):
    ours, theirs = pty.openpty()
    words = [
        sys.executable,
        "-m",
        "marketctl",
        "--config",
        str(folder / "providers.toml"),
        "credentials",
        "set",
        "KUCOIN",
    ]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        try:
            shown = b""
            while b"KUCOIN api_key: " not in shown:
                shown += os.read(ours, 1000)
            assert not termios.tcgetattr(ours)[3] & termios.ECHO
            process.send_signal(number)
            assert process.wait(20) == code
            assert termios.tcgetattr(ours)[3] & termios.ECHO
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
