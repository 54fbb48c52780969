"""The books of one provider that may be on a way, each judged when a way looks at it: fresh, trading, not avoided."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.convert.edges import ENDLESS, SLACK
from marketctl.convert.steps import Trade
from marketctl.times import to_iso
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Live, moment

# A side of a book: what is given and got, then in floats the most that is taken and the rate with the fee in it.
Trading = tuple[str, str, float, float, str, str]  # given, got, most, rate, pair, side


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
        self._out_of: dict[str, list[Trading]] = {}
        self._into: dict[str, list[Trading]] = {}
        self._doubtful: dict[str, list[tuple[str, str]]] = {}  # ticker -> reason, pair
        self._is_judged = False
        self._listed = "\n".join(["", *live.quotes, *live.held, ""])

    def __contains__(self, ticker: str) -> bool:
        return f"\n{ticker}/" in self._listed or f"/{ticker}\n" in self._listed

    def tickers(self) -> set[str]:
        """Return what is traded."""
        return {ticker for pair in (*self.live.quotes, *self.live.held) for ticker in pair.split("/")}

    @property
    def rates(self) -> bool:
        """True for a source that has nothing but rates to look at."""
        return all(one.get("mid") is not None for told in (self.live.quotes, self.live.held) for one in told.values())

    @property
    def stale(self) -> bool:
        """True for a set that is too old as a whole."""
        age = age_ms(self._now_ms, self.live.collected_ms)
        return age is None or age > self._limit_ms

    def out_of(self, ticker: str) -> Sequence[Trading]:
        """Return the trades in which a ticker is given."""
        return self._look(ticker, self._out_of)

    def into(self, ticker: str) -> Sequence[Trading]:
        """Return the trades in which a ticker is got."""
        return self._look(ticker, self._into)

    def step(self, pair: str, side: str) -> Trade:
        """Return the trade at a book's side, which is worked out exactly."""
        quote, fee = self.live.quotes[pair], self.entry.taker_fee
        assert fee is not None
        age = self.live.age_ms(quote, self._now_ms)
        size, at = quote.get(f"{side}_size"), to_iso(moment(quote.get("at")))
        return Trade(self.entry.name, pair, side, quote[side], size, fee.percent, age, at)

    def _look(self, ticker: str, trades: Mapping[str, list[Trading]]) -> Sequence[Trading]:
        """Return the trades of a ticker, and tell which of its books may be on no way."""
        if not self._is_judged:
            self._judge()
        for reason, pair in self._doubtful.get(ticker, ()):
            self._left_out[reason].add(f"{self.live.provider} {pair}")
        return trades.get(ticker, ())

    def _judge(self) -> None:
        """Sort out what can be done at each book's bid and at its ask."""
        self._is_judged = True
        out_of, into = self._out_of, self._into
        kept, avoided = self._kept, self._avoided
        for pair in [pair for pair, one in self.live.held.items() if one.get("mid") is None]:
            for ticker in pair.split("/"):
                self._doubtful.setdefault(ticker, []).append(("held", pair))
        reasons: dict[object, str | None] = {}
        for pair, quote in self.live.quotes.items():
            get = quote.get
            if get("mid") is not None or get("derived"):
                continue  # a rate to look at is no book
            base, _, counter = pair.partition("/")
            if base in avoided or counter in avoided:
                continue
            # Many quotes of a provider have one time: it is judged once.
            told = get("status"), get("at"), get("collected_ms"), get("collected_at")
            if told in reasons:
                reason = reasons[told]
            else:
                reason = reasons[told] = self._doubt(quote)
            if reason is not None:
                for ticker in (base, counter):
                    self._doubtful.setdefault(ticker, []).append((reason, pair))
                continue
            if (text := get("bid")) and (price := float(text)) > 0:
                size = get("bid_size")
                most = ENDLESS if size is None else float(size) * SLACK
                trade = base, counter, most, price * kept, pair, "bid"
                out_of.setdefault(base, []).append(trade)
                into.setdefault(counter, []).append(trade)
            if (text := get("ask")) and (price := float(text)) > 0:
                size = get("ask_size")
                most = ENDLESS if size is None else float(size) * SLACK * price
                trade = counter, base, most, kept / price, pair, "ask"
                out_of.setdefault(counter, []).append(trade)
                into.setdefault(base, []).append(trade)

    def _doubt(self, quote: Mapping[str, Any]) -> str | None:
        """Say why a book may be on no way."""
        if quote.get("status") == "halted":
            return "halted"
        age = self.live.age_ms(quote, self._now_ms)
        return "stale" if age is None or age > self._limit_ms else None
