"""marketctl credentials: store keys, list their names, never show a value."""

import sys

import click

from marketctl.cli.globals import HELP, Command, Globals, Group, global_options, globals_of
from marketctl.cli.options import json_option, provider_argument
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.log import notice


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Store keys and list their names.

    \b
    Example:
      marketctl credentials set BYBIT
      marketctl credentials list
    """


class Untold(Command):
    """A command that repeats no word it did not expect: it may be a key."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "extra argument" not in error.message:
                raise
            told = "values are never arguments, which other users of this machine and the shell's history see"
            raise click.UsageError(f"{told}: give them when asked, or on stdin.", error.ctx or ctx) from None


@command.command("set", cls=Untold, context_settings=HELP)
@provider_argument()
@global_options
def set_(provider: str) -> int:
    """Store a provider's keys, asked for one by one, or read from stdin one a line in that order.

    A PEM counts as one line, from BEGIN to END, and so does folded base64. With a line too many nothing is stored.

    "notify" in place of a provider stores a channel for alerts: its name and its URL, on stdin as NAME=URL.

    \b
    Example:
      marketctl credentials set BYBIT
      marketctl credentials set notify
    """
    from marketctl.config.credentials import odd_character, store_credentials
    from marketctl.config.key_lines import read_values
    from marketctl.config.paths import find_credentials
    from marketctl.errors import ConfigError
    from marketctl.providers.loader import load_adapter

    given = globals_of()
    registry = given.registry()
    if provider == "notify" and "NOTIFY" not in registry.providers:
        return set_channels(given)
    entry = registry.provider(provider)
    names = load_adapter(entry).credentials
    if not names:
        raise ConfigError(f"{entry.name} knows no credentials: it answers everything without a key")
    if sys.stdin.isatty():
        values: dict[str, str] = {}
        for name in names:
            values |= read_values(ask_secret(f"{entry.name} {name}"), (name,))
    else:
        values = read_values(sys.stdin.read(), names)
    missing = [name for name in names if not values.get(name)]
    if missing:
        raise ConfigError(
            f"{', '.join(missing)} missing from stdin", hint=f"give {len(names)} lines: {', '.join(names)}"
        )
    for name, value in values.items():
        if odd := odd_character(name, value):
            raise ConfigError(f"{entry.name} {name}: {odd}; nothing was stored", hint="copy it anew, from its page")
    path = find_credentials(given.credentials, registry.path, must_exist=False)
    store_credentials(path, {entry.name: values})
    if not given.quiet:
        notice(f"stored {', '.join(names)} of {entry.name} in {path}")
        if not entry.needs_api:
            notice(f"needs_api is false for {entry.name}: its keys are not used until it is true")
    return 0


def ask_secret(label: str) -> str:
    """Ask on the terminal without an echo. A PEM is read to its end, folded base64 as far as it was pasted."""
    import os
    import select
    import signal
    import termios

    from marketctl.config.key_lines import begins_pem, ends_pem, may_fold
    from marketctl.errors import EXIT_SIGTERM, Stopped

    def stop(*_: object) -> None:  # by itself it would end us with the terminal still silent
        raise Stopped(EXIT_SIGTERM)

    place = sys.stdin.fileno()
    echoing = termios.tcgetattr(place)
    silent = termios.tcgetattr(place)
    silent[3] &= ~termios.ECHO
    before = signal.signal(signal.SIGTERM, stop)
    try:
        # Not getpass: it throws away what of a paste was not read yet, all lines but the first.
        termios.tcsetattr(place, termios.TCSADRAIN, silent)
        click.echo(f"{label}: ", err=True, nl=False)  # nobody is asked before the echo is off
        lines = [os.read(place, 65536).decode(errors="replace")]  # a terminal hands over one line at a time
        while lines[-1]:
            pending = bool(select.select([place], [], [], 0.2)[0])
            inside = begins_pem(lines[0]) and not ends_pem(lines[-1])
            if not (inside or (pending and may_fold(lines[0]))):
                break
            lines.append(os.read(place, 65536).decode(errors="replace"))
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, echoing)
        signal.signal(signal.SIGTERM, before)
        click.echo(err=True)
    if not lines[0]:
        raise click.Abort
    return "".join(lines)


def set_channels(given: Globals) -> int:
    """Store channels for alerts. Raises ConfigError for what is no URL, without showing it."""
    from marketctl.config.credentials import CHANNELS, store_credentials
    from marketctl.config.paths import find_credentials
    from marketctl.errors import ConfigError

    if sys.stdin.isatty():
        name = click.prompt("channel, a name of your own such as ops", err=True)
        values = {name: click.prompt("its URL (not shown)", hide_input=True, err=True)}
    else:
        pairs = [line.partition("=") for line in sys.stdin.read().splitlines() if line.strip()]
        if not pairs or not all(equals for _, equals, _ in pairs):
            raise ConfigError("channels are missing from stdin", hint="give one line each: NAME=URL")
        values = {name: url for name, _, url in pairs}
    values = {name.strip(): url.strip() for name, url in values.items()}
    path = find_credentials(given.credentials, given.registry().path, must_exist=False)
    store_credentials(path, {CHANNELS: values})
    notice(f"stored {', '.join(values)} of [{CHANNELS}] in {path}. Next: marketctl notify test")
    return 0


@command.command("list", cls=Command, context_settings=HELP)
@json_option
@global_options
def list_(as_json: bool) -> int:
    """List which keys are stored and where from; values are never shown.

    A name that no provider has, and a character that no key has, are told on stderr.

    \b
    Example:
      marketctl credentials list
    """
    from marketctl.config.credentials import odd_character
    from marketctl.errors import ConfigError
    from marketctl.log import log
    from marketctl.providers.loader import load_adapter

    given = globals_of()
    registry = given.registry()
    known = {}
    for entry in registry.providers.values():
        try:
            known[entry.name] = load_adapter(entry).credentials
        except ConfigError:
            known[entry.name] = ()
    keys = given.keys()
    found = keys.names(known)
    for name, fields in known.items():
        for slip in keys.slips(name, fields, known) if fields else ():
            log.warning("%s", slip)
        for key, value in keys.for_provider(name, fields).items():
            if odd := odd_character(key, value):
                log.warning("%s %s: %s", name, key, odd)
    rows = [
        (provider, name, found.get(provider, {}).get(name, "missing"))
        for provider in dict.fromkeys([*known, *found])
        for name in dict.fromkeys([*known.get(provider, ()), *found.get(provider, {})])
    ]
    if as_json:
        results = [{"provider": provider, "name": name, "source": source} for provider, name, source in rows]
        print_document(given, {"schema": 1, "command": "credentials list", "results": results})
    else:
        columns = (Column("provider", "name"), Column("name", "name"), Column("source", "word"))
        print_rows(given, columns, rows)
    return 0


@command.command(cls=Command, context_settings=HELP)
@global_options
def path() -> int:
    """Print where the credentials file is, or would be.

    \b
    Example:
      marketctl credentials path
    """
    from marketctl.config.paths import find_credentials

    given = globals_of()
    click.echo(find_credentials(given.credentials, given.registry_path(), must_exist=False).absolute())
    return 0
