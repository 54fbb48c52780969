"""Run the tests with the oldest libraries that pyproject.toml allows: what it promises is to be true.

Usage: python tools/test_lowest.py [PYTEST ARGUMENTS]

They go into .lowest/, an environment of its own: what marketctl needs and what the report needs. The other extras stay
as they are today, whatever they say of these.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".lowest"
PYTHON = PLACE / "bin" / "python"


def lowest() -> list[str]:
    """Return each library at the version from which on it is allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["report"]]
    found = [re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", one) for one in wanted]
    return [f"{one[1]}=={one[2]}" for one in found if one is not None]


def main() -> int:
    """Make the environment, run the tests in it, return their exit code."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, ROOT / "tools" / "make_venv.py", PLACE], check=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--editable", f"{ROOT}[dev]"], check=True)
    subprocess.run([*pip, "--no-deps", *lowest()], check=True)
    print(*lowest(), flush=True)
    return subprocess.run([PYTHON, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
