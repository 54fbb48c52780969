"""`report --open` starts a program that knows nothing of our keys."""

import os
import time

import pytest

from tests.cli.program import run


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """A stand-in for what opens pages: it writes down its environment."""
    seen = tmp_path / "seen"
    for name in ("xdg-open", "open"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\n(env; echo "asked=$1") > "{seen}.part"; mv "{seen}.part" "{seen}"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return seen


def test_the_browser_is_not_given_our_keys(folder, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("MARKETCTL_KUCOIN_API_SECRET", "hush-hush")
    monkeypatch.setenv("KEPT_FOR_THE_BROWSER", "yes")
    done = run(folder, "report", "--open", "-o", str(tmp_path / "page.html"))
    nothing = "nothing was collected yet, and the page says so. Next: marketctl run --once\n"
    assert (done.returncode, done.stderr) == (0, nothing)
    until = time.monotonic() + 10
    while not browser.exists() and time.monotonic() < until:
        time.sleep(0.01)
    found = browser.read_text()
    assert "hush-hush" not in found
    assert "MARKETCTL_" not in found
    assert "KEPT_FOR_THE_BROWSER=yes" in found
    assert "page.html" in found
