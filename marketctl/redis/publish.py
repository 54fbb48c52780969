"""The one way out of quotes: `publish_l1`, and the copies of wallet and statistics in Redis."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.errors import HalfAnswer, Overtaken, RedisFailed, Suspect
from marketctl.models import Quote, Quotes
from marketctl.redis.connection import NoReply, NotReached, RedisConnection, packed
from marketctl.redis.forms import l1_texts
from marketctl.redis.quotes import live_ms
from marketctl.text import printable
from marketctl.times import FUTURE_MS, now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.config.registry import HistorySettings

FILL_TTL_MS = 60_000  # what a killed run leaves behind is gone after that
CHUNK = 500  # pairs an HSET


class Aside(NamedTuple):
    """What is published beside the quotes, in the same moment.

    `held` and `marked` are pair → record; `reference` is the set in the sentinel's own form. `again` publishes the
    same answer once more: what is held of it has changed.
    """

    held: Mapping[str, Mapping[str, Any]] = {}
    marked: Mapping[str, Mapping[str, Any]] = {}
    reference: bytes | None = None
    again: bool = False


@dataclass
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
    ahead_ms: int | None = field(default=None, compare=False)  # how far its time lies ahead of Redis' clock
    moved: Sequence[str] = field(default=(), compare=False)
    gone: Sequence[str] = field(default=(), compare=False)
    after_ms: int | None = field(default=None, compare=False)  # when the set they were compared with was collected


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
    asked: Collection[str] = (),
    known: Callable[[], int] = int,
    until_ms: int = 0,
    own_ms: Mapping[str, int] | None = None,
    aside: Aside | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Published:
    """Replace the live quotes of a provider (pair → Quote), all at once; merge when not `complete`.

    `asked` are the pairs the registry names (none: all of them), `known` tells how many of those a copy of the last
    good set has, `until_ms` when the source can next be asked for all of them: the set lives at least as long. `own_ms`
    holds the collection times of quotes that are older than the rest. `meanwhile` is done while Redis works,
    more than once where it had to be asked again.

    Raises Suspect for a set older than the live one, less than half of what was there (unless `force`), or gone the
    moment it is published; RedisFailed otherwise. The live quotes are as before then.
    """
    aside = aside or Aside()
    if not quotes and not aside.held:
        raise Suspect(f"{provider}: no quotes to publish")
    live = store.key(provider, "l1")
    fresh = f"{live}:fill:{run_id}:{os.urandom(4).hex()}"
    keys = [live, *(store.key(provider, name) for name in ("l1:meta", "events")), fresh]
    keys += [store.key(provider, name) for name in ("held", "marked", "reference")]
    if store.sharded:  # another node has it
        store.call("SADD", f"{store.prefix}:providers", provider)
    else:
        keys.append(f"{store.prefix}:providers")
    rules = (live_ms(interval_s), until_ms, int(force), f"{store.prefix}:changed:{provider}", "\n".join(sorted(asked)))
    kept = _kept(store.key(provider, "h:"), quotes, history)
    beside = (_flat(aside.held), _flat(aside.marked), aside.reference or b"", int(aside.again), provider)

    def ask(known: int | str, **at_once: Any) -> list[Any]:
        told = (run_id, collected_ms, now_ms(), len(quotes), skipped, int(complete), f"{interval_s:g}")
        return store.run_script(_script(), keys, [*told, *rules, known, FUTURE_MS, *kept, *beside], **at_once)

    try:
        verdict, *told = ask("", first=_fill(fresh, quotes, own_ms), meanwhile=meanwhile)
        if verdict == b"known?":
            verdict, *told = ask(known())
    except NotReached:
        raise
    except NoReply as error:
        raise NoReply(f"{error.message}; whether the quotes went out is not known", hint=error.hint) from error
    if verdict in (b"ok", b"same"):
        return _published(quotes, collected_ms, *told)
    told = [x.decode() if isinstance(x, bytes) else x for x in told]
    raise _suspect(provider, verdict, told, collected_ms) or _refused(store, verdict, told, len(quotes))


def _kept(
    prefix: str, quotes: Mapping[str, Quote], history: "HistorySettings | None"
) -> tuple[str, int | str, int, str]:
    """Return what the script is told of history: its keys, its limits ("": none is kept), and of which pairs."""
    if history is None or not history.enabled:
        return prefix, "", 0, "*"
    wanted = "*" if "*" in history.pairs else "\n".join([pair for pair in quotes if history.wants(pair)])
    return prefix, history.max_len, int(history.max_age_s * 1000), wanted


def _published(
    quotes: Mapping[str, Quote],
    collected_ms: int,
    seq: int,
    count: int,
    added: int,
    removed: int,
    changed: int,
    trouble: bytes,
    earlier: bytes | None,
    ahead: bytes | None,
    *pairs: bytes,
) -> Published:
    """Read what the script says of a set that is out; of one that it had already it names no pairs."""
    words, after = printable(trouble.decode()) if trouble else None, _ms(earlier) if pairs else collected_ms
    as_they_were, gone = (text.decode(errors="replace").split("\n") if text else [] for text in pairs or (b"", b""))
    still = set(as_they_were)
    moved = [pair for pair in quotes if pair not in still] if pairs else []
    return Published(count, added, removed, changed, seq, words, _ms(earlier), _ms(ahead), moved, gone, after)


def _flat(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Write pair, JSON, pair, JSON, ... as the script takes them."""
    return _compact([text for pair, one in records.items() for text in (pair, _compact(one))])


def _ms(told: bytes | None) -> int | None:
    return int(float(told)) if told else None


def _suspect(provider: str, verdict: bytes, told: list[Any], collected_ms: int) -> Suspect | None:
    """Say why the script did not believe the set; `told` is what it returned beside the verdict."""
    force = f"`marketctl prices collect -p {provider} --force`"
    if verdict == b"older":
        return Overtaken(
            f"{provider}: the live quotes are newer, of {to_iso(int(told[0]))}",
            hint=f"If no other run was faster, check the clocks; {force} replaces the quotes.",
        )
    if verdict == b"shrunk":
        sent, before, is_live = told
        known = f"{before} are live" if is_live else f"there were {before}"
        return HalfAnswer(
            f"{provider}: {sent} quotes where {known}: more than half are gone",
            hint=f"If that is right, run {force} once.",
        )
    if verdict == b"expired":
        age = (int(told[0]) - collected_ms) / 1000
        return Suspect(
            f"{provider}: these quotes are {age:.0f} s old by Redis' clock and would be gone at once",
            hint="Sync the clocks (NTP) of this machine and of Redis.",
        )
    return None


def _refused(store: RedisConnection, verdict: bytes, told: list[Any], sent: int) -> RedisFailed:
    """Say why the script could not do it; `told` is what it returned beside the verdict."""
    if verdict == b"wrong-type":
        return RedisFailed(
            f"{store.where}: key {printable(told[0])} is a {told[1]}, not a {told[2]}: something else wrote it",
            hint="Delete it, or change redis_prefix.",
        )
    if verdict == b"too-old":
        return RedisFailed(f"{store.where} is too old", hint="Install Redis 6.2 or newer, or Valkey.")
    return RedisFailed(
        f"{store.where} lost {sent - told[0]} of {sent} quotes on the way: evicted, or the server restarted",
        hint="Set maxmemory-policy to noeviction or a volatile one, and run again.",
    )


# meta; how long ago the run began (ms), its error. A set that another run published since then is not failing.
MARK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local good = tonumber(redis.call('HGET', KEYS[1], 'last_ok_ms') or '') or 0
if good > now - ARGV[1] and good <= now + ARGV[3] then return {0} end
redis.call('HSET', KEYS[1], 'status', 'failing', 'last_error', ARGV[2])
return {1}
"""


def mark_failed(
    store: RedisConnection, provider: str, reason_text: str, at_ms: int, began_ms: int | None = None
) -> None:
    """Note in meta that the last run failed, when and why; live quotes and all else stay as they are.

    With `began_ms`, when the run began, one that another run has overtaken in the meantime changes nothing.
    """
    last_error = f"{to_iso(at_ms)} {printable(reason_text)}"
    took = -FUTURE_MS * 2 if began_ms is None else max(0, now_ms() - began_ms)
    store.run_script(MARK, [store.key(provider, "l1:meta")], [took, last_error, FUTURE_MS])


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
    sent = [packed("MULTI"), packed("DEL", key, meta), *_pack_hset(key, fields)]
    sent += [*(_pack_hset(meta, told) if told else ()), packed("EXEC")]
    store.send(sent, [key] * len(sent))


def publish_stats(store: RedisConnection, provider: str, snapshot: Mapping[str, Any]) -> None:
    """Replace the statistics of a provider by this snapshot, a JSON text."""
    key = store.key(provider, "stats")
    _expect_type(store, key, b"string")
    store.call("SET", key, _compact(snapshot))


def _expect_type(store: RedisConnection, key: str, expected: bytes) -> None:
    """Refuse to replace what is not ours: DEL and SET would not ask."""
    found = store.call("TYPE", key)
    if found not in (expected, b"none"):
        raise _refused(store, b"wrong-type", [key, found.decode(), expected.decode()], 0)


def _fill(fresh: str, quotes: Mapping[str, Quote], own_ms: Mapping[str, int] | None) -> list[bytes]:
    """Return what fills a temporary key and gives it an expiry in the same transaction."""
    if not quotes:  # all of them are held
        return []
    pieces = _pack_hset(fresh, Quotes.of(quotes).rows, lambda some: l1_texts(some, own_ms))
    return [packed("MULTI"), *pieces, packed("PEXPIRE", fresh, FILL_TTL_MS), packed("EXEC")]


def _pack_hset(
    key: str, fields: Mapping[str, Any], texts: Callable[[list[tuple[str, Any]]], list[str]] | None = None
) -> Iterator[bytes]:
    """Write HSETs in Redis' protocol, 500 fields each; `texts` makes the values of some where they are none."""
    items = list(fields.items())
    name, size = key.encode(), _sizes
    for start in range(0, len(items), CHUNK):
        some = items[start : start + CHUNK]
        values = [value for _, value in some] if texts is None else texts(some)
        head = b"*%d\r\n$4\r\nHSET\r\n$%d\r\n%b\r\n" % (2 + 2 * len(some), len(name), name)
        body = "".join([f"{size[len(k)]}{k}\r\n{size[len(v)]}{v}\r\n" for (k, _), v in zip(some, values, strict=True)])
        if body.isascii():
            yield head + body.encode()
        else:  # lengths are in bytes
            told = [text for (field, _), value in zip(some, values, strict=True) for text in (field, value)]
            raw = [text.encode("utf-8", "backslashreplace") for text in told]
            yield head + b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in raw])


class _Sizes(dict[int, str]):
    """Lengths as Redis' protocol tells them: those of thousands of values are few."""

    def __missing__(self, size: int) -> str:
        text = self[size] = f"${size}\r\n"
        return text


_sizes = _Sizes()


@cache
def _script() -> str:
    return Path(__file__).with_name("publish.lua").read_text(encoding="utf-8")


_compact = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _compact(value)
