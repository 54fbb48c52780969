"""What every provider must have. A failure says what to do."""

import json
from pathlib import Path

import pytest

from marketctl import testing
from marketctl.models import JOBS
from marketctl.providers.bank.markup import read_xml
from marketctl.providers.base import Provider
from marketctl.providers.card import jobs_of
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.sandbox import API_MODULES, load_api

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry(ROOT / "providers.toml", environ={})
NAMES = list(REGISTRY.providers)
KINDS = ("bank", "cash", "cex", "psp")
# By POST, and only reading; more with care.
POSTS = {"POST /api/v4/trade-account/balance", "POST /open/generate_jwt"}


def adapter(name: str) -> type[Provider]:
    return load_adapter(REGISTRY.providers[name])


def module_name(name: str) -> str:
    return adapter(name).__module__.rpartition(".")[2]


def modules_on_disk() -> set[str]:
    found = [path for kind in KINDS for path in (ROOT / "marketctl" / "providers" / kind).glob("[a-z]*.py")]
    return {path.stem for path in found if path.stem not in ("base", "credits", "markup")}


def test_every_adapter_module_is_registered_and_the_other_way_round():
    registered = {module_name(name) for name in NAMES}
    assert registered == modules_on_disk(), "give each module of marketctl/providers/ a section in providers.toml"


@pytest.mark.parametrize("name", NAMES)
def test_card_docstring_is_complete(name):
    testing.check_card(name, adapter(name))


@pytest.mark.parametrize("name", NAMES)
def test_class_attributes_are_declared(name):
    testing.check_attributes(name, adapter(name))
    assert jobs_of(adapter(name)) == list(JOBS), f"{name}: implement assets(), prices(), stats() (Exchange has it)"


@pytest.mark.parametrize("name", NAMES)
def test_endpoints_are_read_only(name):
    testing.check_endpoints(name, adapter(name), POSTS)


@pytest.mark.parametrize("name", NAMES)
def test_sandbox_serves_every_endpoint_the_adapter_asks(name):
    assert name in API_MODULES, f"write marketctl/sandbox/{module_name(name)}.py with a class SandboxApi"
    testing.check_sandbox(name, adapter(name), load_api(name))


@pytest.mark.parametrize("name", NAMES)
def test_samples_and_tests_exist(name):
    word = module_name(name)
    assert (ROOT / "tests" / "providers" / f"test_{word}.py").is_file(), f"write tests/providers/test_{word}.py"
    samples = [path for path in (ROOT / "tests" / "providers" / word).glob("*") if path.suffix in (".json", ".xml")]
    assert samples, f"put sample answers of {name} into tests/providers/{word}/"
    for sample in samples:
        content = sample.read_bytes()
        json.loads(content) if sample.suffix == ".json" else read_xml(content)


@pytest.mark.parametrize("name", NAMES)
def test_docs_have_a_row(name):
    text = (ROOT / "docs" / "providers.md").read_text()
    assert name in text, f"{name} is not in docs/providers.md: run make docs"
