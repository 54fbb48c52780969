"""marketctl check: the health of providers, for people, scripts and monitoring systems."""

from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import max_age_option, output_options, provider_option
from marketctl.cli.output import Column, for_people, paragraph, print_document, print_rows, sentence, write
from marketctl.cli.param_types import FILE
from marketctl.cli.progress import Progress
from marketctl.cli.working import open_run

if TYPE_CHECKING:
    from marketctl.check.health import Check, Health

COLUMNS = (
    Column("provider", "name"),
    Column("check", "name"),
    Column("verdict", "word"),
    Column("message"),
    Column("time", "age", rank=1),
)
PROGRAMS = ("json", "nagios", "prometheus")  # forms that programs read
VERDICTS = {
    "pass": "healthy",
    "warn": "with warnings",
    "unconfigured": "without a key",
    "unknown": "blocked or not reached",
    "fail": "failing",
}


@click.command(cls=Command, context_settings=HELP)
@provider_option
@max_age_option
@click.option(
    "--fail-after",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Failures that may pass by themselves warn until the N-th in a row.",
)
@click.option("--second-opinion", "opinion", is_flag=True, help="Ask BYBIT, HTX, KUCOIN, MEXC through ccxt too.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write the document there, whole; - is stdout.")
@output_options("nagios", "prometheus")
@global_options
def command(
    providers: tuple[str, ...],
    max_age_s: float | None,
    fail_after: int,
    opinion: bool,
    output: str | None,
    as_json: bool,
) -> int:
    """Check the health of providers, cheapest test first. Nothing is written or published.

    \b
    Example:
      marketctl check
      marketctl check BYBIT KUCOIN --max-age 60 --format nagios
      marketctl check BYBIT --second-opinion
      marketctl check --format prometheus -o /var/lib/node_exporter/marketctl.prom

    A check is pass, unconfigured (no key), warn, unknown (blocked from here, which is not down), fail, or skipped;
    the worst one is the provider's. On a terminal that is one line a provider and details of what is not well, with
    -v all. Published quotes older than --max-age are a failure; without it, late ones are a
    warning. What waiting cannot mend, such as a wrong key or old quotes, is a failure at once
    whatever --fail-after says.

    A second opinion (extra ccxt) reads the same provider by another program: counts, the canary, ten pairs and all
    networks are compared, and each field that differs is named. It is how you find out that an API has moved.

    Exit codes: 0 healthy (pass, warn, unconfigured), 1 not (fail, unknown), 2 usage, 4 configuration.
    With --format nagios: 0 OK, 1 WARNING (warn, unconfigured), 2 CRITICAL (fail), 3 UNKNOWN (also bad usage and
    configuration).
    """
    from marketctl.errors import MarketctlError
    from marketctl.monitoring.nagios import NAGIOS_UNKNOWN, nagios_unknown

    given = globals_of()
    form = "json" if as_json else given.form or "rows"
    if output and form not in PROGRAMS:
        raise click.UsageError("-o needs --format json, nagios or prometheus.")
    try:
        return _check(given, providers, form, max_age_s, fail_after, opinion, output)
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
    opinion: bool,
    output: str | None,
) -> int:
    from marketctl.check.checkup import check_providers
    from marketctl.jobs.document import run_document
    from marketctl.jobs.run import choose
    from marketctl.monitoring.nagios import nagios_exit

    with open_run(given) as run:
        entries = choose(run.registry, providers)
        progress = Progress(given, len(entries))
        results = check_providers(
            run,
            entries,
            max_age_s=max_age_s,
            fail_after=fail_after,
            opinion=opinion,
            on_result=lambda one: progress.count(one.provider),
        )
        progress.clear()
        document = run_document(run, "check", results)
    healthy = all(health.healthy for health in results)
    if form not in PROGRAMS:
        if not (given.quiet and healthy):
            _show(given, results)
    elif form == "json" and output in (None, "-"):
        print_document(given, document)
    else:
        _write_out(_text(form, results, document, max_age_s), output, exact=form == "prometheus")
    return nagios_exit(results) if form == "nagios" else int(not healthy)


def _text(form: str, results: list["Health"], document: dict[str, Any], max_age_s: float | None) -> str:
    """Return what a program reads: one of PROGRAMS."""
    if form == "nagios":
        from marketctl.monitoring.nagios import nagios_line

        return nagios_line(results, document["duration_ms"], max_age_s) + "\n"
    if form == "prometheus":
        from marketctl.monitoring.prometheus import prometheus_text

        return prometheus_text(results)
    from marketctl.cli.output import json_text

    return json_text(document) + "\n"


def _write_out(text: str, output: str | None, *, exact: bool) -> None:
    """Write to the file that was named, else to stdout; `exact` keeps its mode from the umask. Raises StorageFailed."""
    if output in (None, "-"):
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
        return
    from pathlib import Path

    from marketctl.files.atomic import write_output
    from marketctl.files.snapshots import to_bytes

    write_output(Path(str(output)), to_bytes(text), exact=exact)


def _show(given: Globals, results: list["Health"]) -> None:
    """Tell people one line a provider, then what is not well, then the sum; all others every check."""
    if not for_people(given) or given.verbose:
        print_rows(given, COLUMNS, [_row(health.provider, check) for health in results for check in health.checks])
    else:
        print_rows(given, COLUMNS, [_worst(health) for health in results])
        for health in results:
            for check in health.checks:
                if check.status not in ("pass", "skipped"):
                    words = sentence(check.message or "", check.hint)
                    write(paragraph(given, f"{health.provider} {check.check}: {check.status}: {words}"))
    if for_people(given):
        write(f"{summary(results)}\n")


def _row(provider: str, check: "Check") -> tuple[Any, ...]:
    time = None if check.status == "skipped" else check.duration_ms
    return (provider, check.check, check.status, sentence(check.message or "", check.hint), time)


def _worst(health: "Health") -> tuple[Any, ...]:
    worst = next((check for check in health.checks if check.status == health.status), None)
    if worst is None or health.status == "pass":
        made = sum(check.status == "pass" for check in health.checks)
        return (health.provider, None, health.status, f"{made} checks", health.duration_ms)
    return (health.provider, worst.check, worst.status, worst.message, health.duration_ms)


def summary(results: list["Health"]) -> str:
    """Count providers by verdict: "2 healthy, 5 failing, 1 blocked or not reached"."""
    counts = {words: sum(health.status == verdict for health in results) for verdict, words in VERDICTS.items()}
    return ", ".join(f"{count} {words}" for words, count in counts.items() if count) or "nothing to check"
