"""What a wallet was read of: where the very same answer comes again, the last snapshot says what is in it.

An exchange tells the same coins for hours; to read a megabyte anew, and to write it as JSON, is most of what a wallet
costs. So the digest of the answer is kept beside what was read of it. It counts only for the snapshot that came of it,
and for the code that read it: a snapshot that was edited, an adapter that was changed or another version is no match.
"""

import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from marketctl import __version__, models
from marketctl.config.registry import ProviderEntry
from marketctl.jobs.whole import LastGood
from marketctl.providers.base import Provider

KEY = "wallet-answer"

MAX_AGE_S = 86_400.0  # then it is read in any case


class Known(NamedTuple):
    """What was counted when the answer was read."""

    networks: int
    skipped_by: Mapping[str, int]


def listen(entry: ProviderEntry, adapter: Provider, last: LastGood) -> Known | None:
    """Have the client raise SameAnswer for the answer that the last snapshot was read of; return what that counted."""
    adapter.client.known = ""  # none, but it shall be heard
    found = adapter.memory.get(KEY, MAX_AGE_S)
    told = found[0] if found else None
    if not isinstance(told, dict) or last.lines is None or told.get("by") != _reader(entry, adapter):
        return None
    networks, skipped_by, answer = (told.get(name) for name in ("networks", "skipped_by", "answer"))
    if type(networks) is not int or not isinstance(skipped_by, dict) or told.get("lines") != _digest(last.lines):
        return None
    adapter.client.known = str(answer)
    return Known(networks, skipped_by)


def remember(entry: ProviderEntry, adapter: Provider, lines: Mapping[str, str], known: Known) -> None:
    """Remember what the answer that was heard has been read as."""
    told: dict[str, Any] = {"answer": adapter.client.heard, "lines": _digest(lines), "by": _reader(entry, adapter)}
    adapter.memory.put(KEY, told | {"networks": known.networks, "skipped_by": dict(known.skipped_by)})


def _digest(lines: Mapping[str, str]) -> str:
    found = sha256()
    for code in sorted(lines):
        found.update(f"{code}: {lines[code]}\n".encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _reader(entry: ProviderEntry, adapter: Provider) -> str:
    """Return who reads: the version, the entry (which shows no secret), and when the code was changed."""
    files = [sys.modules[cls.__module__].__dict__.get("__file__") for cls in type(adapter).__mro__]
    places = {Path(file) for file in (*files, models.__file__) if file}
    places |= set(Path(sys.modules[Provider.__module__].__file__ or "").parent.glob("*.*"))
    changed = sorted((str(place), place.stat().st_mtime_ns) for place in places if place.is_file())
    return sha256(f"{__version__} {entry!r} {changed}".encode()).hexdigest()
