"""The files of the embedded Redis: saved, full, unreadable, in the way or gone."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import RedisFailed, StorageFailed
from marketctl.redis import embedded
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from tests.redis.process import is_gone, say, server_pid, wait_for


def test_leftovers_of_a_server_killed_while_saving_go_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "temp-4711.rdb").write_bytes(b"REDIS0009")
    with EmbeddedRedis(tmp_path):
        assert not list((tmp_path / "redis").glob("temp-*"))


UNREADABLE = {
    "garbage": b"garbage",
    "newer": b"REDIS9999" + b"\0" * 20,
    "empty": b"",
    "cut": None,
}


def make_unreadable(dump: Path, kind: str) -> bytes:
    """Put a file there that no server of today reads; return its content."""
    if kind == "cut":
        with EmbeddedRedis(dump.parent.parent) as redis:
            say(redis.start(), f"SET coin {'B' * 400}")
        content = dump.read_bytes()[:-200]
    else:
        content = UNREADABLE[kind] or b""
        dump.parent.mkdir(exist_ok=True)
    dump.write_bytes(content)
    return content


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_file_is_set_aside_with_one_warning_and_all_goes_on(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    dump = tmp_path / "redis" / "dump.rdb"
    content = make_unreadable(dump, kind)
    with EmbeddedRedis(tmp_path) as redis:
        assert say(redis.start(), "GET coin") == "$-1"
        assert say(redis.start(), "SET coin BTC") == "+OK"
    (aside,) = dump.parent.glob("dump.rdb.unreadable-*")
    assert re.fullmatch(r"dump\.rdb\.unreadable-\d{8}T\d{6}Z", aside.name)
    assert aside.read_bytes() == content
    (told,) = caplog.messages
    assert re.fullmatch(
        rf"the embedded Redis cannot read its file \(.+\): set aside as {aside}; prices go on, their history is in it",
        told,
    )
    with EmbeddedRedis(tmp_path) as redis:
        assert say(redis.start(), "GET coin") == "$3\r\nBTC"
    assert len(caplog.messages) == 1


def test_two_at_once_set_an_unreadable_file_aside_once(tmp_path: Path, user: Callable[[], Any]) -> None:
    make_unreadable(tmp_path / "redis" / "dump.rdb", "garbage")
    processes = [user() for _ in range(4)]
    assert {process.stdout.readline() for process in processes} == {f"{tmp_path}/redis/redis.sock\n"}
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert len(list((tmp_path / "redis").glob("dump.rdb.unreadable-*"))) == 1


def test_who_only_looks_leaves_an_unreadable_file_where_it_is(tmp_path: Path) -> None:
    dump = tmp_path / "redis" / "dump.rdb"
    content = make_unreadable(dump, "newer")
    with pytest.raises(RedisFailed, match=r"^embedded Redis cannot read .*dump\.rdb: ") as caught:
        EmbeddedRedis(tmp_path, look=True).start()
    assert "\n" not in caught.value.message
    assert caught.value.hint == "Run any job: it sets the file aside."
    assert dump.read_bytes() == content
    assert not list(dump.parent.glob("*unreadable*"))


def test_file_is_put_back_when_the_server_does_not_start_without_it_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "redis" / "dump.rdb"
    dump.parent.mkdir()
    dump.write_bytes(b"as good as any")
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho '1:M 01 Jan 2026 # no memory'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisFailed, match="ended at its start: no memory"):
        EmbeddedRedis(tmp_path).start()
    assert [file.name for file in dump.parent.glob("dump*")] == ["dump.rdb"]
    assert dump.read_bytes() == b"as good as any"


def test_it_saves_itself_at_most_each_quarter_of_an_hour(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as redis:
        assert say(redis.start(), "CONFIG GET save").endswith("\r\n900 1")


def test_full_disk_stops_no_prices(tmp_path: Path) -> None:
    """A save that fails must not make the server refuse what is published."""
    with EmbeddedRedis(tmp_path) as redis:
        path = redis.start()
        dump = tmp_path / "redis" / "dump.rdb"
        dump.mkdir()  # stands for a disk that takes nothing
        (dump / "in the way").write_bytes(b"")
        say(path, "SET coin BTC")
        say(path, "BGSAVE")
        wait_for(lambda: "rdb_bgsave_in_progress:0" in info(path))
        assert "rdb_last_bgsave_status:err" in info(path)
        assert say(path, "SET coin ETH") == "+OK"
        (dump / "in the way").unlink()
        dump.rmdir()


def info(path: str) -> str:
    with RedisConnection(f"unix://{path}", Path(), "p") as store:
        return store.call("INFO", "persistence").decode()


def test_data_that_cannot_be_saved_keep_the_server_running(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path)
    path = redis.start()
    assert say(path, "SET coin BTC") == "+OK"
    dump = tmp_path / "redis" / "dump.rdb"
    dump.mkdir()
    (dump / "in the way").write_bytes(b"")
    with pytest.raises(StorageFailed, match="could not save its data"):
        redis.stop()
    (dump / "in the way").unlink()
    dump.rmdir()
    with EmbeddedRedis(tmp_path):
        pid = server_pid(tmp_path)
    wait_for(lambda: is_gone(pid))
    assert dump.is_file()


def test_server_whose_socket_was_removed_is_still_stopped(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path)
    path = redis.start()
    say(path, "SET coin BTC")
    Path(path).unlink()
    redis.stop()
    assert is_gone(server_pid(tmp_path))
    assert (tmp_path / "redis" / "dump.rdb").exists()


def test_server_whose_folder_was_removed_is_still_stopped(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path / "data")
    redis.start()
    pid = server_pid(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
    redis.stop()
    assert is_gone(pid)


def test_folder_in_the_way_of_a_file_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "redis").write_bytes(b"")
    with pytest.raises(StorageFailed) as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.message == f"cannot make {tmp_path / 'redis'}: File exists"


def test_big_log_is_started_anew(tmp_path: Path) -> None:
    log = tmp_path / "redis" / "redis.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (embedded.LOG_MAX + 1))
    with EmbeddedRedis(tmp_path):
        assert log.stat().st_size < 10_000
