"""marketctl status: how the desk stands, asking nobody."""

from typing import Any

import click

from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Aged, Column, for_people, paragraph, print_document, print_rows, sentence, write
from marketctl.cli.quotes import tell_mirror
from marketctl.cli.watching import watch, watch_option

COLUMNS = (
    Column("provider", "name"),
    *(Column(job, "age") for job in ("prices", "wallet", "stats")),
    Column("quotes", "number", rank=2),
    Column("held", "number", blank="0"),
    Column("why"),
)


@click.command(cls=Command, context_settings=HELP)
@watch_option
@json_option
@global_options
def command(watch_s: float | None, as_json: bool) -> int:
    """Tell what is fresh, failing, held and closed, from files and Redis alone: no provider is asked.

    Closed are doors of the assets in [watch] of the registry, by common network over all venues. `check` asks the
    providers themselves.

    \b
    Example:
      marketctl status
      marketctl status --watch=5
    """
    given = globals_of()
    return watch(given, watch_s, lambda: show(given, as_json))


def show(given: Globals, as_json: bool = False) -> int:
    """Print the status; return the exit code, which is 0: it is an answer, however bad. `check` is for monitoring."""
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.quotes import open_reader
    from marketctl.views.status import WELL
    from marketctl.views.status import status as find

    registry = given.registry()
    wanted = registry.watch
    with open_reader(registry) as reader:
        found = find(registry, reader, now_ms(), wanted.assets, wanted.networks)
    jobs = found["jobs"]
    if any(job["count"] for job in jobs):
        tell_mirror(reader)
    for problem in dict.fromkeys(job["problem"] for job in jobs if job["problem"]):
        log.error("%s", problem)
    well = all(job["state"] in WELL and not job["held"] and not job["problem"] for job in jobs)
    if as_json:
        print_document(given, {"schema": 1, "command": "status", "results": jobs, "closed": found["closed"]}
                       | {"unknown": found["unknown"], "totals": found["totals"], "healthy": well})  # fmt: skip
        return 0
    if given.quiet and well:
        return 0
    print_rows(given, COLUMNS, _rows(jobs))
    if for_people(given):
        for door in _joined(found["closed"]):
            instead = ", ".join(f"{way['network']} {way['fee'] or '?'}" for way in door["instead"][:3])
            write(paragraph(given, door["words"] + (f"; open: {instead}" if instead else "; no way open")))
        told = [asset for asset in wanted.assets if asset not in found["unknown"]]
        if told and not found["closed"]:
            write(paragraph(given, f"nothing closed of {', '.join(told)}"))
        if found["unknown"]:
            words = f"what is closed of {', '.join(found['unknown'])} is not known: no fresh wallet has it"
            write(paragraph(given, sentence(words, "marketctl wallet sync")))
        write(paragraph(given, summary(found["totals"], sum(job["held"] or 0 for job in jobs))))
    return 0


def _joined(doors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the two doors of a network into one line where the same venues closed both."""
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for door in doors:
        line = lines.setdefault((door["asset"], door["network"], str(door["closed"])), dict(door))
        if line["door"] != door["door"]:
            line["words"] = line["words"].replace("withdrawals closed", "closed").replace("deposits closed", "closed")
    return list(lines.values())


def _rows(jobs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    rows = []
    for provider in dict.fromkeys(job["provider"] for job in jobs):
        by_job = {job["job"]: job for job in jobs if job["provider"] == provider}
        ages = [_age(by_job[name]) for name in ("prices", "wallet", "stats")]
        prices = by_job["prices"]
        rows.append((provider, *ages, prices["count"], prices["held"], "; ".join(_whys(by_job)) or None))
    return rows


def _age(job: dict[str, Any]) -> Aged | str:
    """Return age and state; the state alone where there are no data, or not since when."""
    state: str = job["state"]
    return state if job["age_ms"] is None else Aged(job["age_ms"], state)


def _whys(by_job: dict[str, dict[str, Any]]) -> list[str]:
    """Say why what is not well: once where several jobs have the same reason."""
    told: dict[str, list[str]] = {}
    for name, job in by_job.items():
        if job["state"] == "failing":
            since = f" since {job['last_success'][11:16]}" if job["last_success"] else ""
            told.setdefault(f"{job['message'] or job['reason']}{since}", []).append(name)
        elif job["state"] == "stale" and job["message"]:
            told.setdefault(job["message"], []).append(name)
    return [f"{', '.join(names)}: {why}" for why, names in told.items()]


def summary(totals: dict[str, int], held: int) -> str:
    """Count jobs by state: "21 fresh, 1 failing, 2 no key"."""
    words = [f"{count} {state}" for state, count in totals.items()]
    return ", ".join([*words, f"{held} quotes held"] if held else words)
