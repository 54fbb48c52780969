"""Let a held quote pass because a person says that it is right."""

from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import StorageFailed
from marketctl.sentinel.held import note_release
from marketctl.views.quotes import open_reader
from marketctl.views.snapshots import no_such


def release(registry: Registry, provider: str, word: str) -> tuple[ProviderEntry, str, dict[str, Any]]:
    """Note that what is held of a pair may pass; return provider, pair and the record.

    Raises ConfigError for an unknown provider, StorageFailed where nothing is held of the pair, RedisFailed.
    """
    entry = registry.provider(provider)
    pair = word.upper()
    with open_reader(registry) as reader:
        if reader.away is not None and registry.settings.redis_url != "none":
            raise reader.away
        held = reader.look(entry).held
        if pair not in held:
            if not held:
                raise StorageFailed(f"nothing of {entry.name} is held", hint="marketctl prices held")
            raise no_such(f"{entry.name} has nothing held of", pair, held)
        note_release(registry, reader.store, entry, pair, held[pair])
        return entry, pair, held[pair]
