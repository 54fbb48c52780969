"""marketctl convert: what arrives, over the best ways through books and networks that are open now."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

from marketctl.cli.complete import complete_place
from marketctl.cli.globals import HELP, Command, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.param_types import Amount, Place
from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL

COLUMNS = (
    Column("way", "number"),
    Column("step", "name"),
    Column("given", "number"),
    Column("arrives", "number"),
    Column("unit", "word"),
    Column("fee", "number", rank=1),
    Column("rate", "number", rank=2),
    Column("minimum", "number", rank=3),
    Column("memo", "flag", rank=4),
    Column("age", "age", rank=2),
    Column("proof", "word", rank=1),
)


@click.command(cls=Command, context_settings=HELP)
@click.argument("amount", type=Amount())
@click.argument("source", type=Place(), metavar="ASSET[@P]", shell_complete=complete_place)
@click.argument("target", type=Place(), metavar="ASSET[@P]", shell_complete=complete_place)
@click.option("--top", type=click.IntRange(1, 50), default=3, show_default=True, metavar="N", help="So many ways.")
@click.option("--steps", type=click.IntRange(1, 6), default=4, show_default=True, metavar="N", help="At most so many.")
@click.option("--via", multiple=True, metavar="WORD", help="Only over this asset, provider or network; repeatable.")
@click.option("--avoid", multiple=True, metavar="WORD", help="Not over this asset, provider or network; repeatable.")
@json_option
@global_options
def command(
    amount: Decimal, source: str, target: str, top: int, steps: int, via: tuple[str, ...], avoid: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """Find the ways on which most arrives, through live books and networks open now, and what each rests on.

    Without @P an asset may begin or end at any provider. A trade takes no more than stands at the best level, at the
    provider's taker fee ("taker_fee" in the registry, else an assumption that is told). Twins, closed or unknown
    networks, networks without a fee, held, halted and stale quotes are on no way.

    \b
    Example:
      marketctl convert 1000 USDT@MEXC RUB@RAPIRA

    Exit codes: 0 there is a way, 1 there is none, 2 usage, 3 there is one, and some quotes or wallets cannot be read or
    expired, 4 configuration.
    """
    from marketctl.convert.assumed import in_words
    from marketctl.convert.ways import convert
    from marketctl.log import log
    from marketctl.views.quotes import open_reader

    given = globals_of()
    if source.upper() == target.upper():
        raise click.UsageError(f"{source} is {target} already: nothing is to be converted.")
    with open_reader(given.registry()) as reader:
        found = convert(reader, f"{amount:f}", source, target, top=top, max_steps=steps, via=via, avoid=avoid)
    cause = None if found.cause is None else in_words(found.cause)
    if as_json:
        told = {"amount": found.amount, "source": source.upper(), "target": target.upper()}
        more = {
            "complete": found.complete,
            "cause": cause,
            "left_out": found.left_out,
            "problems": [one.words for one in found.problems],
        }
        print_document(given, {"schema": 1, "command": "convert", "results": found.ways} | told | more)
    else:
        rows = [row(number, step) for number, way in enumerate(found.ways, 1) for step in way["steps"]]
        print_rows(given, COLUMNS, rows)
        for number, way in enumerate(found.ways, 1):
            part = "" if way["whole"] else ", of a part"
            log.warning("way %d: %s %s at %s%s", number, way["arrives"], way["to_asset"], way["to"], part)
        for words in dict.fromkeys(words for way in found.ways for words in way["assumptions"]):
            log.warning("assumed: %s", words)
    for problem in found.problems:
        say = log.error if problem.is_unread else log.warning
        say("%s", problem.words)
    if not found.complete:
        log.warning("the search ended before it was sure that these are the best ways: use --steps or --avoid")
    if not found.ways:
        why = ", ".join(f"{len(told)} {reason}" for reason, told in found.left_out.items())
        left_out = f" (left out: {why})" if why else ""
        because = f": {cause}" if cause else ""
        log.error("there is now no way of %s %s to %s%s%s", found.amount, source, target, because, left_out)
    if not found.ways:
        return EXIT_FAILED
    return EXIT_PARTIAL if any(problem.is_unread for problem in found.problems) else EXIT_OK


def row(number: int, step: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a step as a row of the table."""
    from marketctl.views.routes import larger

    if step["step"] == "trade":
        how = f"{step['from']}: {'sell' if step['side'] == 'bid' else 'buy'} at {step['pair']} {step['side']}"
        return (number, how, step["given"], step["arrives"], step["unit_out"], step["fee"], step["rate"], None, None,
                step["age_ms"], None)  # fmt: skip
    how = f"{step['from']} to {step['to']} over {step['network']}"
    minimum, _ = larger(step["withdraw_min"], step["deposit_min"])
    return (number, how, step["given"], step["arrives"], step["unit_out"], step["fee"], None, minimum,
            step["memo_required"], step["age_ms"], step["identity"])  # fmt: skip
