"""marketctl prices gaps: where a pair costs less than somebody else pays for it."""

from decimal import Decimal

import click

from marketctl.cli.complete import complete_pair
from marketctl.cli.globals import HELP, Command, Globals, global_options, globals_of
from marketctl.cli.options import json_option, only_provider_option
from marketctl.cli.output import Column, print_document, print_rows
from marketctl.cli.param_types import Amount
from marketctl.cli.quotes import is_of, read_quotes
from marketctl.cli.watching import watch, watch_option

COLUMNS = (
    Column("pair", "name"),
    Column("net %", "number", places=3),
    Column("gross %", "number", places=3, rank=1),
    Column("buy at", "name"),
    Column("ask", "number"),
    Column("sell at", "name"),
    Column("bid", "number"),
    Column("network", "name"),
    Column("fee", "number", unit="coin", rank=3),
    Column("proof", "word", rank=2),
    Column("age", "age", rank=4),
    Column("why"),
)


@click.command("gaps", cls=Command, context_settings=HELP)
@click.argument("pairs", nargs=-1, metavar="[PAIR]...", shell_complete=complete_pair)
@only_provider_option()
@click.option("--base", metavar="TICKER", help="Only pairs of this base.")
@click.option("--quote", metavar="TICKER", help="Only pairs against this quote.")
@click.option("--min", "least", type=Amount("%", zero=True), default="0%", metavar="PERCENT", help="Net, at least.")
@click.option(
    "--amount",
    type=Amount(),
    default="1000",
    show_default=True,
    metavar="N",
    help="What is spent, in the quote; less where less stands at the best level.",
)
@click.option("--all", "everything", is_flag=True, help="Also gaps that no open network bridges.")
@watch_option
@json_option
@global_options
def gaps(
    pairs: tuple[str, ...],
    providers: tuple[str, ...],
    base: str | None,
    quote: str | None,
    least: Decimal,
    amount: Decimal,
    everything: bool,
    watch_s: float | None,
    as_json: bool,
) -> int:
    """Rank best bid against best ask over venues, net of the cheapest open way between them.

    Bought at the ask of one venue, moved over the cheapest network that is open at both ends, sold at the bid of
    another. Left out: stale and halted quotes, reference rates, other coins of the same name. Fees for trading are not
    taken off.

    \b
    Example:
      marketctl prices gaps --quote USDT --min 0.3%

    Exit codes: 0 shown, also where there is none, 3 some quotes or wallets cannot be read, 4 configuration.
    """
    given = globals_of()
    wanted = [pair.upper() for pair in pairs]
    return watch(
        given, watch_s, lambda: _show(given, wanted, providers, (base, quote), least, amount, everything, as_json)
    )


def _show(
    given: Globals,
    pairs: list[str],
    providers: tuple[str, ...],
    sides: tuple[str | None, str | None],
    least: Decimal,
    amount: Decimal,
    everything: bool,
    as_json: bool,
) -> int:
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.times import now_ms
    from marketctl.views.choose import choose_pairs
    from marketctl.views.gaps import gaps as find
    from marketctl.views.snapshots import number
    from marketctl.views.twins import known_coins
    from marketctl.views.wallets import WalletFiles

    registry = given.registry()
    named = {registry.provider(name).name for name in providers}
    lives = [live for live in read_quotes(given, [], pairs) if not named or live.provider in named]
    wanted = choose_pairs(pairs, lives) or sorted({pair for live in lives for pair in live.quotes})
    files = WalletFiles(registry)
    wallets = {entry.name: wallet for entry, wallet in files.readable()}
    broken = files.broken()
    for problem in broken:
        log.error("%s", problem.message)
    code = EXIT_PARTIAL if broken or any(live.state in ("failed", "expired") for live in lives) else EXIT_OK
    chosen = [pair for pair in wanted if is_of(pair, *sides)]
    coins = known_coins(registry)
    found = find(lives, registry.providers, wallets, now_ms(), amount=amount, pairs=chosen, coins=coins)
    shown = [gap for gap in found if _enough(number(gap["net_percent"]), least, everything)]
    if as_json:
        print_document(given, {"schema": 1, "command": "prices gaps", "amount": str(amount), "results": shown})
        return code
    names = ("pair", "net_percent", "gross_percent", "buy_at", "ask", "sell_at", "bid", "network", "fee", "identity")
    print_rows(given, COLUMNS, [[gap[name] for name in (*names, "age_ms", "why")] for gap in shown])
    closed = sum(gap["net_percent"] is None for gap in found)
    more = f"; {closed} more that no open network bridges (--all)" if closed and not everything else ""
    log.warning("%s", f"{len(shown)} gaps of {least:f} % and more in {len(chosen)} pairs{more}")
    return code


def _enough(net: Decimal | None, least: Decimal, everything: bool) -> bool:
    return everything if net is None else net >= least
