"""The house as docs/architecture.md tells it: imports point one way, no file is long without a reason."""

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import rooms  # noqa: E402

LONGEST = 300
FOLDERS = (".ci", ".github", "benchmarks", "docs", "marketctl", "tests", "tools")
CODE = {
    *(".py", ".lua", ".js", ".mjs", ".php", ".css", ".html", ".sh", ".toml", ".yml", ".yaml", ".service", ".timer"),
    *("Makefile", "run"),
}
# Two modules of a room that need each other, one of them when a function runs; each with its reason.
CIRCLES = {
    "marketctl.sandbox.base > marketctl.sandbox.faults": "a fault spoils a reply of the server that asks for it",
}


@pytest.fixture
def found() -> tuple[rooms.Import, ...]:
    return rooms.imports()


def test_imports_point_one_way_also_inside_functions(found):
    """Every room stands in the order, and uses only what is below it."""
    rank = {name: index for index, name in enumerate(rooms.ORDER)}
    wrong = []
    for one in found:
        above, below = rooms.room_of(one.importer), rooms.room_of(one.imported)
        if one.typing or above in (below, *rooms.DOORS) or below == "":
            continue
        if above not in rank or below not in rank or rank[above] <= rank[below]:
            wrong.append(f"{one.importer} imports {one.imported}")
    assert wrong == []


def test_no_two_modules_need_each_other(found):
    """No circle, within a room either, whether the import stands at the top or in a function."""
    uses: dict[str, set[str]] = {}
    for one in found:
        if not one.typing and one.imported != one.importer:
            uses.setdefault(one.importer, set()).add(one.imported)
    circles = []
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            circles.append(" > ".join(way[way.index(module) :]))
            return
        if module in done:
            return
        for other in sorted(uses.get(module, ())):
            walk(other, [*way, module])
        done.add(module)

    for module in sorted(uses):
        walk(module, [])
    assert sorted(circles) == sorted(CIRCLES)


def test_nothing_below_the_commands_prints_ends_the_process_or_knows_click():
    wrong = []
    for path in sorted((ROOT / "marketctl").rglob("*.py")):
        if path.parts[-2] == "cli" or "templates" in path.parts or path.name in ("__main__.py", "completion.py"):
            continue
        for node in ast.walk(rooms.tree(path)):
            names = {alias.name.partition(".")[0] for alias in getattr(node, "names", ()) if hasattr(alias, "name")}
            if isinstance(node, ast.Import | ast.ImportFrom) and "click" in (*names, getattr(node, "module", None)):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} imports click")
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print":
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} prints")
    assert wrong == []


def test_the_sandbox_checks_signatures_without_the_code_under_test(found):
    used = {one.imported for one in found if rooms.room_of(one.importer) == "sandbox" and not one.typing}
    assert {name for name in used if name.startswith(("marketctl.providers", "marketctl.http"))} == set()


def written() -> Iterator[Path]:
    """Every file that somebody wrote for a machine to read: no prose, no recorded answer, nothing generated."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.suffix in CODE or path.name in CODE)
    for top in FOLDERS:
        for folder, inner, names in os.walk(ROOT / top):
            inner[:] = sorted(name for name in inner if name not in ("__pycache__", ".venv"))
            yield from (Path(folder, name) for name in sorted(names) if Path(name).suffix in CODE or name in CODE)


def test_a_long_file_says_why_in_its_first_line():
    """`Long: <reason>`, so that nobody has to look for it."""
    files = list(written())
    assert {path.relative_to(ROOT).parts[0] for path in files} >= {*FOLDERS, "Makefile", "pyproject.toml"}
    wrong = []
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST and not re.search(r" Long: \w.{10,}", lines[0]):
            wrong.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")
    assert wrong == []


def test_tests_stand_in_the_folder_of_the_room_they_test():
    """Besides, what holds over all rooms has a folder, and what wants a browser."""
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders == {room for room in rooms.ORDER if (rooms.PACKAGE / room).is_dir()} | {"browser", "reliability"}


SMALL = {"cex": 250, "cash": 200, "bank": 200, "psp": 250}  # lines of an adapter's file
CLASS = 110
FUNCTION = 40


def adapter_files() -> list[Path]:
    """Those that hold an adapter of ours, and what `providers new` writes."""
    files = [path for kind in SMALL for path in sorted((ROOT / "marketctl/providers" / kind).glob("[a-z]*.py"))]
    return [path for path in files if path.stem not in ("base", "credits", "markup")]


@pytest.mark.parametrize("path", adapter_files(), ids=lambda path: path.stem)
def test_an_adapter_is_read_in_a_few_minutes(path):
    text = path.read_text(encoding="utf-8")
    kind = path.parent.name
    assert len(text.splitlines()) <= SMALL[kind], f"a {kind} adapter has at most {SMALL[kind]} lines"
    for node in ast.walk(rooms.tree(path)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.end_lineno:
            longest = CLASS if isinstance(node, ast.ClassDef) else FUNCTION
            lines = node.end_lineno - node.lineno + 1
            assert lines <= longest, f"{node.name} has {lines} lines: what others share belongs in the base"


def test_files_of_tests_that_begin_first_are_there(request):
    conftest = next(one for one in request.config.pluginmanager.get_plugins() if hasattr(one, "folder_of_tests"))
    assert [name for name in conftest.LONG if not (ROOT / "tests" / name).exists()] == []


def test_every_module_says_what_it_is_for():
    paths = [path for path in (ROOT / "marketctl").rglob("*.py") if "templates" not in path.parts]
    assert [str(path) for path in paths if not rooms.first_line(path)] == []


# In a text about a package of somebody else's.
EXAMPLES = ["marketctl/testing.py: tests/test_conformance.py"]


def test_files_that_comments_and_documents_name_are_there():
    """`collect.py` in a text that outlived the file sends its reader nowhere."""
    folders = ("marketctl", "tests", "tools", "docs", "benchmarks")
    there = [path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.*")]
    pages = [ROOT / "docs/architecture.md", ROOT / "docs/dependencies.md"]
    wrong = []
    for path in (*pages, *sorted((ROOT / "marketctl").rglob("*.py"))):
        for name in re.findall(r"[\w/.-]*\b\w+\.(?:py|lua|js)\b", path.read_text(encoding="utf-8")):
            word = name.removeprefix("./")
            if not any(one == word or one.endswith(f"/{word}") for one in there):
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == EXAMPLES


def test_the_picture_is_what_the_code_says():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert f"```\n{rooms.picture()}\n```" in page, "run make docs"


def test_no_test_reads_another_test():
    """What two of them use stands in a plain module or a conftest, where it is found and cannot be collected twice."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(rooms.tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_"):
                wrong.append(f"{path.relative_to(ROOT)} reads {node.module}")
    assert wrong == []


def test_files_that_documents_name_as_proof_are_there():
    """A page that sends its reader to `tests/...` sends them to a file."""
    wrong = []
    for path in [ROOT / "Makefile", *sorted((ROOT / "docs").rglob("*.md"))]:
        if path.name.startswith("adding-a-provider"):  # names files that its reader is to write
            continue
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"(?:benchmarks|docs|marketctl|tests|tools)/[\w/.-]+\.(?:py|lua|js)\b", text):
            if not (ROOT / name).exists():
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []
