"""Files replaced where they are, the user's above all: whole or not at all, a link stays a link, the owner stays."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from marketctl.errors import StorageFailed
from marketctl.files.atomic import beside, remove_leftovers, require_folder, storage_failed, sync_folder


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file whole or not at all; a link stays a link, the owner stays where we may keep it.

    `mode` None keeps the old mode (0644 for a new file). The temporary file beside it is 0600 from
    its first byte. Raises StorageFailed.
    """
    require_folder(path)
    try:
        target = path.resolve()
        old = target.stat() if target.exists() else None
        if old and not stat.S_ISREG(old.st_mode) and not stat.S_ISDIR(old.st_mode):
            raise StorageFailed(f"{path}: is no regular file, and is not replaced", hint="name another file")
        if mode is None:
            mode = stat.S_IMODE(old.st_mode) if old else 0o644
        remove_leftovers(target)
        fresh = Path(beside(target))
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if old and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    with suppress(PermissionError):
                        os.fchown(file.fileno(), old.st_uid, old.st_gid)
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
        except BaseException:  # a signal too, between any two steps
            with suppress(OSError):
                fresh.unlink()
            raise
        sync_folder(target)
    except OSError as error:
        hint = EDIT_HINTS.get(error.errno or 0)
        raise StorageFailed(f"{path}: cannot be written: {error.strerror}", hint=hint) from error


EDIT_HINTS = {  # of a file of the user's, which stays as it was
    errno.EBUSY: "change it where it comes from, or mount its folder: it is mounted by itself and cannot be replaced",
    errno.EROFS: "change it where it comes from: it is mounted read-only",
    errno.EACCES: "run it as the user who owns its folder",
    errno.EPERM: "run it as the user who owns its folder",
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space on that disk",
}

EDIT_S = 10.0  # an edit takes a moment


@contextmanager
def edited(path: Path) -> Iterator[None]:
    """Let one editor of a file at a time read, change and replace it. Raises StorageFailed.

    The lock is the folder's own: it leaves no file behind beside the user's, and who may not write there does not edit.
    """
    folder = path.resolve().parent
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:  # the edit itself says so
        yield
        return
    except OSError as error:
        raise storage_failed("open", folder, error) from error
    try:
        until = time.monotonic() + EDIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    told = f"another process has held the lock of {folder} for {EDIT_S:g} s"
                    raise StorageFailed(told, hint=f"run fuser -v {folder}") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(fd)
