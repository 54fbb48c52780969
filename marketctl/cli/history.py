"""marketctl prices history: how a quote changed."""

import click

from marketctl.cli.complete import complete_provider_or_pair
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import (
    json_option,
    only_provider_option,
    provider_and_words,
    since_option,
)
from marketctl.cli.output import Column, for_people, print_csv, print_document, print_rows

KEPT = (Column("at", "time"), *(Column(name, "number") for name in ("bid", "ask", "last", "mid")))


@click.command("history", cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("words", nargs=-1, metavar="PROVIDER PAIR", shell_complete=complete_provider_or_pair)
@since_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated rows with a header.")
@global_options
def history(providers: tuple[str, ...], words: tuple[str, ...], since_ms: int, as_json: bool, as_csv: bool) -> int:
    """Show how a quote changed, oldest first; on a terminal with a small chart of the middle price.

    There is a line for each change: between two lines the first one held. It comes from Redis, and what has left that
    from the archive; where less is kept than was asked for, a day is missing or a part damaged, that is said.

    \b
    Example:
      marketctl prices history KUCOIN BTC/USDT --since 1h --csv

    Exit codes: 0 shown, 3 a part of the archive cannot be read, 4 configuration.
    """
    from marketctl.cli.at import damaged
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import to_iso
    from marketctl.views.history import history as read_history
    from marketctl.views.history import sparkline

    if as_json and as_csv:
        raise click.UsageError("--json and --csv both want stdout: choose one.")
    provider, pairs = provider_and_words(providers, words)
    if len(pairs) != 1:
        raise click.UsageError(f"One pair at a time: {' '.join(pairs)}." if pairs else "Missing argument 'PAIR'.")
    (pair,) = pairs
    given = globals_of()
    found = read_history(given.registry(), provider, pair, since_ms)
    key, records, since = found.pair, found.rows, to_iso(since_ms)
    columns = [column.key for column in KEPT]
    if found.away is not None:
        log.warning("from the archive alone: %s", found.away.message)
    if found.begins_at is None or (since is not None and found.begins_at > since):
        log.warning("asked since %s, but nothing is kept from before %s", since, found.begins_at or "now")
    elif not records:
        log.warning("%s %s did not change since %s", provider.upper(), key, since)
    if found.missing:
        days = ", ".join(found.missing[:3]) + (f" and {len(found.missing) - 3} more" if len(found.missing) > 3 else "")
        log.warning("nothing is kept of %s: what %s %s was then is not known", days, provider.upper(), key)
    if found.broken:
        log.error("%s", damaged(provider.upper(), found.broken))
    if as_json:
        document = {"schema": 1, "command": "prices history", "provider": provider.upper(), "pair": key}
        told = {"since": since, "begins_at": found.begins_at, "missing": list(found.missing), "broken": found.broken}
        print_document(given, document | told | {"results": records})
    elif as_csv:
        print_csv(columns, [[record[column] for column in columns] for record in records])
    else:
        print_rows(given, KEPT, [[record[column] for column in columns] for record in records])
        if for_people(given) and (chart := sparkline(records)):
            click.echo(chart)
    return EXIT_PARTIAL if found.broken else EXIT_OK
