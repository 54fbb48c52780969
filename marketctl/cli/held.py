"""marketctl prices held, release: what the sentinel keeps back, and how it is let pass."""

import click

from marketctl.cli.complete import complete_provider_or_pair
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import json_option, only_provider_option, provider_and_words, provider_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.quotes import tell_mirror

HELD = (
    Column("provider", "name"),
    Column("pair", "name"),
    Column("bid/ask", "name"),
    Column("verdict", "word"),
    Column("held", "flag"),
    Column("since", "time"),
    Column("why"),
)


@click.command(cls=Command, context_settings=HELP)
@provider_option
@json_option
@global_options
def held(providers: tuple[str, ...], as_json: bool) -> int:
    """List quotes that are held back, and those published with a mark, of some providers or all.

    A quote is held when it stands apart from the other venues, or from what it was itself. It goes out again by itself
    when they agree; `prices release` lets it pass. `[sentinel]` in providers.toml sets the limits.

    \b
    Example:
      marketctl prices held

    Exit codes: 0 whatever is held, 3 the quotes of some cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.views.held import price_of
    from marketctl.views.quotes import open_reader

    given = globals_of()
    registry = given.registry()
    entries = registry.chosen(providers)
    with open_reader(registry) as reader:
        lives = [reader.read(entry) for entry in entries]
    rows = [
        {"provider": live.provider, "pair": pair, "held": kept is live.held} | one
        for live in lives
        for kept in (live.held, live.marked)
        for pair, one in kept.items()
    ]
    if any(live.state not in ("never", "failed") for live in lives):
        tell_mirror(reader)
    broken = [live for live in lives if live.state == "failed"]
    for live in broken:
        log.error("%s", live.words(), extra={"provider": live.provider})
    if as_json:
        print_document(given, {"schema": 1, "command": "prices held", "results": rows})
    else:
        print_rows(
            given,
            HELD,
            [
                (row["provider"], row["pair"], price_of(row), row["verdict"], row["held"], row["since"], row["why"])
                for row in rows
            ],
        )
        if first := next((row for row in rows if row["held"]), None):
            words = f"to let one pass: marketctl prices release {first['provider']} {first['pair']}"
            log.warning("%s", words)
        elif not rows and not broken:
            log.warning("nothing is held")
    return EXIT_PARTIAL if broken else EXIT_OK


@click.command(cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("words", nargs=-1, metavar="PROVIDER PAIR", shell_complete=complete_provider_or_pair)
@json_option
@global_options
def release(providers: tuple[str, ...], words: tuple[str, ...], as_json: bool) -> int:
    """Let a held quote pass from the next collection on: you looked, and the price is right.

    It passes until the other venues agree with it again, or until it jumps once more.

    \b
    Example:
      marketctl prices release KUCOIN BTC/USDT
    """
    from marketctl.log import log
    from marketctl.sentinel.release import release as let_pass
    from marketctl.views.held import price_of

    provider, pairs = provider_and_words(providers, words)
    if len(pairs) != 1:
        raise click.UsageError(f"One pair at a time: {' '.join(pairs)}." if pairs else "Missing argument 'PAIR'.")
    given = globals_of()
    entry, pair, record = let_pass(given.registry(), provider, pairs[0])
    if as_json:
        row = {"provider": entry.name, "pair": pair, "held": True} | record
        print_document(given, {"schema": 1, "command": "prices release", "results": [row]})
    else:
        told = f"{entry.name} {pair} {price_of(record)} passes from the next collection on"
        log.warning("%s", f"{told}: marketctl prices collect -p {entry.name}")
    return 0
