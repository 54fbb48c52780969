"""Edits of the user's providers.toml. Long: each layout of a file, and what an edit makes of it, written out.

Exactly the bytes asked for, in every layout, or none at all.
"""

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketctl.config import edit as registry_edit
from marketctl.config.edit import add, remove, set_enabled
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_registry

SHIPPED = Path(__file__).parents[2] / "providers.toml"

USUAL = """\
# top
[settings]   # s
timeout_s=3

# Bybit: "read only" key
  [providers.BYBIT]   # b
  path = 'a:B'   # BYBIT [providers.BYBIT] enabled = true
  enabled   =   true # on, since march


# Mexc is ours
[providers.MEXC]
path="a:C"
# enabled = false
# the end
"""

CRLF = (
    '[settings]\r\n\r\n[providers.BYBIT]\r\npath = "a:B"\r\nenabled=true\r\n\r\n# m\r\n[providers.MEXC]\r\npath="a:C"'
)

INLINE = """\
[providers]
BYBIT = {path="a:B", enabled=true}  # b
MEXC = { path = "a:C" }# m
"""

ALL_INLINE = 'providers = {BYBIT={path="a:B",enabled=true},MEXC={path="a:C"}} # all\n'

DOTTED = """\
providers.BYBIT.path = "a:B"
providers.BYBIT.enabled = true  # b
# m
providers.MEXC.path="a:C"
"""

HALF_DOTTED = """\
[providers]
BYBIT.path = "a:B"
BYBIT.enabled = true  # b
# m
MEXC.path="a:C"
[settings]
"""

OUT_OF_ORDER = """\
[providers.BYBIT]
enabled = true
path = "a:B"
# about the settings

[settings]
timeout_s = 3
# about MEXC
[providers.MEXC]
path="a:C"
[settings.history]
max_len = 5"""

QUOTED = """\
["providers" . "BYBIT"]
"enabled" = true
"path"='a:B'
[ 'providers'.MEXC ]
'path'='a:C'
"""

LISTS = """\
[providers.BYBIT]
path = "a:B"
pairs = [
  "A/B", # enabled = true
  "C/D",
]
enabled = true
[providers.MEXC]
path = "a:C"
base_url = "https://h"  # no "path" in it
"""

LAYOUTS = {
    "usual": USUAL,
    "crlf": CRLF,
    "inline": INLINE,
    "all-inline": ALL_INLINE,
    "dotted": DOTTED,
    "half-dotted": HALF_DOTTED,
    "out-of-order": OUT_OF_ORDER,
    "quoted": QUOTED,
    "lists": LISTS,
}


def edited(tmp_path: Path, before: str, edit: Callable[[Path], object]) -> str:
    path = tmp_path / "providers.toml"
    path.write_bytes(before.encode())
    edit(path)
    return path.read_bytes().decode()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_disable_changes_the_one_word(tmp_path: Path, layout: str) -> None:
    after = {
        "usual": USUAL.replace("   true #", "   false #"),
        "crlf": CRLF.replace("true", "false"),
        "inline": INLINE.replace("true", "false"),
        "all-inline": ALL_INLINE.replace("true", "false"),
        "dotted": DOTTED.replace("true", "false"),
        "half-dotted": HALF_DOTTED.replace("true", "false"),
        "out-of-order": OUT_OF_ORDER.replace("true", "false"),
        "quoted": QUOTED.replace("true", "false"),
        "lists": LISTS.replace("\nenabled = true", "\nenabled = false"),
    }
    assert edited(tmp_path, LAYOUTS[layout], lambda path: set_enabled(path, ["BYBIT"], False)) == after[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_disable_without_the_key_adds_it_below_path(tmp_path: Path, layout: str) -> None:
    after = {
        "usual": USUAL.replace('path="a:C"\n', 'path="a:C"\nenabled = false\n'),
        "crlf": CRLF + "\r\nenabled = false",
        "inline": INLINE.replace('"a:C" }', '"a:C" , enabled = false}'),
        "all-inline": ALL_INLINE.replace('"a:C"', '"a:C", enabled = false'),
        "dotted": DOTTED + "providers.MEXC.enabled = false\n",
        "half-dotted": HALF_DOTTED.replace('MEXC.path="a:C"\n', 'MEXC.path="a:C"\nMEXC.enabled = false\n'),
        "out-of-order": OUT_OF_ORDER.replace('path="a:C"\n', 'path="a:C"\nenabled = false\n'),
        "quoted": QUOTED + "enabled = false\n",
        "lists": LISTS.replace('"a:C"\n', '"a:C"\nenabled = false\n'),
    }
    found = edited(tmp_path, LAYOUTS[layout], lambda path: set_enabled(path, ["MEXC"], False))
    if "inline" in layout:  # how an inline table spaces its new member is left to tomlkit
        found, after[layout] = found.replace(" ", ""), after[layout].replace(" ", "")
    assert found == after[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_enable_after_disable_gives_the_same_bytes(tmp_path: Path, layout: str) -> None:
    def there_and_back(path: Path) -> None:
        assert set_enabled(path, ["BYBIT"], False) == ["BYBIT"]
        assert set_enabled(path, ["BYBIT"], True) == ["BYBIT"]

    assert edited(tmp_path, LAYOUTS[layout], there_and_back) == LAYOUTS[layout]


NEW = '[providers.NEW]\npath = "q.r:Z"\nenabled = true\nneeds_api = false\n'


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "all-inline"])
def test_add_appends_a_table(tmp_path: Path, layout: str) -> None:
    gap = {"crlf": "\r\n\r\n", "out-of-order": "\n\n"}.get(layout, "\n")
    table = NEW.replace("\n", "\r\n") if layout == "crlf" else NEW
    assert edited(tmp_path, LAYOUTS[layout], lambda path: add(path, "NEW", "q.r:Z")) == LAYOUTS[layout] + gap + table


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("crlf", "all-inline", "out-of-order")])
def test_remove_after_add_gives_the_same_bytes(tmp_path: Path, layout: str) -> None:
    def there_and_back(path: Path) -> None:
        add(path, "NEW", "q.r:Z")
        remove(path, "NEW")

    assert edited(tmp_path, LAYOUTS[layout], there_and_back) == LAYOUTS[layout]


def test_add_to_an_empty_file(tmp_path: Path) -> None:
    assert edited(tmp_path, "", lambda path: add(path, "NEW", "q.r:Z")) == NEW


def test_add_with_everything(tmp_path: Path) -> None:
    found = edited(
        tmp_path,
        "# mine\n\n",
        lambda path: add(
            path,
            "NEW",
            "q.r:Z",
            enabled=False,
            needs_api=True,
            kind="BANK",
            stablecoin="USD",
            more={"base_url": "https://h", "pairs": ["A/B"]},
        ),
    )
    assert found == (
        '# mine\n\n[providers.NEW]\npath = "q.r:Z"\nenabled = false\nneeds_api = true\nkind = "BANK"\n'
        'stablecoin = "USD"\nbase_url = "https://h"\npairs = [\n    "A/B",\n]\n'
    )


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "all-inline"])
def test_remove_takes_the_entry_and_leaves_the_comments_around(tmp_path: Path, layout: str) -> None:
    after = {
        "usual": """\
# top
[settings]   # s
timeout_s=3

# Bybit: "read only" key


# Mexc is ours
[providers.MEXC]
path="a:C"
# enabled = false
# the end
""",
        "crlf": '[settings]\r\n\r\n# m\r\n[providers.MEXC]\r\npath="a:C"',
        "inline": '[providers]\nMEXC = { path = "a:C" }# m\n',
        "dotted": '# m\nproviders.MEXC.path="a:C"\n',
        "half-dotted": '[providers]\n# m\nMEXC.path="a:C"\n[settings]\n',
        "out-of-order": """\
# about the settings

[settings]
timeout_s = 3
# about MEXC
[providers.MEXC]
path="a:C"
[settings.history]
max_len = 5""",
        "quoted": "[ 'providers'.MEXC ]\n'path'='a:C'\n",
        "lists": '[providers.MEXC]\npath = "a:C"\nbase_url = "https://h"  # no "path" in it\n',
    }
    assert edited(tmp_path, LAYOUTS[layout], lambda path: remove(path, "BYBIT")) == after[layout]


def test_remove_the_last_provider(tmp_path: Path) -> None:
    assert edited(tmp_path, "# a\n\n" + NEW, lambda path: remove(path, "NEW")) == "# a\n"


def test_shipped_registry_diff_of_enable_is_one_line(tmp_path: Path) -> None:
    before = SHIPPED.read_text()
    found = edited(tmp_path, before, lambda path: set_enabled(path, ["HTX", "RAPIRA"], False)).splitlines()
    lines = before.splitlines()
    changed = [(number, old, new) for number, (old, new) in enumerate(zip(lines, found, strict=True)) if old != new]
    htx, rapira = lines.index("[providers.HTX]"), lines.index("[providers.RAPIRA]")
    assert changed == [
        (htx + 2, "enabled = true", "enabled = false"),
        (rapira + 2, "enabled = true", "enabled = false"),
    ]


def test_no_change_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(USUAL)
    before = path.stat()
    assert set_enabled(path, ["BYBIT", "MEXC"], True) == []
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_mode_and_link_survive(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "providers.toml"
    real.write_text(USUAL)
    real.chmod(0o640)
    link.symlink_to("real.toml")
    set_enabled(link, ["BYBIT"], False)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert load_registry(link, environ={}).providers["BYBIT"].enabled is False


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda path: add(path, "NEW", "q.r:Z"), "NEW"),
        (lambda path: remove(path, "BYBIT"), "BYBIT"),
    ],
)
def test_layout_that_cannot_be_kept_is_refused(tmp_path: Path, edit: Callable[[Path], object], name: str) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(ALL_INLINE)
    with pytest.raises(ConfigError) as error:
        edit(path)
    assert (error.value.message, error.value.hint) == (
        f"{path}: [providers.{name}] is written in a way that cannot be changed without disturbing the rest",
        f"edit {path} by hand",
    )
    assert path.read_text() == ALL_INLINE


def test_path_over_several_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    text = '[providers.BYBIT]\npath = """\\\n  a:B"""\n# tail\n[settings]\n'
    path.write_text(text)
    with pytest.raises(ConfigError):
        set_enabled(path, ["BYBIT"], False)
    assert path.read_text() == text


def test_one_unknown_name_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(USUAL)
    with pytest.raises(ConfigError) as error:
        set_enabled(path, ["BYBIT", "MEXD"], False)
    assert error.value.message == 'No such provider "MEXD". Did you mean MEXC?'
    assert path.read_text() == USUAL


def wrong(tmp_path: Path, text: str, edit: Callable[[Path], object]) -> str:
    path = tmp_path / "providers.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        edit(path)
    assert path.read_text() == text
    return error.value.message.replace(f"{tmp_path}/", "")


def test_add_what_is_there_already(tmp_path: Path) -> None:
    told = wrong(tmp_path, USUAL, lambda path: add(path, "MEXC", "a:B"))
    assert told == "providers.toml: [providers.MEXC] is there already"


def test_add_wrong_name(tmp_path: Path) -> None:
    assert wrong(tmp_path, USUAL, lambda path: add(path, "../x", "a:B")) == (
        'providers.toml: [providers]: found the name "../x", expected capital letters, digits, - and _, at most 32'
    )


def test_add_wrong_path(tmp_path: Path) -> None:
    assert wrong(tmp_path, USUAL, lambda path: add(path, "NEW", "a.B")) == (
        'providers.toml: [providers.NEW] path: found "a.B" (string), expected "module.path:ClassName"'
    )


def test_remove_unknown(tmp_path: Path) -> None:
    assert wrong(tmp_path, USUAL, lambda path: remove(path, "XXXX")) == 'No such provider "XXXX".'


def test_file_that_does_not_parse_stays(tmp_path: Path) -> None:
    assert wrong(tmp_path, "[settings\n", lambda path: add(path, "NEW", "a:B")) == (
        "providers.toml: not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 10)"
    )


def test_file_writable_by_others_stays(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(USUAL)
    path.chmod(0o666)
    with pytest.raises(ConfigError):
        set_enabled(path, ["BYBIT"], False)
    assert path.read_text() == USUAL


def test_tomlkit_disturbing_another_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomlkit

    monkeypatch.setattr(tomlkit, "dumps", lambda document: document.as_string().replace("# top", "# Top"))
    assert wrong(tmp_path, USUAL, lambda path: set_enabled(path, ["BYBIT"], False)) == (
        "providers.toml: [providers.BYBIT] is written in a way that cannot be changed without disturbing the rest"
    )


NAMES = ["BYBIT", "MEXC", "A-1"]
trivia = st.sampled_from(["", "# c\n", "\n", "# [providers.MEXC]\n", "# enabled = true\n\n", "  # é\u2028x\n"])
entries = st.builds(
    lambda name, before, inside, order, indent: (name, before, inside, order, indent),
    st.sampled_from(NAMES),
    trivia,
    trivia,
    st.permutations(['path = "a:B"', "enabled = true", 'kind = "CEX"']),
    st.sampled_from(["", "  ", "\t"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(entries, min_size=1, max_size=3, unique_by=lambda entry: entry[0]), st.sampled_from(["\n", "\r\n"]))
def test_any_file_loses_only_what_was_asked(
    tmp_path_factory: pytest.TempPathFactory, tables: list[tuple[str, str, str, list[str], str]], end: str
) -> None:
    path = tmp_path_factory.mktemp("edit") / "providers.toml"
    pieces = [
        f"{before}{indent}[providers.{name}]\n{indent}{order[0]}\n{inside}{indent}{order[1]}\n{indent}{order[2]} # e\n"
        for name, before, inside, order, indent in tables
    ]
    text = "".join(pieces).replace("\n", end)
    name = tables[0][0]
    entry = pieces[0][len(tables[0][1]) :].replace("\n", end)

    path.write_bytes(text.encode())
    set_enabled(path, [name], False)
    assert path.read_bytes().decode() == text.replace(
        entry,
        entry.replace("\tenabled = true", "\tenabled = false")
        .replace(f"{end}enabled = true", f"{end}enabled = false")
        .replace("  enabled = true", "  enabled = false"),
    )

    path.write_bytes(text.encode())
    registry_edit.remove(path, name)
    rest = path.read_bytes().decode()
    assert name not in tomllib.loads(rest).get("providers", {})
    assert [line for line in rest.split(end) if line.strip()] == [
        line for line in text.replace(entry, "").split(end) if line.strip()
    ]


def test_remove_leaves_no_rule_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(USUAL + '[sentinel.rules."MEXC */USDT"]\njump = 0.1\n')
    with pytest.raises(ConfigError, match='"MEXC \\*/USDT": no such provider MEXC'):
        remove(path, "MEXC")
    assert "[providers.MEXC]" in path.read_text()
    remove(path, "BYBIT")
    assert "[providers.BYBIT]" not in path.read_text()
