"""What is installed and what is shipped: whole, the registry a file of its own, nothing of an older version."""

import ast
import re
import shutil
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

sdist = pytest.importorskip("hatchling.builders.sdist", reason="hatchling is not installed: make .venv/.dev")
from hatchling.builders.wheel import WheelBuilder  # noqa: E402

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    (made,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return zipfile.ZipFile(made)


def test_wheel_holds_the_package_and_no_more(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if not name.startswith("marketctl-")}
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "marketctl").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == there


def test_registry_is_packed_as_a_file(wheel: zipfile.ZipFile) -> None:
    """In the repository it is a link to the one at the root."""
    assert wheel.read("marketctl/config/starter/providers.toml") == (ROOT / "providers.toml").read_bytes()


def test_sdist_is_whole(tmp_path: Path) -> None:
    (made,) = sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(made) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    wanted = ["Makefile", "constraints.txt", "LICENSE", "CHANGELOG.md", "providers.toml", "tools/demo.py", ".ci/run"]
    for folder in ("tests", "docs", "tools", "marketctl"):
        wanted += [str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md")]
    assert [name for name in wanted if name not in packed] == []


def test_classifiers_makefile_and_the_matrix_name_every_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"] if one.startswith("Programming Language ::")]
    assert tuple(one for one in named if "." in one) == PYTHONS
    makefile = (ROOT / "Makefile").read_text()
    matrix = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    for version in PYTHONS:
        assert f"python{version}" in makefile
        assert f'"{version}"' in matrix


IN_A_CLONE = ("marketctl/cli/providers.py", "marketctl/scaffold/new_provider.py")  # what writes into one


def test_no_message_sends_its_reader_to_a_page_that_a_wheel_has_not(wheel: zipfile.ZipFile) -> None:
    """In the code's texts and in what is written for the user; a module's first lines are for who reads the code."""
    told = []
    for name in sorted(set(wheel.namelist()) - set(IN_A_CLONE)):
        text = wheel.read(name).decode(errors="ignore") if name.startswith("marketctl/") else ""
        if "docs/" not in text:
            continue
        if name.endswith(".py"):
            tree = ast.parse(text)
            first = tree.body[0].value if tree.body and isinstance(tree.body[0], ast.Expr) else None
            texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and one is not first]
        else:
            texts = [text]
        told += [(name, page) for one in texts if isinstance(one, str) for page in re.findall(r"docs/[\w-]+\.md", one)]
    assert told == []


def test_nobody_is_sent_to_an_index_for_this_name() -> None:
    """No index has it: what may stand there under it is somebody else's (README.md)."""
    asks = re.compile(r"(?:pipx?|uv tool) install [^\n#;|&`]*?['\" ]marketctl\b(?!-).*")
    folders = [path for name in ("marketctl", "docs", "tests", "tools") for path in (ROOT / name).rglob("*")]
    kinds = (".py", ".md", ".toml", ".yaml", ".service")
    pages = [path for path in (*ROOT.glob("*.md"), ROOT / "providers.toml", *folders) if path.suffix in kinds]
    assert len(pages) > 400
    assert [(path, found) for path in pages for found in asks.findall(path.read_text(encoding="utf-8"))] == []


def test_container_is_built_of_what_it_copies_and_of_no_keys(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """docs/compose.yaml: what it copies makes the whole wheel; the desk's folder, with the keys, is not among it."""
    text = (ROOT / "docs/compose.yaml").read_text(encoding="utf-8")
    copied = [word.split() for word in re.findall(r"^ +COPY (.*)$", text, flags=re.MULTILINE)]
    assert copied
    for *names, target in copied:
        for name in names:
            into = tmp_path / target.removeprefix("/src").strip("/")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, into / name)
    (made,) = WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    assert sorted(zipfile.ZipFile(made).namelist()) == sorted(wheel.namelist())
    desk = re.search(r"volumes: \[\.\./(\w+):/desk:ro, data:/data\]", text)
    assert desk is not None
    assert f"/{desk[1]}/" in (ROOT / ".gitignore").read_text().split()
    assert "install -d -o 1000 -g 1000 /data" in text
    assert "USER 1000:1000" in text
