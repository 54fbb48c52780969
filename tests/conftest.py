"""Fixtures for all tests: no network but loopback, no home folder, no leftovers, real servers."""

import gc
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from marketctl.cli import invoke
from marketctl.log import log
from marketctl.sandbox.base import Sandbox
from marketctl.sandbox.setup import write_setup
from marketctl.testing import adapt, no_sleep  # noqa: F401  (fixtures, the same that third parties have)
from tests import schemas

SAMPLES = Path(__file__).parent / "providers"


def folder_of_tests() -> str:
    """Return where the tests' folders are quickest: in memory, where there is room and programs may run, else in /tmp.

    Both are short: a Unix socket's path holds some 100 characters, and a long folder leaves too few of them for ours.
    """
    with suppress(OSError):
        memory = os.statvfs("/dev/shm")
        room, runs = memory.f_bavail * memory.f_frsize, not memory.f_flag & getattr(os, "ST_NOEXEC", 0)
        if room > 2 << 30 and runs and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
    return "/tmp"


os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder_of_tests())

# Files of tests that take ten seconds and more: begun first, none of them is what all others wait for.
LONG = (
    *("reliability", "workers", "scaffold", "test_examples.py", "providers/test_faults.py", "test_hostile.py"),
    *("jobs/test_schedule.py", "cli/test_every_command.py", "test_third_party.py", "notify/test_work.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    long = tuple(str(Path(__file__).parent / name) for name in LONG)
    items.sort(key=lambda item: not str(item.path).startswith(long))


def pytest_collection_finish() -> None:
    """What was collected lives until the end: to look through it for garbage again and again finds none."""
    gc.collect()
    if sys.version_info < (
        3,
        13,
    ):  # hypothesis asks who refers to its dice; of later ones gc does not tell of the frozen
        gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: now and then a test waits for a server or a signal."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def _clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own home, temporary folder and an environment without our variables."""
    for name in ("HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        folder = tmp_path / f"_{name.lower()}"
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("marketctl.redact._secrets", set())
    monkeypatch.setattr(log, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(log, "level", logging.NOTSET)
    for name in list(os.environ):
        if name.startswith("MARKETCTL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _no_server_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail when a server that a test started in its folder still runs at the end, and end it."""
    yield
    if not Path("/proc").is_dir():
        return
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            folder = str((process / "cwd").readlink()).removesuffix(" (deleted)")
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if Path(folder).is_relative_to(tmp_path_factory.getbasetemp()) and b"-server" in words:
            left.append(f"{process.name} in {folder}")
            os.kill(int(process.name), signal.SIGKILL)
    assert not left, left


@pytest.fixture(scope="session", autouse=True)
def _schemas_watched() -> Iterator[None]:
    with schemas.watching():
        yield


@pytest.fixture(autouse=True)
def _written_as_promised(_schemas_watched: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in whose course a document, file, line or Redis value was not as docs/schema/ says.

    `@pytest.mark.made_up` is for what no command would write.
    """
    yield
    wrong = schemas.wrong()
    assert not wrong or request.node.get_closest_marker("made_up"), "\n".join(wrong)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """All APIs on local ports; faults and counts start empty."""
    sandbox_server.forget()
    yield sandbox_server
    sandbox_server.fault()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A self-signed certificate of 127.0.0.1 and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


@pytest.fixture
def sample() -> Callable[[str], Any]:
    """Read a sample answer `provider/name.json` the way the client does: numbers exact."""
    from decimal import Decimal

    def read(name: str) -> Any:
        return json.loads((SAMPLES / f"{name}.json").read_bytes(), parse_float=Decimal)

    return read


@pytest.fixture(scope="session")
def setup_folder(sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_setup(sandbox_server, tmp_path_factory.mktemp("setup") / "desk").parent


@pytest.fixture
def folder(sandbox: Sandbox, setup_folder: Path, tmp_path: Path) -> Path:
    """A folder with the registry and keys of the sandbox."""
    return shutil.copytree(setup_folder, tmp_path / "desk")


@pytest.fixture
def ctl(folder, capsys, no_sleep):  # noqa: F811
    """Run the real command line on the sandbox, nobody waiting; return exit code, stdout, stderr."""

    def call(*words: str):
        code = invoke(["--config", str(folder / "providers.toml"), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call
