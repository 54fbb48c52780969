"""credentials.toml, the one place for keys: read, check its mode, list names but never values.

The environment wins: MARKETCTL_BYBIT_API_KEY is `api_key` of BYBIT. No message here holds a value
or a piece of the file.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from marketctl.config.paths import VARIABLES, read_text
from marketctl.config.registry import PROVIDER_NAME, is_provider_name
from marketctl.config.table import parse_toml, unknown_key
from marketctl.errors import ConfigError
from marketctl.files.replace import edited, replace_file
from marketctl.redact import protect
from marketctl.text import closest, printable

HEADER = "# marketctl's keys, written by `marketctl credentials set`: it keeps other values, but no comments.\n\n"

BY_ENVIRONMENT = "mount it with mode 0600, or give the keys as environment variables: MARKETCTL_BYBIT_API_KEY and so on"

PUBLIC = frozenset(("uid",))  # a name of an account, not a secret

CHOSEN = frozenset(("login", "passphrase", "password"))  # made up by a person, in letters of any alphabet

CHANNELS = "notify"  # the table of channels: name → URL

_is_field = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch

_URL = r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+"


@dataclass(eq=False, slots=True)
class Credentials:
    """The keys of the file and of the environment; its repr shows neither."""

    path: Path
    _file: Mapping[str, Mapping[str, str]] = field(repr=False)
    _environ: Mapping[str, str] = field(repr=False)

    def for_provider(self, name: str, fields: Iterable[str]) -> dict[str, str]:
        """Return those of a provider's fields that have a value; from now on they are secrets.

        Only what a provider declares is a key: any other MARKETCTL_* variable is nobody's secret.
        """
        stored = self._file.get(name, {})
        values = {key: self._environ.get(variable(name, key)) or stored.get(key, "").strip() for key in fields}
        found = {key: value for key, value in values.items() if value}
        protect([value for key, value in found.items() if key not in PUBLIC])
        return found

    def names(self, known: Mapping[str, Iterable[str]] | None = None) -> dict[str, dict[str, str]]:
        """Return provider → field → `file` or `environment`.

        The environment can only be asked about providers and fields that are `known`, or in the file.
        """
        fields = {name: dict.fromkeys(keys) for name, keys in (known or {}).items()}
        for name, values in self._file.items():
            fields.setdefault(name, {}).update(dict.fromkeys(values))
        found: dict[str, dict[str, str]] = {}
        for name, keys in fields.items():
            for key in keys:
                if self._environ.get(variable(name, key)):
                    found.setdefault(name, {})[key] = "environment"
                elif key in self._file.get(name, {}):
                    found.setdefault(name, {})[key] = "file"
        return found

    def slips(self, name: str, fields: Iterable[str], providers: Iterable[str]) -> list[str]:
        """Say what stands there under a name that is none of the provider's fields, and looks like a slip.

        `providers` are all that are registered: their tables and variables are no slips.
        """
        fields, stored = list(fields), self._file.get(name, {})
        told = [unknown_key(f"{self.path}: [{name}]", key, fields).message for key in stored if key not in fields]
        others = {CHANNELS, *providers} - {name}
        tables = [one for one in self._file if one not in others] if not stored else []
        told += [
            f"{self.path}: unknown table [{one}]; did you mean [{name}]?" for one in tables if closest(one, [name])
        ]
        start, foreign = variable(name, ""), tuple(variable(one, "") for one in others if one.startswith(name))
        ends = [variable(name, key).removeprefix(start) for key in fields]
        for one in self._environ:
            end = one.removeprefix(start)
            if end not in (one, *ends) and not one.startswith(foreign) and (close := closest(end, ends)):
                told.append(f"{one} is no variable of {name}; did you mean {start}{close}?")
        return told

    def notify(self) -> dict[str, str]:
        """Return channel → URL of `[notify]`: each one a secret."""
        return dict(self._file.get(CHANNELS, {}))

    def all_values(self) -> list[str]:
        """Return what is stored, used or not, and what the environment has in its place, for redaction.

        What the environment has beyond that is protected when it is used.
        """
        fields = [(name, key) for name, values in self._file.items() for key in values if key not in PUBLIC]
        instead = [self._environ.get(variable(name, key), "") for name, key in fields]
        return list(dict.fromkeys([*(self._file[name][key] for name, key in fields), *filter(None, instead)]))


@lru_cache(maxsize=256)
def variable(provider: str, key: str) -> str:
    """Return the environment variable of a provider's field."""
    return "MARKETCTL_" + re.sub(r"[^A-Z0-9]", "_", f"{provider}_{key}".upper())


def odd_character(key: str, value: str) -> str | None:
    """Say what of a value cannot be right: quotes around it, or a character, by its place and number alone; else None.

    What a provider hands out is plain ASCII; a line break may stand in a PEM and in folded base64.
    """
    if key not in CHOSEN and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return "it stands in quotes, expected the value alone"  # an env file of docker keeps them
    if value.isascii() and value.isprintable():
        return None
    odd = (
        (place, char)
        for place, char in enumerate(value, 1)
        if not (char.isprintable() and (char.isascii() or key in CHOSEN)) and char not in "\t\r\n"
    )
    if (found := next(odd, None)) is None:
        return None
    from unicodedata import name

    place, char = found
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"character {place} is the byte 0x{code - 0xDC00:02X}, which is no UTF-8"
    called = name(char, "")
    return f"character {place} is U+{code:04X}{f' ({called})' if called else ''}, expected plain ASCII"


def load_credentials(path: Path, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Read the keys; a missing file holds none. Raises ConfigError, also when others can read the file."""
    ours = {
        key: value.strip()  # a file with a line break at its end, Windows' too, is how most of them come
        for key, value in environ.items()
        if value.strip() and key.startswith("MARKETCTL_") and key.count("_") > 1 and key not in VARIABLES
    }
    return Credentials(path, _read(path), ours)


def store_credentials(path: Path, values: Mapping[str, Mapping[str, str]]) -> None:
    """Write values of providers, keeping their other ones and those of all other providers.

    The file is 0600 from its first byte. One that others can read or that does not parse stays as it is.
    Raises ConfigError, StorageFailed.
    """
    import tomli_w

    with edited(path):
        stored = _read(path)
        for provider, fields in values.items():
            stored[provider] = stored.get(provider, {}) | dict(fields)
        _check(path, stored)
        replace_file(path, (HEADER + tomli_w.dumps(stored)).encode(), 0o600)


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        text = read_text(
            path, forbidden=0o077, complaint="group or others can read it", chmod="600", instead=BY_ENVIRONMENT
        )
    except FileNotFoundError:
        return {}
    return _check(path, parse_toml(text, path, secret=True))


def _check(path: Path, data: Mapping[str, object]) -> dict[str, dict[str, str]]:
    return {name: dict(_check_table(path, name, values)) for name, values in data.items()}


def _check_table(path: Path, name: str, values: object) -> Iterator[tuple[str, str]]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path}: {printable(name, 40)}: found {_type(values)}, expected a table such as [BYBIT]")
    if name != CHANNELS and not is_provider_name(name):
        raise ConfigError(f'{path}: found the table name "{printable(name, 40)}", expected {PROVIDER_NAME}')
    for key, value in values.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}: [{name}] {printable(key, 40)}: found {_type(value)}, expected a text")
        if not _is_field(key):
            raise ConfigError(
                f'{path}: [{name}] found the key "{printable(key, 40)}", expected small letters, digits and _'
            )
        if name == CHANNELS and not re.fullmatch(_URL, value):
            raise ConfigError(
                f"{path}: [{name}] {key}: found another text (not shown: it is a secret), expected a URL such as "
                "tgram://TOKEN/CHAT, mailto://, json://"
            )
        yield key, value


def _type(value: object) -> str:
    """Name what a value is, never the value."""
    names = {bool: "a boolean", int: "an integer", float: "a float", list: "a list", dict: "a table"}
    return "an empty text" if value == "" else names.get(type(value), "a text" if type(value) is str else "a date")
