"""marketctl providers: the registry, listed, shown and edited."""

import click

from marketctl.cli.options import HELP, Command, global_options, globals_of, json_option, provider_argument
from marketctl.cli.output import print_json, print_rows


@click.group(context_settings=HELP)
def command() -> None:
    """List, show and edit the registry of providers.

    \b
    Example:
      marketctl providers list
      marketctl providers show BYBIT
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
        print_json({"schema": 1, "command": "providers list", "results": found})
        return 0
    columns = ("provider", "kind", "enabled", "needs_api", "credentials", "jobs")
    rows = [
        (one["provider"], one["kind"], one["enabled"], one["needs_api"], one["credentials"], " ".join(one["jobs"]))
        for one in found
    ]
    print_rows(given, columns, rows)
    return 0


@command.command(cls=Command, context_settings=HELP)
@provider_argument()
@click.option(
    "--format", "form", type=click.Choice(["text", "toml"]), default="text", help="toml: the settings in force."
)
@json_option
@global_options
def show(provider: str, form: str, as_json: bool) -> int:
    """Show one provider: its card, its settings in force, its keys by name.

    \b
    Example:
      marketctl providers show BYBIT --format toml
    """
    from marketctl.providers.card import card, describe

    given = globals_of()
    entry = given.registry().provider(provider)
    settings = entry.effective()
    if form == "toml":
        import tomli_w

        click.echo(tomli_w.dumps({"providers": {entry.name: settings}}), nl=False)
        return 0
    found = describe(entry, given.keys())
    if as_json:
        print_json({"schema": 1, "command": "providers show", "results": [found | {"settings": settings}]})
        return 0
    text = card(entry)
    click.echo(f"{entry.name}: {text.title}")
    for name, words in text.parts.items():
        click.echo(f"  {name}: {words}")
    click.echo()
    rows = [(name, value if not isinstance(value, list) else " ".join(value)) for name, value in settings.items()]
    rows += [("credentials", found["credentials"]), ("jobs", " ".join(found["jobs"]))]
    rows += [("endpoint", endpoint) for endpoint in found["endpoints"]]
    print_rows(given, ("setting", "value"), rows)
    return 0
