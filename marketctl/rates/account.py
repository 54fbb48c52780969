"""The account of the last build, `data/rates/account.json`: what came of each direction, which files were written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from marketctl.files.atomic import storage_failed, write_atomic
from marketctl.files.look import read_regular
from marketctl.files.snapshots import SCHEMA, encode_json, to_bytes
from marketctl.times import from_iso, ms_or_none, to_iso
from marketctl.views.sound import COUNT, TEXT, Kinds, columns_of

NAME = "account.json"


ALWAYS, SOME = frozenset((str,)), frozenset((list,))
DIRECTION: Kinds = {
    **dict.fromkeys(("direction", "from", "to", "status", "since", "amount"), ALWAYS), "good_builds": frozenset((int,)),
    **dict.fromkeys(("city", "reason", "message", "rate", "in", "out"), TEXT), "age_ms": COUNT, "legs": SOME,
    "needs": SOME,
}  # fmt: skip
JUDGED: Kinds = {
    "what": ALWAYS, **dict.fromkeys(("value", "at", "collected_at", "reason", "message"), TEXT),
    **dict.fromkeys(("age_ms", "limit_ms"), COUNT), "notes": SOME,
}  # fmt: skip


@dataclass
class Account:
    """What the last build left; `broken` where the file is there and cannot be read."""

    built_ms: int | None = None
    run_id: str | None = None
    files: dict[Path, str] = field(default_factory=dict)  # path -> sha256 of its content
    directions: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: bool = False


def read_account(folder: Path) -> Account:
    """Return the account; an empty one where nothing was built yet. Raises StorageFailed."""
    path = folder / NAME
    try:
        found = json.loads(read_regular(path))
        built = Account(
            from_iso(found["built_at"]),
            str(found["run_id"]),
            {Path(name): str(digest) for name, digest in found["files"].items()},
            {one["direction"]: one for one in found["directions"]},
        )
        if not _are_directions(found["directions"]):
            return Account(broken=True)
    except FileNotFoundError:
        return Account()
    except OSError as error:
        raise storage_failed("read", path, error) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Account(broken=True)
    return built


def write_account(
    folder: Path, run_id: str, at_ms: int, texts: Mapping[Path, str], directions: Sequence[Mapping[str, Any]]
) -> None:
    """Write the account whole, one direction a line. Raises StorageFailed."""
    files = {str(path): sha256(text.encode()).hexdigest() for path, text in texts.items()}
    lines = ",\n".join("    " + encode_json(one) for one in directions)
    text = (
        f'{{\n  "built_at": {encode_json(to_iso(at_ms))},\n  "directions": [\n{lines}\n  ],\n'
        f'  "files": {encode_json(files)},\n  "run_id": {encode_json(run_id)},\n  "schema": {SCHEMA}\n}}\n'
    )
    write_atomic(folder / NAME, to_bytes(text), sync="none")


def _are_directions(found: Sequence[Any]) -> bool:
    told = columns_of(found, DIRECTION, ("rate", "in", "out", "amount"))
    if told is None or not {"ok", "out"}.issuperset(told["status"]) or None in map(ms_or_none, told["since"]):
        return False
    if min(told["good_builds"], default=0) < 0:
        return False
    judged = columns_of([one for table in (*told["legs"], *told["needs"]) for one in table], JUDGED)
    times = [] if judged is None else [at for name in ("at", "collected_at") for at in judged[name] if at is not None]
    return (
        judged is not None
        and None not in map(ms_or_none, times)
        and all(isinstance(note, str) for notes in judged["notes"] for note in notes)
    )
