"""The one way out of quotes: `publish_l1`, and the copies of wallet and statistics in Redis."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import RedisFailed, Suspect
from marketctl.models import Quote
from marketctl.redis.connection import NoReply, RedisConnection
from marketctl.redis.quotes import l1_values
from marketctl.text import printable
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.config.registry import HistorySettings

FILL_TTL_MS = 60_000  # what a killed run leaves behind is gone after that

CHUNK = 500  # pairs an HSET


@dataclass(frozen=True, slots=True)
class Aside:
    """What is published beside the quotes, in the same moment.

    `held` and `marked` are pair → record; `reference` is the set in the sentinel's own form. `again` publishes the
    same answer once more: what is held of it has changed.
    """

    held: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reference: bytes | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did; `history_error` is Redis' word when quotes went out and their history did not.

    `moved` are the pairs that are new or changed in bid, ask, last or mid, `gone` those that are no longer quoted.
    """

    count: int
    added: int
    removed: int
    changed: int
    seq: int
    history_error: str | None = None
    earlier_ms: int | None = field(default=None, compare=False)  # when the set before was collected
    moved: tuple[str, ...] = field(default=(), compare=False)
    gone: tuple[str, ...] = field(default=(), compare=False)


def publish_l1(
    store: RedisConnection,
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
    aside: Aside | None = None,
) -> Published:
    """Replace the live quotes of a provider (pair → Quote), all at once; merge when not `complete`.

    Raises Suspect for a set older than the live one or less than half of it (unless `force`), RedisFailed otherwise;
    the live quotes are as before then.
    """
    aside = aside or Aside()
    if not quotes and not aside.held:
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
            [
                *(live, store.key(provider, "l1:meta"), store.key(provider, "events"), fresh),
                *(store.key(provider, name) for name in ("held", "marked", "reference")),
            ],
            [
                *(run_id, collected_ms, now_ms(), len(quotes), skipped, int(complete), f"{interval_s:g}"),
                *(collected_ms + life_ms, life_ms, int(force), f"{store.prefix}:changed:{provider}"),
                *(store.key(provider, "h:"), "" if keep is None else keep.max_len),
                *(max(collected_ms - age_ms, 0), collected_ms + age_ms, wanted),
                *(_flat(aside.held), _flat(aside.marked), aside.reference or b"", int(aside.again)),
            ],
        )
    except NoReply as error:
        raise NoReply(f"{error.message}; whether the quotes went out is not known", hint=error.hint) from error
    if verdict in (b"ok", b"same"):
        seq, count, added, removed, changed, trouble, earlier, *pairs = told
        words = printable(trouble.decode()) if trouble else None
        moved, gone = (tuple(text.decode().split("\n")) if text else () for text in pairs or (b"", b""))
        earlier_ms = int(float(earlier)) if earlier else None
        return Published(count, added, removed, changed, seq, words, earlier_ms, moved, gone)
    raise _refused(store, provider, verdict, [x.decode() if isinstance(x, bytes) else x for x in told], len(quotes))


def _refused(
    store: RedisConnection, provider: str, verdict: bytes, told: list[Any], sent: int
) -> Suspect | RedisFailed:
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


def mark_failed(store: RedisConnection, provider: str, reason_text: str, at_ms: int) -> None:
    """Note in meta that the last run failed, when and why; live quotes and all else stay as they are."""
    last_error = f"{to_iso(at_ms)} {printable(reason_text)}"
    store.call("HSET", store.key(provider, "l1:meta"), "status", "failing", "last_error", last_error)


def publish_wallet(
    store: RedisConnection, provider: str, assets: Mapping[str, Mapping[str, Any] | str], head: Mapping[str, Any]
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


def publish_stats(store: RedisConnection, provider: str, snapshot: Mapping[str, Any]) -> None:
    """Replace the statistics of a provider by this snapshot, a JSON text."""
    key = store.key(provider, "stats")
    _expect_type(store, key, b"string")
    store.call("SET", key, _compact(snapshot))


def _expect_type(store: RedisConnection, key: str, expected: bytes) -> None:
    """Refuse to replace what is not ours: DEL and SET would not ask."""
    found = store.call("TYPE", key)
    if found not in (expected, b"none"):
        raise _refused(store, "", b"wrong-type", [key, found.decode(), expected.decode()], 0)


def _flat(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write pair, JSON, pair, JSON, ... as the script takes them."""
    return _compact([text for pair, one in records.items() for text in (pair, _compact(one))])


def _fill(store: RedisConnection, fresh: str, quotes: Mapping[str, Quote]) -> None:
    """Fill a temporary key and give it an expiry in the same transaction; note the provider."""
    provider = fresh[len(store.prefix) + 2 : fresh.index("}")]
    if not quotes:  # all of them are held
        return
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
