"""Every example that is printed, in the commands' help and in documents, is run and works as printed."""

import io
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from marketctl.cli import COMMANDS, invoke, root
from marketctl.cli.terminal import text_width
from marketctl.config.credentials import load_credentials
from marketctl.jobs.archive import compared, keep_in_archive
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.models import Quote
from marketctl.providers.loader import load_registry
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.sandbox.setup import write_setup
from marketctl.times import now_ms
from tests.notify.receivers import Webhook
from tests.terminal import on_a_terminal

ROOT = Path(__file__).parent.parent
# Run by tests of their own.
ELSEWHERE = {
    "providers new": "writes into a checkout: tests/scaffold makes one of each kind and runs its tests",
    "report --open": "opens a browser: tests/cli/test_report_open.py has one that tells what it was given",
}
# They change the registry, the keys or the server: done to a copy of the desk.
ON_A_COPY = ("init", "credentials set", "providers add", "providers remove", "providers disable", "providers enable",
             "redis")  # fmt: skip
ASKED = {"credentials set BYBIT": "a-key\na-secret\n", "credentials set notify": "night=json://127.0.0.1/hook\n"}
# They go on until Ctrl-C: what they show by then, and what they end with.
GO_ON = {
    "--watch": (r"Ctrl-C ends[\s\S]+\n", 130),
    "board": (r"http://|board\.sock", 130),
    "sandbox": (r"MARKETCTL_CONFIG=", 0),
}
# Places of a whole machine stand for folders of the test; ports for free ones.
PLACES = ("/var/www/html/", "/var/lib/node_exporter/", "/run/marketctl/")
PORTS = {"sandbox": ["--port", "0"], "board": ["--bind", "127.0.0.1:0"]}

# What they print is no table: a program reads it, or it is a path or a unit.
OTHER_FORMS = {"--json", "--format", "--csv", "-o", "-", "path", "report", "service", "init", "redis"}


# Lines of their blocks are typed one after the other, as they stand.
GUIDES = ("docs/questions.md", "docs/sentinel.md")
# Theirs go on for good, or are about one moment that was.
NO_EXAMPLE = re.compile(r"run --notify$|20\d\d-\d\d-\d\dT")


def typed(page: str) -> list[str]:
    """Return the command lines of a page's blocks of shell, without comments and where their output goes."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), flags=re.M | re.S)
    lines = re.findall(r"^marketctl (.*?)(?: +[#>].*)?$", "\n".join(blocks), flags=re.M)
    return [line for line in lines if not NO_EXAMPLE.search(line)]


def examples() -> list[str]:
    """Return the example lines of all commands' help and of the guides."""
    found: list[str] = [line for page in GUIDES for line in typed(page)]

    def walk(command: click.Command) -> None:
        text = (command.help or "").partition("Example")[2].partition("Exit codes")[0]
        found.extend(re.findall(r"^\s+marketctl (.*)$", text, flags=re.M))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                walk(below)

    walk(root)
    return [line for line in dict.fromkeys(found) if not line.startswith(tuple(ELSEWHERE))]


def goes_on(line: str) -> tuple[str, int] | None:
    return next((told for sign, told in GO_ON.items() if line.startswith(sign) or f" {sign}" in line), None)


def block_of(page: str, form: str) -> str:
    """Return the first block of a form that a page shows."""
    found = re.search(rf"^( *)```{form}\n(.*?)^\1```$", (ROOT / page).read_text(), flags=re.M | re.S)
    assert found is not None
    return re.sub(rf"^{found[1]}", "", found[2], flags=re.M)


class Town:
    """A folder in which everything was collected and dumped once, with rates, a channel, and prices of hours ago."""

    def __init__(self, sandbox, folder: Path, hook: Webhook) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.registry = write_setup(sandbox, folder)
        # What was collected stays fresh for the time of the tests.
        self.registry.write_text(self.registry.read_text().replace("prices_interval_s = 10", "prices_interval_s = 600"))
        with (folder / "credentials.toml").open("a") as file:
            file.write(f'\n[notify]\nops = "{hook.url}"\n')
        (folder / "rates.toml").write_text(block_of("docs/rates.md", "toml"))
        self.env = {"MARKETCTL_CONFIG": str(self.registry), "COLUMNS": "80", "TMPDIR": str(folder)}
        self.copy = folder / "copy"
        self.copy.mkdir()
        for name in ("providers.toml", "credentials.toml"):
            shutil.copy(folder / name, self.copy / name)

    def ctl(self, words: str) -> None:
        """Run a command in the folder, nobody waiting."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr("marketctl.http.client.sleep", lambda _seconds: None)
            assert invoke([*words.split(), "-q"]) == 0

    def remember(self, hours: int) -> None:
        """Have a price of hours ago in the archive."""
        run = Run(Desk(load_registry(self.registry), load_credentials(self.folder / "none.toml", environ={})))
        quotes = {"BTC/USDT": Quote("BTC-USDT", "91000.1", "91000.2", *[None] * 8)}
        moved, _ = compared({}, quotes)
        then = now_ms() - hours * 3_600_000
        told = {"collected_ms": then, "after_ms": None, "gone": [], "held": {}}
        keep_in_archive(run, run.registry.provider("KUCOIN"), quotes, moved=moved, **told)


@pytest.fixture(scope="module")
def town(sandbox_server, tmp_path_factory) -> Iterator[Town]:
    sandbox_server.forget()
    with Webhook() as hook:
        town = Town(sandbox_server, tmp_path_factory.mktemp("desk"), hook)
        with EmbeddedRedis(town.folder / "data"):  # it goes on between runs
            town.remember(3)
            for words in ("run --once", "run --once", "dump all -p KUCOIN", "rates build", "notify run"):
                town.ctl(words)
            yield town
    EmbeddedRedis(town.copy / "data").shut_down()


@contextmanager
def prepared(town: Town, line: str) -> Iterator[None]:
    """Have so what an example is about: quotes of now, a quote that is held."""
    if "--max-age" in line:
        town.ctl("prices collect")
    if not line.startswith("prices release"):
        yield
        return
    town.sandbox.fault("KUCOIN=off:BTC/USDT:1.5")
    town.ctl("prices collect -p KUCOIN")
    town.sandbox.fault()
    yield
    town.ctl("prices collect -p KUCOIN")


def test_there_are_examples_for_every_command():
    assert {line.split()[0] for line in examples()} == set(COMMANDS)


@pytest.mark.parametrize("line", examples())
def test_example_of_the_help_works(town, line, monkeypatch, capsys, no_sleep):
    if "second-opinion" in line:
        pytest.importorskip("ccxt", reason="ccxt is not installed: pip install ccxt (the extra ccxt)")
    folder = town.copy if line.startswith(ON_A_COPY) else town.folder
    words = shlex.split(re.sub("|".join(PLACES), f"{folder}/", line))
    if told := goes_on(line):
        seen, ends = told
        more = [] if "--bind" in line else PORTS.get(words[0], [])
        code, text = on_a_terminal([*words, *more], town.env, folder, until=lambda shown: bool(re.search(seen, shown)))
        assert code == ends, text
        return
    monkeypatch.chdir(folder)
    for name, value in (town.env | {"MARKETCTL_CONFIG": str(folder / "providers.toml")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(ASKED.get(line, "")))
    with prepared(town, line):
        code = invoke(words)
    out, err = capsys.readouterr()
    assert code == 0, err
    if not set(words) & OTHER_FORMS:
        assert wider_than(80, out.replace(str(folder), "")) == []  # the narrowest terminal anybody uses


def wider_than(columns: int, text: str) -> list[str]:
    return [line for line in text.splitlines() if text_width(click.unstyle(line)) > columns]


def shape(text: str) -> list[str]:
    """Return the lines with every number that moves made equal and blanks folded."""
    lines = [re.sub(r"-?\d[\d.,]*", "0", " ".join(line.split())) for line in text.splitlines()]
    return [re.sub(r"0 (s|min|h)\b", "0 s", line) for line in lines if line]


# The pages that show what stands on a terminal; their Russian sisters show the same (test_docs.py).
PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))
                        if not path.name.endswith(".ru.md"))]  # fmt: skip


def shown_sessions(page: str) -> list[tuple[str, str]]:
    blocks = re.findall(r"^```\n(\$ marketctl .*?)^```", (ROOT / page).read_text(), flags=re.M | re.S)
    sessions = "\n".join(blocks)
    return re.findall(r"^\$ marketctl (.*?)\n(.*?)(?=^\$ |\Z)", sessions, flags=re.M | re.S)


def test_the_documents_show_sessions():
    assert len(shown_sessions("README.md")) >= 2
    assert len(shown_sessions("docs/questions.md")) >= 7


@pytest.mark.parametrize(
    ("page", "command", "output"), [(page, *session) for page in PAGES for session in shown_sessions(page)]
)
def test_session_of_a_document_shows_what_it_says(town, page, command, output):
    shown = on_a_terminal(shlex.split(command), town.env | {"NO_COLOR": "1"}, town.folder).text
    got = shape(shown.replace("\r", "\n"))  # progress is overwritten
    wanted = shape(output)
    assert wanted[0] in got[:3]  # behind progress and notices
    # Documents leave rows out; of those they show, each has the cells of a real one, whatever is best today.
    cells = {len(line.split()) for line in got}
    table = [line for line in wanted if not re.search(r": \w|; *$", line)]  # what is closed today is in no column
    assert {len(line.split()) for line in table} <= cells | {len(line.split()) + 1 for line in got}
