"""A real terminal, as wide as wanted, and what a command shows on it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 60


class Shown(NamedTuple):
    """What stood on the terminal, and how the command ended."""

    code: int
    text: str


def on_a_terminal(
    words: Sequence[str],
    env: Mapping[str, str],
    folder: Path | None = None,
    *,
    columns: int = 80,
    lines: int = 24,
    until: Callable[[str], bool] | None = None,
) -> Shown:
    """Run a command line of marketctl on a terminal, nothing paged; `until` it is true, then Ctrl-C is pressed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "marketctl", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "PAGER": "cat", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown, stop_at = b"", time.monotonic() + TIMEOUT_S
    try:
        while piece := _read(ours, stop_at):
            shown += piece
            if until is not None and until(shown.decode(errors="replace")):
                process.send_signal(signal.SIGINT)
                until = None
        assert time.monotonic() < stop_at, f"no end after {TIMEOUT_S} s: {shown.decode(errors='replace')}"
        return Shown(process.wait(TIMEOUT_S), shown.decode().replace("\r\n", "\n"))
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def _read(handle: int, stop_at: float) -> bytes:
    """Return what was written since; nothing at the end, or when the time is over."""
    readable, _, _ = select.select([handle], [], [], max(0.0, stop_at - time.monotonic()))
    try:
        return os.read(handle, 65536) if readable else b""
    except OSError:  # nobody writes any more
        return b""
