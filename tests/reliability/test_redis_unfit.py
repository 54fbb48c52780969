"""A Redis that is not fit: other keys in our places, too old, no memory, a cluster in pieces: told as what it is."""

import subprocess

import pytest

from marketctl.redis import publish
from marketctl.redis.program import find_server
from marketctl.redis.publish import _script
from tests.reliability.redis_faults import live
from tools.torture_world import RedisServer


@pytest.mark.parametrize("key", ["l1", "l1:meta", "events"])
def test_key_of_a_wrong_type_stops_the_publish_and_is_named(at_desk, clean_redis, key):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", f"marketctl:{{BYBIT}}:{key}", "mine")
    hurt = at_desk.call("run", "--once", "-p", "BYBIT")
    prices = hurt.results["BYBIT prices"]
    assert (hurt.code, prices["status"], prices["reason"], prices["stored"]) == (3, "failed", "redis", [])
    assert f"key marketctl:{{BYBIT}}:{key} is a string, not a " in prices["message"]
    assert hurt.results["BYBIT wallet"]["stored"] == ["file", "redis"]
    assert clean_redis.say("GET", f"marketctl:{{BYBIT}}:{key}") == b"mine"
    assert not at_desk.file("prices").exists()


@pytest.mark.parametrize("key", ["marketctl:providers"])
def test_set_of_providers_of_a_wrong_type_is_named(at_desk, clean_redis, key):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", key, "mine")
    hurt = at_desk.call("prices", "collect", "-p", "BYBIT")
    assert (hurt.code, len(hurt.lines)) == (1, 1)
    assert f"key {key} is a string, not a set: something else wrote it" in hurt.lines[0]
    assert clean_redis.say("GET", key) == b"mine"


@pytest.mark.parametrize(("key", "job"), [("wallet", "wallet"), ("wallet:meta", "wallet"), ("stats", "stats")])
def test_copies_do_not_replace_what_is_not_ours(at_desk, clean_redis, key, job):
    at_desk.write(clean_redis.url)
    clean_redis.say("RPUSH", f"marketctl:{{BYBIT}}:{key}", "mine")
    told = at_desk.call("run", "--once", "-p", "BYBIT").results[f"BYBIT {job}"]
    assert (told["status"], told["stored"]) == ("ok", ["file"])
    assert f"key marketctl:{{BYBIT}}:{key} is a list" in told["message"]
    assert clean_redis.say("LRANGE", f"marketctl:{{BYBIT}}:{key}", 0, -1) == [b"mine"]


def test_history_of_a_wrong_type_is_told_and_prices_go_out(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    clean_redis.say("SET", "marketctl:{BYBIT}:h:BTC/USDT", "mine")
    told = at_desk.call("prices", "collect", "-p", "BYBIT")
    assert (told.code, told.results["BYBIT prices"]["stored"]) == (3, ["redis", "file"])
    assert told.results["BYBIT prices"]["message"].startswith("published, but without history: marketctl:{BYBIT}:h:")


@pytest.mark.parametrize("redis", [True, False])
def test_prices_that_cannot_be_archived_go_out_and_cron_is_told(at_desk, clean_redis, redis):
    at_desk.write(clean_redis.url if redis else "none")
    history = at_desk.data / "history"
    at_desk.data.mkdir()
    history.write_text("mine")
    told = at_desk.call("prices", "collect", "-q", as_json=False)
    assert told.code == 3
    assert [line.partition("archived: ")[0] for line in told.lines] == [
        "BYBIT prices: published, but not ",
        "KUCOIN prices: published, but not ",
    ]
    assert (at_desk.data / "prices" / "BYBIT.json").exists()
    assert history.read_text() == "mine"


def test_redis_before_6_2_is_refused_and_nothing_changes(at_desk, clean_redis, monkeypatch):
    """Such a server does not know XTRIM MINID; ours is made to find a word there that it does not know either."""
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    before = live(clean_redis)
    script = _script().replace("'MINID'", "'MINIDX'")
    monkeypatch.setattr(publish, "_script", lambda: script)
    hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    assert hurt.code == 1
    assert hurt.lines == [
        f"BYBIT prices: failed (redis): Redis at {clean_redis.url} is too old. "
        "Next: Install Redis 6.2 or newer, or Valkey."
    ]
    assert live(clean_redis) == before


def refuse_as_replica(server):
    server.say("REPLICAOF", "127.0.0.1", 1)
    return lambda: server.say("REPLICAOF", "NO", "ONE")


def refuse_without_memory(server):
    server.say("CONFIG", "SET", "maxmemory", 1)
    return lambda: server.say("CONFIG", "SET", "maxmemory", 0)


def refuse_without_replicas(server):
    server.say("CONFIG", "SET", "min-replicas-to-write", 1)
    return lambda: server.say("CONFIG", "SET", "min-replicas-to-write", 0)


@pytest.mark.parametrize(
    ("refuse", "word"),
    [
        (refuse_as_replica, "is a read-only replica"),
        (refuse_without_memory, "is out of memory"),
        (refuse_without_replicas, "has too few replicas and refuses to write"),
    ],
)
def test_check_fails_where_redis_cannot_be_written(at_desk, clean_redis, refuse, word):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    changes = clean_redis.say("INFO", "persistence")["rdb_changes_since_last_save"]
    assert at_desk.call("check", "BYBIT", "--format", "nagios", as_json=False).code == 0
    undo = refuse(clean_redis)
    try:
        assert at_desk.call("check", "BYBIT", "--format", "nagios", as_json=False).code == 2
        hurt = at_desk.call("check", "BYBIT", as_json=False)
        assert hurt.code == 1
        assert f"cannot be written: Redis at {clean_redis.url} {word}" in hurt.said
    finally:
        undo()
    assert clean_redis.say("INFO", "persistence")["rdb_changes_since_last_save"] == changes


@pytest.mark.parametrize("output", ["table", "nagios"])
def test_check_fails_where_the_live_set_is_gone(at_desk, clean_redis, output):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    assert clean_redis.say("DEL", "marketctl:{BYBIT}:l1") == 1  # meta and the mirror are as they were
    hurt = at_desk.call("check", "BYBIT", "--format", output, as_json=False)
    assert hurt.code == {"table": 1, "nagios": 2}[output]
    assert "the live quotes are gone: expired, evict" in hurt.said


def test_cluster_without_its_slots_is_told_as_that(at_desk, tmp_path):
    with RedisServer(tmp_path / "cluster", "--cluster-enabled", "yes") as server:
        at_desk.write(server.url)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    (line,) = hurt.lines
    assert f"Redis at {server.url}: the cluster is down: Hash slot not served. Next: Run redis-cli cluster info" in line


class SentinelServer(RedisServer):
    """A Redis Sentinel, which wants a file of settings before everything else."""

    def _spawn(self) -> "subprocess.Popen[bytes]":
        settings = self.folder / "sentinel.conf"
        settings.write_text(f"port {self.port}\nbind 127.0.0.1\nsentinel monitor desk 127.0.0.1 1 2\n")
        return subprocess.Popen([find_server(), str(settings), "--sentinel"], stdout=subprocess.DEVNULL)


def test_port_of_a_redis_sentinel_is_told_as_that(at_desk, tmp_path):
    with SentinelServer(tmp_path / "sentinel") as server:
        at_desk.write(server.url)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
    (line,) = hurt.lines
    assert f"Redis at {server.url} is a Redis Sentinel, which holds no data. Next: Point redis_url to" in line


def test_readers_need_no_memory_and_no_transactions(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    shown = at_desk.call("prices", "show", "BYBIT", "BTC/USDT")
    assert shown.document["results"][0]["source"] == "redis"
    clean_redis.say("ACL", "SETUSER", "looker", "on", ">pw", "~*", "+@read", "+@connection", "-multi", "-exec")
    at_desk.write(clean_redis.url.replace("//", "//looker:pw@"))
    clean_redis.say("CONFIG", "SET", "maxmemory", 1)
    try:
        for words in (("BYBIT",), ("BYBIT", "BTC/USDT")):
            again = at_desk.call("prices", "show", *words)
            assert (again.code, again.lines, again.document["results"][0]["source"]) == (0, [], "redis")
    finally:
        clean_redis.say("CONFIG", "SET", "maxmemory", 0)
        clean_redis.say("ACL", "DELUSER", "looker")


def test_password_where_none_is_set_is_told_as_that(at_desk, clean_redis):
    at_desk.write(clean_redis.url.replace("//", "//:unset@"))
    (line,) = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False).lines
    assert f"Redis at {clean_redis.url} has no password set, and redis_url has one. Next: Take it out" in line
