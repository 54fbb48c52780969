"""The process of an embedded server: what it answers, its number, whether it is gone."""

import time
from collections.abc import Callable
from pathlib import Path

from marketctl.redis import embedded


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
