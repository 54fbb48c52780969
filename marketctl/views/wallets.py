"""Wallets of a desk whose jobs run on several machines: the newer of the file here and the copy in Redis."""

import json
from collections.abc import Mapping
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.redis.connection import RedisConnection
from marketctl.times import ms_or_none


def shared_wallets(
    registry: Registry, store: RedisConnection, known: dict[str, Any]
) -> list[tuple[ProviderEntry, Mapping[str, Any]]]:
    """Return the wallets of the enabled providers, each the newest there is; `known` keeps those that did not change.

    A copy that cannot be read counts as none. Raises RedisFailed.
    """
    from marketctl.views.status import read_wallets

    here = {entry.name: wallet for entry, wallet in read_wallets(registry, known.setdefault("files", {}))}
    copies = known.setdefault("copies", {})
    found: list[tuple[ProviderEntry, Mapping[str, Any]]] = []
    for entry in registry.enabled():
        wallet = here.get(entry.name)
        at = newer_copy(store, entry.name, wallet["collected_at"] if wallet else None)
        if at is not None:
            if copies.get(entry.name, {}).get("collected_at") != at:
                copies[entry.name] = _read(store, entry.name)
            wallet = copies[entry.name] or wallet
        if wallet is not None:
            found.append((entry, wallet))
    return found


def newer_copy(store: RedisConnection, provider: str, than: str | None) -> str | None:
    """Return of when the copy in Redis is, where that is newer than a file of this time. Raises RedisFailed."""
    told = store.call("HGET", store.key(provider, "wallet:meta"), "collected_at")
    at = told.decode(errors="replace") if isinstance(told, bytes) else None
    return at if (ms_or_none(at) or 0) > (ms_or_none(than) or 0) else None


def read_copy(store: RedisConnection, provider: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the copy in Redis: its head, and asset → JSON as it is written; None where it is not as we write it.

    Raises RedisFailed.
    """
    keys = [store.key(provider, name) for name in ("wallet:meta", "wallet")]
    try:
        head, assets = (_pairs(told) for told in store.batch([("HGETALL", key) for key in keys]))
    except UnicodeDecodeError:
        return None
    return (head, assets) if assets and "collected_at" in head else None


def _read(store: RedisConnection, provider: str) -> dict[str, Any]:
    """Return a provider's wallet as the file has it, empty where it is not as we write it."""
    found = read_copy(store, provider)
    try:
        records = {code: json.loads(text) for code, text in found[1].items()} if found else {}
    except (ValueError, RecursionError):
        return {}
    if found is None or not all(isinstance(one, dict) for one in records.values()):
        return {}
    return found[0] | {"assets": records}


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
