"""The file of a dump: every request of a job with its answer as received, and what was read of it."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import StorageFailed
from marketctl.files.atomic import write_new, write_output
from marketctl.files.snapshots import document_bytes, read_snapshot
from marketctl.jobs.run import Run
from marketctl.providers.base import Provider
from marketctl.redact import redact, redact_bytes, redact_data
from marketctl.times import to_iso

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


def read_dump(path: Path) -> dict[str, Any]:
    """Read a dump. Raises StorageFailed when the file is none of ours."""
    try:
        found = read_snapshot(path)
    except StorageFailed as error:  # whatever it is, no next run writes it
        raise StorageFailed(error.message, hint="marketctl dump list") from error
    if found is None:
        raise StorageFailed(f"{path}: no such file", hint="marketctl dump list")
    wanted = {"provider": str, "job": str, "requests": list, "collected_at": str, "base_url": str}
    for key, kind in wanted.items():
        if not isinstance(found.get(key), kind):
            raise StorageFailed(f"{path} is no dump of marketctl: {key} is missing", hint="marketctl dump list")
    return found
