"""Dump one job: its raw answers kept in one file, also when reading them fails."""

import json
from collections.abc import Callable
from pathlib import Path

from marketctl.config.registry import ProviderEntry
from marketctl.errors import BUGS, BadAnswer, MarketctlError
from marketctl.files.look import is_there
from marketctl.jobs.adapter import open_adapter, require_key
from marketctl.jobs.dump_file import document, dump_path, write_dump
from marketctl.jobs.job import settle, settle_bug
from marketctl.jobs.replay import NO_MEMORY, normalise
from marketctl.jobs.result import Result
from marketctl.jobs.run import Run
from marketctl.providers.base import Provider
from marketctl.redact import redact
from marketctl.times import now_ms

KEPT = "it exists and is kept; --force overwrites it"


def dump_job(
    run: Run, entry: ProviderEntry, job: str, output: str | None = None, say: Callable[[str], object] | None = None
) -> Result:
    """Ask one job's questions and keep the answers: in the job's file, in `output`, or given to `say` as text.

    It succeeds even when reading the answers fails: the batch is null then. A page in place of data is kept as well:
    it says who stands in between. Without an answer worth keeping (no connection, a refused key) nothing is written.
    """
    result = Result(entry.name, job)
    path = Path(output) if output else dump_path(run, entry.name, job)
    result.counts = {"file": None, "written": False}
    started = now_ms()
    error: tuple[str, str] | None = None
    batch = None
    adapter = None
    try:
        if not say and not run.options.force and is_there(path):
            result.counts["file"], result.message = str(path), KEPT
            return result
        # Without a memory: a dump is to hold what the job needs, also what an earlier run has asked.
        adapter = open_adapter(run, entry, recording=True, memory=NO_MEMORY)
        with adapter.client:
            if job in adapter.key_jobs:
                require_key(run, entry, adapter)
            try:
                batch = normalise(adapter, job)
            except MarketctlError as failure:
                if not isinstance(failure, BadAnswer) and not holds_page(adapter):
                    raise
                error = (failure.reason, redact(failure.message))
                result.message = f"the answers were kept, but cannot be read: {error[1]}"
            except BUGS as failure:
                settle_bug(result, failure)
                return _counted(result, adapter, started)
        text = document(run, entry, job, adapter, batch, error)
        if say:
            say(json.dumps(text, ensure_ascii=True, indent=2, sort_keys=True))
            result.counts["written"] = True
        elif write_dump(path, text, force=run.options.force):
            result.counts["written"] = True
        else:
            result.message = KEPT  # another one was made meanwhile
        result.counts["file"] = str(path)
    except MarketctlError as failure:
        settle(run, entry, result, failure)
    return _counted(result, adapter, started)


def _counted(result: Result, adapter: Provider | None, started: int) -> Result:
    if adapter is not None:
        client = adapter.client
        result.requests, result.retries, result.bytes = client.requests, client.retries, client.bytes
    result.duration_ms = now_ms() - started
    return result


def holds_page(adapter: Provider) -> bool:
    """Tell whether an answer came that is no JSON and not empty: a page, a plain text."""
    from marketctl.http.messages import read_json

    found = adapter.client.recorded or []
    return any(one.status is not None and one.content.strip() and not read_json(one.content)[1] for one in found)
