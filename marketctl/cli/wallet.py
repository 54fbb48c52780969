"""marketctl wallet: coins and networks, what is open, at what fee."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.complete import complete_provider_or_asset
from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import (
    dump_raw_option,
    json_option,
    lock_wait_option,
    only_provider_option,
    provider_and_words,
    provider_option,
    strict_option,
)
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.param_types import Moment
from marketctl.cli.working import work_and_report

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry

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
UNMAPPED = (
    *(Column(name, "name") for name in ("provider", "code", "name")),
    Column("coins", "number"),
    Column("such as"),
)


@click.group(cls=Group, lazy={"changes": "changes:changes", "routes": "routes:routes"}, context_settings=HELP)
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

    Exit codes: 0 all good, 1 nothing succeeded, 3 some failed, 4 configuration, 75 another run works.
    """
    from marketctl.jobs.run import Options

    jobs = ("wallet", "stats") if stats else ("wallet",)
    options = Options(strict=strict, dump_raw=dump_raw, force=force, lock_wait_s=lock_wait)
    return work_and_report("wallet sync", providers, jobs, options, as_json)


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

    Exit codes: 0 shown, 3 some assets cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.views.snapshots import choose_assets, snapshot, unread

    provider, assets = provider_and_words(providers, words)
    given = globals_of()
    if at_ms is None:
        registry = given.registry()
        found = snapshot(registry, "wallet", provider, {word.upper() for word in assets} or None)
        tell_old(registry.provider(provider), found)
    else:
        from marketctl.views.at import wallet_at

        found = wallet_at(given.registry(), provider, at_ms)
    chosen = choose_assets(found, assets)
    if closed:
        chosen = closed_alone(chosen)
    broken = [] if assets else unread(found)
    for problem in broken:
        log.error("%s", problem.message)
    code = EXIT_PARTIAL if broken else EXIT_OK
    if as_json:
        told = {name: one for name, one in found.items() if name not in ("unreadable", "tickers")} | {"assets": chosen}
        print_document(given, {"schema": 1, "command": "wallet show", "results": [told]})
        return code
    rows = []
    for place, asset in sorted(chosen.items()):
        name = place if place == asset["ticker"] else f"{asset['ticker']} ({place})"
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
    return code


def tell_old(entry: "ProviderEntry", wallet: Mapping[str, Any]) -> None:
    """Say of a wallet that is too old that it does not tell what is open now."""
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.doors import is_old

    if is_old(entry, wallet, now_ms()):
        told = f"of {wallet.get('collected_at')}, too old to say what is open now"
        log.warning("%s", f"{entry.name}: {told}. Next: marketctl wallet sync -p {entry.name}")


def closed_alone(assets: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assets with a closed direction, each with its closed networks alone."""
    found = {}
    for code, asset in assets.items():
        shut = {key: one for key, one in asset["networks"].items() if False in (one["deposit"], one["withdraw"])}
        if shut or (not asset["networks"] and False in (asset["deposit"], asset["withdraw"])):
            found[code] = asset | {"networks": shut}
    return found


@command.command(cls=Command, context_settings=HELP)
@provider_option
@json_option
@global_options
def unmapped(providers: tuple[str, ...], as_json: bool) -> int:
    """List networks without a common name: routes can't match them.

    \b
    Example:
      marketctl wallet unmapped -p KUCOIN

    Exit codes: 0 listed, 3 a wallet cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.views.snapshots import snapshots
    from marketctl.views.snapshots import unmapped as find

    given = globals_of()
    registry = given.registry()
    found = snapshots(registry, "wallet", providers)
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
