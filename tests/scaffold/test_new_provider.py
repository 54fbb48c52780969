"""`providers new`: what it writes passes every check as it is; where it cannot write it leaves no trace."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.errors import ConfigError
from marketctl.scaffold.new_provider import KINDS, class_name, new_provider, render

ROOT = Path(__file__).parents[2]
# Names that nobody gives to a provider: the tests go on passing where somebody has made MYEX.
NEW = {"SCAFFOLDED": "cex", "SCAFFOLDED_2": "cash", "SCAFFOLDED_3": "bank", "SCAFFOLDED_4": "psp"}


def copy_checkout(target: Path) -> Path:
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("marketctl", "tests", "docs"):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=skip)
    for name in ("pyproject.toml", "providers.toml"):
        shutil.copy2(ROOT / name, target / name)
    return target


def python(checkout: Path, *arguments: str) -> str:
    """Run a module with the code of a checkout; return what it said, fail with it when it failed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the source with one new provider of each kind, the last one made by the command, with its documents."""
    root = copy_checkout(tmp_path_factory.mktemp("checkout"))
    *others, (last, its_kind) = NEW.items()
    for name, kind in others:
        new_provider(root, name, kind)
    python(root, "marketctl", "providers", "new", last, "--kind", its_kind)
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the source: what is first-party there is sorted as here."""
    return copy_checkout(tmp_path_factory.mktemp("source"))


@pytest.fixture
def bare(tmp_path):
    """As much of a checkout as `new` asks for."""
    for name in ("marketctl/providers/base.py", "marketctl/sandbox/base.py", "tests/providers/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "providers.toml").write_text('[providers.OLD]\npath = "a:B"\n')
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_new_providers_pass_their_tests_and_the_conformance_suite(checkout):
    names = " or ".join([*NEW, "registered"])  # -k matches the names of files too, in any case
    tests = ["tests/providers/test_conformance.py", *(f"tests/providers/test_{name.lower()}.py" for name in NEW)]
    told = python(checkout, "pytest", "-q", "-p", "no:cacheprovider", "-k", names, *tests)
    assert " passed" in told


def test_new_providers_pass_style_and_types(checkout):
    files = [str(path) for name, kind in NEW.items() for path in render(name, kind) if path.suffix == ".py"]
    python(checkout, "ruff", "check", "--no-cache", *files)
    python(checkout, "ruff", "format", "--no-cache", "--check", *files)
    if (ROOT / ".mypy_cache").is_dir():  # what `make lint` knows of all other files
        shutil.copytree(ROOT / ".mypy_cache", checkout / ".mypy_cache")
    python(checkout, "mypy", *(file for file in files if file.startswith("marketctl")))


def test_new_entries_are_at_the_end_of_both_registries_and_disabled(checkout):
    before = (ROOT / "providers.toml").read_text()
    after = (checkout / "providers.toml").read_text()
    assert after == before + (
        "\n[providers.SCAFFOLDED]\n"
        'path = "marketctl.providers.cex.scaffolded:ScaffoldedAdapter"\n'
        "enabled = false\n"
        "needs_api = true\n"
        "\n[providers.SCAFFOLDED_2]\n"
        'path = "marketctl.providers.cash.scaffolded_2:Scaffolded2CashAdapter"\n'
        "enabled = false\n"
        "needs_api = true\n"
        'stablecoin = "USD"\n'
        "prices_interval_s = 3600\n"
        'pairs = [\n    "EUR/USD",\n    "USD/RUB",\n]\n'
        "\n[providers.SCAFFOLDED_3]\n"
        'path = "marketctl.providers.bank.scaffolded_3:Scaffolded3BankAdapter"\n'
        "enabled = false\n"
        "needs_api = false\n"
        'stablecoin = "USD"\n'
        "prices_interval_s = 1800\n"
        "\n[providers.SCAFFOLDED_4]\n"
        'path = "marketctl.providers.psp.scaffolded_4:Scaffolded4PspAdapter"\n'
        "enabled = false\n"
        "needs_api = true\n"
        'stablecoin = "USD"\n'
        "prices_interval_s = 3600\n"
        'pairs = [\n    "EUR/USD",\n    "USD/RUB",\n]\n'
    )


@pytest.mark.parametrize("name", ["A", "ABCDEFGHIJKLMNOPQRSTUVWX", "Z_9"])
@pytest.mark.parametrize("kind", KINDS)
def test_rendered_code_is_formatted_whatever_the_length_of_the_name(source, name, kind):
    code = {str(path): content for path, content in render(name, kind).items() if path.suffix == ".py"}
    for path, content in code.items():
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_bytes(content)
    python(source, "ruff", "check", "--no-cache", *code)
    python(source, "ruff", "format", "--no-cache", "--check", *code)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("MYEX", "cex", "MyexAdapter"),
        ("MY_EX2", "cex", "MyEx2Adapter"),
        ("MYRATES", "cash", "MyratesCashAdapter"),
        ("MYBANK", "bank", "MybankBankAdapter"),
        ("MY_PAY", "psp", "MyPayPspAdapter"),
    ],
)
def test_class_name(name, kind, expected):
    assert class_name(name, kind) == expected


def test_new_never_overwrites_and_then_writes_nothing_at_all(bare):
    (bare / "tests/providers/test_myex.py").write_text("mine")
    before = contents(bare)
    with pytest.raises(ConfigError, match=r"^tests/providers/test_myex\.py is there already: nothing was written$"):
        new_provider(bare, "MYEX", "cex")
    assert contents(bare) == before


def test_new_takes_everything_back_when_the_registry_has_the_name_already(bare):
    (bare / "providers.toml").write_text('[providers.MYEX]\npath = "a:B"\n')
    before = contents(bare)
    with pytest.raises(ConfigError, match=r"\[providers\.MYEX\] is there already$"):
        new_provider(bare, "MYEX", "cash")
    assert contents(bare) == before
    assert not (bare / "tests/providers/myex").exists()


@pytest.mark.parametrize("name", ["9EX", "MY-EX", "MY EX", "", "IMPORT", "../X", "ÄX", "A" * 25, "X\nY"])
def test_new_refuses_a_name_that_is_no_module(bare, name):
    before = contents(bare)
    with pytest.raises(ConfigError, match=r"expected a letter, then letters, digits and _, at most 24$"):
        new_provider(bare, name, "cex")
    assert contents(bare) == before


def test_new_outside_a_checkout_says_what_to_do(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert marketctl(["providers", "new", "myex"]) == 4
    assert capsys.readouterr() == (
        "",
        f"marketctl: {folder} is no source checkout of marketctl, and `providers new` writes into one. "
        "Next: cd into one, or write a module and: "
        "marketctl providers add MYEX --path MODULE:CLASS.\n",
    )
    assert list(folder.iterdir()) == []


def test_new_tells_each_file_and_when_the_docs_could_not_be_made(bare, monkeypatch, capsys):
    monkeypatch.chdir(bare)
    assert marketctl(["providers", "new", "myrates", "--kind", "cash"]) == 0
    assert capsys.readouterr() == (
        "wrote marketctl/providers/cash/myrates.py\n"
        "wrote marketctl/sandbox/myrates.py\n"
        "wrote tests/providers/test_myrates.py\n"
        "wrote tests/providers/myrates/currencies.json\n"
        "wrote tests/providers/myrates/rates.json\n"
        "wrote providers.toml\n",
        "docs/providers.md could not be generated. Next: make docs\n",
    )
