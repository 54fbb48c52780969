"""Import adapters by their path and check the options of an entry against them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from marketctl.config.registry import ENTRY_KEYS, ProviderEntry, Registry, read_registry
from marketctl.config.table import found_text, unknown_key
from marketctl.errors import BUGS, ConfigError
from marketctl.text import closest, printable

if TYPE_CHECKING:
    from marketctl.providers.base import Provider


def load_registry(
    path: str | Path,
    *,
    data_dir: str | None = None,
    redis_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Registry:
    """Read the registry and check each entry's own keys against its adapter. Raises ConfigError.

    Providers whose adapter cannot be imported are kept: `load_adapter` tells. A typo is told now.
    """
    registry = read_registry(path, data_dir=data_dir, redis_url=redis_url, environ=environ)
    for entry in registry.providers.values():
        if entry.options:
            _check_entry(entry)
    if registry.watched is not None and registry.watched.networks:
        _check_networks(registry)
    return registry


def _check_networks(registry: Registry) -> None:
    """Refuse a network that nobody can have: what is watched by that name would never close."""
    from marketctl.providers.networks import network_names

    names = network_names()
    for name in registry.watch.networks:
        if name not in names:
            close = closest(name, names)
            advice = f"did you mean {close}?" if close else "the names are those of `marketctl wallet show`"
            raise ConfigError(f'{registry.path}: [watch] networks: no such network "{printable(name, 40)}"; {advice}')


def load_adapter(entry: ProviderEntry) -> "type[Provider]":
    """Import a provider's adapter class and check the entry's options against it. Raises ConfigError."""
    adapter = _import_adapter(entry.where, entry.path)
    _check_options(entry.where, entry.options, adapter.options)
    try:
        return adapter.for_options(entry.options)
    except ConfigError as error:
        raise ConfigError(f"{entry.where} {error.message}", hint=error.hint) from error


def _check_entry(entry: ProviderEntry) -> None:
    try:
        declared = _import_adapter(entry.where, entry.path).options
    except ConfigError:
        # Told when the provider is used: its broken adapter is no reason to stop the others. A typo is told now.
        for key in entry.options:
            if closest(key, ENTRY_KEYS):
                raise unknown_key(entry.where, key, ENTRY_KEYS) from None
        return
    _check_options(entry.where, entry.options, declared)


Declared = Mapping[str, type | tuple[str | int, ...]]


def _check_options(where: str, options: Mapping[str, object], declared: Declared) -> None:
    expected = {bool: "true or false", int: "an integer", float: "a number", str: "a text", list: "a list"}
    for key, value in options.items():
        if key not in declared:
            raise unknown_key(where, key, [*ENTRY_KEYS, *declared])
        wanted = declared[key]
        if isinstance(wanted, tuple):
            if type(value) is not type(wanted[0]) or (value.upper() if isinstance(value, str) else value) not in wanted:
                told = " or ".join(map(str, wanted))
                raise ConfigError(f"{where} {key}: found {found_text(value)}, expected {told}")
            continue
        accepted = int | float if wanted is float else wanted
        if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
            name = expected.get(wanted, wanted.__name__)
            raise ConfigError(f"{where} {key}: found {found_text(value)}, expected {name}")


def _import_adapter(where: str, path: str) -> "type[Provider]":
    import importlib

    from marketctl.providers.base import Provider

    module_name, _, class_name = path.partition(":")
    found = f'{where} path: found "{path}"'
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError(f'{found}, expected a module that can be imported: there is no "{error.name}"') from error
        raise ConfigError(f"{found}, which does not import: {_told(error)}") from error
    except BUGS as error:  # code that is not ours runs here, and one adapter must not stop the others
        raise ConfigError(f"{found}, which does not import: {_told(error)}") from error
    adapter: object = getattr(module, class_name, None)
    if adapter is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        close = closest(class_name, classes)
        question = f"; did you mean {close}?" if close else ""
        raise ConfigError(f"{found}, expected a class that exists: {module_name} has no {class_name}{question}")
    if not isinstance(adapter, type) or not issubclass(adapter, Provider):
        raise ConfigError(f"{found}, expected a subclass of marketctl.providers.base.Provider")
    return adapter


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {printable(str(error))}"
