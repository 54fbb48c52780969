"""marketctl wallet routes: the networks from one venue to another."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

from marketctl.cli.complete import complete_asset, complete_provider
from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Aged, Column, print_document, print_rows
from marketctl.cli.param_types import Amount
from marketctl.cli.watching import watch, watch_option


def route_columns(ticker: str, amount: bool = False) -> tuple[Column, ...]:
    """Return the columns of routes; fees and minimums are in the coin itself."""
    return (
        Column("from", "name"),
        Column("to", "name"),
        Column("network", "name"),
        Column("fee", "number", unit=ticker),
        Column("fee %", "number", blank="0"),
        *((Column("arrives", "number", unit=ticker), Column("cost %", "number", places=3)) if amount else ()),
        Column("minimum", "number", unit=ticker),
        Column("set by", "word", rank=4),
        Column("confirmations", "number", rank=2),
        Column("memo", "word", rank=1),
        Column("verdict", "word"),
        Column("age", "age", rank=3),
        Column("note"),
    )


@click.command("routes", cls=Command, context_settings=HELP)
@click.argument("asset", shell_complete=complete_asset)
@click.option("--from", "source", metavar="P", shell_complete=complete_provider, help="Where it is now.")
@click.option("--to", "target", metavar="P", shell_complete=complete_provider, help="Where it is to go.")
@click.option("--amount", type=Amount(), metavar="N", help="So much is sent: what arrives, at what cost.")
@click.option("--proven", is_flag=True, help="Only ways whose ends tell the same contract address.")
@watch_option
@json_option
@global_options
def routes(
    asset: str,
    source: str | None,
    target: str | None,
    amount: Decimal | None,
    proven: bool,
    watch_s: float | None,
    as_json: bool,
) -> int:
    """Find networks open for withdrawal at one end and deposit at the other: proven ones first, then the cheapest.

    Either end may be left out. A route whose contract addresses differ is another coin of the same name: refused.
    "unproven" says that not both ends tell an address.

    \b
    Example:
      marketctl wallet routes USDT --from MEXC --to KUCOIN
      marketctl wallet routes USDT --amount 1000 --to KUCOIN --proven

    Exit codes: 0 shown, also where there is none, 3 a wallet cannot be read, 4 configuration.
    """
    given = globals_of()
    return watch(given, watch_s, lambda: _routes(given, asset, (source, target), amount, proven, as_json))


def _routes(
    given: Globals, asset: str, ends: tuple[str | None, str | None], amount: Decimal | None, proven: bool, as_json: bool
) -> int:
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.views.routes import explain, with_amount
    from marketctl.views.routes import routes as find

    source, target = ends
    if source and target and source.upper() == target.upper():
        raise click.UsageError("--from and --to name the same provider.")
    found, read = find(given.registry(), asset, source, target)
    if proven:
        found.routes = [route for route in found.routes if route["identity"] == "proven"]
    if amount is not None:
        with_amount(found, amount)
    code = EXIT_PARTIAL if read.broken else EXIT_OK
    for problem in read.broken:
        log.error("%s", problem.message)
    if read.missing:
        log.warning("without a wallet, so left out: %s", ", ".join(read.missing))
    if as_json:
        print_document(
            given,
            {
                "schema": 1,
                "command": "wallet routes",
                "asset": asset.upper(),
                "results": found.routes,
                "left_out": found.left_out,
                "unmapped": found.unmapped,
                "missing": read.missing,
            },
        )
        return code
    print_rows(given, route_columns(asset.upper(), amount is not None), [route_row(route) for route in found.routes])
    twins = sum(route["verdict"] == "twin" for route in found.routes)
    count = len(found.routes) - twins
    words = f"{count} route{'s' if count > 1 else ''} of" if count else "there is now no route of"
    log.warning("%s", f"{words} {asset.upper()}{f', {twins} refused: another coin of this name' if twins else ''}")
    for line in explain(found):
        log.warning("%s", line)
    return code


def route_row(route: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a route as a row of the table."""
    twin = route["verdict"] == "twin"
    notes = [f"! {route[end]}: {route[f'{end}_note']}" for end in ("from", "to") if route[f"{end}_note"]]
    ages = [age for age in (route["from_age_ms"], route["to_age_ms"]) if age is not None]
    return (
        route["from"],
        route["to"],
        route["network"],
        route["fee"],
        route["fee_percent"],
        *((route["arrives"], route["cost_percent"]) if "arrives" in route else ()),
        route["minimum"],
        route["minimum_set_by"],
        route["confirmations"],
        route["memo_required"],
        "refused" if twin else route["identity"],
        Aged(max(ages) if ages else None, "stale" if route["stale"] else ""),
        "; ".join([*([] if route["identity"] == "proven" else [route["why"]]), *notes]) or None,
    )
