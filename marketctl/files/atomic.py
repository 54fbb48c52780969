"""Files replaced whole or not at all: a temporary name beside them, fsync, rename."""

import errno
import math
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from marketctl.errors import StorageFailed

LEFTOVER_AGE_S = 600  # a temporary file of a process that still runs is given up after that

LOOK_AGAIN_S = 60  # a process that writes a file again and again looks so often for what killed ones left beside it

_looked: dict[str, float] = {}  # when it last did, by file

Sync = Literal["all", "content", "none"]
"""What of a file is on the disk for certain when it is written.

"content": after a power cut it may be the one before, but whole; "none": it may be lost.
"""

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

TEMPORARY = re.compile(r"\.(?P<target>.+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp")

HINTS = {
    errno.ENOSPC: "Free some space on that disk.",
    errno.EDQUOT: "Free some space on that disk.",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f).",
    errno.EMFILE: "Raise the limit on open files (ulimit -n), or do fewer jobs in one run (-p, --task).",
    errno.ENFILE: "Raise this machine's limit on open files (fs.file-max).",
    errno.EACCES: "Make it accessible to this user, or name another folder with --data-dir.",
    errno.EPERM: "Make it accessible to this user, or name another folder with --data-dir.",
    errno.EROFS: "Name a folder that can be written with --data-dir.",
    errno.EBUSY: "Mount its folder instead: it is mounted by itself and cannot be replaced.",
    errno.EISDIR: "Move that folder away.",
    errno.ENOTDIR: "Move the file away that stands where a folder is expected.",
    errno.EEXIST: "Move the file away that stands where a folder is expected.",
}


def storage_failed(doing: str, path: Path, error: OSError) -> StorageFailed:
    """Put an OSError into one line: what, where, why and what to do."""
    why = os.strerror(error.errno) if error.errno else str(error)
    return StorageFailed(f"cannot {doing} {path}: {why}", hint=HINTS.get(error.errno or 0))


def safe_name(name: str) -> str:
    """Return the name if it may be part of a file name; raises StorageFailed otherwise."""
    if SAFE_NAME.fullmatch(name) is None:
        raise StorageFailed(
            f"{name!r} cannot be part of a file name", hint="Write letters, digits, '_', '-' and '.' only."
        )
    return name


@lru_cache(maxsize=4096)
def place_in(folder: Path, name: str) -> Path:
    """Return what a folder has under a name; each job asks for the same ones, and pathlib takes its time."""
    return folder / name


def write_atomic(path: Path, data: bytes, mode: int = 0o644, *, sync: Sync = "all", exact: bool = False) -> None:
    """Replace the file with the data, whole or not at all; the umask applies to `mode` unless it is `exact`.

    Raises StorageFailed.
    """
    with staged(path, data, mode, sync=sync, exact=exact):
        pass


def require_folder(path: Path) -> None:
    """See that the folder of a file that the operator named is there: a typo makes none. Raises StorageFailed."""
    try:
        os.stat(f"{path.absolute().parent}/")  # a file in its place is no folder
    except FileNotFoundError:
        from shlex import quote

        hint = f"mkdir -p {quote(str(path.parent))}"
        raise StorageFailed(f"{path}: there is no such folder", hint=hint) from None
    except OSError as error:
        raise storage_failed("write", path, error) from error


def write_output(path: Path, data: bytes, mode: int = 0o644, *, exact: bool = False) -> None:
    """Write what the operator named: a file is replaced whole, and a link followed to it.

    What is no regular file (a device, a pipe) is written into: replaced, it would be gone for everybody. Raises
    StorageFailed.
    """
    try:
        target = path.resolve()
        if target.exists() and not (target.is_file() or target.is_dir()):
            with target.open("wb", buffering=0) as file:
                write_all(file.fileno(), data)
            return
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise storage_failed("write", path, error if isinstance(error, OSError) else OSError(str(error))) from error
    try:
        write_atomic(target, data, mode, exact=exact)
    except StorageFailed as error:
        raise StorageFailed(error.message.replace(str(target), str(path)), hint=error.hint) from error


@contextmanager
def staged(path: Path, data: bytes, mode: int = 0o644, *, sync: Sync = "all", exact: bool = False) -> Iterator[None]:
    """Write the data beside the file, and put them in its place when the block ends well. Raises StorageFailed."""
    temporary = beside(path)
    try:
        try:
            fd = _open_new(path, temporary, mode)
            try:
                write_all(fd, data)
                if exact:
                    os.fchmod(fd, mode)
                if sync != "none":
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise storage_failed("write", path, error) from error
        yield
        try:
            os.replace(temporary, path)
            if sync == "all":
                sync_folder(path)
        except OSError as error:
            raise storage_failed("write", path, error) from error
    except BaseException:  # a signal too, between any two steps
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _open_new(path: Path, temporary: str, mode: int) -> int:
    """Open a temporary file beside a file, in a folder that may have to be made. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "")
    try:
        remove_leftovers(path)
        return os.open(temporary, flags, mode)
    except (FileNotFoundError, NotADirectoryError):
        make_folder(path.parent)
        return os.open(temporary, flags, mode)


def write_new(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """Write a file that is not there yet, whole or not at all; tell whether it was written: of two at once one is.

    Raises StorageFailed.
    """
    temporary = Path(beside(path))
    try:
        make_folder(path.parent)
        remove_leftovers(path)
        if path.exists():
            return False
        write_atomic(temporary, data, mode)
        try:
            os.link(temporary, path)
            sync_folder(path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                raise
            temporary.replace(path)  # a file system without links
        return True
    except OSError as error:
        raise storage_failed("write", path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def make_folder(path: Path) -> None:
    """Make a folder and those above it: nobody else may write into what we make, whatever the umask allows."""
    if path.is_dir():
        return
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder in made:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o022:
            folder.chmod(mode & ~0o022)


def write_all(fd: int, data: bytes) -> None:
    """Write all of the data: one `os.write` may take a part of them. Raises OSError."""
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def sync_folder(path: Path) -> None:
    """Have the disk know what its folder calls a file."""
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def beside(path: Path) -> str:
    """Return a name beside a file that nobody else has."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of the same file left behind; a process looks for it once a minute."""
    place, now = str(path), time.monotonic()
    if now - _looked.get(place, -math.inf) < LOOK_AGAIN_S:
        return
    for name in os.listdir(os.path.dirname(path) or "."):
        found = TEMPORARY.fullmatch(name) if name.endswith(".tmp") else None
        if found is None:
            continue
        target = found["target"]
        if inner := TEMPORARY.fullmatch(target):  # of a file that was itself to be put in place
            target = inner["target"]
        if target != path.name:
            continue
        leftover = path.with_name(name)
        with suppress(OSError):
            if not _alive(int(found["pid"])) or time.time() - leftover.stat().st_mtime > LEFTOVER_AGE_S:
                leftover.unlink()
    _looked[place] = now


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
