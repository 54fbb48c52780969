"""What a Redis server says of itself, and whether it would take a publish."""

from typing import Any

from marketctl.redis.connection import RedisConnection


def server_info(store: RedisConnection) -> dict[str, Any]:
    """Return what INFO tells, None where it does not.

    `server` ("redis" or "valkey"), `version`, `role`, `maxmemory`, `maxmemory_policy`, `save_failed` (bool), `pid`,
    `uptime_s`, `memory_bytes`, `saved_at_s` (Unix time of the last save, or of the start), `unsaved_changes`.
    """
    lines = store.call("INFO").decode(errors="replace").splitlines()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return {
        "server": "valkey" if "valkey_version" in told else "redis",
        "version": told.get("valkey_version", told.get("redis_version")),
        "role": told.get("role"),
        "maxmemory": _number(told.get("maxmemory")),
        "maxmemory_policy": told.get("maxmemory_policy"),
        "save_failed": told.get("rdb_last_bgsave_status") == "err",
        "pid": _number(told.get("process_id")),
        "uptime_s": _number(told.get("uptime_in_seconds")),
        "memory_bytes": _number(told.get("used_memory")),
        "saved_at_s": _number(told.get("rdb_last_save_time")),
        "unsaved_changes": _number(told.get("rdb_changes_since_last_save")),
    }


def prove_writable(store: RedisConnection, provider: str) -> None:
    """Raise RedisFailed where the server would refuse a publish: a replica, full memory, a full disk, missing rights.

    What is asked is a command that writes, of a stream that is not there and is not made: nothing changes.
    """
    store.call("XADD", store.key(provider, "probe"), "NOMKSTREAM", "*", "by", "check")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
