"""marketctl prices: the best bid and ask of every pair."""

from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.complete import complete_provider_or_pair
from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import (
    dump_raw_option,
    jobs_option,
    json_option,
    lock_wait_option,
    max_age_option,
    mirror_option,
    only_provider_option,
    provider_option,
    strict_option,
)
from marketctl.cli.output import Column, print_document, print_rows, seconds
from marketctl.cli.quotes import is_of, read_quotes
from marketctl.cli.working import work_and_report

if TYPE_CHECKING:
    from marketctl.views.quotes import Live

SHOWN = (
    Column("provider", "name"),
    Column("pair", "name"),
    *(Column(name, "number") for name in ("bid", "ask", "mid")),
    Column("last", "number", rank=2),
    Column("status", "word", rank=1),
    Column("age", "age"),
    *(Column(name, "number", extra=True) for name in ("bid_size", "ask_size")),
    *(Column(name, "number", extra=True, largest_first=True) for name in ("volume", "quote_volume")),
    *(Column(name, extra=True) for name in ("at", "collected_at", "symbol", "derived", "source")),
)


LAZY = {name: f"{name}:{name}" for name in ("at", "compare", "gaps", "held", "history")} | {"release": "held:release"}


@click.group(cls=Group, lazy=LAZY, context_settings=HELP)
def command() -> None:
    """Collect and show the best bid and ask of every pair.

    \b
    Example:
      marketctl prices collect -p KUCOIN
      marketctl prices show KUCOIN BTC/USDT
    """


@command.command(cls=Command, context_settings=HELP)
@provider_option
@mirror_option
@click.option("--dry-run", is_flag=True, help="Fetch and read, publish and write nothing.")
@dump_raw_option
@click.option("--force", is_flag=True, help="Publish even when half of the pairs are gone, and what would be held.")
@jobs_option
@lock_wait_option
@strict_option
@json_option
@global_options
def collect(
    providers: tuple[str, ...],
    mirror: bool | None,
    dry_run: bool,
    dump_raw: bool,
    force: bool,
    jobs: int,
    lock_wait: float,
    strict: bool,
    as_json: bool,
) -> int:
    """Fetch the best bid and ask, publish them to Redis, mirror them to JSON files.

    \b
    Example:
      marketctl prices collect -p KUCOIN --json

    Exit codes: 0 all good, 1 nothing succeeded, 3 some failed, 4 configuration, 75 another run works.
    """
    from marketctl.jobs.run import Options

    options = Options(
        strict=strict, mirror=mirror, dry_run=dry_run, dump_raw=dump_raw, force=force, jobs=jobs, lock_wait_s=lock_wait
    )
    return work_and_report("prices collect", providers, ("prices",), options, as_json)


@command.command(cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("words", nargs=-1, metavar="[PROVIDER] [PAIR]...", shell_complete=complete_provider_or_pair)
@max_age_option
@click.option("--base", metavar="TICKER", help="Only pairs of this base.")
@click.option("--quote", metavar="TICKER", help="Only pairs against this quote.")
@json_option
@global_options
def show(
    providers: tuple[str, ...],
    words: tuple[str, ...],
    base: str | None,
    quote: str | None,
    max_age_s: float | None,
    as_json: bool,
) -> int:
    """Show live quotes and their age, of one provider or all, of some pairs or all.

    They come from Redis; when it is away from the mirror, and that is said. With --max-age nothing older is shown:
    a line on stderr counts it.

    \b
    Example:
      marketctl prices show KUCOIN BTC/USDT --max-age 30

    Exit codes: 0 shown, 1 nothing is, or some are too old, 3 some cannot be read or expired, 4 configuration.
    """
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.choose import choose_pairs

    given = globals_of()
    names = [*providers, *(word for word in words if "/" not in word)]
    if len({name.upper() for name in names}) > 1:
        raise click.UsageError(f"One provider at a time; a pair is written BASE/QUOTE: {' '.join(names)}.")
    asked = [word for word in words if "/" in word]
    lives = read_quotes(given, names[:1], asked)
    pairs = choose_pairs(asked, lives)
    now = now_ms()
    rows = [
        live.row(pair, now)
        for live in lives
        for pair in pairs or live.quotes
        if pair in live.quotes and is_of(pair, base, quote)
    ]
    fresh, stale = split_by_age(rows, max_age_s)
    if stale:
        oldest = max(stale, key=lambda row: float("inf") if row["age_ms"] is None else row["age_ms"])
        log.error(
            "%s",
            f"{len(stale)} of {len(rows)} quotes are older than {max_age_s:g} s and not shown, "
            f"the oldest {seconds(oldest['age_ms']) or 'of unknown age'}: {oldest['provider']} {oldest['pair']}",
        )
    _tell_held(lives, pairs, alone=not rows)
    if not rows and (base or quote):
        log.error("no quote shown is of %s/%s", (base or "*").upper(), (quote or "*").upper())
    if as_json:
        hidden = [{name: row[name] for name in ("provider", "pair", "age_ms")} for row in stale]
        told = [live.to_dict() for live in lives]
        document = {"schema": 1, "command": "prices show", "results": fresh, "stale": hidden, "providers": told}
        print_document(given, document)
    else:
        names = ["age_ms" if column.kind == "age" else column.key for column in SHOWN]
        print_rows(given, SHOWN, [[row[name] for name in names] for row in fresh])
    if stale or not fresh:
        return EXIT_FAILED
    return EXIT_PARTIAL if any(live.state in ("failed", "expired") for live in lives) else EXIT_OK


def _tell_held(lives: "list[Live]", asked: list[str], *, alone: bool) -> None:
    """Name the quotes asked for that are held, and count those of whole sets; `alone`: nothing else is shown."""
    import logging

    from marketctl.log import log
    from marketctl.views.held import in_words

    for live in lives:
        for pair in asked:
            if pair in live.held:
                told = in_words(pair, live.held[pair])
                level = logging.ERROR if alone else logging.WARNING
                log.log(level, "held, not shown: %s", told, extra={"provider": live.provider})
        if not asked and live.held and live.state == "ok":
            told = f"{len(live.held)} quotes are held and not shown: marketctl prices held {live.provider}"
            log.warning("%s", told, extra={"provider": live.provider})


def split_by_age(rows: "list[dict[str, Any]]", max_age_s: float | None) -> "tuple[list[Any], list[Any]]":
    """Part what may be shown from what is too old, or of unknown age."""
    from marketctl.views.freshness import is_stale

    limit = None if max_age_s is None else max_age_s * 1000
    fresh: list[Any] = []
    stale: list[Any] = []
    for row in rows:
        (stale if is_stale(row["age_ms"], limit) else fresh).append(row)
    return fresh, stale
