"""Where rates.toml is, and the export that `run --rates` builds after prices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import Globals
from marketctl.cli.param_types import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from marketctl.config.registry import Registry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result

rates_option = click.option(
    "--rates", "rates", type=FILE, metavar="FILE", help="The directions; default rates.toml beside the registry."
)


def find_rates(registry_path: "Path", named: str | None) -> "Path":
    """Return where the directions are. Raises BadParameter for a named file that is not there: a slip of the hand."""
    from marketctl.rates.plan import rates_path

    path = rates_path(registry_path, named)
    if named:
        try:
            path.stat()
        except OSError as error:
            raise click.BadParameter(f"{named}: {error.strerror}.", param_hint="'--rates'") from error
    return path


def registry_or_withdraw(given: Globals, rates: "Path | None" = None) -> "Registry":
    """Return the registry; one that cannot be read leaves no export. Raises ConfigError."""
    from pathlib import Path

    from marketctl.config.paths import DATA_DIR_VARIABLE, variable_of
    from marketctl.errors import ConfigError
    from marketctl.rates.build import LOCK_WAIT_S, build_lock
    from marketctl.rates.plan import rates_path
    from marketctl.rates.writing import withdraw

    try:
        return given.registry()
    except ConfigError:
        import os

        named = given.data_dir or variable_of(os.environ, DATA_DIR_VARIABLE)
        folder = (Path(named) if named else given.registry_path().parent / "data") / "rates"
        if folder.exists():
            with build_lock(folder, LOCK_WAIT_S):
                withdraw(folder, rates or rates_path(given.registry_path()))
        raise


class Rebuild:
    """Builds the export of `run --rates` after prices, with the desk's own connection."""

    def __init__(self, desk: "Desk") -> None:
        from marketctl.rates.build import Builder
        from marketctl.rates.plan import rates_path

        self._desk = desk
        self._builder = Builder(desk.registry, rates_path(desk.registry.path))

    def after(self, results: "Sequence[Result]") -> bool:
        """Build, if there were prices among these; tell on stderr, not by raising, what failed.

        A failed job counts as well: its quotes may have become too old.
        """
        from marketctl.errors import MarketctlError
        from marketctl.log import log
        from marketctl.monitoring.rates import tell
        from marketctl.views.quotes import desk_reader

        if not any(result.job == "prices" for result in results):
            return True
        try:
            built = self._builder.build(desk_reader(self._desk.registry, self._desk.redis))
        except MarketctlError as error:
            log.error("the rates were not built: %s", error.message)
            return False
        return tell(built, self._desk.settings)
