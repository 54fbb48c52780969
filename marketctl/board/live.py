"""What changed since: the page's rows, each with the number of its last change. Long: one state, from both sources.

Driven by the hints that a publish gives, and by a look at the files; a set is fetched as one text and compared before
anything of it is parsed, so that only what moved costs.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Condition, Event
from typing import Any, TypeVar

from marketctl.board.compact import HELD, MARKED, TWIN
from marketctl.board.health import gather_job, gather_prices
from marketctl.board.quotes import note_cells, quote_cells
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError, RedisFailed, StorageFailed
from marketctl.files.look import stat_of
from marketctl.log import log
from marketctl.redis.connection import NoReply, RedisConnection
from marketctl.redis.quotes import meta_of, read_parts
from marketctl.redis.sets import read_texts, seen_as
from marketctl.times import ms_or_none, now_ms
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Live, Reader, open_reader
from marketctl.views.twins import known_coins

TICK_S = 1.0  # between two looks at the files
ALL_S = 5.0  # between two looks at every provider: a hint may be lost
AGAIN_S = 10.0  # until a Redis that is away is tried again
GATHER_S = 0.1  # what is published together is told together

SETS = ("l1", "held", "marked")

Values = dict[str, Any]  # pair -> raw bytes or, of a mirror, the quote
T = TypeVar("T")


@dataclass
class Watched:
    """A provider's rows, and when each changed last; `gone` are pairs that are there no more."""

    seq: str = ""
    values: tuple[Values, Values, Values] = field(default_factory=lambda: ({}, {}, {}))
    rows: dict[str, list[Any]] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    at: int | None = None
    limit: int = 0
    jobs: dict[str, Any] = field(default_factory=dict)
    facts: int = 0  # the number of the last change of `at`, `limit` or `jobs`
    files: tuple[Any, ...] = ()


class Changes:
    """Keeps the state and tells what changed: `run` in a thread of its own, `wait` and `since` from any."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.epoch = secrets.token_hex(4)
        self.serial = 0
        self.shape = 0  # changes of what the page holds beside quotes and jobs: wallets, statistics
        self.entries = registry.enabled()
        self.watched = {entry.name: Watched() for entry in self.entries}
        self.moved = Condition()
        self._stop = Event()
        self._said: dict[str, str] = {}
        self._told: tuple[tuple[int, int], bytes] = ((-1, -1), b"")

    @property
    def state(self) -> str:
        """The moment of which a page is made."""
        return f"{self.epoch}-{self.serial}-{self.shape}"

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        with self.moved:
            self.moved.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def wait(self, serial: int, shape: int, seconds: float) -> None:
        """Wait until something is new since that state, at most these seconds."""
        with self.moved:
            self.moved.wait_for(lambda: self.stopped or (self.serial, self.shape) != (serial, shape), seconds)

    def pause(self, seconds: float) -> None:
        """Wait these seconds, less when it ends."""
        self._stop.wait(seconds)

    def run(self) -> None:
        """Look until stopped; what cannot be read now is tried again."""
        while not self.stopped:
            try:
                self._with_reader()
            except MarketctlError as error:
                self._say(error.message)
                self._stop.wait(TICK_S)

    def _say(self, words: str, of: str = "") -> None:
        """Tell what is wrong (of a provider), once until it is something else."""
        if words not in self._said.values():  # of a server's refusal all providers would tell
            log.warning("%s", words)
        self._said[of] = words

    def _with_reader(self) -> None:
        with ExitStack() as stack:
            reader = stack.enter_context(open_reader(self.registry))
            store = reader.store
            wait: Callable[[float], list[str]] = self._sleep
            if store is not None and self.watched:
                channels = [f"{self.registry.settings.redis_prefix}:changed:{name}" for name in self.watched]
                try:
                    wait = stack.enter_context(store.hints(channels))
                except NoReply:
                    raise
                except RedisFailed as error:
                    self._say(f"prices are looked at every {ALL_S:g} s, no hints are to be had: {error.message}")
            begun, last_all = time.monotonic(), 0.0
            while not self.stopped:
                at = time.monotonic()
                everything = at - last_all >= (ALL_S if store is not None else 0)
                hinted = {channel.rpartition(":")[2] for channel in (() if everything else wait(TICK_S))}
                if hinted:
                    self._stop.wait(GATHER_S)
                    hinted |= {channel.rpartition(":")[2] for channel in wait(0)}
                self.look(reader, None if everything else hinted)
                if everything:
                    last_all = at
                    if store is None:
                        self._sleep(TICK_S)
                if store is None and self.registry.settings.redis_url != "none" and at - begun > AGAIN_S:
                    return

    def _sleep(self, seconds: float) -> list[str]:
        self._stop.wait(seconds)
        return []

    def look(self, reader: Reader, names: set[str] | None = None) -> None:
        """Take what these providers (None: all) have new, and what every provider's files have."""
        number, shape = self.serial + 1, self.shape
        for entry in self.entries:
            if names is None or entry.name in names:
                self._apart(entry, lambda at, seen: self._quotes(reader, at, seen, number))
            shape += self._apart(entry, lambda at, seen: self._files(at, seen, number)) or False
        with self.moved:
            if shape != self.shape or any(
                number in (seen.facts, *seen.changed.values(), *seen.gone.values()) for seen in self.watched.values()
            ):
                self.serial, self.shape = number, shape
                self.moved.notify_all()

    def _apart(self, entry: ProviderEntry, take: Callable[[ProviderEntry, Watched], T]) -> T | None:
        """Take one provider's part: what cannot be read of it is told, and is no harm to the others."""
        try:
            return take(entry, self.watched[entry.name])
        except NoReply:
            raise
        except (RedisFailed, StorageFailed) as error:
            self._say(error.message, entry.name)
            return None

    def _quotes(self, reader: Reader, entry: ProviderEntry, seen: Watched, number: int) -> None:
        if reader.store is None:
            self._mirror(reader, entry, seen, number)
        else:
            self._redis(reader.store, entry, seen, number)

    def _redis(self, store: RedisConnection, entry: ProviderEntry, seen: Watched, number: int) -> None:
        told = read_texts(store, entry.name, seen.seq)
        if told is None:
            return
        live, held, marked, about = told
        meta = meta_of(store, entry.name, about)
        collected, earlier = meta.get("collected_ms"), meta.get("earlier_ms")
        kept = collected - earlier if collected is not None and earlier is not None else None
        texts = tuple(
            {pair.decode(errors="replace"): value for pair, value in one.items()} for one in (live, held, marked)
        )
        now = now_ms()

        def own(value: Mapping[str, Any]) -> int | None:
            told = [ms for ms in (value.get("collected_ms"), value.get("at")) if isinstance(ms, int)]
            dated = value.get("mid") is not None
            known = age_ms(now, value.get("collected_ms") or collected, value.get("at"), dated=dated) is not None
            return min(told, default=0) if known else None

        def read(name: str, some: Values) -> Values:
            return read_parts(store, entry.name, name, some)

        self._take(entry, seen, number, texts, read, own)
        seen.seq = seen_as(live, about)
        self._facts(entry, seen, number, Live(entry.name, "redis", "ok" if live else "held" if held else "expired",
                    collected_ms=collected, earlier_ms=earlier), limit_ms(entry.prices_interval_s, kept))  # fmt: skip

    def _mirror(self, reader: Reader, entry: ProviderEntry, seen: Watched, number: int) -> None:
        path = self.registry.settings.data_dir / "prices" / f"{entry.name}.json"
        stat = stat_of(path)
        if stat is None:
            return
        version = f"{stat.st_mtime_ns}-{stat.st_size}-{stat.st_ino}"
        if seen.seq == version:
            return
        live = reader.look(entry)
        seen.seq, now = version, now_ms()

        def own(value: Mapping[str, Any]) -> int | None:
            told = [ms for ms in (ms_or_none(value.get("collected_at")), ms_or_none(value.get("at"))) if ms is not None]
            return None if live.age_ms(value, now) is None else min(told, default=0)

        self._take(entry, seen, number, (live.quotes, live.held, live.marked), lambda _, some: some, own)
        self._facts(entry, seen, number, live, limit_ms(entry.prices_interval_s, live.kept_ms))

    def _take(
        self,
        entry: ProviderEntry,
        seen: Watched,
        number: int,
        values: tuple[Values, ...],
        read: Callable[[str, Values], Values],
        own: Callable[[Mapping[str, Any]], int | None],
    ) -> None:
        """Make rows of what differs from before."""
        moved: set[str] = set()
        for old, new in zip(seen.values, values, strict=True):
            moved |= {pair for pair, value in new.items() if old.get(pair) != value} | (old.keys() - new.keys())
        live, held, marked = values
        told, doubts, marks = (
            read(name, {pair: one[pair] for pair in moved & one.keys()}) for name, one in zip(SETS, values, strict=True)
        )
        seen.values = (live, held, marked)
        for pair in moved:
            kept = pair not in live
            quote = doubts.get(pair) if kept else told[pair]
            if quote is None:
                if seen.rows.pop(pair, None) is not None:
                    seen.changed.pop(pair, None)
                    seen.gone[pair] = number
                continue
            row = [pair, *quote_cells(quote, held=kept), own(quote)]
            note = quote if kept else marks.get(pair)
            if note is not None:
                row[5] |= MARKED
                row.append(_note(note))
            seen.rows[pair] = row
            seen.changed[pair] = number
            seen.gone.pop(pair, None)
        self._twins(entry.name, moved)

    def _twins(self, name: str, pairs: set[str]) -> None:
        coins = known_coins(self.registry)
        for pair in pairs if coins.twins else ():
            row = self.watched[name].rows.get(pair)
            if row is not None and any(ticker in coins.twins for ticker in pair.split("/")):
                told = [
                    one for one, seen in self.watched.items() if pair in seen.rows and not seen.rows[pair][5] & HELD
                ]
                row[5] |= TWIN if name in coins.apart(pair, told) else 0

    def _facts(self, entry: ProviderEntry, seen: Watched, number: int, live: Live, limit: int) -> None:
        seen.at, seen.limit, seen.facts = live.collected_ms, limit, number
        facts = gather_prices(self.registry, entry, live, now_ms()) | {"limit": limit}
        owns = sorted(row[6] or (live.collected_ms or 0) for row in seen.rows.values() if not row[5] & HELD)
        facts["source"] = min(owns[(len(owns) - 1) // 2], live.collected_ms or 0) if owns else live.collected_ms
        seen.jobs["prices"] = facts

    def _files(self, entry: ProviderEntry, seen: Watched, number: int) -> bool:
        """Take new states of jobs; True where a wallet or statistics are new, which the page loads anew for."""
        data = self.registry.settings.data_dir
        paths = [data / job / f"{entry.name}.json" for job in ("state", "wallet", "stats")]
        found = tuple(stat.st_mtime_ns if (stat := stat_of(path)) else None for path in paths)
        before, seen.files = seen.files, found
        if not before or found == before:
            return False
        if found[0] != before[0]:
            seen.facts = number
            for job in ("wallet", "prices", "stats"):
                state = gather_job(self.registry, entry, job, None)
                kept = {name: state[name] for name in ("attempt", "success", "failures", "reason")}
                seen.jobs[job] = seen.jobs.get(job, {}) | kept
        return found[1:] != before[1:]

    def since(self, serial: int) -> bytes:
        """Return what changed after that number, as one event's JSON: only what moved, a provider at a time."""
        with self.moved:
            here = (serial, self.serial)
            if self._told[0] == here:
                return self._told[1]
            told = []
            for place, entry in enumerate(self.entries):
                seen = self.watched[entry.name]
                one: dict[str, Any] = {"p": place}
                if rows := [seen.rows[pair] for pair, number in seen.changed.items() if number > serial]:
                    one["rows"] = rows
                if gone := [pair for pair, number in seen.gone.items() if number > serial]:
                    one["gone"] = gone
                if seen.facts > serial:
                    one |= {"at": seen.at, "max": seen.limit, "jobs": seen.jobs}
                if len(one) > 1:
                    told.append(one)
            event = json.dumps({"now": now_ms(), "by": told}, ensure_ascii=False, separators=(",", ":")).encode()
            self._told = (here, event)
            return event


def _note(record: Mapping[str, Any]) -> list[Any]:
    """Return a record's cells; in Redis its times are milliseconds."""
    cells = note_cells(record)
    return [cells[0], cells[1] if cells[1] is not None else record.get("since"), *cells[2:]]
