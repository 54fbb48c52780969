"""marketctl stats: collect and show how each provider is doing."""

import click

from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import (
    dump_raw_option,
    json_option,
    lock_wait_option,
    provider_argument,
    provider_option,
    strict_option,
)
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.working import work_and_report

COLUMNS = (
    Column("provider", "name"),
    Column("pairs", "number"),
    Column("trading", "number"),
    Column("assets", "number", rank=3),
    Column("deposit", "number"),
    Column("withdraw", "number"),
    Column("skew ms", "number"),
    Column("latency ms", "number", rank=2),
    Column("platform", "word"),
    Column("quota left", "number"),
    Column("runs dry", "time"),
    Column("collected at", "time", rank=1),
)


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Collect and show how each provider is doing.

    \b
    Example:
      marketctl stats collect -p KUCOIN
      marketctl stats show KUCOIN
    """


@command.command(cls=Command, context_settings=HELP)
@provider_option
@dump_raw_option
@click.option("--force", is_flag=True, help="Store them even when half of what was counted is gone.")
@lock_wait_option
@strict_option
@json_option
@global_options
def collect(
    providers: tuple[str, ...], dump_raw: bool, force: bool, lock_wait: float, strict: bool, as_json: bool
) -> int:
    """Count pairs, coins and networks, add up the turnover, measure the clock.

    \b
    Example:
      marketctl stats collect -p HTX --json

    Exit codes: 0 all good, 1 nothing succeeded, 3 some failed, 4 configuration, 75 another run works.
    """
    from marketctl.jobs.run import Options

    options = Options(strict=strict, dump_raw=dump_raw, force=force, lock_wait_s=lock_wait)
    return work_and_report("stats collect", providers, ("stats",), options, as_json)


@command.command(cls=Command, context_settings=HELP)
@provider_argument(required=False)
@json_option
@global_options
def show(provider: str | None, as_json: bool) -> int:
    """Show the last statistics, of one provider or of all, and when a plan runs dry at the present pace.

    \b
    Example:
      marketctl stats show

    Exit codes: 0 shown, 3 some cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.jobs.forecast import pace
    from marketctl.log import log
    from marketctl.times import to_iso
    from marketctl.views.snapshots import snapshots

    given = globals_of()
    found = snapshots(given.registry(), "stats", [provider] if provider else ())
    code = EXIT_PARTIAL if found.broken else EXIT_OK
    for problem in found.broken:
        log.error("%s", problem.message)
    if found.missing:
        log.warning("without statistics: %s", ", ".join(found.missing))
    paces = [pace(one) for one in found.snapshots]
    if as_json:
        told = [
            one | {"quota_per_day": goes.per_day, "quota_runs_dry_at": to_iso(goes.dry_ms)}
            for one, goes in zip(found.snapshots, paces, strict=True)
        ]
        print_document(given, {"schema": 1, "command": "stats show", "results": told})
        return code
    rows = []
    for one, goes in zip(found.snapshots, paces, strict=True):
        stats = one["stats"]
        quota = stats["quota"] or {}
        rows.append(
            (
                one["provider"],
                stats["pairs"]["total"],
                stats["pairs"]["trading"],
                stats["assets"]["total"],
                stats["assets"]["deposit_open"],
                stats["assets"]["withdraw_open"],
                stats["clock_skew_ms"],
                stats["latency_ms"],
                stats["platform"]["status"],
                quota.get("remaining"),
                to_iso(goes.dry_ms) or (None if goes.per_day is None else "lasts"),
                one["collected_at"],
            )
        )
    print_rows(given, COLUMNS, rows)
    return code
