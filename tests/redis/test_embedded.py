"""The embedded Redis: shared, private, goes on or is saved and stopped by the last one who leaves."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import Busy, RedisFailed, StorageFailed
from marketctl.redis import embedded
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis


def say(path: str, command: str) -> str:
    """Send one command to a server; "" when none is there."""
    answer = embedded._ask(path, command.encode() + b"\r\n")
    return answer.decode().strip() if answer else ""


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "redis" / "server.lock").read_text().split()[0])


def is_gone(pid: int) -> bool:
    """Tell whether a process ended; a zombie of ours did."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Start other processes that use the server of `tmp_path` until their stdin is closed."""
    code = """
import sys, pathlib
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
redis = EmbeddedRedis(pathlib.Path(sys.argv[1]))
print(redis.start(), flush=True)
sys.stdin.read()
redis.stop()
"""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_last_one_leaving_stops_the_server_and_data_persist(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    path = first.start()
    assert second.start() == path == str(tmp_path / "redis" / "redis.sock")
    pid = server_pid(tmp_path)
    assert say(path, "SET coin BTC") == "+OK"
    first.stop()
    first.stop()
    assert say(path, "GET coin") == "$3\r\nBTC"
    second.stop()
    assert is_gone(pid)
    assert sorted(file.name for file in (tmp_path / "redis").iterdir()) == [
        "dump.rdb",
        "redis.log",
        "server.lock",
        "start.lock",
        "users.lock",
    ]
    third = EmbeddedRedis(tmp_path)
    assert say(third.start(), "GET coin") == "$3\r\nBTC"
    assert server_pid(tmp_path) != pid
    third.stop()


def test_concurrent_processes_share_one_server(tmp_path: Path, user: Callable[[], Any]) -> None:
    processes = [user() for _ in range(6)]
    paths = {process.stdout.readline() for process in processes}
    assert paths == {f"{tmp_path}/redis/redis.sock\n"}
    pid = server_pid(tmp_path)
    for process in processes[1:]:
        process.communicate()
        assert not is_gone(pid)
    processes[0].communicate()
    assert is_gone(pid)


def test_server_outlives_killed_users_and_the_next_one_stops_it(tmp_path: Path, user: Callable[[], Any]) -> None:
    process = user()
    path = process.stdout.readline().strip()
    pid = server_pid(tmp_path)
    assert say(path, "SET coin BTC") == "+OK"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_gone(pid)
    last = EmbeddedRedis(tmp_path)
    assert say(last.start(), "GET coin") == "$3\r\nBTC"
    assert server_pid(tmp_path) == pid
    last.stop()
    wait_for(lambda: is_gone(pid))


def test_killed_server_is_started_anew_with_its_saved_data(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as redis:
        path = redis.start()
        assert say(path, "SET coin BTC") == "+OK"
        assert say(path, "SAVE") == "+OK"
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        redis.stop()
        assert (tmp_path / "redis" / "redis.sock").exists()  # stale now
        assert say(redis.start(), "GET coin") == "$3\r\nBTC"


def test_ctrl_c_of_the_user_does_not_reach_the_server(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path):
        pid = server_pid(tmp_path)
        assert os.getsid(pid) == pid


def test_no_tcp_port_private_folder_and_no_secrets_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETCTL_BYBIT_API_SECRET", "s3cr3t")
    with EmbeddedRedis(tmp_path):
        pid = server_pid(tmp_path)
        held = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        sockets = {name[8:-1] for name in held if name.startswith("socket:")}
        tcp = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        assert sockets
        assert not sockets & tcp
        assert {Path(name).name for name in held if name.endswith(".lock")} == {"server.lock"}
        assert b"s3cr3t" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert (tmp_path / "redis").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "redis" / "redis.sock").stat().st_mode & 0o777 == 0o700


def test_nothing_on_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedRedis(tmp_path):
        pass
    assert capfd.readouterr() == ("", "")


def test_folder_with_a_long_path(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 120)
    redis = EmbeddedRedis(data_dir)
    path = redis.start()
    assert len(path) <= 107
    assert say(path, "SET coin BTC") == "+OK"
    link = Path(path).parent
    assert link.readlink() == data_dir / "redis"
    assert link.parent.stat().st_mode & 0o777 == 0o700
    redis.stop()
    with EmbeddedRedis(data_dir) as again:
        assert again.start() == path
    links = [one for one in link.parent.iterdir() if one.is_symlink() and one.readlink() == data_dir / "redis"]
    assert links == [link]  # one for good, however often it is used
    link.unlink()
    assert (data_dir / "redis" / "dump.rdb").exists()


def test_leftovers_of_a_server_killed_while_saving_go_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "temp-4711.rdb").write_bytes(b"REDIS0009")
    with EmbeddedRedis(tmp_path):
        assert not list((tmp_path / "redis").glob("temp-*"))


def test_relative_folder_is_where_the_process_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedRedis(Path("data")):
        monkeypatch.chdir("/")
    assert (tmp_path / "data" / "redis" / "dump.rdb").exists()


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


def test_server_that_stays_answers_when_the_last_one_left_and_stops_when_told(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, stay=True) as redis:
        path = redis.start()
        assert say(path, "SET coin BTC") == "+OK"
    pid = server_pid(tmp_path)
    assert say(path, "GET coin") == "$3\r\nBTC"
    with EmbeddedRedis(tmp_path, stay=True):
        assert server_pid(tmp_path) == pid
    assert not (tmp_path / "redis" / "dump.rdb").exists()  # a run neither loads nor saves
    assert EmbeddedRedis(tmp_path).shut_down() is True
    assert is_gone(pid)
    assert EmbeddedRedis(tmp_path).shut_down() is False
    with EmbeddedRedis(tmp_path) as again:
        assert say(again.start(), "GET coin") == "$3\r\nBTC"


def test_server_in_use_is_not_stopped(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path), pytest.raises(Busy, match="another process uses the embedded Redis in"):
        EmbeddedRedis(tmp_path).shut_down()
    assert EmbeddedRedis(tmp_path / "nowhere").shut_down() is False
    assert not (tmp_path / "nowhere").exists()


def test_sigterm_saves(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, stay=True) as redis:
        say(redis.start(), "SET coin BTC")
    pid = server_pid(tmp_path)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: is_gone(pid))
    with EmbeddedRedis(tmp_path) as redis:
        assert say(redis.start(), "GET coin") == "$3\r\nBTC"


def test_it_saves_itself_at_most_each_quarter_of_an_hour(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as redis:
        assert say(redis.start(), "CONFIG GET save").endswith("\r\n900 1")


def test_looking_wakes_it_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as redis:
        say(redis.start(), "SET coin BTC")
    dump = tmp_path / "redis" / "dump.rdb"
    before = dump.stat()
    with EmbeddedRedis(tmp_path, stay=True, look=True) as look:
        assert say(look.start(), "GET coin") == "$3\r\nBTC"
        pid = server_pid_of_a_look(tmp_path)
    assert is_gone(pid)
    after = dump.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def server_pid_of_a_look(data_dir: Path) -> int:
    pid, mark = (data_dir / "redis" / "server.lock").read_text().split()
    assert mark == "look"
    return int(pid)


@pytest.mark.parametrize("stay", [True, False])
def test_what_is_written_to_a_server_that_a_look_woke_is_not_lost(tmp_path: Path, stay: bool) -> None:
    with EmbeddedRedis(tmp_path):
        pass
    look, run = EmbeddedRedis(tmp_path, stay=stay, look=True), EmbeddedRedis(tmp_path, stay=stay)
    path = look.start()
    assert run.start() == path
    say(path, "SET coin BTC")
    run.stop()
    look.stop()  # the last to leave
    assert bool(say(path, "PING")) is stay
    with EmbeddedRedis(tmp_path) as again:
        assert say(again.start(), "GET coin") == "$3\r\nBTC"


def test_two_folders_have_two_servers(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "a") as one, EmbeddedRedis(tmp_path / "b") as two:
        say(one.start(), "SET coin BTC")
        assert say(two.start(), "GET coin") == "$-1"


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


def test_server_dying_at_its_start_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'first words'\necho '1:M 01 Jan 2026 # the last words'\necho below\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisFailed) as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.message == f"embedded Redis in {tmp_path / 'redis'} ended at its start: the last words"
    assert not (tmp_path / "redis" / "redis.sock").exists()


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
