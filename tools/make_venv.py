"""Make a virtual environment with pip, also where the system's Python comes without ensurepip (Debian's does).

Usage: python3 tools/make_venv.py FOLDER
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path


def make(folder: Path) -> None:
    """Create the environment; pip comes from the standard library, else from the package index."""
    bundled = importlib.util.find_spec("ensurepip") is not None
    venv.create(folder, with_pip=bundled, clear=True, symlinks=True)
    if not bundled:
        add_pip(folder / "bin" / "python")


def add_pip(python: Path) -> None:
    """Fetch pip's wheel from the index and let it install itself."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    request = urllib.request.Request(f"{index}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    wheels = [one for one in files if one["filename"].endswith("-none-any.whl") and not one.get("yanked")]
    newest = max(
        wheels, key=lambda one: [int(part) for part in one["filename"].split("-")[1].split(".") if part.isdigit()]
    )
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / newest["filename"]
        with urllib.request.urlopen(newest["url"], timeout=60) as answer:
            wheel.write_bytes(answer.read())
        subprocess.run([python, f"{wheel}/pip", "install", "--quiet", "--no-index", wheel], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
