"""One table of faults for all providers: the reason each is told by, and how many requests it costs."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from marketctl.config.credentials import load_credentials
from marketctl.errors import BadAnswer, MarketctlError
from marketctl.jobs.desk import Desk
from marketctl.jobs.job import run_job
from marketctl.jobs.run import Run
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.sandbox import API_MODULES, load_api
from marketctl.sandbox.setup import write_setup

ROOT = Path(__file__).parents[2]
NAMES = list(API_MODULES)
ATTEMPTS = 3

# fault -> expected reason, requests to the endpoint that fails. The job is the one whose first request fails.
COMMON = {
    "drop": ("network", ATTEMPTS),
    "cut": ("network", ATTEMPTS),
    "500": ("unavailable", ATTEMPTS),
    "503": ("unavailable", ATTEMPTS),
    "429": ("rate-limited", ATTEMPTS),
    "429:1": ("rate-limited", ATTEMPTS),
    "429:3600": ("rate-limited", 1),
    "401": ("auth", 1),
    "403": ("blocked", 1),
    "451": ("blocked", 1),
    "html": ("blocked", 1),
    "redirect": ("bad-answer", 1),
    "truncated": ("bad-answer", 1),
    "types": ("bad-answer", 1),
    "empty": ("bad-answer", 1),
    "empty-object": ("bad-answer", 1),
    "empty-list": ("bad-answer", 1),
}


@pytest.fixture
def first(sandbox, adapt, name):
    """The path that the wallet job of a provider asks first."""
    api = sandbox.apis[name]
    cls = load_adapter(load_registry(ROOT / "providers.toml", environ={}).providers[name])
    adapt(cls, sandbox.url(name), credentials=api.keys).assets()
    path = next(iter(api.calls)).removeprefix("GET ")
    api.calls.clear()
    return path


@pytest.fixture
def job(sandbox, tmp_path, no_sleep):
    """Run one job of one provider against the sandbox; return its result and what it asked."""
    path = write_setup(sandbox, tmp_path / "setup")
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))

    def do(name: str, what: str, **changed: object):
        registry = load_registry(path, environ={})
        entry = registry.providers[name]
        entry = replace(entry, **{"attempts": ATTEMPTS, "timeout_s": 1, "deadline_s": 20} | changed)
        with Desk(registry, load_credentials(path.parent / "credentials.toml", {})) as desk:
            run = Run(desk)
            result = run_job(run, entry, what)
        return result, sandbox.requests(name)

    return do


# WHITEBIT's list of assets is an object: lists that are empty in it say "closed", as documented.
# OPENEXCHANGERATES' list of currencies has no list in it at all.
NOT_A_FAULT = {("WHITEBIT", "empty-list"), ("OPENEXCHANGERATES", "empty-list")}
# More requests than the one that fails, and why.
REQUESTS = {
    ("TWELVEDATA", "401"): 2,  # asked without a key first, then with it
    ("WHITEBIT", "types"): 2,  # assets and fees are read together
}


@pytest.mark.parametrize("fault", COMMON)
@pytest.mark.parametrize("name", NAMES)
def test_fault(sandbox, job, first, name, fault):
    if (name, fault) in NOT_A_FAULT:
        pytest.skip(f"{fault} is a good answer of {name}")
    sandbox.fault(f"{name}{first}={fault}")
    result, asked = job(name, "wallet")
    reason, requests = COMMON[fault]
    assert (result.status, result.reason) == ("failed", reason), result.message
    assert asked[f"GET {first}"] in (requests, REQUESTS.get((name, fault)))
    assert result.requests == REQUESTS.get((name, fault), requests)
    assert "\n" not in (result.message or "")
    # Whatever failed, and wherever: its request, and what to do next.
    assert f"GET 127.0.0.1{first}: " in result.message
    assert fault in ("drop", "cut") or ": HTTP " in result.message, result.message
    assert result.hint


QUESTIONS = ("assets", "prices", "clock", "platform", "check_key", "quota")


@pytest.mark.parametrize("fault", ["empty-object", "empty-list", "types"])
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_read_names_its_own_request(sandbox, adapt, no_sleep, tmp_path, name, fault):
    """Each endpoint in turn answers nonsense: whoever fails over it names it, and none of the others it asked."""
    api = sandbox.apis[name]
    cls = load_adapter(load_registry(ROOT / "providers.toml", environ={}).providers[name])
    told = {}
    for path in {endpoint.partition(" ")[2] for endpoint in cls.endpoints}:
        sandbox.fault(f"{name}{path}={fault}")
        for question in QUESTIONS:
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            adapter = adapt(cls, sandbox.url(name), credentials=api.keys)
            ask = getattr(adapter, question)
            try:
                with adapter.named():
                    adapter.read(ask) if question in ("assets", "prices") else ask()
            except BadAnswer as error:
                told[path, question] = (error.message, error.hint)
            except MarketctlError:
                continue
        api.faults.clear()
    assert told or (name, fault) in NOT_A_FAULT
    wrong = {at: one for at, one in told.items() if f" 127.0.0.1{at[0]}: HTTP 200: " not in one[0] or not one[1]}
    assert wrong == {}


@pytest.mark.parametrize("name", NAMES)
def test_refused_connection_is_network(job, name):
    result, _asked = job(name, "wallet", base_url="http://127.0.0.1:9")
    assert (result.status, result.reason, result.requests) == ("failed", "network", ATTEMPTS)


@pytest.mark.parametrize("name", NAMES)
def test_slow_answer_is_a_timeout(sandbox, job, first, name):
    sandbox.fault(f"{name}{first}=slow:0.4")
    result, _asked = job(name, "wallet", timeout_s=0.2)
    assert (result.status, result.reason, result.requests) == ("failed", "timeout", ATTEMPTS), result.message


OWN = {
    "rate-limit": "rate-limited",
    "bad-key": "auth",
    "bad-signature": "auth",
    "clock": "clock-skew",
    "ip": "ip-not-allowed",
    "permission": "permission",
}

# WHITEBIT answers an address that is not allowed with the words of a disabled key.
SAME_WORDS = {("WHITEBIT", "ip"): "auth"}


@pytest.mark.parametrize("word", OWN)
@pytest.mark.parametrize("name", [name for name in NAMES if load_api(name).keys])
def test_providers_own_error_body(sandbox, adapt, no_sleep, name, word):
    api = sandbox.apis[name]
    if word not in api.errors:
        pytest.skip(f"{name} has no such error")
    cls = load_adapter(load_registry(ROOT / "providers.toml", environ={}).providers[name])
    adapter = adapt(cls, sandbox.url(name), credentials=api.keys, attempts=ATTEMPTS)
    sandbox.fault(f"{name}={word}")
    with pytest.raises(MarketctlError) as error:
        adapter.check_key()
    assert error.value.reason == SAME_WORDS.get((name, word), OWN[word]), error.value.message
    expected = ATTEMPTS if error.value.retryable else 1
    # A refused timestamp is tried once more with the provider's own time, wherever it tells one.
    expected = 3 if word == "clock" else expected
    assert sum(sandbox.requests(name).values()) <= expected
