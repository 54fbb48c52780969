"""What the board shows, gathered from data/ and Redis into one compact document.

Columns in place of objects and numbers in place of repeated texts: 12,000 quotes and 4,000 assets have to fit into
3 MB. Decimals stay the texts they are, times are milliseconds, unknown is "" for a decimal and null for the rest.
`page.js` is the one reader of this; a provider is known by its place in `providers`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marketctl import __version__
from marketctl.errors import MarketctlError
from marketctl.fields import printable
from marketctl.live import Live, Reader
from marketctl.models import JOBS
from marketctl.redact import redact
from marketctl.redis_store import RedisStore
from marketctl.registry import ProviderEntry, Registry
from marketctl.routes import NATIVE, find_routes, same_contract
from marketctl.store import read_journal, read_state
from marketctl.times import from_iso
from marketctl.views import HOW, changes, number, snapshot

LATE = 3  # intervals without new data, as `check` has it
PRICES_LATE_S = 60  # at least, as `prices compare` has it
WALLET_OLD = 2  # intervals: as `wallet routes` has it
DAY_MS = 86_400_000
CHANGES_MAX = 1000
HISTORY_SERIES = 2500
HISTORY_ROOM = 14_000  # points in all
HISTORY_POINTS = 48  # a series
HISTORY_CHUNK = 50  # series a round trip
GROWTH_POINTS = 200  # a line of pairs or coins over time
SKIPPED = ("not-supported", "no-credentials")

TRADING, HALTED, DERIVED, IS_MID, STALE, RATE = 1, 2, 4, 8, 16, 32
FLAG = {None: 0, False: 1, True: 2}
IDENTITY = {"proven": 0, "unproven": 1, "twin": 2}

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


def gather(reader: Reader, made_ms: int) -> dict[str, Any]:
    """Return everything the page shows. What cannot be read is told in `problems` and hides nothing else."""
    registry = reader.registry
    entries = registry.enabled()
    lives = [reader.read(entry) for entry in entries]
    problems = [live.last_error for live in lives if live.state == "failed" and live.last_error]
    wallets = _snapshots(registry, entries, "wallet", problems)
    stats = _snapshots(registry, entries, "stats", problems)
    prices, quote_counts = _prices(entries, lives, made_ms)
    return {
        "version": __version__,
        "made": made_ms,
        "source": "mirror" if reader.store is None else "redis",
        "away": reader.away and _safe(reader.away.message),
        "providers": [
            _provider(registry, entry, live, wallet, one, counts, made_ms)
            for entry, live, wallet, one, counts in zip(entries, lives, wallets, stats, quote_counts, strict=True)
        ],
        "disabled": [name for name, entry in registry.providers.items() if not entry.enabled],
        "prices": prices,
        "history": _history(reader, prices, made_ms),
        "wallet": _wallet(entries, wallets, made_ms),
        "changes": _changes(registry, entries, made_ms, problems),
        "stats": _stats(registry, entries, stats, problems),
        "problems": [_safe(problem) for problem in problems],
    }


def _safe(text: object, limit: int = 400) -> str:
    return printable(redact(str(text)), limit)


def _ms(iso: object) -> int | None:
    try:
        return from_iso(iso) if isinstance(iso, str) else None
    except ValueError:
        return None


def _decimal(value: object) -> str:
    return value if isinstance(value, str) else ""


def _snapshots(
    registry: Registry, entries: Iterable[ProviderEntry], job: str, problems: list[str]
) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = []
    for entry in entries:
        one = None
        if (registry.settings.data_dir / job / f"{entry.name}.json").exists():
            try:
                one = snapshot(registry, job, entry.name)
            except MarketctlError as error:
                problems.append(error.message)
        found.append(one)
    return found


# Health -----------------------------------------------------------------------------------


def _provider(
    registry: Registry,
    entry: ProviderEntry,
    live: Live,
    wallet: Mapping[str, Any] | None,
    stats: Mapping[str, Any] | None,
    quotes: Mapping[str, int],
    made_ms: int,
) -> dict[str, Any]:
    """Tell how a provider and its jobs are doing."""
    try:
        states = read_state(registry.settings.data_dir / "state", entry.name)
    except MarketctlError:
        states = {}
    collected = {"wallet": _collected(wallet), "prices": live.collected_ms, "stats": _collected(stats)}
    assets: Mapping[str, Any] = wallet["assets"] if wallet else {}
    networks = sum(len(asset.get("networks") or {}) for asset in assets.values())
    told = stats["stats"] if stats else {}
    counts: dict[str, Any] = {
        "wallet": {"assets": len(assets), "networks": networks} if wallet else None,
        "prices": dict(quotes) if live.quotes else None,
        "stats": {"pairs": (told.get("pairs") or {}).get("total")} if stats else None,
    }
    jobs = {}
    for job in JOBS:
        state = states.get(job, {})
        jobs[job] = {
            "state": _job_state(state, collected[job], made_ms, entry.interval_s(job)),
            "at": collected[job],
            "attempt": _ms(state.get("last_attempt")),
            "success": _ms(state.get("last_success")),
            "failures": state.get("failures", 0),
            "reason": _safe(state["last_reason"], 40) if state.get("last_reason") else None,
            "message": None,
            "counts": counts[job],
            "interval": entry.interval_s(job),
            "sync": f"marketctl {HOW[job]} -p {entry.name}",
        }
    prices = jobs["prices"]
    if live.state == "failed":
        prices["state"] = "failing"
    if words := live.words():
        prices["message"] = _safe(words)
    if live.state == "expired" and prices["state"] == "ok":
        prices["state"] = "late"
    platform, quota = told.get("platform") or {}, told.get("quota")
    return {
        "name": entry.name,
        "kind": entry.kind,
        "jobs": jobs,
        "latency": told.get("latency_ms"),
        "skew": told.get("clock_skew_ms"),
        "platform": _safe(platform.get("status") or "unknown", 40),
        "platform_message": _safe(platform["message"]) if platform.get("message") else None,
        "quota": {name: quota.get(name) for name in ("plan", "used", "limit", "remaining", "resets_at")}
        if isinstance(quota, dict)
        else None,
    }


def _collected(found: Mapping[str, Any] | None) -> int | None:
    return _ms(found["collected_at"]) if found else None


def _job_state(state: Mapping[str, Any], collected: int | None, made_ms: int, interval_s: float) -> str:
    """Return `ok`, `late` (no new data for some intervals), `failing`, `skipped` or `never`."""
    if state.get("last_reason") in SKIPPED:
        return "skipped"
    if state.get("failures"):
        return "failing"
    if collected is None:
        return "never"
    return "late" if made_ms - collected > max(LATE * interval_s, PRICES_LATE_S) * 1000 else "ok"


# Prices -----------------------------------------------------------------------------------


def _prices(
    entries: Sequence[ProviderEntry], lives: Sequence[Live], made_ms: int
) -> tuple[dict[str, Any], list[dict[str, int]]]:
    """Return the quotes in columns by provider, and how many of each provider's are stale or one-sided."""
    pairs = sorted({pair for live in lives for pair in live.quotes})
    place = {pair: index for index, pair in enumerate(pairs)}
    columns, counts = [], []
    for entry, live in zip(entries, lives, strict=True):
        max_age = round(max(LATE * entry.prices_interval_s, PRICES_LATE_S) * 1000)
        column: dict[str, Any] = {name: [] for name in ("x", "b", "a", "l", "v", "f", "d")}
        stale = one_sided = 0
        base = live.collected_ms or made_ms
        for pair, quote in live.quotes.items():
            bid, ask, last, mid = (_decimal(quote.get(name)) for name in ("bid", "ask", "last", "mid"))
            age = live.age_ms(quote, made_ms)
            flags = {"trading": TRADING, "halted": HALTED}.get(str(quote.get("status")), 0)
            if mid or quote.get("derived") is True:
                flags |= RATE | (IS_MID if mid else 0) | (DERIVED if quote.get("derived") is True else 0)
            if age is None or age > max_age:
                flags |= STALE
                stale += 1
            one_sided += bool(bid) != bool(ask)
            column["x"].append(place[pair])
            column["b"].append(bid)
            column["a"].append(ask)
            column["l"].append(mid or last)
            column["v"].append(_decimal(quote.get("quote_volume")))
            column["f"].append(flags)
            # The quote's own time, as milliseconds before the provider's.
            column["d"].append(None if age is None else base - (made_ms - age))
        columns.append(column | {"at": base, "max": max_age})
        counts.append({"quotes": len(live.quotes), "stale": stale, "one_sided": one_sided})
    return {"pairs": pairs, "by": columns}, counts


def _history(reader: Reader, prices: Mapping[str, Any], made_ms: int) -> dict[str, Any]:
    """Return lines of the middle price's parts over the last day, of the most widely quoted pairs.

    `complete` is false when there are more pairs than room; `error` says why there is none.
    """
    told: dict[str, Any] = {"series": [], "complete": True, "error": None, "enabled": True}
    told["enabled"] = reader.registry.settings.history.enabled
    store = reader.store
    if store is None:
        return told
    wanted = _by_interest(prices)
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
        told["error"] = _safe(error.message if isinstance(error, MarketctlError) else "unreadable history")
        told["series"] = []
    return told


def _by_interest(prices: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return (provider, pair) in the order the page shows quotes at first, all providers of a pair together."""
    pairs = prices["pairs"]
    currency = [pair.rpartition("/")[2] for pair in pairs]
    quoted = Counter(index for column in prices["by"] for index in column["x"])
    common = Counter(currency)
    turnover: dict[int, float] = {}
    for column in prices["by"]:
        for index, volume in zip(column["x"], column["v"], strict=True):
            turnover[index] = max(turnover.get(index, 0.0), _size(volume))
    order = sorted(quoted, key=lambda x: (-quoted[x], -common[currency[x]], -turnover[x], pairs[x]))
    rank = {index: place for place, index in enumerate(order)}
    wanted = [(place, index) for place, column in enumerate(prices["by"]) for index in column["x"]]
    return sorted(wanted, key=lambda one: (rank[one[1]], one[0]))


def _sampled(store: RedisStore, keys: Sequence[str], since_ms: int) -> list[str]:
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


# Wallet -----------------------------------------------------------------------------------


class _Texts:
    """Numbers for texts that come again and again."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        found = self._places.get(text)
        if found is None:
            found = self._places[text] = len(self.all)
            self.all.append(text)
        return found

    def maybe(self, text: object) -> int:
        return self.place(text) if isinstance(text, str) and text else -1


def _wallet(
    entries: Sequence[ProviderEntry], wallets: Sequence[Mapping[str, Any] | None], made_ms: int
) -> dict[str, Any]:
    """Return the networks of all assets in columns, one entry a provider's asset and network, and their routes."""
    texts = _Texts()
    names: dict[int, str] = {}
    rows: dict[str, list[Any]] = {name: [] for name in "p t c n g f fee min dmin conf key note".split()}
    percent: dict[int, Any] = {}
    places: dict[tuple[str, str, str], int] = {}
    by_ticker: dict[str, list[dict[str, Any]]] = {}
    contracts: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for place, found in enumerate(wallets):
        for code, asset in (found["assets"] if found else {}).items():
            assert found is not None
            ticker = str(asset.get("ticker") or code)
            mark = texts.place(ticker)
            if asset.get("name") and mark not in names:
                names[mark] = _safe(asset["name"], 60)
            _listed(by_ticker, ticker, found, code, asset)
            networks = asset.get("networks") or {"": asset}
            for key, network in networks.items():
                row = len(rows["p"])
                slug = network.get("network") if key else None
                rows["p"].append(place)
                rows["t"].append(mark)
                rows["c"].append(-1 if code == ticker else texts.place(code))
                rows["n"].append(texts.maybe(key))
                rows["g"].append(texts.maybe(slug))
                rows["f"].append(_flags(network, asset))
                rows["fee"].append(_decimal(network.get("withdraw_fee")))
                rows["min"].append(_decimal(network.get("withdraw_min")))
                rows["dmin"].append(_decimal(network.get("deposit_min")))
                rows["conf"].append(network.get("confirmations") if key else None)
                contract = network.get("contract")
                rows["key"].append(texts.maybe(contract))
                rows["note"].append(texts.maybe(network.get("note") and _safe(network["note"])))
                if network.get("withdraw_fee_percent") is not None:
                    percent[row] = network["withdraw_fee_percent"]
                if not key:
                    continue
                places[entries[place].name, code, key] = row
                if isinstance(slug, str) and isinstance(contract, str) and contract:
                    contracts.setdefault((ticker, slug), []).append((row, contract))
    ages = [made_ms - (_collected(found) or 0) > WALLET_OLD * entry.wallet_interval_s * 1000
            for entry, found in zip(entries, wallets, strict=True)]  # fmt: skip
    return {
        "texts": texts.all,
        "names": names,
        "rows": rows,
        "percent": percent,
        "at": [_collected(found) for found in wallets],
        "old": [found is not None and old for found, old in zip(wallets, ages, strict=True)],
        "twins": _twins(contracts),
        "routes": _routes(texts, by_ticker, places, entries, made_ms),
        "native": NATIVE,
    }


def _listed(
    by_ticker: dict[str, list[dict[str, Any]]],
    ticker: str,
    found: Mapping[str, Any],
    code: str,
    asset: Mapping[str, Any],
) -> None:
    """Keep an asset among those of its ticker, in a snapshot of just these."""
    group = by_ticker.setdefault(ticker, [])
    if not group or group[-1]["provider"] != found["provider"]:
        group.append({"provider": found["provider"], "collected_at": found["collected_at"], "assets": {}})
    group[-1]["assets"][code] = asset


def _flags(network: Mapping[str, Any], asset: Mapping[str, Any]) -> int:
    """Pack deposit, withdraw and memo (0 unknown, 1 no, 2 yes) and fiat into a number."""
    flags = [FLAG.get(value) if value is None or isinstance(value, bool) else 0
             for value in (network.get("deposit"), network.get("withdraw"), network.get("memo_required"))]  # fmt: skip
    deposit, withdraw, memo = (flag or 0 for flag in flags)
    return deposit | withdraw << 2 | memo << 4 | bool(asset.get("fiat")) << 6


def _twins(contracts: Mapping[tuple[str, str], Sequence[tuple[int, str]]]) -> list[list[list[int]]]:
    """Return, for each asset and network with more than one contract, its entries by contract."""
    twins = []
    for listed in contracts.values():
        if len({contract for _, contract in listed}) < 2:
            continue
        groups: list[tuple[str, list[int]]] = []
        for row, contract in listed:
            for known, members in groups:
                if same_contract(known, contract):
                    members.append(row)
                    break
            else:
                groups.append((contract, [row]))
        if len(groups) > 1:
            twins.append([members for _, members in groups])
    return twins


def _routes(
    texts: _Texts,
    by_ticker: Mapping[str, list[dict[str, Any]]],
    places: Mapping[tuple[str, str, str], int],
    entries: Sequence[ProviderEntry],
    made_ms: int,
) -> dict[int, list[int]]:
    """Return ticker → open ways in order, three numbers each: entry to leave by, entry to arrive at, identity."""
    max_age_ms = {entry.name: WALLET_OLD * 1000 * entry.wallet_interval_s for entry in entries}
    routes: dict[int, list[int]] = {}
    for ticker, group in by_ticker.items():
        if len(group) < 2:
            continue
        flat: list[int] = []
        for way in find_routes(ticker.upper(), group, group, made_ms, max_age_ms).routes:
            flat.append(places[way["from"], way["from_asset"], way["from_network"]])
            flat.append(places[way["to"], way["to_asset"], way["to_network"]])
            flat.append(IDENTITY[way["identity"]])
        if flat:
            routes[texts.place(ticker)] = flat
    return routes


def _changes(registry: Registry, entries: Sequence[ProviderEntry], made_ms: int, problems: list[str]) -> dict[str, Any]:
    """Return what changed in the last day, newest first."""
    try:
        events, broken = changes(registry, made_ms - DAY_MS)
    except MarketctlError:  # nothing was collected yet
        events, broken = [], []
    problems += [error.message for error in broken]
    place = {entry.name: index for index, entry in enumerate(entries)}
    known = [event for event in reversed(events) if event["provider"] in place]
    return {
        "total": len(known),
        "rows": [
            [
                _ms(e["at"]),
                place[e["provider"]],
                *(e[name] for name in ("asset", "network", "field", "before", "after")),
            ]
            for e in known[:CHANGES_MAX]
        ],
    }


# Stats ------------------------------------------------------------------------------------


def _stats(
    registry: Registry,
    entries: Sequence[ProviderEntry],
    found: Sequence[Mapping[str, Any] | None],
    problems: list[str],
) -> dict[str, Any]:
    """Return counts, turnover by quote currency, and pairs and coins over time where they were noted."""
    turnover: dict[str, list[str]] = {}
    providers = []
    for place, (entry, one) in enumerate(zip(entries, found, strict=True)):
        told = one["stats"] if one else {}
        for currency, amount in (told.get("turnover_24h") or {}).items():
            turnover.setdefault(currency, [""] * len(entries))[place] = _decimal(amount)
        counts = {name: dict(told.get(name) or {}) for name in ("pairs", "assets", "networks")}
        providers.append(
            {"name": entry.name, "at": _collected(one), "growth": _growth(registry, entry, one, problems), **counts}
        )
    widest = sorted(
        turnover.items(),
        key=lambda item: (-sum(bool(amount) for amount in item[1]), -max(map(_size, item[1])), item[0]),
    )
    return {"providers": providers, "turnover": dict(widest)}


def _size(amount: str) -> float:
    value = number(amount)
    return float(value) if value is not None else 0.0


def _growth(
    registry: Registry, entry: ProviderEntry, now: Mapping[str, Any] | None, problems: list[str]
) -> dict[str, list[list[int]]]:
    """Return pairs and coins over time as [milliseconds, count]: a count holds until the next one."""
    lines: dict[str, list[list[int]]] = {"pairs": [], "assets": []}
    path = registry.settings.data_dir / "stats" / f"{entry.name}.history.jsonl"
    try:
        noted, broken = read_journal(path)
    except MarketctlError as error:
        problems.append(error.message)
        return lines
    if broken:
        problems.append(f"{path}: {broken} lines cannot be read, the rest is shown")
    if now is not None:
        noted.append({"at": now["collected_at"], **{name: now["stats"].get(name) for name in lines}})
    for name, line in lines.items():
        for one in noted:
            counts, at = one.get(name), _ms(one.get("at"))
            total = counts.get("total") if isinstance(counts, dict) else None
            if at is not None and type(total) is int:
                line.append([at, total])
        if len(line) > GROWTH_POINTS:
            step = len(line) / GROWTH_POINTS
            lines[name] = [line[int(index * step)] for index in range(GROWTH_POINTS)] + line[-1:]
    return lines
