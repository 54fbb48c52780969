"""Where a value of a TOML file stands, for messages: tomllib does not tell. Looked for only when something is wrong."""

import re
from collections.abc import Sequence
from typing import Any

MARK = "marketctl-was-here"


def place_of(text: str, keys: Sequence[str | int], at: int | None = None, *, key: bool = False) -> tuple[int, int]:
    """Return line and column (from 1) of the value under these keys; of its character `at` where it is a text.

    `key` wants the last key itself. What cannot be found is told to be at the table around it, at last at 1, 1.
    """
    while keys:
        start = _start(text, keys)
        if start is not None:
            if key and isinstance(keys[-1], str):
                line = text.rfind("\n", 0, start) + 1
                start = max(line, text.rfind(keys[-1], line, start))
            elif at is not None:
                start = _inside(text, start, at)
            return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        if (head := _head(text, keys)) is not None:
            return text.count("\n", 0, head) + 1, head - text.rfind("\n", 0, head)
        keys, at, key = keys[:-1], None, True
    return 1, 1


def _start(text: str, keys: Sequence[str | int]) -> int | None:
    """Find a value by putting another in its place: all before it stays as it is."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import AoT, Table

    try:
        document: Any = tomlkit.parse(text)
        inside = document
        for one in keys[:-1]:
            inside = inside[one]
        if isinstance(inside[keys[-1]], Table | AoT):
            return None
        inside[keys[-1]] = MARK
        found = document.as_string().find(f'"{MARK}"')
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError):
        return None
    return found if found >= 0 and text[:found] == document.as_string()[:found] else None


def _head(text: str, keys: Sequence[str | int]) -> int | None:
    """Find the name in the header of a table, of the one that is counted where there are several."""
    *names, last = keys
    number = last if isinstance(last, int) else 0
    path = ".".join(map(str, names if isinstance(last, int) else keys))
    found = list(re.finditer(rf"^[ \t]*\[+[ \t]*({re.escape(path)})[ \t]*\]", text, re.MULTILINE))
    return found[number].start(1) if number < len(found) else None


def _inside(text: str, start: int, at: int) -> int:
    """Return where the character `at` of the text that begins at `start` stands, quotes and escapes counted."""
    quote = text[start : start + 1]
    if quote not in ("'", '"'):
        return start
    long = text.startswith(quote * 3, start)
    place = start + (3 if long else 1)
    if long and text[place : place + 1] == "\n":
        place += 1
    while at > 0 and place < len(text):
        if quote == '"' and text[place] == "\\":
            width = {"u": 6, "U": 10}.get(text[place + 1 : place + 2], 2)
            if text[place + 1 : place + 2].isspace():  # a line that goes on
                place += 1
                while text[place : place + 1].isspace():
                    place += 1
                continue
            place += width
        else:
            place += 1
        at -= 1
    return place
