"""A Redis server that refuses to write for a while, for each reason there is."""

from collections.abc import Sequence

from tools.torture_world import RedisServer


def _cannot_save(server: RedisServer, *, refuse: bool) -> None:
    """Have a folder stand where its file goes, or go away; and wait for what its save came to."""
    place = server.folder / "dump.rdb"
    if refuse:
        server.say("CONFIG", "SET", "save", "3600 1")  # else it does not mind
        place.mkdir()
        (place / "full").touch()
    else:
        (place / "full").unlink()
        place.rmdir()
    server.say("BGSAVE")
    while True:
        told = server.say("INFO", "persistence")
        if not told["rdb_bgsave_in_progress"]:
            assert told["rdb_last_bgsave_status"] == ("err" if refuse else "ok")
            return


# What makes it refuse, what ends that, and a word of its own that tells so. True: it cannot save to its disk.
REFUSALS = {
    "full": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "maxmemory"),
    "a replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read only replica"),
    "too few replicas": (
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "0"),
        "NOREPLICAS",
    ),
    "no disk": (True, False, "MISCONF"),
}


def have(server: RedisServer, what: Sequence[str] | bool) -> None:
    """Have a server refuse, or no longer."""
    if isinstance(what, bool):
        _cannot_save(server, refuse=what)
    else:
        server.say(*what)
