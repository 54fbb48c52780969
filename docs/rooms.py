"""Read the package's imports: which room uses which. For docs/architecture.md and its test."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "marketctl"

# From the bottom to the top: a room uses those below it, never one above, wherever in a function the import stands.
ORDER = (
    *("errors", "times", "redact", "text", "log", "models", "alarms", "lean_imports"),  # words for everybody
    *("files", "config", "http", "redis", "providers", "views", "sentinel", "jobs"),
    *("rates", "convert", "notify", "check", "board", "monitoring", "workers", "scaffold", "sandbox", "cli"),
)
# Doors: addresses that are promised to the outside and lead into rooms. They use what they like, nobody uses them.
DOORS = ("__main__", "celery_app", "reader", "adapter", "testing")


class Import(NamedTuple):
    """One import of a module of ours; `typing` where only a type checker sees it."""

    importer: str
    imported: str
    typing: bool


def module_of(path: Path) -> str:
    """Return the name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the room a module stands in, for one in the root its own name; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module; nobody must change it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of ours by ours, also those inside functions."""
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "templates" in path.parts:
            continue
        nodes = list(ast.walk(tree(path)))
        typed = {
            id(inner)
            for block in nodes
            if isinstance(block, ast.If) and getattr(block.test, "id", None) == "TYPE_CHECKING"
            for inner in ast.walk(block)
        }
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [name if _is_module(name) else node.module for name in whole]
            elif isinstance(node, ast.Import):
                found = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name]
            else:
                continue
            for name in dict.fromkeys(found):
                yield Import(module_of(path), name, id(node) in typed)


@cache
def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def first_line(path: Path) -> str:
    """Return what a module says of itself."""
    words = ast.get_docstring(tree(path)) or ""
    return words.partition("\n")[0]


def picture() -> str:
    """Return the rooms from the top to the bottom: what each is for, which rooms it uses."""
    uses: dict[str, set[str]] = {}
    for one in imports():
        if not one.typing:
            uses.setdefault(room_of(one.importer), set()).add(room_of(one.imported))
    lines = []
    words = [name for name in ORDER if (PACKAGE / f"{name}.py").exists()]
    for room in reversed([name for name in ORDER if (PACKAGE / name).is_dir()]):
        folder = PACKAGE / room
        below = [name for name in reversed(ORDER) if name in uses.get(room, ()) - {room, *words}]
        lines.append(f"{room + '/':<12} {first_line(folder / '__init__.py')}")
        lines.append(f"{'':<12} uses {', '.join(below) or 'no room'}")
    lines.append(f"{'the root':<12} Words for everybody: {', '.join(words)}.")
    doors = [name for name in DOORS if (PACKAGE / f"{name}.py").exists()]
    lines.append(f"{'':<12} Doors that lead into rooms: {', '.join(doors)}.")
    return "\n".join(lines)
