"""The registry and the keys as they are on the disk now, read anew when they change."""

from pathlib import Path
from typing import Any

from marketctl.config.credentials import load_credentials
from marketctl.config.paths import find_credentials, find_registry
from marketctl.errors import ConfigError
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.providers.loader import load_registry
from marketctl.redact import protect


class Desk:
    """The registry and the keys as they are on the disk now. One that cannot be read leaves the last good one."""

    def __init__(self) -> None:
        self._stamp: Any = None
        self._run: Run | None = None
        self._complaint = ""

    def run(self) -> Run:
        """Return a run that is about to begin. Raises ConfigError when there never was a good registry."""
        try:
            run = self._fresh()
            self._complaint = ""
        except ConfigError as error:
            if self._run is None:
                raise
            run = self._run
            if error.message != self._complaint:
                log.error("still working with the registry as it was: %s", error.message)
            self._complaint = error.message
        run.renew()
        return run

    def _fresh(self) -> Run:
        path = find_registry()
        keys = find_credentials(None, path)
        stamp = [_stamp(path), _stamp(keys)]
        if self._run is None or stamp != self._stamp:
            registry, store = load_registry(path), load_credentials(keys)
            protect([*registry.secret_values(), *store.all_values()])
            if self._run is not None:
                self._run.close()
            self._run, self._stamp = Run(registry, store), stamp
        return self._run


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
