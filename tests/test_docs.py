"""The generated pages are what the code says; a failure is mended by `make docs`."""

import importlib.util
import inspect
import re
import tomllib
from pathlib import Path
from types import CodeType, FunctionType

import click
import pytest

from marketctl import errors
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


@pytest.mark.parametrize(
    "page", ["cli.md", "providers.md", "bridge.md", "architecture.md", "registry.md", "registry.ru.md"]
)
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


def reasons() -> set[str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "reason")]
    return {kind.reason for kind in kinds}


@pytest.mark.parametrize("page", ["troubleshooting.md", "troubleshooting.ru.md"])
def test_every_reason_has_its_section_and_a_next_step(page):
    sections = re.split(r"^###? ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    explained = dict(section.split("\n", 1) for section in sections[1:])
    told = {title: text for title, text in explained.items() if text.strip()}
    assert set(told) == reasons()


# Pages in two languages: the same headings, tables and lists, the same commands and settings.
PAIRS = sorted(DOCS.glob("**/*.ru.md")) + sorted(DOCS.parent.glob("*.ru.md"))


def blocks(text: str) -> list[str]:
    return re.findall(r"^ *```.*?^ *```$", text, flags=re.MULTILINE | re.DOTALL)


def figures(text: str) -> list[str]:
    """Return the numbers of a text as English writes them: Russian has a comma for the point, blanks for commas."""
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"(?<=[0-9])[ \u00a0\u202f,](?=[0-9]{3}\b)", "", text)
    text = re.sub(r"(?<=[0-9]),(?=[0-9])", ".", text)
    return sorted(re.findall(r"(?<![\w.])[0-9]+(?:\.[0-9]+)*", text))


@pytest.mark.parametrize("russian", PAIRS, ids=lambda path: path.name)
def test_both_languages_have_the_same_headings_commands_settings_figures_and_links(russian):
    english = russian.with_name(russian.name.replace(".ru.md", ".md"))
    texts = [path.read_text(encoding="utf-8") for path in (english, russian)]
    shown = [[re.sub(r"\s+#.*", "", block) for block in blocks(text)] for text in texts]
    assert shown[0] == shown[1]
    bare = [re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL) for text in texts]
    shape = [re.findall(r"^(#+ |- |\| |[0-9]+\. )", text, flags=re.MULTILINE) for text in bare]
    assert shape[0] == shape[1]
    code = [set(re.findall(r"`([^`\n]+)`", text)) for text in bare]
    assert code[0] == code[1]
    assert figures(bare[0]) == figures(bare[1])


@pytest.mark.parametrize("russian", PAIRS, ids=lambda path: path.name)
def test_both_languages_link_to_the_same_pages_each_to_those_of_its_own_language(russian):
    english = russian.with_name(russian.name.replace(".ru.md", ".md"))
    # A heading has another name in each.
    found = [re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")) for path in (english, russian)]
    there, here = (sorted(link.replace(".ru.md", ".md") for link in links) for links in found)
    assert here == there
    pages = [english.parent / link for link in found[1] if "://" not in link]
    twins = {page: page.with_name(page.name.removesuffix(".md") + ".ru.md") for page in pages}
    assert [page.name for page, twin in twins.items() if page != english and twin.exists()] == []
    assert [link for link in found[0] if link.endswith(".ru.md")] == [russian.name]


def test_words_of_the_registry_in_russian_are_those_that_are_said(generate):
    said: set[str] = set()
    generate.registry_page("registry.md", lambda words: said.add(words) or words)
    assert set(generate.registry_ru.RUSSIAN) - said == set()
    with pytest.raises(LookupError, match="give it its Russian there"):
        generate.registry_ru.in_russian("what nobody says")


@pytest.mark.parametrize(("page", "told"), [("README.md", "[Twelve"), ("README.ru.md", "[Двенадцать")])
def test_the_readme_counts_the_questions(page, told):
    asked = re.findall(r"^## ", (DOCS / "questions.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    assert (len(asked), f"{told} " in text, f"{told.lower()} " in text) == (12, True, True)


@pytest.mark.parametrize("russian", PAIRS, ids=lambda path: path.name)
def test_russian_pages_keep_to_one_vocabulary(russian):
    text = russian.read_text(encoding="utf-8").lower()
    assert re.findall(r"режим\w* повторени\w*|наблюдени\w*|вердикт\w*", text) == []


@pytest.mark.parametrize("russian", PAIRS, ids=lambda path: path.name)
def test_russian_pages_write_figures_one_way(russian):
    """With a comma, but for what stands in code."""
    text = re.sub(r"```.*?```|`[^`]*`", "", russian.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"\b[0-9]+\.[0-9]+ ?(?:%|с\b|мс|ч\b|кБ|МБ|ГБ|раз)", text) == []


@pytest.mark.parametrize(
    "path", [*sorted(DOCS.rglob("*.md")), *sorted(DOCS.parent.glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} links to {target}, which is not there"


def test_every_page_is_in_the_contents_of_the_site():
    named = set(
        re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", (DOCS.parent / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    )
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert named - {"index.md", "index.ru.md", "CHANGELOG.md"} == {
        page for page in pages if not page.startswith("schema/")
    }


def test_every_dependency_has_its_line():
    """All extras: what for, why this one. The names are those of pyproject.toml."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for more in project["optional-dependencies"].values() for one in more)]
    names = {re.match(r"[\w-]+", one)[0] for one in wanted} - {"marketctl"}
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8").lower()
    assert {name for name in names if not re.search(rf"\b{name}\b", page)} == set()


MAY_END = {"EXIT_FAILED": "1", "EXIT_PARTIAL": "3", "EXIT_BUSY": "75", "work_and_report": "75", "exit_code": "3"}


def test_every_command_that_may_end_otherwise_than_well_says_with_what():
    """What a command's function may return, itself or through the others of its module, stands in its help."""

    def names(code: CodeType, module: dict[str, object], seen: set[CodeType]) -> set[str]:
        if code in seen:
            return set()
        seen.add(code)
        inner = [one for one in code.co_consts if isinstance(one, CodeType)]
        inner += [one.__code__ for name in code.co_names if isinstance(one := module.get(name), FunctionType)]
        return {*code.co_names}.union(*(names(one, module, seen) for one in inner))

    untold = []
    for name, command in commands():
        if isinstance(command, click.Group):
            continue
        function = inspect.unwrap(command.callback)
        told = re.findall(r"\d+", (command.help or "").partition("Exit codes:")[2])
        used = MAY_END.keys() & names(function.__code__, function.__globals__, set())
        untold += [f"{name}: {MAY_END[word]}" for word in used if MAY_END[word] not in told]
    assert sorted(untold) == []
