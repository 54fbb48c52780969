"""What every provider shares. An adapter is class attributes, small fetch methods and pure parse functions.

It never sleeps, retries, logs a secret or touches Redis and files: the client does the first, the
jobs in `collect.py` the last. Importing an adapter must stay cheap: no requests here.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    ClockSkew,
    MarketctlError,
    NoCredentials,
    NotSupported,
    PermissionDenied,
    RateLimited,
    StatsNotSupported,
    Unavailable,
)
from marketctl.log import log
from marketctl.models import Asset, Clock, KeyInfo, Pair, Platform, Quota, Stats
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.text import printable
from marketctl.times import END_MS

if TYPE_CHECKING:
    from marketctl.files.memory import Memory
    from marketctl.http.client import Client
    from marketctl.http.messages import Answer, Request

T = TypeVar("T")

Failure = tuple[str, str]
"""A provider's own error: its code and its words."""

CENTURY_S = 100 * 365 * 86400.0

NO_ENVELOPE: Failure = ("none", "the answer has not the shape of this API")


class Provider:
    """One remote source. Subclasses say what they are; nothing here needs an own constructor.

    The docstring of an adapter's module is its card: a first line that says what it is, then
    `Docs:`, `Symbols:`, `Limits:` and `Quirks:`, read by `marketctl providers show` and the docs page.
    """

    kind: ClassVar[str] = "CEX"
    base_url: ClassVar[str]
    # Names in credentials.toml; all of them are needed to sign.
    credentials: ClassVar[tuple[str, ...]] = ()
    # Jobs that get no answer without a key.
    key_jobs: ClassVar[frozenset[str]] = frozenset()
    # Everything this adapter may ever send, as "METHOD /path": the client refuses the rest.
    endpoints: ClassVar[tuple[str, ...]]
    # Those of them that do not speak JSON, with "xml", "csv" or "text": `get` returns their bytes as received, also
    # where the server says windows-1251; `failure` sees them first (`answer.body`), also with an error's status.
    formats: ClassVar[Mapping[str, str]] = {}
    # The largest body it reads, unpacked. More than the default wants a reason beside it.
    body_limit: ClassVar[int] = 16 * 1024 * 1024
    # The provider's own answer headers (lower-case) that `retry_after` and `quota` read; kept in dumps.
    kept_headers: ClassVar[tuple[str, ...]] = ()
    # Units (requests, or weight) a second, and how many at once; kept over all processes of a machine.
    rate: ClassVar[tuple[float, float]] = (5.0, 10.0)
    # What is remembered is a budget, to be spent once over all machines.
    shared_memory: ClassVar[bool] = False
    # The provider's codes that change what we do. An unknown one is an error with the code in it.
    error_codes: ClassVar[Mapping[str, type[MarketctlError]]] = {}
    # Other hosts of its API beside `base_url`, as scheme and host: `ask(base=...)`. Nobody else gets a request.
    other_bases: ClassVar[tuple[str, ...]] = ()
    # What it tells by HTTP status alone, where that differs from the common meaning.
    error_statuses: ClassVar[Mapping[int, type[MarketctlError]]] = {}
    # Wait after a rate limit that names no time.
    rate_limit_wait_s: ClassVar[float] = 1.0
    # A refused timestamp is tried once more with the provider's clock.
    resync_clock: ClassVar[bool] = False
    # The pair whose price is checked for sanity.
    canary: ClassVar[str] = "BTC/USDT"
    # Its card, where that is not the module's docstring.
    card_text: ClassVar[str | None] = None
    # Options of its table in providers.toml beside the common ones, with their types.
    options: ClassVar[Mapping[str, type]] = {}

    def __init__(
        self,
        client: "Client",
        memory: "Memory",
        *,
        credentials: Mapping[str, str] | None = None,
        pairs: tuple[str, ...] = (),
        pairs_max_age_s: int = 300,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = client
        self.memory = memory
        self.keys = dict(credentials or {})
        self.wanted = pairs
        self.pairs_max_age_s = pairs_max_age_s
        self.chosen = dict(options or {})
        self._resynced = False
        # What other jobs of the same run have read a moment ago, by job: the statistics need not ask again.
        self.known: dict[str, Any] = {}
        self.last_answer: Answer | None = None  # its headers may tell a quota

    @classmethod
    def for_options(cls, _options: Mapping[str, Any]) -> "type[Provider]":
        """Return the class for an entry with these options: an adapter that speaks to many venues makes one of each.

        Raises ConfigError.
        """
        return cls

    @classmethod
    def client_settings(cls) -> dict[str, Any]:
        """Return what a client has to know of this adapter, as keywords of `Client(...)`."""
        return {
            "endpoints": frozenset(cls.endpoints),
            "formats": cls.formats,
            "body_limit": cls.body_limit,
            "kept_headers": cls.kept_headers,
            "other_bases": cls.other_bases,
        }

    # What an adapter answers --------------------------------------------------------------

    def assets(self) -> AssetBatch:
        """Fetch the coins and networks. Raises NotSupported where there is no such list."""
        raise NotSupported("this provider has no list of assets")

    def prices(self) -> QuoteBatch:
        """Fetch the best bid and ask of all pairs (or of the configured ones)."""
        raise NotSupported("this provider has no prices")

    def stats(self) -> Stats:
        """Fetch statistics. Raises StatsNotSupported where there are none."""
        raise StatsNotSupported("this provider has no statistics")

    def clock(self) -> Clock:
        """Measure the provider's time against ours."""
        raise NotSupported("this provider tells no time")

    def platform(self) -> Platform:
        """Ask whether the provider works; `unknown` where it has no such answer."""
        return Platform()

    def check_key(self) -> KeyInfo:
        """Make the cheapest call that proves the key. Raises AuthFailed and its siblings."""
        raise NotSupported("this provider has no keys")

    def quota(self) -> Quota | None:
        """Tell the plan's budget where the provider does; None where it does not."""
        return None

    # How its answers are read -------------------------------------------------------------

    def sign(self, request: "Request") -> None:
        """Add what proves who we are. Called anew on every attempt."""
        raise NotImplementedError(f"{type(self).__name__} has private calls but no sign()")

    def failure(self, answer: "Answer") -> Failure | None:
        """Return the provider's own error (code, words) told by an answer, or None for a good one."""
        return None

    def error_class(self, code: str, words: str, answer: "Answer") -> type[MarketctlError] | None:
        """Choose the error for a code; override where one code has several meanings."""
        return self.error_codes.get(code)

    def retry_after(self, answer: "Answer") -> float | None:
        """Return the seconds to wait after a rate limit, where the answer tells them."""
        from marketctl.http.failures import retry_after_s

        return retry_after_s(answer.headers)

    # The shared part ----------------------------------------------------------------------

    def get(self, path: str, query: Mapping[str, str] | None = None, *, signed: bool = False, weight: float = 1) -> Any:
        """Fetch one declared endpoint and return its body: numbers exact, or the bytes where `formats` has it."""
        return self.ask("GET", path, query, signed=signed, weight=weight).body

    def post(self, path: str, body: Any, *, signed: bool = False, weight: float = 1) -> Any:
        """Ask a declared endpoint that reads by POST: the body goes out as compact JSON. Returns what `get` does."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        return self.ask("POST", path, signed=signed, weight=weight, headers=headers, body=content).body

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        signed: bool = False,
        weight: float = 1,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        base: str | None = None,
    ) -> "Answer":
        """Fetch one declared endpoint and return the whole answer.

        Raises NoCredentials for a signed call without all keys. A refused timestamp is tried once more
        with the provider's own time where the provider allows it.
        """
        if signed and not self.has_key():
            missing = [name for name in self.credentials if name not in self.keys]
            raise NoCredentials(f"no credentials: {', '.join(missing)} missing")

        def once() -> "Answer":
            answer = self.client.ask(
                method,
                path,
                query,
                sign=self.sign if signed else None,
                check=self.check_answer,
                headers=headers,
                body=body,
                weight=weight,
                base=base,
            )
            self.last_answer = replace(answer, body=None, content=b"")  # what was read of it can be forgotten
            return answer

        try:
            return once()
        except ClockSkew:
            if not (signed and self.resync_clock) or self._resynced:
                raise
            self._resynced = True
            self.client.clock_offset_ms = self.clock().skew_ms or 0
            return once()

    def has_key(self) -> bool:
        """Tell whether all credentials are at hand."""
        return bool(self.credentials) and all(self.keys.get(name) for name in self.credentials)

    def check_answer(self, answer: "Answer") -> None:
        """Raise the error an answer tells, by the provider's own code first and by HTTP status second."""
        found = self.failure(answer) if answer.is_json or answer.raw else None
        code, words = found or ("", "")
        cls = self.error_class(code, words, answer) if found else None
        if cls is None and (found or not 200 <= answer.status < 300):
            cls = self.error_statuses.get(answer.status)
        if cls is None and found:
            cls = {401: AuthFailed, 403: PermissionDenied, 429: RateLimited}.get(answer.status, BadAnswer)
            if answer.status >= 500:
                cls = Unavailable
        if cls is None:
            return
        told = (
            f"{printable(words) or f'HTTP {answer.status} without words'} (code {printable(code, 40)})" if found else ""
        )
        wait = None
        if issubclass(cls, RateLimited):
            wait = self.retry_after(answer)
            wait = self.rate_limit_wait_s if wait is None else min(max(0.0, wait), CENTURY_S)
        elif issubclass(cls, Unavailable):
            wait = Provider.retry_after(self, answer)
        raise cls(told or f"HTTP {answer.status}", retry_after=wait)

    def pair_list(self) -> PairList:
        """Return the pairs, from the disk while they are young enough; unknown symbols refresh them once."""
        known = self.memory.get("pairs", self.pairs_max_age_s)
        try:
            pairs = list(map(Pair._make, known[0])) if known else []
        except TypeError:  # of another version
            pairs = []
        if not pairs:
            return PairList(self.fetch_pairs())

        def refresh() -> list[Pair]:
            try:
                return self.fetch_pairs()
            except MarketctlError as error:
                # One new listing must not cost the rest: the list at hand is young enough for it.
                log.warning(
                    "the list of pairs stays as it was: %s", error.message, extra={"provider": self.client.provider}
                )
                return pairs

        return PairList(pairs, refresh)

    def fetch_pairs(self) -> list[Pair]:
        """Ask for the pairs and remember them, with their keys."""
        pairs = list(PairList(self.pairs()).by_symbol.values())
        if not pairs:
            raise BadAnswer("the list of pairs is empty")
        self.memory.put("pairs", [list(pair) for pair in pairs])
        return pairs

    def pairs(self) -> list[Pair]:
        """Fetch the provider's list of pairs: the only authority for base and quote."""
        raise NotSupported("this provider lists no pairs")

    def told(self, ask: Callable[[], T], unknown: T) -> T:
        """Return a side answer of the statistics, or the unknown where the provider does not give it."""
        try:
            return ask()
        except (BadAnswer, NotSupported, PermissionDenied):
            return unknown

    def quote_batch(self) -> QuoteBatch:
        """Start a batch of quotes over the pair list and the configured pairs."""
        return QuoteBatch(self.pair_list(), frozenset(self.wanted))


class Exchange(Provider):
    """A trading venue: its statistics follow from its lists, the same way for all."""

    def stats(self) -> Stats:
        """Count pairs, assets and networks, add up the turnover, measure the clock.

        Assets and networks stay unknown when their list cannot be read, or needs a key and there is none.
        """
        self.wanted = ()  # statistics are of all pairs
        clock = self.told(self.clock, Clock())
        batch: QuoteBatch = self.known.get("prices") or self.prices()
        batch.refuse_if_empty()
        assets: dict[str, Asset] | None = None
        if "wallet" in self.known:
            assets = self.known["wallet"].assets
        elif "wallet" not in self.key_jobs or self.has_key():
            assets = self.told(self._assets_read, None)
        return Stats(
            pairs=count_pairs(batch.pairs.spot()),
            assets=count_open(list(assets.values()) if assets is not None else None),
            networks=count_open(
                [network for asset in assets.values() for network in asset.networks.values()]
                if assets is not None
                else None
            ),
            turnover_24h=turnover(batch),
            clock=clock,
            platform=self.told(self.platform, Platform()),
            quota=self.quota(),
            skipped=batch.skipped,
        )

    def _assets_read(self) -> dict[str, Asset]:
        """Return the assets. Raises BadAnswer where none can be read: nobody has none."""
        batch = self.assets()
        batch.refuse_if_empty()
        return batch.assets


def count_pairs(pairs: list[Pair]) -> dict[str, int | None]:
    """Count pairs by status; without any known status the open and halted ones are unknown."""
    statuses = Counter(pair.status for pair in pairs)
    known = statuses["trading"] + statuses["halted"] > 0
    return {
        "halted": statuses["halted"] if known else None,
        "total": len(pairs),
        "trading": statuses["trading"] if known else None,
    }


def count_open(items: list[Any] | None) -> dict[str, int | None]:
    """Count assets or networks and how many are open; unknown (None) where no flag is known."""
    if items is None:
        return {"deposit_open": None, "total": None, "withdraw_open": None}
    counts: dict[str, int | None] = {"total": len(items)}
    for name, way in (("deposit_open", "deposit"), ("withdraw_open", "withdraw")):
        flags = [getattr(item, way) for item in items]
        counts[name] = flags.count(True) if any(flag is not None for flag in flags) else None
    return counts


def turnover(batch: QuoteBatch) -> dict[str, str]:
    """Add up the 24 h turnover by quote currency, over all known pairs, also those without a price."""
    sums: dict[str, Decimal] = {}
    with localcontext() as context:
        context.prec = 60
        for pair, quote in batch.quotes.items():
            if quote.quote_volume is not None:
                currency = pair.rpartition("/")[2]
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(quote.quote_volume)
        for skip in batch.skips:
            if skip.quote and skip.quote_volume and skip.quote_volume[0] != "-":
                sums[skip.quote] = sums.get(skip.quote, Decimal(0)) + Decimal(skip.quote_volume)
    return {currency: format(amount, "f") for currency, amount in sorted(sums.items())}


def measure(answer: "Answer", server_ms: int | None) -> Clock:
    """Compare a time told by an answer with the midpoint of its request."""
    latency = answer.received_ms - answer.sent_ms
    if server_ms is None or not 0 < server_ms < END_MS:
        return Clock(None, None, latency)
    return Clock(server_ms, server_ms - (answer.sent_ms + answer.received_ms) // 2, latency)
