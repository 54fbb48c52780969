"""Shell completion, and what neither it nor `--help` may load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REGISTRY = "".join(f'[providers.{name}]\npath = "a:B"\n' for name in ("BYBIT", "BYTEX", "HTX"))

# Runs the command line, then tells which of the heavy modules it loaded.
CODE = """
import sys
from marketctl.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = {"requests", "urllib3", "redis", "tenacity", "tomlkit", "marketctl.providers.base"}
print("loaded:", *sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def marketctl(tmp_path: Path):
    """Run the command line in a process of its own, in a folder with a registry."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "providers.toml").write_text(REGISTRY)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", CODE, *arguments]
        env = {**os.environ, **environment}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    return run


def completions(marketctl, line: str) -> tuple[list[str], str]:
    """Complete the last word of a line as bash would ask for it."""
    words = line.split(" ")
    done = marketctl(
        _MARKETCTL_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), PYTHONWARNINGS="error"
    )
    return [found.partition(",")[2] for found in done.stdout.split()], done.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("marketctl providers show BY", ["BYBIT", "BYTEX"]),
        ("marketctl providers show by", ["BYBIT", "BYTEX"]),
        ("marketctl providers enable HTX BYB", ["BYBIT"]),
        ("marketctl run -p H", ["HTX"]),
        ("marketctl --config nowhere.toml providers show BY", []),
        ("marketctl provi", ["providers"]),
        ("marketctl providers en", ["enable"]),
        ("marketctl providers new MYEX --kind ca", ["cash"]),
    ],
)
def test_completion(marketctl, line, expected):
    assert completions(marketctl, line) == (expected, "loaded:\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_written_for_each_shell(marketctl, shell):
    done = marketctl(_MARKETCTL_COMPLETE=f"{shell}_source")
    assert f"_MARKETCTL_COMPLETE={shell}_complete" in done.stdout
    assert done.stderr == "loaded:\n"


@pytest.mark.parametrize("command", ["", "run", "check", "prices show", "providers enable", "sandbox"])
def test_help_loads_nothing_heavy(marketctl, command):
    done = marketctl(*command.split(), "--help")
    assert done.stdout.startswith(f"Usage: {' '.join(['marketctl', *command.split()])}")
    assert (done.returncode, done.stderr) == (0, "loaded:\n")


def test_completion_imports_nothing_that_a_registry_names(marketctl, tmp_path):
    (tmp_path / "here" / "spy.py").write_text("print('imported,imported')\n")
    (tmp_path / "here" / "providers.toml").write_text('[providers.HTX]\npath = "spy:Adapter"\nown_option = 1\n')
    assert completions(marketctl, "marketctl run -p H") == (["HTX"], "loaded:\n")
    assert "imported" in marketctl("providers", "show", "HTX").stdout  # the module can be found from there


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_completion_offers_nothing_of_somebody_elses_registry(marketctl, tmp_path):
    os.chown(tmp_path / "here" / "providers.toml", 65534, 65534)
    assert completions(marketctl, "marketctl run -p H") == ([], "loaded:\n")
