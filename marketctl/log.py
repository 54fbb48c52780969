"""Talk on stderr: one line a message with provider and job, as text or as JSON, never with a secret."""

import json
import logging
import sys

from marketctl.redact import redact
from marketctl.times import now_ms, to_iso

NOTICE = 25  # what a command did that has no other output: told unless quiet

log = logging.getLogger("marketctl")
log.propagate = False
log.addHandler(logging.NullHandler())
logging.addLevelName(NOTICE, "notice")


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        provider, job = getattr(record, "provider", None), getattr(record, "job", None)
        message = redact(record.getMessage())
        if not (self.as_json or message.isprintable()):  # a traceback keeps its lines, a terminal its state
            message = "".join(
                char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in message
            )
        if self.as_json:
            line = {
                "at": to_iso(now_ms()),
                "level": record.levelname.lower(),
                "message": message,
                "provider": provider,
                "job": job,
                "reason": getattr(record, "reason", None),
            }
            # In ASCII: what stderr's encoding cannot write would be escaped in ways JSON does not know.
            return json.dumps({key: value for key, value in line.items() if value is not None})
        where = getattr(record, "where", None) or " ".join(word for word in (provider, job) if word)
        return f"{where}: {message}" if where else message


class _Stderr(logging.Handler):
    """Writes to the stderr of the moment, and is quiet about one that went away."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        try:
            sys.stderr.write(line)
        except UnicodeEncodeError:
            sys.stderr.write(line.encode("ascii", "backslashreplace").decode())
        except (OSError, ValueError, AttributeError):  # closed, or None since the start
            pass


def set_up(verbose: int, quiet: bool, log_format: str) -> None:
    """Choose how much is said: failures always, the rest unless quiet, `-v` info, `-vv` one line a request."""
    levels = {0: NOTICE, 1: logging.INFO}
    log.setLevel(logging.ERROR if quiet else levels.get(verbose, logging.DEBUG))
    handler = _Stderr()
    handler.setFormatter(_Formatter(log_format == "json"))
    log.handlers[:] = [handler]


def notice(message: str) -> None:
    """Say what a command did."""
    log.log(NOTICE, "%s", message)
