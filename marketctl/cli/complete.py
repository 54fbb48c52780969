"""What the shell is offered for a word: providers of the registry, pairs, assets, directions and dumps of its data."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from marketctl.config.registry import Registry

MOST = 200  # more is no help to anybody


def complete_provider(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the names in the registry to the shell."""
    return _offer(_providers(ctx), incomplete)


def complete_pair(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the pairs that were published last."""
    return _offer(_keys(ctx, "prices"), incomplete)


def complete_asset(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the assets of the wallets."""
    return _offer(_keys(ctx, "wallet"), incomplete)


def complete_provider_or_pair(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Offer a provider first, then pairs."""
    if ctx.params.get(param.name or "") or ctx.params.get("providers"):
        return complete_pair(ctx, param, incomplete)
    return complete_provider(ctx, param, incomplete) or complete_pair(ctx, param, incomplete)


def complete_provider_or_asset(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Offer a provider first, then assets."""
    given = ctx.params.get(param.name or "") or ctx.params.get("providers")
    return (complete_asset if given else complete_provider)(ctx, param, incomplete)


def complete_place(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer assets; behind "@" the providers."""
    asset, at, _ = incomplete.partition("@")
    if at:
        return _offer((f"{asset.upper()}@{name}" for name in _providers(ctx)), incomplete)
    return _offer(_keys(ctx, "wallet"), incomplete)


def complete_direction(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the directions of the last build of the rates."""
    from marketctl.errors import MarketctlError
    from marketctl.rates.account import read_account

    registry = _registry(ctx)
    try:
        return _offer(read_account(registry.settings.data_dir / "rates").directions if registry else (), incomplete)
    except MarketctlError:
        return []


def complete_dump(ctx: click.Context, _param: click.Parameter, incomplete: str) -> "list[str] | list[CompletionItem]":
    """Offer the dumps that are kept; files of any other place are left to the shell."""
    from pathlib import Path

    registry = _registry(ctx)
    found = sorted(registry.settings.dump_dir.glob("*.json")) if registry else []
    names = [str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path) for path in found]
    if offered := [name for name in names if name.startswith(incomplete)]:
        return offered
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _registry(ctx: click.Context) -> "Registry | None":
    """Read the registry, where it is ours to trust; nothing that it names is imported for a look at names."""
    from marketctl.cli.globals import Globals
    from marketctl.config.registry import read_registry
    from marketctl.errors import MarketctlError

    given = ctx.find_object(Globals) or Globals()
    try:
        return read_registry(given.registry_path(), data_dir=given.data_dir)
    except MarketctlError:
        return None


def _providers(ctx: click.Context) -> Iterable[str]:
    registry = _registry(ctx)
    return registry.providers if registry is not None else ()


def _keys(ctx: click.Context, job: str) -> Iterator[str]:
    """Read the keys of the records in the job's snapshots: a record is a line, so nothing is parsed."""
    import json
    import re
    from pathlib import Path

    from marketctl.files.look import read_regular

    record = re.compile(rb'^    "((?:[^"\\]|\\.)+)": \{', re.MULTILINE)
    registry = _registry(ctx)
    names = [entry.name for entry in registry.enabled()] if registry is not None else []
    for name in names:
        path = Path(registry.settings.data_dir, job, f"{name}.json") if registry is not None else Path()
        try:
            content = read_regular(path)
        except OSError:
            continue
        for key in record.findall(content):
            try:
                yield json.loads(b'"' + key + b'"')
            except ValueError:
                continue


def _offer(names: Iterable[str], incomplete: str) -> list[str]:
    start = incomplete.upper()
    found = sorted({name for name in names if name.upper().startswith(start) and name.isprintable()})
    return found[:MOST]
