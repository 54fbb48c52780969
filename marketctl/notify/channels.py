"""Channels: the URLs of `[notify]` in credentials.toml, which are secrets, and apprise that speaks to them."""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote

from marketctl.errors import ConfigError
from marketctl.redact import protect

TABLE = "notify"
SEND_S = 30  # for one message, from the first byte to the whole answer
READ_S = 20.0  # apprise's 4 are few: who took a message and is slow to say so would get it again
# What apprise's plug-ins let through, when a service answers as none of them expects.
STUMBLES = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
_parts = re.compile(r"[/:@?&=#,]+").split


def protect_urls(channels: Mapping[str, str]) -> None:
    """Have the URLs hidden whatever prints them: whole, and each part that may be a token or a password."""
    for url in channels.values():
        _, _, rest = url.partition("://")
        parts = {part for part in _parts(rest) if len(part) >= 8}
        login = rest.rpartition("@")[0]
        parts |= {part for part in login.split(":") if len(part) >= 4}
        protect([url, rest, *parts, *map(unquote, parts)])


def shown(url: str) -> str:
    """Return what may be shown of a URL: its scheme."""
    return f"{url.partition('://')[0][:20]}://***"


def open_channel(name: str, url: str) -> Any:
    """Return apprise's sender for a URL. Raises ConfigError without the extra, or for a URL that is none."""
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError:
        raise ConfigError("alerts need the extra: notify", hint="pip install apprise (the extra notify)") from None
    except FileNotFoundError:  # it asks for the working directory while it is imported
        raise ConfigError(
            "apprise does not load: the working directory is gone", hint="run marketctl in a folder that stays"
        ) from None
    with _quiet():
        # A POST that is sent on arrives as a GET without its body, and would count as taken.
        found = Apprise.instantiate(url, asset=AppriseAsset(http_redirects=False))
    if found is None:
        raise ConfigError(
            f"credentials.toml: [{TABLE}] {name}: apprise knows no such URL ({shown(url)})",
            hint="read https://github.com/caronc/apprise/wiki for the form of each service",
        )
    if "rto" not in parse_qs(url.partition("?")[2]):
        found.socket_read_timeout = READ_S
    return found


def send(channel: Any, title: str, body: str, kind: str) -> str | None:
    """Send one message. Returns None when it was taken, else apprise's words, which may hold parts of the URL.

    A receiver that has not answered after SEND_S, however it trickles, did not take it: nobody waits for it longer.
    """
    told: list[str | None] = []
    broken: list[BaseException] = []

    def work() -> None:
        try:
            told.append(_send(channel, title, body, kind))
        except BaseException as error:  # noqa: BLE001  (raised below, in the thread that asked)
            broken.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(SEND_S)
    if broken:
        raise broken[0]
    return told[0] if told else f"no whole answer within {SEND_S} s"


def _send(channel: Any, title: str, body: str, kind: str) -> str | None:
    from apprise import NotifyType

    with _quiet() as said:
        try:
            taken = channel.notify(title=title, body=body, notify_type=NotifyType(kind), body_format="text")
        except STUMBLES as error:
            return f"{type(error).__name__}: {error}"
    return None if taken else (said[-1] if said else "not taken")


class _Keeper(logging.Handler):
    """Keeps what apprise says, for each thread its own."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        getattr(self.said, "lines", []).append(record.getMessage())


_keeper = _Keeper()


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep apprise's log to ourselves, from now on: it names URLs."""
    logger = logging.getLogger("apprise")
    logger.handlers[:], logger.propagate = [_keeper], False
    logger.setLevel(logging.WARNING)
    _keeper.said.lines = []
    yield _keeper.said.lines
