"""marketctl rates explain: one direction worked out now, with all it is made of."""

from typing import TYPE_CHECKING, Any

import click

from marketctl.cli.complete import complete_direction
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.rebuilding import find_rates, rates_option
from marketctl.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from marketctl.rates.build import Outcome

PARTS = (
    Column("what", "name"),
    Column("is"),
    Column("age", "age"),
    Column("allowed", "age", rank=1),
    Column("verdict"),
)


@click.command("explain", cls=Command, context_settings=HELP)
@click.argument("direction", nargs=-1, required=True, shell_complete=complete_direction)
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
    from marketctl.rates.plan import read_plan
    from marketctl.views.quotes import open_reader

    given = globals_of()
    registry = given.registry()
    plan = read_plan(find_rates(registry.path, rates), registry)
    chosen = choose(plan, direction)
    with open_reader(registry) as reader:
        outcome = work_out(chosen, plan, reader, read_account(registry.settings.data_dir / "rates"))
    if as_json:
        formula = {"formula": chosen.text, "in_decimals": chosen.in_decimals, "out_decimals": chosen.out_decimals}
        print_document(given, {"schema": 1, "command": "rates explain", "results": [outcome.to_dict() | formula]})
    else:
        print_rows(given, PARTS, explained(outcome))
    return EXIT_OK if outcome.status == "ok" else EXIT_FAILED


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
