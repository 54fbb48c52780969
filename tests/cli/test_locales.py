"""A locale without our letters costs no command: what it cannot write is escaped."""

import json
from collections.abc import Iterator

import pytest

from tests.forks import Forks

PLAIN = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
WESTERN = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}
PLACE = "дом"


@pytest.fixture(scope="module", params=[PLAIN, WESTERN], ids=["ascii", "latin-1"])
def forks(request) -> Iterator[Forks]:
    with Forks("from marketctl.__main__ import main; main()", request.param) as forks:
        yield forks


@pytest.fixture
def plain(folder, forks, tmp_path):
    """Run a command in a folder whose name no stream has the letters for."""
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))
    moved = folder.rename(folder.with_name(PLACE))

    def call(*words):
        done = forks.run("--config", str(moved / "providers.toml"), *words, folder=tmp_path, environment={})
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["-h"],
        ["convert", "-h"],
        ["report", "-h"],
        ["report"],
        ["credentials", "path"],
        ["service", "cron"],
        ["service", "systemd"],
        ["providers", "list", "--format", "table"],
        ["providers", "show", "KUCOIN"],
        ["status"],
    ],
)
def test_commands_print_under_a_plain_locale(plain, words):
    done = plain(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_jobs_and_tables_under_a_plain_locale(plain):
    done = plain("run", "--once", "--task", "prices", "-p", "KUCOIN", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["status"] == "ok"
    for form in ("table", "md", "csv", "json"):
        done = plain("prices", "show", "KUCOIN", "--format", form)
        assert done.returncode == 0, done.stderr
    done = plain("prices", "show", "ЙЦУ")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
