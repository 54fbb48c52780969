"""The made-up market all sandboxes sell: coins, networks and pairs, the same for one seed and scale.

Prices move from call to call: the n-th call of an endpoint sees tick n. A coin has the same contract
address with every provider, except where a provider lists a twin on purpose.
"""

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from marketctl.sandbox import shocks

if TYPE_CHECKING:
    from marketctl.sandbox.faults import Fault

# ticker, name, price in USD, networks (common names), memo needed, native network
MAJORS = [
    ("BTC", "Bitcoin", "91230.4", ("bitcoin", "bsc"), False, "bitcoin"),
    ("ETH", "Ethereum", "3120.55", ("ethereum", "arbitrum-one", "optimism", "base"), False, "ethereum"),
    ("USDT", "Tether", "1", ("tron", "ethereum", "bsc", "arbitrum-one", "ton", "solana", "polygon"), False, None),
    ("USDC", "USD Coin", "0.9999", ("ethereum", "solana", "base", "arbitrum-one"), False, None),
    ("TON", "Toncoin", "3.14", ("ton",), True, "ton"),
    ("SOL", "Solana", "141.2", ("solana",), False, "solana"),
    ("XRP", "XRP", "2.31", ("xrp",), True, "xrp"),
    ("TRX", "TRON", "0.2841", ("tron",), False, "tron"),
    ("LTC", "Litecoin", "84.07", ("litecoin",), False, "litecoin"),
    ("DOGE", "Dogecoin", "0.1523", ("dogecoin", "bsc"), False, "dogecoin"),
    ("BNB", "BNB", "845.1", ("bsc",), False, "bsc"),
    ("ADA", "Cardano", "0.4711", ("cardano",), False, "cardano"),
    ("AVAX", "Avalanche", "14.6", ("avalanche-c",), False, "avalanche-c"),
    ("XLM", "Stellar", "0.2517", ("stellar",), True, "stellar"),
    ("ATOM", "Cosmos", "2.49", ("cosmos",), True, "cosmos"),
    ("DOT", "Polkadot", "2.27", ("polkadot",), False, "polkadot"),
]
TOKEN_NETWORKS = ("ethereum", "bsc", "solana", "tron", "arbitrum-one", "base")
KEPT = 1 << 16  # pairs and fees whose dice are thrown once: those of a large market, not of the largest
FIAT_USD = {"EUR": "0.868211", "RUB": "92.473155", "TRY": "42.4101", "BRL": "5.3412", "KZT": "519.88"}


@dataclass(frozen=True)
class Coin:
    """A made-up coin; `price` is in USD, `networks` are common names."""

    ticker: str
    name: str
    price: Decimal
    networks: tuple[str, ...]
    memo: bool
    native: str | None

    def contract(self, network: str) -> str:
        """Return the contract address on a network, "" for the native coin."""
        if network == self.native:
            return ""
        mark = sha256(f"{self.ticker} on {network}".encode()).hexdigest()
        return f"T{mark[:33]}" if network == "tron" else f"0x{mark[:40]}"

    def fee(self, network: str, provider: str) -> Decimal:
        """Return a withdrawal fee of about 0.2 to 5 USD in coin units; every provider has its own."""
        return _fee(self.ticker, self.price, network, provider)


@lru_cache(maxsize=KEPT)
def _fee(ticker: str, price: Decimal, network: str, provider: str) -> Decimal:
    dice = random.Random(f"{ticker}{network}{provider}")
    usd = {"tron": 1.3, "ethereum": 4.0, "bitcoin": 5.0}.get(network, 0.4) * dice.uniform(0.6, 1.4)
    return plain(Decimal(str(round(usd, 4))) / price, 3)


def plain(value: Decimal, digits: int) -> Decimal:
    """Round to a count of significant digits, without an exponent."""
    rounded = Decimal(f"{value:.{digits}g}")
    return Decimal(format(rounded, "f"))


class World:
    """Coins and pairs by seed and scale: scale 1 has 40 coins and about 60 pairs."""

    def __init__(self, seed: int = 1, scale: float = 1) -> None:
        self.seed = seed
        self.scale = scale
        self.faults: dict[str, list[Fault]] = {}  # by provider: those of prices are seen here
        dice = random.Random(seed)
        self.coins = [Coin(t, n, Decimal(p), nets, memo, native) for t, n, p, nets, memo, native in MAJORS]
        taken = {coin.ticker for coin in self.coins}
        while len(self.coins) < len(MAJORS) + round(24 * scale):
            ticker = "".join(dice.choice("ABCDEFGHIKLMNOPRSTUVWZ") for _ in range(dice.choice((3, 4, 4, 5))))
            price = plain(Decimal(repr(10 ** dice.uniform(-6, 2))), 5)
            networks = tuple(dice.sample(TOKEN_NETWORKS, dice.choice((1, 1, 2, 3))))
            if ticker not in taken:
                taken.add(ticker)
                self.coins.append(Coin(ticker, ticker.title() + " Token", price, networks, False, None))
        self.by_ticker = {coin.ticker: coin for coin in self.coins}
        quotes = ["USDT", "USDC", "BTC", "ETH"]
        self.pairs = [(coin.ticker, "USDT") for coin in self.coins if coin.ticker != "USDT"]
        for index, coin in enumerate(self.coins):
            for quote in quotes[1:]:
                if coin.ticker not in quotes and (index + self.seed + len(quote)) % 5 == 0:
                    self.pairs.append((coin.ticker, quote))
        self.pairs += [("BTC", "EUR"), ("USDT", "EUR"), ("ETH", "BTC"), ("BTC", "USDC")]

    def usd(self, ticker: str) -> Decimal:
        """Return the price of a coin or fiat currency in USD, at rest."""
        if ticker in FIAT_USD:
            return 1 / Decimal(FIAT_USD[ticker])
        return Decimal(1) if ticker == "USD" else self.by_ticker[ticker].price

    def book(self, base: str, quote: str, provider: str, tick: int) -> dict[str, str]:
        """Return bid, ask, their sizes, last, volume (base) and turnover (quote) of a pair at a tick, as texts."""
        rest = _at_rest(self.seed, base, quote, provider, self.usd(base), self.usd(quote))
        sway = Decimal(str(round(((tick * rest.step) % 89 - 44) / 22000, 7))) if rest.step else Decimal(0)
        middle = rest.middle * (1 + sway)
        if faults := self.faults.get(provider):
            middle *= shocks.factor(faults, base, quote)
        bid, ask = format(plain(middle * (1 - rest.half), 7), "f"), format(plain(middle * (1 + rest.half), 7), "f")
        return {
            "bid": bid,
            "ask": ask,
            "bid_size": rest.bid_size,
            "ask_size": rest.ask_size,
            "last": bid if tick % 2 else ask,
            "volume": format(rest.volume, "f"),
            "turnover": format(plain(rest.volume * middle, 10), "f"),
        }


class _Rest(NamedTuple):
    """What a pair is at a provider at any tick: how far it moves with each (0: not at all), and its half spread."""

    step: int
    middle: Decimal
    half: Decimal
    volume: Decimal
    bid_size: str
    ask_size: str


@lru_cache(maxsize=KEPT)
def _at_rest(seed: int, base: str, quote: str, provider: str, usd: Decimal, quote_usd: Decimal) -> _Rest:
    """Throw the dice for a pair: a third of the pairs stands still, the rest walks around its price."""
    dice = random.Random(f"{seed}{base}{quote}{provider}")
    return _Rest(
        step=dice.randint(1, 97) if dice.random() > 0.33 else 0,
        middle=usd / quote_usd,
        half=Decimal(str(round(dice.uniform(0.00005, 0.001), 7))),
        volume=plain(Decimal(dice.randint(1000, 9_000_000)) / usd, 8),
        bid_size=format(plain(Decimal(dice.randint(10, 90000)) / usd, 5), "f"),
        ask_size=format(plain(Decimal(dice.randint(10, 90000)) / usd, 5), "f"),
    )
