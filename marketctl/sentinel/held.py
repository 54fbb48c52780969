"""What is held and marked of a provider, as the sentinel reads and makes it, and what a person let pass."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.files.atomic import write_atomic
from marketctl.files.snapshots import read_snapshot, to_bytes
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import DECIMALS
from marketctl.sentinel.judge import Span, Verdict, percent
from marketctl.sentinel.sheet import Good
from marketctl.views.held import Records, redis_record


def make_record(
    quote: Quote, verdict: Verdict, before: Mapping[str, Any] | None, good: Good | None, run_id: str, collected_ms: int
) -> dict[str, Any]:
    """Make the record of a quote as Redis holds it: unknown left out, times in ms; `since` is the first sighting."""
    same = before is not None and before.get("verdict") == verdict.verdict and type(before.get("since")) is int
    same = same and (verdict.cycles > 1 or not verdict.held)
    values = quote._asdict()
    told: dict[str, Any] = {
        "verdict": verdict.verdict,
        "why": verdict.why,
        "cause": verdict.cause,
        "reference": None if verdict.reference is None else f"{verdict.reference.normalize():f}",
        "deviation_percent": percent(verdict.deviation),
        "by": list(verdict.by),
        "since": before["since"] if before is not None and same else collected_ms,
        "run_id": run_id,
        "collected_ms": collected_ms,
        **{name: values[name] for name in (*DECIMALS, "symbol", "status")},
        "at": quote.at_ms,
    }
    if verdict.held:
        told["cycles"] = verdict.cycles
        if good is not None:
            kept = {name: getattr(good, name) for name in ("bid", "ask", "mid", "collected_ms")} | {"at": good.at_ms}
            told["last_good"] = {name: value for name, value in kept.items() if value is not None}
    return {name: value for name, value in told.items() if value is not None}


def last_good_of(held: Mapping[str, Any] | None) -> Good | None:
    """Return the last good quote that the record of a held one keeps."""
    kept = (held or {}).get("last_good")
    if not isinstance(kept, dict):
        return None
    return Good(kept.get("bid"), kept.get("ask"), kept.get("mid"), False, kept.get("at"), kept.get("collected_ms"))


def aside_commands(store: RedisConnection | None, entry: ProviderEntry) -> list[tuple[str, str]]:
    """Return what to ask Redis for `read_aside`."""
    return [] if store is None else [("HGETALL", store.key(entry.name, one)) for one in ("held", "marked", "release")]


def read_aside(
    registry: Registry, store: RedisConnection | None, entry: ProviderEntry, replies: Iterable[list[bytes]]
) -> tuple[Records, Records, dict[str, Span]]:
    """Return what is held, what is marked (pair → record as Redis holds it) and what a person let pass.

    Raises StorageFailed.
    """
    if store is not None:
        held, marked, released = map(_records, replies)
        return held, marked, _spans(released)
    found = read_snapshot(registry.settings.data_dir / "prices" / f"{entry.name}.json") or {}
    held, marked = (_kept(found.get(name)) for name in ("held", "marked"))
    return held, marked, _spans(_released(_path(registry, entry)))


def _kept(shown: object) -> Records:
    """Read the records of a mirror; those it lacks are none."""
    records = shown.items() if isinstance(shown, dict) else ()
    return {pair: redis_record(one) for pair, one in records if isinstance(one, dict)}


def _records(raw: list[bytes]) -> Records:
    """Read a hash of JSON records; what is not one of ours is left out."""
    found = {}
    for pair, value in zip(raw[::2], raw[1::2], strict=True):
        try:
            one = json.loads(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(one, dict):
            found[pair.decode(errors="replace")] = one
    return found


def _spans(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Span]:
    spans = ((pair, Span.of(one.get("bid"), one.get("ask"), one.get("mid"))) for pair, one in records.items())
    return {pair: span for pair, span in spans if span is not None}


# Released by a person ----------------------------------------------------------------------


def note_release(
    registry: Registry, store: RedisConnection | None, entry: ProviderEntry, pair: str, told: Mapping[str, Any]
) -> None:
    """Let what is held of a pair pass from the next collection on. Raises RedisFailed, StorageFailed."""
    one = {name: told[name] for name in ("bid", "ask", "mid") if told.get(name)}
    if store is not None:
        store.call("HSET", store.key(entry.name, "release"), pair, json.dumps(one))
    else:
        _write(_path(registry, entry), _released(_path(registry, entry)) | {pair: one})


def forget_releases(
    registry: Registry, store: RedisConnection | None, entry: ProviderEntry, pairs: Iterable[str]
) -> None:
    """Drop what has served. Raises RedisFailed, StorageFailed."""
    served = list(pairs)
    if store is not None:
        store.call("HDEL", store.key(entry.name, "release"), *served)
    else:
        kept = _released(_path(registry, entry))
        _write(_path(registry, entry), {pair: one for pair, one in kept.items() if pair not in served})


def _path(registry: Registry, entry: ProviderEntry) -> Path:
    return registry.settings.data_dir / "state" / f"{entry.name}.release.json"


def _released(path: Path) -> Records:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {pair: one for pair, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _write(path: Path, released: Records) -> None:
    write_atomic(path, to_bytes(json.dumps(released, sort_keys=True, indent=2) + "\n"))
