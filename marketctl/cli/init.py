"""marketctl init: the starter files."""

import os
from pathlib import Path

import click

from marketctl.cli.globals import HELP, Command, global_options, globals_of


@click.command(cls=Command, context_settings=HELP)
@global_options
def command() -> int:
    """Write a starter providers.toml and credentials.toml (mode 0600); existing files are kept.

    \b
    Example:
      marketctl init
      marketctl credentials set BYBIT
    """
    import shlex

    from marketctl.config.paths import CONFIG_VARIABLE, REGISTRY_NAME, find_credentials, registry_to_create
    from marketctl.config.starter import read_starter
    from marketctl.log import notice

    given = globals_of()
    registry = registry_to_create(given.config)
    credentials = find_credentials(given.credentials, registry, must_exist=False)
    for path, template, mode in ((registry, "providers.toml", 0o644), (credentials, "credentials.toml", 0o600)):
        written = create(path, read_starter(template), mode)
        if not given.quiet:
            click.echo(f"{'wrote' if written else 'kept'} {path}")
    if registry == Path(REGISTRY_NAME):
        # From another folder it would not be found, and `init` there would make a second one.
        notice(f"from other folders, too: export {CONFIG_VARIABLE}={shlex.quote(str(registry.absolute()))}")
    notice("Next: marketctl run --once (without keys first; then marketctl credentials set PROVIDER).")
    return 0


def create(path: Path, text: str, mode: int) -> bool:
    """Create a file with this mode from its first byte; false when it exists, and it is left. Raises StorageFailed."""
    from marketctl.files.atomic import make_folder, storage_failed

    try:
        make_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_failed("create", path, error) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        # A umask that lets a group write must not make a registry that marketctl then refuses.
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return True
