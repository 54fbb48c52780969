"""marketctl board: the market board, served live."""

import click

from marketctl.cli.globals import HELP, Command, global_options, globals_of

TOKEN_VARIABLE = "MARKETCTL_BOARD_TOKEN"  # noqa: S105


def _read_bind(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from marketctl.board.serve import address_of

    try:
        address_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return value


@click.command(cls=Command, context_settings=HELP)
@click.option(
    "--bind",
    default="127.0.0.1:8080",
    show_default=True,
    callback=_read_bind,
    metavar="HOST:PORT|unix:PATH",
    help="Where to listen; beyond this machine only with --token.",
)
@click.option("--token", "guarded", is_flag=True, help=f"Ask for a token: that of {TOKEN_VARIABLE}, else a new one.")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@global_options
def command(bind: str, guarded: bool, show: bool) -> int:
    """Serve the market board live until interrupted: the page of `report` that follows what is collected.

    It only reads, asks no provider, and listens on this machine alone unless a token is set. The token is never an
    argument: it comes from MARKETCTL_BOARD_TOKEN, or is made and shown once in the address.
    Needs the extra `report`: pip install jinja2 pygal.

    \b
    Example:
      marketctl board
      marketctl board --bind unix:/run/marketctl/board.sock

    Exit codes: 130 or 143 interrupted, 2 usage, 4 configuration, the address is taken or the extra is missing.
    """
    import os
    import secrets
    import signal

    from marketctl.board.serve import BoardServer
    from marketctl.cli.ending import take_signals
    from marketctl.cli.report import protect_keys
    from marketctl.errors import EXIT_SIGINT, EXIT_SIGTERM, ConfigError
    from marketctl.log import notice, set_up

    given = globals_of()
    set_up(given.verbose, given.quiet, given.log_format)
    registry = given.registry()
    protect_keys(given)
    known = os.environ.get(TOKEN_VARIABLE, "").strip()
    if guarded and known and (len(known) < 16 or not all(one.isalnum() or one in "-_" for one in known)):
        raise ConfigError(f"{TOKEN_VARIABLE} is no good token", hint="write 16 or more letters, digits, - and _")
    token = (known or secrets.token_urlsafe(24)) if guarded else None
    try:
        server = BoardServer(registry, bind, token)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {bind}: {error.strerror or error}", hint="name another address with --bind"
        ) from error
    wait = take_signals()
    with server.serving():
        address = server.url + (f"?token={token}" if token and not known else "")
        notice(f"the board is at {address}")
        if show and not server.path:
            click.launch(server.url + (f"?token={token}" if token else ""))
        return EXIT_SIGINT if wait() == signal.SIGINT else EXIT_SIGTERM
