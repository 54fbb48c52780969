"""A publish that is refused, overtaken or killed leaves what is live as it was."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marketctl.errors import RedisFailed, Suspect
from marketctl.redis import publish
from marketctl.redis.connection import RedisConnection, connect
from marketctl.redis.publish import Published, mark_failed
from marketctl.redis.quotes import read_l1, read_meta, write_mirror
from marketctl.times import now_ms, to_iso
from tests.redis import puts
from tests.redis.puts import keys, live, put, quote


def test_older_set_is_refused(store: RedisConnection) -> None:
    put(store, {"A/B": quote("1")}, 10)
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    with pytest.raises(Suspect) as caught:
        put(store, {"A/B": quote("2")}, 9)
    assert caught.value.message == f"BYBIT: the live quotes are newer, of {to_iso(puts.T0 + 10_000)}"
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    assert put(store, {"A/B": quote("2")}, 9, force=True).changed == 1


def test_same_collection_again_is_there_already(store: RedisConnection) -> None:
    first = put(store, {"A/B": quote("1"), "C/D": quote()}, run_id="r1")
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    assert put(store, {"A/B": quote("2")}, run_id="r1") == first  # a reply lost on the way, asked again
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    mark_failed(store, "BYBIT", "storage: no room", puts.T0)
    again = put(store, {"A/B": quote("1"), "C/D": quote()}, run_id="r2")  # rates that were used again
    assert again == Published(count=2, added=0, removed=0, changed=0, seq=1)
    now = live(store), read_meta(store, "BYBIT") | {"last_ok_ms": before[1]["last_ok_ms"]}, keys(store)
    assert now == (before[0], before[1] | {"run_id": "r2"}, before[2])


def test_other_quotes_under_the_same_time_replace_the_live_ones(store: RedisConnection) -> None:
    """`pairs` was edited while the answer is used again: Redis has to agree with the mirror."""
    put(store, {"EUR/USD": quote("1"), "USD/RUB": quote("90")}, asked=("EUR/USD", "USD/RUB"))
    edited = {"EUR/USD": quote("1"), "USD/JPY": quote("150"), "USD/TRY": quote("40")}
    assert put(store, edited, run_id="r2", asked=tuple(edited)) == Published(3, 2, 1, 0, 2)
    assert set(live(store)) == set(edited)
    assert "earlier_ms" not in read_meta(store, "BYBIT")


def test_garbage_in_meta_is_no_time_and_no_count(store: RedisConnection) -> None:
    put(store, {"A/B": quote()})
    store.call("HSET", store.key("BYBIT", "l1:meta"), "seq", "1e20", "collected_ms", "inf")
    assert put(store, {"A/B": quote("2")}, 10).seq == 1
    assert put(store, {"A/B": quote("3")}, 20).seq == 2
    assert read_meta(store, "BYBIT")["seq"] == 2


def test_odd_bytes_of_others_are_replaced(store: RedisConnection) -> None:
    put(store, {"BTC/USDT": quote("1"), "A/B": quote("1")})
    store.call("HSET", store.key("BYBIT", "l1"), b"\xff/USDT", "x")
    store.call("HSET", store.key("BYBIT", "l1:meta"), "earlier_ms", "abc")
    quotes = {"BTC/USDT": quote("1"), "A/B": quote("1"), "C/D": quote("1")}
    assert put(store, quotes).earlier_ms is None  # of the same time
    store.call("HSET", store.key("BYBIT", "l1"), b"\xff/USDT", "x")
    published = put(store, quotes, after_s=5)
    assert (published.gone, published.earlier_ms) == (["\ufffd/USDT"], puts.T0)
    assert sorted(live(store)) == ["A/B", "BTC/USDT", "C/D"]
    store.call("HSET", store.key("BYBIT", "l1:meta"), "earlier_ms", "abc")
    assert put(store, quotes, after_s=5).earlier_ms is None


def test_publish_without_a_right_changes_nothing(server: Path, store: RedisConnection) -> None:
    """Each right the script needs after the rename is proven before it."""
    put(store, {"A/B": quote("1"), "C/D": quote()})
    before = live(store), read_meta(store, "BYBIT")
    needed = ("pexpireat", "hdel", "rename", "hset", "hlen", "hgetall", "hmget", "type")
    for right in needed:
        user = f"no{right}"
        store.call("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all", f"-{right}")
        url = f"unix://{user}:pw@{server}/redis/redis.sock"
        with connect(url, server, store.prefix) as limited, pytest.raises(RedisFailed):
            put(limited, {"A/B": quote("9")}, 10, complete=False)
        assert (live(store), read_meta(store, "BYBIT")) == before, right


def test_quotes_older_than_the_rest_keep_their_own_time(store: RedisConnection, tmp_path: Path) -> None:
    quotes = {"A/B": quote(), "C/D": quote()}
    put(store, quotes, own_ms={"C/D": puts.T0 - 5000})
    found, meta = read_l1(store, "BYBIT")
    assert (found["C/D"]["collected_ms"], found["A/B"].get("collected_ms"), meta["collected_ms"]) == (
        puts.T0 - 5000, None, puts.T0)  # fmt: skip
    write_mirror(tmp_path / "BYBIT.json", {"schema": 1}, quotes, {"C/D": puts.T0 - 5000})
    mirror = json.loads((tmp_path / "BYBIT.json").read_bytes())["quotes"]
    assert mirror["C/D"]["collected_at"] == to_iso(puts.T0 - 5000)
    assert "collected_at" not in mirror["A/B"]


def test_set_that_shrank_by_more_than_half_is_refused(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    with pytest.raises(Suspect) as caught:
        put(store, {f"{i}/B": quote() for i in range(4)}, 10)
    assert caught.value.message == "BYBIT: 4 quotes where 10 are live: more than half are gone"
    assert (live(store), read_meta(store, "BYBIT"), keys(store)) == before
    assert caught.value.hint == "If that is right, run `marketctl prices collect -p BYBIT --force` once."
    assert put(store, {f"{i}/B": quote() for i in range(5)}, 20).removed == 5
    with pytest.raises(Suspect, match="3 quotes where there were 10"):  # step by step is no way around
        put(store, {f"{i}/B": quote() for i in range(3)}, 25)
    assert put(store, {"0/B": quote()}, 30, force=True).removed == 4
    assert put(store, {"0/B": quote("2")}, 40).seq == 4


def test_half_a_set_is_refused_when_the_live_one_has_expired_or_redis_is_new(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    store.call("DEL", store.key("BYBIT", "l1"))
    with pytest.raises(Suspect, match="4 quotes where there were 10"):
        put(store, {f"{i}/B": quote() for i in range(4)}, 10)
    store.call("DEL", store.key("BYBIT", "l1:meta"))
    with pytest.raises(Suspect, match="4 quotes where there were 9"):
        put(store, {f"{i}/B": quote() for i in range(4)}, 10, known=lambda: 9)
    assert put(store, {f"{i}/B": quote() for i in range(5)}, 10, known=lambda: 9).count == 5


def test_narrowing_ones_own_pairs_is_not_suspect(store: RedisConnection) -> None:
    put(store, {f"{i}/B": quote() for i in range(10)})
    assert put(store, {"1/B": quote()}, 10, asked=("1/B",)).removed == 9
    wider = tuple(f"{i}/B" for i in range(8))
    put(store, {name: quote() for name in wider}, 20, asked=wider)
    with pytest.raises(Suspect, match="3 quotes where 8 are live"):
        put(store, {name: quote() for name in wider[:3]}, 30, asked=wider)


def test_run_that_was_overtaken_marks_no_good_set_as_failing(store: RedisConnection) -> None:
    began = now_ms() - 20_000
    put(store, {"A/B": quote()})
    mark_failed(store, "BYBIT", "suspect: the live quotes are newer", began, began_ms=began)
    assert read_meta(store, "BYBIT")["status"] == "ok"
    store.call("HSET", store.key("BYBIT", "l1:meta"), "last_ok_ms", str(began - 1))
    mark_failed(store, "BYBIT", "timeout: no answer", began, began_ms=began)
    assert read_meta(store, "BYBIT")["status"] == "failing"


def test_empty_set_is_refused(store: RedisConnection) -> None:
    with pytest.raises(Suspect, match=r"^BYBIT: no quotes to publish$"):
        put(store, {}, force=True)


@pytest.mark.parametrize("name", ["{BYBIT}:l1", "{BYBIT}:l1:meta", "{BYBIT}:events", "providers"])
def test_key_of_a_wrong_type_is_named(store: RedisConnection, name: str) -> None:
    key = f"{store.prefix}:{name}"
    store.call("SET", key, "mine")
    with pytest.raises(RedisFailed) as caught:
        put(store, {"A/B": quote()})
    assert key in caught.value.message
    assert caught.value.message.endswith("something else wrote it")
    assert caught.value.hint == "Delete it, or change redis_prefix."
    assert store.call("GET", key) == b"mine"
    assert "h:A/B" not in "".join(keys(store))


def test_temporary_key_that_vanished_is_told(store: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, {"A/B": quote()})
    monkeypatch.setattr(publish, "_fill", lambda *args: [])
    with pytest.raises(RedisFailed, match=r"lost 1 of 1 quotes on the way: evicted, or the server restarted$"):
        put(store, {"A/B": quote("5")}, 10)
    assert live(store) == {"A/B": '{"bid":"1","ask":"2","symbol":"BTCUSDT"}'}


KILLED = """
import os, signal, sys, pathlib
from marketctl.redis import connection as redis_store
from marketctl.redis.publish import publish_l1
from marketctl.models import Quote
store = redis_store.RedisConnection("embedded", pathlib.Path(sys.argv[1]), sys.argv[2])
exchange = redis_store.RedisConnection._exchange
def filled_and_killed(self, address, sent, count, meanwhile=None):
    if count > 1:  # all but the script
        exchange(self, address, sent[:-1], count - 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return exchange(self, address, sent, count)
redis_store.RedisConnection._exchange = filled_and_killed
quotes = {f"{i}/B": Quote("X", "9", "9", *[None] * 8) for i in range(2000)}
publish_l1(store, "BYBIT", quotes, run_id="dead", collected_ms=int(sys.argv[3]), interval_s=10, skipped=0)
"""


def test_kill_between_fill_and_rename_leaves_no_mix_and_nothing_lasting(store: RedisConnection, server: Path) -> None:
    put(store, {"A/B": quote()})
    before = live(store), read_meta(store, "BYBIT"), keys(store)
    command = [sys.executable, "-c", KILLED, str(server), store.prefix, str(puts.T0 + 10_000)]
    assert subprocess.run(command, check=False, timeout=20).returncode == -signal.SIGKILL
    (leftover,) = set(keys(store)) - set(before[2])
    assert leftover.startswith(f"{store.prefix}:{{BYBIT}}:l1:fill:dead:")
    assert store.call("HLEN", leftover) == 2000
    assert 0 < store.call("PTTL", leftover) <= 60_000
    assert (live(store), read_meta(store, "BYBIT")) == before[:2]


TORTURED = """
import sys, pathlib
from marketctl.redis import connection as redis_store
from marketctl.redis.publish import publish_l1
from marketctl.models import Quote
from marketctl.times import now_ms
store = redis_store.RedisConnection("embedded", pathlib.Path(sys.argv[1]), sys.argv[2])
i = int(sys.argv[3])
while True:
    i += 1
    quotes = {f"{n}/B": Quote("X", str(i), "9", *[None] * 8) for n in range(1500)}
    publish_l1(store, "BYBIT", quotes, run_id=str(i), collected_ms=now_ms(), interval_s=10, skipped=0)
"""


def test_readers_never_see_a_mix_while_publishers_are_killed(store: RedisConnection, server: Path) -> None:
    for round_number in range(1, 5):
        command = [sys.executable, "-c", TORTURED, str(server), store.prefix, str(round_number * 1000)]
        seen: set[str] = set()
        with subprocess.Popen(command) as process:
            while len(seen) < 5:
                assert process.poll() is None
                quotes, meta = read_l1(store, "BYBIT")
                if meta and int(meta["run_id"]) > round_number * 1000:
                    seen.add(meta["run_id"])
                assert {value["bid"] for value in quotes.values()} == ({meta["run_id"]} if meta else set())
                assert len(quotes) == (1500 if meta else 0)
            process.kill()
    assert all(store.call("PTTL", key) > 0 for key in keys(store) if ":fill:" in key)
