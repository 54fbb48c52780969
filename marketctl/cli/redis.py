"""marketctl redis: the embedded server: how it is, start it, stop it."""

from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.globals import HELP, Command, Globals, Group, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import print_document

if TYPE_CHECKING:
    from marketctl.config.registry import Settings


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """The embedded Redis: how it is, start it, stop it.

    It starts by itself when something is to be published, and goes on between runs.

    \b
    Example:
      marketctl redis status
      redis-cli -s "$(marketctl redis status --json | jq -r .results[0].socket)" hget 'marketctl:{KUCOIN}:l1' BTC/USDT
    """


@command.command(cls=Command, context_settings=HELP)
@json_option
@global_options
def status(as_json: bool) -> int:
    """Tell whether it runs, where its socket is, how large it is and when it was saved. Changes nothing.

    \b
    Example:
      marketctl redis status --json
    """
    given, settings = _prepare()
    told = _status(settings)
    if as_json:
        print_document(given, {"schema": 1, "command": "redis status", "results": [told]})
    elif not given.quiet:
        for name, value in _lines(told):
            click.echo(f"{name:<9} {value}")
    return 0


@command.command(cls=Command, context_settings=HELP)
@global_options
def start() -> int:
    """Start it unless it runs, and print the path of its socket.

    \b
    Example:
      marketctl redis start
    """
    from marketctl.log import log
    from marketctl.redis.connection import require_server
    from marketctl.redis.embedded import EmbeddedRedis

    given, settings = _prepare()
    require_server(settings.redis_url, settings.data_dir)
    server = EmbeddedRedis(settings.data_dir, stay=True)
    path = server.start()
    server.stop()
    if not settings.embedded_stay:
        log.warning("embedded_stay is false in providers.toml: the next run stops it when it ends")
    if not given.quiet:
        click.echo(path)
    return 0


@command.command(cls=Command, context_settings=HELP)
@global_options
def stop() -> int:
    """Have it save itself and end. What is published next starts it again.

    \b
    Example:
      marketctl redis stop

    Exit codes: 0 it does not run any more, 1 it cannot save itself or does not answer, and goes on, 75 another process
    uses it.
    """
    from marketctl.redis.embedded import EmbeddedRedis

    given, settings = _prepare()
    ran = EmbeddedRedis(settings.data_dir).shut_down()
    if not given.quiet:
        click.echo("saved and stopped" if ran else "it did not run")
    return 0


def _prepare() -> "tuple[Globals, Settings]":
    from marketctl.log import set_up
    from marketctl.redis.status import require_embedded

    given = globals_of()
    set_up(given.verbose, given.quiet, given.log_format)
    settings = given.registry().settings
    require_embedded(settings)
    return given, settings


def _status(settings: "Settings") -> dict[str, Any]:
    from marketctl.redis.status import embedded_status

    return embedded_status(settings)


def _lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Put what is told into lines."""
    if told["running"]:
        state = f"running, pid {told['pid']}, for {told['uptime_s']} s: {told['server']} {told['version']}"
        after = "goes on" if told["stays"] else "is saved and stopped (embedded_stay = false)"
        state += f"; {after} when the last one leaves"
    elif told["program"] is None:
        from marketctl.redis.program import what_to_do

        state = f"not running, and there is no redis-server or valkey-server to start. Next: {what_to_do()}."
    else:
        state = "asleep: starts when something is published"
    lines = [("state", state), ("socket", told["socket"]), ("program", told["program"] or "none")]
    if told["running"]:
        lines.append(("memory", f"{told['memory_bytes'] / 1e6:.1f} MB, {told['providers']} providers"))
    saved = "never"
    if told["saved_at"]:
        saved = f"{told['saved_at']}, {told['saved_bytes'] / 1e6:.1f} MB"
    if told["save_failed"]:
        saved += "; the last save FAILED: make room on its disk"
    lines.append(("saved", saved))
    return lines
