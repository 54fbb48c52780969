"""Hundreds of providers need more open files than a system gives at first: what we may have is taken."""

import pytest

from tests.cli.program import run

FEW = 18  # fewer than a run of eight providers and two jobs needs: a lock each, and its streams
WORDS = ("run", "--once", "--task", "wallet", "--task", "prices")


@pytest.fixture
def files_alone(folder):
    """The sandbox's registry, without Redis."""
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))
    return folder


def test_a_run_takes_the_open_files_it_may_have(files_alone):
    done = run(files_alone, *WORDS, "-q", before=f"ulimit -S -n {FEW};")
    assert (done.returncode, done.stderr) == (0, "")


def test_too_many_open_files_are_told_in_a_line(files_alone):
    done = run(files_alone, *WORDS, before=f"ulimit -n {FEW};")
    assert done.returncode == 1
    assert "Too many open files. Next: Raise the limit on open files (ulimit -n)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
