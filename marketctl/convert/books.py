"""The books of one provider that may be on a way, each judged when a way looks at it: fresh, trading, not avoided."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from marketctl.config.registry import ProviderEntry
from marketctl.convert.edges import ENDLESS, SLACK
from marketctl.convert.steps import Trade
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Live

# A trade in which something is got: what is given, the most of it, the rate, the book and its side.
Trading = tuple[str, float, float, str, str]

# What a book does, in floats: rate and most given to its bid, then to its ask; a rate of 0 is none.
Book = tuple[float, float, float, float]
NOTHING: Book = (0.0, 0.0, 0.0, 0.0)


class Books:
    """A provider's books, found by either of their tickers."""

    def __init__(
        self, live: Live, entry: ProviderEntry, now_ms: int, avoided: frozenset[str], left_out: Mapping[str, set[str]]
    ) -> None:
        self.live = live
        self.entry = entry
        self._now_ms = now_ms
        self._avoided = avoided
        self._left_out = left_out
        self._limit_ms = limit_ms(entry.prices_interval_s, live.kept_ms)
        self._kept = 0.0 if entry.taker_fee is None else (1 - float(entry.taker_fee.percent) / 100) * SLACK
        pairs = self._pairs = defaultdict[str, list[tuple[str, str, bool]]](
            list
        )  # ticker -> pair, the other, is it base
        for pair in live.quotes:
            base, _, counter = pair.partition("/")
            pairs[base].append((pair, counter, True))
            pairs[counter].append((pair, base, False))
        self._judged: dict[str, Book] = {}
        self._too_old: dict[tuple[object, object], bool] = {}

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._pairs

    def tickers(self) -> Iterator[str]:
        """Return what is traded."""
        return iter(self._pairs)

    def only(self, ticker: str) -> bool:
        """Tell whether a ticker is in one book alone."""
        return len(self._pairs[ticker]) == 1

    @property
    def judged(self) -> int:
        """How many books were looked at."""
        return len(self._judged)

    @property
    def rates(self) -> bool:
        """True for a source that has nothing but rates to look at."""
        return all(quote.get("mid") is not None for quote in self.live.quotes.values())

    @property
    def stale(self) -> bool:
        """True for a set that is too old as a whole."""
        age = age_ms(self._now_ms, self.live.collected_ms)
        return age is None or age > self._limit_ms

    def gains(self, ticker: str, amount: float) -> Iterator[tuple[str, float]]:
        """Yield each ticker that is got for an amount of this one, and roughly how much, never too little."""
        judged = self._judged
        for pair, other, is_base in self._pairs.get(ticker, ()):
            sell, sell_most, buy, buy_most = judged.get(pair) or self._judge(pair)
            if is_base:
                if sell:
                    yield other, (amount if amount < sell_most else sell_most) * sell
            elif buy:
                yield other, (amount if amount < buy_most else buy_most) * buy

    def into(self, ticker: str) -> Iterator[Trading]:
        """Yield the trades in which a ticker is got."""
        judged = self._judged
        for pair, other, is_base in self._pairs.get(ticker, ()):
            sell, sell_most, buy, buy_most = judged.get(pair) or self._judge(pair)
            if is_base:
                if buy:
                    yield other, buy_most, buy, pair, "ask"
            elif sell:
                yield other, sell_most, sell, pair, "bid"

    def step(self, pair: str, side: str) -> Trade:
        """Return the trade at a book's side, which is worked out exactly."""
        quote, fee = self.live.quotes[pair], self.entry.taker_fee
        assert fee is not None
        age = self.live.age_ms(quote, self._now_ms)
        size, at = quote.get(f"{side}_size"), quote.get("at")
        return Trade(self.entry.name, pair, side, quote[side], size, fee.percent, age, at)

    def _judge(self, pair: str) -> Book:
        """Return what a book does; where it may be on no way that is told."""
        book = self._judged[pair] = self._book(pair) if self._usable(pair) else NOTHING
        return book

    def _usable(self, pair: str) -> bool:
        quote = self.live.quotes[pair]
        if quote.get("mid") is not None or quote.get("derived"):
            return False  # a rate to look at is no book
        if self._avoided and not self._avoided.isdisjoint(pair.split("/")):
            return False
        if quote.get("status") == "halted":
            self._left_out["halted"].add(f"{self.live.provider} {pair}")
            return False
        # Many quotes of a provider have one time: it is judged once.
        key = (quote.get("at"), quote.get("collected_at"))
        old = self._too_old.get(key)
        if old is None:
            age = self.live.age_ms(quote, self._now_ms)
            old = self._too_old[key] = age is None or age > self._limit_ms
        if old:
            self._left_out["stale"].add(f"{self.live.provider} {pair}")
        return not old

    def _book(self, pair: str) -> Book:
        quote, kept = self.live.quotes[pair], self._kept
        bid, ask = float(quote.get("bid") or 0), float(quote.get("ask") or 0)
        size, most = quote.get("bid_size"), ENDLESS
        if size is not None:
            most = float(size) * SLACK
        buy, size, buy_most = 0.0, quote.get("ask_size"), ENDLESS
        if ask > 0:
            buy = kept / ask
            if size is not None:
                buy_most = float(size) * SLACK * ask
        return (bid * kept if bid > 0 else 0.0, most, buy, buy_most)
