"""Run today's reader over the answers of a dump, offline."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import BadAnswer, MarketctlError, NetworkFailed
from marketctl.files.memory import Memory
from marketctl.jobs.dump_file import body_of
from marketctl.jobs.prices import prices_batch
from marketctl.jobs.stats import stats_to_dict
from marketctl.jobs.wallet import wallet_batch
from marketctl.providers.base import Provider
from marketctl.providers.loader import load_adapter
from marketctl.redact import redact_data
from marketctl.times import from_iso

if TYPE_CHECKING:
    from marketctl.http.messages import Answer


class _NoMemory(Memory):
    """A memory that holds nothing and keeps nothing."""

    def __init__(self) -> None:
        """Need no folder."""

    def get(self, key: str, max_age_s: float) -> None:
        """Know nothing."""

    def get_made(self, key: str, max_age_s: float, make: Any) -> None:
        """Know nothing."""

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Forget it."""


NO_MEMORY = _NoMemory()


def normalise(adapter: Provider, job: str) -> dict[str, Any]:
    """Ask and read one job and return what was read, without storing it. Raises MarketctlError."""
    if job == "wallet":
        assets = adapter.read(adapter.assets)
        return wallet_batch(assets)
    if job == "prices":
        quotes = adapter.read(adapter.prices)
        return prices_batch(quotes)
    with adapter.named():
        return {"stats": stats_to_dict(adapter.stats())}


class ReplayClient:
    """Stands in for `http.Client`: answers with what a dump recorded, and sends nothing."""

    def __init__(self, dump: Mapping[str, Any], cls: type[Provider]) -> None:
        self.formats, self.columns = cls.formats, cls.columns
        self.base_url = dump["base_url"]
        self.provider = str(dump["provider"])
        self.clock_offset_ms = 0
        self.requests = self.retries = self.bytes = 0
        self.recorded: list[Any] | None = None
        self._exchanges: list[dict[str, Any]] = list(dump["requests"])

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        check: Any,
        body: bytes | None = None,
        **_: Any,
    ) -> "Answer":
        """Return the recorded answer of this request. Raises NetworkFailed without one, BadAnswer for one of no use."""
        from marketctl.http.messages import Answer, looks_html, read_json

        one = self._recorded(method, path, query or {}, body)
        self.requests += 1
        content = body_of(one)
        raw = (endpoint := f"{method} {path}") in self.formats
        parsed, is_json = (content, False) if raw else read_json(content, self.columns.get(endpoint, ()))
        sent = from_iso(one["started_at"])
        received = sent + one["duration_ms"]
        answer = Answer(one["status"], one["headers"], parsed, content, is_json, sent, received, raw, endpoint)
        check(answer)
        page = looks_html(content)
        readable = is_json or (raw and content.strip() and not page)
        if not readable or not 200 <= answer.status < 300:
            what = "" if readable else ", a web page" if page else " of no use" if raw else " without readable JSON"
            raise BadAnswer(f"{endpoint}: the recorded answer is HTTP {answer.status}, {len(content)} bytes{what}")
        return answer

    def _recorded(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Mapping[str, Any]:
        """Return the first exchange with this query and body, else the first of this path.

        Where there are several, each is given once, in order, and the last one from then on.
        """
        wanted = redact_data(dict(query))
        told = None if body is None else redact_data(body.decode(errors="replace"))
        same = [
            one
            for one in self._exchanges
            if (one["method"], one["path"]) == (method, path) and one["status"] is not None
        ]
        exact = [one for one in same if one["query"] == wanted and one.get("request_body", told) == told]
        if not same:
            raise NetworkFailed(f"the dump has no answer to {method} {path}")
        fit = exact or same
        if len(fit) > 1:
            self._exchanges = [one for one in self._exchanges if one is not fit[0]]
        return fit[0]


def replay(entry: ProviderEntry, dump: Mapping[str, Any]) -> dict[str, Any]:
    """Run today's reader over a dump, offline; return the normalised batch. Raises MarketctlError."""
    cls = load_adapter(entry)
    adapter = cls(
        ReplayClient(dump, cls),  # type: ignore[arg-type]
        NO_MEMORY,
        credentials=dict.fromkeys(cls.credentials, "replayed"),
        pairs=tuple(dump["pairs"]),
        options=entry.options,
    )
    try:
        return normalise(adapter, dump["job"])
    except MarketctlError as error:  # nobody was asked: neither to wait nor to ask again helps
        error.hint = "report it with this dump" if isinstance(error, BadAnswer) else None
        raise


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """List where two batches differ, one line each: path, what was stored, what is read today."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted(before.keys() | after.keys())
            for line in differences(before.get(key), after.get(key), f"{path}.{_name(key)}" if path else _name(key))
        ]
    return [] if before == after else [f"{path}: {json.dumps(before)} -> {json.dumps(after)}"]


def _name(key: object) -> str:
    """Return a key as it stands in a line: a dump comes from anywhere, and may hold what drives a terminal."""
    return text if (text := str(key)).isprintable() else json.dumps(text)
