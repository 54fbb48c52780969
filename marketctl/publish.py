"""Redis, the source of truth for prices: the one way out of quotes (`publish_l1`), their mirror, and the readers.

Keys, with P the prefix: `P:{BYBIT}:l1` and the others of design 7; braces keep a provider's keys in one cluster slot.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring, encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import RedisFailed, Suspect
from marketctl.fields import printable
from marketctl.models import Quote
from marketctl.redis_store import NoReply, RedisStore
from marketctl.store import encode_json, write_snapshot
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.registry import HistorySettings

FILL_TTL_MS = 60_000  # what a killed run leaves behind is gone after that
CHUNK = 500  # pairs an HSET
DECIMALS = ("bid", "ask", "last", "mid", "bid_size", "ask_size", "volume", "quote_volume")
META_NUMBERS = frozenset(
    ("schema", "seq", "collected_ms", "count", "added", "removed", "changed", "skipped", "complete", "last_ok_ms")
)


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did; `history_error` is Redis' word when quotes went out and their history did not."""

    count: int
    added: int
    removed: int
    changed: int
    seq: int
    history_error: str | None = None


# Out --------------------------------------------------------------------------------------


def publish_l1(
    store: RedisStore,
    provider: str,
    quotes: Mapping[str, Quote],
    *,
    run_id: str,
    collected_ms: int,
    interval_s: float,
    skipped: int,
    complete: bool = True,
    force: bool = False,
    history: "HistorySettings | None" = None,
) -> Published:
    """Replace the live quotes of a provider (pair → Quote), all at once; merge when not `complete`.

    Raises Suspect for a set older than the live one or less than half of it (unless `force`), RedisFailed otherwise;
    the live quotes are as before then.
    """
    if not quotes:
        raise Suspect(f"{provider}: no quotes to publish")
    live = store.key(provider, "l1")
    fresh = f"{live}:fill:{run_id}:{os.urandom(4).hex()}"
    _fill(store, fresh, quotes)
    life_ms = int(max(10 * interval_s, 3600) * 1000)
    keep = history if history is not None and history.enabled else None
    wanted = "*"
    if keep is not None and "*" not in keep.pairs:
        wanted = "\n".join([pair for pair in quotes if keep.wants(pair)])
    age_ms = int(keep.max_age_s * 1000) if keep is not None else 0
    try:
        verdict, *told = store.run_script(
            _script(),
            [live, store.key(provider, "l1:meta"), store.key(provider, "events"), fresh],
            [
                *(run_id, collected_ms, now_ms(), len(quotes), skipped, int(complete), f"{interval_s:g}"),
                *(collected_ms + life_ms, life_ms, int(force), f"{store.prefix}:changed:{provider}"),
                *(store.key(provider, "h:"), "" if keep is None else keep.max_len),
                *(max(collected_ms - age_ms, 0), collected_ms + age_ms, wanted),
            ],
        )
    except NoReply as error:
        raise NoReply(f"{error.message}; whether the quotes went out is not known", hint=error.hint) from error
    if verdict in (b"ok", b"same"):
        seq, count, added, removed, changed, trouble = told
        return Published(count, added, removed, changed, seq, printable(trouble.decode()) if trouble else None)
    raise _refused(store, provider, verdict, [x.decode() if isinstance(x, bytes) else x for x in told], len(quotes))


def _refused(store: RedisStore, provider: str, verdict: bytes, told: list[Any], sent: int) -> Suspect | RedisFailed:
    """Say why the script refused; `told` is what it returned beside the verdict."""
    if verdict == b"older":
        return Suspect(
            f"{provider}: the live quotes are newer, of {to_iso(int(float(told[0])))}",
            hint="Another run was faster, or a clock is wrong. `prices collect --force` replaces them.",
        )
    if verdict == b"shrunk":
        return Suspect(
            f"{provider}: {sent} quotes where {told[0]} are live: more than half are gone",
            hint="If that is right, run `prices collect --force` once.",
        )
    if verdict == b"wrong-type":
        return RedisFailed(
            f"{store.where}: key {printable(told[0])} is a {told[1]}, not a {told[2]}: something else wrote it",
            hint="Delete it, or change redis_prefix.",
        )
    if verdict == b"too-old":
        return RedisFailed(f"{store.where} is too old", hint="Redis 6.2 or newer, or Valkey, is needed.")
    return RedisFailed(
        f"{store.where} lost {sent - told[0]} of {sent} quotes on the way: evicted, or the server restarted",
        hint="Set maxmemory-policy to noeviction or a volatile one, and run again.",
    )


def mark_failed(store: RedisStore, provider: str, reason_text: str, at_ms: int) -> None:
    """Note in meta that the last run failed, when and why; live quotes and all else stay as they are."""
    last_error = f"{to_iso(at_ms)} {printable(reason_text)}"
    store.call("HSET", store.key(provider, "l1:meta"), "status", "failing", "last_error", last_error)


def publish_wallet(
    store: RedisStore, provider: str, assets: Mapping[str, Mapping[str, Any] | str], head: Mapping[str, Any]
) -> None:
    """Replace the wallet of a provider: a hash asset → JSON (a text is taken as it is), its head in `wallet:meta`."""
    if not assets:
        raise Suspect(f"{provider}: no assets to publish")
    key, meta = store.key(provider, "wallet"), store.key(provider, "wallet:meta")
    _expect_type(store, key, b"hash")
    _expect_type(store, meta, b"hash")
    fields = {code: asset if isinstance(asset, str) else _compact(asset) for code, asset in assets.items()}
    told = {name: _text(value) for name, value in head.items() if value is not None}
    sent = [*_pack_hset(key, fields), *(_pack_hset(meta, told) if told else ())]

    def pack(connection: Any) -> list[bytes]:
        return [*connection.pack_commands([("MULTI",), ("DEL", key, meta)]), *sent, *connection.pack_command("EXEC")]

    store.send(pack, [key] * (len(sent) + 3))


def publish_stats(store: RedisStore, provider: str, snapshot: Mapping[str, Any]) -> None:
    """Replace the statistics of a provider by this snapshot, a JSON text."""
    key = store.key(provider, "stats")
    _expect_type(store, key, b"string")
    store.call("SET", key, _compact(snapshot))


def _expect_type(store: RedisStore, key: str, expected: bytes) -> None:
    """Refuse to replace what is not ours: DEL and SET would not ask."""
    found = store.call("TYPE", key)
    if found not in (expected, b"none"):
        raise _refused(store, "", b"wrong-type", [key, found.decode(), expected.decode()], 0)


def _fill(store: RedisStore, fresh: str, quotes: Mapping[str, Quote]) -> None:
    """Fill a temporary key and give it an expiry in the same transaction; note the provider."""
    provider = fresh[len(store.prefix) + 2 : fresh.index("}")]
    sent = list(_pack_hset(fresh, l1_values(quotes)))
    note = ("SADD", f"{store.prefix}:providers", provider)
    first = [note, ("MULTI",)]
    if store.sharded:  # another node has it
        store.call(*note)
        del first[0]
    last = [("PEXPIRE", fresh, FILL_TTL_MS), ("EXEC",)]

    def pack(connection: Any) -> list[bytes]:
        return [*connection.pack_commands(first), *sent, *connection.pack_commands(last)]

    store.send(pack, [str(command[1]) if len(command) > 1 else fresh for command in first] + [fresh] * (len(sent) + 2))


def _pack_hset(key: str, fields: Mapping[str, str]) -> Iterator[bytes]:
    """Write HSETs in Redis' protocol, 500 fields each: redis-py's packer takes four times as long."""
    items = list(fields.items())
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        name = key.encode()
        head = b"*%d\r\n$4\r\nHSET\r\n$%d\r\n%b\r\n" % (2 + 2 * len(chunk), len(name), name)
        body = "".join([f"${len(k)}\r\n{k}\r\n${len(v)}\r\n{v}\r\n" for k, v in chunk])
        if body.isascii():
            yield head + body.encode()
        else:  # lengths are in bytes
            raw = [text.encode("utf-8", "backslashreplace") for item in chunk for text in item]
            yield head + b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in raw])


@cache
def _script() -> str:
    return Path(__file__).with_name("publish.lua").read_text(encoding="utf-8")


_compact = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _compact(value)


# The two forms of a quote -----------------------------------------------------------------


def l1_values(quotes: Mapping[str, Quote]) -> dict[str, str]:
    """Return pair → compact JSON as Redis holds it, unknown fields left out.

    publish.lua relies on bid, ask, last and mid coming first, then symbol. Decimals are texts that need no escaping.
    """
    return {
        pair: "".join(
            (
                "{" if bid is None else f'{{"bid":"{bid}",',
                "" if ask is None else f'"ask":"{ask}",',
                "" if last is None else f'"last":"{last}",',
                "" if mid is None else f'"mid":"{mid}",',
                f'"symbol":{encode_basestring_ascii(symbol)}',
                "" if bid_size is None else f',"bid_size":"{bid_size}"',
                "" if ask_size is None else f',"ask_size":"{ask_size}"',
                "" if volume is None else f',"volume":"{volume}"',
                "" if quote_volume is None else f',"quote_volume":"{quote_volume}"',
                "" if status is None else f',"status":"{status}"',
                "" if at_ms is None else f',"at":{at_ms}',
                ',"derived":true}' if derived else "}",
            )
        )
        for pair, (
            symbol, bid, ask, bid_size, ask_size, last, mid, volume, quote_volume, status, at_ms, derived
        ) in quotes.items()
    }  # fmt: skip


def mirror_lines(quotes: Mapping[str, Quote]) -> dict[str, str]:
    """Return pair → one line of JSON as the mirror holds it: every key present and sorted, null for unknown."""
    seconds: dict[int, str] = {}
    lines = {}
    for pair, (
        symbol, bid, ask, bid_size, ask_size, last, mid, volume, quote_volume, status, at_ms, derived
    ) in quotes.items():  # fmt: skip
        if at_ms is None:
            at = "null"
        else:
            second, ms = divmod(at_ms, 1000)
            text = seconds.get(second)
            if text is None:
                text = seconds[second] = str(to_iso(second * 1000))[:-4]
            at = f'"{text}{ms:03d}Z"'
        lines[pair] = "".join(
            (
                '{"ask": null, ' if ask is None else f'{{"ask": "{ask}", ',
                '"ask_size": null, "at": ' if ask_size is None else f'"ask_size": "{ask_size}", "at": ',
                at,
                ', "bid": null' if bid is None else f', "bid": "{bid}"',
                ', "bid_size": null' if bid_size is None else f', "bid_size": "{bid_size}"',
                ', "derived": true' if derived else ', "derived": false',
                ', "last": null' if last is None else f', "last": "{last}"',
                ', "mid": null' if mid is None else f', "mid": "{mid}"',
                ', "quote_volume": null' if quote_volume is None else f', "quote_volume": "{quote_volume}"',
                ', "status": null' if status is None else f', "status": "{status}"',
                f', "symbol": {encode_basestring(symbol)}',
                ', "volume": null}' if volume is None else f', "volume": "{volume}"}}',
            )
        )
    return lines


def write_mirror(path: Path, head: Mapping[str, Any], quotes: Mapping[str, Quote]) -> None:
    """Write the JSON copy of what was just published whole. Raises StorageFailed."""
    write_snapshot(path, head, "quotes", mirror_lines(quotes))


def write_merged_mirror(path: Path, head: Mapping[str, Any], store: RedisStore, provider: str) -> None:
    """Write the JSON copy after a merge: what is in Redis now, older quotes with their own `collected_at`.

    Raises RedisFailed or StorageFailed.
    """
    live, _ = read_l1(store, provider)
    write_snapshot(path, head, "quotes", {pair: encode_json(mirror_quote(value)) for pair, value in live.items()})


def mirror_quote(value: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a quote as Redis holds it into the shape of files and the CLI: every key there, times as ISO texts."""
    quote: dict[str, Any] = {name: value.get(name) for name in (*DECIMALS, "symbol", "status")}
    quote["at"] = to_iso(value.get("at"))
    quote["derived"] = value.get("derived", False)
    if "collected_ms" in value:  # carried over by a merge
        quote["collected_at"] = to_iso(value["collected_ms"])
    return quote


# In ---------------------------------------------------------------------------------------


def read_l1(store: RedisStore, provider: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the live quotes (pair → what Redis holds; empty when expired) and meta (empty when never published).

    Both are of one moment. A quote with its own `collected_ms` is older than meta's.
    """
    live, meta = store.key(provider, "l1"), store.key(provider, "l1:meta")
    *_, (raw, raw_meta) = store.send(
        lambda connection: connection.pack_commands([("MULTI",), ("HGETALL", live), ("HGETALL", meta), ("EXEC",)]),
        [live, live, meta, live],
    )
    quotes = {}
    for pair, value in zip(raw[::2], raw[1::2], strict=True):
        try:
            quotes[pair.decode()] = _read_value(value)
        except (ValueError, RecursionError):
            raise _garbage(store, live, f"{printable(pair.decode(errors='replace'))} holds", value) from None
    return quotes, _read_meta(store, meta, raw_meta)


def read_meta(store: RedisStore, provider: str) -> dict[str, Any]:
    """Return meta alone: numbers as int (`interval_s` as float), texts as str; empty when never published."""
    key = store.key(provider, "l1:meta")
    return _read_meta(store, key, store.call("HGETALL", key))


def read_history(
    store: RedisStore, provider: str, pair: str, since_ms: int | None = None, count: int | None = None
) -> list[dict[str, Any]]:
    """Return `{"at_ms", "bid", "ask", "last", "mid"}` (unknown ones left out) oldest first, the newest `count`."""
    key = store.key(provider, f"h:{pair}")
    start = "-" if since_ms is None else str(since_ms)
    limit: tuple[str | int, ...] = () if count is None else ("COUNT", count)
    entries = store.call("XREVRANGE", key, "+", start, *limit)
    records = []
    for entry_id, fields in reversed(entries):
        try:
            texts = [field.decode() for field in fields]
        except UnicodeDecodeError:
            raise _garbage(store, key, "it holds", b"".join(fields)) from None
        at_ms = int(entry_id.partition(b"-")[0])
        records.append({"at_ms": at_ms, **dict(zip(texts[::2], texts[1::2], strict=True))})
    return records


def _read_value(value: bytes) -> dict[str, Any]:
    """Read one quote. Raises ValueError when it is not of our shape."""
    quote = json.loads(value)
    if (
        not isinstance(quote, dict)
        or any(type(quote.get(name, "")) is not str for name in (*DECIMALS, "symbol", "status"))
        or any(type(quote.get(name, 0)) is not int for name in ("at", "collected_ms"))
        or type(quote.get("derived", False)) is not bool
    ):
        raise ValueError
    return quote


def _read_meta(store: RedisStore, key: str, raw: list[bytes]) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    for raw_name, raw_value in zip(raw[::2], raw[1::2], strict=True):
        name, value = raw_name.decode(errors="replace"), raw_value.decode(errors="replace")
        try:
            meta[name] = int(value) if name in META_NUMBERS else float(value) if name == "interval_s" else value
        except ValueError:
            raise _garbage(store, key, f"{name} is", raw_value) from None
    return meta


def _garbage(store: RedisStore, key: str, what: str, value: bytes) -> RedisFailed:
    found = printable(value.decode(errors="replace"), 60)
    return RedisFailed(
        f"{store.where}: key {key} is not as marketctl writes it: {what} {found}",
        hint="Something else wrote it: delete it, or change redis_prefix.",
    )
