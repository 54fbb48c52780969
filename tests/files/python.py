"""Another process, and what a folder holds."""

import subprocess
import sys
from pathlib import Path


def run_python(code: str, *args: object) -> subprocess.Popen[str]:
    """Start a process; it says one line when it is where the test wants it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def files(folder: Path) -> list[str]:
    """List a folder without what conftest puts into it."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("_"))
