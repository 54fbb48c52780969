"""marketctl wallet: coins and networks, what is open, at what fee.

Long: the commands of one group, of which the help is the larger part.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

from marketctl.cli.complete import complete_asset, complete_provider, complete_provider_or_asset
from marketctl.cli.gaps import Amount
from marketctl.cli.options import (
    HELP,
    Command,
    Globals,
    Group,
    Moment,
    dump_raw_option,
    global_options,
    globals_of,
    json_option,
    lock_wait_option,
    only_provider_option,
    provider_and_words,
    provider_option,
    since_option,
    strict_option,
)
from marketctl.cli.output import Aged, Column, for_people, print_document, print_rows
from marketctl.cli.watching import watch, watch_option
from marketctl.cli.working import open_run, work_and_report

KINDS = ("flags", "opened", "closed", "fees", "new", "gone", "other")
SHOWN = (
    Column("asset", "name"),
    Column("code", "name"),
    Column("network", "name"),
    Column("deposit", "flag"),
    Column("withdraw", "flag"),
    Column("fee", "number", unit="coin"),
    Column("fee %", "number", blank="0"),
    Column("minimum", "number", unit="coin"),
    Column("confirmations", "number", rank=1),
    Column("memo", "word", rank=2),
    Column("note"),
)
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
UNMAPPED = (
    *(Column(name, "name") for name in ("provider", "code", "name")),
    Column("coins", "number"),
    Column("such as"),
)


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


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Collect and show coins and networks: what is open, at what fee.

    \b
    Example:
      marketctl wallet sync -p KUCOIN
      marketctl wallet show KUCOIN USDT
    """


@command.command(cls=Command, context_settings=HELP)
@provider_option
@dump_raw_option
@click.option("--stats", is_flag=True, help="Collect statistics too.")
@click.option("--force", is_flag=True, help="Store it even when half of the coins are gone.")
@lock_wait_option
@strict_option
@json_option
@global_options
def sync(
    providers: tuple[str, ...],
    dump_raw: bool,
    stats: bool,
    force: bool,
    lock_wait: float,
    strict: bool,
    as_json: bool,
) -> int:
    """Fetch coins and networks, note what changed.

    \b
    Example:
      marketctl wallet sync -p KUCOIN --json
    """
    from marketctl.jobs.run import Options, choose

    given = globals_of()
    options = Options(
        frozenset(name.upper() for name in providers), strict, dump_raw=dump_raw, force=force, lock_wait_s=lock_wait
    )
    jobs = ("wallet", "stats") if stats else ("wallet",)
    with open_run(given, options) as run:
        work = [(entry, job) for entry in choose(run.registry, providers) for job in jobs]
        return work_and_report(given, run, work, "wallet sync", as_json)


@command.command(cls=Command, context_settings=HELP)
@only_provider_option()
@click.argument("words", nargs=-1, metavar="PROVIDER [ASSET]...", shell_complete=complete_provider_or_asset)
@click.option("--closed", is_flag=True, help="Only networks that are closed in a direction.")
@click.option("--at", "at_ms", type=Moment(), metavar="TIME", help="As it was known then: a time, or a span back.")
@json_option
@global_options
def show(providers: tuple[str, ...], words: tuple[str, ...], closed: bool, at_ms: int | None, as_json: bool) -> int:
    """Show a provider's networks, of all assets or the named ones; with --at as they were known at a moment.

    A network the provider comments on is marked with "!" and its words: it may be suspended in words alone.

    \b
    Example:
      marketctl wallet show KUCOIN USDT BTC
    """
    from marketctl.views.snapshots import choose_assets, snapshot

    provider, assets = provider_and_words(providers, words)
    given = globals_of()
    if at_ms is None:
        found = snapshot(given.registry(), "wallet", provider)
    else:
        from marketctl.views.at import wallet_at

        found = wallet_at(given.registry(), provider, at_ms)
    chosen = choose_assets(found, assets)
    if closed:
        chosen = closed_alone(chosen)
    if as_json:
        print_document(given, {"schema": 1, "command": "wallet show", "results": [found | {"assets": chosen}]})
        return 0
    rows = []
    for code, asset in sorted(chosen.items()):
        name = code if code == asset["ticker"] else f"{asset['ticker']} ({code})"
        for key, network in (asset["networks"] or {"": {}}).items():
            note = network.get("note")
            rows.append(
                (
                    name,
                    key,
                    network.get("network"),
                    network.get("deposit", asset["deposit"]),
                    network.get("withdraw", asset["withdraw"]),
                    network.get("withdraw_fee"),
                    network.get("withdraw_fee_percent"),
                    network.get("withdraw_min"),
                    network.get("confirmations"),
                    network.get("memo_required"),
                    f"! {note}" if note else None,
                )
            )
    print_rows(given, SHOWN, rows)
    return 0


@command.command(cls=Command, context_settings=HELP)
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
    """Show what opened, closed, changed its fee, came or went, oldest first; --json: one event a line.

    On a terminal networks have their common names, the same event of several venues is one line, and fees that moved
    by less than 1 % are counted, not shown. "flags" are "opened" and "closed" together.

    \b
    Example:
      marketctl wallet changes --since 7d -p KUCOIN USDT
      marketctl wallet changes --only opened,closed --min-change 5%
    """
    import json

    from marketctl.files.snapshots import to_bytes
    from marketctl.log import log
    from marketctl.redact import redact_data
    from marketctl.times import to_iso
    from marketctl.views.changes import brief, narrow, together
    from marketctl.views.changes import changes as read_changes

    given = globals_of()
    kinds = chosen_kinds(only)
    events, problems = read_changes(given.registry(), since_ms, providers, assets)
    for problem in problems:
        log.error("%s", problem.message)
    events = narrow(events, kinds)
    people = for_people(given) and not as_json
    least = Decimal(1) if least is None and people else least
    shown = narrow(events, (), least)
    hidden, events = len(events) - len(shown), shown
    if as_json:
        for event in events:
            click.echo(to_bytes(json.dumps(redact_data(event), ensure_ascii=False, sort_keys=True)))
        return 0
    if hidden:
        log.warning("%d moves under %s %% are not shown: --min-change 0%% shows them", hidden, f"{least:f}")
    if not events:
        log.warning("nothing%s changed since %s", " else" if hidden else "", to_iso(since_ms))
        return 0
    columns = TOGETHER if people and given.columns is None else CHANGED
    if columns is TOGETHER:
        events = together(given.registry(), events)
    print_rows(given, columns, [[brief(event.get(column.key)) for column in columns] for event in events])
    return 0


def closed_alone(assets: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assets with a closed direction, each with its closed networks alone."""
    found = {}
    for code, asset in assets.items():
        shut = {key: one for key, one in asset["networks"].items() if False in (one["deposit"], one["withdraw"])}
        if shut or (not asset["networks"] and False in (asset["deposit"], asset["withdraw"])):
            found[code] = asset | {"networks": shut}
    return found


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


@command.command(cls=Command, context_settings=HELP)
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
    "unproven" says that not both ends tell an address. No route is an answer too: exit 0.

    \b
    Example:
      marketctl wallet routes USDT --from MEXC --to KUCOIN
      marketctl wallet routes USDT --amount 1000 --to KUCOIN --proven
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


@command.command(cls=Command, context_settings=HELP)
@provider_option
@json_option
@global_options
def unmapped(providers: tuple[str, ...], as_json: bool) -> int:
    """List networks without a common name: routes can't match them.

    \b
    Example:
      marketctl wallet unmapped -p KUCOIN
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.views.snapshots import Found, snapshot, snapshots
    from marketctl.views.snapshots import unmapped as find

    given = globals_of()
    registry = given.registry()
    if providers:
        found = Found([snapshot(registry, "wallet", name) for name in dict.fromkeys(providers)])
    else:
        found = snapshots(registry, "wallet")
    for problem in found.broken:
        log.error("%s", problem.message)
    rows = find(found.snapshots)
    if as_json:
        print_document(given, {"schema": 1, "command": "wallet unmapped", "results": rows})
    elif not rows:
        log.warning("every network has a common name")
    else:
        told = [(one["provider"], one["code"], one["name"], len(one["assets"]), _some(one["assets"])) for one in rows]
        print_rows(given, UNMAPPED, told)
    return EXIT_PARTIAL if found.broken else EXIT_OK


def _some(words: list[str], most: int = 5) -> str:
    return " ".join(words[:most]) + (" …" if len(words) > most else "")
