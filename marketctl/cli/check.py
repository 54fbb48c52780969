"""marketctl check: the health of providers, for people, scripts and monitoring systems."""

from typing import TYPE_CHECKING

import click

from marketctl.cli.options import (
    HELP,
    Command,
    Globals,
    complete_provider,
    global_options,
    globals_of,
    json_option,
    max_age_option,
)
from marketctl.cli.output import json_text, print_rows, seconds, sentence
from marketctl.cli.working import open_run

if TYPE_CHECKING:
    from marketctl.check.health import Health

COLUMNS = ("provider", "check", "verdict", "message", "time")
FORMATS = ("table", "json", "nagios", "prometheus")


@click.command(cls=Command, context_settings=HELP)
@click.argument("providers", nargs=-1, metavar="[P]...", shell_complete=complete_provider)
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to tell it; default table.")
@max_age_option
@click.option(
    "--fail-after",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Failures that may pass by themselves warn until the N-th in a row.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the document there, whole; - is stdout.")
@json_option
@global_options
def command(
    providers: tuple[str, ...],
    form: str | None,
    max_age_s: float | None,
    fail_after: int,
    output: str | None,
    as_json: bool,
) -> int:
    """Check the health of providers, cheapest test first. Nothing is written or published.

    \b
    Example:
      marketctl check
      marketctl check BYBIT KUCOIN --max-age 60 --format nagios
      marketctl check --format prometheus -o /var/lib/node_exporter/marketctl.prom

    A check is pass, unconfigured (no key), warn, unknown (blocked from here, which is not down), fail, or skipped;
    the worst one is the provider's. Published quotes older than --max-age are a failure; without it, late ones are a
    warning. What waiting cannot mend, such as a wrong key or old quotes, is a failure at once
    whatever --fail-after says.

    Exit codes: 0 healthy (pass, warn, unconfigured), 1 not (fail, unknown), 2 usage, 4 configuration.
    With --format nagios: 0 OK, 1 WARNING (warn, unconfigured), 2 CRITICAL (fail), 3 UNKNOWN (also bad usage and
    configuration).
    """
    from marketctl.errors import MarketctlError
    from marketctl.monitoring.nagios import NAGIOS_UNKNOWN, nagios_unknown

    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other.")
    form = "json" if as_json else form or "table"
    if output and form == "table":
        raise click.UsageError("-o needs --format json, nagios or prometheus.")
    given = globals_of()
    try:
        return _check(given, providers, form, max_age_s, fail_after, output)
    except MarketctlError as error:
        if form != "nagios":
            raise
        click.echo(nagios_unknown(error.message))
        return NAGIOS_UNKNOWN


def _check(
    given: Globals,
    providers: tuple[str, ...],
    form: str,
    max_age_s: float | None,
    fail_after: int,
    output: str | None,
) -> int:
    from marketctl.check.checkup import check_providers
    from marketctl.jobs.document import run_document
    from marketctl.jobs.run import choose
    from marketctl.monitoring.nagios import nagios_exit, nagios_line
    from marketctl.monitoring.prometheus import prometheus_text

    with open_run(given) as run:
        results = check_providers(run, choose(run.registry, providers), max_age_s=max_age_s, fail_after=fail_after)
        document = run_document(run, "check", results)
    healthy = all(health.healthy for health in results)
    if form == "table":
        if not (given.quiet and healthy):
            print_rows(given, COLUMNS, _rows(results))
        return int(not healthy)
    if form == "json":
        text = json_text(document) + "\n"
    elif form == "nagios":
        text = nagios_line(results, document["duration_ms"], max_age_s) + "\n"
    else:
        text = prometheus_text(results)
    if output not in (None, "-"):
        from pathlib import Path

        from marketctl.files.atomic import write_atomic
        from marketctl.files.snapshots import to_bytes

        write_atomic(Path(str(output)), to_bytes(text))
    else:
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
    return nagios_exit(results) if form == "nagios" else int(not healthy)


def _rows(results: list["Health"]) -> list[tuple[str, ...]]:
    return [
        (
            health.provider,
            check.check,
            check.status,
            sentence(check.message or "", check.hint),
            "" if check.status == "skipped" else seconds(check.duration_ms),
        )
        for health in results
        for check in health.checks
    ]
