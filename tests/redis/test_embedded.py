"""The embedded Redis: shared, private, goes on or is saved and stopped by the last one who leaves."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import Busy, RedisFailed
from marketctl.redis.embedded import EmbeddedRedis
from tests.redis.process import is_gone, say, server_pid, wait_for


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


def test_relative_folder_is_where_the_process_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedRedis(Path("data")):
        monkeypatch.chdir("/")
    assert (tmp_path / "data" / "redis" / "dump.rdb").exists()


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


def test_server_dying_at_its_start_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'first words'\necho '1:M 01 Jan 2026 # the last words'\necho below\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisFailed) as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.message == f"embedded Redis in {tmp_path / 'redis'} ended at its start: the last words"
    assert not (tmp_path / "redis" / "redis.sock").exists()
