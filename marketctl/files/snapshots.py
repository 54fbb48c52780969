"""Snapshots in data/: one record a line, keys sorted; written whole, read whole or as lines."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from pathlib import Path
from typing import Any

from marketctl.errors import StorageFailed
from marketctl.files.atomic import Sync, staged, storage_failed, write_atomic
from marketctl.files.look import read_regular

SCHEMA = 1

LINES = 200  # encoded at once: one beyond ASCII makes the text of all of them twice as large

# JSON allows them raw, terminals and line readers do not.
UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029]")


def _digits(value: object) -> str:
    """Return a number of a file that somebody else wrote as we write it: its digits in a text."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not for a file")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, default=_digits).encode

_pretty = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2, default=_digits).encode


def encode_json(value: Any) -> str:
    """Write one line of JSON with sorted keys, the way snapshots hold their records."""
    return _encode(value)


def decode_json(text: str | bytes) -> Any:
    """Read JSON, figures that are no whole numbers as Decimal. Raises ValueError, and RecursionError for a tower."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_json)


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_decode_line = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_json).decode


def decode_line(line: bytes) -> Any:
    """Read a line of JSON as `decode_json` does: 1e999 is a figure, and no infinity."""
    return _decode_line(line.decode())


def to_bytes(text: str) -> bytes:
    """Encode JSON text as UTF-8; control characters and lone surrogates are escaped as JSON does."""
    if not text.isascii() or "\x7f" in text:
        text = UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace")


Records = Sequence[tuple[str, Any]]
Lines = Callable[[Records], list[str]]
Block = list[bytes]
"""Records as a snapshot holds them, in pieces."""


def write_snapshot(path: Path, head: Mapping[str, Any], records_key: str, records: Mapping[str, Any] | Block) -> None:
    """Write a snapshot, one record a line, every key sorted; a record may be JSON text already.

    Raises StorageFailed.
    """
    write_atomic(path, _snapshot_bytes(head, records_key, records))


@contextmanager
def staged_snapshot(
    path: Path, head: Mapping[str, Any], records_key: str, records: Mapping[str, str | Mapping[str, Any]]
) -> Iterator[None]:
    """Write a snapshot beside its place; it takes its place when the block ends well. Raises StorageFailed."""
    with staged(path, _snapshot_bytes(head, records_key, records)):
        yield


def block_of(records: Mapping[str, Any], lines: Lines | None = None) -> Block:
    """Write records, sorted; `lines` makes the lines of some that are no JSON yet: `"NAME": {...}`."""
    found = _in_order(tuple(records))(list(records.items()))
    block = []
    for start in range(0, len(found), LINES):
        some = found[start : start + LINES]
        texts = _lines_of(some) if lines is None else lines(some)
        block += [b",\n    ", to_bytes(",\n    ".join(texts))]
    return [b"{\n    ", *block[1:], b"\n  }"] if block else [b"{}"]


@lru_cache(maxsize=32)
def _in_order(names: tuple[str, ...]) -> Callable[[Records], Records]:
    """Return what sorts records of these names; those of a provider are mostly the same at each turn."""
    places = sorted(range(len(names)), key=names.__getitem__)
    return itemgetter(*places) if len(places) > 1 else sorted


def _snapshot_bytes(head: Mapping[str, Any], records_key: str, records: Mapping[str, Any] | Block) -> bytes:
    parts = {key: [to_bytes(_encode(value))] for key, value in head.items()}
    parts[records_key] = block_of(records) if isinstance(records, Mapping) else records
    # Joined once: it is megabytes.
    body = [piece for key in sorted(parts) for piece in (b",\n  %b: " % to_bytes(_encode(key)), *parts[key])]
    return b"".join([b"{\n", body[0][2:], *body[1:], b"\n}\n"])


def _lines_of(records: Records) -> list[str]:
    return [
        f"{encode_basestring(name)}: {record if isinstance(record, str) else _encode(record)}"
        for name, record in records
    ]


def write_document(path: Path, document: Mapping[str, Any], sync: Sync = "all") -> None:
    """Write a small JSON file, indented and sorted. Raises StorageFailed."""
    write_atomic(path, document_bytes(document), sync=sync)


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a small JSON file, indented and sorted."""
    return to_bytes(_pretty(document) + "\n")


def read_snapshot(path: Path, read: Callable[[Path], bytes] = read_regular) -> dict[str, Any] | None:
    """Read a snapshot; None when there is none. Raises StorageFailed when it is not one of ours."""
    try:
        data = read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed("read", path, error) from error
    hint = "Move the file away; the next run writes a new one."
    try:
        snapshot = decode_json(data)
    except (ValueError, RecursionError) as error:
        raise StorageFailed(f"{path} is not JSON: {error}", hint=hint) from error
    if not isinstance(snapshot, dict) or snapshot.get("schema") != SCHEMA or snapshot["schema"] is True:
        found = snapshot.get("schema") if isinstance(snapshot, dict) else type(snapshot).__name__
        raise StorageFailed(f"{path} has schema {str(found)[:40]!r}, expected {SCHEMA}", hint=hint)
    return snapshot


def read_lines(path: Path, records_key: str) -> tuple[dict[str, Any], list[str]] | None:
    """Return the head of a snapshot and its records as they are written, `CODE": {...}`, unread; None without one.

    Raises ValueError when it is not in our layout, as `read_snapshot` will tell or can read.
    """
    try:
        text = read_regular(path).decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_failed("read", path, error) from error
    opening = f'\n  "{records_key}": {{\n    "'
    start, end = text.find(opening), text.rfind("}\n  }")
    block = text[start + len(opening) : end + 1]
    lines = block.split(',\n    "')
    if start < 0 or end < start or len(lines) != block.count("\n") + 1 or not text.endswith("\n}\n"):
        raise ValueError(f"{path} is not one record a line")
    try:
        head = json.loads(f'{text[:start]}\n  "{records_key}": {{{text[end + 2 :]}')
    except RecursionError:
        raise ValueError(f"{path} has a head that is a tower") from None
    if head.get("schema") != SCHEMA:
        raise ValueError(f"{path} has another schema")
    return head, lines


def read_records(path: Path, records_key: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the head of a snapshot and its records as the lines they are written in, unread; None without one.

    Raises ValueError when it is not in our layout, as `read_snapshot` will tell or can read.
    """
    found = read_lines(path, records_key)
    if found is None:
        return None
    records = dict(line.split('": ', 1) for line in found[1])
    if any("\\" in key for key in records):
        raise ValueError(f"{path} has keys that are escaped")
    return found[0], records
