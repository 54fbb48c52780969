"""marketctl service: what a machine needs to run it by itself, with its own paths: systemd units, cron lines."""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from marketctl.cli.globals import HELP, Command, Globals, Group, global_options, globals_of
from marketctl.cli.param_types import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from marketctl.config.registry import Registry
    from marketctl.scaffold.service import Place

F = TypeVar("F", bound=Callable[..., Any])


def _shared(function: F) -> F:
    """Add the options of both kinds."""
    for option in (
        click.option("--notify", is_flag=True, help="Tell the channels what is new, after the prices."),
        click.option("--rates", is_flag=True, help="Build the export of rates.toml, after the prices."),
        click.option("--user", metavar="NAME", help="Who runs it; default the owner of the configuration."),
    ):
        function = option(function)
    return function


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Print systemd units or cron lines with the paths of this machine and the intervals of the registry.

    \b
    Example:
      marketctl service cron
      marketctl service systemd marketctl.service
    """


@command.command(cls=Command, context_settings=HELP)
@click.argument("units", nargs=-1, metavar="[UNIT]...")
@click.option("--timers", is_flag=True, help="A timer for each job, in place of the repeating mode.")
@click.option("--workers", is_flag=True, help="Celery's worker and beat, in place of the repeating mode.")
@_shared
@click.option("-o", "--output", type=FOLDER, metavar="DIR", help="Write a file for each unit into this folder.")
@global_options
def systemd(
    units: tuple[str, ...], timers: bool, workers: bool, user: str | None, rates: bool, notify: bool, output: str | None
) -> int:
    """Print the units for systemd, all or those named; each writes only the data folder and /tmp.

    \b
    Example:
      marketctl service systemd marketctl.service
      marketctl service systemd --timers --user marketctl

    Put them into /etc/systemd/system as root, then: systemctl daemon-reload.
    Exit codes: 0 printed or written, 2 usage, 4 configuration.
    """
    from marketctl.scaffold.service import rounds
    from marketctl.scaffold.service import units as make_units

    if timers and workers:
        raise click.UsageError("--timers and --workers: found both, expected one of them")
    given = globals_of()
    registry = given.registry()
    place = _place(given, registry, user)
    _say_missing(place)
    more = ("--rates",) * rates + ("--notify",) * notify
    found = make_units(place, rounds(registry), timers=timers, workers=workers, more=more)
    for name in units:
        if name not in found:
            raise click.UsageError(f'No unit "{name}" here, expected one of {", ".join(found)}.')
    chosen = {name: text for name, text in found.items() if not units or name in units}
    if output is not None:
        _write(given, output, chosen)
    elif len(units) == 1:
        click.echo(chosen[units[0]], nl=False)
    else:
        click.echo("\n".join(f"# ---- /etc/systemd/system/{name}\n{text}" for name, text in chosen.items()), nl=False)
    return 0


@command.command(cls=Command, context_settings=HELP)
@_shared
@global_options
def cron(user: str | None, rates: bool, notify: bool) -> int:
    """Print the lines for the user's own crontab; they need no PATH, HOME or working directory.

    \b
    Example:
      marketctl service cron
      marketctl service cron --rates --notify

    Exit codes: 0 printed, 2 usage, 4 configuration.
    """
    from marketctl.scaffold.service import cron_lines, rounds

    given = globals_of()
    registry = given.registry()
    click.echo(cron_lines(_place(given, registry, user), rounds(registry), rates=rates, notify=notify), nl=False)
    return 0


def _write(given: Globals, output: str, chosen: dict[str, str]) -> None:
    from pathlib import Path

    from marketctl.files.atomic import make_folder, storage_failed
    from marketctl.files.replace import replace_file

    folder = Path(output)
    try:
        if folder.absolute().parent.is_dir():  # a typo makes no folders
            make_folder(folder)
    except OSError as error:
        raise storage_failed("make", folder, error) from error
    for name, text in chosen.items():
        path = folder / name
        replace_file(path, text.encode(), mode=0o644)
        if not given.quiet:
            click.echo(path)


def _say_missing(place: "Place") -> None:
    """Say which folders somebody has to make: systemd starts no unit that names one that is not there."""
    import shlex

    from marketctl.log import log

    beside = [path for path in place.written if not path.is_relative_to(place.data)]
    for path in dict.fromkeys((place.data, *beside)):
        if not (path.exists() or path.is_relative_to("/var/lib")):
            log.warning(
                "%s: is not there, and no unit that writes to it would start. Next: install -d -o %s %s",
                path,
                place.user,
                shlex.quote(str(path)),
            )


def _place(given: Globals, registry: "Registry", user: str | None) -> "Place":
    """Return where this machine has everything, and say what a unit would not find."""
    import sys
    from pathlib import Path

    from marketctl.config.paths import CREDENTIALS_NAME, CREDENTIALS_VARIABLE, DATA_DIR_VARIABLE, REDIS_URL_VARIABLE
    from marketctl.log import log
    from marketctl.scaffold.service import Place

    config, settings = registry.path.absolute(), registry.settings
    credentials = given.credentials_path().absolute()
    more: list[str] = []
    if given.credentials or os.environ.get(CREDENTIALS_VARIABLE) or credentials != config.parent / CREDENTIALS_NAME:
        more += ["--credentials", str(credentials)]
    if given.data_dir or os.environ.get(DATA_DIR_VARIABLE):
        more += ["--data-dir", str(settings.data_dir)]
    if os.environ.get(REDIS_URL_VARIABLE):
        log.warning(
            "%s: is set here alone, not for the units or lines. Next: write redis_url in %s", REDIS_URL_VARIABLE, config
        )
    if user is not None and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?", user):
        raise click.UsageError(f"--user {user!r}: found no user's name, expected one such as marketctl")
    user = user or _owner(credentials if credentials.exists() else config)
    written = (settings.dump_dir, *([settings.run_log.parent] if settings.run_log else []))
    folder = Path(sys.executable).parent
    script = folder / "marketctl"
    return Place(
        program=(str(script),) if script.is_file() else (sys.executable, "-m", "marketctl"),
        celery=str(folder / "celery"),
        config=config,
        user=user,
        data=settings.data_dir,
        embedded=settings.redis_url == "embedded",
        more=tuple(more),
        written=written,
        read=(folder, Path(sys.base_prefix), credentials),
    )


def _owner(path: "Path") -> str:
    """Return who owns a file: by name where there is one, else by number."""
    import pwd

    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
