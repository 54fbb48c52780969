"""The board served live: deltas from a real Redis and from files, and nothing for whom it is not meant."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from marketctl.board.live import Changes
from marketctl.board.serve import BoardServer
from marketctl.errors import ConfigError
from marketctl.files.snapshots import write_snapshot
from marketctl.log import set_up
from marketctl.models import Network
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import connect
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms
from marketctl.views.quotes import Reader
from tests.board.serving import ask, served
from tests.desk import asset, head, make_desk, quote
from tools.torture_world import RedisServer

TOKEN = "a-token-of-some-length"


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path, now_ms(), "none")


class Stream:
    """The events of a server: one after another, with their numbers."""

    def __init__(self, server, state="0-0-0", **headers):
        self.connection = http.client.HTTPConnection(*server.server_address[:2], timeout=20)
        self.connection.request("GET", f"/events?since={state}", headers=headers)
        self.answer = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self.connection.close()

    def next(self):
        told = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            told[name] = value
        return told["event"], json.loads(told["data"])

    def until(self, kind, seen=lambda data: True):
        while True:
            name, data = self.next()
            if name == kind and seen(data):
                return data


def state_of(page):
    return json.loads(page.partition(b'id="data">')[2].partition(b"</script>")[0])["live"]


def first_look(server):
    """Wait for the first look; return the state of a page that holds what it found."""
    until = time.monotonic() + 20
    while not server.changes.serial:
        assert time.monotonic() < until, "nobody looks"
        time.sleep(0.02)
    return state_of(ask(server)[1])


def rows(data, p):
    return {row[0]: row[1:3] for one in data["by"] if one["p"] == p for row in one.get("rows", [])}


def test_what_changes_in_redis_comes_by_its_hint_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.board.live.ALL_S", 60)
    desk = make_desk(tmp_path, now_ms())
    quotes = {"BTC/USDT": quote("200.10", "200.20"), "ETH/USDT": quote("10.1", "10.2"), "NEW/USDT": quote("1", "2")}
    with EmbeddedRedis(desk.settings.data_dir), served(desk) as server:
        with Stream(server, first_look(server)) as stream, connect("embedded", desk.settings.data_dir) as store:
            at = now_ms()
            publish_l1(store, "KUCOIN", quotes, run_id="r2", collected_ms=at, interval_s=10, skipped=0)
            data = stream.until("changes", lambda data: rows(data, 1))
        assert time.time() * 1000 - at < 20_000  # a fifth of a second where the machine is quiet
        assert rows(data, 1) == {"BTC/USDT": ["200.10", "200.20"], "NEW/USDT": ["1", "2"]}
        (one,) = [one for one in data["by"] if one["p"] == 1]
        assert (one["at"], one["jobs"]["prices"]["at"]) == (at, at)


def test_who_may_not_hear_of_changes_looks_for_them_and_says_so_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("marketctl.board.live.ALL_S", 0.2)
    monkeypatch.setattr("marketctl.board.live.TICK_S", 0.1)
    set_up(0, False, "text")
    with RedisServer(tmp_path / "redis") as redis:
        redis.say("ACL", "SETUSER", "looker", "on", ">pw", "~*", "+@read", "+@connection", "+eval", "+multi", "+exec")
        desk = make_desk(tmp_path / "desk", now_ms(), redis.url)
        desk = load_registry(desk.path, redis_url=redis.url.replace("//", "//looker:pw@"), environ={})
        with served(desk) as server, Stream(server, state_of(ask(server)[1])) as stream:
            with connect(redis.url, tmp_path) as store:
                quotes = {"BTC/USDT": quote("200.10", "200.20"), "ETH/USDT": quote("10.1", "10.2")}
                publish_l1(store, "KUCOIN", quotes, run_id="r2", collected_ms=now_ms(), interval_s=10, skipped=0)
            stream.until("changes", lambda data: rows(data, 1).get("BTC/USDT") == ["200.10", "200.20"])
            time.sleep(0.5)
    told = capsys.readouterr().err
    assert told.startswith("prices are looked at every 0.2 s, no hints are to be had: Redis at ")
    assert told.count("\n") == 1


def test_what_changes_in_files_comes_too_and_who_was_away_gets_it_all(desk):
    def moved(data):
        return rows(data, 1).get("BTC/USDT") == ["300", "301"]

    with served(desk) as server:
        state = state_of(ask(server)[1])
        with Stream(server, state) as stream:
            stream.next()
            path = desk.settings.data_dir / "prices" / "KUCOIN.json"
            write_mirror(path, head("KUCOIN", "prices", now_ms()), {"BTC/USDT": quote("300", "301")})
            data = stream.until("changes", moved)
        assert [one["gone"] for one in data["by"] if one.get("gone")] == [["ETH/USDT"]]
        with Stream(server, state) as late:
            assert moved(late.until("changes", moved))


def test_a_folder_that_is_none_for_a_while_is_looked_at_again(desk):
    folder, changes, reader = desk.settings.data_dir / "prices", Changes(desk), Reader(desk, None, None)
    changes.look(reader)
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    changes.look(reader)
    folder.unlink()
    folder.with_name("away").rename(folder)
    write_mirror(folder / "KUCOIN.json", head("KUCOIN", "prices", now_ms()), {"BTC/USDT": quote("300", "301")})
    changes.look(reader)
    assert rows(json.loads(changes.since(1)), 1) == {"BTC/USDT": ["300", "301"]}


def test_what_redis_holds_of_another_shape_is_said_once_and_harms_no_other_provider(tmp_path, capsys):
    set_up(0, False, "text")
    desk = make_desk(tmp_path, now_ms())
    quotes = {"BTC/USDT": quote("200.10", "200.20"), "ETH/USDT": quote("10.1", "10.2")}

    def publish(store, name, run):
        publish_l1(store, name, quotes, run_id=run, collected_ms=now_ms(), interval_s=10, skipped=0, force=True)

    with EmbeddedRedis(desk.settings.data_dir), connect("embedded", desk.settings.data_dir) as store:
        changes, reader = Changes(desk), Reader(desk, store, None)
        first, other = (entry.name for entry in desk.enabled()[:2])
        for name, field, value in (("l1", "BTC/USDT", "{"), ("l1", "BTC/USDT", "5"), ("l1:meta", "collected_ms", "x")):
            publish(store, first, "r2")
            store.call("HSET", store.key(first, name), field, value)
            changes.look(reader)
            changes.look(reader)
            assert changes.watched[first].rows == {}
            publish(store, other, f"r2{value}")
            changes.look(reader)
            assert changes.watched[other].rows["BTC/USDT"][1:3] == ["200.10", "200.20"]
        publish(store, first, "r3")
        changes.look(reader)
        assert changes.watched[first].rows["BTC/USDT"][1:3] == ["200.10", "200.20"]
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(":l1")[2] for line in told] == [
        " is not as marketctl writes it: BTC/USDT holds {",
        " is not as marketctl writes it: BTC/USDT holds 5",
        ":meta is not as marketctl writes it: collected_ms is x",
    ]


def test_a_set_that_vanishes_without_a_run_is_gone_and_what_the_server_refuses_is_said_once(tmp_path, capsys):
    set_up(0, False, "text")
    with RedisServer(tmp_path / "redis") as redis:
        desk = make_desk(tmp_path / "desk", now_ms(), redis.url)
        with connect(redis.url, tmp_path) as store:
            quotes = {"BTC/USDT": quote("200.10", "200.20"), "ETH/USDT": quote("10.1", "10.2")}
            publish_l1(store, "KUCOIN", quotes, run_id="r2", collected_ms=now_ms(), interval_s=10, skipped=0)
            changes, reader = Changes(desk), Reader(desk, store, None)
            changes.look(reader)
            assert len(changes.watched["KUCOIN"].rows) == 2
            redis.say("DEL", store.key("KUCOIN", "l1"))  # evicted
            for _ in range(2):
                changes.look(reader)
                assert changes.serial == 2
            assert changes.watched["KUCOIN"].rows == {}
            redis.say("CONFIG", "SET", "replica-serve-stale-data", "no")
            redis.say("REPLICAOF", "127.0.0.1", "1")
            changes.look(reader)
            changes.look(reader)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith(" is a replica that has lost its primary, and answers nothing")


def test_a_new_wallet_and_a_server_that_began_anew_make_the_page_load_anew(desk):
    with served(desk) as server:
        time.sleep(0.3)
        with Stream(server, state_of(ask(server)[1])) as stream:
            stream.next()
            coins = {"USDT": asset("USDT", {"TRX": Network(network="tron", deposit=True, withdraw=False)})}
            path = desk.settings.data_dir / "wallet" / "KUCOIN.json"
            write_snapshot(path, head("KUCOIN", "wallet", now_ms()), "assets", coins)
            stream.until("again")
        with Stream(server, "other-1-0") as stream:
            assert stream.next()[0] == "again"


def test_the_page_is_hardened_and_read_only(desk):
    with served(desk) as server:
        status, page, headers = ask(server)
        assert (status, page[:15]) == (200, b"<!doctype html>")
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert ask(server, method="HEAD")[:2] == (200, b"")
        for method in ("POST", "PUT", "DELETE"):
            assert ask(server, method=method)[0] == 405
        assert ask(server, "/../etc/passwd")[0] == 404
        # A page elsewhere whose name was made to lead here.
        assert ask(server, Host="evil.example")[0] == 403
        assert ask(server, "/events?since=0-0-0", Host="evil.example:8080")[0] == 403
        assert ask(server, "/events", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")[0] == 403
        assert ask(server, Host="localhost:8080")[0] == 200


def test_what_is_no_address_and_no_number_is_refused_without_an_error_of_ours(desk, capsys):
    set_up(0, False, "text")
    with served(desk) as server:
        with socket.create_connection(server.server_address) as client:
            client.sendall(b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.0 400"
        epoch = server.changes.epoch
        with Stream(server, f"{epoch}-{'9' * 5000}-1") as stream:
            assert stream.next()[0] == "again"
    assert capsys.readouterr().err == ""


def test_a_token_is_asked_of_everybody_and_kept_in_a_cookie(desk):
    with served(desk, token=TOKEN) as server:
        assert ask(server)[0] == 401
        assert ask(server, "/events?since=0-0-0")[0] == 401
        assert ask(server, "/?token=wrong")[0] == 401
        status, _, headers = ask(server, f"/?token={TOKEN}")
        assert (status, headers["Location"]) == (303, "./")
        assert headers["Set-Cookie"] == f"marketctl-board={TOKEN}; HttpOnly; SameSite=Strict; Path=/"
        assert ask(server, Cookie=f"marketctl-board={TOKEN}")[0] == 200
        assert ask(server, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert ask(server, Authorization="Bearer wrong")[0] == 401


def test_beyond_this_machine_it_needs_a_token(desk):
    with pytest.raises(ConfigError, match="other machines"):
        BoardServer(desk, "0.0.0.0:0", None)


def test_a_socket_in_the_file_system_is_left_and_taken_again(desk, tmp_path):
    path = tmp_path / "board.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))  # and nobody takes it away
    with served(desk, f"unix:{path}"):
        assert path.stat().st_mode & 0o777 == 0o660
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: market.example\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.0 200 OK"
        with pytest.raises(ConfigError, match="another board"):
            BoardServer(desk, f"unix:{path}", None)
    assert not path.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_ends_with_its_signal_and_keeps_the_token_out_of_arguments(desk, number, code):
    words = [sys.executable, "-m", "marketctl", "--config", str(desk.path), "board", "--bind", "127.0.0.1:0", "--token"]
    environ = os.environ | {"MARKETCTL_BOARD_TOKEN": TOKEN}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environ) as process:
        line = process.stderr.readline()
        assert "the board is at http://127.0.0.1:" in line
        assert TOKEN not in line
        process.send_signal(number)
        assert process.wait(20) == code
