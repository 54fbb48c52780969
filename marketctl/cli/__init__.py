"""The root command: its options, the list of commands, and how an error ends the process.

Command modules are imported when their command is used: `--help` must stay quick.
"""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from types import TracebackType

import click

from marketctl import __version__
from marketctl.cli.globals import HELP, Group, global_options
from marketctl.errors import EXIT_FAILED, EXIT_SIGINT, EXIT_USAGE, MarketctlError, Stopped, exit_of

NAGIOS_UNKNOWN = 3
STDOUT_FAILED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

# command -> its one line of help; the module is marketctl.cli.<command>
COMMANDS = {
    "status": "Tell what is fresh, failing, held and closed; asks nobody.",
    "asset": "Show one asset everywhere: networks over all venues, fees, prices.",
    "notify": "Tell somebody: networks that close, prices, failures.",
    "init": "Write a starter providers.toml and credentials.toml.",
    "run": "Do all jobs (or the chosen ones) for all providers, once or forever.",
    "wallet": "Collect and show coins and networks: what is open, at what fee.",
    "prices": "Collect and show the best bid and ask of every pair.",
    "stats": "Collect and show how each provider is doing.",
    "report": "Write the market board: all of it as one HTML page.",
    "board": "Serve the market board live, on this machine.",
    "rates": "Build the export of a desk's rates out of live quotes.",
    "convert": "Find what arrives: the best ways through books and networks.",
    "check": "Check the health of providers, cheapest test first.",
    "dump": "Keep the raw answers of a job, list them, replay them offline.",
    "providers": "List, show and edit the registry of providers.",
    "credentials": "Store keys and list their names.",
    "redis": "The embedded Redis: how it is, start it, stop it.",
    "service": "Print systemd units or cron lines with this machine's paths.",
    "sandbox": "Serve local copies of all eight APIs, to try things on.",
}


@click.group(
    cls=Group,
    lazy={name: f"{name}:command" for name in COMMANDS},
    lines=COMMANDS,
    context_settings=HELP,
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(__version__, message="marketctl %(version)s")
@global_options
@click.pass_context
def root(ctx: click.Context) -> None:
    """Coins, networks, best prices and health of exchanges and fiat-rate sources, in one shape.

    \b
    Example:
      marketctl init
      marketctl run --once
    """
    if ctx.invoked_subcommand is None and not _show_status(ctx):
        click.echo(ctx.get_help())


def _show_status(ctx: click.Context) -> bool:
    """Show how the desk stands, where there is one with data; what keeps us from it is no matter here: help helps."""
    from marketctl.cli.globals import Globals, globals_of
    from marketctl.files.look import files_in

    given = ctx.find_object(Globals) or Globals()
    try:
        if not files_in(given.registry().settings.data_dir / "state", ".json"):
            return False
    except MarketctlError:
        return False
    from marketctl.cli.status import show
    from marketctl.log import notice

    show(globals_of())
    notice("marketctl -h shows the commands.")
    return True


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.excepthook = show_bug
    escape_unwritable()
    try:
        code = invoke(args)
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except OSError:  # of a stream; one of a command is a bug, and ends as one
            quiet_pipe()
    except Stopped as stopped:  # a signal in the last moment
        code = stopped.exit_code
    sys.exit(code)


def escape_unwritable() -> None:
    """Have escaped what a stream's encoding has no letters for: a path or a name must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of what we did not foresee, without secrets."""
    import logging
    import traceback

    from marketctl.log import log

    if not isinstance(log.handlers[0], logging.NullHandler):
        log.critical("%s", "".join(traceback.format_exception(kind, error, trace)).rstrip())
        return
    from marketctl.redact import redact

    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def invoke(args: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code. One line for every foreseen error, a traceback for a bug."""
    words = list(sys.argv[1:] if args is None else args)
    if "_MARKETCTL_COMPLETE" in os.environ:  # a shell asks
        from marketctl.cli.shells import speak_to_shells

        speak_to_shells()
    try:
        result = root.main(words, prog_name="marketctl", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except click.Abort:
        return EXIT_SIGINT
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "marketctl"
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        say_error(words, f"{message}{end} Try '{where} -h'.", reason="usage")
        return usage_exit(words)
    except click.ClickException as error:
        say_error(words, error.format_message())
        return EXIT_FAILED
    except MarketctlError as error:
        say_error(words, error.message, error.hint, error.reason)
        return exit_of(error.reason)
    except Stopped as stopped:
        return stopped.exit_code
    except KeyboardInterrupt:
        return EXIT_SIGINT
    except BrokenPipeError:
        quiet_pipe()
        return EXIT_FAILED
    except OSError as error:
        if isinstance(error, PermissionError) and error.filename is not None:  # never a bug: whose file it is decides
            from pathlib import Path

            from marketctl.files.atomic import storage_failed

            failed = storage_failed("open", Path(os.fsdecode(error.filename)), error)
            say_error(words, failed.message, failed.hint, failed.reason)
            return EXIT_FAILED
        # What is done with files and sockets has errors of its own: this one is of stdout, full or closed.
        if error.filename is not None or error.errno not in STDOUT_FAILED:
            raise
        quiet_pipe()
        say_error(words, f"stdout cannot be written: {error.strerror}", reason="storage")
        return EXIT_FAILED
    return result if isinstance(result, int) else 0


def usage_exit(words: Sequence[str]) -> int:
    """Return the exit code of bad usage: 2, or 3 for `check --format nagios`, as monitoring plugins do."""
    nagios = "check" in words and option_of(words, "--format") == "nagios"
    return NAGIOS_UNKNOWN if nagios else EXIT_USAGE


def option_of(words: Sequence[str], option: str) -> str | None:
    """Return the value of an option on a command line that may be wrong elsewhere."""
    found = None
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == option and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith(f"{option}="):
            found = word.partition("=")[2]
    return found


def say_error(words: Sequence[str], message: str, hint: str | None = None, reason: str | None = None) -> None:
    """Say on stderr in one line, in the form asked for, why the command ends."""
    from marketctl.log import log, set_up
    from marketctl.text import sentence

    set_up(0, False, "json" if option_of(words, "--log-format") == "json" else "text")
    log.error("%s", sentence(message, hint), extra={"where": "marketctl", "reason": reason})


def quiet_pipe() -> None:
    """Let the interpreter end without complaint after stdout could not take what was written."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    with suppress(AttributeError, OSError, ValueError):  # None, or without a descriptor
        os.dup2(devnull, sys.stdout.fileno())
