"""What is held and marked of a provider, as the sentinel reads and makes it, and what a person let pass."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import StorageFailed
from marketctl.files.atomic import write_atomic
from marketctl.files.look import read_regular
from marketctl.files.snapshots import to_bytes
from marketctl.log import log
from marketctl.models import Quote
from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import DECIMALS, see_record
from marketctl.sentinel.judge import Span, Verdict, percent
from marketctl.sentinel.sheet import Good
from marketctl.text import are_decimals, printable
from marketctl.views.held import Records, redis_record
from marketctl.views.snapshots import NotCollected, snapshot


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

    What is not as we write it is left out and told, as a mirror that cannot be read is: what goes out next takes its
    place.
    """
    told = {"provider": entry.name, "job": "prices"}
    if store is not None:
        records = [_records(raw) for raw in replies]
        held, marked = map(_sound, records[:2])
        for name, read, sound in zip(("held", "marked"), records, (held, marked), strict=False):
            if lost := read.keys() - sound.keys():
                words = (
                    f"{printable(min(lost))} is not as marketctl writes it: what the sentinel said of it is not known"
                )
                log.warning("%s: key %s: %s", store.where, store.key(entry.name, name), words, extra=told)
        return held, marked, _spans(records[2])
    found: Mapping[str, Any] = {"held": {}, "marked": {}}
    try:
        found = snapshot(registry, "prices", entry.name)
    except NotCollected:
        pass
    except StorageFailed as error:
        log.warning("%s: what the sentinel held is not known any more", error.message, extra=told)
    held, marked = ({pair: redis_record(one) for pair, one in found[name].items()} for name in ("held", "marked"))
    return held, marked, _spans(_released(_path(registry, entry)))


def _records(raw: list[bytes]) -> Records:
    """Read a hash of JSON records; what is none is an empty one, which is not sound."""
    found = {}
    for pair, value in zip(raw[::2], raw[1::2], strict=True):
        one = None
        with suppress(ValueError, RecursionError):
            one = json.loads(value)
        found[pair.decode(errors="replace")] = one if isinstance(one, dict) else {}
    return found


def _sound(records: Records) -> Records:
    found = {}
    for pair, one in records.items():
        with suppress(ValueError):
            see_record(one)
            found[pair] = one
    return found


def _spans(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Span]:
    found = {}
    for pair, one in records.items():
        prices = [one.get(side) for side in ("bid", "ask", "mid")]
        span = Span.of(*prices) if are_decimals([price for price in prices if price is not None]) else None
        if span is not None:
            found[pair] = span
    return found


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
        found = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return {pair: one for pair, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _write(path: Path, released: Records) -> None:
    write_atomic(path, to_bytes(json.dumps(released, sort_keys=True, indent=2) + "\n"))
