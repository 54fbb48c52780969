"""Strict local copies of the providers' APIs, for the demo, the tests and new adapters."""

import tomllib
from importlib import import_module
from typing import TYPE_CHECKING

from marketctl.config.starter import read_starter

if TYPE_CHECKING:
    from marketctl.sandbox.base import Api


def _modules() -> dict[str, str]:
    providers = tomllib.loads(read_starter("providers.toml"))["providers"]
    return {name: entry["path"].partition(":")[0].rpartition(".")[2] for name, entry in providers.items()}


# Name in the shipped providers.toml -> module here, called like the adapter's, that holds its `SandboxApi`.
# The order there is the order of the ports.
API_MODULES = _modules()


def load_api(name: str) -> "type[Api]":
    """Return the sandbox class of a provider."""
    module = import_module(f"marketctl.sandbox.{API_MODULES[name]}")
    return module.SandboxApi  # type: ignore[no-any-return]
