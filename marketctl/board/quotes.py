"""The board's quotes and their history, as small as they can be told."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from marketctl.board.compact import (
    DERIVED,
    HALTED,
    HELD,
    IS_MID,
    MARKED,
    RATE,
    TRADING,
    TWIN,
    decimal,
    safe,
    size,
    words,
)
from marketctl.config.registry import ProviderEntry
from marketctl.errors import MarketctlError
from marketctl.redis.connection import RedisConnection
from marketctl.times import DAY_MS, ms_or_none
from marketctl.views.freshness import limit_ms
from marketctl.views.quotes import Live, Reader
from marketctl.views.twins import Coins

WORDS = ("verdict", "reference", "deviation_percent", "cause")

HISTORY_SERIES = 2500

HISTORY_ROOM = 14_000  # points in all

HISTORY_POINTS = 48  # a series

HISTORY_CHUNK = 50  # series a round trip

# Sampled by the server: a stream has up to a thousand entries, a line needs some dozens. The last of each slice stays,
# as a text "milliseconds bid ask last-or-mid", "-" for unknown: a nested reply costs ten times as much to read.
SAMPLE = """
local all = redis.call('XRANGE', KEYS[1], ARGV[1], '+')
if #all == 0 then return '' end
local function ms(entry) return string.match(entry[1], '^%d+') end
local first = tonumber(ms(all[1]))
local width = math.max((tonumber(ms(all[#all])) - first) / ARGV[2], 1)
local kept, slice = {}, -1
for _, entry in ipairs(all) do
  local here = math.floor((tonumber(ms(entry)) - first) / width)
  kept[here == slice and #kept or #kept + 1] = entry
  slice = here
end
for i, entry in ipairs(kept) do
  local told = {}
  for j = 1, #entry[2], 2 do told[entry[2][j]] = entry[2][j + 1] end
  kept[i] = ms(entry) .. ' ' .. (told.bid or '-') .. ' ' .. (told.ask or '-') .. ' ' .. (told.mid or told.last or '-')
end
return table.concat(kept, '\\n')
"""


def gather_quotes(
    entries: Sequence[ProviderEntry], lives: Sequence[Live], coins: Coins, made_ms: int
) -> dict[str, Any]:
    """Return the quotes in columns by provider, what the sentinel holds among them, and how old they may be.

    Nothing is judged here by its age: the page does that, at the moment it is looked at. `d` is a quote's own time as
    milliseconds before the provider's (0: collected with the rest, null: unknown).
    """
    pairs = sorted({pair for live in lives for pair in (*live.quotes, *live.held)})
    place = {pair: index for index, pair in enumerate(pairs)}
    apart = twins_of(coins, lives, pairs)
    columns = []
    for entry, live in zip(entries, lives, strict=True):
        column: dict[str, Any] = {name: [] for name in ("x", "b", "a", "l", "v", "f", "d")}
        notes: dict[int, list[Any]] = {}
        base = live.collected_ms or made_ms
        for pair, quote in chain(live.quotes.items(), live.held.items()):
            note = live.held.get(pair) if quote is live.held.get(pair) else live.marked.get(pair)
            cells, own = quote_cells(quote, held=quote is live.held.get(pair)), _own(live, quote, made_ms)
            if live.provider in apart.get(pair, ()):
                cells[4] |= TWIN
            if note is not None:
                cells[4] |= MARKED
                notes[len(column["x"])] = note_cells(note)
            column["x"].append(place[pair])
            for name, cell in zip("balvf", cells, strict=True):
                column[name].append(cell)
            column["d"].append(own if own is None or own == 0 else base - own)
        columns.append(column | {"at": base, "max": limit_ms(entry.prices_interval_s, live.kept_ms), "notes": notes})
    return {"pairs": pairs, "by": columns}


def quote_cells(quote: Mapping[str, Any], *, held: bool) -> list[Any]:
    """Return bid, ask, last or middle, turnover and flags of a quote, as Redis holds it or a file."""
    bid, ask, last, mid = (decimal(quote.get(name)) for name in ("bid", "ask", "last", "mid"))
    flags = {"trading": TRADING, "halted": HALTED}.get(str(quote.get("status")), 0)
    if mid or quote.get("derived") is True:
        flags |= RATE | (IS_MID if mid else 0) | (DERIVED if quote.get("derived") is True else 0)
    if held:
        flags |= HELD
    return [bid, ask, mid or last, decimal(quote.get("quote_volume")), flags]


def _own(live: Live, quote: Mapping[str, Any], made_ms: int) -> int | None:
    """Return a quote's own time: 0 that of the collection, None unknown."""
    told = [ms for ms in (ms_or_none(quote.get("collected_at")), ms_or_none(quote.get("at"))) if ms is not None]
    return None if live.age_ms(quote, made_ms) is None else min(told, default=0)


def note_cells(record: Mapping[str, Any]) -> list[Any]:
    """Return the sentinel's verdict, since when (ms), the reference price, the deviation in percent and the cause."""
    told = [safe(record.get(name) or "", 60) for name in WORDS]
    return [told[0], ms_or_none(record.get("since")), *told[1:]]


def twins_of(coins: Coins, lives: Sequence[Live], pairs: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return pair → the providers whose coin is another one of that name, with the reason."""
    found = {}
    for pair in pairs:
        if any(ticker in coins.twins for ticker in pair.split("/")):
            found[pair] = coins.apart(pair, [live.provider for live in lives if pair in live.quotes])
    return found


def gather_history(reader: Reader, prices: Mapping[str, Any], made_ms: int) -> dict[str, Any]:
    """Return lines of the middle price's parts over the last day, of the most widely quoted pairs.

    `complete` is false when there are more pairs than room; `error` says why there is none.
    """
    told: dict[str, Any] = {"series": [], "complete": True, "error": None, "enabled": True}
    told["enabled"] = reader.registry.settings.history.enabled
    store = reader.history
    if store is None:
        return told
    watched = {*reader.registry.watch.pairs, *reader.registry.watch.above, *reader.registry.watch.below}
    wanted = _by_interest(prices, watched)
    names = [entry.name for entry in reader.registry.enabled()]
    room = HISTORY_ROOM
    try:
        for start in range(0, min(len(wanted), HISTORY_SERIES), HISTORY_CHUNK):
            chunk = wanted[start : start + HISTORY_CHUNK]
            keys = [store.key(names[place], f"h:{prices['pairs'][index]}") for place, index in chunk]
            for (place, index), text in zip(chunk, _sampled(store, keys, made_ms - DAY_MS), strict=True):
                points = [line.split(" ") for line in text.splitlines()]
                if len(points) > 1:
                    told["series"].append(_line(place, index, points))
                    room -= len(points)
            if room <= 0:
                break
        told["complete"] = start + HISTORY_CHUNK >= len(wanted) if wanted else True
    except (MarketctlError, ValueError) as error:
        told["error"] = ["redis", words(error.message if isinstance(error, MarketctlError) else "unreadable history")]
        told["series"] = []
    return told


def _by_interest(prices: Mapping[str, Any], watched: Collection[str] = ()) -> list[tuple[int, int]]:
    """Return (provider, pair): the watched ones, then as the page shows quotes, all providers of a pair together."""
    pairs = prices["pairs"]
    currency = [pair.rpartition("/")[2] for pair in pairs]
    quoted = Counter(index for column in prices["by"] for index in column["x"])
    common = Counter(currency)
    turnover: dict[int, float] = {}
    for column in prices["by"]:
        for index, volume in zip(column["x"], column["v"], strict=True):
            turnover[index] = max(turnover.get(index, 0.0), size(volume))
    order = sorted(
        quoted, key=lambda x: (pairs[x] not in watched, -quoted[x], -common[currency[x]], -turnover[x], pairs[x])
    )
    rank = {index: place for place, index in enumerate(order)}
    wanted = [(place, index) for place, column in enumerate(prices["by"]) for index in column["x"]]
    return sorted(wanted, key=lambda one: (rank[one[1]], one[0]))


def _sampled(store: RedisConnection, keys: Sequence[str], since_ms: int) -> list[str]:
    replies = store.batch([("EVAL", SAMPLE, 1, key, since_ms, HISTORY_POINTS) for key in keys])
    return [reply.decode() for reply in replies]


def _line(place: int, index: int, points: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return a line: times as seconds after the one before, prices as texts, all joined by spaces."""
    times = [int(point[0]) // 1000 for point in points]
    steps = [after - before for before, after in zip([times[0], *times], times, strict=False)]
    last = [point[3] if "-" in point[1:3] else "-" for point in points]  # only where bid and ask don't say it
    return {
        "p": place,
        "x": index,
        "at": times[0] * 1000,
        "t": " ".join(map(str, steps)),
        "b": " ".join([point[1] for point in points]),
        "a": " ".join([point[2] for point in points]),
        "l": " ".join(last) if set(last) != {"-"} else "",
    }
