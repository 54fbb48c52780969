"""What an adapter is tested with. Long: each rule that an adapter has to keep, once, for ours and for theirs.

The checks of marketctl's own suite, the base of a sandbox, fixtures. Needs pytest.

    # tests/test_conformance.py of a package of your own
    from marketctl.testing import conformance
    from cornerdesk.sandbox import CornerDeskApi
    test_cornerdesk = conformance("cornerdesk.marketctl_adapter:CornerDeskAdapter", CornerDeskApi)

Promised like `marketctl.adapter`: what stands in `__all__` keeps its name, arguments and meaning within a major
version. New checks may come with a minor one: they find what was wrong before.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from marketctl.config.credentials import load_credentials, store_credentials
from marketctl.config.registry import ProviderEntry
from marketctl.errors import MarketctlError
from marketctl.files.memory import Memory
from marketctl.files.snapshots import read_snapshot
from marketctl.http.client import Client
from marketctl.jobs.desk import Desk
from marketctl.jobs.dump import dump_job
from marketctl.jobs.dump_file import read_dump
from marketctl.jobs.job import run_job
from marketctl.jobs.replay import differences, replay
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.models import JOBS
from marketctl.providers.base import Provider
from marketctl.providers.card import PARTS, jobs_of, read_card
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.providers.networks import network_names
from marketctl.sandbox.base import (
    Api,
    Call,
    Refused,
    Reply,
    Route,
    Sandbox,
    base64_signature,
    hex_signature,
    same,
    signature,
)
from marketctl.sandbox.world import World

__all__ = [
    "Api",
    "Bench",
    "Call",
    "Exceptions",
    "Refused",
    "Reply",
    "Route",
    "Sandbox",
    "World",
    "adapt",
    "base64_signature",
    "conformance",
    "hex_signature",
    "no_sleep",
    "same",
    "serve",
    "signature",
]

ATTEMPTS = 3

# fault -> the reason it is told by, requests to the endpoint that fails.
FAULTS = {
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

# The provider's own error answers, as `Api.errors` has them -> the reason each is told by.
OWN_ERRORS = {
    "rate-limit": "rate-limited",
    "bad-key": "auth",
    "bad-signature": "auth",
    "clock": "clock-skew",
    "ip": "ip-not-allowed",
    "permission": "permission",
}


@dataclass(frozen=True)
class Exceptions:
    """Where a provider differs, each with its reason beside it in the test.

    `no_fault`: faults that are a good answer of it. `requests`: fault → requests it costs here. `reasons`: own error →
    reason, where the provider uses the same words for two. `posts`: endpoints that are POST and only read.
    """

    no_fault: Collection[str] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    posts: Collection[str] = ()


class Bench:
    """One provider before its sandbox: runs its jobs, makes adapters, knows what was asked.

    `settings` are more keys of its table in providers.toml; `folder` is where its data go.
    """

    def __init__(self, name: str, path: str, sandbox: Sandbox, folder: Path, settings: Mapping[str, Any]) -> None:
        import tomli_w

        self.name = name
        self.sandbox = sandbox
        self.api = sandbox.apis[name]
        self.folder = folder / f"bench-{name}"
        self.folder.mkdir()
        entry: dict[str, Any] = {
            "path": path,
            "needs_api": bool(self.api.keys),
            "base_url": sandbox.url(name),
            **settings,
        }
        self._document = {"settings": {"redis_url": "none"}, "providers": {name: entry}}
        self._registry = self.folder / "providers.toml"
        self._registry.write_text(tomli_w.dumps(self._document), encoding="utf-8")
        self._registry.chmod(0o644)
        if self.api.keys:
            store_credentials(self.folder / "credentials.toml", {name: self.api.keys})
        self.cls = load_adapter(load_registry(self._registry, environ={}).provider(name))
        self._clients: list[Client] = []

    @property
    def jobs(self) -> list[str]:
        """The jobs it does."""
        return jobs_of(self.cls)

    def adapter(self, **given: Any) -> Provider:
        """Make an adapter that speaks to the sandbox, with its keys; arguments as of `adapt`."""
        given = {"credentials": self.api.keys} | given
        found = make_adapter(self.cls, self.sandbox.url(self.name), self.folder / "cache", **given)
        self._clients.append(found.client)
        return found

    def run(self, job: str, **changed: object) -> tuple[Result, Counter[str]]:
        """Run a job, three attempts; return how it ended and how often each endpoint was asked so far."""
        with self._at_desk(**changed) as (run, entry):
            result = run_job(run, entry, job)
        return result, self.sandbox.requests(self.name)

    def dump(self, job: str) -> tuple[Result, Callable[[], dict[str, Any]]]:
        """Dump a job; return how it ended, and what reads its answers again."""
        path = self.folder / f"{job}.json"
        with self._at_desk() as (run, entry):
            return dump_job(run, entry, job, str(path)), lambda: replay(entry, read_dump(path))

    @contextmanager
    def _at_desk(self, **changed: object) -> Iterator[tuple[Run, ProviderEntry]]:
        registry = load_registry(self._registry, environ={})
        defaults = {"attempts": ATTEMPTS, "timeout_s": 1, "deadline_s": 20}
        entry = registry.provider(self.name)._replace(**{**defaults, **changed})  # type: ignore[arg-type]
        with Desk(registry, load_credentials(self.folder / "credentials.toml", {})) as desk:
            yield Run(desk), entry

    def first_path(self) -> str:
        """Return the path that its first job asks first."""
        adapter = self.adapter(options=self._options())
        {"wallet": adapter.assets, "prices": adapter.prices, "stats": adapter.stats}[self.jobs[0]]()
        path = next(iter(self.api.calls)).partition(" ")[2]
        self.api.calls.clear()
        return path

    def _options(self) -> Mapping[str, Any]:
        return load_registry(self._registry, environ={}).provider(self.name).options

    def close(self) -> None:
        """Close its connections, forget its faults and counts."""
        for client in self._clients:
            client.close()
        self.sandbox.fault()
        self.api.calls.clear()


# What is declared -------------------------------------------------------------------------


def check_card(name: str, cls: type[Provider]) -> None:
    """The docstring of the module has all parts, in order."""
    card = read_card(sys.modules[cls.__module__].__doc__)
    assert card.title.endswith("."), f"begin the docstring of {name}'s module with one sentence that says what it is"
    assert tuple(card.parts) == PARTS, f"the docstring of {name}'s module needs, in this order: {', '.join(PARTS)}"
    assert re.match(r"https://\S+$", card.parts["Docs"]), f"{name}: `Docs:` is a link to the vendor's page"


def check_attributes(name: str, cls: type[Provider]) -> None:
    """The class says what it is, and has no constructor of its own."""
    assert cls.kind in ("CEX", "PSP", "BANK", "CASH"), f"{name}: kind is CEX, PSP, BANK or CASH"
    assert re.fullmatch(r"https://[a-z0-9.-]+", cls.base_url), f"{name}: base_url is https, host, nothing behind"
    assert jobs_of(cls), f"{name}: implement assets(), prices() or stats() (Exchange has stats)"
    assert cls.key_jobs <= set(JOBS), f"{name}: key_jobs are among {JOBS}"
    assert not cls.key_jobs or cls.credentials, f"{name}: key_jobs need credentials"
    if cls.credentials:
        assert cls.check_key is not Provider.check_key, f"{name}: check_key() makes the cheapest signed call"
    assert cls.rate[0] > 0, f"{name}: rate is (units a second, burst)"
    assert cls.rate[1] >= 1, f"{name}: rate is (units a second, burst)"
    assert cls.__init__ is Provider.__init__, f"{name}: adapters have no constructor of their own"


def check_endpoints(name: str, cls: type[Provider], posts: Collection[str] = ()) -> None:
    """Nothing that is declared can move money; `posts` are those by POST that read only."""
    for endpoint in cls.endpoints:
        assert re.fullmatch(r"(GET|POST) /[A-Za-z0-9_./-]+", endpoint), f"{name}: {endpoint!r} is no METHOD /path"
        assert not re.search(r"order(?!book)|withdraw|transfer|trade/|cancel", endpoint.lower()), (
            f"{name}: {endpoint} can move money: marketctl only reads"
        )
    for endpoint, names in cls.columns.items():
        assert endpoint in cls.endpoints, f"{name}: `columns` has {endpoint!r}, which is not among its endpoints"
        texts = isinstance(names, tuple | list) and all(isinstance(one, str) for one in names)
        assert texts, f"{name}: `columns` of {endpoint} are the names of a row: a tuple of texts"
    unknown = {endpoint for endpoint in cls.endpoints if endpoint.startswith("POST")} - set(posts)
    assert not unknown, f"{name}: a POST that reads only must be named in the test (`posts`), with care: {unknown}"


def check_sandbox(name: str, cls: type[Provider], api: type[Api]) -> None:
    """The sandbox serves what the adapter may ask and takes the keys it declares."""
    assert api.name == name
    assert set(api.keys) == set(cls.credentials), f"{name}: the sandbox's keys are the declared credentials"
    missing = set(cls.endpoints) - set(api(World()).routes())
    assert not missing, f"{name}: its sandbox does not serve {sorted(missing)}"


# What it does -----------------------------------------------------------------------------


def check_job(bench: Bench, job: str) -> None:
    """A job works against the sandbox, with nothing that cannot be read."""
    result, _asked = bench.run(job)
    assert result.status == "ok", f"{bench.name} {job}: {result.reason}: {result.message}"
    if job != "stats":
        assert result.counts["assets" if job == "wallet" else "quotes"] > 0, f"{bench.name} {job}: nothing was read"
    if job == "wallet":
        stored = read_snapshot(bench.folder / "data" / "wallet" / f"{bench.name}.json") or {"assets": {}}
        told = {one["network"] for asset in stored["assets"].values() for one in asset["networks"].values()}
        unknown = sorted(told - {None, *network_names()})
        assert not unknown, f"{bench.name}: no common names: {unknown}; use common_network or own_networks"


def check_columns(bench: Bench, job: str) -> None:
    """Answers whose rows stand in columns, as those of long lists do, are read as they are without."""
    result, read = bench.dump(job)
    assert result.status == "ok", result.message
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketctl.http.messages.LONG", sys.maxsize)
        without = read()
        patch.setattr("marketctl.http.messages.LONG", 0)
        other = differences(without, read())
    assert not other, f"{bench.name} {job}: names are missing in `columns`, or read otherwise: {other[:3]}"


def check_fault(bench: Bench, fault: str, exceptions: Exceptions | None = None) -> None:
    """A fault of the first endpoint is told by its reason, and costs one request, or all attempts if it may pass."""
    exceptions = exceptions or Exceptions()
    if fault in exceptions.no_fault:
        pytest.skip(f"{fault} is a good answer of {bench.name}")
    path = bench.first_path()
    bench.sandbox.fault(f"{bench.name}{path}={fault}")
    result, asked = bench.run(bench.jobs[0])
    reason, requests = FAULTS[fault]
    assert (result.status, result.reason) == ("failed", reason), result.message
    assert sum(count for one, count in asked.items() if one.endswith(f" {path}")) in (
        requests,
        exceptions.requests.get(fault),
    )
    assert result.requests == exceptions.requests.get(fault, requests)
    # Whatever failed, and wherever: its request in one line, and what to do next.
    message = result.message or ""
    assert "\n" not in message
    assert f" 127.0.0.1{path}: " in message, message
    assert fault in ("drop", "cut") or ": HTTP " in message, message
    assert result.hint, message


def check_refused_connection(bench: Bench) -> None:
    """Nobody there is `network`, after all attempts."""
    result, _asked = bench.run(bench.jobs[0], base_url="http://127.0.0.1:9")
    assert (result.status, result.reason, result.requests) == ("failed", "network", ATTEMPTS)


def check_slow_answer(bench: Bench) -> None:
    """An answer that takes too long is `timeout`, after all attempts."""
    bench.sandbox.fault(f"{bench.name}{bench.first_path()}=slow:0.4")
    result, _asked = bench.run(bench.jobs[0], timeout_s=0.2)
    assert (result.status, result.reason, result.requests) == ("failed", "timeout", ATTEMPTS), result.message


def check_own_error(bench: Bench, word: str, exceptions: Exceptions | None = None) -> None:
    """The provider's own error body is told by its reason, and is not asked for again without need."""
    exceptions = exceptions or Exceptions()
    if word not in bench.api.errors:
        pytest.skip(f"{bench.name} has no such error")
    adapter = bench.adapter(attempts=ATTEMPTS)
    bench.sandbox.fault(f"{bench.name}={word}")
    with pytest.raises(MarketctlError) as error:
        adapter.check_key()
    assert error.value.reason == exceptions.reasons.get(word, OWN_ERRORS[word]), error.value.message
    expected = ATTEMPTS if error.value.retryable else 1
    # A refused timestamp is tried once more with the provider's own time, wherever it tells one.
    expected = 3 if word == "clock" else expected
    assert sum(bench.sandbox.requests(bench.name).values()) <= expected


def conformance(
    path: str, api: type[Api], *, exceptions: Exceptions | None = None, **settings: Any
) -> Callable[..., None]:
    """Return a test of everything above for one adapter, a case each: give it a name that begins with `test_`.

    `path` is that of providers.toml, `api` its sandbox, `settings` more keys of its table there.
    """
    allowed = exceptions or Exceptions()
    declared: dict[str, Callable[[type[Provider]], None]] = {
        "card": lambda cls: check_card(api.name, cls),
        "attributes": lambda cls: check_attributes(api.name, cls),
        "endpoints": lambda cls: check_endpoints(api.name, cls, allowed.posts),
        "sandbox": lambda cls: check_sandbox(api.name, cls, api),
    }
    done: dict[str, Callable[[Bench], None]] = {
        **{f"job {job}": _if_there(check_job, job) for job in JOBS},
        **{f"columns {job}": _if_there(check_columns, job) for job in ("wallet", "prices")},
        **{f"fault {fault}": _with(check_fault, fault, allowed) for fault in FAULTS},
        "refused connection": check_refused_connection,
        "slow answer": check_slow_answer,
        **({f"own {word}": _with(check_own_error, word, allowed) for word in api.errors if word in OWN_ERRORS}),
    }

    @pytest.mark.parametrize("rule", [*declared, *done])
    def test(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path))  # what the machine remembers of this address is not remembered here
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.setattr("marketctl.http.client.sleep", lambda _seconds: None)
        with Sandbox(apis=[api]) as sandbox:
            bench = Bench(api.name, path, sandbox, tmp_path, settings)
            try:
                if rule in declared:
                    declared[rule](bench.cls)
                else:
                    done[rule](bench)
            finally:
                bench.close()

    return test


def _with(check: Callable[[Bench, str, Exceptions], None], word: str, allowed: Exceptions) -> Callable[[Bench], None]:
    return lambda bench: check(bench, word, allowed)


def _if_there(check: Callable[[Bench, str], None], job: str) -> Callable[[Bench], None]:
    def checked(bench: Bench) -> None:
        if job not in bench.jobs:
            pytest.skip(f"{bench.name} has no {job}")
        check(bench, job)

    return checked


# Fixtures: import them into conftest.py or the test -----------------------------------------


def make_adapter(cls: type[Provider], base_url: str, cache: Path, **given: Any) -> Provider:
    """Make an adapter with a client of its own; `timeout_s deadline_s attempts recording` are the client's."""
    client = Client(
        base_url,
        timeout_s=given.pop("timeout_s", 5),
        deadline_s=given.pop("deadline_s", 30),
        attempts=given.pop("attempts", 4),
        recording=given.pop("recording", False),
        **cls.client_settings(),
    )
    return cls(client, Memory(cache, cls.__name__.upper(), base_url), **given)


@pytest.fixture
def adapt(tmp_path: Path) -> Iterator[Callable[..., Provider]]:
    """Make an adapter that speaks to a base_url: `adapt(BybitAdapter, url, credentials={...})`."""
    clients: list[Client] = []

    def make(cls: type[Provider], base_url: str, **given: Any) -> Provider:
        found = make_adapter(cls, base_url, tmp_path / "cache", **given)
        clients.append(found.client)
        return found

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the waits between attempts by a list of their seconds."""
    waits: list[float] = []
    monkeypatch.setattr("marketctl.http.client.sleep", waits.append)
    return waits


def serve(*apis: type[Api]) -> Any:
    """Return a fixture that serves these APIs on local ports: `sandbox = serve(CornerDeskApi)`."""

    @pytest.fixture
    def sandbox() -> Iterator[Sandbox]:
        with Sandbox(apis=apis) as served:
            yield served

    return sandbox
