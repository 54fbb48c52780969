"""Journals of JSON lines: appended in one write, read line by line."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketctl.errors import StorageFailed
from marketctl.files.atomic import storage_failed, write_all
from marketctl.files.locks import flocked
from marketctl.files.look import open_regular, open_to_add
from marketctl.files.replace import replace_file
from marketctl.files.snapshots import decode_line, encode_json, to_bytes
from marketctl.times import from_iso


def append_journal(path: Path, lines: Sequence[Mapping[str, Any]], *, most: int | None = None) -> Callable[[], None]:
    """Append whole lines of JSON, in one write, on the disk when it returns; return what takes them back again.

    What a crash left of a line goes: the run that wrote it had not yet stored what it tells of, so it is told again.
    The lock is a file of its own: who may read the journal could hold it up. Both raise StorageFailed.

    A journal that is longer than `most` bytes by then keeps its newest half, in whole lines.
    """
    if not lines:
        return lambda: None
    data = _encoded(lines)
    lock = path.with_name(f".{path.name}.append.lock")
    with flocked(lock):
        try:
            fd = open_to_add(path)
            try:
                size = _end_of_lines(fd)
                os.ftruncate(fd, size)
                try:
                    write_all(fd, data)
                    os.fsync(fd)
                except BaseException:
                    with suppress(OSError):
                        os.ftruncate(fd, size)
                    raise
            finally:
                os.close(fd)
            if most is not None and size + len(data) > most:
                with open_regular(path) as file:
                    file.seek(size + len(data) - most // 2 - 1)
                    file.readline()  # what is left of a line, or the end of one
                    replace_file(path, file.read())
        except OSError as error:
            raise storage_failed("append to", path, error) from error

    def take_back() -> None:
        try:
            with flocked(lock):
                if path.stat().st_size == size + len(data):
                    os.truncate(path, size)
        except OSError as error:
            raise storage_failed("take the last lines back from", path, error) from error

    return take_back


def size_with(path: Path, lines: Sequence[Mapping[str, Any]]) -> int:
    """Return how long the journal is when these lines stand behind its last whole one. Raises StorageFailed."""
    try:
        with open_regular(path) as file:
            return _end_of_lines(file.fileno()) + len(_encoded(lines))
    except (FileNotFoundError, IsADirectoryError):  # none yet; what is no file is told by who appends
        return len(_encoded(lines))
    except OSError as error:
        raise storage_failed("read", path, error) from error


def is_cut(path: Path, bytes_told: object) -> bool:
    """Tell whether a journal is shorter than it was: rotated, emptied, deleted. Raises StorageFailed."""
    return type(bytes_told) is int and size_with(path, ()) < bytes_told


def unread_lines(path: Path, count: int) -> StorageFailed:
    """Say that so many lines of a journal cannot be read."""
    lines = "1 line" if count == 1 else f"{count} lines"
    return StorageFailed(f"{path}: {lines} cannot be read, the rest is shown")


def _encoded(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return to_bytes("".join([encode_json(line) + "\n" for line in lines]))


def lines_after(path: Path, at: str) -> list[dict[str, Any]]:
    """Return the last entries that are later than this time, oldest first; one that cannot be read ends them.

    Raises StorageFailed.
    """
    try:
        since = from_iso(at)
        size = path.stat().st_size
        room = 65536
        while True:
            with open_regular(path) as file:
                file.seek(max(0, size - room))
                lines = file.read().splitlines()
            found = _later(lines if room >= size else lines[1:], since)
            if room >= size or len(found) < len(lines) - 1:
                return found
            room *= 8
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return []
    except OSError as error:
        raise storage_failed("read", path, error) from error


def _later(lines: Sequence[bytes], since: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in reversed(lines):
        try:
            entry = decode_line(line)
            if from_iso(entry["at"]) <= since:
                break
        except (ValueError, TypeError, KeyError, RecursionError):
            break
        found.append(entry)
    return found[::-1]


def _end_of_lines(fd: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - 65536)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def read_journal(path: Path, since_ms: int | None = None, *, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the entries since that time, oldest first, and the number of broken lines.

    It is read from the byte `start` on. Raises StorageFailed.
    """
    entries: list[dict[str, Any]] = []
    broken = 0
    try:
        with open_regular(path) as file:
            file.seek(start)
            for line in file:
                if not line.strip():
                    continue
                try:
                    entry = decode_line(line)
                    at_ms = from_iso(entry["at"])
                except (ValueError, TypeError, KeyError, RecursionError):
                    broken += 1
                    continue
                if since_ms is None or at_ms >= since_ms:
                    entries.append(entry)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_failed("read", path, error) from error
    return entries, broken
