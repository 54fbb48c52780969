"""Make a provider's adapter with a client, a memory and a rate budget of its own."""

from marketctl.config.registry import ProviderEntry
from marketctl.errors import NoCredentials
from marketctl.files.atomic import place_in
from marketctl.files.memory import Memory
from marketctl.jobs.run import Run
from marketctl.providers.base import Provider
from marketctl.providers.loader import load_adapter
from marketctl.redis.shared import SharedMemory


def open_adapter(
    run: Run,
    entry: ProviderEntry,
    *,
    recording: bool = False,
    read_only: bool = False,
    memory: Memory | None = None,
) -> Provider:
    """Make an adapter with a client of its own. Raises ConfigError for a path that cannot be imported."""
    from marketctl.files.machine import machine_dir
    from marketctl.http.client import Client
    from marketctl.http.ratelimit import Pace, address_of
    from marketctl.redis.shared import SharedPace, WatchedPace

    cls = load_adapter(entry)
    base_url = entry.base_url or cls.base_url
    address = address_of(base_url, entry.proxy)
    pace = Pace(place_in(machine_dir(instead=run.desk.state_dir), f"{_file_word(address)}.pace"), *cls.rate)
    read_only = read_only or run.options.dry_run
    store = None if run.options.dry_run else run.desk.shared_redis()
    if store is not None:
        pace = (WatchedPace if read_only else SharedPace)(store, address, pace)
    cache = (run.settings.data_dir / "cache", entry.name, base_url, read_only)
    if memory is None:
        memory = SharedMemory(store, *cache) if store is not None and cls.shared_memory else Memory(*cache)
    client = Client(
        base_url,
        timeout_s=entry.timeout_s,
        deadline_s=entry.deadline_s,
        attempts=entry.attempts,
        proxy=entry.proxy,
        pace=pace,
        recording=recording,
        provider=entry.name,
        lines=run.desk.lines(),
        **cls.client_settings(),
    )
    return cls(
        client,
        memory,
        credentials=run.desk.keys.for_provider(entry.name, cls.credentials) if entry.needs_api else {},
        pairs=entry.pairs,
        pairs_max_age_s=entry.pairs_max_age_s,
        options=entry.options,
    )


def _file_word(text: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in text)


def require_key(run: Run, entry: ProviderEntry, adapter: Provider) -> None:
    """Have no job ask in vain. Raises NoCredentials without a key, with what to type, ConfigError for an odd one."""
    if adapter.has_key():
        adapter.refuse_odd_keys()
        return
    if not entry.needs_api:
        raise NoCredentials(
            f"{entry.name} needs a key for this, and needs_api is false", hint="set needs_api = true in providers.toml"
        )
    missing = ", ".join(name for name in adapter.credentials if not adapter.keys.get(name))
    slips = run.desk.keys.slips(entry.name, adapter.credentials, run.desk.registry.providers)
    raise NoCredentials(
        "; ".join([f"no credentials for {entry.name}: {missing} missing", *slips[:3]]).rstrip("?"),
        hint=f"marketctl credentials set {entry.name}",
    )
