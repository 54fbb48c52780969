"""Options that mean the same in every command, one decorator each, and what they add up to.

The global ones may stand before or after the command's name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

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
    _registry: "Registry | None" = field(default=None, repr=False)

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


_GLOBAL = [
    click.option("--config", metavar="FILE", help="The registry, providers.toml."),
    click.option("--credentials", metavar="FILE", help="The keys, credentials.toml."),
    click.option("--data-dir", metavar="DIR", help="The data folder."),
    click.option("-v", "--verbose", count=True, help="Say more on stderr; -vv one line a request."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing at all on success."),
    click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How stderr speaks."),
    click.option("--no-color", is_flag=True, help="No colours, also with NO_COLOR set."),
]


def global_options(function: F) -> F:
    """Add the global options, collected in `Globals` and not passed on."""
    for option in reversed(_GLOBAL):
        function = _quietly(option)(function)
    return function


def _quietly(option: Callable[[F], F]) -> Callable[[F], F]:
    def add(function: F) -> F:
        function = option(function)
        params = getattr(function, "__click_params__", None)
        if params:
            params[-1].callback = _remember
            params[-1].expose_value = False
            params[-1].is_eager = True
        return function

    return add


class Command(click.Command):
    """A command that shows its own options first and the global ones apart."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                (own if param.expose_value or param.name == "help" else common).append(record)
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        if common:
            with formatter.section("Global options"):
                formatter.write_dl(common)


def globals_of() -> Globals:
    """Return the global options of the command that runs, with its logging set up."""
    from marketctl.log import set_up

    given = click.get_current_context().find_object(Globals)
    if given is None:
        given = Globals()
    set_up(given.verbose, given.quiet, given.log_format)
    return given


def complete_provider(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names in the registry to the shell."""
    from marketctl.errors import MarketctlError

    try:
        given = ctx.find_object(Globals) or Globals()
        names = list(given.registry().providers)
    except MarketctlError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete.upper())]


def provider_argument(required: bool = True, nargs: int = 1) -> Callable[[F], F]:
    """Add a PROVIDER argument."""
    return click.argument("provider", required=required, nargs=nargs, shell_complete=complete_provider)


provider_option = click.option(
    "-p",
    "--provider",
    "providers",
    multiple=True,
    metavar="P",
    shell_complete=complete_provider,
    help="Only this provider; may be repeated.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
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
    "--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Work on N providers side by side."
)


class Since(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """How far back: a time span or a time. The value is that time in milliseconds."""

    name = "since"
    units = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        import re

        from marketctl.times import from_iso, now_ms

        if isinstance(value, int):
            return value
        if span := re.fullmatch(r"([0-9]{1,9})(s|m|min|h|d|w)", value.strip().lower()):
            return max(0, now_ms() - int(span[1]) * self.units[span[2]] * 1000)
        try:
            return max(0, from_iso(value.strip()))
        except (ValueError, OverflowError):
            expected = "expected a time span (30s, 15min, 24h, 7d) or a time (2026-01-31T12:00Z)"
            self.fail(f"{value!r} is no time: {expected}", param, ctx)


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
