"""Keys as they come from stdin or a prompt, line by line: a PEM or folded base64 is one value, and no line is lost."""

import re
from collections.abc import Iterator, Sequence

from marketctl.errors import ConfigError

FOLDED = 60  # characters from which on a line of base64 may have been folded

NO_PEM = frozenset(("uid", "api_key", "app_id"))  # what says who asks; a PEM is what proves it

PEM_IN_BASE64 = "LS0tLS1CRUdJTi"

_base64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}").fullmatch


def begins_pem(line: str) -> bool:
    """Tell whether a line is the first one of a PEM."""
    return line.strip().startswith("-----BEGIN")


def ends_pem(line: str) -> bool:
    """Tell whether a line is the last one of a PEM."""
    return line.strip().startswith("-----END")


def may_fold(line: str) -> bool:
    """Tell whether more lines of the same base64 may follow."""
    return len(line.strip()) >= FOLDED and _base64(line.strip()) is not None


def read_values(text: str, names: Sequence[str]) -> dict[str, str]:
    """Read values from lines: `name=value` for any of the names, else in the order of the names.

    Raises ConfigError for a PEM without its end or in the wrong place and for lines that belong to nothing: nothing is
    to be stored then.
    """
    values: dict[str, str] = {}
    lines = iter(text.splitlines())
    surplus = 0
    for line in lines:
        if not line.strip():
            continue
        left = [name for name in names if name not in values]
        word, equals, rest = line.partition("=")
        named = bool(equals) and word.strip() in names
        name = word.strip() if named else left[0] if left else ""
        value = (rest if named else line).strip()
        if begins_pem(value):
            value = _pem(value, lines)
        if name in NO_PEM and (begins_pem(value) or value.startswith(PEM_IN_BASE64)):
            raise ConfigError(
                f"found a private key (PEM) where {name} is expected; nothing was stored",
                hint=f"give it last, or by its name: {names[-1]}=-----BEGIN ...",
            )
        if name:
            values[name] = value
        elif names and _continues(values[names[-1]], value):
            values[names[-1]] += f"\n{value}"
        else:
            surplus += 1
    if surplus:
        lines_ = "1 line" if surplus == 1 else f"{surplus} lines"
        raise ConfigError(
            f"{lines_} too many on stdin: expected {', '.join(names)}; nothing was stored",
            hint="give one line for each, or name=value; a PEM counts as one, from BEGIN to END",
        )
    return values


def _pem(first: str, lines: Iterator[str]) -> str:
    found = [first]
    if "-----END" in first:  # in one line, with its breaks written out
        return first
    for line in lines:
        found.append(line.strip())
        if ends_pem(line):
            return "\n".join(found) + "\n"
    raise ConfigError(
        "the PEM key is cut: its END line is missing; nothing was stored",
        hint="give it whole: marketctl credentials set",
    )


def _continues(value: str, line: str) -> bool:
    """Tell whether a line goes on with base64 that was folded: no longer than the lines before, all of one length."""
    before = value.split("\n")
    width = len(before[0])
    return (
        may_fold(before[0]) and all(len(one) == width for one in before) and len(line) <= width and bool(_base64(line))
    )
