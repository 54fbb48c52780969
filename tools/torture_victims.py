"""What is done to a run before it is forked: steps counted, death at one of them, no pacing."""

import fcntl
import importlib
import os
import pkgutil
import signal
import socket
from collections.abc import Callable
from typing import Any

LATE = ("redis.backoff", "redis.connection", "redis.retry", "tempfile", "subprocess", "hashlib", "queue")


def count_steps(strike: int | None) -> Callable[[], int]:
    """In a child: count what changes something outside; die at step `strike`, in the middle of it where it has one."""
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return steps == strike

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **given: Any) -> Any:
            if step():
                die()
            return call(*args, **given)

        return wrapped

    for name in ("open", "fsync", "replace", "unlink", "ftruncate", "mkdir", "close", "pwrite"):
        setattr(os, name, before(getattr(os, name)))
    fcntl.flock = before(fcntl.flock)
    write, sendall = os.write, socket.socket.sendall

    def half_write(fd: int, data: Any) -> int:
        if step():
            write(fd, memoryview(data)[: len(data) // 2])
            die()
        return write(fd, data)

    def half_send(self: socket.socket, data: Any, *rest: Any) -> None:
        if step():
            sendall(self, memoryview(data)[: len(data) // 2], *rest)
            die()
        sendall(self, data, *rest)

    os.write = half_write
    socket.socket.sendall = half_send  # type: ignore[method-assign,assignment]
    return lambda: steps


def import_everything() -> None:
    """A forked child then starts at once."""
    import marketctl.cli
    import marketctl.providers.cex

    for package in (marketctl.cli, marketctl.providers.cex):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in (
        "marketctl.http.client",
        "marketctl.jobs.dump",
        "marketctl.redis.publish",
        "marketctl.jobs.changes",
        *LATE,
    ):
        importlib.import_module(name)


def no_pacing() -> None:
    """The sandbox has no rate limit: keep the files of the pacing at work, but not its waits."""
    from marketctl.http.ratelimit import Pace
    from marketctl.redis.shared import SharedPace

    for kind in (Pace, SharedPace):

        def at_once(self: Pace, weight: float = 1.0, *limits: float, reserve: Any = kind.reserve) -> float:
            reserve(self, weight / 1000, *limits)
            return 0.0

        kind.reserve = at_once  # type: ignore[method-assign]
