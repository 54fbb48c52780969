"""What is still looked for: of what no rule asks any more nobody can say that it is over, so it is forgotten unsaid."""

from collections.abc import Mapping
from typing import Any

from marketctl.config.registry import Registry
from marketctl.models import JOBS
from marketctl.notify.ledger import Ledger
from marketctl.notify.shape import KINDS
from marketctl.providers.networks import network_names
from marketctl.text import closest, printable
from marketctl.views.doors import DOORS


def forget_unwatched(ledger: Ledger, registry: Registry) -> None:
    """Take out of a ledger what `[watch]` and the enabled providers no longer name."""
    unsaid = {key: one["active"] for key, one in ledger.unsaid.items() if one["active"]}
    told = unsaid | ledger.calm | ledger.active
    for key in {*told, *ledger.unsaid, *ledger.damped}:
        if not is_watched(registry, key, told.get(key, {}).get("facts", {})):
            for table in (ledger.active, ledger.calm, ledger.damped, ledger.flaps, ledger.unsaid):
                table.pop(key, None)


def is_watched(registry: Registry, key: str, facts: Mapping[str, Any]) -> bool:
    """Tell whether a condition is still looked for: by its rule, its bound, and what it is about."""
    settings = registry.watch
    kind, about, *more = key.split(" ")
    if kind in ("door", "twin", "fee"):
        on = {"door": settings.doors, "twin": settings.twins, "fee": settings.fee is not None}[kind]
        return on and about in settings.assets and (not more or not settings.networks or more[0] in settings.networks)
    if kind in ("above", "below"):
        bound = (settings.above if kind == "above" else settings.below).get(about)
        return bound is not None and facts.get("bound", format(bound, "f")) == format(bound, "f")
    if kind in ("gap", "crossed"):
        return about in settings.pairs and (settings.gap is not None if kind == "gap" else settings.crossed)
    on = {
        "failing": settings.failing_after_s is not None,
        "stale": settings.stale,
        "held": settings.held,
        "key": settings.key_within_s is not None,
        "quota": settings.quota_within_s is not None,
    }[kind]
    return on and any(entry.name == about for entry in registry.enabled())


def unknown_word(registry: Registry, ledger: Ledger, what: str) -> str | None:
    """Say of a word that is to be muted that no key can have it, and what may be meant; None for a pattern."""
    if any(char in what for char in " *?["):
        return None
    settings = registry.watch
    words = {"all", "fee", *KINDS, *DOORS, *JOBS, *settings.assets, *settings.pairs, *settings.above, *settings.below}
    words |= {*(settings.networks or network_names()), *(entry.name for entry in registry.enabled())}
    words.update(*(key.split(" ") for key in ledger.active))
    known = {word.casefold(): word for word in words}
    if what.casefold() in known:
        return None
    close = closest(what.casefold(), known)
    return f"nothing watched is called {printable(what, 60)}" + (f"; did you mean {known[close]}?" if close else "")
