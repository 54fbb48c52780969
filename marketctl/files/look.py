"""Whether something is there: what this user may not look at is not the same as what is not there."""

import os
from pathlib import Path

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


def files_in(folder: Path, ending: str) -> list[Path]:
    """Return the files of a folder with this ending, in order; none of no folder. Raises StorageFailed."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(ending))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_failed("look into", folder, error) from error
