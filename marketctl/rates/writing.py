"""The files of an export written whole, or emptied; what stands there and is no export is left alone."""

import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from marketctl.config.paths import absolute
from marketctl.errors import ConfigError, StorageFailed
from marketctl.files.atomic import storage_failed, write_atomic
from marketctl.files.look import read_named
from marketctl.rates.account import read_account
from marketctl.rates.export import elder_text, json_text, xml_text


def each(paths: Iterable[Path], write: Callable[[Path], bool]) -> list[Path]:
    """Write every file, and return those that changed: one that cannot be written leaves no other with old rates.

    Raises StorageFailed, of the first that failed, after the last.
    """
    changed, failed = [], None
    for path in paths:
        try:
            if write(path):
                changed.append(path)
        except StorageFailed as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return changed


def write_if_changed(path: Path, text: str) -> bool:
    """Write a file whole unless it holds just that: then its time stays too.

    Raises StorageFailed, also where something else than an export stands: keys, a registry, a device.
    """
    data = text.encode()
    found = _content(path)
    if found == data:
        return False
    if found and not (b"<rates" in found or b'"rates":' in found):
        raise StorageFailed(
            f"{path} holds something else than rates, and is not replaced",
            hint="name another file in [export], or move that one away",
        )
    write_atomic(path, data)
    return True


def _content(path: Path) -> bytes | None:
    """Return what a file holds, None where there is none. Raises StorageFailed."""
    try:
        if path.exists() and not path.is_file():
            raise StorageFailed(f"{path} is no regular file, and is not replaced", hint="name another file in [export]")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed("read", path, error) from error


def withdraw(folder: Path, rates: Path) -> list[Path]:
    """Empty the export, wherever it may be; return the files that had rates. Raises StorageFailed.

    That is: the files of the last build, the usual names, and what rates.toml says as far as that can be read.
    """
    paths = [*read_account(folder).files, folder / "rates.xml", folder / "rates.json"]
    with suppress(OSError, ValueError, RecursionError, AttributeError, ConfigError):
        told = tomllib.loads(read_named(rates)[1].decode()).get("export", {})
        named = [text for key, text in told.items() if key in ("xml", "xml_elder", "json") and isinstance(text, str)]
        paths += [absolute(text, rates.parent, str(rates)) for text in named]
    return each(dict.fromkeys(path for path in paths if not path.is_dir()), empty)


def empty(path: Path) -> bool:
    """Put an export without directions in the place of one that is there; say whether that changed it."""
    data = (_content(path) or b"") if path.is_file() else b""
    if b"schema/1.1.xsd" in data:
        return write_if_changed(path, xml_text([], legacy=False))
    if b"<rates" in data:
        return write_if_changed(path, elder_text([]))
    return b'"rates":' in data and write_if_changed(path, json_text([]))
