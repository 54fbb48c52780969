"""The program itself, run in a process of its own."""

import subprocess
import sys


def run(folder, *words, shell="", before="", **given):
    """Run the program itself, with its streams as a shell would set them."""
    command = ["sh", "-c", f'{before} exec "$@" {shell}', "sh", sys.executable, "-m", "marketctl"]
    command += ["--config", str(folder / "providers.toml"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **given)
