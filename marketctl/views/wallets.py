"""Wallets of a desk whose jobs run on several machines: the newer of the file here and the copy in Redis."""

import json
from collections.abc import Mapping
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.redis.connection import RedisConnection
from marketctl.times import ms_or_none
from marketctl.views.status import read_wallets


def shared_wallets(
    registry: Registry, store: RedisConnection, known: dict[str, Any]
) -> list[tuple[ProviderEntry, Mapping[str, Any]]]:
    """Return the wallets of the enabled providers, each the newest there is; `known` keeps those that did not change.

    A copy that cannot be read counts as none. Raises RedisFailed.
    """
    here = {entry.name: wallet for entry, wallet in read_wallets(registry, known.setdefault("files", {}))}
    copies = known.setdefault("copies", {})
    found: list[tuple[ProviderEntry, Mapping[str, Any]]] = []
    for entry in registry.enabled():
        wallet = here.get(entry.name)
        at = _text(store.call("HGET", store.key(entry.name, "wallet:meta"), "collected_at"))
        if (ms_or_none(at) or 0) > (ms_or_none(wallet["collected_at"]) or 0 if wallet else 0):
            if copies.get(entry.name, {}).get("collected_at") != at:
                copies[entry.name] = _read(store, entry.name)
            wallet = copies[entry.name] or wallet
        if wallet is not None:
            found.append((entry, wallet))
    return found


def _read(store: RedisConnection, provider: str) -> dict[str, Any]:
    """Return a provider's wallet as the file has it, empty where it is not as we write it."""
    keys = [store.key(provider, name) for name in ("wallet:meta", "wallet")]
    head, assets = store.batch([("HGETALL", key) for key in keys])
    try:
        told = {name.decode(): value.decode() for name, value in _pairs(head)}
        records = {name.decode(): json.loads(value) for name, value in _pairs(assets)}
    except (ValueError, RecursionError):
        return {}
    if not records or not all(isinstance(one, dict) for one in records.values()) or "collected_at" not in told:
        return {}
    return told | {"assets": records}


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _text(value: Any) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else None
