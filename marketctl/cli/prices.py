"""marketctl prices: the best bid and ask of every pair."""

import click

from marketctl.cli.options import (
    HELP,
    Command,
    dump_raw_option,
    global_options,
    globals_of,
    jobs_option,
    json_option,
    lock_wait_option,
    mirror_option,
    provider_option,
    strict_option,
)
from marketctl.cli.report import open_run, work_and_report


@click.group(context_settings=HELP)
def command() -> None:
    """Collect and show the best bid and ask of every pair.

    \b
    Example:
      marketctl prices collect -p KUCOIN
      marketctl prices show KUCOIN BTC/USDT
    """


@command.command(cls=Command, context_settings=HELP)
@provider_option
@mirror_option
@click.option("--dry-run", is_flag=True, help="Fetch and read, publish and write nothing.")
@dump_raw_option
@click.option("--force", is_flag=True, help="Publish even when half of the pairs are gone.")
@jobs_option
@lock_wait_option
@strict_option
@json_option
@global_options
def collect(
    providers: tuple[str, ...],
    mirror: bool | None,
    dry_run: bool,
    dump_raw: bool,
    force: bool,
    jobs: int,
    lock_wait: float,
    strict: bool,
    as_json: bool,
) -> int:
    """Fetch the best bid and ask, publish them to Redis, mirror them to JSON files.

    \b
    Example:
      marketctl prices collect -p KUCOIN --json
    """
    from marketctl.collect import Options, choose

    given = globals_of()
    options = Options(
        frozenset(name.upper() for name in providers), strict, mirror, dry_run, dump_raw, force, jobs, lock_wait
    )
    with open_run(given, options) as run:
        work = [(entry, "prices") for entry in choose(run.registry, providers)]
        return work_and_report(given, run, work, "prices collect", as_json)
