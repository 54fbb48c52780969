"""A provider's set as it is written, one text a key: to read thousands of small replies takes ten times as long."""

from collections.abc import Sequence, Sized
from typing import Any

from marketctl.errors import RedisFailed
from marketctl.redis.connection import NoReply, RedisConnection

# Live, held and marked quotes as lines, and meta, of one moment; nothing where the set is the one already seen: a live
# one may vanish without a run.
SCRIPT = """
if (redis.call('HGET', KEYS[4], 'seq') or '') .. ' ' .. redis.call('HLEN', KEYS[1]) == ARGV[1] then return {} end
local told = {}
for i = 1, 3 do
  local all, lines = redis.call('HGETALL', KEYS[i]), {}
  for j = 1, #all, 2 do lines[#lines + 1] = all[j] .. '\\t' .. all[j + 1] end
  told[i] = table.concat(lines, '\\n')
end
told[4] = redis.call('HGETALL', KEYS[4])
return told
"""

TRIES = 20  # a reading takes a millisecond, publishes are seconds apart

Texts = dict[bytes, bytes]  # pair -> compact JSON


def read_texts(store: RedisConnection, provider: str, seen: str = "") -> tuple[Texts, Texts, Texts, list[bytes]] | None:
    """Return live, held and marked quotes, and meta as it was replied; all of one moment.

    None where the set is the one `seen` (`seen_as`). Raises RedisFailed.
    """
    keys = [store.key(provider, name) for name in ("l1", "held", "marked", "l1:meta")]
    try:
        told = store.call("EVAL", SCRIPT, len(keys), *keys, seen or "-")
        if not told:
            return None
        live, held, marked = ([line.rsplit(b"\t", 1) for line in text.split(b"\n") if line] for text in told[:3])
        return dict(live), dict(held), dict(marked), told[3]
    except NoReply:
        raise
    except (RedisFailed, ValueError):
        # No right to run scripts, or a key of another type, or a foreign line: asked one by one, which tells.
        meta, *replies = of_one_moment(store, keys[3], [("HGETALL", key) for key in keys[:3]])
        live, held, marked = (list(zip(one[::2], one[1::2], strict=True)) for one in replies)
        if seen and seen == seen_as(live, meta):
            return None
        return dict(live), dict(held), dict(marked), meta


def seen_as(live: Sized, meta: Sequence[bytes]) -> str:
    """Return what tells this set from the next: the run's number, and how many quotes are left of it."""
    seq = dict(zip(meta[::2], meta[1::2], strict=True)).get(b"seq", b"")
    return f"{seq.decode(errors='replace')} {len(live)}"


def of_one_moment(store: RedisConnection, meta: str, commands: Sequence[tuple[str, ...]]) -> list[Any]:
    """Return meta and the replies to these commands, all of the same publish.

    A publish changes meta, so what stands between two equal ones is of one moment. A transaction would be refused
    where memory is full, and wants rights that a reader may lack. Raises RedisFailed.
    """
    about = ("HGETALL", meta)
    for _ in range(TRIES):
        before, *replies, after = store.batch([about, *commands, about])
        if before == after:
            return [before, *replies]
    raise RedisFailed(
        f"{store.where}: {meta} changed {TRIES} times while it was read",
        hint="Run redis-cli monitor, to find who publishes so often.",
    )
