"""The bridge: any venue that ccxt knows, asked by our client. Long: the adapter, and the rows of quotes and coins.

Docs: https://docs.ccxt.com
Symbols: base and quote of the venue's list of pairs, by its own codes unless its card says otherwise.
Limits: ccxt's pace for the venue, kept by our client over all processes.
Quirks: a figure counts where it stands in the answer as it was sent, a flag where the venue's card proves it.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from marketctl.errors import AuthFailed, BadAnswer, ConfigError, MarketctlError, NotSupported
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair
from marketctl.providers.base import Exchange, Provider, measure
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.bridge.carrier import Call, bridged, read, read_numbers, read_rows
from marketctl.providers.bridge.loading import IDS, VERSION, load_exchange
from marketctl.providers.bridge.proof import Row
from marketctl.providers.bridge.venue import Card, Survey, cards, survey, tune
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import code, count, is_zero, mapping, shift_point, step_precision, text
from marketctl.providers.networks import common_network
from marketctl.providers.refusals import Failure, words_in

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request


class CcxtAdapter(Exchange):
    """Speaks to the venue that the entry's `exchange` names; a class of its own for each."""

    options = {"exchange": str, "any_ccxt": bool}
    venue: ClassVar[str] = ""
    source: ClassVar[type[Any]]
    proved: ClassVar[Card] = Card()
    seen: ClassVar[Survey]

    @classmethod
    def for_options(cls, options: Mapping[str, Any]) -> type[Provider]:
        name = options.get("exchange")
        if not isinstance(name, str):
            raise ConfigError('exchange: not set, expected an id of ccxt such as "kraken"', hint=IDS)
        return venue_class(name, bool(options.get("any_ccxt", False)))

    # Prices ---------------------------------------------------------------------------------

    def prices(self) -> QuoteBatch:
        if self.proved.prices:
            raise self.cannot(self.proved.prices, "prices")
        wanted = "fetchBidsAsks" if self.proved.bids_asks else "fetchTickers"
        if self.public.has.get(wanted) is not True:
            raise self.cannot("ccxt has no answer for all its pairs at once", "prices")
        batch = self.quote_batch()
        reader = self.public.fetch_bids_asks if self.proved.bids_asks else self.public.fetch_tickers
        found, odd = read_rows(self.public, reader)
        for symbol, ticker in chain.from_iterable(part.items() for part in found):
            add_ticker(batch, self.symbol_of(symbol), ticker)
        for _ in range(odd):
            batch.add(None)  # of an unknown symbol
        if batch.rows and not batch.quotes and set(batch.skipped) == {"no-price"}:
            raise self.cannot("no bid and ask in its answer for all pairs", "prices")
        return batch

    def cannot(self, why: str, job: str) -> NotSupported:
        """Return the one line about a job that the bridge cannot do."""
        return NotSupported(f"{self.venue}: {why}: the bridge cannot do its {job}")

    def pair_list(self) -> PairList:
        """Return the pairs; ccxt needs its own list of markets to read a ticker, so that list is remembered."""
        known = self.memory.get("markets", self.pairs_max_age_s)
        markets = known[0] if known else self.markets()
        if not known:
            for market in markets:
                market["status"] = market_status(market, self.proved.status)
                market["info"] = {}
            self.memory.put("markets", markets)
        read(self.public.set_markets, markets)
        return PairList([pair_of(market, self.proved.names) for market in markets if code(market.get("id"))])

    def markets(self) -> list[dict[str, Any]]:
        """Ask for the markets; one without an id or a symbol is none."""
        found, _odd = read_rows(self.public, getattr(self.public, self.seen.markets), {})
        return [dict(one) for one in chain.from_iterable(found) if one and one.get("symbol") and code(one.get("id"))]

    def symbol_of(self, symbol: str) -> str:
        """Return the venue's own symbol for ccxt's."""
        return str(mapping(self.public.markets).get(symbol, {}).get("id", symbol))

    # Coins ----------------------------------------------------------------------------------

    def assets(self) -> AssetBatch:
        if self.seen.no_wallet:
            raise self.cannot(self.seen.no_wallet, "wallet")
        exchange = self.private if self.credentials else self.public
        exchange.unread_coins = 0
        batch, found = AssetBatch(), [mapping(one) for one in (read(exchange.fetch_currencies) or {}).values()]
        # Of some ccxt adds coins by itself; where these are all there are, nobody has told one.
        for currency in found if any(one.get("info") for one in found) else ():
            add_currency(batch, currency, self.venue, self.proved)
        if exchange.unread_coins * 2 > len(found):  # that is no odd coin, but an answer of another shape
            raise BadAnswer(f"ccxt cannot read {exchange.unread_coins} of the {len(found)} coins in the answer")
        if exchange.unread_coins:
            batch.skipped["unreadable"] += exchange.unread_coins
        return batch

    def check_key(self) -> KeyInfo:
        if not self.credentials:
            raise NotSupported(f"{self.venue}: nothing that the bridge asks there needs a key")
        if not self.assets().assets:
            raise AuthFailed("the list of coins is empty: the key may not read it")
        return KeyInfo()

    def clock(self) -> Clock:
        if self.public.has.get("fetchTime") is not True:
            raise NotSupported(f"{self.venue} tells no time")
        told = read(self.public.fetch_time)
        if self.last_answer is None:
            return Clock()
        return measure(self.last_answer, told if type(told) is int else None)

    # How ccxt asks --------------------------------------------------------------------------

    @cached_property
    def public(self) -> Any:
        """The exchange object of ccxt that has no keys."""
        return self._make({}, keyed=False)

    @cached_property
    def private(self) -> Any:
        """The exchange object of ccxt that signs."""
        theirs = {name: self.keys.get(ours, "") for name, ours in self.seen.credentials.items()}
        return self._make(theirs, keyed=True)

    def _make(self, settings: dict[str, Any], *, keyed: bool) -> Any:
        exchange = bridged(self.source, self.carry, settings, keyed=keyed)
        tune(exchange, self.proved)
        return exchange

    def carry(self, call: Call, weight: float) -> Any:
        """Send what ccxt asks, if it is among what this adapter declares; return the body, numbers as texts.

        Raises NotSupported for anything else.
        """
        if f"{call.method} {call.path}" not in self.endpoints:
            raise NotSupported(f"{self.venue}: ccxt asks for {call.path}, which the bridge did not foresee")
        elsewhere = self.client.base_url == self.base_url and call.base != self.base_url
        self._call = call
        signed = call.exchange.keyed
        headers = None if signed else call.headers
        base = call.base if elsewhere else None
        query = call.query
        answer = self.ask(call.method, call.path, query, signed=signed, weight=weight, headers=headers, base=base)
        return read_numbers(answer)

    def sign(self, request: "Request") -> None:
        self._call.sign(request)

    def failure(self, answer: "Answer") -> Failure | None:
        # What a status says of our address is no matter of ccxt, which may take it for the key's.
        self._refusal = self._call.refusal(answer) if answer.status not in (418, 451) else None
        if self._refusal is None:
            return None
        return self._refusal[1], words_in(answer)

    def error_class(self, code: str, words: str, answer: "Answer") -> type[MarketctlError] | None:
        return self._refusal[0] if self._refusal else super().error_class(code, words, answer)


@lru_cache(maxsize=64)
def venue_class(name: str, any_version: bool = False) -> type[CcxtAdapter]:
    """Return the adapter's class for a venue. Raises ConfigError."""
    source = load_exchange(name, any_version=any_version)
    proved = cards().get(name, Card())
    seen = survey(source, proved)
    if not seen.bases:
        raise ConfigError(f"exchange {name}: ccxt has nothing there that the bridge can ask")
    body: dict[str, Any] = {
        "__module__": __name__,
        "venue": name,
        "source": source,
        "proved": proved,
        "seen": seen,
        "base_url": seen.bases[0],
        "other_bases": seen.bases[1:],
        "endpoints": seen.endpoints,
        "credentials": tuple(seen.credentials.values()),
        "key_jobs": frozenset({"wallet"} if seen.credentials else ()),
        "rate": seen.rate,
        "canary": proved.canary,
        "card_text": card_text(name, proved, seen),
    }
    return type(f"Ccxt{name.capitalize()}Adapter", (CcxtAdapter,), body)


def card_text(name: str, proved: Card, seen: Survey) -> str:
    """Write the card of a venue, in the form of an adapter's docstring."""
    more = f", with {' and '.join(proved.tells)}" if proved.tells else ""
    prices = f"no prices: {proved.prices}" if proved.prices else f"bid and ask of all pairs at once{more}"
    wallet = seen.no_wallet or ("needs a key" if seen.credentials else "needs no key")
    told = [word for word in ("deposit", "withdraw", "contract", "memo", "confirmations") if getattr(proved, word)]
    untold = [word for word in ("deposit", "withdraw", "contract", "memo", "confirmations") if word not in told]
    hosts = ", ".join(base.partition("//")[2] for base in seen.bases)
    return (
        f"{name}, through ccxt {VERSION}: {prices}.\n\n"
        f"Docs: https://docs.ccxt.com/#/exchanges/{name}\n"
        f"Symbols: {'names as ccxt has them' if proved.names == 'unified' else 'the codes of the venue itself'}; "
        f"pairs are {'trading or halted' if proved.status else 'of unknown status'}.\n"
        f"Limits: {seen.rate[0]:g} requests a second, as ccxt says; hosts: {hosts}.\n"
        f"Quirks: coins: {wallet}; of networks it tells {', '.join(told) or 'no flag'}"
        f"{', not ' + ', '.join(untold) if untold else ''}.\n"
    )


# Reading ------------------------------------------------------------------------------------


def add_ticker(batch: QuoteBatch, symbol: str, ticker: Any) -> None:
    """Take one ticker of ccxt: what stands in its raw row, and nothing that was computed from it."""
    row, told = Row(mapping(ticker).get("info")), mapping(ticker)
    batch.add(
        symbol,
        row.figure(told.get("bid")),
        row.figure(told.get("ask")),
        bid_size=row.figure(told.get("bidVolume")),
        ask_size=row.figure(told.get("askVolume")),
        last=row.figure(told.get("last")),
        volume=row.figure(told.get("baseVolume")),
        quote_volume=row.figure(told.get("quoteVolume")),
        at_ms=row.time(told.get("timestamp")),
    )


def market_status(market: Mapping[str, Any], key: str | None) -> str | None:
    """Return whether a pair trades, where the card knows the key that tells it and the row has it."""
    active = market.get("active")
    if key is None or not isinstance(active, bool) or not Row(market.get("info")).tells(key):
        return None
    return "trading" if active else "halted"


def pair_of(market: Mapping[str, Any], names: str) -> Pair:
    """Return one entry of the list of pairs."""
    theirs = [text(market.get(key)) or "" for key in ("baseId", "quoteId")]
    shown = [text(market.get(key)) or "" for key in ("base", "quote")] if names == "unified" else theirs
    base, quote, base_code, quote_code = (one.upper() for one in (*shown, *theirs))
    return Pair(str(market["id"]), base, quote, base_code, quote_code, market.get("status"), market.get("spot") is True)


def add_currency(batch: AssetBatch, told: Mapping[str, Any], venue: str, card: Card) -> None:
    """Take one currency of ccxt under the venue's own code."""
    key = code(told.get("id"))
    if key is None:
        if told.get("info"):  # else it is counted as one that cannot be read
            batch.skip("no-code")
        return
    networks: dict[str, Network] = {}
    for network in mapping(told.get("networks")).values():
        ident = code(mapping(network).get("id"))
        if ident is None:
            batch.skip("no-code")
        else:
            networks[ident] = read_network(batch, {"info": told.get("info"), **network}, venue, card)
    ticker = code(told.get("code")) if card.names == "unified" else key
    asset = Asset(key.upper(), (ticker or key).upper(), text(told.get("name")), networks=networks)
    asset.precision = count(Row(told.get("info")).get(card.coin_precision))
    asset.fiat = not networks and is_fiat(key)
    if not networks:
        row = Row(told.get("info"))
        asset.deposit = flag_of(row, told.get("deposit"), card.deposit)
        asset.withdraw = flag_of(row, told.get("withdraw"), card.withdraw)
    batch.add(asset)


def read_network(batch: AssetBatch, network: Mapping[str, Any], venue: str, card: Card) -> Network:
    """Read one network: figures that stand in its row, flags and the rest by the keys of the card."""
    row = Row(network.get("info"))
    limits = mapping(network.get("limits"))
    deposit, withdraw = mapping(limits.get("deposit")), mapping(limits.get("withdraw"))
    ratio = batch.amount(row.get(card.fee_ratio))
    step = batch.amount(row.get(card.step))
    limit = batch.limit(row.get(card.withdraw_max) if card.withdraw_max else row.figure(withdraw.get("max")))
    if limit is not None and card.no_limit is not None and Decimal(limit) >= card.no_limit:
        limit = None
    ident = text(network.get("id"))
    return Network(
        name=text(row.get(card.name)),
        network=common_network(venue, ident, text(network.get("network"))),
        deposit=flag_of(row, network.get("deposit"), card.deposit),
        withdraw=flag_of(row, network.get("withdraw"), card.withdraw),
        deposit_min=batch.amount(row.figure(deposit.get("min"))),
        withdraw_min=batch.amount(row.figure(withdraw.get("min"))),
        withdraw_max=limit,
        withdraw_fee=batch.amount(row.figure(network.get("fee"))),
        withdraw_fee_percent=shift_point(ratio, 2) if ratio else None,
        precision=precision_of(row, step, card),
        confirmations=next((told for key in card.confirmations if (told := count(row.get(key))) is not None), None),
        contract=text(row.get(card.contract)),
        memo_required=True if row.get(card.memo_if) is True else batch.switch(row.get(card.memo)),
    )


def precision_of(row: Row, step: str | None, card: Card) -> int | None:
    """Return how many decimals an amount may have: those of a step, or a count of them."""
    if step and not is_zero(step) and (step_precision(step) or not card.precision):
        return step_precision(step)
    return count(row.get(card.precision))


def flag_of(row: Row, told: Any, keys: list[str]) -> bool | None:
    """Return a flag that the card proves and the row tells; unknown without."""
    return told if isinstance(told, bool) and keys and row.tells(*keys) else None
