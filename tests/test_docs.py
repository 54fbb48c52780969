"""The generated pages are what the code says; a failure is mended by `make docs`."""

import importlib.util
import re
from pathlib import Path

import click
import pytest

from marketctl.cli import root

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(group: click.Group = root, path: str = "marketctl") -> list[tuple[str, click.Command]]:
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{path} {name}")
    return found


@pytest.mark.parametrize("page", ["cli.md", "providers.md", "bridge.md", "architecture.md"])
def test_generated_page_is_up_to_date(generate, page):
    if page == "bridge.md":
        pytest.importorskip("ccxt", reason="ccxt is not installed: pip install ccxt (the extra ccxt)")
    fresh = generate.PAGES[page]()
    assert (DOCS / page).read_text(encoding="utf-8") == fresh, f"docs/{page} is not what the code says: run make docs"


def test_units_are_those_that_marketctl_prints(generate):
    there = {unit.name: unit.read_text(encoding="utf-8") for unit in (DOCS / "systemd").iterdir()}
    assert there == generate.unit_files(), "docs/systemd is not what the code says: run make docs"


def test_every_command_has_help_with_an_example_and_is_in_the_docs():
    # In one test, because only now the modules of the commands may be imported.
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    wrong = []
    for path, command in commands():
        first, _, rest = (command.help or "").strip().partition("\n")
        if not re.fullmatch(r"[A-Z][a-z]+,? .+\.", first.strip()):
            wrong.append(f"{path}: begin its help with one imperative line, a full stop at its end")
        if not re.search(rf"^ *(\S.*)?marketctl( .*)?{path.removeprefix('marketctl')}( |$)", rest, re.MULTILINE):
            wrong.append(f"{path}: its help needs an example")
        if not re.search(rf"^##+ {path}$", page, re.MULTILINE):
            wrong.append(f"{path}: not in docs/cli.md, run make docs")
    assert wrong == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), f"docs/{path.name} links to {target}, which is not there"
