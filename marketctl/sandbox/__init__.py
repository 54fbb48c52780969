"""Strict local copies of the providers' APIs, for the demo, the tests and new adapters."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketctl.sandbox.base import Api

# name in providers.toml -> module here that holds its `Api`
API_MODULES = {
    "BYBIT": "bybit",
    "MEXC": "mexc",
    "WHITEBIT": "whitebit",
    "HTX": "htx",
    "KUCOIN": "kucoin",
    "RAPIRA": "rapira",
    "TWELVEDATA": "twelvedata",
    "OPENEXCHANGERATES": "openexchangerates",
}


def load_api(name: str) -> "type[Api]":
    """Return the sandbox class of a provider."""
    module = import_module(f"marketctl.sandbox.{API_MODULES[name]}")
    return module.SandboxApi  # type: ignore[no-any-return]
