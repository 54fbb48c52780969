"""Redis fails: one clear line, a fixed exit code, the last good data untouched, nothing claimed that is not known."""

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest

from marketctl.redis import connection as redis_store
from marketctl.redis.publish import _script
from tests.reliability.redis_faults import L1, REDIS_FAULTS, down, listening, live, loading, lost_primary
from tools.torture_world import RedisServer


@pytest.mark.parametrize("fault", REDIS_FAULTS, ids=lambda fault: fault.__name__)
def test_redis_fault(at_desk, clean_redis, monkeypatch, fault):
    at_desk.write(clean_redis.url)
    good = at_desk.call("run", "--once", "-p", "BYBIT")
    assert (good.code, good.lines) == (0, [])
    assert [one["stored"] for one in good.results.values()] == [["file", "redis"], ["redis", "file"], ["file", "redis"]]
    mirror, quotes = at_desk.file("prices").read_bytes(), live(clean_redis)
    wallet = at_desk.head("wallet")
    monkeypatch.setattr(redis_store, "READ_S", 0.15)
    monkeypatch.setattr(redis_store, "CONNECT_S", 0.5)
    with contextmanager(fault)(clean_redis) as url:
        at_desk.write(url)
        hurt = at_desk.call("run", "--once", "-p", "BYBIT")
        alone = at_desk.call("prices", "collect", "-p", "BYBIT", "-q", as_json=False)
        assert at_desk.file("prices").read_bytes() == mirror
    where = f"Redis at {url.partition('//')[0]}//{url.rpartition('@')[2].rpartition('/')[2]}"
    prices = hurt.results["BYBIT prices"]
    assert prices["message"].startswith(REDIS_FAULTS[fault].format(where=where)), prices["message"]
    assert (prices["status"], prices["reason"], prices["stored"], prices["published"]) == ("failed", "redis", [], 0)
    for job in ("wallet", "stats"):
        told = hurt.results[f"BYBIT {job}"]
        assert (told["status"], told["stored"]) == ("ok", ["file"])
        assert told["message"].startswith("written to the file, but not copied to Redis: ")
    assert (hurt.code, len(hurt.lines)) == (3, 3)  # prices, and a line for each copy
    assert (alone.code, len(alone.lines)) == (1, 1), alone.lines
    assert "password@" not in hurt.said + alone.said
    assert at_desk.head("wallet") != wallet
    if fault is not down:
        assert live(clean_redis) == quotes
    monkeypatch.undo()
    at_desk.write(clean_redis.url)
    again = at_desk.call("run", "--once", "-p", "BYBIT")
    assert (again.code, again.lines) == (0, [])
    assert again.results["BYBIT prices"]["stored"] == ["redis", "file"]


@pytest.mark.parametrize("fault", [lost_primary, loading], ids=lambda fault: fault.__name__)
def test_readers_of_a_redis_that_answers_nothing_read_the_mirror_and_say_so_once(at_desk, clean_redis, fault):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once").code == 0
    with contextmanager(fault)(clean_redis) as url:
        at_desk.write(url)
        told = REDIS_FAULTS[fault].format(where=f"Redis at {url}")
        for words in ("prices show BYBIT", "prices compare BTC/USDT", "asset BTC --only prices", "status"):
            shown = at_desk.call(*words.split(), as_json=False)
            assert (words, shown.code) == (words, 0)
            assert [line for line in shown.lines if "Redis" in line] == [f"quotes are from the mirror: {told}"]
        checked = at_desk.call("check", "BYBIT", as_json=False)
        assert (checked.code, told in checked.said) == (1, True)


def test_slow_redis_that_publishes_after_we_gave_up_is_not_called_unpublished(at_desk, clean_redis, monkeypatch):
    """The script had been sent: whether it ran cannot be known, and that is what is said."""
    at_desk.write(clean_redis.url)
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    before = at_desk.head("prices")
    run_script = redis_store.RedisConnection.run_script
    with ExitStack() as stack:

        def late(self, script, *given, **at_once):
            if script == _script():
                stack.enter_context(clean_redis.stopped())
            return run_script(self, script, *given, **at_once)

        monkeypatch.setattr(redis_store, "READ_S", 0.15)
        monkeypatch.setattr(redis_store.RedisConnection, "run_script", late)
        hurt = at_desk.call("prices", "collect", "-p", "BYBIT")
    result = hurt.results["BYBIT prices"]
    assert (hurt.code, result["reason"], result["stored"]) == (1, "redis", [])
    assert result["message"].endswith("whether the quotes went out is not known")
    assert at_desk.head("prices") == before
    assert live(clean_redis)[1].decode() == hurt.document["run_id"] != before  # it did go out
    monkeypatch.undo()
    assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
    assert live(clean_redis)[1].decode() == at_desk.head("prices")


class Relay:
    """Stands between us and Redis; strikes once, before it passes the n-th piece of ours on, or the reply to it."""

    def __init__(self, server: RedisServer, moment: int, how: str) -> None:
        self.server, self.moment, self.how = server, moment, how
        self.count = 0
        self.lose_reply = False

    def strike(self) -> None:
        self.server.kill()
        if self.how != "gone":
            self.server.start()

    def answer(self, connection: socket.socket) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", self.server.port))
        except OSError:
            return
        with upstream:
            back = threading.Thread(target=self.pump, args=(upstream, connection))
            back.start()
            with suppress(OSError):
                while piece := connection.recv(1 << 20):
                    self.count += 1
                    if self.count == self.moment and self.how == "reply lost":
                        self.lose_reply = True
                    elif self.count == self.moment:
                        self.strike()
                    upstream.sendall(piece)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 20):
                if self.lose_reply:
                    self.lose_reply = False
                    self.strike()
                    break
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("how", ["restarted", "gone", "reply lost"])
def test_redis_restarted_in_the_midst_of_a_publish(at_desk, tmp_path, how):
    """Whole set and mirror of one run, or both as before - wherever in the run the server goes down."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always") as server:
        at_desk.write(server.url)
        assert at_desk.call("prices", "collect", "-p", "BYBIT").code == 0
        for moment in range(1, 40):
            before, stood = at_desk.head("prices"), live(server)[1]  # where a reply was lost Redis may be ahead
            server.say("DEL", "marketctl:{BYBIT}:lock:prices")  # of the run before: 15 s later it were gone

            relay = Relay(server, moment, how)
            with listening(relay.answer) as port:
                at_desk.write(f"redis://127.0.0.1:{port}")
                told = at_desk.call("prices", "collect", "-p", "BYBIT")
            if server.process is None:
                server.start()
            quotes, run_id = live(server)
            result = told.results["BYBIT prices"]
            assert len(quotes) == int(server.say("HGET", f"{L1}:meta", "count"))
            if told.code == 0:
                assert result["stored"] == ["redis", "file"]
                assert run_id.decode() == at_desk.head("prices") == told.document["run_id"]
            else:
                assert (told.code, len(told.lines), result["reason"], result["stored"]) == (1, 1, "redis", [])
                assert at_desk.head("prices") == before
                assert run_id == stood or result["message"].endswith("is not known")
            if relay.count < moment:
                assert told.code == 0
                return
    raise AssertionError("the run says no more than forty things to Redis")


def test_publish_whose_reply_was_lost_is_answered_again_and_not_done_twice(at_desk, clean_redis, monkeypatch):
    at_desk.write(clean_redis.url)
    run_script = redis_store.RedisConnection.run_script

    def twice(self, script, *given, **at_once):
        first, again = run_script(self, script, *given, **at_once), None
        if script == _script():
            again = run_script(self, script, *given, **at_once)
            assert again[1:9] == first[1:9]
        return again or first

    monkeypatch.setattr(redis_store.RedisConnection, "run_script", twice)
    for count in (1, 2):
        told = at_desk.call("prices", "collect", "-p", "BYBIT").results["BYBIT prices"]
        assert (told["status"], told["stored"], told["published"]) == ("ok", ["redis", "file"], told["quotes"])
        assert clean_redis.say("HGET", f"{L1}:meta", "seq") == str(count).encode()
        assert clean_redis.say("XLEN", "marketctl:{BYBIT}:events") == count
