"""marketctl wallet changes: what opened, closed, moved."""

from decimal import Decimal

import click

from marketctl.cli.complete import complete_asset
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import (
    json_option,
    only_provider_option,
    since_option,
)
from marketctl.cli.output import Column, for_people, print_document, print_rows
from marketctl.cli.param_types import Amount

KINDS = ("flags", "opened", "closed", "fees", "new", "gone", "other")
CHANGED = (
    Column("at", "time"),
    Column("provider", "name"),
    Column("asset", "name"),
    Column("network", "name"),
    Column("what"),
    *(Column(name, extra=True) for name in ("field", "before", "after", "run_id")),
)
TOGETHER = (
    Column("at", "time"),
    Column("asset", "name"),
    Column("network", "name"),
    Column("what", "name"),
    Column("provider"),
)


@click.command("changes", cls=Command, context_settings=HELP)
@click.argument("assets", nargs=-1, metavar="[ASSET]...", shell_complete=complete_asset)
@only_provider_option()
@since_option
@click.option("--only", metavar="KINDS", help=f"Only these kinds, divided by commas: {', '.join(KINDS)}.")
@click.option(
    "--min-change",
    "least",
    type=Amount("%", zero=True),
    metavar="PERCENT",
    help="Leave out fees and other figures that moved by less; on a terminal 1% is usual, 0% shows all.",
)
@json_option
@global_options
def changes(
    assets: tuple[str, ...],
    providers: tuple[str, ...],
    since_ms: int,
    only: str | None,
    least: Decimal | None,
    as_json: bool,
) -> int:
    """Show what opened, closed, changed its fee, came or went, oldest first.

    On a terminal networks have their common names, the same event of several venues is one line, and fees that moved
    by less than 1 % are counted, not shown. "flags" are "opened" and "closed" together.

    \b
    Example:
      marketctl wallet changes --since 7d -p KUCOIN USDT
      marketctl wallet changes --only opened,closed --min-change 5%

    What is asked for from before a wallet was first known, or from before its journal lost lines, is said on stderr.

    Exit codes: 0 shown, 3 some of the journal cannot be read or was lost, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import ms_or_none, to_iso
    from marketctl.views.changes import brief, narrow, together
    from marketctl.views.changes import changes as read_changes

    given = globals_of()
    kinds = chosen_kinds(only)
    events, problems, begin = read_changes(given.registry(), since_ms, providers, assets)
    for problem in problems:
        log.error("%s", problem.message)
    late = [f"{name} {known}" for name, known in begin.items() if (ms_or_none(known) or 0) > since_ms]
    if late and not as_json:
        log.warning("changes are known since: %s", ", ".join(late))
    code = EXIT_PARTIAL if problems else EXIT_OK
    events = narrow(events, kinds)
    people = for_people(given) and not as_json
    least = Decimal(1) if least is None and people else least
    shown = narrow(events, (), least)
    hidden, events = len(events) - len(shown), shown
    if as_json:
        told = {"since": to_iso(since_ms), "known_since": begin}
        print_document(given, {"schema": 1, "command": "wallet changes", **told, "results": events})
        return code
    if hidden:
        log.warning("%d moves under %s %% are not shown: --min-change 0%% shows them", hidden, f"{least:f}")
    if not events:
        log.warning("nothing%s changed since %s", " else" if hidden else "", to_iso(since_ms))
        return code
    columns = TOGETHER if people and given.columns is None else CHANGED
    if columns is TOGETHER:
        events = together(given.registry(), events)
    print_rows(given, columns, [[brief(event.get(column.key)) for column in columns] for event in events])
    return code


def chosen_kinds(only: str | None) -> frozenset[str]:
    """Read `--only`; none is all. Raises UsageError for a kind there is not."""
    names = [
        {"fee": "fees"}.get(name.strip().lower(), name.strip().lower())
        for name in (only or "").split(",")
        if name.strip()
    ]
    for name in names:
        if name not in KINDS:
            raise click.UsageError(f"--only {name}: there are {', '.join(KINDS)}.")
    return frozenset(names)
