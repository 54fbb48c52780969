"""The quotes a command is about, and what is to be said of how they were had."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketctl.cli.globals import Globals

if TYPE_CHECKING:
    from marketctl.views.quotes import Live, Reader


def read_quotes(given: Globals, names: list[str], pairs: Sequence[str] = ()) -> "list[Live]":
    """Read the quotes of the named provider or of all enabled ones, and tell what is wrong with them.

    With `pairs` these alone are read, unless nobody has one of them: then all, so that the closest can be named.
    """
    import logging

    from marketctl.log import log
    from marketctl.views.quotes import open_reader

    registry = given.registry()
    entries = registry.chosen(names)
    with open_reader(registry) as reader:
        wanted = [pair.upper() for pair in pairs]
        lives = [reader.read(entry, wanted or None) for entry in entries]
        if set(wanted) - {pair for live in lives for pair in (*live.quotes, *live.held)}:
            lives = [reader.read(entry) for entry in entries]
        if any(live.quotes for live in lives):
            tell_mirror(reader)
    if any(live.quotes or live.held for live in lives):  # otherwise the error says all this
        for live in lives:
            if live.state != "never" and (words := live.words()):
                log.log(
                    logging.WARNING if live.state == "ok" else logging.ERROR,
                    "%s",
                    words,
                    extra={"provider": live.provider},
                )
        if never := [live.provider for live in lives if live.state == "never"]:
            log.warning("never published a quote: %s", ", ".join(never))
    return lives


def tell_mirror(reader: "Reader") -> None:
    """Say that what is shown is from the mirror, and why; where files alone are wanted that is no news."""
    from marketctl.log import log

    if reader.away is not None:
        tell = log.info if reader.registry.settings.redis_url == "none" else log.warning
        tell("quotes are from the mirror: %s", reader.away.message)


def is_of(pair: str, base: str | None, quote: str | None) -> bool:
    """Tell whether a pair has this base and this quote, where they are asked for."""
    left, _, right = pair.partition("/")
    return (base is None or left == base.upper()) and (quote is None or right == quote.upper())
