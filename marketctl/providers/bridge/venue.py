"""What the bridge knows of a venue: its card in venues.toml, and what ccxt asks there, found out without asking."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Our names for ccxt's credentials.
CREDENTIALS = {
    "apiKey": "api_key",
    "secret": "api_secret",
    "password": "passphrase",
    "uid": "uid",
    "privateKey": "private_key",
    "walletAddress": "wallet_address",
    "token": "token",
}
# Where ccxt signs in vain: a text that all of its signers can read.
SAMPLE_KEY = "c2FtcGxl"


@dataclass(frozen=True)
class Card:
    """What is proved of a venue's answers; the keys are explained in venues.toml. An unknown venue has an empty one."""

    names: str = "ids"
    canary: str = "BTC/USDT"
    status: str | None = None
    deposit: list[str] = field(default_factory=list)
    withdraw: list[str] = field(default_factory=list)
    contract: str | None = None
    memo: str | None = None
    memo_if: str | None = None
    confirmations: list[str] = field(default_factory=list)
    precision: str | None = None
    step: str | None = None
    fee_ratio: str | None = None
    coin_precision: str | None = None
    name: str | None = None
    withdraw_max: str | None = None
    no_limit: int | None = None
    prices: str | None = None
    wallet: str | None = None
    bids_asks: bool = False
    tells: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """What ccxt asks of a venue for our jobs: endpoints, hosts, credentials, and why a job cannot be done."""

    markets: str  # the method that lists the pairs
    endpoints: tuple[str, ...]
    bases: tuple[str, ...]
    credentials: dict[str, str]  # ccxt's name -> ours; empty where the list of coins needs none
    no_wallet: str | None
    rate: tuple[float, float]


@cache
def cards() -> dict[str, Card]:
    """Return the card of each venue that has one."""
    import tomllib

    table = tomllib.loads(Path(__file__).with_name("venues.toml").read_text(encoding="utf-8"))
    return {name: Card(**values) for name, values in table.items()}


def tune(exchange: Any, card: Card) -> None:
    """Let ccxt ask for spot markets alone, keep out of the clock, and read nothing beside what a job needs."""
    options = exchange.options
    options.update({"defaultType": "spot", "adjustForTimeDifference": False, "fetchMargins": False})
    types = options.get("fetchMarkets")
    if isinstance(types, dict) and isinstance(types.get("types"), list):
        options["fetchMarkets"] = {**types, "types": ["spot"]}
    elif isinstance(types, dict) and isinstance(types.get("types"), dict):
        options["fetchMarkets"] = {**types, "types": {name: name == "spot" for name in types["types"]}}
    elif isinstance(types, list):
        options["fetchMarkets"] = ["spot"]
    options.update(card.options)


def survey(source: type[Any], card: Card) -> Survey:
    """Find out what ccxt asks, by letting it ask: nothing is sent, every answer is empty."""
    asked: list[tuple[str, str]] = []
    # Some read contracts with the spot markets, and have a method for these alone.
    markets = "fetch_spot_markets" if hasattr(source, "fetch_spot_markets") else "fetch_markets"

    class Explorer(source):  # type: ignore[misc]
        def fetch2(self, path: Any, api: Any = "public", method: str = "GET", *given: Any) -> Any:
            params = given[0] if given else {}
            asked.append((method, self.sign(path, api, method, params)["url"].partition("?")[0]))
            return {}

        def load_markets(self, *_: Any, **__: Any) -> Any:
            return self.markets

    exchange = Explorer({"number": str})
    tune(exchange, card)
    exchange.markets = {}

    def explore(*methods: str) -> list[tuple[str, str]]:
        asked.clear()
        for method in methods:
            try:
                getattr(exchange, method)(*({},) if method == markets else ())
            except Exception:  # noqa: BLE001, S112  (an empty answer is none that it can read: what it asked is what counts)
                continue
        return list(asked)

    public = explore(markets, "fetch_bids_asks" if card.bids_asks else "fetch_tickers", "fetch_time")
    wallet, credentials, why = [], {}, card.wallet
    if why is None and exchange.has.get("fetchCurrencies") is True:
        wallet = explore("fetch_currencies")
        if not wallet:
            credentials = {name: ours for name, ours in CREDENTIALS.items() if exchange.requiredCredentials.get(name)}
            for name in credentials:
                setattr(exchange, name, SAMPLE_KEY)
            wallet = explore("fetch_currencies")
    if why is None and not wallet:
        why = "ccxt has no list of coins of it"
    if any(method != "GET" for method, _url in wallet):
        wallet, why = [], "its list of coins is asked for by POST, which the bridge does not send"
    credentials = credentials if wallet else {}
    found = [url for method, url in [*public, *wallet] if method == "GET"]
    parts = [part for part in map(urlsplit, found) if part.path]
    bases = tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))
    endpoints = tuple(sorted({f"GET {part.path}" for part in parts}))
    per_second = min(20.0, 1000 / max(1.0, float(exchange.rateLimit)))
    return Survey(markets, endpoints, bases, credentials, why, (per_second, max(1.0, per_second)))
