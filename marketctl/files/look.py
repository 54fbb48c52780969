"""Whether something is there, and its bytes: what this user may not look at is not the same as what is not there."""

import errno
import os
import stat
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


LARGEST = 1 << 30  # bytes: many times what any file of ours has


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read. Raises OSError, also for what is no regular file: of a pipe a reader waits for ever."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
        return os.fdopen(fd, "rb")
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
    with open_regular(path) as file:
        return file.read()


def files_in(folder: Path, ending: str) -> list[Path]:
    """Return the files of a folder with this ending, in order; none of no folder. Raises StorageFailed."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(ending))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_failed("look into", folder, error) from error
