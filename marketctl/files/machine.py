"""The folder of this user for what belongs to the machine and not to a data folder."""

import os
import tempfile
from pathlib import Path

from marketctl.errors import StorageFailed


def machine_dir(place: str | None = None) -> Path:
    """Return this user's private folder for what belongs to the machine; create it with mode 0700."""
    path = Path(place or tempfile.gettempdir()) / f"marketctl-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        owner = path.lstat()
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", hint="set TMPDIR to a folder this user can write") from error
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or path.is_symlink():
        raise StorageFailed(f"{path} is not a private folder of this user", hint=f"remove it: rm -r {path}")
    return path
