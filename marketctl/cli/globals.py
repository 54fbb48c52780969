"""The global options, which may stand before or after the command's name, and what they add up to."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from marketctl.cli.param_types import FILE, FOLDER
from marketctl.cli.table import Shape
from marketctl.text import closest

if TYPE_CHECKING:
    from pathlib import Path

    from marketctl.config.credentials import Credentials
    from marketctl.config.registry import Registry

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
F = TypeVar("F", bound=Callable[..., Any])


class Globals:
    """The global options as given, and the files they lead to. No dataclass: its import is felt in every command."""

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
    _registry: "Registry | None" = None

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)

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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, args)
            for param in self.params:
                if isinstance(param, click.Argument):
                    told = ctx.params.get(param.name or "")
                    words = [told] if param.nargs == 1 else told or ()
                    if any(isinstance(word, str) and not word.strip() for word in words):
                        raise click.BadParameter("an empty word, expected a name", ctx, param)
            return rest
        except click.UsageError as error:  # an option without its value does not tell whose it is
            error.ctx = error.ctx or ctx
            raise

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
    """A group that shows its help when it is called bare, unless it does something then.

    `lazy` names commands that stand in modules of their own, as "module:attribute" below marketctl.cli: one is imported
    when it is used. `lines` has a line of help for each command, in order, where the list is to import none of them.
    """

    def __init__(
        self, *words: Any, lazy: Mapping[str, str] | None = None, lines: Mapping[str, str] | None = None, **given: Any
    ) -> None:
        super().__init__(*words, **given)
        self.lazy = lazy or {}
        self.lines = lines

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lines) if self.lines else sorted({*self.commands, *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy and cmd_name not in self.commands:
            module, _, name = self.lazy[cmd_name].partition(":")
            command: click.Command = getattr(import_module(f"marketctl.cli.{module}"), name)
            if self.lines:
                command.short_help = self.lines[cmd_name]
            self.add_command(command, cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            close = closest(args[0], known)
            raise click.UsageError(f'No such command "{args[0]}".{f" Did you mean {close}?" if close else ""}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.lines:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lines.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
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
