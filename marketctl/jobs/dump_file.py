"""The file of a dump: every request of a job with its answer as received, and what was read of it."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import StorageFailed
from marketctl.files.atomic import write_new, write_output
from marketctl.files.look import read_named, read_regular
from marketctl.files.snapshots import document_bytes, read_snapshot
from marketctl.jobs.run import Run
from marketctl.models import JOBS
from marketctl.providers.base import Provider
from marketctl.redact import redact, redact_bytes, redact_data
from marketctl.text import kind_of, printable
from marketctl.times import ms_or_none, to_iso

if TYPE_CHECKING:
    from marketctl.http.messages import Exchange


def dump_path(run: Run, provider: str, job: str) -> Path:
    """Return where the dump of a job belongs."""
    return run.settings.dump_dir / f"{job}-{provider}.json"


def document(
    run: Run, entry: ProviderEntry, job: str, adapter: Provider, batch: Any, error: tuple[str, str] | None
) -> dict[str, Any]:
    """Return a dump: the recorded exchanges and the normalised batch (None where reading failed)."""
    exchanges = adapter.client.recorded or []
    return run.head(entry, job, exchanges[0].started_ms if exchanges else run.started_ms) | {
        "base_url": adapter.client.base_url,
        "pairs": list(entry.pairs),
        "requests": [_exchange(one) for one in exchanges],
        "batch": batch,
        "error": None if error is None else {"reason": error[0], "message": redact(error[1])},
    }


def _exchange(one: "Exchange") -> dict[str, Any]:
    try:
        body, encoding = redact_data(one.content.decode()), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(redact_bytes(one.content)).decode(), "base64"
    asked = {} if one.request_body is None else {"request_body": redact_data(one.request_body.decode(errors="replace"))}
    return asked | {
        "method": one.method,
        "path": one.path,
        "query": redact_data(dict(one.query)),
        "status": one.status,
        "headers": redact_data(dict(one.headers)),
        "started_at": to_iso(one.started_ms),
        "duration_ms": one.duration_ms,
        "error": one.error,
        "encoding": encoding,
        "body": body,
    }


def write_dump(path: Path, made: Mapping[str, Any], *, force: bool = False) -> bool:
    """Write a dump unless one is there; tell whether it was written. Raises StorageFailed."""
    if force:
        write_output(path, document_bytes(made))
        return True
    return write_new(path, document_bytes(made))


def read_dump(path: Path, *, named: bool = False) -> dict[str, Any]:
    """Read a dump; the one that the operator `named` may be a pipe. Raises StorageFailed when it is none of ours."""
    try:
        found = read_snapshot(path, (lambda path: read_named(path)[1]) if named else read_regular)
    except StorageFailed as error:  # whatever it is, no next run writes it
        raise StorageFailed(error.message, hint="marketctl dump list") from error
    if found is None:
        raise StorageFailed(f"{path}: no such file", hint="marketctl dump list")
    if wrong := _wrong(found, DUMP) or next(filter(None, map(_wrong_request, enumerate(found["requests"]))), None):
        raise StorageFailed(f"{path} is no dump of marketctl: {wrong}", hint="marketctl dump list")
    return found


def _is_text(found: object) -> bool:
    return isinstance(found, str)


def _is_time(found: object) -> bool:
    return ms_or_none(found) is not None


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _is_table(found: object) -> bool:
    return isinstance(found, dict) and _are_texts([*found.values()])


Rule = tuple[Callable[[Any], object], str]

DUMP: Mapping[str, Rule] = {
    "provider": (_is_text, "a name"),
    "job": (JOBS.__contains__, " or ".join(JOBS)),
    "collected_at": (_is_time, "a time"),
    "base_url": (_is_text, "a URL"),
    "pairs": (_are_texts, "a list of texts"),
    "requests": (lambda found: isinstance(found, list), "a list"),
    "batch": (lambda found: isinstance(found, dict | None), "an object or null"),
}

REQUEST: Mapping[str, Rule] = {
    "method": (_is_text, "a text"),
    "path": (_is_text, "a text"),
    "query": (_is_table, "an object of texts"),
    "status": (lambda found: found is None or type(found) is int, "a whole number or null"),
    "headers": (_is_table, "an object of texts"),
    "started_at": (_is_time, "a time"),
    "duration_ms": (lambda found: type(found) is int, "a whole number"),
    "encoding": (lambda found: found in ("utf-8", "base64"), "utf-8 or base64"),
    "body": (_is_text, "a text"),
}


def _wrong(found: Mapping[str, Any], rules: Mapping[str, Rule]) -> str | None:
    """Return what is wrong with a dump or one of its requests, None where nothing is."""
    for key, (fits, expected) in rules.items():
        if not fits(value := found.get(key)):
            shown = f'"{printable(value, 40)}"' if isinstance(value, str) else kind_of(value)
            return f"{key}: found {shown if key in found else 'nothing'}, expected {expected}"
    return None


def _wrong_request(numbered: tuple[int, Any]) -> str | None:
    index, one = numbered
    if not isinstance(one, dict):
        return f"requests[{index}]: found {kind_of(one)}, expected an object"
    if wrong := _wrong(one, REQUEST):
        return f"requests[{index}].{wrong}"
    try:
        body_of(one)
    except ValueError as error:
        return f"requests[{index}].body: {error}"
    return None


def body_of(recorded: Mapping[str, Any]) -> bytes:
    """Return the body of a recorded answer as received. Raises ValueError where it is not encoded as it says."""
    text: str = recorded["body"]
    if recorded["encoding"] == "base64":
        return base64.b64decode(text, validate=True)
    return text.encode("utf-8", "surrogatepass")
