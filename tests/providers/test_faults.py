"""One table of faults for all providers: the reason each is told by, and how many requests it costs.

The checks stand in `marketctl.testing`: third parties run the same.
"""

import shutil
import tomllib
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from marketctl import testing
from marketctl.errors import BadAnswer, MarketctlError
from marketctl.files.snapshots import write_snapshot
from marketctl.models import Network
from marketctl.sandbox import API_MODULES, load_api
from tests.desk import asset

ROOT = Path(__file__).parents[2]
TABLES = tomllib.loads((ROOT / "providers.toml").read_text(encoding="utf-8"))["providers"]
NAMES = list(API_MODULES)

EXCEPTIONS = {
    # No list in the list of currencies; asked without a key first, then with it.
    "OPENEXCHANGERATES": testing.Exceptions(no_fault={"empty-list"}),
    "TWELVEDATA": testing.Exceptions(requests={"401": 2}),
    # The list of assets is an object: lists that are empty in it say "closed", as documented. Assets and fees are read
    # together. An address that is not allowed is answered with the words of a disabled key.
    "WHITEBIT": testing.Exceptions(no_fault={"empty-list"}, requests={"types": 2}, reasons={"ip": "auth"}),
}


@pytest.fixture
def bench(sandbox, tmp_path, name, no_sleep):
    made = testing.Bench(name, TABLES[name]["path"], sandbox, tmp_path, TABLES[name])
    yield made
    made.close()


@pytest.mark.parametrize("fault", testing.FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_fault(bench, name, fault):
    testing.check_fault(bench, fault, EXCEPTIONS.get(name))


QUESTIONS = ("assets", "prices", "clock", "platform", "check_key", "quota")


@pytest.mark.parametrize("fault", ["empty-object", "empty-list", "types"])
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_read_names_its_own_request(bench, name, fault):
    """Each endpoint in turn answers nonsense: whoever fails over it names it, and none of the others it asked."""
    told = {}
    for path in {endpoint.partition(" ")[2] for endpoint in bench.cls.endpoints}:
        bench.sandbox.fault(f"{name}{path}={fault}")
        for question in QUESTIONS:
            shutil.rmtree(bench.folder / "cache", ignore_errors=True)
            adapter = bench.adapter()
            ask = getattr(adapter, question)
            try:
                with adapter.named():
                    adapter.read(ask) if question in ("assets", "prices") else ask()
            except BadAnswer as error:
                told[path, question] = (error.message, error.hint)
            except MarketctlError:
                continue
        bench.api.faults.clear()
    assert told or fault in EXCEPTIONS.get(name, testing.Exceptions()).no_fault
    wrong = {at: one for at, one in told.items() if f" 127.0.0.1{at[0]}: HTTP 200: " not in one[0] or not one[1]}
    assert wrong == {}


@pytest.mark.parametrize("name", NAMES)
def test_refused_connection_is_network(bench, name):
    testing.check_refused_connection(bench)


@pytest.mark.parametrize("name", NAMES)
def test_slow_answer_is_a_timeout(bench, name):
    testing.check_slow_answer(bench)


@pytest.mark.parametrize("job", testing.JOBS)
@pytest.mark.parametrize("name", NAMES)
def test_job_works_against_the_sandbox(bench, name, job):
    testing.check_job(bench, job)


@pytest.mark.parametrize("job", ["wallet", "prices"])
@pytest.mark.parametrize("name", NAMES)
def test_rows_in_columns_are_read_as_without(bench, name, job):
    testing.check_columns(bench, job)


@pytest.mark.parametrize("word", testing.OWN_ERRORS)
@pytest.mark.parametrize("name", [name for name in NAMES if load_api(name).keys])
def test_providers_own_error_body(bench, name, word):
    testing.check_own_error(bench, word, EXCEPTIONS.get(name))


def test_a_network_of_an_adapters_own_name_is_told(tmp_path):
    head = {"schema": 1, "provider": "MYEX", "job": "wallet", "run_id": "r", "collected_at": "", "version": ""}
    bench = SimpleNamespace(
        name="MYEX", folder=tmp_path, run=lambda _job: (SimpleNamespace(status="ok", counts={"assets": 1}), Counter())
    )
    for network, told in (("tron", None), (None, None), ("TRC20", r"MYEX: no common names: \['TRC20'\]")):
        assets = {"USDT": asset("USDT", {"TRX": Network(network=network)})}
        write_snapshot(tmp_path / "data" / "wallet" / "MYEX.json", head, "assets", assets)
        with pytest.raises(AssertionError, match=told) if told else nullcontext():
            testing.check_job(bench, "wallet")
