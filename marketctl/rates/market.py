"""What the market says now: is a quote good enough to be offered, is a network open, and why not.

Each leg is judged alone and in this order, the surest reason first: its provider's quotes as a whole, the quote itself,
its age, the coin behind it. Nothing is ever put in the place of what is missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from marketctl.errors import ConfigError
from marketctl.rates.formula import Leg
from marketctl.rates.plan import Need
from marketctl.text import closest, printable
from marketctl.times import ms_or_none, now_ms
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.held import in_words
from marketctl.views.quotes import Asleep, Live, Reader
from marketctl.views.snapshots import number, unread
from marketctl.views.twins import known_coins, same_contract
from marketctl.views.wallets import WalletFiles

# Why a direction is out: one word each, for metrics, filters and people.
REASONS = {
    "redis": "Redis cannot be read",
    "disabled": "its provider is disabled",
    "failed": "its quotes cannot be read",
    "never": "its provider never published a quote",
    "expired": "its provider's quotes expired",
    "held": "the quote is held back by the sentinel",
    "no-quote": "the provider quotes no such pair",
    "halted": "the pair is halted",
    "one-sided": "the book has one side only",
    "stale": "the quote is too old, or its age is unknown",
    "twin": "another coin of this name",
    "no-wallet": "nothing is known of the provider's networks",
    "wallet-stale": "what is known of the network is too old",
    "network-missing": "the provider does not list the network",
    "network-closed": "the network is closed",
    "network-unknown": "the network is not known to be open",
    "bounds": "the rate is outside its bounds",
    "not-positive": "the rate is not above zero",
    "rounding": "rounded, nothing is left of the rate",
    "formula": "the formula has no value",
    "returning": "good again, but not for long enough yet",
}


@dataclass
class Judged:
    """A quote or a network as it is now; `reason` None says that it is good."""

    what: str
    value: str | None = None
    age_ms: int | None = None
    limit_ms: int | None = None
    at: str | None = None
    collected_at: str | None = None
    reason: str | None = None
    message: str | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def out(self, reason: str, message: str) -> "Judged":
        """Note why it does not count."""
        self.reason, self.message = reason, f"{self.what}: {message}"
        return self


class Market:
    """The quotes and networks of one moment: each provider is read once."""

    def __init__(
        self, reader: Reader, wallets: WalletFiles, max_age_s: Mapping[str, float], legs: Iterable[Leg]
    ) -> None:
        self.reader = reader
        self.registry = reader.registry
        self.wallets = wallets
        self.max_age_s = max_age_s
        pairs: dict[str, set[str]] = {}
        for leg in legs:
            pairs.setdefault(leg.provider, set()).add(leg.pair)
        entries = [self.registry.provider(name) for name in pairs]
        self._lives = {entry.name: reader.read(entry, sorted(pairs[entry.name])) for entry in entries if entry.enabled}
        self._coins_known = known_coins(self.registry)
        self.now_ms = now_ms()  # after reading: what is judged fresh was so when it was in hand

    def live(self, provider: str) -> Live:
        """Return a provider's quotes."""
        return self._lives[provider]

    def limit_ms(self, live: Live, own_s: float | None) -> int:
        """Return how old a quote may be: the desk's figures where it gave any, the narrowest counts.

        A slower pace that is kept widens nothing here: after an outage it would let old rates through.
        """
        entry = self.registry.provider(live.provider)
        given = [one for one in (own_s, self.max_age_s.get(live.provider)) if one is not None]
        return round(min(given) * 1000) if given else limit_ms(entry.prices_interval_s)

    def leg(
        self, leg: Leg, own_s: float | None = None, contracts: Mapping[str, tuple[str, str]] | None = None
    ) -> Judged:
        """Judge a quote; `contracts` are the desk's own words: ticker → (network, contract)."""
        found = Judged(str(leg))
        if trouble := self._provider_trouble(leg.provider):
            return found.out(*trouble)
        live = self.live(leg.provider)
        quote = live.quotes.get(leg.pair)
        if quote is None:
            if leg.pair in live.held:
                return found.out("held", printable(in_words(leg.pair, live.held[leg.pair])))
            close = closest(leg.pair, self.reader.pairs(self.registry.provider(leg.provider)))
            advice = f"; did you mean {printable(close, 40)}?" if close else ""
            return found.out("no-quote", f"{leg.provider} quotes no {printable(leg.pair, 40)}{advice}")
        found.at, found.collected_at = quote.get("at"), live.row(leg.pair, self.now_ms)["collected_at"]
        found.age_ms, found.limit_ms = live.age_ms(quote, self.now_ms), self.limit_ms(live, own_s)
        if quote.get("status") == "halted":
            return found.out("halted", "the pair is halted")
        value = number(quote.get(leg.side))
        book = [number(quote.get(side)) for side in ("bid", "ask")]
        if leg.side != "mid" and (value is None or None in book):
            return found.out("one-sided", _lacking(leg.side, book))
        if value is None:
            return found.out("one-sided", "there is no mid: an exchange tells bid and ask")
        if value <= 0:
            return found.out("not-positive", f"{leg.side} is {quote.get(leg.side)}")
        found.value = quote[leg.side]
        if found.age_ms is None:
            return found.out("stale", "its age is unknown")
        if found.age_ms > found.limit_ms:
            return found.out("stale", f"{found.age_ms / 1000:.1f} s old, allowed are {found.limit_ms / 1000:g} s")
        return self._coins(leg, found, contracts or {})

    def value(self, judged: Judged) -> Fraction:
        """Return a good quote's price, exactly."""
        assert judged.value is not None
        return Fraction(judged.value)

    def need(self, need: Need) -> Judged:
        """Judge whether a network is open."""
        found = Judged(str(need))
        entry = self.registry.provider(need.provider)
        if not entry.enabled:
            return found.out("disabled", f"{need.provider} is disabled")
        wallet, why = self.wallets.get(need.provider)
        if wallet is None:
            return found.out("no-wallet", why or "there is no wallet snapshot")
        found.collected_at = wallet["collected_at"]
        found.limit_ms = limit_ms(entry.wallet_interval_s)
        found.age_ms = age_ms(self.now_ms, ms_or_none(wallet["collected_at"]))
        if found.age_ms is None or found.age_ms > found.limit_ms:
            old = "of unknown age" if found.age_ms is None else f"{found.age_ms // 1000} s old"
            return found.out("wallet-stale", f"the wallet is {old}, allowed are {found.limit_ms // 1000} s")
        if need.asset in wallet["unreadable"]:
            return found.out("no-wallet", unread(wallet)[0].message)
        flags = []
        for asset in wallet["assets"].values():
            if str(asset.get("ticker")).upper() == need.asset:
                for network in (asset.get("networks") or {}).values():
                    if network.get("network") == need.network:
                        flags.append(network.get(need.way))
                        found.notes += [printable(network["note"], 100)] if network.get("note") else []
        if not flags:
            return found.out("network-missing", f"{need.provider} lists no {need.asset} on {need.network}")
        if False in flags:
            return found.out("network-closed", f"{need.way} is closed")
        if not all(flag is True for flag in flags):
            return found.out("network-unknown", f"{need.way} is not known to be open")
        found.value = "open"
        return found

    def _provider_trouble(self, provider: str) -> tuple[str, str] | None:
        if not self.registry.provider(provider).enabled:
            return "disabled", f"{provider} is disabled in {self.registry.path}"
        away = self.reader.away
        # Stopped between runs, as was asked; one that hangs is not asleep.
        sleeps = isinstance(away, Asleep) and not self.registry.settings.embedded_stay
        if away is not None and not isinstance(away, ConfigError) and not sleeps:
            # With a Redis that cannot be asked nothing is known of what programs read, however fresh the mirror is.
            return "redis", away.message
        live = self.live(provider)
        if live.state == "failed":
            return ("redis" if live.source == "redis" else "failed"), live.last_error or "its quotes cannot be read"
        if live.state in ("expired", "never"):
            return live.state, live.words() or "there is no quote"
        return None

    def _coins(self, leg: Leg, found: Judged, contracts: Mapping[str, tuple[str, str]]) -> Judged:
        """Look whether both coins of the pair are those the others mean, or those the desk means."""
        if self._coins_known.is_unread(leg.provider, leg.pair):
            words = f"the wallet of {leg.provider} cannot be read: whether its coins are the same is not known"
            return found.out("no-wallet", words)
        for ticker in leg.pair.split("/"):
            if ticker in contracts:
                slug, contract = contracts[ticker]
                told = _contracts(self.wallets.get(leg.provider)[0], ticker, slug)
                if any(not same_contract(contract, one) for one in told):
                    return found.out("twin", f"its {ticker} on {slug} has another contract: {', '.join(told)}")
                if told:
                    continue  # the desk's own word settles it
            providers = [entry.name for entry in self.registry.enabled()]
            if why := self._coins_known.apart(ticker, providers).get(leg.provider):
                return found.out("twin", printable(why))
        return found


def _contracts(wallet: Mapping[str, Any] | None, ticker: str, slug: str) -> list[str]:
    """Return the contracts a provider tells for a coin on a network."""
    listed = [one for one in (wallet or {"assets": {}})["assets"].values() if str(one.get("ticker")).upper() == ticker]
    networks = [network for one in listed for network in (one.get("networks") or {}).values()]
    return [one["contract"] for one in networks if one.get("network") == slug and one.get("contract")]


def _lacking(side: str, book: list[Decimal | None]) -> str:
    if book == [None, None]:
        return f"there is no {side}, only a mid"
    return f"the book has no {'bid' if book[0] is None else 'ask'}"
