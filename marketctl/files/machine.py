"""The folder of this user for what belongs to the machine and not to a data folder."""

import os
import stat
import tempfile
from pathlib import Path

from marketctl.errors import StorageFailed
from marketctl.files.atomic import make_folder, place_in

HINT = "set TMPDIR to a folder this user can write"


def machine_dir(place: str | None = None, instead: Path | None = None) -> Path:
    """Return this user's private folder for what belongs to the machine; create it with mode 0700.

    It is in the system's folder for temporary files. Where that cannot be used (a service manager's strict file
    system, a container without /tmp, somebody else's folder of our name) it is in `instead`: then only those who share
    that know of each other. Raises StorageFailed.
    """
    try:
        return _private(Path(place or _temporary()))
    except StorageFailed:
        if instead is None:
            raise
        try:
            make_folder(instead)
        except OSError as error:
            raise StorageFailed(f"{instead}: {error.strerror}", hint=HINT) from error
        return _private(instead)


def _temporary() -> str:
    """Return the folder for temporary files. Unlike tempfile, the working directory is none."""
    try:
        found = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise StorageFailed("no folder for temporary files can be written", hint=HINT) from error
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    if found not in (*named, "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108  (the ones tempfile tries)
        raise StorageFailed("no folder for temporary files can be written", hint=HINT)
    return found


def _private(place: Path) -> Path:
    path = place_in(place, f"marketctl-{os.getuid()}")
    try:
        try:
            owner = path.lstat()
        except FileNotFoundError:
            path.mkdir(mode=0o700, exist_ok=True)
            owner = path.lstat()
        writable = os.access(path, os.W_OK)
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", hint=HINT) from error
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or not stat.S_ISDIR(owner.st_mode):
        raise StorageFailed(f"{path} is not a private folder of this user", hint=f"remove it: rm -r {path}")
    if not writable:
        raise StorageFailed(f"{path} cannot be written", hint=HINT)
    return path
