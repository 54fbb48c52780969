"""Raw dumps: one file per job and provider with every request and answer, never overwritten unasked.

A dump is replayed offline through today's reader: the recorded answers stand in for the client.
"""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.collect import Result, Run, no_credentials, normalise, open_adapter, settle
from marketctl.errors import BadAnswer, MarketctlError, NetworkFailed, StorageFailed
from marketctl.providers.base import Provider
from marketctl.redact import redact, redact_bytes
from marketctl.registry import ProviderEntry, load_adapter
from marketctl.store import Memory, read_snapshot, write_document
from marketctl.times import from_iso, now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.http import Answer, Exchange


class _NoMemory(Memory):
    """A memory that holds nothing and keeps nothing."""

    def __init__(self) -> None:
        """Need no folder."""

    def get(self, key: str, max_age_s: float) -> None:
        """Know nothing."""

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Forget it."""


NO_MEMORY = _NoMemory()


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
        body, encoding = redact(one.content.decode()), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(redact_bytes(one.content)).decode(), "base64"
    return {
        "method": one.method,
        "path": one.path,
        "query": {key: redact(value) for key, value in one.query.items()},
        "status": one.status,
        "headers": {key: redact(value) for key, value in one.headers.items()},
        "started_at": to_iso(one.started_ms),
        "duration_ms": one.duration_ms,
        "error": one.error,
        "encoding": encoding,
        "body": body,
    }


def write_dump(path: Path, made: Mapping[str, Any], *, force: bool = False) -> bool:
    """Write a dump unless one is there; tell whether it was written. Raises StorageFailed."""
    if path.exists() and not force:
        return False
    write_document(path, made)
    return True


def read_dump(path: Path) -> dict[str, Any]:
    """Read a dump. Raises StorageFailed when the file is none of ours."""
    found = read_snapshot(path)
    if found is None:
        raise StorageFailed(f"{path}: no such file", hint="marketctl dump list")
    wanted = {"provider": str, "job": str, "requests": list, "collected_at": str, "base_url": str}
    for key, kind in wanted.items():
        if not isinstance(found.get(key), kind):
            raise StorageFailed(f"{path} is no dump of marketctl: {key} is missing", hint="marketctl dump list")
    return found


def dump_job(run: Run, entry: ProviderEntry, job: str, output: str | None = None) -> Result:
    """Ask one job's questions and keep the answers: in the job's file, in `output`, or on stdout ("-").

    It succeeds even when reading the answers fails: the batch is null then. Without an answer worth
    keeping (no connection, a refused key) nothing is written.
    """
    result = Result(entry.name, job)
    path = Path(output) if output else dump_path(run, entry.name, job)
    result.counts = {"file": str(path), "written": False}
    if output != "-" and path.exists() and not run.options.force:
        result.message = "it exists and is kept; --force overwrites it"
        return result
    started = now_ms()
    error: tuple[str, str] | None = None
    batch = None
    adapter = None
    try:
        # Without a memory: a dump is to hold what the job needs, also what an earlier run has asked.
        adapter = open_adapter(run, entry, recording=True, memory=NO_MEMORY)
        with adapter.client:
            if job in adapter.key_jobs and not adapter.has_key():
                raise no_credentials(entry, adapter)
            try:
                batch = normalise(adapter, job)
            except BadAnswer as failure:
                error = (failure.reason, redact(failure.message))
                result.message = f"the answers were kept, but cannot be read: {error[1]}"
        text = document(run, entry, job, adapter, batch, error)
        if output == "-":
            sys.stdout.write(json.dumps(text, ensure_ascii=True, indent=2, sort_keys=True) + "\n")
        else:
            write_dump(path, text, force=run.options.force)
        result.counts["written"] = True
    except MarketctlError as failure:
        settle(run, entry, result, failure)
    if adapter is not None:
        client = adapter.client
        result.requests, result.retries, result.bytes = client.requests, client.retries, client.bytes
    result.duration_ms = now_ms() - started
    return result


class ReplayClient:
    """Stands in for `http.Client`: answers with what a dump recorded, and sends nothing."""

    def __init__(self, dump: Mapping[str, Any]) -> None:
        self.base_url = dump["base_url"]
        self.host = "replay"
        self.provider = str(dump["provider"])
        self.clock_offset_ms = 0
        self.requests = self.retries = self.bytes = 0
        self.recorded: list[Any] | None = None
        self._exchanges = [one for one in dump["requests"] if isinstance(one, dict)]

    def left_s(self) -> float:
        """Return 0: nothing is ever waited for."""
        return 0.0

    def ask(self, method: str, path: str, query: Mapping[str, str] | None = None, *, check: Any, **_: Any) -> "Answer":
        """Return the recorded answer of the same request, the last one first-come for repeated ones."""
        from marketctl.http import Answer, read_json

        wanted = {key: redact(value) for key, value in dict(query or {}).items()}
        same = [
            index
            for index, one in enumerate(self._exchanges)
            if (one.get("method"), one.get("path")) == (method, path) and one.get("status") is not None
        ]
        exact = [index for index in same if self._exchanges[index].get("query") == wanted]
        if not same:
            raise NetworkFailed(f"the dump has no answer to {method} {path}")
        one = self._exchanges[(exact or same)[0]]
        if len(exact or same) > 1:
            self._exchanges.pop((exact or same)[0])
        self.requests += 1
        body = str(one.get("body") or "")
        content = base64.b64decode(body) if one.get("encoding") == "base64" else body.encode("utf-8", "surrogatepass")
        parsed, is_json = read_json(content)
        sent = from_iso(str(one.get("started_at") or "1970-01-01T00:00:00Z"))
        answer = Answer(
            int(one["status"]),
            dict(one.get("headers") or {}),
            parsed,
            content,
            is_json,
            sent,
            sent + int(one.get("duration_ms") or 0),
        )
        check(answer)
        if not is_json or not 200 <= answer.status < 300:
            raise BadAnswer(f"{method} {path}: the recorded answer is HTTP {answer.status}, {len(content)} bytes")
        return answer


def replay(entry: ProviderEntry, dump: Mapping[str, Any]) -> dict[str, Any]:
    """Run today's reader over a dump, offline; return the normalised batch. Raises MarketctlError."""
    cls = load_adapter(entry)
    adapter = cls(
        ReplayClient(dump),  # type: ignore[arg-type]
        NO_MEMORY,
        credentials=dict.fromkeys(cls.credentials, "replayed"),
        pairs=tuple(str(pair) for pair in dump.get("pairs") or ()),
        options=entry.options,
    )
    return normalise(adapter, str(dump["job"]))


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """List where two batches differ, one line each: path, what was stored, what is read today."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted(before.keys() | after.keys())
            for line in differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if before == after else [f"{path}: {json.dumps(before)} -> {json.dumps(after)}"]
