"""marketctl report: the market board, one HTML file made of what was collected."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.param_types import FILE

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk


@click.command(cls=Command, context_settings=HELP)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Where to write it; default data/report.html.")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@global_options
def command(output: str | None, show: bool) -> int:
    """Write the market board: health, prices, wallets and statistics as one HTML page.

    It is made of data/ and Redis, asks no provider, and loads nothing from the network when it is looked at.
    Needs the extra `report`: pip install jinja2 pygal.

    \b
    Example:
      marketctl report --open
      marketctl report -o /var/www/html/market.html

    Exit codes: 0 written, 1 could not be written, 2 usage, 3 written, and some of what was collected cannot be read, 4
    configuration or the extra is missing.
    """
    from marketctl.board import require_extra, write_board
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL, StorageFailed
    from marketctl.files.atomic import require_folder
    from marketctl.files.look import files_in
    from marketctl.log import log, set_up
    from marketctl.views.quotes import open_reader

    given = globals_of()
    set_up(given.verbose, given.quiet, given.log_format)
    registry = given.registry()
    protect_keys(given)
    require_extra()
    path = Path(output) if output else registry.settings.data_dir / "report.html"
    if output:
        require_folder(path)
    with open_reader(registry, history=True) as reader:
        problems = write_board(path, reader)
    if not given.quiet:
        click.echo(path.absolute())
    for problem in problems:
        log.error("%s", problem)
    with suppress(StorageFailed):  # the page says what could not be read
        if not files_in(registry.settings.data_dir / "state", ".json"):
            log.warning("nothing was collected yet, and the page says so. Next: marketctl run --once")
    if show:
        with environment_without_keys():
            click.launch(path.absolute().as_uri())
    return EXIT_PARTIAL if problems else EXIT_OK


@contextmanager
def environment_without_keys() -> Iterator[None]:
    """Keep what is ours from programs started meanwhile: a browser lives on for days and hands its environment down."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("MARKETCTL_")}
    for name in ours:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(ours)


def protect_keys(given: Globals) -> None:
    """Have stored keys redacted, should one stand in a message; without readable keys there is none to tell."""
    from marketctl.errors import ConfigError

    try:
        given.keys()
    except ConfigError:
        return


def refresh(desk: "Desk", output: str) -> bool:
    """Write the board of `run --report` with the desk's own connection; tell on stderr, not by raising, what failed."""
    from marketctl.board import write_board
    from marketctl.errors import MarketctlError
    from marketctl.log import log
    from marketctl.text import sentence
    from marketctl.views.quotes import desk_reader

    try:
        write_board(Path(output), desk_reader(desk.registry, desk.redis))
    except MarketctlError as error:
        log.error("the report was not written: %s", sentence(error.message, error.hint))
        return False
    return True
