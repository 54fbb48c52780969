"""Shell completion, and what neither it nor `--help` may load."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.files.snapshots import write_document
from marketctl.rates.account import write_account
from tests.forks import Forks

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


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(CODE, {"PYTHONWARNINGS": "error"}) as forks:
        yield forks


@pytest.fixture
def marketctl(forks: Forks, tmp_path: Path):
    """Run the command line in a process of its own, in a folder with a registry."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "providers.toml").write_text(REGISTRY)
    return lambda *words, **environment: forks.run(*words, folder=folder, environment=environment)


def completions(marketctl, line: str) -> tuple[list[str], str]:
    """Complete the last word of a line as bash would ask for it."""
    words = line.split(" ")
    done = marketctl(_MARKETCTL_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
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


@pytest.fixture
def data(tmp_path):
    """What was collected of two providers: pairs, assets, a dump, a build of the rates."""
    data = tmp_path / "here" / "data"
    for job, records, name in (
        ("prices", {"quotes": {"BTC/USDT": {}, "BTC/USDC": {}, "ETH/USDT": {}}}, "BYBIT"),
        ("prices", {"quotes": {"BTC/USDT": {}, "BTC/RUB": {}}}, "HTX"),
        ("wallet", {"assets": {"USDT": {}, "USDC": {}, "龙猫": {}, "BTC": {}}}, "HTX"),
    ):
        write_document(data / job / f"{name}.json", {"schema": 1} | records)
    (data / "raw").mkdir()
    for name in ("prices-HTX.json", "wallet-HTX.json"):
        (data / "raw" / name).write_text("{}")
    direction = dict.fromkeys(("city", "reason", "message", "rate", "in", "out", "age_ms"))
    direction |= {"direction": "USDTTRC20:SBERRUB", "from": "USDTTRC20", "to": "SBERRUB", "status": "ok", "amount": "5"}
    direction |= {"good_builds": 0, "since": "2026-01-02T03:04:05.678Z", "legs": [], "needs": []}
    write_account(data / "rates", "r", 0, {}, [direction])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("marketctl prices compare BTC/", ["BTC/RUB", "BTC/USDC", "BTC/USDT"]),
        ("marketctl prices show HTX btc/u", ["BTC/USDC", "BTC/USDT"]),
        ("marketctl prices history -p HTX E", ["ETH/USDT"]),
        ("marketctl prices history H", ["HTX"]),
        ("marketctl prices gaps ET", ["ETH/USDT"]),
        ("marketctl asset US", ["USDC", "USDT"]),
        ("marketctl wallet show HTX usdt", ["USDT"]),
        ("marketctl wallet routes 龙", ["龙猫"]),
        ("marketctl wallet changes BTC US", ["USDC", "USDT"]),
        ("marketctl convert 1000 US", ["USDC", "USDT"]),
        ("marketctl convert 1000 usdt@BY", ["USDT@BYBIT", "USDT@BYTEX"]),
        ("marketctl rates explain U", ["USDTTRC20:SBERRUB"]),
        ("marketctl dump replay ", ["data/raw/prices-HTX.json", "data/raw/wallet-HTX.json"]),
        ("marketctl dump replay data/raw/w", ["data/raw/wallet-HTX.json"]),
    ],
)
def test_what_was_collected_completes(marketctl, data, line, expected):
    assert completions(marketctl, line) == (expected, "loaded:\n")


@pytest.mark.parametrize(
    "line",
    [
        "marketctl --config pro",
        "marketctl --credentials cr",
        "marketctl run --metrics m",
        "marketctl run --report r",
        "marketctl report -o r",
        "marketctl check -o r",
        "marketctl rates build --rates ra",
        "marketctl dump replay elsewhere/",
    ],
)
def test_files_are_completed_by_the_shell(marketctl, line):
    done = marketctl(_MARKETCTL_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(line.count(" ")))
    assert done.stdout == f"file,{line.split(' ')[-1]}\n"


def test_a_comma_does_not_end_a_help_line_in_fish(marketctl):
    """As fish itself splits what it is told: at the first comma alone."""
    assert 'string split --max 1 "," $completion' in marketctl(_MARKETCTL_COMPLETE="fish_source").stdout
    told = marketctl(_MARKETCTL_COMPLETE="fish_complete", COMP_WORDS="marketctl pro", COMP_CWORD="pro").stdout
    assert told == "plain,providers\tList, show and edit the registry of providers.\n"


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
