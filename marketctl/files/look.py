"""Whether something is there, and its bytes: what this user may not look at is not the same as what is not there."""

import errno
import os
import stat
import time
from pathlib import Path
from typing import BinaryIO

from marketctl.files.atomic import storage_failed


def is_there(path: Path) -> bool:
    """Tell whether something stands there. Raises StorageFailed where this user may not look: that is not the same."""
    return stat_of(path) is not None


def stat_of(path: Path) -> os.stat_result | None:
    """Return what the file system tells of a path, None where nothing stands. Raises StorageFailed."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise storage_failed("look at", path, error) from error


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what tells a file from the one that takes its place. Raises OSError."""
    found = os.stat(path)  # noqa: PTH116  (a third of the time, and asked at each turn)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


PIPE_S = 10.0  # so long who fills a pipe is waited for

MOST_NAMED = 256 << 20  # bytes: a dump is smaller

LARGEST = 1 << 30  # bytes: many times what any file of ours has


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read. Raises OSError, also for what is no regular file: of a pipe a reader waits for ever."""
    return os.fdopen(_regular(path), "rb")


def open_to_add(path: Path) -> int:
    """Open a file, or make one, to read it and add to its end. Raises OSError as `open_regular` does."""
    return _regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)


def _regular(path: Path, flags: int = os.O_RDONLY) -> int:
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and (flags != os.O_RDONLY or found.st_size <= LARGEST):
        return fd
    os.close(fd)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(
        f"it has {found.st_size} bytes, expected at most {LARGEST}"
        if stat.S_ISREG(found.st_mode)
        else "it is no regular file"
    )


def read_regular(path: Path) -> bytes:
    """Return what a file holds. Raises OSError, also for what is no regular file."""
    fd = _regular(path)
    try:
        parts, most = list[bytes](), os.fstat(fd).st_size + 1
        while part := os.read(fd, most):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def read_named(path: Path) -> tuple[os.stat_result, bytes]:
    """Return what it is that the operator names, and what it holds: a file, or a pipe that another command fills.

    Raises OSError, also for what does not come to its end in time.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.fstat(fd), _to_end(fd)
    finally:
        os.close(fd)


def _to_end(fd: int) -> bytes:
    from select import POLLIN, poll

    waiting, found, until = poll(), bytearray(), time.monotonic() + PIPE_S
    waiting.register(fd, POLLIN)
    while len(found) <= MOST_NAMED and waiting.poll(max(0.0, until - time.monotonic()) * 1000):
        part = os.read(fd, 1 << 16)
        if not part:
            return bytes(found)
        found += part
    raise OSError(f"it did not come to its end within {PIPE_S:g} s and {MOST_NAMED >> 20} MiB")


def files_in(folder: Path, ending: str) -> list[Path]:
    """Return the files of a folder with this ending, in order; none of no folder. Raises StorageFailed."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(ending))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_failed("look into", folder, error) from error
