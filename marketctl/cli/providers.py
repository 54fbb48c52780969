"""marketctl providers: the registry, listed, shown and edited."""

import click

from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import json_option, output_options, provider_argument
from marketctl.cli.output import Column, paragraph, print_document, print_rows, write
from marketctl.log import notice


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """List, show and edit the registry of providers.

    \b
    Example:
      marketctl providers list
      marketctl providers disable HTX
    """


@command.command("list", cls=Command, context_settings=HELP)
@json_option
@global_options
def list_(as_json: bool) -> int:
    """List the providers: kind, enabled or not, whether keys are needed and present, jobs.

    \b
    Example:
      marketctl providers list
    """
    from marketctl.providers.card import describe

    given = globals_of()
    registry = given.registry()
    keys = given.keys()
    found = [describe(entry, keys) for entry in registry.providers.values()]
    if as_json:
        print_document(given, {"schema": 1, "command": "providers list", "results": found})
        return 0
    columns = (
        Column("provider", "name"),
        *(Column(name, "word") for name in ("kind", "enabled", "needs_api", "credentials")),
        Column("jobs"),
    )
    rows = [
        (one["provider"], one["kind"], one["enabled"], one["needs_api"], one["credentials"], " ".join(one["jobs"]))
        for one in found
    ]
    print_rows(given, columns, rows)
    return 0


@command.command(cls=Command, context_settings=HELP)
@provider_argument()
@output_options("text", "toml")
@global_options
def show(provider: str, as_json: bool) -> int:
    """Show one provider: its card, its settings in force (--format toml: them alone), its keys by name.

    \b
    Example:
      marketctl providers show BYBIT --format toml
    """
    from marketctl.providers.card import card, describe

    given = globals_of()
    entry = given.registry().provider(provider)
    settings = entry.effective()
    if given.form == "toml":
        import tomli_w

        click.echo(tomli_w.dumps({"providers": {entry.name: settings}}), nl=False)
        return 0
    found = describe(entry, given.keys())
    if as_json:
        print_document(given, {"schema": 1, "command": "providers show", "results": [found | {"settings": settings}]})
        return 0
    if given.form in (None, "text"):
        text = card(entry)
        write(paragraph(given, f"{entry.name}: {text.title}"))
        for name, words in text.parts.items():
            write(paragraph(given, f"  {name}: {words}"))
        click.echo()
    rows = [(name, value if not isinstance(value, list) else " ".join(value)) for name, value in settings.items()]
    rows += [("credentials", found["credentials"]), ("jobs", " ".join(found["jobs"]))]
    rows += [("endpoint", endpoint) for endpoint in found["endpoints"]]
    print_rows(given, (Column("setting", "name"), Column("value")), rows)
    return 0


@command.command("add", cls=Command, context_settings=HELP)
@click.argument("provider")
@click.option("--path", required=True, metavar="MODULE:CLASS", help="The adapter, in any module Python can import.")
@click.option(
    "--needs-api/--no-needs-api",
    default=None,
    help="Use its keys from credentials.toml (default: where a job of its gets no answer without).",
)
@click.option("--kind", metavar="KIND", help="CEX, PSP, BANK, CASH, ... (default: the adapter's own).")
@click.option("--stablecoin", metavar="CODE", help="Default: USD for PSP, BANK and CASH, none for the others.")
@click.option("--disabled", is_flag=True, help="Add it switched off.")
@global_options
def add_(
    provider: str, path: str, needs_api: bool | None, kind: str | None, stablecoin: str | None, disabled: bool
) -> int:
    """Add a provider to providers.toml, its adapter being importable: installed, or in a folder of PYTHONPATH.

    \b
    Example:
      marketctl providers add DESK --path marketctl.providers.cex.kucoin:KucoinAdapter --needs-api
    """
    from marketctl.config.edit import add
    from marketctl.config.registry import check_entry, default_stablecoin
    from marketctl.providers.loader import load_adapter

    given = globals_of()
    name, registry = provider.upper(), given.registry_path()
    kind = kind.upper() if kind else None
    adapter = load_adapter(check_entry(registry, name, {"path": path}))
    if needs_api is None:
        needs_api = bool(adapter.key_jobs)
    if stablecoin is None:
        stablecoin = default_stablecoin(kind or adapter.kind)
    add(
        registry,
        name,
        path,
        enabled=not disabled,
        needs_api=needs_api,
        kind=kind,
        stablecoin=stablecoin.upper() if stablecoin else None,
    )
    if not given.quiet:
        notice(f"added {name} to {registry}{', disabled' if disabled else ''}")
        if needs_api and adapter.credentials:
            notice(f"its keys ({', '.join(adapter.credentials)}): marketctl credentials set {name}")
    return 0


@command.command(cls=Command, context_settings=HELP)
@provider_argument(nargs=-1)
@global_options
def enable(provider: tuple[str, ...]) -> int:
    """Switch providers on: change one line each of providers.toml.

    \b
    Example:
      marketctl providers enable HTX
    """
    return switch(provider, True)


@command.command(cls=Command, context_settings=HELP)
@provider_argument(nargs=-1)
@global_options
def disable(provider: tuple[str, ...]) -> int:
    """Switch providers off: change one line each of providers.toml. Their data stay.

    \b
    Example:
      marketctl providers disable HTX RAPIRA
    """
    return switch(provider, False)


def switch(providers: tuple[str, ...], enabled: bool) -> int:
    """Switch providers on or off and say what changed."""
    from marketctl.config.edit import set_enabled

    given = globals_of()
    names = list(dict.fromkeys(name.upper() for name in providers))
    changed = set_enabled(given.registry_path(), names, enabled)
    word = "enabled" if enabled else "disabled"
    for name in names if not given.quiet else ():
        notice(f"{word} {name}" if name in changed else f"{name} was {word} already")
    return 0


@command.command("remove", cls=Command, context_settings=HELP)
@provider_argument()
@global_options
def remove_(provider: str) -> int:
    """Take a provider out of providers.toml; its data and keys stay.

    \b
    Example:
      marketctl providers remove RAPIRA
    """
    from marketctl.config.edit import remove

    given = globals_of()
    name, registry = provider.upper(), given.registry_path()
    remove(registry, name)
    if not given.quiet:
        notice(f"removed {name} from {registry}; its data and keys stay")
    return 0


@command.command(cls=Command, context_settings=HELP)
@click.argument("provider")
@click.option(
    "--kind",
    type=click.Choice(["cex", "cash", "bank", "psp"], case_sensitive=False),
    default="cex",
    help="An exchange (the default), a source of rates, a bank's official rates, a payment provider.",
)
@global_options
def new(provider: str, kind: str) -> int:
    """Write a new provider into a source checkout: adapter, sandbox, samples, test and registry entry.

    It is a working example that passes all checks and is added disabled; docs/adding-a-provider.md goes on.

    \b
    Example:
      marketctl providers new MYEX
      marketctl providers new MYRATES --kind cash
      marketctl providers new MYBANK --kind bank
    """
    from pathlib import Path

    from marketctl.scaffold.new_provider import new_provider, update_docs

    given = globals_of()
    name = provider.upper()
    for path in new_provider(Path(), name, kind):
        if not given.quiet:
            click.echo(f"wrote {path}")
    if update_docs(Path()):
        if not given.quiet:
            click.echo("wrote docs/providers.md")
            notice(f"Next: make test, then docs/adding-a-provider.md, then marketctl providers enable {name}")
    else:
        notice("docs/providers.md could not be generated. Next: make docs")
    return 0
