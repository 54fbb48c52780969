"""Fixtures of the commands' tests: the real command line on the sandbox and a real embedded Redis."""

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.sandbox.setup import write_setup


@pytest.fixture
def folder(sandbox, tmp_path):
    """A folder with the registry and keys of the sandbox."""
    return write_setup(sandbox, tmp_path / "desk").parent


@pytest.fixture
def ctl(folder, capsys):
    """Run a command line; return exit code, stdout, stderr."""

    def call(*words: str):
        code = marketctl(["--config", str(folder / "providers.toml"), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call
