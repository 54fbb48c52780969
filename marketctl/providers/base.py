"""What every provider shares. Long: an adapter's author finds in one file what is his to write and what is given.

Class attributes and small fetch methods.

It never sleeps, retries, logs a secret or touches Redis and files: the client (`http/client.py`) does the first, the
jobs (`jobs/`) the last. Importing an adapter must stay cheap: no requests here.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    ClockSkew,
    ConfigError,
    IpNotAllowed,
    MarketctlError,
    NoCredentials,
    NotSupported,
    PermissionDenied,
    StatsNotSupported,
)
from marketctl.http.verdicts import next_step
from marketctl.log import log
from marketctl.models import Asset, Clock, KeyInfo, Pair, Platform, Quota, Stats
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.counts import count_open, count_pairs, turnover
from marketctl.providers.fields import integer, mapping, text, told_by
from marketctl.providers.pairs import remembered_list, to_remember
from marketctl.providers.refusals import NO_ENVELOPE, Failure, Refusals
from marketctl.times import END_MS, now_ms

if TYPE_CHECKING:
    from marketctl.files.memory import Memory
    from marketctl.http.client import Client
    from marketctl.http.messages import Answer, Request

__all__ = ["NO_ENVELOPE", "Exchange", "Failure", "Provider", "measure"]

T = TypeVar("T")
B = TypeVar("B", AssetBatch, QuoteBatch)

MOST_PAGES = 50

MOST_UNLISTED = 10_000

YEAR_S = 365 * 86400.0

# A key that is refused must not take away what is public.
KEY_TROUBLE = (AuthFailed, ClockSkew, ConfigError, IpNotAllowed, NoCredentials)


class Provider(Refusals):
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
    # Those that hold a long list of rows, with the names that are read of a row: its rows may come in columns then,
    # which `QuoteBatch.add_rows` and `column` read in half the time. Other names of a row are lost, and numbers that
    # are not whole are texts.
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # The largest body it reads, unpacked. More than the default wants a reason beside it.
    body_limit: ClassVar[int] = 16 * 1024 * 1024
    # The provider's own answer headers (lower-case) that `retry_after` and `quota` read; kept in dumps.
    kept_headers: ClassVar[tuple[str, ...]] = ()
    # Units (requests, or weight) a second, and how many at once; kept over all processes of a machine.
    rate: ClassVar[tuple[float, float]] = (5.0, 10.0)
    # What is remembered is a budget, to be spent once over all machines.
    shared_memory: ClassVar[bool] = False
    # Other hosts of its API beside `base_url`, as scheme and host: `ask(base=...)`. Nobody else gets a request.
    other_bases: ClassVar[tuple[str, ...]] = ()
    # The endpoint that tells the time, and the path to the milliseconds in its answer.
    clock_field: ClassVar[tuple[str, ...]] = ()
    # `assets` asks one question and reads nothing else: the same bytes are the same assets, and are not read again.
    one_answer_assets: ClassVar[bool] = False
    # The pair whose price is checked for sanity.
    canary: ClassVar[str] = "BTC/USDT"
    # Its card, where that is not the module's docstring.
    card_text: ClassVar[str | None] = None
    # Options of its table in providers.toml beside the common ones, with their types or all values they may have.
    options: ClassVar[Mapping[str, type | tuple[str | int, ...]]] = {}

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
        self.answered: list[str] = []  # request and status of each good answer, in their order

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
            "columns": cls.columns,
            "body_limit": cls.body_limit,
            "kept_headers": cls.kept_headers,
            "other_bases": cls.other_bases,
        }

    # What an adapter answers --------------------------------------------------------------

    def assets(self) -> AssetBatch:
        """Fetch the coins and networks. Raises NotSupported where there is no such list."""
        raise NotSupported("this provider has no list of assets")

    def prices(self) -> QuoteBatch:
        """Fetch the best bid and ask of all pairs (or of the configured ones). Raises NotSupported without quotes."""
        raise NotSupported("this provider has no prices")

    def stats(self) -> Stats:
        """Fetch statistics. Raises StatsNotSupported where there are none."""
        raise StatsNotSupported("this provider has no statistics")

    def clock(self) -> Clock:
        """Measure the provider's time against ours. Raises NotSupported where nothing tells it."""
        if not self.clock_field:
            raise NotSupported("this provider tells no time")
        path, *fields = self.clock_field
        answer = self.ask("GET", path)
        found: Any = answer.body
        for name in fields:
            found = mapping(found).get(name)
        return measure(answer, integer(found))

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
        if signed:
            self.refuse_odd_keys()

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
            self.last_answer = answer._replace(body=None, content=b"")  # what was read of it can be forgotten
            self.answered.append(f"{answer.where}: HTTP {answer.status}")
            return answer._replace(body=told_by(answer.body, self.answered[-1]))

        try:
            return once()
        except ClockSkew:
            if not signed or self._resynced:
                raise
            self._resynced = True
            with suppress(NotSupported):
                self.client.clock_offset_ms = self.clock().skew_ms or 0
            return once()

    def has_key(self) -> bool:
        """Tell whether all credentials are at hand."""
        return bool(self.credentials) and all(self.keys.get(name) for name in self.credentials)

    def refuse_odd_keys(self) -> None:
        """Raise ConfigError for a key with a character that none has: a letter of another alphabet, an unseen sign."""
        from marketctl.config.credentials import odd_character

        for name, value in self.keys.items():
            if odd := odd_character(name, value):
                raise ConfigError(
                    f"{self.client.provider} {name}: {odd}",
                    hint=f"copy it anew: marketctl credentials set {self.client.provider}",
                )

    def pair_list(self) -> PairList:
        """Return the pairs, from the disk while they are young enough.

        Unknown symbols refresh them once; those that a fresh list does not know are remembered with it.
        """
        known = self.memory.get_made("pairs", self.pairs_max_age_s, remembered_list)
        if known is None or not known[0].by_symbol:
            return self.fresh_pairs()

        def refresh() -> PairList | None:
            try:
                return self.fresh_pairs()
            except MarketctlError as error:
                # One new listing must not cost the rest: the list at hand is young enough for it.
                log.warning(
                    "the list of pairs stays as it was: %s", error.message, extra={"provider": self.client.provider}
                )
                return None

        unlisted = self.memory.get("unlisted", self.pairs_max_age_s)
        same = unlisted is not None and unlisted[1] == known[1] and isinstance(unlisted[0], list)
        told = frozenset(map(str, unlisted[0])) if unlisted and same else frozenset()
        lent: PairList = known[0].lent(refresh, told)
        return lent

    def fresh_pairs(self) -> PairList:
        """Ask for the pairs and remember them, with their keys. Raises BadAnswer for an empty list."""
        with self.named():
            found = PairList(self.pairs())
            if not found.by_symbol:
                raise BadAnswer("the list of pairs is empty")
        at_ms = now_ms()
        self.memory.put("pairs", to_remember(found.by_symbol), at_ms)
        found.on_unlisted = lambda symbols: self.memory.put("unlisted", sorted(symbols)[:MOST_UNLISTED], at_ms)
        return found

    def pairs(self) -> list[Pair]:
        """Fetch the list of pairs: the only authority for base and quote. Raises NotSupported without one."""
        raise NotSupported("this provider lists no pairs")

    def read(self, ask: Callable[[], B]) -> B:
        """Return a batch in which something could be read. Raises BadAnswer, with its request, where nothing could."""
        with self.named():
            batch = ask()
            batch.refuse_if_empty()
            return batch

    @contextmanager
    def named(self) -> Iterator[None]:
        """Have an answer that cannot be read, or tells of a dead key, name its request, and what to do next."""
        before = len(self.answered)
        try:
            yield
        except (AuthFailed, BadAnswer) as error:
            asked = self.answered[before:]
            # One that was refused names its own request already.
            told = error.message.startswith(("GET ", "POST ")) or any(one in error.message for one in self.answered)
            if asked and not told:
                error.message = f"{self.main_request(asked)}: {error.message}"
                error.args = (error.message,)
            error.hint = error.hint or next_step(type(error), self.client.provider)
            raise

    def main_request(self, asked: list[str]) -> str:
        """Choose the request that an unreadable batch came of: what stands beside the rows is asked for later."""
        return asked[0]

    def aside(self, what: str, ask: Callable[[], T]) -> T | None:
        """Return what the rest is good without, or None however it fails; that is told."""
        try:
            return ask()
        except MarketctlError as error:
            log.info("%s stays unknown: %s", what, error.message, extra={"provider": self.client.provider})
            return None

    def last_known(self, what: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what is told now, and keep it; where it cannot be had, what was told last, and say so."""
        known = self.memory.get(what, YEAR_S)
        last: dict[str, Any] = known[0] if known and isinstance(known[0], dict) else {}
        try:
            found = ask()
        except MarketctlError as error:
            if not last:
                raise
            log.warning("the last known %s are used: %s", what, error.message, extra={"provider": self.client.provider})
            return last
        if found != last:
            self.memory.put(what, found)
        return found

    def pages(self, path: str, query: Mapping[str, str], param: str, *cursor: str) -> Iterator[Any]:
        """Yield the pages of a list: the next one is asked for while the answer holds another cursor at this path.

        A later one may be empty, as the last of a list that fills its pages is. Raises BadAnswer where the list has no
        end.
        """
        seen: set[str | None] = {None}
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            body = found = self.get(path, {**query, **more})
            for name in cursor[:-1]:
                found = mapping(found).get(name)
            beside = mapping(found)
            if not more or [] not in beside.values():
                yield body
            token = text(beside.get(cursor[-1]))
            if token in seen:
                return
            seen.add(token)
            more = {param: token or ""}
        raise BadAnswer(f"{self.answered[-1]}: there are more than {MOST_PAGES} pages")

    def told(self, ask: Callable[[], T], unknown: T) -> T:
        """Return a side answer of the statistics, or the unknown where the provider does not give it."""
        try:
            return ask()
        except (BadAnswer, NotSupported, PermissionDenied):
            return unknown

    def with_key(self, ask: Callable[[], T], unknown: T) -> T:
        """Return a figure that the key pays for, or the unknown where the key is refused: what is public is good."""
        try:
            return self.told(ask, unknown)
        except KEY_TROUBLE as error:
            log.warning("left unknown: %s", error.message, extra={"provider": self.client.provider, "job": "stats"})
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
        batch: QuoteBatch = self.known.get("prices") or self.read(self.prices)
        assets: dict[str, Asset] | None = None
        if "wallet" in self.known:
            assets = self.known["wallet"].assets
        elif "wallet" not in self.key_jobs or self.has_key():
            assets = self.with_key(self._assets_read, None)
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
            quota=self.with_key(self.quota, None),
            skipped=batch.skipped,
        )

    def _assets_read(self) -> dict[str, Asset]:
        """Return the assets. Raises BadAnswer where none can be read: nobody has none."""
        return self.read(self.assets).assets


def days_left(days: int | None) -> int | None:
    """Return the days until a key ends as `KeyInfo` has them: negative days are no end."""
    return None if days is None or days < 0 else days


def key_info(granted: tuple[str, ...] | None, writes: Sequence[str], enough: str, days: int | None = None) -> KeyInfo:
    """Tell what a key may do; warn of what it may beyond reading (`writes`); negative days are no end."""
    warnings = (f"the key may {' and '.join(writes)}; {enough}",) if writes else ()
    return KeyInfo(granted, warnings, days_left(days))


def seconds_until(answer: "Answer", header: str) -> float | None:
    """Read a header that names a moment (ms); None where it names none."""
    told = integer(answer.headers.get(header))
    return None if told is None else (told - now_ms()) / 1000


def measure(answer: "Answer", server_ms: int | None) -> Clock:
    """Compare a time told by an answer with the midpoint of its request."""
    latency = answer.received_ms - answer.sent_ms
    if server_ms is None or not 0 < server_ms < END_MS:
        return Clock(None, None, latency)
    return Clock(server_ms, server_ms - (answer.sent_ms + answer.received_ms) // 2, latency)
