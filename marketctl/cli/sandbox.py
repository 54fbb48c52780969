"""marketctl sandbox: local copies of all eight APIs."""

from pathlib import Path

import click

from marketctl.cli.globals import HELP, Command, global_options
from marketctl.cli.param_types import FOLDER
from marketctl.log import notice


@click.command(cls=Command, context_settings=HELP)
@click.option(
    "--port",
    type=click.IntRange(0, 65000),
    default=8700,
    show_default=True,
    metavar="N",
    help="The first port; 0 takes free ones.",
)
@click.option(
    "--scale", type=click.FloatRange(0.1, 1000), default=1.0, metavar="K", help="K times as many coins and pairs."
)
@click.option("--seed", type=int, default=1, metavar="N", help="Another seed, other coins and prices.")
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC", help="PROVIDER[/path]=KIND[:ARG][*TIMES]; may be repeated."
)
@click.option(
    "--dir",
    "folder",
    type=FOLDER,
    metavar="DIR",
    help="Where its registry and keys go (default: a new temporary folder).",
)
@global_options
def command(port: int, scale: float, seed: int, faults: tuple[str, ...], folder: str | None) -> int:
    """Serve local copies of all eight APIs until interrupted.

    Prints the line that makes marketctl use them. Faults can be changed while it runs:
    POST a JSON list of specs to /_sandbox/faults on a provider's port.

    \b
    Example:
      marketctl sandbox --fault 'KUCOIN=429:2*3'
    """
    from marketctl.cli.ending import take_signals
    from marketctl.sandbox.base import Sandbox
    from marketctl.sandbox.setup import write_setup

    try:
        sandbox = Sandbox(port=port, seed=seed, scale=scale, faults=list(faults))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on port {port}: {error.strerror}. Try --port 0.") from error
    wait = take_signals()
    with sandbox:
        registry = write_setup(sandbox, Path(folder) if folder else None)
        click.echo(f"export MARKETCTL_CONFIG={registry}")
        for name in sandbox.apis:
            notice(f"{name} {sandbox.url(name)}")
        wait()
    return 0
