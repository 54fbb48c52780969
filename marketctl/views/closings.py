"""Since when a network is closed, out of the journal of a wallet: the last change of each of its doors."""

import json
from pathlib import Path

from marketctl.files.atomic import storage_failed
from marketctl.files.look import open_regular
from marketctl.times import ms_or_none
from marketctl.views.changes import is_change
from marketctl.views.doors import DOORS

# A journal is mostly fees: a line is read only where one of these stands in it.
_MARKS = tuple(f'"{door}"'.encode() for door in DOORS)

Place = tuple[str, str | None, str]  # asset's code, network's code, door


def closed_since(path: Path) -> dict[Place, int]:
    """Return when each door that a journal last saw closing did so, in milliseconds; an open one is not in it.

    A line that cannot be read is passed over: whoever lists the changes tells of it. Raises StorageFailed.
    """
    found: dict[Place, int] = {}
    provider = path.name.removesuffix(".changes.jsonl")
    try:
        with open_regular(path) as file:
            for line in file:
                if not any(mark in line for mark in _MARKS):
                    continue
                try:
                    told = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                at = ms_or_none(told.get("at")) if isinstance(told, dict) and is_change(told, provider) else None
                if at is None or told["field"] not in DOORS:
                    continue
                place = (told["asset"], told["network"], told["field"])
                if told["after"] is False:
                    found[place] = at
                else:
                    found.pop(place, None)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_failed("read", path, error) from error
    return found
