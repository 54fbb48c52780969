"""Every "Next:" is a command or an edit: all hints of the code are collected and judged by how they begin."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.text import WAITS

PACKAGE = Path(__file__).parent.parent / "marketctl"
# Programs somebody may type.
PROGRAMS = "marketctl pip python apt-get cd chmod chown rm mkdir install make"
# What is done to a file, a setting, a machine or a key.
EDITS = (
    "add ask change check choose copy correct delete edit end free give install keep let lower make mount move name "
    "open point raise read remove rename report run save set stop sync take write"
)
BEGINS = {*PROGRAMS.split(), *EDITS.split()}
# Where it depends, the condition may stand before.
IF = re.compile(r"^(if|where) [^:,]+[:,] ")


class Hints:
    """Finds the texts that a module gives as hints: constants, halves of a choice, names, tables, functions."""

    def __init__(self, modules: dict[Path, ast.Module]) -> None:
        self.modules = modules
        self.functions = {
            node.name: node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }

    def all(self) -> Iterator[tuple[str, str]]:
        """Yield where a hint stands, and what it says with "X" for each value."""
        for path, tree in self.modules.items():
            for node in ast.walk(tree):
                for value in self.given(node):
                    for text in self.texts(value, tree):
                        yield f"{path.relative_to(PACKAGE)}:{value.lineno}", text

    def given(self, node: ast.AST) -> Iterator[ast.expr]:
        """Yield the expressions that are hints by where they stand."""
        names: list[str | None] = []
        if isinstance(node, ast.keyword):
            names = [node.arg]
        elif isinstance(node, ast.Assign):
            names = [getattr(one, "id", getattr(one, "attr", None)) for one in node.targets]
        if "hint" in names:
            yield node.value
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            place = {"Finding": 3, "sentence": 1}.get(name or "")
            if place is not None and len(node.args) > place:
                yield node.args[place]
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            told = plain(node)
            if (step := told.partition("Next: ")[2]) and not step.startswith("X"):  # a whole hint is judged as one
                yield ast.copy_location(ast.Constant(step), node)

    def texts(self, node: ast.expr, tree: ast.Module) -> Iterator[str]:
        """Yield what an expression may be."""
        if isinstance(node, ast.JoinedStr) and isinstance(first := node.values[0], ast.FormattedValue):
            for head in list(self.texts(first.value, tree)) or ["X"]:
                yield head + plain(ast.JoinedStr(node.values[1:]))
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            if (told := plain(node)) and isinstance(getattr(node, "value", ""), str):
                yield told
        elif isinstance(node, ast.IfExp):
            yield from self.texts(node.body, tree)
            yield from self.texts(node.orelse, tree)
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                yield from self.texts(value, tree)
        elif isinstance(node, ast.BinOp):
            yield from self.texts(node.left, tree)
        elif isinstance(node, ast.Name):
            for one in tree.body:
                if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
                    names = [one.target] if isinstance(one, ast.AnnAssign) else one.targets
                    if any(getattr(target, "id", None) == node.id for target in names):
                        yield from self.texts(one.value, tree)
        elif isinstance(node, ast.Dict):
            for value in node.values:
                yield from self.texts(value, tree)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("get", "rstrip", "format") and isinstance(node.func, ast.Attribute):
                yield from self.texts(node.func.value, tree)
            elif name in self.functions:
                for one in ast.walk(self.functions[name]):
                    if isinstance(one, ast.Return) and one.value is not None:
                        yield from self.texts(one.value, tree)


def plain(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)


@pytest.fixture(scope="module")
def found() -> list[tuple[str, str]]:
    """All hints: those that the code names, and the tables that are looked up by kind."""
    from marketctl.files.atomic import HINTS
    from marketctl.files.replace import EDIT_HINTS
    from marketctl.http.verdicts import NEXT
    from marketctl.redis.failures import KNOWN_FAILURES

    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if "templates" not in path.parts]
    hints = list(Hints({path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}).all())
    hints += [("files/atomic.py", text) for text in HINTS.values()]
    hints += [("files/replace.py", text) for text in EDIT_HINTS.values()]
    hints += [("http/verdicts.py", text) for text in NEXT.values()]
    hints += [("redis/failures.py", text) for _, _, text in KNOWN_FAILURES]
    return hints


def test_hints_are_found(found):
    told = {text for _, text in found}
    assert len(told) > 120
    assert {"marketctl prices held X", "set TMPDIR to a folder this user can write", "marketctl init"} <= told


def is_step(text: str) -> bool:
    words = IF.sub("", text[:1].lower() + text[1:]).replace("`", "")
    return words.startswith(WAITS) or words.split(" ")[0].rstrip(":") in BEGINS


def test_every_next_is_a_command_or_an_edit(found):
    assert sorted({f"{where}: {text}" for where, text in found if not is_step(text)}) == []
