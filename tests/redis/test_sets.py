"""A provider's set as one text a key: the same as asked one by one, also where scripts are refused or a pair is odd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketctl.errors import RedisFailed
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.sets import read_texts, seen_as

LIVE = {"A/B": '{"bid":"1"}', "Ä\t/B": '{"bid":"2","symbol":"a\\tb"}', "C/D": "{}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("sets")) as found:
        yield found


@pytest.fixture(params=["all rights", "no scripts"])
def store(server: EmbeddedRedis, request: pytest.FixtureRequest) -> Iterator[RedisConnection]:
    """Hold a set of odd pairs, and read it as one who may run scripts, or may not."""
    prefix = f"t{request.param_index}"
    with RedisConnection("embedded", server.folder.parent, prefix) as admin:
        for name, told in {"l1": LIVE, "marked": {"A/B": "{}"}, "l1:meta": {"seq": "7", "run_id": "r"}}.items():
            admin.call("HSET", admin.key("X", name), *[part for pair in told.items() for part in pair])
        admin.call("ACL", "SETUSER", "looker", "on", ">pw", "~*", "+@read", "+@connection")
        url = f"unix://looker:pw@{server.start()}"
        if request.param == "all rights":
            yield admin
        else:
            with RedisConnection(url, Path(), prefix) as found:
                with pytest.raises(RedisFailed, match="does not let this user do it"):
                    found.call("EVAL", "return 1", 0)
                yield found


def put(store: RedisConnection, folder: Path, pair: str, value: str) -> None:
    with RedisConnection("embedded", folder, store.prefix) as admin:
        admin.call("HSET", admin.key("X", "l1"), pair, value)


def test_live_held_and_marked_as_they_are_written(store):
    found = read_texts(store, "X")
    assert found is not None
    live, held, marked, meta = found
    assert live == {pair.encode(): value.encode() for pair, value in LIVE.items()}
    assert (held, marked) == ({}, {b"A/B": b"{}"})
    assert dict(zip(meta[::2], meta[1::2], strict=True)) == {b"seq": b"7", b"run_id": b"r"}


def test_a_set_is_one_round_trip_of_few_replies(server):
    """Whatever the number of pairs: to read a reply of many parts is what takes the time."""
    with RedisConnection("embedded", server.folder.parent, "many") as store:
        pairs = [part for n in range(500) for part in (f"C{n}/B", "{}")]
        store.call("HSET", store.key("X", "l1"), *pairs)
        sent, real = [], store.send
        store.send = lambda commands, keys: sent.append(commands) or real(commands, keys)
        found = read_texts(store, "X")
        assert found is not None
        assert len(found[0]) == 500
        assert len(sent) == 1
        assert [b"EVAL" in command for command in sent[0]] == [True]


def test_a_run_that_was_seen_is_not_told_again(store):
    assert read_texts(store, "X", "7 3") is None
    assert read_texts(store, "X", "6 3") is not None
    assert read_texts(store, "X", "7 2") is not None  # one of them vanished
    assert read_texts(store, "NOBODY", " 0") is None
    found = read_texts(store, "X")
    assert found is not None
    assert seen_as(found[0], found[3]) == "7 3"


def test_a_provider_that_never_published(store):
    assert read_texts(store, "NOBODY") == ({}, {}, {}, [])


@pytest.mark.parametrize(("pair", "value"), [("A\n/B", "{}"), ("E/F", "{\n}"), ("G/H", "")])
def test_a_foreign_line_is_told_as_it_is(store, server, pair, value):
    put(store, server.folder.parent, pair, value)
    try:
        found = read_texts(store, "X")
        assert found is not None
        assert found[0][pair.encode()] == value.encode()
        assert len(found[0]) == len(LIVE) + 1
    finally:
        with RedisConnection("embedded", server.folder.parent, store.prefix) as admin:
            admin.call("HDEL", admin.key("X", "l1"), pair)
