"""marketctl wallet: coins and networks, what is open, at what fee."""

import click

from marketctl.cli.options import (
    HELP,
    Command,
    dump_raw_option,
    global_options,
    globals_of,
    json_option,
    lock_wait_option,
    provider_argument,
    provider_option,
    strict_option,
)
from marketctl.cli.output import print_json, print_rows
from marketctl.cli.report import open_run, work_and_report


@click.group(context_settings=HELP)
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
@lock_wait_option
@strict_option
@json_option
@global_options
def sync(providers: tuple[str, ...], dump_raw: bool, stats: bool, lock_wait: float, strict: bool, as_json: bool) -> int:
    """Fetch coins and networks, note what changed.

    \b
    Example:
      marketctl wallet sync -p KUCOIN --json
    """
    from marketctl.collect import Options, choose

    given = globals_of()
    options = Options(frozenset(name.upper() for name in providers), strict, dump_raw=dump_raw, lock_wait_s=lock_wait)
    jobs = ("wallet", "stats") if stats else ("wallet",)
    with open_run(given, options) as run:
        work = [(entry, job) for entry in choose(run.registry, providers) for job in jobs]
        return work_and_report(given, run, work, "wallet sync", as_json)


@command.command(cls=Command, context_settings=HELP)
@provider_argument()
@click.argument("assets", nargs=-1)
@json_option
@global_options
def show(provider: str, assets: tuple[str, ...], as_json: bool) -> int:
    """Show a provider's networks, of all assets or the named ones.

    A network whose deposits or withdrawals the provider comments on is marked with its words.

    \b
    Example:
      marketctl wallet show KUCOIN USDT BTC
    """
    from marketctl.errors import StorageFailed
    from marketctl.tables import closest
    from marketctl.views import snapshot

    given = globals_of()
    found = snapshot(given.registry(), "wallet", provider)
    chosen = found["assets"]
    if assets:
        chosen = {}
        for name in dict.fromkeys(word.upper() for word in assets):
            same = {code: one for code, one in found["assets"].items() if name in (code, one["ticker"])}
            if not same:
                close = closest(name, found["assets"])
                raise StorageFailed(
                    f"{found['provider']} lists no {name}." + (f" Did you mean {close}?" if close else "")
                )
            chosen |= same
    if as_json:
        print_json(found | {"assets": chosen})
        return 0
    rows = []
    for code, asset in sorted(chosen.items()):
        name = code if code == asset["ticker"] else f"{asset['ticker']} ({code})"
        networks = asset["networks"] or {"": dict.fromkeys(("network", "withdraw_fee", "withdraw_min", "note"))}
        for key, network in networks.items():
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
                    network.get("note"),
                )
            )
    columns = ("asset", "code", "network", "deposit", "withdraw", "fee", "fee %", "minimum", "confirmations", "memo")
    print_rows(given, (*columns, "note"), rows)
    return 0
