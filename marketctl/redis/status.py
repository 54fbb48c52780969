"""What there is to tell about the embedded server, running or asleep; looking changes nothing."""

from typing import TYPE_CHECKING, Any

from marketctl.errors import ConfigError
from marketctl.files.look import is_there
from marketctl.redis.connection import connect_running
from marketctl.redis.embedded import DUMP, EmbeddedRedis
from marketctl.redis.program import find_server
from marketctl.redis.server import server_info
from marketctl.times import to_iso

if TYPE_CHECKING:
    from marketctl.config.registry import Settings


def embedded_status(settings: "Settings") -> dict[str, Any]:
    """Return the state of the embedded server of these settings; what is not known is None.

    `running`, `socket` (a path), `program` (None where there is none to start), `server`, `version`, `pid`, `uptime_s`,
    `memory_bytes`, `providers` that published, `saved_at`, `saved_bytes` (of its file), `save_failed`,
    `unsaved_changes`, `stays`. Raises ConfigError where `redis_url` is another, StorageFailed, RedisFailed.
    """
    require_embedded(settings)
    embedded = EmbeddedRedis(settings.data_dir)
    dump = embedded.folder / DUMP
    saved = dump.stat() if is_there(dump) else None
    told: dict[str, Any] = {
        "running": False,
        "socket": embedded.socket_path(),
        "program": _program(),
        **dict.fromkeys(("server", "version", "pid", "uptime_s", "memory_bytes", "providers")),
        "saved_at": to_iso(int(saved.st_mtime * 1000)) if saved else None,
        "saved_bytes": saved.st_size if saved else None,
        "save_failed": None,
        "unsaved_changes": None,
        "stays": settings.embedded_stay,
    }
    with connect_running(settings.redis_url, settings.data_dir, settings.redis_prefix) as store:
        if store is not None:
            told["running"] = True
            info = server_info(store)
            told |= {name: info[name] for name in told if name in info}
            told["providers"] = store.call("SCARD", f"{settings.redis_prefix}:providers")
    return told


def require_embedded(settings: "Settings") -> None:
    """Raise ConfigError where there is no embedded server to speak of."""
    if settings.redis_url != "embedded":
        other = 'redis_url is "none"' if settings.redis_url == "none" else "redis_url names a server of your own"
        raise ConfigError(
            f"{other}: there is no embedded Redis", hint='set redis_url = "embedded" in providers.toml, or see check'
        )


def _program() -> str | None:
    try:
        return find_server()
    except ConfigError:
        return None
