"""marketctl run: all jobs, or the chosen ones, for all providers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import (
    dump_raw_option,
    jobs_option,
    json_option,
    lock_wait_option,
    mirror_option,
    provider_option,
    strict_option,
)
from marketctl.cli.param_types import FILE
from marketctl.cli.working import do_work, open_desk, print_results

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result

# What may be typed -> the jobs it stands for; the old collectors' names go on working.
TASKS = {
    "all": ("wallet", "prices", "stats"),
    "wallet-assets": ("wallet",),
    "wallet": ("wallet",),
    "prices": ("prices",),
    "stats": ("stats",),
}


@click.command(cls=Command, context_settings=HELP)
@click.option("--task", "tasks", type=click.Choice(list(TASKS)), multiple=True, help="Which jobs; default all.")
@provider_option
@click.option("--once", is_flag=True, help="Do each job once and end; else repeat at the registry's intervals.")
@dump_raw_option
@mirror_option
@click.option("--admin-mirror", "mirror", flag_value=True, default=None, hidden=True)
@click.option("--force", is_flag=True, help="Publish quotes even when half of them are gone.")
@click.option(
    "--metrics", type=FILE, metavar="FILE", help="Write figures for Prometheus' textfile collector after each run."
)
@click.option("--report", "board", type=FILE, metavar="FILE", help="Write the market board there after each run.")
@click.option("--notify", is_flag=True, help="Tell the channels in [notify] after each cycle what is new (see notify).")
@click.option("--rates", is_flag=True, help="Build the export of rates.toml after each prices cycle.")
@jobs_option
@lock_wait_option
@strict_option
@json_option
@global_options
def command(
    tasks: tuple[str, ...],
    providers: tuple[str, ...],
    once: bool,
    dump_raw: bool,
    mirror: bool | None,
    force: bool,
    metrics: str | None,
    board: str | None,
    rates: bool,
    notify: bool,
    jobs: int,
    lock_wait: float,
    strict: bool,
    as_json: bool,
) -> int:
    """Do all jobs (or the chosen ones) for all providers (or the chosen ones).

    \b
    Example, from cron:
      * * * * *  marketctl --config /etc/marketctl/providers.toml run --once --task prices -q

    Exit codes: 0 all good, 1 nothing succeeded, 3 some failed, 4 configuration, 75 another run works, 130/143 stopped.
    """
    from marketctl.errors import EXIT_PARTIAL
    from marketctl.jobs.run import Options, Run, choose
    from marketctl.monitoring.observers import Watch

    given = globals_of()
    options = Options(
        named=frozenset(name.upper() for name in providers),
        strict=strict,
        mirror=mirror,
        dump_raw=dump_raw,
        force=force,
        jobs=jobs,
        lock_wait_s=lock_wait,
    )
    wanted = {job for task in tasks or ("all",) for job in TASKS[task]}
    chosen_jobs = [job for job in TASKS["all"] if job in wanted]
    if board is not None:
        from marketctl.board import require_extra

        require_extra()
    if rates:
        from marketctl.cli.rebuilding import registry_or_withdraw

        registry_or_withdraw(given)
    with open_desk(given) as desk, Watch(desk, whole=not providers, metrics=metrics) as watch:
        work = [(entry, job) for entry in choose(desk.registry, providers) for job in chosen_jobs]
        alerts = None
        if notify:
            from marketctl.cli.alerting import Alerts

            alerts = Alerts(given, desk.registry, behind=not once)
        if not once:
            from marketctl.cli.repeat import repeat

            return repeat(given, desk, options, work, as_json, board, watch, rates=rates, alerts=alerts)
        run = Run(desk, options)
        results, code = do_work(given, run, work, "run", watch)
        made = make_of_results(desk, results, rates, board)
        if alerts is not None:
            made &= alerts.cycle()
        print_results(given, run, "run", results, as_json)
        return code if made else code or EXIT_PARTIAL


def make_of_results(desk: "Desk", results: "Sequence[Result]", rates: bool, board: str | None) -> bool:
    """Build the rates and write the board, where wanted; tell whether that went well."""
    made = True
    if rates:
        from marketctl.cli.rebuilding import Rebuild

        made = Rebuild(desk).after(results)
    if board is not None:
        from marketctl.cli.report import refresh

        made = refresh(desk, board) and made
    return made
