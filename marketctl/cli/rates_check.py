"""marketctl rates check: that the export is what a recent build wrote."""

from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import print_document
from marketctl.cli.param_types import Seconds
from marketctl.cli.rebuilding import find_rates, rates_option, registry_or_withdraw
from marketctl.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check", cls=Command, context_settings=HELP)
@rates_option
@click.option("--max-age", "max_age_s", type=Seconds(), metavar="S", help="Seconds a build may be old.")
@click.option("--empty", "empty", is_flag=True, help="Empty the export when the last build is too old or wrong.")
@json_option
@global_options
def check(rates: str | None, max_age_s: float | None, empty: bool, as_json: bool) -> int:
    """Check rates.toml, and that the export is what a recent build wrote; asks nobody.

    With --empty, from cron or a timer of its own, it is what takes old rates away when whatever builds them has died.

    \b
    Example:
      marketctl rates check --empty -q

    Exit codes: 0 good, 1 the export is too old, missing or changed, 4 rates.toml or the registry is wrong.
    """
    from marketctl.log import log
    from marketctl.rates.account import read_account
    from marketctl.rates.build import build_lock
    from marketctl.rates.look import build_limit_ms, troubles
    from marketctl.rates.plan import rates_path, read_plan
    from marketctl.rates.writing import withdraw
    from marketctl.times import now_ms

    given = globals_of()
    path = rates_path(given.registry_path(), rates)
    registry = registry_or_withdraw(given, path) if empty else given.registry()
    folder = registry.settings.data_dir / "rates"
    limit = build_limit_ms(registry) if max_age_s is None else round(max_age_s * 1000)
    account = read_account(folder)
    wrong = troubles(account, now_ms(), limit)
    emptied: list[Path] = []
    if wrong and empty:
        with build_lock(folder, 10.0):
            account = read_account(folder)  # a build may have ended meanwhile
            wrong = troubles(account, now_ms(), limit)
            emptied = withdraw(folder, path) if wrong else []
    for one in emptied:
        log.error("%s: emptied, its rates are too old to be offered", one)
    plan = read_plan(find_rates(registry.path, rates), registry)  # only now: old rates go, whatever stands there
    if account.built_ms is None and not account.broken:  # a first look at a new file
        wrong = [f"{path}: {len(plan.directions)} directions, good; nothing was built yet. Next: marketctl rates build"]
    out = sorted(name for name, one in account.directions.items() if one["status"] == "out")
    if as_json:
        counts = {"directions": len(plan.directions), "out": out, "emptied": [str(one) for one in emptied]}
        print_document(given, {"schema": 1, "command": "rates check", "problems": wrong, "results": [], **counts})
    for problem in wrong:
        log.error("%s", problem)
    if out and not as_json:
        log.warning("out of the export: %s", ", ".join(out))
    if not wrong and not as_json and not given.quiet:
        click.echo(f"{path}: {len(plan.directions)} directions, good")
    return EXIT_FAILED if wrong else EXIT_OK
