"""docs/schema/ is what docs/schemas.py says, is valid, is met by real output, and finds what is not as promised."""

import json
import sys
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from marketctl.cli import invoke, root
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import connect_running
from marketctl.sandbox.base import Sandbox
from marketctl.sandbox.setup import write_setup
from tests.notify.receivers import Webhook
from tests.rates.world import CODES, DIRECTION, SECOND

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: make .venv/.dev")
pytest.importorskip("fastjsonschema", reason="fastjsonschema is not installed: make .venv/.dev")
from tests import schemas as watched  # noqa: E402

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import schemas  # noqa: E402

COMMITTED = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs/schema").rglob("*.json"))


def test_committed_schemas_are_what_the_code_says():
    fresh = schemas.pages()
    assert sorted(fresh) == COMMITTED, "run make docs"
    assert [name for name in COMMITTED if (ROOT / "docs" / name).read_text() != fresh[name]] == [], "run make docs"


@pytest.mark.parametrize("name", COMMITTED)
def test_schema_is_one_of_draft_2020_12(name):
    found = json.loads((ROOT / "docs" / name).read_bytes())
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(found)


def test_every_command_that_reports_has_a_schema():
    import click

    def walk(group: click.Group, words: list[str]) -> list[str]:
        found = []
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            if isinstance(command, click.Group):
                found += walk(command, [*words, name])
            elif any(option.name == "as_json" for option in command.params):
                found.append(" ".join([*words, name]))
        return found

    assert sorted(set(walk(root, [])) - set(schemas.COMMANDS)) == []


@pytest.fixture(scope="module")
def market():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def desk(tmp_path_factory, market):
    """A registry with a run log, an embedded Redis that stays, directions of rates and a channel that hears."""
    with Webhook() as hook:
        path = write_setup(market, tmp_path_factory.mktemp("schema") / "desk")
        text = path.read_text().replace("embedded_stay = false", 'embedded_stay = true\nrun_log = "run.jsonl"')
        path.write_text(f'{text}\n[watch]\nassets = ["USDT", "SOL"]\n')
        keys = path.with_name("credentials.toml")
        keys.write_text(f'{keys.read_text()}\n[notify]\nops = "{hook.url}"\n')
        path.with_name("rates.toml").write_text("[export]\ngood_builds = 1\n" + CODES + DIRECTION + SECOND)
        yield path
        call(path, "redis stop")


def call(path: Path, line: str) -> str:
    """Return what a command prints."""
    with redirect_stdout(TextIOWrapper(BytesIO(), "utf-8")) as said:
        invoke(["--config", str(path), *line.split()])
    said.seek(0)
    return said.read()


VENUES = "-p BYBIT -p MEXC -p WHITEBIT -p HTX -p KUCOIN"
# One after another, as each shows what those before have collected. `fault` makes the sandbox do something.
COMMANDS = [
    "run --once -p KUCOIN -p MEXC -p RAPIRA -p OPENEXCHANGERATES --json",
    f"prices collect {VENUES} --json",
    "fault BYBIT=off:BTC/USDT:0.12 KUCOIN=closed:SOL",
    "prices collect -p BYBIT -p KUCOIN --json",
    "prices held --json",
    "prices release BYBIT BTC/USDT --json",
    "wallet sync -p KUCOIN --json",
    "stats collect -p KUCOIN --json",
    "dump wallet -p KUCOIN --json",
    "dump prices -p KUCOIN --json",
    "dump stats -p KUCOIN --json",
    "dump all -p KUCOIN --json",
    "dump list --json",
    "dump replay data/raw/prices-KUCOIN.json --json",
    "check KUCOIN --json",
    "check KUCOIN --second-opinion --json",
    "wallet show KUCOIN USDT --json",
    "wallet changes --json",
    "fault WHITEBIT=403",
    "wallet sync -p WHITEBIT --json",
    "wallet routes USDT --from MEXC --to KUCOIN --json",
    "wallet routes USDT --json",
    "wallet unmapped --json",
    "prices show KUCOIN --json",
    "prices compare BTC/USDT --json",
    "prices history KUCOIN BTC/USDT --json",
    "prices at 0s KUCOIN BTC/USDT --json",
    "prices gaps --json",
    "stats show --json",
    "status --json",
    "asset USDT --json",
    "convert 1000 USDT@MEXC BTC@KUCOIN --json",
    "rates build --json",
    "rates show --json",
    "rates explain USDTTRC20:SBERRUB --json",
    "rates check --json",
    "providers list --json",
    "providers show KUCOIN --json",
    "credentials list --json",
    "redis status --json",
    "notify test --json",
    "notify run --json",
    "notify log --json",
    "notify status --json",
    "notify mute tron --for 6h --json",
]


def test_everything_that_is_written_is_as_promised(desk, market, no_sleep):
    """All documents, files, lines and Redis values that have a schema, and no schema without them."""
    document = jsonschema.Draft202012Validator
    for line in COMMANDS:
        if line.startswith("fault "):
            market.fault(*line.split()[1:])
            continue
        said = call(desk, line.replace("data/", f"{desk.parent}/data/"))
        assert said, line
        told = json.loads(said)
        assert line.startswith(told["command"])
        assert told["results"] or line.startswith(("rates check", "redis")), line
        name = told["command"].replace(" ", "-")
        schema = watched.strict(json.loads((watched.FOLDER / "commands" / f"{name}.json").read_bytes()))
        assert [error.message for error in document(schema).iter_errors(told)] == [], line
    registry = load_registry(desk)
    with connect_running("embedded", registry.settings.data_dir) as store:
        unknown = watched.hold_redis(store)
    assert unknown == []
    assert watched.wrong() == []
    assert sorted(set(COMMITTED) - {f"schema/{name}.json" for name in watched.seen}) == []


def test_what_is_not_as_promised_is_found():
    good = {"symbol": "BTCUSDT", "bid": "1.5", "at": 1767225600000}
    for wrong in ({"bid": 1.5}, {"bid": "1.5e3"}, {"bidd": "1"}, {"symbol": None}, {"at": "2026-01-01T00:00:00.000Z"}):
        watched.hold("redis/l1", good | wrong)
        assert len(watched.wrong()) == 1, wrong
    watched.hold("redis/l1", good)
    watched.hold("commands/no-such-command", {})
    assert watched.wrong() == [
        "docs/schema/commands/no-such-command.json is missing: describe it in docs/schemas.py, then make docs"
    ]
