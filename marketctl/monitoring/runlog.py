"""The run log: one line of JSON a result, in a file of limited size that several processes share.

`logging.handlers.RotatingFileHandler` renames under the feet of other processes; here all of them turn the file over
and write under one lock, so every line is whole and in one file.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import StorageFailed
from marketctl.files.atomic import storage_failed, write_all
from marketctl.files.journal import append_journal
from marketctl.files.locks import flocked
from marketctl.files.snapshots import encode_json, to_bytes
from marketctl.log import log
from marketctl.redact import redact
from marketctl.text import sentence
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Run


def log_results(run: "Run", command: str, results: Iterable["Result"]) -> None:
    """Append the results of a run, where `run_log` names a file. Raises StorageFailed."""
    settings = run.settings
    if settings.run_log is None:
        return
    head = {"at": to_iso(now_ms()), "run_id": run.run_id, "command": command}
    lines = [_without_secrets(result.to_dict()) | head for result in results]
    append(settings.run_log, lines, settings.run_log_max_mb * 1_000_000, settings.run_log_keep)


def log_run(run: "Run", command: str, results: Iterable["Result"]) -> bool:
    """Append to the run log, where there is one; a failure is told on stderr. Return whether that worked."""
    try:
        log_results(run, command, results)
    except StorageFailed as error:
        log.error("%s", sentence(error.message, error.hint))
        return False
    return True


def append(path: Path, lines: Sequence[Mapping[str, Any]], max_bytes: int, keep: int) -> None:
    """Append lines; a log that would grow beyond `max_bytes` becomes `path.1`, and the oldest of `keep` goes.

    Lines that come together stay together, be they more than `max_bytes`. What is no regular file (a device, a pipe) is
    written into; a pipe that nobody reads holds nobody up. Raises StorageFailed.
    """
    if not lines:
        return
    if path.exists() and not (path.is_file() or path.is_dir()):
        data = to_bytes("".join([encode_json(line) + "\n" for line in lines]))
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            raise storage_failed("append to", path, error) from error
        return
    more = sum(len(to_bytes(encode_json(line))) + 1 for line in lines)
    with flocked(path.with_name(f".{path.name}.over.lock")):  # the journal's own is held for each append
        try:
            size = path.stat().st_size if path.exists() else 0
            if size and size + more > max_bytes:
                turn_over(path, keep)
        except OSError as error:
            raise storage_failed("append to", path, error) from error
        append_journal(path, lines)


def turn_over(path: Path, keep: int) -> None:
    """Rename `path` to `path.1`, `path.1` to `path.2` and so on; a crash in between leaves a gap, no loss."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, keep + 1))]
    for old, new in reversed(list(pairwise(names))):
        if old.exists():
            old.replace(new)


def _without_secrets(result: dict[str, Any]) -> dict[str, Any]:
    words = {name: redact(result[name]) for name in ("message", "hint") if isinstance(result.get(name), str)}
    return result | words
