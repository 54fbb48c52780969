"""What every provider must have. A failure says what to do."""

import importlib
import json
import re
from pathlib import Path

import pytest

from marketctl.models import JOBS
from marketctl.providers.bank.markup import read_xml
from marketctl.providers.base import Provider
from marketctl.providers.card import PARTS, jobs_of, read_card
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.sandbox import API_MODULES, load_api

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry(ROOT / "providers.toml", environ={})
NAMES = list(REGISTRY.providers)
KINDS = ("bank", "cash", "cex", "psp")


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
    card = read_card(importlib.import_module(adapter(name).__module__).__doc__)
    assert card.title.endswith("."), f"begin the docstring of {name}'s module with one sentence that says what it is"
    assert tuple(card.parts) == PARTS, f"the docstring of {name}'s module needs, in this order: {', '.join(PARTS)}"
    assert re.match(r"https://\S+$", card.parts["Docs"]), f"{name}: `Docs:` is a link to the vendor's page"


@pytest.mark.parametrize("name", NAMES)
def test_class_attributes_are_declared(name):
    cls = adapter(name)
    assert cls.kind in ("CEX", "PSP", "BANK", "CASH"), f"{name}: kind is CEX, PSP, BANK or CASH"
    assert re.fullmatch(r"https://[a-z0-9.]+", cls.base_url), f"{name}: base_url is https, host, nothing behind"
    assert jobs_of(cls) == list(JOBS), f"{name}: implement assets(), prices() and stats() (Exchange has stats)"
    assert cls.key_jobs <= set(JOBS), f"{name}: key_jobs are among {JOBS}"
    assert not cls.key_jobs or cls.credentials, f"{name}: key_jobs need credentials"
    if cls.credentials:
        assert cls.check_key is not Provider.check_key, f"{name}: check_key() makes the cheapest signed call"
    assert cls.rate[0] > 0, f"{name}: rate is (units a second, burst)"
    assert cls.rate[1] >= 1, f"{name}: rate is (units a second, burst)"
    assert cls.__init__ is Provider.__init__, f"{name}: adapters have no constructor of their own"


@pytest.mark.parametrize("name", NAMES)
def test_endpoints_are_read_only(name):
    for endpoint in adapter(name).endpoints:
        assert re.fullmatch(r"(GET|POST) /[A-Za-z0-9_./-]+", endpoint), f"{name}: {endpoint!r} is no METHOD /path"
        assert not re.search(r"order(?!book)|withdraw|transfer|trade/|cancel", endpoint.lower()), (
            f"{name}: {endpoint} can move money: marketctl only reads"
        )
    posts = {endpoint for endpoint in adapter(name).endpoints if endpoint.startswith("POST")}
    allowed = {"POST /api/v4/trade-account/balance", "POST /open/generate_jwt"}
    assert posts <= allowed, f"{name}: a POST that reads only must be added to this test's list, with care"


@pytest.mark.parametrize("name", NAMES)
def test_sandbox_serves_every_endpoint_the_adapter_asks(name):
    assert name in API_MODULES, f"write marketctl/sandbox/{module_name(name)}.py with a class SandboxApi"
    api = load_api(name)
    assert api.name == name
    assert set(api.keys) == set(adapter(name).credentials), f"{name}: the sandbox's keys are the declared credentials"
    from marketctl.sandbox.world import World

    missing = set(adapter(name).endpoints) - set(api(World()).routes())
    assert not missing, f"{name}: its sandbox does not serve {sorted(missing)}"


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
