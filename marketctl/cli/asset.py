"""marketctl asset: one asset everywhere."""

from typing import Any

import click

from marketctl.cli.complete import complete_asset
from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Column, for_people, paragraph, print_document, print_rows, write
from marketctl.cli.quotes import tell_mirror
from marketctl.cli.watching import watch, watch_option


def network_columns(ticker: str) -> tuple[Column, ...]:
    """Return the columns of the networks; fees and minimums are in the coin itself."""
    return (
        Column("network", "name"),
        Column("provider", "name"),
        Column("deposit", "flag"),
        Column("withdraw", "flag"),
        Column("fee", "number", unit=ticker),
        Column("fee %", "number", blank="0"),
        Column("minimum", "number", unit=ticker),
        Column("confirmations", "number", rank=1),
        Column("age", "age", rank=2),
        Column("note"),
    )


PRICES = (
    Column("pair", "name"),
    Column("bid", "number"),
    Column("bid at"),
    Column("ask", "number"),
    Column("ask at"),
    Column("mid", "number"),
    Column("spread %", "number", places=3),
    Column("venues", "number", rank=1),
    Column("age", "age", rank=2),
)


@click.command(cls=Command, context_settings=HELP)
@click.argument("asset", shell_complete=complete_asset)
@click.option("--only", type=click.Choice(["networks", "prices"]), help="One of the two tables alone.")
@click.option("--closed", is_flag=True, help="Only networks that are closed in a direction.")
@watch_option
@json_option
@global_options
def command(asset: str, only: str | None, closed: bool, watch_s: float | None, as_json: bool) -> int:
    """Show one asset everywhere: its networks over all venues, fees, and the best prices of its pairs.

    From what was collected; nobody is asked. The network that is open at most venues comes first. Forms for programs
    hold the networks, unless --only prices.

    \b
    Example:
      marketctl asset USDT

    Exit codes: 0 shown, 3 some wallets or prices cannot be read, 4 configuration.
    """
    given = globals_of()
    return watch(given, watch_s, lambda: _show(given, asset, only, closed, as_json))


def _show(given: Globals, word: str, only: str | None, closed: bool, as_json: bool) -> int:
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.asset import asset as find
    from marketctl.views.quotes import open_reader
    from marketctl.views.wallets import WalletFiles

    registry = given.registry()
    files = WalletFiles(registry, {word.upper()})
    with open_reader(registry) as reader:
        found = find(files, reader, word, now_ms())
    broken = files.broken()
    for problem in broken:
        log.error("%s", problem.message)
    people = for_people(given)
    with_prices = as_json or only == "prices" or (people and only is None)
    if with_prices and found["prices"]:
        tell_mirror(reader)
    for provider, why in reader.unread.items():
        log.error("its prices cannot be read: %s", why, extra={"provider": provider})
    code = EXIT_PARTIAL if broken or reader.unread else EXIT_OK
    networks = [row for row in found["networks"] if not closed or False in (row["deposit"], row["withdraw"])]
    if as_json:
        print_document(given, {"schema": 1, "command": "asset", "results": [found | {"networks": networks}]})
        return code
    if people:
        write(paragraph(given, f"{found['asset']}{', ' + found['name'] if found['name'] else ''}"))
    if only != "prices":
        print_rows(given, network_columns(found["asset"]), [_network_row(row) for row in networks])
        for provider, why in {row["provider"]: row["twin"] for row in networks if row["twin"]}.items():
            log.warning("%s", why, extra={"provider": provider})
    if only == "prices" or (with_prices and found["prices"]):
        if only is None:
            write("\n")
        print_rows(given, PRICES, [_price_row(row) for row in found["prices"]])
    if only != "prices" and not networks:
        elsewhere = "" if closed or with_prices or not found["prices"] else "; its prices are shown by --only prices"
        told = "of those told is closed" if closed and found["networks"] else "is told by any wallet"
        log.warning("no network of %s %s%s", found["asset"], told, elsewhere)
    if only == "prices" and not found["prices"]:
        log.warning("no pair of %s is quoted", found["asset"])
    return code


def _network_row(row: dict[str, Any]) -> tuple[Any, ...]:
    note = f"! {row['note']}" if row["note"] else None
    marks = ("twin" if row["twin"] else None, "stale" if row["stale"] else None)
    return (
        row["network"] or row["network_code"],
        row["provider"],
        row["deposit"],
        row["withdraw"],
        row["withdraw_fee"],
        row["withdraw_fee_percent"],
        row["withdraw_min"],
        row["confirmations"],
        row["age_ms"],
        "; ".join(word for word in (*marks, note) if word) or None,
    )


def _price_row(row: dict[str, Any]) -> tuple[Any, ...]:
    ends = [", ".join(row[name]) or None for name in ("bid_at", "ask_at")]
    figures = (row["mid"], row["spread_percent"], row["venues"], row["age_ms"])
    return (row["pair"], row["bid"], ends[0], row["ask"], ends[1], *figures)
