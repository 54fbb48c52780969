"""All tables of the commands: their columns, wherever a module of cli/ has them."""

import importlib
import pkgutil

from marketctl import cli
from marketctl.cli.routes import route_columns
from marketctl.cli.table import Column


def tables() -> dict[str, tuple[Column, ...]]:
    """Return "module.NAME" → columns, bare titles taken for texts."""
    found = {"routes.route_columns": route_columns("USDT", amount=True)}
    for module in pkgutil.iter_modules(cli.__path__):
        for name, value in vars(importlib.import_module(f"marketctl.cli.{module.name}")).items():
            if isinstance(value, tuple) and value and all(isinstance(one, Column) for one in value):
                found.setdefault(f"{module.name}.{name}", value)
    return found
