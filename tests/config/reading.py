"""A registry read from a text, and what is said of a wrong one."""

import sys
from pathlib import Path

import pytest

from marketctl.config.registry import Registry
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_registry

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "marketctl/config/starter/providers.toml"

ADAPTERS = """\
from marketctl.providers.base import Provider

class MyAdapter(Provider):
    kind = "BANK"
    options = {"branch": str, "depth": int, "fast": bool, "codes": list, "factor": float}
    options |= {"side": ("LEFT", "RIGHT"), "version": (2, 3)}

class NotAnAdapter:
    pass

def function():
    pass
"""
NOT_SHOWN = (
    "found another text (not shown: it is a secret), "
    "expected an http:// or https:// URL with a path, without user and query"
)
SECONDS = "expected seconds, more than 0 and at most 31536000"
ENTRY = '[providers.MINE]\npath = "my_adapters:MyAdapter"\n'


def module(here: Path, name: str, text: str) -> None:
    (here / "lib" / f"{name}.py").write_text(text)
    sys.modules.pop(name, None)


def read(text: str, **options: str) -> Registry:
    Path("providers.toml").write_text(text)
    Path("providers.toml").chmod(0o644)
    environ = {key: options.pop(key) for key in list(options) if key.isupper()}
    return load_registry("providers.toml", environ=environ, **options)


def wrong(text: str, **options: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(text, **options)
    return error.value.message
