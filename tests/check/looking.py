"""What a check said, and the desk before it: collected, edited, with a state of its own."""

import re
from pathlib import Path
from typing import Any

from marketctl.check.health import Check, Health
from marketctl.cli import invoke as marketctl
from marketctl.files.snapshots import write_document
from marketctl.models import Quote

WRONG = "wrong-0123456789abcdef"


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "providers.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def collect(folder: Path, *names: str) -> None:
    words = [word for name in names for word in ("-p", name)]
    assert marketctl(["--config", str(folder / "providers.toml"), "prices", "collect", "-q", *words]) == 0


def verdicts(health: Health) -> dict[str, str]:
    return {one.check: one.status for one in health.checks}


def one(health: Health, name: str) -> Check:
    return next(check for check in health.checks if check.check == name)


def told(health: Health, name: str) -> tuple[str, str | None, str | None, str | None]:
    """Return what a line says; an age is one of full ten seconds, for machines that are busy."""
    found = one(health, name)
    message = found.message and re.sub(r"(\d+) s ago", lambda age: f"{int(age[1]) // 10 * 10} s ago", found.message)
    return found.status, found.reason, message, found.hint


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def state(folder: Path, provider: str, **jobs: dict[str, Any]) -> None:
    empty = {"last_attempt": None, "last_success": None, "failures": 0, "last_reason": None}
    (folder / "data/state").mkdir(parents=True, exist_ok=True)
    document = {"schema": 1, "provider": provider, "jobs": {job: empty | entry for job, entry in jobs.items()}}
    write_document(folder / f"data/state/{provider}.json", document)


def quote(bid: str | None = None, ask: str | None = None, mid: str | None = None, status: str | None = None) -> Quote:
    return Quote("BTCUSDT", bid, ask, None, None, "1", mid, None, None, status, None)
