"""Run a part of `make torture` in a process of its own: it forks, and must not inherit the threads of the tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent.parent / "tools" / "torture.py"


def torture(part: str, *options: str) -> dict[str, int]:
    """Return its figures; fails with what it found."""
    if sys.platform != "linux":
        pytest.skip("the torture adopts orphans and looks into /proc, as Linux lets it")
    done = subprocess.run(
        [sys.executable, str(TOOL), part, *options, "--json"], capture_output=True, text=True, timeout=300
    )
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert document[part]["problems"] == {}, "\n".join(document[part]["words"])
    assert (done.returncode, done.stderr) == (0, "")
    figures: dict[str, int] = document[part]["figures"]
    return figures
