"""Channels: the URLs of `[notify]` in credentials.toml, which are secrets, and apprise that speaks to them."""

import logging
import re
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from marketctl.errors import ConfigError
from marketctl.redact import protect

TABLE = "notify"
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
        from apprise import Apprise
    except ImportError:
        raise ConfigError("alerts need the extra: notify", hint="pip install apprise (the extra notify)") from None
    except FileNotFoundError:  # it asks for the working directory while it is imported
        raise ConfigError(
            "apprise does not load: the working directory is gone", hint="run marketctl in a folder that stays"
        ) from None
    with _quiet():
        found = Apprise.instantiate(url)
    if found is None:
        raise ConfigError(
            f"credentials.toml: [{TABLE}] {name}: apprise knows no such URL ({shown(url)})",
            hint="read https://github.com/caronc/apprise/wiki for the form of each service",
        )
    return found


def send(channel: Any, title: str, body: str, kind: str) -> str | None:
    """Send one message. Returns None when it was taken, else apprise's words, which may hold parts of the URL."""
    with _quiet() as said:
        try:
            taken = channel.notify(title=title, body=body, notify_type=kind, body_format="text")
        except (OSError, TypeError, ValueError) as error:  # what its plug-ins let through
            return f"{type(error).__name__}: {error}"
    return None if taken else (said[-1] if said else "not taken")


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _quiet() -> Any:
    """Keep apprise's log to ourselves: it names URLs."""
    logger = logging.getLogger("apprise")
    keeper = _Keeper()
    before = logger.handlers[:], logger.propagate, logger.level
    logger.handlers[:], logger.propagate = [keeper], False
    logger.setLevel(logging.WARNING)
    try:
        yield keeper.said
    finally:
        logger.handlers[:], logger.propagate = before[0], before[1]
        logger.setLevel(before[2])
