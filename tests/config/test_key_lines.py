"""Keys from stdin: a PEM or folded base64 is one value, and a line too many is refused with nothing stored."""

import os
import pty
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.config.credentials import load_credentials
from marketctl.config.key_lines import read_values
from marketctl.errors import ConfigError

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASC\nBKYwggSiAgEAAoIBAQ==\n-----END PRIVATE KEY-----\n"
ROW = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2QUlCQURBTkJna3Foa2lH"
FOLDED = f"{ROW}\n{ROW}\nLS0tLS0K"
TWO = ("uid", "private_key")
THREE = ("api_key", "api_secret", "passphrase")


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        (f"my-uid\n{PEM}", TWO, {"uid": "my-uid", "private_key": PEM}),
        (f"my-uid\r\n{PEM}".replace("\n", "\r\n"), TWO, {"uid": "my-uid", "private_key": PEM}),
        (f"private_key={PEM}uid=my-uid\n", TWO, {"uid": "my-uid", "private_key": PEM}),
        (f"my-uid\n{FOLDED}\n", TWO, {"uid": "my-uid", "private_key": FOLDED}),
        (f"my-uid\n{ROW}", TWO, {"uid": "my-uid", "private_key": ROW}),
        ("k\n\n  s \np\n", THREE, {"api_key": "k", "api_secret": "s", "passphrase": "p"}),
        # A long hexadecimal secret is no folded text: the passphrase is a line of its own.
        (f"k\n{'0f' * 32}\npass\n", THREE, {"api_key": "k", "api_secret": "0f" * 32, "passphrase": "pass"}),
        ("passphrase=a=b\nk\ns\n", THREE, {"passphrase": "a=b", "api_key": "k", "api_secret": "s"}),
        ("k\n", THREE, {"api_key": "k"}),
        (PEM.replace("\n", "\\n"), ("api_secret",), {"api_secret": PEM.replace("\n", "\\n")}),
    ],
)
def test_each_value_is_taken_whole(text, names, expected):
    assert read_values(text, names) == expected


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("k\ns\nmore\n", THREE[:2], "1 line too many on stdin: expected api_key, api_secret; nothing was stored"),
        ("k\ns\np\nx\ny\n", THREE, "2 lines too many on stdin: expected api_key, api_secret, passphrase; "
         "nothing was stored"),
        (f"my-uid\n{FOLDED}\n{ROW}\n", TWO, "1 line too many on stdin: expected uid, private_key; nothing was stored"),
        (f"my-uid\n{PEM.rpartition('-----END')[0]}", TWO,
         "the PEM key is cut: its END line is missing; nothing was stored"),
        (f"{PEM}my-uid\n", TWO, "found a private key (PEM) where uid is expected; nothing was stored"),
        (f"{FOLDED}\nmy-uid\n", TWO, "found a private key (PEM) where uid is expected; nothing was stored"),
        (f"api_key={PEM}s\n", THREE[:2], "found a private key (PEM) where api_key is expected; nothing was stored"),
    ],
)  # fmt: skip
def test_what_belongs_to_nothing_is_refused(text, names, message):
    with pytest.raises(ConfigError) as error:
        read_values(text, names)
    assert error.value.message == message


@pytest.fixture
def desk(tmp_path):
    path = tmp_path / "providers.toml"
    entries = {"BYBIT": "cex.bybit:BybitAdapter", "RAPIRA": "cex.rapira:RapiraAdapter"}
    path.write_text(
        "".join(
            f'[providers.{name}]\npath = "marketctl.providers.{place}"\nenabled = true\nneeds_api = true\n'
            for name, place in entries.items()
        )
    )
    path.chmod(0o600)
    return path


def stored(desk: Path) -> dict[str, dict[str, str]]:
    path = desk.with_name("credentials.toml")
    return tomllib.loads(path.read_text()) if path.exists() else {}


def test_a_pem_through_stdin_is_stored_whole_or_not_at_all(desk, monkeypatch, capsys):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(f"my-uid\n{PEM}"))
    assert marketctl(["--config", str(desk), "credentials", "set", "RAPIRA"]) == 0
    assert stored(desk) == {"RAPIRA": {"uid": "my-uid", "private_key": PEM}}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"other\n{PEM}surplus\n"))
    assert marketctl(["--config", str(desk), "credentials", "set", "RAPIRA"]) == 4
    assert "1 line too many" in capsys.readouterr().err
    assert stored(desk) == {"RAPIRA": {"uid": "my-uid", "private_key": PEM}}


def typed(desk: Path, provider: str, *answers: str) -> str:
    """Answer each prompt on a terminal by a paste; return what the terminal showed."""
    main, side = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "marketctl", "--config", str(desk), "credentials", "set", provider],
        stdin=side, stdout=side, stderr=side, close_fds=True,
    )  # fmt: skip
    os.close(side)
    shown = b""
    for answer in answers:
        asked = shown.count(b": ")
        until = time.monotonic() + 20
        while shown.count(b": ") <= asked and time.monotonic() < until:
            shown += os.read(main, 4096)
        os.write(main, answer.encode())
    try:
        while piece := os.read(main, 4096):
            shown += piece
    except OSError:  # the other side has gone
        pass
    assert program.wait(20) == 0, shown.decode()
    os.close(main)
    return shown.decode()


def test_a_pem_pasted_at_the_prompt_is_stored_whole_and_never_shown(desk):
    shown = typed(desk, "RAPIRA", "my-uid\n", PEM)
    assert stored(desk) == {"RAPIRA": {"uid": "my-uid", "private_key": PEM}}
    assert "MIIEvA" not in shown
    assert "my-uid" not in shown


def test_folded_base64_pasted_at_the_prompt_is_stored_whole(desk):
    typed(desk, "RAPIRA", "my-uid\n", f"{FOLDED}\n")
    assert stored(desk) == {"RAPIRA": {"uid": "my-uid", "private_key": FOLDED}}


@pytest.mark.parametrize("wrapped", ["{}\r\n", " {}\t", "\n{}\n"])
def test_blanks_and_line_breaks_of_the_environment_are_no_part_of_a_key(tmp_path, wrapped):
    environ = {"MARKETCTL_BYBIT_API_KEY": wrapped.format("k3y"), "MARKETCTL_BYBIT_API_SECRET": " \r\n"}
    keys = load_credentials(tmp_path / "credentials.toml", environ)
    assert keys.for_provider("BYBIT", ("api_key", "api_secret")) == {"api_key": "k3y"}
