"""Quotes in Redis and their copy in the mirror: the readers of both, and the writers of the mirror."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from marketctl.errors import ForeignValue
from marketctl.files.snapshots import Block, Records, block_of, encode_json, write_snapshot
from marketctl.models import Quote, Quotes
from marketctl.redis.connection import RedisConnection
from marketctl.redis.forms import mirror_lines, mirror_times
from marketctl.redis.sets import Texts, of_one_moment, read_texts
from marketctl.text import are_decimals, printable
from marketctl.times import END_MS, to_iso

DECIMALS = ("bid", "ask", "last", "mid", "bid_size", "ask_size", "volume", "quote_volume")

STATUSES = frozenset(("trading", "halted", None))

_TEXTS = (*DECIMALS, "symbol", "status")

META_NUMBERS = frozenset(
    ("schema", "seq", "held", "collected_ms", "count", "added", "removed", "changed", "skipped", "complete",
     "last_ok_ms", "earlier_ms", "peak", "peak_ms")
)  # fmt: skip


def live_ms(interval_s: float) -> int:
    """Return how long quotes live that nobody renews."""
    return int(max(10 * interval_s, 3600) * 1000)


def write_mirror(
    path: Path,
    head: Mapping[str, Any],
    quotes: Mapping[str, Quote],
    own_ms: Mapping[str, int] | None = None,
    carried: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the JSON copy of what was just published; what is held stands in the head. Raises StorageFailed."""
    write_snapshot(path, head, "quotes", mirror_block(quotes, own_ms, carried))


def mirror_block(
    quotes: Mapping[str, Quote],
    own_ms: Mapping[str, int] | None = None,
    carried: Mapping[str, Mapping[str, Any]] | None = None,
) -> Block:
    """Return quotes as the mirror holds them; `own_ms` are the collection times of those that are older.

    `carried` are those of the mirror before that were not asked for.
    """
    times, rows = mirror_times(), Quotes.of(quotes).rows
    if not carried:
        return block_of(rows, lambda some: mirror_lines(some, own_ms, times))

    def lines(some: Records) -> list[str]:
        new = iter(mirror_lines([one for one in some if one[0] in rows], own_ms, times))
        return [next(new) if pair in rows else f"{encode_json(pair)}: {encode_json(one)}" for pair, one in some]

    return block_of({**carried, **rows}, lines)


def write_merged_mirror(path: Path, head: Mapping[str, Any], store: RedisConnection, provider: str) -> None:
    """Write the JSON copy after a merge: what is in Redis now, older quotes with their own `collected_at`.

    Raises RedisFailed or StorageFailed.
    """
    live, meta = read_l1(store, provider)
    head = {**head, "run_id": meta["run_id"], "collected_at": to_iso(meta["collected_ms"])}  # another may be faster
    write_snapshot(path, head, "quotes", {pair: encode_json(mirror_quote(value)) for pair, value in live.items()})


def mirror_quote(value: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a quote as Redis holds it into the shape of files and the CLI: every key there, times as ISO texts."""
    get = value.get
    quote = dict(zip(_TEXTS, map(get, _TEXTS), strict=True))
    quote["at"] = to_iso(get("at"))
    quote["derived"] = get("derived", False)
    if "collected_ms" in value:  # carried over by a merge
        quote["collected_at"] = to_iso(value["collected_ms"])
    return quote


def read_l1(store: RedisConnection, provider: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the live quotes (pair → what Redis holds; empty when expired) and meta (empty when never published).

    Both are of one moment. A quote with its own `collected_ms` is older than meta's.
    """
    quotes, meta, _, _ = read_set(store, provider)
    return quotes, meta


def read_set(
    store: RedisConnection, provider: str
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return live quotes and meta as `read_l1` does, and of the same moment what is held and what is marked."""
    texts = read_texts(store, provider)
    assert texts is not None
    *by_kind, raw_meta = texts
    live, *kept = (store.key(provider, name) for name in ("l1", "held", "marked"))
    quotes = _read_quotes(store, live, by_kind[0])
    held, marked = (_read_values(store, key, one, _read_record) for key, one in zip(kept, by_kind[1:], strict=True))
    return quotes, _read_meta(store, store.key(provider, "l1:meta"), raw_meta), held, marked


def _read_quotes(store: RedisConnection, key: str, texts: Texts) -> dict[str, dict[str, Any]]:
    """Read quotes all at once; where one is not of our shape they are read one by one, which names it."""
    try:
        quotes = json.loads(f"[{b','.join(texts.values()).decode()}]")
        if len(quotes) == len(texts):
            for shape in {(*quote, *map(type, quote.values())) for quote in quotes}:
                _see_shape(shape[: len(shape) // 2], shape[len(shape) // 2 :])
            _see_values(quotes)
            return dict(zip([pair.decode() for pair in texts], quotes, strict=True))
    except (ValueError, RecursionError, AttributeError, TypeError):
        pass
    return _read_values(store, key, texts, _read_value)


def _read_values(
    store: RedisConnection, key: str, texts: Texts, read: Callable[[bytes], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    values = {}
    for pair, value in texts.items():
        try:
            values[pair.decode()] = read(value)
        except (ValueError, RecursionError):
            raise _garbage(store, key, f"{printable(pair.decode(errors='replace'))} holds", value) from None
    return values


def read_parts(store: RedisConnection, provider: str, name: str, texts: Mapping[str, bytes]) -> dict[str, Any]:
    """Read these of the `l1`, `held` or `marked` of a provider, pair → text. Raises RedisFailed."""
    by_pair = {pair.encode(): text for pair, text in texts.items()}
    return _read_values(store, store.key(provider, name), by_pair, _read_value if name == "l1" else _read_record)


def meta_of(store: RedisConnection, provider: str, raw: list[bytes]) -> dict[str, Any]:
    """Read meta as it was replied. Raises RedisFailed."""
    return _read_meta(store, store.key(provider, "l1:meta"), raw)


def read_some(
    store: RedisConnection, provider: str, pairs: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[str, Any]], int]:
    """Return what `read_set` does of these pairs alone, and how many live quotes there are; all of one moment."""
    live, meta, *kept = (store.key(provider, name) for name in ("l1", "l1:meta", "held", "marked"))
    asked = [("HMGET", key, *pairs) for key in (live, *kept)]
    raw_meta, values, held, marked, count = of_one_moment(store, meta, [*asked, ("HLEN", live)])

    def some(key: str, found: Sequence[bytes | None], read: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
        told = zip(pairs, found, strict=True)
        return _read_values(store, key, {pair.encode(): value for pair, value in told if value is not None}, read)

    records = (some(key, found, _read_record) for key, found in zip(kept, (held, marked), strict=True))
    return some(live, values, _read_value), _read_meta(store, meta, raw_meta), *records, count


def live_pairs(store: RedisConnection, provider: str) -> list[str]:
    """Return the keys of the live quotes."""
    return [pair.decode(errors="replace") for pair in store.call("HKEYS", store.key(provider, "l1"))]


def read_meta(store: RedisConnection, provider: str) -> dict[str, Any]:
    """Return meta alone: numbers as int (`interval_s` as float), texts as str; empty when never published."""
    key = store.key(provider, "l1:meta")
    return _read_meta(store, key, store.call("HGETALL", key))


def read_history(
    store: RedisConnection, provider: str, pair: str, since_ms: int | None = None, count: int | None = None
) -> list[dict[str, Any]]:
    """Return `{"at_ms", "bid", "ask", "last", "mid"}` (unknown ones left out) oldest first, the newest `count`."""
    key = store.key(provider, f"h:{pair}")
    start = "-" if since_ms is None else str(since_ms)
    limit: tuple[str | int, ...] = () if count is None else ("COUNT", count)
    entries = store.call("XREVRANGE", key, "+", start, *limit)
    records = []
    for entry_id, fields in reversed(entries):
        try:
            records.append(_moment(entry_id, fields))
        except ValueError:
            raise _garbage(store, key, f"{entry_id.decode()} holds", b" ".join(fields)) from None
    return records


def _moment(entry_id: bytes, fields: Sequence[bytes]) -> dict[str, Any]:
    """Read an entry of a history. Raises ValueError where it is not of our shape."""
    texts = [field.decode() for field in fields]
    at_ms = int(entry_id.partition(b"-")[0])
    if at_ms >= END_MS or not are_decimals(texts[1::2]):
        raise ValueError
    return {"at_ms": at_ms, **dict(zip(texts[::2], texts[1::2], strict=True))}


def last_of_history(store: RedisConnection, provider: str, pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the newest entry of each pair, as `read_history` does; a pair without one of our shape is left out."""
    asked = [("XREVRANGE", store.key(provider, f"h:{pair}"), "+", "-", "COUNT", 1) for pair in pairs]
    found = {}
    for pair, told in zip(pairs, store.batch_of_many(asked) if asked else (), strict=True):
        if told and not isinstance(told, ForeignValue):
            with suppress(ValueError):
                found[pair] = _moment(*told[0])
    return found


def first_of_history(store: RedisConnection, provider: str, pair: str) -> int | None:
    """Return the time of the oldest entry that Redis still holds, None without any."""
    entries = store.call("XRANGE", store.key(provider, f"h:{pair}"), "-", "+", "COUNT", 1)
    return int(entries[0][0].partition(b"-")[0]) if entries else None


_raw_decode = json.JSONDecoder().raw_decode

_KINDS = dict.fromkeys(_TEXTS, str) | {"at": int, "collected_ms": int, "derived": bool}

_RECORD = _KINDS | dict.fromkeys(("verdict", "why", "cause", "reference", "deviation_percent", "run_id"), str)
_RECORD |= {"by": list, "cycles": int, "since": int, "last_good": dict}


def _read_value(value: bytes) -> dict[str, Any]:
    """Read one quote. Raises ValueError when it is not of our shape."""
    text = value.decode()
    quote, end = _raw_decode(text)  # a third of the time of json.loads
    if end != len(text) or not isinstance(quote, dict):
        raise ValueError
    _see_shape(tuple(quote), tuple(map(type, quote.values())))
    _see_values([quote])
    return quote


def _see_shape(names: tuple[str, ...], types: tuple[type, ...], kinds: Mapping[str, type] = _KINDS) -> None:
    """Raise ValueError where what has these fields is not of our shape."""
    for name, kind in zip(names, types, strict=True):
        if kind is not kinds.get(name, kind):
            raise ValueError


def _see_values(quotes: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError where a decimal of these is none, or a status no word of ours."""
    decimals = [quote[name] for name in DECIMALS for quote in quotes if name in quote]
    if not are_decimals(decimals) or not STATUSES.issuperset([quote.get("status") for quote in quotes]):
        raise ValueError


def _read_record(value: bytes) -> dict[str, Any]:
    """Read what is held or marked. Raises ValueError when it is not of our shape."""
    record = json.loads(value)
    if not isinstance(record, dict):
        raise ValueError
    see_record(record)
    return record


def see_record(record: Mapping[str, Any]) -> None:
    """Raise ValueError where what is held or marked is not of our shape; what is unknown is left out."""
    _see_shape(tuple(record), tuple(map(type, record.values())), _RECORD)
    good = record.get("last_good", {})
    _see_shape(tuple(good), tuple(map(type, good.values())))
    _see_values([record, good])
    figures = [record[name] for name in ("reference", "deviation_percent") if name in record]
    whole = {"verdict", "why"} <= record.keys() and all(isinstance(one, str) for one in record.get("by", ()))
    if not whole or not are_decimals(figures):
        raise ValueError


def _read_meta(store: RedisConnection, key: str, raw: list[bytes]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    for raw_name, raw_value in zip(raw[::2], raw[1::2], strict=True):
        name, value = raw_name.decode(errors="replace"), raw_value.decode(errors="replace")
        try:
            meta[name] = int(value) if name in META_NUMBERS else float(value) if name == "interval_s" else value
        except ValueError:
            raise _garbage(store, key, f"{name} is", raw_value) from None
    return meta


def _garbage(store: RedisConnection, key: str, what: str, value: bytes) -> ForeignValue:
    found = printable(value.decode(errors="replace"), 60)
    return ForeignValue(
        f"{store.where}: key {key} is not as marketctl writes it: {what} {found}",
        hint="Delete it, or change redis_prefix: something else wrote it.",
    )
