"""The eight adapters without their rate limits: a thousand cycles of the repeated mode need not last hours."""

import tomllib
from importlib import import_module

from marketctl.config.starter import read_starter
from marketctl.sandbox import API_MODULES

for _name, _entry in tomllib.loads(read_starter("providers.toml"))["providers"].items():
    _module, _, _class = _entry["path"].partition(":")
    globals()[_name] = type(_name, (getattr(import_module(_module), _class),), {"rate": (1e6, 1e6)})

__all__ = list(API_MODULES)
