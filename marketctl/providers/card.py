"""What an adapter says of itself: its card (the module's docstring) and its class attributes."""

import sys
from dataclasses import dataclass
from typing import Any

from marketctl.config.credentials import Credentials
from marketctl.config.registry import ProviderEntry
from marketctl.errors import ConfigError
from marketctl.models import JOBS
from marketctl.providers.base import Provider
from marketctl.providers.loader import load_adapter

PARTS = ("Docs", "Symbols", "Limits", "Quirks")


@dataclass
class Card:
    """A title and the parts of the card that are there, in order."""

    title: str
    parts: dict[str, str]


def read_card(docstring: str | None) -> Card:
    """Read a module's docstring: its first line, then one `Name: words` a part, words may go on in further lines."""
    lines = (docstring or "").strip().splitlines() or [""]
    parts: dict[str, str] = {}
    current = ""
    for line in lines[1:]:
        name, colon, words = line.partition(":")
        if colon and name in PARTS:
            current = name
            parts[current] = words.strip()
        elif current and line.strip():
            parts[current] += " " + line.strip()
        else:
            current = ""
    return Card(lines[0].strip(), parts)


def card(entry: ProviderEntry) -> Card:
    """Return the card of a provider. Raises ConfigError when its adapter cannot be imported."""
    cls = load_adapter(entry)
    return read_card(cls.card_text or sys.modules[cls.__module__].__doc__)


def jobs_of(cls: type[Provider]) -> list[str]:
    """Return the jobs an adapter does: those whose method it has of its own."""
    methods = {"wallet": "assets", "prices": "prices", "stats": "stats"}
    return [job for job in JOBS if getattr(cls, methods[job]) is not getattr(Provider, methods[job])]


def describe(entry: ProviderEntry, keys: Credentials) -> dict[str, Any]:
    """Return what `providers list` shows. An adapter that cannot be imported is told, not hidden."""
    common: dict[str, Any] = {
        "provider": entry.name,
        "enabled": entry.enabled,
        "needs_api": entry.needs_api,
        "path": entry.path,
        "stablecoin": entry.stablecoin,
    }
    try:
        cls = load_adapter(entry)
    except ConfigError as error:
        broken: dict[str, Any] = {
            "kind": entry.kind,
            "credentials": "unknown",
            "jobs": [],
            "endpoints": [],
            "error": error.message,
        }
        return common | broken
    have = keys.for_provider(entry.name, cls.credentials)
    missing = [name for name in cls.credentials if name not in have]
    told = "none" if not cls.credentials else "missing" if missing else "present"
    return common | {
        "kind": entry.kind or cls.kind,
        "credentials": told,
        "missing": missing,
        "jobs": jobs_of(cls),
        "key_jobs": sorted(cls.key_jobs),
        "endpoints": list(cls.endpoints),
        "error": None,
    }
