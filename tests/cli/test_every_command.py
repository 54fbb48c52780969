"""Every command in bad surroundings. Long: one table of all commands, and all that may befall them.

One clear line, a fixed exit code, never a traceback.

The table names each command once, with words that make it answer and the code it then ends with. A new command has to
join it.
"""

import errno
import io
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from marketctl.cli import invoke, root

NOWHERE = "unix:/nowhere/board.sock"  # a server must not stay

COMMANDS = {
    "status": ("", 0),
    "asset": ("USDT", 0),
    "notify log": ("", 0),
    "notify mute": ("KUCOIN --for 1h", 0),
    "notify run": ("--dry-run", 0),
    "notify status": ("", 0),
    "notify test": ("", 4),
    "init": ("", 0),
    "run": ("--once --task prices -p KUCOIN", 0),
    "wallet changes": ("", 0),
    "wallet routes": ("USDT", 0),
    "wallet show": ("KUCOIN USDT", 0),
    "wallet sync": ("-p KUCOIN", 0),
    "wallet unmapped": ("", 0),
    "prices at": ("1h KUCOIN BTC/USDT", 1),
    "prices collect": ("-p KUCOIN", 0),
    "prices compare": ("BTC/USDT --max-age 9000", 0),
    "prices gaps": ("", 0),
    "prices held": ("", 0),
    "prices history": ("KUCOIN BTC/USDT", 0),
    "prices release": ("KUCOIN BTC/USDT", 1),
    "prices show": ("KUCOIN BTC/USDT", 0),
    "stats collect": ("-p KUCOIN", 0),
    "stats show": ("", 0),
    "report": ("", 0),
    "board": (f"--bind {NOWHERE}", 4),
    "rates build": ("", 4),
    "rates check": ("", 4),
    "rates explain": ("BTC>RUB", 4),
    "rates show": ("", 1),
    "convert": ("100 USDT@KUCOIN USDT@MEXC", 0),
    "check": ("KUCOIN", 0),
    "dump all": ("-p KUCOIN", 0),
    "dump list": ("", 0),
    "dump prices": ("-p KUCOIN -o -", 0),
    "dump replay": ("data/raw/prices-KUCOIN.json", 0),
    "dump stats": ("-p KUCOIN --force", 0),
    "dump wallet": ("-p KUCOIN --force", 0),
    "providers add": ("MYEX --path marketctl.providers.cex.kucoin:KucoinAdapter", 0),
    "providers disable": ("HTX", 0),
    "providers enable": ("HTX", 0),
    "providers list": ("", 0),
    "providers new": ("NEWEX", 4),
    "providers remove": ("HTX", 0),
    "providers show": ("KUCOIN", 0),
    "credentials list": ("", 0),
    "credentials path": ("", 0),
    "credentials set": ("KUCOIN", 0),
    "redis status": ("", 4),
    "redis start": ("", 4),
    "redis stop": ("", 4),
    "service cron": ("", 0),
    "service systemd": ("", 0),
    "sandbox": ("--port {busy}", 1),
}

# These do without the registry, or without all of it.
NO_REGISTRY = {"init", "sandbox", "providers new"}
PATH_ALONE = {*NO_REGISTRY, "credentials path"}
EDITS = {"providers add", "providers disable", "providers enable", "providers remove"}
# These need no keys.
KEYLESS = {
    *PATH_ALONE, *EDITS, "status", "asset", "notify log", "notify mute", "wallet changes", "wallet routes",
    "wallet show", "wallet unmapped", "prices at", "prices compare", "prices gaps", "prices held", "prices history",
    "prices release", "prices show", "stats show", "report", "board", "rates build", "rates check", "rates explain",
    "rates show", "convert", "dump list", "dump replay", "service cron", "service systemd", "redis status",
    "redis start", "redis stop",
}  # fmt: skip


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> list[str]:
    if not isinstance(command, click.Group):
        return [" ".join(words)]
    context = click.Context(command)
    found = [command.get_command(context, name) for name in command.list_commands(context)]
    names = command.list_commands(context)
    return [leaf for name, one in zip(names, found, strict=True) for leaf in leaves(one, (*words, name))]


def test_the_table_names_every_command():
    assert sorted(COMMANDS) == sorted(leaves(root))


@pytest.fixture(scope="module")
def desk(sandbox_server, setup_folder, tmp_path_factory) -> Path:
    """A folder in which everything was collected once, for files alone."""
    sandbox_server.forget()
    folder = shutil.copytree(setup_folder, tmp_path_factory.mktemp("desk") / "desk")
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketctl.http.client.sleep", lambda _s: None)
        for words in ("run --once -q", "dump all -p KUCOIN -q"):
            assert invoke(["--config", str(path), *words.split()]) in (0, 3)
    return folder


@pytest.fixture
def copy(desk, tmp_path):
    """Make a copy of the desk that `spoil` has seen to."""

    def make(spoil=None) -> Path:
        folder = tmp_path / f"copy{len(list(tmp_path.iterdir()))}"
        shutil.copytree(desk, folder)
        if spoil:
            spoil(folder)
        return folder

    return make


@pytest.fixture
def call(desk, sandbox, monkeypatch, capsys):
    """Run one command in a folder; return exit code, stdout and stderr."""
    busy = re.search(r"http://127.0.0.1:(\d+)", (desk / "providers.toml").read_text())[1]

    def one(name, folder, stdout=None, stderr=None):
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "stdin", io.StringIO("k\ns\np\n"))
            if stdout:
                patch.setattr(sys, "stdout", stdout())
            if stderr:
                patch.setattr(sys, "stderr", stderr())
            words = [*name.split(), *COMMANDS[name][0].format(busy=busy).split()]
            code = invoke(["--config", "providers.toml", *words])
            for stream, other in ((sys.stdout, stdout), (sys.stderr, stderr)):
                if other and stream is not None:
                    with suppress(OSError):
                        stream.close()
        told = capsys.readouterr()
        return code, told.out, told.err

    return one


def full():
    """Return a stream on which no space is left, written to at each line as a terminal is."""
    return Path("/dev/full").open("w", buffering=1, encoding="utf-8")


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def gone():
    """Return what Python has for a stream that was closed before it began."""
    return


def write(name, content):
    def spoil(folder: Path) -> None:
        path = folder / name
        path.unlink()
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)

    return spoil


def change(old, new):
    return lambda folder: write("providers.toml", (folder / "providers.toml").read_bytes().replace(old, new, 1))(folder)


SETTINGS = b"[settings]\n"
REGISTRIES = {
    "no TOML": (write("providers.toml", b"[settings\n"), EDITS, "not valid TOML"),
    "a BOM": (change(b"", b"\xef\xbb\xbf"), EDITS, "found a BOM"),
    "UTF-16": (write("providers.toml", "[settings]\n".encode("utf-16")), EDITS, "found UTF-16"),
    "zeros": (write("providers.toml", b"\0\0\0"), EDITS, "not valid TOML"),
    "nested": (write("providers.toml", b"x = " + b"[" * 5000), EDITS, "too deeply nested"),
    "gone": (write("providers.toml", None), EDITS, "No such file or directory"),
    "a wrong type": (change(SETTINGS, SETTINGS + b'timeout_s = "ten"\n'), set(), 'found "ten" (string), expected'),
    "a typo": (change(SETTINGS, SETTINGS + b"timeot_s = 1\n"), set(), 'did you mean "timeout_s"?'),
    "a bad redis_url": (change(b'"none"', b'"redis://h/x"'), set(), "found no number behind the host"),
}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_a_broken_registry_is_one_line_and_exit_4(call, copy, kind):
    spoil, edits, told = REGISTRIES[kind]
    excused = (NO_REGISTRY if kind == "gone" else PATH_ALONE) | (EDITS - edits)
    folder, wrong = copy(spoil), {}
    for name in COMMANDS.keys() - excused:
        code, out, err = call(name, folder)
        if (code, out, len(err.splitlines()), told in err) != (4, "", 1, True):
            wrong[name] = (code, out[:200], err)
    assert wrong == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[KUCOIN\napi_key = "hush-hush-hush"\n', "not valid TOML (at line 1, column 8)"),
        (b"[KUCOIN]\napi_key = 1234567890123\n", "[KUCOIN] api_key: found an integer, expected a text"),
        ("[KUCOIN]\n".encode("utf-16"), "found UTF-16, expected plain UTF-8"),
    ],
)
def test_broken_credentials_are_one_line_without_a_piece_of_them_and_exit_4(call, copy, content, told):
    folder, wrong = copy(write("credentials.toml", content)), {}
    for name in COMMANDS.keys() - KEYLESS:
        code, out, err = call(name, folder)
        if (code, out, len(err.splitlines()), told in err, "hush" in err) != (4, "", 1, True, False):
            wrong[name] = (code, out[:200], err)
    assert wrong == {}


LOOKS = (
    "asset", "convert", "dump list", "notify log", "notify status", "prices at", "prices compare", "prices gaps",
    "prices history", "prices release", "prices show", "rates check", "rates show", "stats show", "wallet changes",
    "wallet routes", "wallet show", "wallet unmapped",
)  # fmt: skip


def test_data_that_nobody_may_look_at_are_not_called_data_that_are_not_there(call, copy):
    folder, wrong = copy(), {}
    for one in (folder / "data").iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    for name in ("cache", "history", "prices", "rates", "raw", "state", "stats", "wallet"):
        (folder / "data" / name).symlink_to(name)  # a loop, which root may not enter either
    for name in COMMANDS:
        code, out, err = call(name, folder)
        if name in LOOKS and (code, out, len(err.splitlines())) != (1, "", 1):
            wrong[name] = (code, out[:200], err)
        if name in LOOKS and "Too many levels of symbolic links" not in err:
            wrong[name] = (code, out[:200], err)
        if "Traceback" in err or " yet" in err:
            wrong[name] = (code, out[:200], err)
    assert wrong == {}


def test_a_file_of_somebody_else_is_no_bug(monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/theirs")

    monkeypatch.setattr("marketctl.cli.root.main", refuse)
    assert invoke(["status"]) == 1
    assert capsys.readouterr().err == (
        "marketctl: cannot open /srv/theirs: Permission denied. "
        "Next: Make it accessible to this user, or name another folder with --data-dir.\n"
    )


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("as they are", {}),
        ("stdout closed", {"stdout": gone}),
        ("stderr closed", {"stderr": gone}),
        pytest.param("stderr full", {"stderr": full}, marks=needs_full),
    ],
)
def test_each_command_ends_as_the_table_says_whatever_its_streams_are(call, copy, name, streams):
    folder, ended = copy(), {}
    for command in COMMANDS:
        ended[command], _, err = call(command, folder, **streams)
        assert "Traceback" not in err
    assert ended == {command: code for command, (_, code) in COMMANDS.items()}


@needs_full
def test_data_that_cannot_be_written_are_a_failure_in_one_line(call, copy):
    plain, folder, wrong = copy(), copy(), {}
    for name, (_, expected) in COMMANDS.items():
        _, out, err = call(name, plain)
        code, _, said = call(name, folder, stdout=full)
        line = "marketctl: stdout cannot be written: No space left on device"
        if (code, line in said.splitlines()) != ((1, True) if out else (expected, False)):
            wrong[name] = (code, said, err)
    assert wrong == {}


def test_without_a_redis_every_command_ends_in_one_line_a_cause(call, copy):
    folder, wrong = copy(change(b'"none"', b'"redis://127.0.0.1:1"')), {}
    for name in COMMANDS:
        code, _, err = call(name, folder)
        lines = [line for line in err.splitlines() if "Redis" in line]
        if code not in (0, 1, 3, 4) or "Traceback" in err or len(lines) > 1:
            wrong[name] = (code, err)
    assert wrong == {}


ASK_PROVIDERS = [
    "status", "prices compare", "prices gaps", "prices held", "stats show", "wallet routes"
]  # fmt: skip


def test_without_an_enabled_provider_what_to_do_is_said(call, copy):
    folder = copy(write("providers.toml", b'[settings]\nredis_url = "none"\n'))
    told = "marketctl: providers.toml: no provider is enabled. Next: marketctl providers enable NAME.\n"
    assert {name: call(name, folder) for name in ASK_PROVIDERS} == dict.fromkeys(ASK_PROVIDERS, (4, "", told))
