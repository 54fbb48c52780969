"""Read what was collected: snapshots, journals, live quotes. Nothing here asks a provider."""

from typing import Any

from marketctl.errors import StorageFailed
from marketctl.registry import Registry
from marketctl.store import read_snapshot


def snapshot(registry: Registry, job: str, provider: str) -> dict[str, Any]:
    """Return the last snapshot of a provider's job. Raises StorageFailed when there is none yet."""
    entry = registry.provider(provider)
    found = read_snapshot(registry.settings.data_dir / job / f"{entry.name}.json")
    if found is None:
        how = {"wallet": "wallet sync", "prices": "prices collect", "stats": "stats collect"}[job]
        raise StorageFailed(f"no {job} of {entry.name} was collected yet", hint=f"marketctl {how} -p {entry.name}")
    return found


def snapshots(registry: Registry, job: str, provider: str | None) -> list[dict[str, Any]]:
    """Return the last snapshot of one provider, or of all that have one. Raises StorageFailed when there is none."""
    if provider is not None:
        return [snapshot(registry, job, provider)]
    folder = registry.settings.data_dir / job
    found = [read_snapshot(folder / f"{name}.json") for name in registry.providers]
    if not any(found):
        raise StorageFailed(f"nothing was collected yet in {folder}", hint="marketctl run --once")
    return [one for one in found if one]
