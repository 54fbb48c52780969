"""Choose pairs of live quotes by the words a person typed."""

from collections.abc import Iterable, Sequence

from marketctl.errors import StorageFailed
from marketctl.views.quotes import Live
from marketctl.views.snapshots import no_such


def choose_pair(word: str, known: Iterable[str], who: str) -> str:
    """Return a pair's key in any case of letters. Raises StorageFailed with the closest one."""
    pair = word.upper()
    pairs = list(known)
    if pair in pairs:
        return pair
    base, slash, quote = pair.partition("/")
    meant = [f"{quote}/{base}"] if slash else [f"{pair}/USDT", *(one for one in pairs if _named(pair, one))]
    raise no_such(who, pair, pairs, next((one for one in meant if one in pairs), None))


def _named(word: str, pair: str) -> bool:
    """Tell whether a word without a slash is a pair's base, or the pair itself."""
    base, _, quote = pair.partition("/")
    return word in (base, base + quote)


def choose_pairs(words: Iterable[str], lives: Sequence[Live]) -> list[str]:
    """Return the keys of the named pairs. Raises StorageFailed for one that no provider quotes, or without quotes."""
    known = {pair for live in lives for pair in (*live.quotes, *live.held)}
    who = f"{lives[0].provider} quotes" if len(lives) == 1 else "no provider quotes"
    if not known:
        if len(lives) > 1 and all(live.state == "never" and not live.failing for live in lives):
            raise StorageFailed("no quote was ever published", hint="marketctl prices collect")
        causes: dict[str | None, list[str]] = {}
        for live in lives:
            causes.setdefault(live.words(), []).append(live.provider)
        told = "; ".join(f"{', '.join(names)}: {words}" for words, names in causes.items())
        raise StorageFailed(told, hint=how_to_have(lives))
    return [choose_pair(word, known, f"{who} no" if len(lives) == 1 else who) for word in dict.fromkeys(words)]


def how_to_have(lives: Sequence[Live]) -> str | None:
    """Return what brings quotes; what cannot be read says itself what to do."""
    if any(live.state == "failed" for live in lives):
        return None
    return "marketctl prices collect" + (f" -p {lives[0].provider}" if len(lives) == 1 else "")
