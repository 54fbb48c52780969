"""Command lines in processes of their own at the price of a fork: interpreter and imports are started once.

What is forked has imported the command line and nothing that a command loads, so each is as fresh as one that was
started anew; environment, folder and streams are its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

SERVER = """
import json, os, sys
import marketctl.cli
for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    code = 1
    try:
        for number, name in enumerate((os.devnull, *told["streams"])):
            os.dup2(os.open(name, os.O_RDWR), number)
        os.chdir(told["folder"].encode())
        os.environb.clear()
        os.environb.update((name.encode(), value.encode()) for name, value in told["environment"].items())
        sys.argv = ["marketctl", *(os.fsdecode(word.encode()) for word in told["words"])]
        exec(compile(sys.orig_argv[-1], "<forked>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
"""


class Forks:
    """A process that forks one for each command line, which runs `code`; it is started with this `environment`."""

    def __init__(self, code: str, environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._streams = [Path(self._folder.name, name) for name in ("out", "err")]
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER, code],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *words: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command line and return how it ended and what it said."""
        for stream in self._streams:
            stream.write_bytes(b"")
        told = {"words": words, "folder": str(folder), "environment": {**os.environ, **environment},
                "streams": list(map(str, self._streams))}  # fmt: skip
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{json.dumps(told)}\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        out, err = (stream.read_text(encoding="utf-8") for stream in self._streams)
        return subprocess.CompletedProcess(words, code, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()
        self._folder.cleanup()
