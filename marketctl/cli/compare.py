"""marketctl prices compare: a pair over all venues."""

from collections.abc import Mapping
from typing import Any

import click

from marketctl.cli.complete import complete_pair
from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import (
    json_option,
    max_age_option,
)
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.quotes import read_quotes
from marketctl.cli.watching import watch, watch_option

COMPARED = (
    Column("provider", "name"),
    *(Column(name, "number") for name in ("bid", "ask", "mid", "spread")),
    Column("spread %", "number", places=3),
    Column("age", "age"),
    Column("status", "word", rank=1),
    Column("mark", "word"),
)


@click.command("compare", cls=Command, context_settings=HELP)
@click.argument("pair", shell_complete=complete_pair)
@max_age_option
@watch_option
@json_option
@global_options
def compare(pair: str, max_age_s: float | None, watch_s: float | None, as_json: bool) -> int:
    """Compare a pair over all enabled providers: best bid, best ask, spread, age.

    Left out of "best" and marked: quotes older than --max-age (default: three price intervals of the provider, at
    least 60 s, more where a slower pace is kept), halted pairs, reference rates, and twins (by contract address
    another coin of that name). What the sentinel holds is told and not compared. Percent are of the middle.

    \b
    Example:
      marketctl prices compare BTC/USDT
      marketctl prices compare BTC/USDT --watch

    Exit codes: 0 compared, 1 all are too old or held, 3 some cannot be read or expired, 4 configuration.
    """
    given = globals_of()
    return watch(given, watch_s, lambda: _compare(given, pair, max_age_s, as_json))


def _compare(given: Globals, pair: str, max_age_s: float | None, as_json: bool) -> int:
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.choose import choose_pairs
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
    coins = known_coins(given.registry())
    found = put_together(key, lives, now_ms(), bounds, coins)
    rows, best = found["rows"], found["best"]
    unproven = [row["provider"] for row in rows if coins.is_unread(row["provider"], key)]
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
    for provider in unproven:
        words = "its wallet cannot be read: whether its coin is the same is not known"
        log.error("%s", words, extra={"provider": provider})
    if all(row["stale"] for row in rows):
        log.error("every quote of %s is %s", key, "too old" if rows else "held")
        return EXIT_FAILED
    missing = unproven or any(live.state in ("failed", "expired") for live in lives)
    return EXIT_PARTIAL if missing else EXIT_OK


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
