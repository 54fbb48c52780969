"""marketctl prices: the best bid and ask of every pair.

Long: the commands of one group, of which the help is the larger part.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.at import at
from marketctl.cli.complete import complete_pair, complete_provider_or_pair
from marketctl.cli.gaps import gaps
from marketctl.cli.held import held, release
from marketctl.cli.options import (
    HELP,
    Command,
    Globals,
    Group,
    dump_raw_option,
    global_options,
    globals_of,
    jobs_option,
    json_option,
    lock_wait_option,
    max_age_option,
    mirror_option,
    only_provider_option,
    provider_and_words,
    provider_option,
    since_option,
    strict_option,
)
from marketctl.cli.output import Column, for_people, print_csv, print_document, print_rows, seconds
from marketctl.cli.watching import watch, watch_option
from marketctl.cli.working import open_run, work_and_report

if TYPE_CHECKING:
    from marketctl.views.quotes import Live

SHOWN = (
    Column("provider", "name"),
    Column("pair", "name"),
    *(Column(name, "number") for name in ("bid", "ask", "mid", "last")),
    Column("status", "word", rank=1),
    Column("age", "age"),
    *(Column(name, "number", extra=True) for name in ("bid_size", "ask_size")),
    *(Column(name, "number", extra=True, largest_first=True) for name in ("volume", "quote_volume")),
    *(Column(name, extra=True) for name in ("at", "collected_at", "symbol", "derived", "source")),
)
COMPARED = (
    Column("provider", "name"),
    *(Column(name, "number") for name in ("bid", "ask", "mid", "spread")),
    Column("spread %", "number", places=3),
    Column("age", "age"),
    Column("status", "word", rank=1),
    Column("mark", "word"),
)
KEPT = (Column("at", "time"), *(Column(name, "number") for name in ("bid", "ask", "last", "mid")))


@click.group(cls=Group, context_settings=HELP)
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
    """
    from marketctl.jobs.run import Options, choose

    given = globals_of()
    options = Options(
        frozenset(name.upper() for name in providers), strict, mirror, dry_run, dump_raw, force, jobs, lock_wait
    )
    with open_run(given, options) as run:
        work = [(entry, "prices") for entry in choose(run.registry, providers)]
        return work_and_report(given, run, work, "prices collect", as_json)


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
    a line on stderr counts it, and the exit code is 1.

    \b
    Example:
      marketctl prices show KUCOIN BTC/USDT --max-age 30
    """
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.compare import choose_pairs

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


@command.command(cls=Command, context_settings=HELP)
@click.argument("pair", shell_complete=complete_pair)
@max_age_option
@watch_option
@json_option
@global_options
def compare(pair: str, max_age_s: float | None, watch_s: float | None, as_json: bool) -> int:
    """Compare a pair over all enabled providers: best bid, best ask, spread, age.

    Left out of "best" and marked: quotes older than --max-age (default: three price intervals of the provider, at
    least 60 s, more where a slower pace is kept), halted pairs, reference rates, and twins (by contract address
    another coin of that name). What the sentinel holds is told and not compared. Percent are of the middle. Exit 1 when
    all of them are too old.

    \b
    Example:
      marketctl prices compare BTC/USDT
      marketctl prices compare BTC/USDT --watch
    """
    given = globals_of()
    return watch(given, watch_s, lambda: _compare(given, pair, max_age_s, as_json))


def _compare(given: Globals, pair: str, max_age_s: float | None, as_json: bool) -> int:
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.compare import choose_pairs
    from marketctl.views.compare import compare as put_together
    from marketctl.views.freshness import limit_ms
    from marketctl.views.held import in_words
    from marketctl.views.twins import known_coins

    lives = read_quotes(given, [], [pair])
    (key,) = choose_pairs([pair], lives)
    entries = given.registry().providers
    bounds = {
        live.provider: limit_ms(entries[live.provider].prices_interval_s, live.kept_ms)
        if max_age_s is None
        else max_age_s * 1000
        for live in lives
    }
    found = put_together(key, lives, now_ms(), bounds, known_coins(given.registry()))
    rows, best = found["rows"], found["best"]
    if as_json:
        told = [live.to_dict() for live in lives]
        document = {"schema": 1, "command": "prices compare", "pair": key, "results": rows, "best": best}
        print_document(given, document | {"held": found["held"], "providers": told})
    else:
        print_rows(given, COMPARED, [compared_row(row) for row in rows])
        log.warning("%s", best_words(key, best))
        for row in rows:
            if row["twin"] or row["why"]:
                log.warning("%s", row["twin"] or f"{row['verdict']}: {row['why']}", extra={"provider": row["provider"]})
    for one in found["held"]:
        log.warning("held, not compared: %s", in_words(key, one), extra={"provider": one["provider"]})
    if all(row["stale"] for row in rows):
        log.error("every quote of %s is %s", key, "too old" if rows else "held")
        return EXIT_FAILED
    return EXIT_PARTIAL if any(live.state in ("failed", "expired") for live in lives) else EXIT_OK


@command.command(cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("words", nargs=-1, metavar="PROVIDER PAIR", shell_complete=complete_provider_or_pair)
@since_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated rows with a header.")
@global_options
def history(providers: tuple[str, ...], words: tuple[str, ...], since_ms: int, as_json: bool, as_csv: bool) -> int:
    """Show how a quote changed, oldest first; on a terminal with a small chart of the middle price.

    There is a line for each change: between two lines the first one held. It comes from Redis, and what has left that
    from the archive; where less is kept than was asked for, that is said.

    \b
    Example:
      marketctl prices history KUCOIN BTC/USDT --since 1h --csv
    """
    from marketctl.log import log
    from marketctl.times import to_iso
    from marketctl.views.compare import history as read_history
    from marketctl.views.compare import sparkline

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
    if as_json:
        document = {"schema": 1, "command": "prices history", "provider": provider.upper(), "pair": key}
        told = {"since": since, "begins_at": found.begins_at, "results": records}
        print_document(given, document | told)
    elif as_csv:
        print_csv(columns, [[record[column] for column in columns] for record in records])
    else:
        print_rows(given, KEPT, [[record[column] for column in columns] for record in records])
        if for_people(given) and (chart := sparkline(records)):
            click.echo(chart)
    return 0


def read_quotes(given: Globals, names: list[str], pairs: Sequence[str] = ()) -> "list[Live]":
    """Read the quotes of the named provider or of all enabled ones, and tell what is wrong with them.

    With `pairs` these alone are read, unless nobody has one of them: then all, so that the closest can be named.
    """
    import logging

    from marketctl.log import log
    from marketctl.views.quotes import open_reader

    registry = given.registry()
    entries = [registry.provider(name) for name in names] or registry.enabled()
    with open_reader(registry) as reader:
        wanted = [pair.upper() for pair in pairs]
        lives = [reader.read(entry, wanted or None) for entry in entries]
        if set(wanted) - {pair for live in lives for pair in (*live.quotes, *live.held)}:
            lives = [reader.read(entry) for entry in entries]
        if reader.away is not None and any(live.quotes for live in lives):
            tell = log.info if registry.settings.redis_url == "none" else log.warning  # files alone are wanted there
            tell("quotes are from the mirror: %s", reader.away.message)
    if any(live.quotes for live in lives):  # otherwise the error says all this
        for live in lives:
            if live.state != "never" and (words := live.words()):
                log.log(
                    logging.WARNING if live.state == "ok" else logging.ERROR,
                    "%s",
                    words,
                    extra={"provider": live.provider},
                )
        if never := [live.provider for live in lives if live.state == "never"]:
            log.warning("never published a quote: %s", ", ".join(never))
    return lives


def is_of(pair: str, base: str | None, quote: str | None) -> bool:
    """Tell whether a pair has this base and this quote, where they are asked for."""
    left, _, right = pair.partition("/")
    return (base is None or left == base.upper()) and (quote is None or right == quote.upper())


def split_by_age(rows: "list[dict[str, Any]]", max_age_s: float | None) -> "tuple[list[Any], list[Any]]":
    """Part what may be shown from what is too old, or of unknown age."""
    from marketctl.views.freshness import is_stale

    limit = None if max_age_s is None else max_age_s * 1000
    fresh: list[Any] = []
    stale: list[Any] = []
    for row in rows:
        (stale if is_stale(row["age_ms"], limit) else fresh).append(row)
    return fresh, stale


def compared_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a quote as a row of `compare`."""
    marks = [name.replace("_", " ") for name in ("best_bid", "best_ask") if row[name]]
    words = (row["left_out"], "stale" if row["stale"] else None, row["verdict"])
    marks += dict.fromkeys(word for word in words if word)
    numbers = (row["bid"], row["ask"], row["mid"], row["spread"], row["spread_percent"])
    return (row["provider"], *numbers, row["age_ms"], row["status"], ", ".join(marks) or None)


def best_words(pair: str, best: Mapping[str, Any]) -> str:
    """Put the best bid and ask into one line."""
    sides = [
        f"best {side} {best[side]['price']} @ {', '.join(best[side]['providers'])}" if best[side] else f"no best {side}"
        for side in ("bid", "ask")
    ]
    if best["spread"] is not None:
        percent = f" ({best['spread_percent']} %)" if best["spread_percent"] else ""
        sides.append(f"spread {best['spread']}{percent}{', crossed' if best['spread'][0] == '-' else ''}")
    return f"{pair}: {', '.join(sides)}"


for one in (at, gaps, held, release):
    command.add_command(one)
