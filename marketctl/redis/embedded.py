"""The embedded Redis. Long: the life of one server, from its first start to its end.

A private server on a unix socket in `<data_dir>/redis/`, shared by all marketctl processes.

Started on first need, it goes on when the last one leaves; where it is not to stay, that one has it saved and stopped.
Who only looks uses a running one, or wakes it for what files do not have and stops it again without saving.

Three locks (flock, all in that folder) say who is there; none needs cleaning up after a kill or a restart:
`server.lock` is held by the server itself, which inherits it: free means that no server runs. In it stands its process,
and `look` as long as nobody but who looks was there.
`users.lock` is held shared by each process that uses it: who gets it exclusively on leaving was the last.
`start.lock` is held for a moment while entering and leaving.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from marketctl.errors import Busy, RedisFailed, StorageFailed
from marketctl.files.atomic import make_folder, storage_failed
from marketctl.files.locks import open_lock, try_lock
from marketctl.files.look import is_there
from marketctl.log import log
from marketctl.text import printable

if TYPE_CHECKING:
    from subprocess import Popen

SOCKET = "redis.sock"
SOCKET_PATH_MAX = 100  # bytes; the systems' limits are 107 (Linux) and 103 (macOS)
LOG_MAX = 1 << 20
START_S = 10.0
LOAD_S = 60.0
STOP_S = 60.0  # saving a large set takes a while
ANSWER_S = 2.0
LOOK = b"look"
DUMP = "dump.rdb"
# It saves itself at most every 15 minutes, and on SIGTERM: a machine that restarts loses at most that. An append-only
# file would write each price twice to keep what is collected anew within a minute. A full disk must not stop prices:
# `check` and `redis status` tell of it. Small nodes of streams: a pair's history then takes 6 kB and not 9.
OPTIONS = (
    *("--port", "0", "--unixsocket", SOCKET, "--unixsocketperm", "700"),
    *("--dir", ".", "--dbfilename", DUMP, "--save", "900", "1", "--appendonly", "no"),
    *("--stop-writes-on-bgsave-error", "no", "--stream-node-max-bytes", "1024"),
    *("--daemonize", "no", "--loglevel", "warning", "--databases", "1", "--lazyfree-lazy-server-del", "yes"),
    *("--ignore-warnings", "ARM64-COW-BUG"),
)


class EmbeddedRedis:
    """One process' use of the embedded server: `spawn`, then `wait` (or both: `start`), then `stop`.

    `stay`: it goes on when the last one leaves. `look`: this process changes nothing, and leaves nothing changed.
    """

    def __init__(self, data_dir: Path, *, stay: bool = False, look: bool = False) -> None:
        self.folder = data_dir.absolute() / "redis"
        self._stay = stay
        self._look = look
        self._set_aside: Path | None = None
        self._users_fd: int | None = None
        self._process: Popen[bytes] | None = None
        self._ready = False  # whether it has answered since it was started
        self.starts = 0  # servers that were entered or started anew: what was connected before is of no use
        self._reason = ""
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
            make_folder(self.folder.parent)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_failed("make", self.folder, error) from error
        with self._entering():
            fd = open_lock(self.folder / "users.lock")
            try:
                try_lock(fd, self.folder / "users.lock", fcntl.LOCK_SH)
                self._launch()
                if not self._look:
                    self._take_over()
            except BaseException:
                os.close(fd)
                raise
            self._users_fd = fd
            self.starts += 1

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
                self._tell_set_aside()
                self._ready = True
                return path
            if not answer and not self._server_runs():
                with self._entering():
                    if self._process is not None and not self._server_runs():
                        self._process.wait()
                        if not self._ready:
                            self._after_death()
                    self._launch()  # or it went down after it was ready, or another's before our first word
                    self.starts += 1
            if answer and answer.startswith(b"-LOADING"):
                until = max(until, began + LOAD_S)
            if time.monotonic() > until:
                said = answer.decode(errors="replace").strip() if answer else "no answer"
                raise RedisFailed(
                    f"embedded Redis in {self.folder} is not ready after {until - began:.0f} s: {said}",
                    hint=f"Read {self.folder / 'redis.log'}.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def stop(self) -> None:
        """Leave. Unless it is to stay, the last one to leave has the server save its data and waits until it is gone.

        Raises StorageFailed when it cannot save: it keeps running then. May be called again.
        """
        fd, self._users_fd = self._users_fd, None
        if fd is None:
            return
        try:
            if self._look or not self._stay:
                with self._entering():
                    if try_lock(fd, self.folder / "users.lock"):
                        self._leave_last()
        finally:
            os.close(fd)
            if self._process is not None and self._process.poll() is None:
                self._process.returncode = 0  # it goes on: nothing of ours to wait for
            self._process = None

    def shut_down(self) -> bool:
        """Have a running server save its data and wait until it is gone; false when none ran.

        Raises Busy while another process uses it, StorageFailed when it cannot save: it keeps running then.
        """
        if not is_there(self.folder / "server.lock"):
            return False
        with self._entering():
            if not self._server_runs():
                return False
            users = self.folder / "users.lock"
            fd = open_lock(users)
            try:
                if not try_lock(fd, users):
                    raise Busy(f"another process uses the embedded Redis in {self.folder}", hint="end that one first")
                self._shut_down(patient=True)
            finally:
                os.close(fd)
        return True

    def socket_path(self) -> str:
        """Return a path to the socket that is short enough for the system."""
        return self._socket_path()

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
                    raise RedisFailed(
                        f"another process holds {path}", hint=f"Run fuser -v {path}, and end it if it hangs."
                    )
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
        self._process = None
        try:
            if not try_lock(lock_fd, lock):
                return
            self._ready = False
            from subprocess import DEVNULL, STDOUT, Popen

            from marketctl.redis.program import find_server

            program = find_server()
            if not self._look:
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
            os.pwrite(lock_fd, b"%d %b\n" % (self._process.pid, LOOK if self._look else b""), 0)
        except OSError as error:
            raise storage_failed("start embedded Redis in", self.folder, error) from error
        finally:
            os.close(lock_fd)

    def _take_over(self) -> None:
        """Note that a server which somebody woke to look is now one to be saved. Only under `start.lock`."""
        lock = self.folder / "server.lock"
        process, _, mark = lock.read_bytes().strip().partition(b" ")
        if mark == LOOK:
            lock.write_bytes(process + b"\n")

    def _leave_last(self) -> None:
        """Stop the server, or leave it to whoever comes. Only under `start.lock`."""
        with suppress(FileNotFoundError):  # the folder was removed
            if self._look and (self.folder / "server.lock").read_bytes().split()[1:] == [LOOK]:
                self._shut_down(b"SHUTDOWN NOSAVE\r\n")
                return
        if not self._stay:
            self._shut_down()

    def _shut_down(self, command: bytes = b"SHUTDOWN SAVE\r\n", *, patient: bool = False) -> None:
        """Stop the server and wait until it is gone; only who is `patient` waits for one that hangs.

        Only under `start.lock`.
        """
        if self._server_runs():
            if not self._ask_to_stop(command, patient):
                return
        elif self._process is not None and self._process.poll() is None:
            self._process.kill()  # the folder was removed under it: there is nowhere to save to
        if self._process is not None:
            self._process.wait()

    def _ask_to_stop(self, command: bytes, patient: bool) -> bool:
        """Return whether it is gone; false where it hangs: it ends when it goes on."""
        until, path = time.monotonic() + STOP_S, self._socket_path()
        pid = None
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.folder / "server.lock").read_bytes().split()[0])
        who = f"embedded Redis in {self.folder} (process {pid or 'unknown'})"
        hangs = False
        try:
            _talk(path, b"PING\r\n", ANSWER_S)
        except TimeoutError:
            hangs = True
        except OSError:
            pass  # somebody removed the socket
        if hangs and patient:
            log.warning("%s does not answer: waiting at most %g s for it to save its data and end", who, STOP_S)
        elif hangs:
            log.warning("%s does not answer and is left: it saves its data and ends when it goes on", who)
        answer = None if hangs and not patient else _ask(path, command, max(until - time.monotonic(), ANSWER_S))
        if answer is None and pid:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        if answer:
            raise StorageFailed(
                f"embedded Redis could not save its data in {self.folder} and keeps running",
                hint=f"Make room, then run any command again. See {self.folder / 'redis.log'}.",
            )
        if hangs and not patient:
            return not self._server_runs()
        while self._server_runs():
            if time.monotonic() > until:
                ways = f"kill -CONT {pid} where somebody stopped it; kill -KILL {pid} ends it, unsaved data are lost"
                raise RedisFailed(f"{who} does not end", hint=ways if pid else f"Read {self.folder / 'redis.log'}.")
            time.sleep(0.002)
        return True

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

    def _after_death(self) -> None:
        """Judge why our server ended at its start: a file it cannot read is set aside, once; else RedisFailed.

        Only under `start.lock`. That the file was to blame shows when the server starts without it; if not, it is put
        back.
        """
        assert self._process is not None
        killed = self._process.wait() in (-signal.SIGKILL, -signal.SIGTERM)  # by somebody, or for want of memory
        failure, said = self._died()
        dump = self.folder / DUMP
        if self._set_aside is not None:
            if not dump.exists():
                self._set_aside.rename(dump)
            raise failure
        if killed or not dump.is_file() or "FATAL CONFIG" in said:
            raise failure
        if self._look:
            raise RedisFailed(f"embedded Redis cannot read {dump}: {said}", hint="Run any job: it sets the file aside.")
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = dump.with_name(f"{DUMP}.unreadable-{stamp}")
        try:
            dump.rename(aside)
        except OSError as error:
            raise storage_failed("set aside", dump, error) from error
        self._set_aside, self._reason = aside, said

    def _tell_set_aside(self) -> None:
        if self._set_aside is not None:
            log.warning(
                "the embedded Redis cannot read its file (%s): set aside as %s; prices go on, their history is in it",
                self._reason,
                self._set_aside,
            )
            self._set_aside = None

    def _died(self) -> tuple[RedisFailed, str]:
        """Return the failure of a server that ended at its start, and its last words."""
        lines: list[str] = []
        with suppress(OSError), (self.folder / "redis.log").open(errors="replace") as written:
            written.seek(self._log_from)
            lines = [line.strip() for line in written if line.strip()]
        if any("FATAL CONFIG" in line for line in lines):
            words = f"FATAL CONFIG: {lines[-1]}"
            return RedisFailed(
                f"the server of the embedded Redis does not know our options: {lines[-1]}",
                hint="Install Redis 6.2 or newer, or Valkey.",
            ), words
        said = [line.partition(" # ")[2] for line in lines if " # " in line]  # not the reports below them
        told = [line for line in said if not line.startswith("WARNING")] or said or lines or ["it said nothing"]
        last = printable(told[-1], 200)
        return RedisFailed(
            f"embedded Redis in {self.folder} ended at its start: {last}",
            hint=f"Read {self.folder / 'redis.log'}.",
        ), last


def _ask(path: str, command: bytes, timeout_s: float = ANSWER_S) -> bytes | None:
    """Send one inline command; return the first line of the reply, b"" at the end of file, None without a server."""
    with suppress(OSError):
        return _talk(path, command, timeout_s)
    return None


def _talk(path: str, command: bytes, timeout_s: float) -> bytes:
    """Do the same, and raise OSError without a server, TimeoutError where one hangs."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(path)
        except BlockingIOError as error:  # so many wait already
            raise TimeoutError from error
        connection.sendall(command)
        return connection.recv(512)


@contextmanager
def running_socket(data_dir: Path) -> Iterator[str | None]:
    """Lend the socket path of a server that answers, None without one: nothing is started, held up or written.

    Raises StorageFailed when the folder cannot be looked into, RedisFailed where a server hangs.
    """
    server = EmbeddedRedis(data_dir)
    try:
        (server.folder / SOCKET).stat()
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise storage_failed("look into", server.folder, error) from error
    path, answer, until = server._socket_path(), b"", time.monotonic() + ANSWER_S
    try:
        while (answer := _talk(path, b"PING\r\n", ANSWER_S)).startswith(b"-LOADING") and time.monotonic() < until:
            time.sleep(0.02)  # somebody has just started it
    except TimeoutError as error:
        hint = f"Read {server.folder / 'redis.log'}."
        raise RedisFailed(f"embedded Redis in {server.folder} runs and does not answer", hint=hint) from error
    except OSError:
        pass  # nobody is there
    yield path if answer else None
