"""Options that mean the same in every command, one decorator each, and what they add up to.

The global ones may stand before or after the command's name.

Long: each option that several commands have, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from marketctl.cli.complete import complete_provider
from marketctl.cli.table import FORMS, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from marketctl.config.credentials import Credentials
    from marketctl.config.registry import Registry

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Globals:
    """The global options as given, and the files they lead to."""

    config: str | None = None
    credentials: str | None = None
    data_dir: str | None = None
    verbose: int = 0
    quiet: bool = False
    log_format: str = "text"
    no_color: bool = False
    # How a table is wanted; None is the usual.
    form: str | None = None
    columns: str | None = None
    sort: str | None = None
    limit: int | None = None
    header: bool | None = None
    redrawn: bool = False  # by --watch
    started_ms: int = 0
    _registry: "Registry | None" = field(default=None, repr=False)

    @property
    def shape(self) -> Shape:
        """Return what was asked of a table."""
        return Shape(self.form, self.columns, self.sort, self.limit, self.header)

    def registry_path(self) -> "Path":
        """Return where providers.toml is. Raises ConfigError."""
        from marketctl.config.paths import find_registry

        return find_registry(self.config)

    def registry(self) -> "Registry":
        """Read providers.toml once. Raises ConfigError."""
        if self._registry is None:
            from marketctl.providers.loader import load_registry
            from marketctl.redact import protect

            self._registry = load_registry(self.registry_path(), data_dir=self.data_dir)
            protect(self._registry.secret_values())
        return self._registry

    def credentials_path(self) -> "Path":
        """Return where credentials.toml is or would be. Raises ConfigError."""
        from marketctl.config.paths import find_credentials

        return find_credentials(self.credentials, self.registry().path)

    def keys(self) -> "Credentials":
        """Read the credentials and protect their values. Raises ConfigError."""
        from marketctl.config.credentials import load_credentials
        from marketctl.redact import protect

        store = load_credentials(self.credentials_path())
        protect(store.all_values())
        return store


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    given = ctx.find_object(Globals)
    if given is None:
        given = ctx.obj = Globals()
    if param.name and ctx.get_parameter_source(param.name) is not click.core.ParameterSource.DEFAULT:
        setattr(given, param.name, value)


class SharedOption(click.Option):
    """An option that many commands have: collected in `Globals`, not passed on, shown apart in the help."""

    section = "Global options"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, callback=_remember, expose_value=False, is_eager=True, **more)


class OutputOption(SharedOption):
    """An option about the form of a table."""

    section = "Output options"


FILE = click.Path(dir_okay=False)
FOLDER = click.Path(file_okay=False)

_GLOBAL = [
    click.option("--config", cls=SharedOption, type=FILE, metavar="FILE", help="The registry, providers.toml."),
    click.option("--credentials", cls=SharedOption, type=FILE, metavar="FILE", help="The keys, credentials.toml."),
    click.option("--data-dir", cls=SharedOption, type=FOLDER, metavar="DIR", help="The data folder."),
    click.option("-v", "--verbose", cls=SharedOption, count=True, help="Say more on stderr; -vv one line a request."),
    click.option("-q", "--quiet", cls=SharedOption, is_flag=True, help="Say nothing at all on success."),
    click.option(
        "--log-format",
        cls=SharedOption,
        type=click.Choice(["text", "json"]),
        default="text",
        help="How stderr speaks.",
    ),
    click.option("--no-color", cls=SharedOption, is_flag=True, help="No colours, also with NO_COLOR set."),
]


def global_options(function: F) -> F:
    """Add the global options, collected in `Globals` and not passed on."""
    for option in reversed(_GLOBAL):
        function = option(function)
    return function


class Command(click.Command):
    """A command that shows its own options first, then those of tables, then the global ones."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for section in ("Options", OutputOption.section, SharedOption.section):
            sections[section] = []
        for param in self.get_params(ctx):
            if isinstance(param, click.Argument):
                continue
            record = param.get_help_record(ctx)
            if record is not None:
                sections[getattr(param, "section", "Options")].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(click.Group):
    """A group that shows its help when it is called bare."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


def globals_of() -> Globals:
    """Return the global options of the command that runs, with its logging set up."""
    from marketctl.log import set_up
    from marketctl.times import now_ms

    given = click.get_current_context().find_object(Globals)
    if given is None:
        given = Globals()
    given.started_ms = given.started_ms or now_ms()
    set_up(given.verbose, given.quiet, given.log_format)
    return given


def provider_argument(required: bool = True, nargs: int = 1) -> Callable[[F], F]:
    """Add a PROVIDER argument; `-p` says the same."""
    many = nargs == -1

    def take(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        named: tuple[str, ...] = ctx.meta.get(_NAMED, ())
        found = (*named, *(value if many else [value] if value else []))
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
    type=click.FloatRange(min=0),
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


class Since(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """How far back: a time span or a time. The value is that time in milliseconds."""

    name = "since"
    future = False
    units = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        import re

        from marketctl.times import FUTURE_MS, from_iso, now_ms, to_iso

        if isinstance(value, int):
            return value
        if span := re.fullmatch(r"([0-9]{1,9})(s|m|min|h|d|w)", value.strip().lower()):
            return max(0, now_ms() - int(span[1]) * self.units[span[2]] * 1000)
        try:
            at_ms = max(0, from_iso(value.strip()))
        except (ValueError, OverflowError):
            expected = "expected a time span (30s, 15min, 24h, 7d) or a time (2026-01-31T12:00Z)"
            self.fail(f"{value!r} is no time: {expected}", param, ctx)
        if not self.future and at_ms > (now := now_ms()) + FUTURE_MS:
            self.fail(f"{value!r} is in the future: it is {to_iso(now)}", param, ctx)
        return at_ms


class Moment(Since):
    """A moment to look at: as of one to come is known what is known now."""

    name = "moment"
    future = True


class Seconds(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """A number of seconds, zero or more. "nan" would let everything through, so it is refused."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            found = float(value)
        except ValueError:
            found = -1.0
        if not 0 <= found < 1e12:
            self.fail(f"{value!r} is no number of seconds, expected one such as 30", param, ctx)
        return found


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
