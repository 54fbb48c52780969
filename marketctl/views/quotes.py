"""Read live quotes: from Redis, or their mirror when Redis is away.

A quote's age counts from the older of the provider's own time of it and ours (freshness.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import ConfigError, MarketctlError, RedisFailed, StorageFailed
from marketctl.files.look import is_there
from marketctl.files.state import read_state
from marketctl.redis.connection import NoReply, RedisConnection, connect_running, connect_woken
from marketctl.redis.quotes import live_pairs, mirror_quote, read_set, read_some
from marketctl.text import printable, sentence
from marketctl.times import ms_or_none, to_iso
from marketctl.views.freshness import age_ms, set_age_ms
from marketctl.views.held import mirror_record
from marketctl.views.snapshots import snapshot

QUOTE_FIELDS = (
    *("at", "bid", "ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume"),
    *("status", "symbol", "derived"),
)


class Asleep(RedisFailed):
    """The embedded server does not run, as nobody publishes just now; one that hangs is not asleep."""


def moment(told: object) -> int | None:
    """Read a time as Redis holds it, in milliseconds, or as a file does."""
    return told if isinstance(told, int) else ms_or_none(told)


@dataclass
class Live:
    """A provider's quotes, each with every key of QUOTE_FIELDS.

    `state` is `ok`, `expired` (they were there once), `held` (all of them), `never`, or `failed` (`last_error` says why
    they can't be read); `failing` tells of the last run, whatever is still live.
    """

    provider: str
    source: str
    state: str = "ok"
    failing: bool = False
    collected_ms: int | None = None
    last_ok_at: str | None = None
    last_error: str | None = None
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    earlier_ms: int | None = None  # the collection before
    # pair -> record (views/held.py): what the sentinel keeps out of the quotes, and what it says to some of them.
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    marked: dict[str, dict[str, Any]] = field(default_factory=dict)
    count: int | None = None  # of all its quotes, where only some were read

    def to_dict(self) -> dict[str, Any]:
        """Return all but the quotes, as `--json` shows it."""
        return {
            "provider": self.provider,
            "source": self.source,
            "state": self.state,
            "failing": self.failing,
            "collected_at": to_iso(self.collected_ms),
            "last_ok_at": self.last_ok_at,
            "last_error": self.last_error,
            "quotes": len(self.quotes) if self.count is None else self.count,
            "held": len(self.held),
            "marked": len(self.marked),
        }

    def words(self) -> str | None:
        """Say what is wrong with these quotes, None when nothing is."""
        if self.state == "failed":
            return f"cannot be read: {self.last_error}"
        told = []
        if self.state == "never":
            told.append("never published a quote")
        if self.state == "held":
            told.append(f"all its quotes are held: marketctl prices held {self.provider}")
        if self.state == "expired":
            told.append(f"its quotes expired, the last were of {to_iso(self.collected_ms)}")
        if self.failing:
            since = f"failing since {self.last_ok_at}" if self.last_ok_at else "failing"
            told.append(f"{since} ({self.last_error})" if self.last_error else since)
        return "; ".join(told) or None

    def collected_of(self, quote: Mapping[str, Any]) -> int | None:
        """Return when a quote was collected: after a merge older than the rest."""
        return quote.get("collected_ms") or ms_or_none(quote.get("collected_at")) or self.collected_ms

    def age_ms(self, quote: Mapping[str, Any], now_ms: int) -> int | None:
        """Return a quote's age (freshness.py); None is unknown and counts as too old."""
        return age_ms(now_ms, self.collected_of(quote), moment(quote.get("at")), dated=quote.get("mid") is not None)

    def set_age_ms(self, now_ms: int) -> int | None:
        """Return the age of the whole set."""
        return set_age_ms(self.age_ms(quote, now_ms) for quote in self.quotes.values())

    @property
    def rates(self) -> bool:
        """True for reference rates, which nobody trades at: an exchange gives no middle."""
        return bool(self.quotes) and all(quote.get("mid") is not None for quote in self.quotes.values())

    @property
    def kept_ms(self) -> int | None:
        """The distance of the last two collections: the pace that is really kept."""
        if self.collected_ms is None or self.earlier_ms is None:
            return None
        return max(0, self.collected_ms - self.earlier_ms)

    def row(self, pair: str, now_ms: int) -> dict[str, Any]:
        """Return a quote as `--json` shows it."""
        quote = self.quotes[pair]
        return {
            "provider": self.provider,
            "pair": pair,
            **{name: quote.get(name) for name in QUOTE_FIELDS},
            "collected_at": to_iso(self.collected_of(quote)),
            "age_ms": self.age_ms(quote, now_ms),
            "source": self.source,
        }


class Reader:
    """Where quotes are read: Redis, or the mirror when `away` says why Redis is not."""

    def __init__(self, registry: Registry, store: RedisConnection | None, away: MarketctlError | None) -> None:
        self.registry = registry
        self.store = store
        self.away = away
        # What files do not have; an embedded server may have been woken for it alone: its quotes can be old.
        self.history = store
        self.unread: dict[str, str] = {}

    def read(self, entry: ProviderEntry, pairs: Sequence[str] | None = None, *, as_stored: bool = False) -> Live:
        """Return a provider's quotes, or those of these pairs alone; what goes wrong is told in their state.

        With `as_stored` those of Redis are in its own shape: what is unknown left out, times in milliseconds.
        """
        try:
            return self.look(entry, pairs, as_stored=as_stored)
        except MarketctlError as error:
            if isinstance(error, NoReply) and self.registry.settings.redis_url == "embedded":
                # Stopped under us: what it said last is in the mirror.
                self.store, self.away = None, _why_away(self.registry, error)
                return self.read(entry, pairs, as_stored=as_stored)
            source = "mirror" if self.store is None else "redis"
            return Live(entry.name, source, "failed", last_error=sentence(error.message, error.hint).rstrip("."))

    def look(self, entry: ProviderEntry, pairs: Sequence[str] | None = None, *, as_stored: bool = False) -> Live:
        """Read a provider's quotes. Raises RedisFailed or StorageFailed."""
        return self._mirror(entry) if self.store is None else self._redis(self.store, entry, pairs, as_stored)

    def pairs(self, entry: ProviderEntry) -> list[str]:
        """Return the pairs a provider quotes now; none where they cannot be read, and `unread` says why."""
        try:
            return list(self._mirror(entry).quotes) if self.store is None else live_pairs(self.store, entry.name)
        except MarketctlError as error:
            self.unread[entry.name] = error.message
            return []

    @property
    def _shared(self) -> bool:
        """Tell whether others than this folder's runs may have published."""
        return self.registry.settings.redis_url not in ("embedded", "none")

    def _redis(
        self, store: RedisConnection, entry: ProviderEntry, pairs: Sequence[str] | None, as_stored: bool
    ) -> Live:
        if pairs is None:
            quotes, meta, held, marked = read_set(store, entry.name)
            count = len(quotes)
        else:
            quotes, meta, held, marked, count = read_some(store, entry.name, pairs)
        published = meta.get("collected_ms")
        # A set of which every quote is held is empty, and has not expired.
        none = "never" if published is None else "held" if held and not meta.get("count") else "expired"
        return Live(
            entry.name,
            "redis",
            "ok" if count else none,
            meta.get("status") == "failing",
            published,
            to_iso(meta.get("last_ok_ms")),
            meta.get("last_error"),
            quotes if as_stored else {pair: mirror_quote(value) for pair, value in sorted(quotes.items())},
            meta.get("earlier_ms"),
            {pair: mirror_record(one) for pair, one in sorted(held.items())},
            {pair: mirror_record(one) for pair, one in sorted(marked.items())},
            count,
        )

    def _mirror(self, entry: ProviderEntry) -> Live:
        data_dir = self.registry.settings.data_dir
        unknown: StorageFailed | None = None
        try:
            state = read_state(data_dir / "state", entry.name, "prices")
        except StorageFailed as error:
            state, unknown = {}, error
        live = Live(entry.name, "mirror", "never", state.get("failures", 0) > 0)
        if live.failing:
            live.last_ok_at, live.last_error = state.get("last_success"), printable(state.get("last_reason"), 40)
        if is_there(data_dir / "prices" / f"{entry.name}.json"):
            found = snapshot(self.registry, "prices", entry.name)
            live.state, live.quotes, live.collected_ms = "ok", found["quotes"], ms_or_none(found["collected_at"])
            live.earlier_ms = ms_or_none(found.get("earlier_at"))
            live.held, live.marked = found["held"], found["marked"]
            if not live.quotes and live.held:
                live.state = "held"
        elif isinstance(self.away, RedisFailed) and (self._shared or unknown or state.get("last_success")):
            # There may be quotes where nobody can look.
            told = f"{self.away.message.rstrip('.')}, and there is no mirror"
            live.state, live.last_error = "failed", sentence(told, self.away.hint).rstrip(".")
        elif unknown is not None:  # nobody can say that it never published
            live.state, live.last_error = "failed", sentence(unknown.message, unknown.hint).rstrip(".")
        return live


@contextmanager
def open_reader(registry: Registry, *, history: bool = False) -> Iterator[Reader]:
    """Open Redis for reading, or say why not; an embedded server that sleeps is woken for its history alone."""
    settings = registry.settings
    where = (settings.redis_url, settings.data_dir, settings.redis_prefix)
    store: RedisConnection | None = None
    away: MarketctlError | None = None
    with ExitStack() as stack:
        try:
            store = stack.enter_context(connect_running(*where))
            if store is not None:
                store.open()
        except NoReply as error:
            store, away = None, _why_away(registry, error) if settings.redis_url == "embedded" else error
        except MarketctlError as error:
            store, away = None, error
        if store is None and away is None:
            away = _asleep(registry)
        reader = Reader(registry, store, away)
        if history and store is None and settings.redis_url == "embedded":
            try:
                reader.history = stack.enter_context(connect_woken(*where, stay=settings.embedded_stay))
                if reader.history is not None:
                    reader.history.open()
            except MarketctlError as error:
                reader.history, reader.away = None, error
        yield reader


def _why_away(registry: Registry, error: RedisFailed) -> MarketctlError:
    """Say why the embedded server gave no reply: it was stopped, it hangs, or what the error says."""
    from marketctl.redis.embedded import running_socket

    try:
        with running_socket(registry.settings.data_dir) as path:
            return _asleep(registry) if path is None else error
    except MarketctlError as hangs:
        return hangs


def _asleep(registry: Registry) -> MarketctlError:
    if registry.settings.redis_url == "none":
        return ConfigError('redis_url is "none"')
    if not (registry.settings.data_dir / "redis").exists():
        return Asleep(f"the embedded Redis never ran in {registry.settings.data_dir}", hint="marketctl prices collect")
    folder = registry.settings.data_dir / "redis"
    return Asleep(f"the embedded Redis in {folder} is asleep", hint="marketctl redis start")


def desk_reader(registry: Registry, redis: Callable[[], RedisConnection | None]) -> Reader:
    """Return a reader with the connection that a desk has anyway."""
    try:
        store = redis()
        if store is None:
            return Reader(registry, None, ConfigError('redis_url is "none"'))
        store.open()
    except MarketctlError as error:
        return Reader(registry, None, error)
    return Reader(registry, store, None)
