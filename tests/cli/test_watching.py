"""--watch: redrawn in place on a real terminal, nothing animated in a pipe."""

import os
import subprocess
import sys

import click
import pytest

from marketctl.sandbox.setup import write_setup
from tests.terminal import on_a_terminal


@pytest.fixture
def desk(sandbox, tmp_path):
    registry = write_setup(sandbox, tmp_path / "desk")
    env = {"PATH": os.environ["PATH"], "MARKETCTL_CONFIG": str(registry), "TERM": "xterm"}
    subprocess.run([sys.executable, "-m", "marketctl", "prices", "collect", "KUCOIN", "-q"], env=env, check=True)
    return env


def test_redrawn_in_place_until_interrupted(desk):
    words = ["prices", "compare", "BTC/USDT", "--watch=0.5"]
    code, shown = on_a_terminal(words, desk, until=lambda shown: shown.count("\x1b[H") >= 3)
    assert code == 130
    pictures = shown.split("\x1b[H")[-2:]
    assert shown.count("\x1b[2J") == 1
    for picture in pictures[:1]:
        lines = [line.rstrip() for line in picture.replace("\x1b[K", "").split("\n")]
        assert "UTC, every 0.5 s, Ctrl-C ends" in lines[0]
        assert any(click.unstyle(line).split()[:3] == ["PROVIDER", "BID", "ASK"] for line in lines)
        assert any(line.startswith("KUCOIN") for line in lines)
        assert any(line.startswith("BTC/USDT: best bid") for line in lines)


def test_a_pipe_is_told_once_and_nothing_is_animated(desk):
    command = [sys.executable, "-m", "marketctl", "prices", "compare", "BTC/USDT", "--watch", "-q"]
    done = subprocess.run(command, env=desk, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("KUCOIN\t91197.35\t91263.45\t")
    assert (done.stdout.count("\n"), "\x1b" in done.stdout) == (1, False)


def test_a_form_for_programs_goes_on(desk):
    command = [sys.executable, "-m", "marketctl", "prices", "compare", "BTC/USDT", "--watch=0.5", "--format", "ndjson"]
    with subprocess.Popen([*command, "-q"], env=desk, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
    assert all(line.startswith('{"provider": "KUCOIN", "bid": "91197.35"') for line in lines)
