"""Change one thing in the user's providers.toml; every other byte stays as it was.

tomlkit changes a value in place in every layout. It does not insert or take out lines well: it drops the comment
above the next table, puts keys below it, and mixes line ends. Those edits are made on the lines. Whatever made it,
an edit counts only when the new text means the old data with that one change; else the file is left alone.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import cast

from marketctl.config.registry import check_entry, no_such_provider, read_registry_text
from marketctl.config.sentinel import read_sentinel
from marketctl.config.table import Table, parse_toml
from marketctl.errors import ConfigError
from marketctl.files.replace import edited, replace_file

Entries = MutableMapping[str, MutableMapping[str, object]]

_lines = re.compile(r"[^\n]*\n|[^\n]+").findall  # splitlines() also cuts at what TOML takes for text
_path_key = re.compile(r"""([^=#\n]*?)(["']?)path\2[ \t]*=""").match


def add(
    path: Path,
    name: str,
    adapter_path: str,
    *,
    enabled: bool = True,
    needs_api: bool = False,
    kind: str | None = None,
    stablecoin: str | None = None,
    more: Mapping[str, object] | None = None,
) -> None:
    """Append a provider's table; `more` are further keys of it, an empty `kind` or `stablecoin` is left out.

    Raises ConfigError when it is there already or would not be read.
    """
    with edited(path):
        text, data = _read(path)
        if name in _entries(data, path):
            raise ConfigError(f"{path}: [providers.{name}] is there already", hint=f"marketctl providers show {name}")
        values: dict[str, object] = {"path": adapter_path, "enabled": enabled, "needs_api": needs_api}
        values |= {key: value for key, value in (("kind", kind), ("stablecoin", stablecoin)) if value}
        values |= more or {}
        check_entry(path, name, values)

        import tomli_w

        end = "\r\n" if "\r\n" in text else "\n"
        table = tomli_w.dumps({"providers": {name: values}}).replace("\n", end)
        gap = "" if not text or text.endswith(end * 2) else end if text.endswith("\n") else end * 2
        _entries(data, path)[name] = values
        _write(path, name, data, [text + gap + table])


def set_enabled(path: Path, names: Iterable[str], enabled: bool) -> list[str]:
    """Switch providers on or off and return those that changed; without any the file is not touched."""
    with edited(path):
        text, data = _read(path)
        changed: list[str] = []
        for name in names:
            entry = _entry(data, path, name)
            if entry.get("enabled", True) == enabled:
                continue
            present = "enabled" in entry
            entry["enabled"] = enabled
            candidates = _set_by_tomlkit(text, name, enabled) if present else _insert_enabled(text, name, enabled)
            text = _meaning(data, path, name, candidates)
            changed.append(name)
        if changed:
            replace_file(path, text.encode())
        return changed


def remove(path: Path, name: str) -> None:
    """Take out a provider's table; comments around it stay. Raises ConfigError while a rule names it."""
    with edited(path):
        text, data = _read(path)
        _entry(data, path, name)
        del _entries(data, path)[name]
        # Read as the registry is: a rule of the sentinel that is left alone would be for nobody.
        read_sentinel(Table(str(path), "", data).table("sentinel"), _entries(data, path))
        _write(path, name, data, _without_lines(text, name))


def _read(path: Path) -> tuple[str, dict[str, object]]:
    text = read_registry_text(path)
    return text, parse_toml(text, path)


def _entries(data: dict[str, object], path: Path) -> Entries:
    found = data.setdefault("providers", {})
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: providers: expected a table")
    return found


def _entry(data: dict[str, object], path: Path, name: str) -> MutableMapping[str, object]:
    entries = _entries(data, path)
    if name not in entries:
        raise no_such_provider(name, entries)
    if not isinstance(entries[name], dict):
        raise ConfigError(f"{path}: [providers] {name}: expected a table")
    return entries[name]


def _write(path: Path, name: str, data: dict[str, object], candidates: Iterable[str]) -> None:
    replace_file(path, _meaning(data, path, name, candidates).encode())


def _meaning(data: dict[str, object], path: Path, name: str, candidates: Iterable[str]) -> str:
    """Return the first text that reads as the data."""
    for text in candidates:
        try:
            found = tomllib.loads(text)
        except ValueError:
            continue
        found.setdefault("providers", {})
        if found == data:
            return text
    raise ConfigError(
        f"{path}: [providers.{name}] is written in a way that cannot be changed without disturbing the rest",
        hint=f"edit {path} by hand",
    )


def _set_by_tomlkit(text: str, name: str, enabled: bool) -> Iterator[str]:
    """Offer the text with the key set in its own line, if tomlkit leaves all other lines alone."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        cast(Entries, document["providers"])[name]["enabled"] = enabled
        fresh = tomlkit.dumps(document)
    except TOMLKitError:
        return
    before, after = _lines(text), _lines(fresh)
    if len(before) == len(after) and sum(old != new for old, new in zip(before, after, strict=True)) == 1:
        yield fresh


def _insert_enabled(text: str, name: str, enabled: bool) -> Iterator[str]:
    """Offer the text with `enabled` in a new line below each `path`, written the way that line is."""
    lines = _lines(text)
    for index, line in enumerate(lines):
        if found := _path_key(line):
            end = "\r\n" if "\r\n" in (line if line.endswith("\n") else text) else "\n"
            fresh = f"{found[1]}enabled = {str(enabled).lower()}"
            fresh = f"{fresh}{end}" if line.endswith("\n") else f"{end}{fresh}"
            yield "".join([*lines[: index + 1], fresh, *lines[index + 1 :]])
    yield from _set_by_tomlkit(text, name, enabled)  # an inline table


def _without_lines(text: str, name: str) -> Iterator[str]:
    """Offer the text without some lines, beginning at each that names the provider; fewest first."""
    lines = _lines(text)
    starts = [index for index, line in enumerate(lines) if name in line and not line.lstrip().startswith("#")]
    for start in reversed(starts):
        for stop in range(start + 1, len(lines) + 1):
            # A blank line that stood between two tables stands between two tables no more.
            alone = stop == len(lines) or not lines[stop].strip()
            first = start - 1 if start and alone and not lines[start - 1].strip() else start
            yield "".join(lines[:first] + lines[stop:])
