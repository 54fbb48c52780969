"""Read live quotes from a program of your own: `from marketctl.reader import open_quotes`.

    with open_quotes("/etc/marketctl/providers.toml") as quotes:
        quote = quotes.get("KUCOIN", "BTC/USDT", max_age_s=30)
        print(quote.bid, quote.ask, quote.age_s)

It reads Redis, or the mirror where Redis is away or `redis_url` is "none", and fails closed: what is missing, expired,
held back or too old is an exception that says why, never an old price. Promised like the Redis keys: names and types
here change with a new major version alone.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from marketctl.errors import MarketctlError

if TYPE_CHECKING:
    from marketctl.config.registry import Registry
    from marketctl.views.quotes import Live, Reader

__all__ = ["NoQuote", "Quote", "Quotes", "open_quotes"]

AGAIN_S = 5  # so often a Redis that is away is looked for
DECIMALS = ("bid", "ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume")


class NoQuote(MarketctlError):
    """There is no quote to go by. `why`: `never expired failed missing held stale`; `message` says it in words."""

    reason = "suspect"

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask of one pair at one provider; what nobody told is None.

    `at` is the provider's own time of it, `collected_at` ours, `age_s` counts from the older of both. `mid` is given by
    rate sources alone; `status` is `trading` or `halted`; `source` is `redis` or `mirror`.
    """

    provider: str
    pair: str
    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last: Decimal | None
    mid: Decimal | None
    volume: Decimal | None
    quote_volume: Decimal | None
    status: str | None
    derived: bool
    at: datetime | None
    collected_at: datetime
    age_s: float
    source: str


class Quotes:
    """The live quotes of all providers; every call reads them anew.

    Where Redis goes away the mirror is read, and Redis again soon after it is back: a program may run for weeks.
    """

    def __init__(self, registry: "Registry", stack: ExitStack) -> None:
        self._registry = registry
        self._stack = stack
        self._open()

    def _open(self) -> None:
        from marketctl.views.quotes import open_reader

        self._stack.close()
        self._reader: Reader = self._stack.enter_context(open_reader(self._registry))
        self._opened = monotonic()

    @property
    def providers(self) -> list[str]:
        """The enabled providers, in the registry's order."""
        return [entry.name for entry in self._registry.enabled()]

    def get(self, provider: str, pair: str, max_age_s: float | None = None) -> Quote:
        """Return the quote of a pair. Raises NoQuote, and ConfigError for an unknown provider.

        Without `max_age_s` the limit is that of `marketctl prices compare`: three intervals, or the pace really kept.
        """
        live = self._read(provider)
        quote = live.quotes.get(pair)
        if quote is None:
            held = getattr(live, "held", {})
            if pair in held:
                raise NoQuote("held", f"{live.provider} {pair} is held back: {held[pair].get('verdict')}")
            raise NoQuote("missing", f"{live.provider} quotes no {pair}")
        found, stale = self._judge(live, pair, quote, max_age_s)
        if found is None:
            raise NoQuote("stale", f"{live.provider} {pair} is too old: {stale}")
        return found

    def all(self, provider: str, max_age_s: float | None = None) -> dict[str, Quote]:
        """Return pair → quote of a provider, without what is too old. Raises NoQuote without a set."""
        live = self._read(provider)
        judged = {pair: self._judge(live, pair, quote, max_age_s)[0] for pair, quote in live.quotes.items()}
        return {pair: quote for pair, quote in judged.items() if quote is not None}

    def pair(self, pair: str, max_age_s: float | None = None) -> dict[str, Quote]:
        """Return provider → quote of a pair, from every provider that has a fresh one."""
        found = {}
        for provider in self.providers:
            try:
                found[provider] = self.get(provider, pair, max_age_s)
            except NoQuote:
                continue
        return found

    def _read(self, provider: str) -> "Live":
        entry = self._registry.provider(provider)
        if self._reader.store is None and monotonic() - self._opened >= AGAIN_S:
            self._open()
        live = self._reader.read(entry)
        if live.state == "failed" and self._reader.store is not None:  # it died under us
            self._open()
            live = self._reader.read(entry)
        if live.state != "ok":
            raise NoQuote(live.state, f"{live.provider}: {live.words()}")
        return live

    def _judge(
        self, live: "Live", pair: str, quote: Mapping[str, Any], max_age_s: float | None
    ) -> tuple[Quote | None, str]:
        from marketctl.times import now_ms
        from marketctl.views.freshness import is_stale, limit_ms
        from marketctl.views.snapshots import number

        entry = self._registry.provider(live.provider)
        limit = limit_ms(entry.prices_interval_s, live.kept_ms) if max_age_s is None else max_age_s * 1000
        age, collected_ms = live.age_ms(quote, now_ms()), live.collected_of(quote)
        if age is None or collected_ms is None or is_stale(age, limit):
            told = "its age is unknown" if age is None else f"{age / 1000:.1f} s"
            return None, f"{told}, at most {limit / 1000:g} s are allowed"
        at = quote["at"]
        return Quote(
            provider=live.provider,
            pair=pair,
            symbol=quote["symbol"],
            **{name: number(quote[name]) for name in DECIMALS},
            status=quote["status"],
            derived=quote["derived"] is True,
            at=datetime.fromisoformat(at) if at else None,
            collected_at=datetime.fromtimestamp(collected_ms / 1000, UTC),
            age_s=age / 1000,
            source=live.source,
        ), ""


@contextmanager
def open_quotes(config: str | Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Iterator[Quotes]:
    """Open the quotes of a registry, which is found as the command line finds it where none is named.

    Raises ConfigError for a registry that cannot be read. No server is started, nothing is written.
    """
    from marketctl.config.paths import find_registry
    from marketctl.config.registry import read_registry

    path = find_registry(None if config is None else str(config), environ)
    with ExitStack() as stack:
        yield Quotes(read_registry(path, environ=environ), stack)
