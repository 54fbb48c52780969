"""Every example that is printed, in the commands' help and in the README, is run and works as printed."""

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from marketctl.cli import COMMANDS, invoke, root
from marketctl.cli.terminal import text_width
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.sandbox.setup import write_setup

ROOT = Path(__file__).parent.parent
# They ask, edit this checkout or go on until stopped (as all with --watch do): tests of their own run them.
ELSEWHERE = (
    "sandbox",
    "board",
    "providers new",
    "credentials set",
    "init",
    "providers add",
    "providers remove",
    "report --open",
    "redis stop",
    "notify test",  # and these a channel
    "notify run",
    "rates",  # they need a file of directions
    "prices at",  # and this a history of hours
    "check BYBIT --second-opinion",  # and this an extra
    "prices release",  # and this something that is held
)

# What they print is no table: a program reads it, or it is one path.
OTHER_FORMS = {"--json", "--format", "--csv", "-o", "-", "path", "report", "service", "board", "rates", "redis"}


def examples() -> list[str]:
    """Return the example lines of all commands' help."""
    found: list[str] = []

    def walk(command: click.Command) -> None:
        text = (command.help or "").partition("Example")[2].partition("Exit codes")[0]
        found.extend(re.findall(r"^\s+(marketctl .*)$", text, flags=re.M))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below)

    walk(root)
    own = [line.removeprefix("marketctl ") for line in found]
    chosen = [line for line in own if not line.startswith(ELSEWHERE) and "--watch" not in line]
    return [f"marketctl {line}" for line in dict.fromkeys(chosen)]


@pytest.fixture(scope="module")
def desk(sandbox_server, tmp_path_factory):
    """A folder in which everything was collected and dumped once, and the environment that leads to it."""
    folder = tmp_path_factory.mktemp("desk")
    sandbox_server.fault()
    registry = write_setup(sandbox_server, folder)
    env = {"PATH": os.environ["PATH"], "MARKETCTL_CONFIG": str(registry), "COLUMNS": "80", "TMPDIR": str(folder)}
    with EmbeddedRedis(folder / "data"):  # it goes on between runs
        for words in (["run", "--once", "-q"], ["run", "--once", "-q"], ["dump", "all", "-p", "KUCOIN", "-q"]):
            subprocess.run([sys.executable, "-m", "marketctl", *words], cwd=folder, env=env, check=True, timeout=120)
        yield folder, env


def test_there_are_examples_for_every_command():
    assert {line.split()[1] for line in examples()} | {"sandbox", "board", "init", "rates"} >= set(COMMANDS)


@pytest.mark.parametrize("line", examples())
def test_example_of_the_help_works(desk, line, monkeypatch, capsys):
    folder, env = desk
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MARKETCTL_CONFIG", env["MARKETCTL_CONFIG"])
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for place in re.findall(r"/var/\S+", line):  # another machine's folders are not ours to write to
        (folder / place[1:]).parent.mkdir(parents=True, exist_ok=True)
    code = invoke(shlex.split(line.replace(" /var/", f" {folder}/var/"))[1:])
    told = capsys.readouterr()
    assert code == 0, told.err
    if not set(line.split()) & OTHER_FORMS:
        # Every table fits the narrowest terminal anybody uses.
        assert [one for one in told.out.splitlines() if text_width(click.unstyle(one)) > 80] == []


def on_a_terminal(words: list[str], folder: Path, env: dict[str, str]) -> str:
    """Run marketctl with its output on a terminal; return what it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "marketctl", *words],
        cwd=folder,
        env=env | {"NO_COLOR": "1"},
        stdout=theirs,
        stderr=theirs,
    ) as process:
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
    return shown.decode().replace("\r\n", "\n").replace("\r", "\n")  # progress is overwritten


def shape(text: str) -> list[str]:
    """Return the lines with every number that moves made equal and blanks folded."""
    lines = [re.sub(r"-?\d[\d.,]*", "0", " ".join(line.split())) for line in text.splitlines()]
    return [re.sub(r"0 (s|min|h)\b", "0 s", line) for line in lines if line]


def shown_sessions(page: str = "README.md") -> list[tuple[str, str]]:
    blocks = re.findall(r"^```\n(\$ marketctl .*?)^```", (ROOT / page).read_text(), flags=re.M | re.S)
    sessions = "\n".join(blocks)
    return re.findall(r"^\$ marketctl (.*?)\n(.*?)(?=^\$ |\Z)", sessions, flags=re.M | re.S)


def test_the_readme_shows_sessions():
    assert len(shown_sessions()) >= 2
    assert len(shown_sessions("docs/questions.md")) >= 7


@pytest.mark.parametrize(("command", "output"), shown_sessions() + shown_sessions("docs/questions.md"))
def test_session_of_a_document_shows_what_it_says(desk, command, output):
    folder, env = desk
    got = shape(on_a_terminal(shlex.split(command), folder, env))
    wanted = shape(output)
    assert wanted[0] in got[:3]  # behind progress and notices
    # Documents leave rows out; of those they show, each has the cells of a real one, whatever is best today.
    cells = {len(line.split()) for line in got}
    table = [line for line in wanted if not re.search(r": \w|; *$", line)]  # what is closed today is in no column
    assert {len(line.split()) for line in table} <= cells | {len(line.split()) + 1 for line in got}
