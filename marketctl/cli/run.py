"""marketctl run: all jobs, or the chosen ones, for all providers."""

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
from marketctl.cli.working import open_run, work_and_report

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
@click.option("--metrics", metavar="FILE", help="Write figures for Prometheus' textfile collector after each run.")
@click.option("--report", "board", metavar="FILE", help="Write the market board there after each run.")
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
    from marketctl.jobs.run import Options, choose
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
    with open_run(given, options) as run, Watch(run, whole=not providers, metrics=metrics) as watch:
        chosen = choose(run.registry, providers)
        if not once:
            from marketctl.cli.repeat import repeat

            return repeat(given, run, chosen, chosen_jobs, as_json, board, watch)
        work = [(entry, job) for entry in chosen for job in chosen_jobs]
        code = work_and_report(given, run, work, "run", as_json, watch)
        if board is not None:
            from marketctl.cli.report import refresh

            if not refresh(run, board):
                return code or EXIT_PARTIAL
        return code
