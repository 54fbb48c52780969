"""Options that mean the same in every command, one decorator each."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from marketctl.cli.complete import complete_provider
from marketctl.cli.globals import Globals, OutputOption
from marketctl.cli.param_types import Seconds, Since
from marketctl.cli.table import FORMS

F = TypeVar("F", bound=Callable[..., Any])


def provider_argument(required: bool = True, nargs: int = 1) -> Callable[[F], F]:
    """Add a PROVIDER argument; `-p` says the same."""
    many = nargs == -1

    def take(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        named: tuple[str, ...] = ctx.meta.get(_NAMED, ())
        found = (*named, *(value if many else [] if value is None else [value]))
        if required and not found:
            raise click.MissingParameter(ctx=ctx, param=param)
        if not many and len({name.upper() for name in found}) > 1:
            raise click.UsageError(f"One provider at a time: {' '.join(found)}.", ctx)
        return found if many else (found[0] if found else None)

    def add(function: F) -> F:
        metavar = f"{'PROVIDER' if required else '[PROVIDER]'}{'...' if many else ''}"
        function = click.argument(
            "provider",
            required=False,
            nargs=nargs,
            metavar=metavar,
            callback=take,
            shell_complete=complete_provider,
        )(function)
        return _named_option(hidden=True)(function)

    return add


_NAMED = "marketctl.named"  # providers named by -p, or as words, until they are put together


def _keep_named(ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> None:
    ctx.meta[_NAMED] = (*ctx.meta.get(_NAMED, ()), *value)


def _named_option(hidden: bool = False) -> Callable[[F], F]:
    return click.option(
        "-p",
        "--provider",
        "named",
        multiple=True,
        metavar="P",
        hidden=hidden,
        expose_value=False,
        is_eager=True,
        callback=_keep_named,
        shell_complete=complete_provider,
        help="Only this provider; may be repeated.",
    )


def provider_option(function: F) -> F:
    """Add `-p P`, which may be repeated; bare names say the same. Passed on as `providers`."""

    def take(ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        return (*value, *ctx.meta.get(_NAMED, ()))

    function = click.argument(
        "names",
        nargs=-1,
        metavar="[P]...",
        expose_value=False,
        is_eager=True,
        callback=_keep_named,
        shell_complete=complete_provider,
    )(function)
    return only_provider_option(callback=take)(function)


def only_provider_option(**more: Any) -> Callable[[F], F]:
    """Add `-p P` alone, where the bare words are something else."""
    return click.option(
        "-p",
        "--provider",
        "providers",
        multiple=True,
        metavar="P",
        shell_complete=complete_provider,
        help="Only this provider; may be repeated.",
        **more,
    )


def provider_and_words(providers: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Part the provider, named by `-p` or the first word, from the other words. Raises UsageError."""
    if len(dict.fromkeys(name.upper() for name in providers)) > 1:
        raise click.UsageError(f"One provider at a time: {' '.join(providers)}.")
    if providers:
        return providers[0], words
    if not words:
        raise click.UsageError("Missing argument 'PROVIDER'.")
    return words[0], words[1:]


def _wants_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    given = ctx.find_object(Globals)
    form = given.form if given is not None else None
    if value and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other.", ctx)
    return value or form == "json"


_JSON = click.option(
    "--json", "as_json", is_flag=True, callback=_wants_json, help="One JSON document on stdout; as --format json."
)


def output_options(*more_forms: str) -> Callable[[F], F]:
    """Add `--json` (passed on as `as_json`) and the options about the form of a table, collected in `Globals`."""
    forms = click.Choice([*FORMS, *more_forms])
    options = [
        _JSON,
        click.option("--format", "form", cls=OutputOption, type=forms, help="How to tell it; default: a table on a "
                     "terminal, bare tab-separated rows in a pipe."),
        click.option("--columns", cls=OutputOption, metavar="NAMES", help="Only these columns, divided by commas."),
        click.option("--sort", cls=OutputOption, metavar="NAME", help="Sort by a column; NAME:desc turns it round."),
        click.option("--limit", cls=OutputOption, type=click.IntRange(min=0), metavar="N", help="At most N rows."),
        click.option("--header/--no-header", "header", cls=OutputOption, default=None, help="With a header or not."),
    ]  # fmt: skip

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


json_option = output_options()
strict_option = click.option("--strict", is_flag=True, help="Missing credentials are failures, not skips.")
dump_raw_option = click.option("--dump-raw", is_flag=True, help="Keep the raw answers too, where no dump exists yet.")
mirror_option = click.option(
    "--mirror/--no-mirror", default=None, help="Copy published quotes to JSON files (default: mirror_prices)."
)
lock_wait_option = click.option(
    "--lock-wait",
    type=Seconds(),
    default=0.0,
    metavar="S",
    help="Wait so many seconds for another run's lock.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Work on N providers side by side: a slow one then holds up no other.",
)


since_option = click.option(
    "--since",
    "since_ms",
    type=Since(),
    default="24h",
    show_default=True,
    metavar="WHEN",
    help="How far back: 30s, 15min, 24h, 7d, or a time such as 2026-01-31T12:00Z.",
)
max_age_option = click.option("--max-age", "max_age_s", type=Seconds(), metavar="S", help="Seconds a quote may be old.")
