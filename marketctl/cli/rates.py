"""marketctl rates: the rates of an exchange desk's site, as an export for the aggregators.

Long: the commands of one group, of which the help is the larger part.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.options import (
    HELP,
    Command,
    Globals,
    Group,
    global_options,
    globals_of,
    json_option,
    lock_wait_option,
)
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from pathlib import Path

    from marketctl.config.registry import Registry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result
    from marketctl.rates.build import Built, Outcome

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
PARTS = (
    Column("what", "name"),
    Column("is"),
    Column("age", "age"),
    Column("allowed", "age", rank=1),
    Column("verdict"),
)

rates_option = click.option(
    "--rates", "rates", metavar="FILE", help="The directions; default rates.toml beside the registry."
)


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Build the export of a desk's rates out of live quotes, and look at it.

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
    bytes and time. A rates.toml that cannot be read empties the export.

    \b
    Example:
      marketctl rates build --report

    Exit codes: 0 every direction is in, 1 none is or nothing could be written, 3 some are out, 4 rates.toml or the
    registry is wrong and the export empty, 75 another build works.
    """
    from marketctl.monitoring.rates import tell
    from marketctl.rates.build import Builder

    given = globals_of()
    registry, path = read_or_withdraw(given, rates)
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


@command.command(cls=Command, context_settings=HELP)
@click.argument("direction", nargs=-1, required=True)
@rates_option
@json_option
@global_options
def explain(direction: tuple[str, ...], rates: str | None, as_json: bool) -> int:
    """Work one direction out now: every quote with its age, every network, the exact rate, what is written.

    Nothing is written; DIRECTION is FROM:TO, and FROM:TO:CITY where there are several.

    \b
    Example:
      marketctl rates explain USDTTRC20:SBERRUB

    Exit codes: 0 it is good, 1 it is out, 4 configuration.
    """
    from marketctl.rates.account import read_account
    from marketctl.rates.look import choose
    from marketctl.rates.look import explain as work_out
    from marketctl.rates.plan import rates_path, read_plan
    from marketctl.views.quotes import open_reader

    given = globals_of()
    registry = given.registry()
    plan = read_plan(rates_path(registry.path, rates), registry)
    chosen = choose(plan, direction)
    with open_reader(registry) as reader:
        outcome = work_out(chosen, plan, reader, read_account(registry.settings.data_dir / "rates"))
    if as_json:
        formula = {"formula": chosen.text, "in_decimals": chosen.in_decimals, "out_decimals": chosen.out_decimals}
        print_document(given, {"schema": 1, "command": "rates explain", "results": [outcome.to_dict() | formula]})
    else:
        print_rows(given, PARTS, explained(outcome))
    return EXIT_OK if outcome.status == "ok" else EXIT_FAILED


@command.command(cls=Command, context_settings=HELP)
@rates_option
@click.option("--max-age", "max_age_s", type=click.FloatRange(min=0), metavar="S", help="Seconds a build may be old.")
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
    from marketctl.rates.build import build_lock, withdraw
    from marketctl.rates.look import build_limit_ms, troubles
    from marketctl.rates.plan import rates_path, read_plan
    from marketctl.times import now_ms

    given = globals_of()
    if empty:
        registry, path = read_or_withdraw(given, rates)
    else:
        registry = given.registry()
        path = rates_path(registry.path, rates)
    plan = read_plan(path, registry)
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
    out = sorted(name for name, one in account.directions.items() if one["status"] == "out")
    if as_json:
        counts = {"directions": len(plan.directions), "out": out, "emptied": [str(one) for one in emptied]}
        print_document(given, {"schema": 1, "command": "rates check", "problems": wrong, "results": [], **counts})
    for problem in wrong:
        log.error("%s", problem)
    for one in emptied:
        log.error("%s: emptied, its rates are too old to be offered", one)
    if out and not as_json:
        log.warning("out of the export: %s", ", ".join(out))
    if not wrong and not as_json and not given.quiet:
        click.echo(f"{path}: {len(plan.directions)} directions, good")
    return EXIT_FAILED if wrong else EXIT_OK


def read_or_withdraw(given: Globals, rates: str | None) -> "tuple[Registry, Path]":
    """Return registry and rates.toml; a registry that cannot be read leaves no export. Raises ConfigError."""
    from pathlib import Path

    from marketctl.config.paths import DATA_DIR_VARIABLE
    from marketctl.errors import ConfigError
    from marketctl.rates.build import LOCK_WAIT_S, build_lock, withdraw
    from marketctl.rates.plan import rates_path

    place = given.registry_path()
    path = rates_path(place, rates)
    try:
        return given.registry(), path
    except ConfigError:
        import os

        named = given.data_dir or os.environ.get(DATA_DIR_VARIABLE)
        folder = (Path(named) if named else place.parent / "data") / "rates"
        if folder.exists():
            with build_lock(folder, LOCK_WAIT_S):
                withdraw(folder, path)
        raise


class Rebuild:
    """Builds the export of `run --rates` after prices, with the desk's own connection."""

    def __init__(self, desk: "Desk") -> None:
        from marketctl.rates.build import Builder
        from marketctl.rates.plan import rates_path

        self._desk = desk
        self._builder = Builder(desk.registry, rates_path(desk.registry.path))

    def after(self, results: "Sequence[Result]") -> bool:
        """Build, if there were prices among these; tell on stderr, not by raising, what failed.

        A failed job counts as well: its quotes may have become too old.
        """
        from marketctl.errors import MarketctlError
        from marketctl.log import log
        from marketctl.monitoring.rates import tell
        from marketctl.views.quotes import desk_reader

        if not any(result.job == "prices" for result in results):
            return True
        try:
            built = self._builder.build(desk_reader(self._desk.registry, self._desk.redis))
        except MarketctlError as error:
            log.error("the rates were not built: %s", error.message)
            return False
        return tell(built, self._desk.settings)


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


def explained(outcome: "Outcome") -> list[tuple[Any, ...]]:
    """Return a direction's parts as rows."""
    from marketctl.text import plain

    one = outcome.direction
    rows: list[tuple[Any, ...]] = [("formula", one.text, None, None, None)]
    for judged in (*outcome.legs, *outcome.needs):
        verdict = f"{judged.reason}: {judged.message}" if judged.reason else "good"
        verdict += "".join(f" ! {note}" for note in judged.notes)
        rows.append((judged.what, judged.value, judged.age_ms, judged.limit_ms, verdict))
    if outcome.rate is not None:
        rows.append(
            ("rate", f"{plain(outcome.rate, 28)} {one.target.asset} for 1 {one.source.asset}", None, None, None)
        )
    if outcome.item is not None:
        given = f"{outcome.item.gives} {one.source.code} for {outcome.item.gets} {one.target.code}"
        rows.append(("in, out", given, None, None, "rounded in the desk's favour"))
    verdict = "in the export" if outcome.status == "ok" else f"{outcome.reason}: {outcome.message}"
    return [*rows, (one.name, outcome.status, None, None, verdict)]
