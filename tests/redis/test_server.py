"""What a server says of itself."""

from marketctl.redis.connection import RedisConnection
from marketctl.redis.server import server_info


def test_server_info(store: RedisConnection) -> None:
    info = server_info(store)
    assert info.pop("version").split(".")[0].isdecimal()
    assert info.pop("server") in ("redis", "valkey")
    assert min(info.pop("pid"), info.pop("memory_bytes"), info.pop("saved_at_s")) > 0
    assert min(info.pop("uptime_s"), info.pop("unsaved_changes")) >= 0
    assert info == {"role": "master", "maxmemory": 0, "maxmemory_policy": "noeviction", "save_failed": False}
