"""Let a held quote pass because a person says that it is right."""

from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import StorageFailed
from marketctl.redis.connection import connect
from marketctl.sentinel.held import note_release
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import no_such


def release(registry: Registry, provider: str, word: str) -> tuple[ProviderEntry, str, dict[str, Any]]:
    """Note that what is held of a pair may pass; return provider, pair and the record.

    Raises ConfigError for an unknown provider, StorageFailed where nothing is held of the pair, RedisFailed.
    """
    entry, pair, settings = registry.provider(provider), word.upper(), registry.settings
    where = (settings.redis_url, settings.data_dir, settings.redis_prefix)
    store = connect(*where, stay=settings.embedded_stay)
    try:
        held = Reader(registry, store, None).look(entry).held
        if pair not in held:
            if not held:
                raise StorageFailed(f"nothing of {entry.name} is held", hint="marketctl prices held")
            raise no_such(f"{entry.name} has nothing held of", pair, held)
        note_release(registry, store, entry, pair, held[pair])
        return entry, pair, held[pair]
    finally:
        if store is not None:
            store.close()
