"""Journals of JSON lines: appended in one write, read line by line."""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketctl.files.atomic import storage_failed, write_all
from marketctl.files.snapshots import encode_json, to_bytes
from marketctl.times import from_iso


def append_journal(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Append whole lines of JSON, in one write, on the disk when it returns. Raises StorageFailed.

    What a crash left of a line goes: the run that wrote it had not yet stored what it tells of, so it is told again.
    """
    if not lines:
        return
    data = to_bytes("".join([encode_json(line) + "\n" for line in lines]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
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
    except OSError as error:
        raise storage_failed("append to", path, error) from error


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


def read_journal(path: Path, since_ms: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """Return the journal's entries since that time, oldest first, and the number of broken lines."""
    entries: list[dict[str, Any]] = []
    broken = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    entry = json.loads(line)
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
