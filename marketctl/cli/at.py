"""marketctl prices at: the quotes that were known at a moment."""

import click

from marketctl.cli.complete import complete_provider_or_pair
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import json_option, only_provider_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.param_types import Moment

THEN = (
    Column("provider", "name"),
    Column("pair", "name"),
    *(Column(name, "number") for name in ("bid", "ask", "mid", "last")),
    Column("held", "word"),
    Column("age", "age"),
    Column("told_at", "time"),
)


@click.command(cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("at_ms", type=Moment(), metavar="TIME")
@click.argument("words", nargs=-1, metavar="[PROVIDER] [PAIR]...", shell_complete=complete_provider_or_pair)
@json_option
@global_options
def at(providers: tuple[str, ...], at_ms: int, words: tuple[str, ...], as_json: bool) -> int:
    """Show the quotes that were known at a moment, of one provider or all (those disabled since too), from the archive.

    TIME is a time (2026-11-26T10:00Z) or a span back from now (2h). The age is that of the last publish before it.
    Where nothing is known yet, it says from when on something is; a damaged part of the archive is told.

    \b
    Example:
      marketctl prices at 2h KUCOIN BTC/USDT

    Exit codes: 0 shown, 1 nothing was known then, 3 a part of the archive cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, StorageFailed
    from marketctl.log import log
    from marketctl.times import to_iso
    from marketctl.views.at import known_from, quoted_then, quotes_at
    from marketctl.views.choose import choose_pair

    names = [*providers, *(word for word in words if "/" not in word)]
    if len({name.upper() for name in names}) > 1:
        raise click.UsageError(f"One provider at a time; a pair is written BASE/QUOTE: {' '.join(names)}.")
    given = globals_of()
    registry = given.registry()
    entries = registry.chosen(names[:1]) if names else quoted_then(registry)
    known, unread, told = [], [], set[str]()
    for entry in entries:
        try:
            known.append((entry, quotes_at(registry, entry, at_ms)))
        except StorageFailed as error:
            if len(entries) == 1:
                raise
            unread.append(entry.name)
            if error.message not in told:  # a folder that cannot be read is that for all of them
                log.error("%s: %s", entry.name, error.message)
            told.add(error.message)
    found = [one for _, one in known if one is not None]
    if unread and not found:
        return EXIT_FAILED
    if not found:
        first = known_from(registry, entries)
        who = entries[0].name if names else "any quote"
        raise StorageFailed(
            f"nothing is known of {who} at {to_iso(at_ms)}"
            + (f": not known before {to_iso(first)}" if first is not None else ": there is no archive yet"),
            hint=None if first is not None else "marketctl prices collect, with archive = true in history",
        )
    for one in found:
        if one.broken:
            log.error("%s", damaged(one.provider, one.broken))
    missing = [entry.name for entry, one in known if one is None]
    if missing:
        log.warning("not known yet: %s", ", ".join(missing))
    everything = {pair for one in found for pair in one.quotes}
    pairs = [choose_pair(word, everything, f"at {to_iso(at_ms)} nobody quoted") for word in words if "/" in word]
    rows = [one.row(pair) for one in found for pair in sorted(pairs or one.quotes) if pair in one.quotes]
    if as_json:
        document = {"schema": 1, "command": "prices at", "at": to_iso(at_ms), "results": rows, "unknown": missing}
        document["broken"] = [*unread, *(one.provider for one in found if one.broken)]
        print_document(given, document)
    else:
        print_rows(
            given, THEN, [[row[column.key if column.kind != "age" else "age_ms"] for column in THEN] for row in rows]
        )
    if unread or any(one.broken for one in found):
        return EXIT_PARTIAL
    return EXIT_OK if rows else EXIT_FAILED


def damaged(provider: str, parts: int) -> str:
    """Say that a part of what was asked for cannot be read."""
    are = "part of its archive is damaged: what it" if parts == 1 else "parts of its archive are damaged: what they"
    return f"{provider}: {parts} {are} told is missing here"
