"""marketctl rates: the rates of an exchange desk's site, as an export for the aggregators."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import json_option, lock_wait_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.rebuilding import find_rates, rates_option, registry_or_withdraw
from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from marketctl.rates.build import Built

COLUMNS = (
    Column("direction", "name"),
    Column("status", "word"),
    Column("in", "number"),
    Column("out", "number"),
    Column("why"),
    Column("age", "age", rank=1),
    Column("since", "time", rank=2),
    *(Column(name, extra=True) for name in ("reason", "rate", "amount")),
)
SUMMARY = (*(Column(name, "number") for name in ("directions", "in", "out")), Column("why"), Column("files", "path"))


@click.group(cls=Group, lazy={"check": "rates_check:check", "explain": "rates_explain:explain"}, context_settings=HELP)
def command() -> None:
    """Build the export of a desk's rates out of live quotes, and look at it.

    The directions stand in rates.toml beside providers.toml:

    \b
      [codes]
      USDTTRC20 = { asset = "USDT", network = "tron", decimals = 2 }
      SBERRUB = { asset = "RUB" }
      [[directions]]
      from = "USDTTRC20"
      to = "SBERRUB"
      rate = "RAPIRA USDT/RUB bid - 1.5%"
      amount = 5000000
      from_min = 100
      from_max = 20000
      needs = ["RAPIRA USDT tron deposit"]

    \b
    Example:
      marketctl rates build
      marketctl rates explain USDTTRC20:SBERRUB
    """


@command.command(cls=Command, context_settings=HELP)
@rates_option
@click.option("--report", "report", is_flag=True, help="Show every direction, not just how many are in and out.")
@lock_wait_option
@json_option
@global_options
def build(rates: str | None, report: bool, lock_wait: float, as_json: bool) -> int:
    """Write the export anew: each direction whose every quote and network is good now, and no other.

    A direction that is out comes back after good builds in a row ("good_builds"). Files that would not change keep
    bytes and time. A rates.toml that cannot be read empties the export; a --rates FILE that is not there changes
    nothing.

    \b
    Example:
      marketctl rates build --report

    Exit codes: 0 every direction is in, 1 none is or nothing could be written, 3 some are out, 4 rates.toml or the
    registry is wrong and the export empty, 75 another build works.
    """
    from marketctl.monitoring.rates import tell
    from marketctl.rates.build import Builder

    given = globals_of()
    path = find_rates(given.registry_path(), rates)
    registry = registry_or_withdraw(given, path)
    built = Builder(registry, path).build(lock_wait_s=lock_wait)
    told = tell(built, registry.settings)
    if as_json:
        print_document(given, document(built))
    elif report:
        print_rows(given, COLUMNS, [row(one.to_dict()) for one in built.outcomes])
    elif not given.quiet:
        print_rows(given, SUMMARY, [summary(built)])
    counts = built.counts
    if counts["directions"] and not counts["in"]:
        return EXIT_FAILED
    return EXIT_PARTIAL if counts["out"] or not told else EXIT_OK


@command.command(cls=Command, context_settings=HELP)
@click.option("--out", "only_out", is_flag=True, help="Only directions that are out of the export.")
@json_option
@global_options
def show(only_out: bool, as_json: bool) -> int:
    """Show the last build: which directions are in the export, which are out, why and since when.

    \b
    Example:
      marketctl rates show --out

    Exit codes: 0 shown, 1 the last build is too old or nothing was built, 4 configuration.
    """
    from marketctl.log import log
    from marketctl.rates.account import read_account
    from marketctl.rates.look import build_limit_ms, troubles
    from marketctl.times import now_ms, to_iso

    given = globals_of()
    registry = given.registry()
    account = read_account(registry.settings.data_dir / "rates")
    wrong = troubles(account, now_ms(), build_limit_ms(registry))
    found = [one for one in account.directions.values() if one["status"] == "out" or not only_out]
    if as_json:
        head = {"schema": 1, "command": "rates show", "run_id": account.run_id, "built_at": to_iso(account.built_ms)}
        print_document(
            given, head | {"files": [str(path) for path in account.files], "problems": wrong, "results": found}
        )
    else:
        print_rows(given, COLUMNS, [row(one) for one in found])
    for problem in wrong:
        log.error("%s", problem)
    return EXIT_FAILED if wrong else EXIT_OK


def document(built: "Built") -> dict[str, Any]:
    """Return the document of `--json`."""
    from marketctl.times import to_iso

    return {
        "schema": 1,
        "command": "rates build",
        "run_id": built.run_id,
        "started_at": to_iso(built.started_ms),
        "duration_ms": built.duration_ms,
        "counts": built.counts,
        "files": [{"path": str(path), "changed": path in built.written} for path in built.paths],
        "results": [one.to_dict() for one in built.outcomes],
    }


def row(one: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a direction as a row of the table."""
    why = f"{one['reason']}: {one['message']}" if one["reason"] else None
    extra = (one["reason"], one["rate"], one["amount"])
    return (one["direction"], one["status"], one["in"], one["out"], why, one["age_ms"], one["since"], *extra)


def summary(built: "Built") -> tuple[Any, ...]:
    """Return the whole build as one row."""
    counts = built.counts
    why = ", ".join(f"{number} {reason}" for reason, number in counts["out_by"].items())
    files = ", ".join(str(path) for path in built.written) or "unchanged"
    return (counts["directions"], counts["in"], counts["out"], why or None, files)
