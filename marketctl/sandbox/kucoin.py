"""KUCOIN's API, locally. Long: one API is one file, with the data it serves.

Public coins, tickers and pairs, a signed key check, limit headers, awkward rows included.
"""

import time
from typing import Any

from marketctl.sandbox.base import Api, Call, Reply, Route, base64_signature, same
from marketctl.sandbox.world import Coin, World
from marketctl.times import DAY_MS

CHAINS = {
    "tron": ("trx", "TRC20"),
    "ethereum": ("eth", "ERC20"),
    "bsc": ("bsc", "BEP20"),
    "arbitrum-one": ("arbitrum", "ARBITRUM"),
    "optimism": ("optimism", "OPTIMISM"),
    "polygon": ("matic", "Polygon POS"),
    "base": ("base", "Base"),
    "solana": ("sol", "SOL"),
    "ton": ("ton2", "TON"),
    "avalanche-c": ("avaxc", "AVAX C-Chain"),
    "bitcoin": ("btc", "BTC"),
    "litecoin": ("ltc", "LTC"),
    "dogecoin": ("doge", "DOGE"),
    "xrp": ("xrp", "XRP"),
    "cardano": ("ada", "ADA"),
    "stellar": ("xlm", "XLM"),
    "cosmos": ("atom", "ATOM"),
    "polkadot": ("dot", "DOT"),
}
WINDOW_S = 30
POINTS = 2000


def failed(number: str, words: str, status: int, headers: dict[str, str] | None = None) -> Reply:
    """Return KUCOIN's error envelope: the code is a text, there is no data."""
    return Reply({"code": number, "msg": words}, status, headers or {})


class SandboxApi(Api):
    """KUCOIN."""

    name = "KUCOIN"
    keys = {
        "api_key": "65000000000000000000f00d",
        "api_secret": "5a4d0000-1111-2222-3333-444444444444",
        "passphrase": "sandbox-kucoin-pass",
    }
    errors = {
        "rate-limit": failed(
            "429000",
            "Too Many Requests",
            429,
            {"gw-ratelimit-limit": str(POINTS), "gw-ratelimit-remaining": "0", "gw-ratelimit-reset": "800"},
        ),
        "no-header": failed("400001", "Please check the header of your request for KC-API-KEY, KC-API-SIGN", 400),
        "bad-key": failed("400003", "KC-API-KEY not exists", 401),
        "bad-passphrase": failed("400004", "KC-API-PASSPHRASE error", 401),
        "bad-signature": failed("400005", "Signature error", 401),
        "bad-version": failed("400009", "KC-API-KEY-VERSION is invalid", 400),
        "clock": failed("400002", "KC-API-TIMESTAMP Invalid", 400),
        "ip": failed("400006", "The requested ip address 203.0.113.9 is not in the api whitelist", 403),
        "permission": failed("400007", "Access denied, require more permission", 403),
        "region": failed("400302", "Our services are currently unavailable in your region", 403),
        "overload": failed("429000", "Too Many Requests", 429),
        "cdn-limit": Reply(b"error code: 1015", 429, {"Content-Type": "text/plain"}),
        "maintenance": Reply(
            b"<html><head><title>503</title></head><body>System maintenance</body></html>",
            503,
            {"Content-Type": "text/html"},
        ),
        "error": failed("500000", "Internal Server Error", 500),
    }

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.pools: dict[str, tuple[float, int]] = {}  # when the window began, points taken since

    def routes(self) -> dict[str, Route]:
        public = {
            "GET /api/v3/currencies": (self.coins, 3),
            "GET /api/v1/market/allTickers": (self.tickers, 15),
            "GET /api/v2/symbols": (self.symbols, 4),
            "GET /api/v1/timestamp": (self.time, 3),
            "GET /api/v1/status": (self.status, 3),
        }
        routes = {name: self.taking("public", points, route) for name, (route, points) in public.items()}
        routes["GET /api/v1/user/api-key"] = self.taking("management", 20, self.key)
        return routes

    def taking(self, pool: str, points: int, route: Route) -> Route:
        """Wrap an answer into the success envelope, with what is left of its pool in the headers."""

        def answer(call: Call) -> Reply:
            data = route(call)
            return Reply({"code": "200000", "data": data}, 200, self.count(pool, points))

        return answer

    def count(self, pool: str, points: int) -> dict[str, str]:
        """Take points from a pool; it is whole again 30 s after the first of them. Nothing is refused for it."""
        with self.lock:
            started, used = self.pools.get(pool, (0.0, 0))
            now = time.monotonic()
            if now - started >= WINDOW_S or not used:
                started, used = now, 0
            used += points
            self.pools[pool] = (started, used)
        return {
            "gw-ratelimit-limit": str(POINTS),
            "gw-ratelimit-remaining": str(max(0, POINTS - used)),
            "gw-ratelimit-reset": str(round((started + WINDOW_S - now) * 1000)),
        }

    def unknown_route(self, _call: Call) -> Reply:
        return failed("404000", "Url Not Found", 404)

    def verify(self, call: Call) -> None:
        """Check the five headers: all there, clock, key, version, signature over what was sent, passphrase."""
        names = ("key", "sign", "timestamp", "passphrase", "key-version")
        key, sign, stamp, passphrase, version = (call.headers.get(f"kc-api-{name}", "") for name in names)
        if not (key and sign and stamp and passphrase and version):
            raise self.refuse("no-header")
        if not stamp.isdigit() or abs(self.now_ms() - int(stamp)) > 5000:
            raise self.refuse("clock")
        if key != self.keys["api_key"]:
            raise self.refuse("bad-key")
        if version not in ("2", "3"):
            raise self.refuse("bad-version")
        secret = self.keys["api_secret"]
        target = call.path + (f"?{call.raw_query}" if call.raw_query else "") + call.body.decode()
        if not same(sign, base64_signature(secret, stamp + call.method + target)):
            raise self.refuse("bad-signature")
        if not same(passphrase, base64_signature(secret, self.keys["passphrase"])):
            raise self.refuse("bad-passphrase")

    def coins(self, call: Call) -> Any:
        """GET /api/v3/currencies: from time to time one network closes, and a fee moves."""
        tick = self.tick(call)
        made = [coin_row(coin.ticker, coin.name, self.chains(coin, tick)) for coin in self.world.coins]
        return made + AWKWARD_COINS

    def chains(self, coin: Coin, tick: int) -> list[dict[str, Any]]:
        """Return the networks of a coin."""
        rows = []
        for network in coin.networks:
            code, shown = CHAINS[network]
            fee = coin.fee(network, self.name)
            rows.append(
                {
                    "chainName": shown,
                    "withdrawalMinSize": format(fee * 2, "f"),
                    "depositMinSize": None if network in ("ethereum", "bsc") else "0.5",
                    "withdrawFeeRate": "0",
                    "withdrawalMinFee": format(fee, "f") + (str(tick % 5) if coin.ticker == "ETH" else ""),
                    "isWithdrawEnabled": not (coin.ticker == "USDT" and network == "tron" and tick % 2 == 0),
                    "isDepositEnabled": True,
                    "confirms": 64,
                    "preConfirms": 12,
                    "contractAddress": coin.contract(network),
                    "withdrawPrecision": 6,
                    "maxWithdraw": "500000" if network == "tron" else None,
                    "maxDeposit": None,
                    "needTag": coin.memo and network == coin.native,
                    "chainId": code,
                }
            )
        return rows

    def symbols(self, call: Call) -> Any:
        """GET /api/v2/symbols: all pairs, halted ones too."""
        soon = self.now_ms() + DAY_MS
        rows = [symbol_row(base, quote) for base, quote in self.world.pairs]
        rows += [
            symbol_row("GALAX", "USDT", name="GALA-USDT"),
            symbol_row("KAGI", "USDT", name="kAGI-USDT"),
            symbol_row("DEFX", "EUR", name="DEF-EUR", market="FIAT", minFunds=None, enableTrading=False, st=True),
            symbol_row("AUCT", "USDT", callauctionIsEnabled=True, callauctionPriceFloor="0.5", tradingStartTime=soon),
            symbol_row("SOON", "USDT", tradingStartTime=soon),
            symbol_row("ABC3L", "USDT"),
            symbol_row("QUIET", "USDT"),
        ]
        for late in ("callauctionIsEnabled", "callauctionPriceFloor", "tradingStartTime"):
            del rows[-1][late]  # fields of 2025 that an older row lacks
        wanted = call.query.get("market")
        return [row for row in rows if wanted in (None, row["market"])]

    def tickers(self, call: Call) -> Any:
        """GET /api/v1/market/allTickers: one time for all, null where a side is empty."""
        tick = self.tick(call)
        rows = [
            ticker_row(f"{base}-{quote}", self.world.book(base, quote, self.name, tick))
            for base, quote in self.world.pairs
        ]
        book = {"bid": "0.01521", "bid_size": "9000", "ask": "0.01523", "ask_size": "100", "last": "0.01522"}
        book |= {"volume": "120000.5", "turnover": "1826.41"}
        unsold = book | {"bid": None, "bid_size": None, "volume": "0", "turnover": "0"}
        never = dict.fromkeys(book) | {"turnover": "0"}
        rows += [
            ticker_row("GALAX-USDT", book, symbolName="GALA-USDT"),
            ticker_row("KAGI-USDT", book, symbolName="kAGI-USDT"),
            ticker_row("DEFX-EUR", unsold, symbolName="DEF-EUR", averagePrice=None, high=None, low=None),
            ticker_row("ABC3L-USDT", unsold, takerCoefficient="0"),
            ticker_row("AUCT-USDT", never, changeRate=None, high=None, low=None, averagePrice=None),
            ticker_row("GHOST-USDT", book),
        ]
        return {"time": self.now_ms(), "ticker": rows}

    def time(self, _call: Call) -> Any:
        """GET /api/v1/timestamp."""
        return self.now_ms()

    def status(self, _call: Call) -> Any:
        """GET /api/v1/status."""
        return {"status": "open", "msg": ""}

    def key(self, call: Call) -> Any:
        """GET /api/v1/user/api-key."""
        self.verify(call)
        return {
            "remark": "collector",
            "apiKey": self.keys["api_key"],
            "apiVersion": 3,
            "permission": "General",
            "ipWhitelist": "127.0.0.1",
            "createdAt": 1760000000000,
            "uid": 100000001,
            "isMaster": True,
        }


def coin_row(currency: str, full_name: str, chains: list[dict[str, Any]] | None, **changed: Any) -> dict[str, Any]:
    """Return one coin."""
    row = {
        "currency": currency,
        "name": currency,
        "fullName": full_name,
        "precision": 8,
        "confirms": None,
        "contractAddress": None,
        "isMarginEnabled": False,
        "isDebitEnabled": False,
        "chains": chains,
    }
    return row | changed


def old_chain(shown: str, code: str, **changed: Any) -> dict[str, Any]:
    """Return a closed network in the shape of 2024: no fee rate, no precision, no needTag, no maximum."""
    row = {
        "chainName": shown,
        "withdrawalMinSize": "1",
        "depositMinSize": None,
        "withdrawalMinFee": "0.5",
        "isWithdrawEnabled": False,
        "isDepositEnabled": False,
        "confirms": 20,
        "preConfirms": 20,
        "contractAddress": "",
        "chainId": code,
    }
    return row | changed


def symbol_row(base: str, quote: str, **changed: Any) -> dict[str, Any]:
    """Return one pair."""
    row = {
        "symbol": f"{base}-{quote}",
        "name": f"{base}-{quote}",
        "baseCurrency": base,
        "quoteCurrency": quote,
        "feeCurrency": quote,
        "market": "USDS" if quote in ("USDT", "USDC") else quote,
        "baseMinSize": "0.01",
        "quoteMinSize": "0.1",
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": "0.0001",
        "quoteIncrement": "0.000001",
        "priceIncrement": "0.0001",
        "priceLimitRate": "0.1",
        "minFunds": "0.1",
        "isMarginEnabled": False,
        "enableTrading": True,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
        "callauctionIsEnabled": False,
        "callauctionPriceFloor": None,
        "callauctionPriceCeiling": None,
        "callauctionFirstStageStartTime": None,
        "callauctionSecondStageStartTime": None,
        "callauctionThirdStageStartTime": None,
        "tradingStartTime": None,
    }
    return row | changed


def ticker_row(symbol: str, book: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return one row of tickers: `buy` is the bid."""
    row = {
        "symbol": symbol,
        "symbolName": symbol,
        "buy": book["bid"],
        "bestBidSize": book["bid_size"],
        "sell": book["ask"],
        "bestAskSize": book["ask_size"],
        "changeRate": "-0.0055",
        "changePrice": "-0.0165",
        "high": book["last"],
        "low": book["last"],
        "vol": book["volume"],
        "volValue": book["turnover"],
        "last": book["last"],
        "averagePrice": book["last"],
        "takerFeeRate": "0.001",
        "makerFeeRate": "0.001",
        "takerCoefficient": "1",
        "makerCoefficient": "1",
    }
    return row | changed


AWKWARD_COINS: list[dict[str, Any]] = [
    # Fiat money and one junk entry have null for networks.
    coin_row("EUR", "EUR", None, precision=2),
    coin_row("BRL", "BRL", None, precision=2),
    coin_row("00", "00", None),
    # A renamed coin, and the dead one whose code its new name is.
    coin_row(
        "GALAX",
        "Gala Games",
        [
            old_chain(
                "ERC20",
                "eth",
                isDepositEnabled=True,
                isWithdrawEnabled=True,
                preConfirms=12,
                contractAddress="0x00000000000000000000000000000000000000c3",
                withdrawFeeRate="0.001",
                withdrawMaxFee="50",
                withdrawPrecision=8,
                maxWithdraw="900000",
                maxDeposit=None,
                needTag=False,
                depositFeeRate="0.001",
            )
        ],
        name="GALA",
    ),
    coin_row("GALA", "Gala (old token)", [old_chain("ZPT", "zpt")], name="GALAOLD"),
    coin_row("KAGI", "KAGI mixed case", [old_chain("ERC20", "eth", depositMinSize="0")], name="kAGI"),
    coin_row("DEFX", "Def (renamed, suspended)", [old_chain("DEF", "def")], name="DEF"),
    coin_row(
        "NEARX",
        "Odd contract",
        [
            old_chain("NEAR", "near", contractAddress="nearx.tether-token.near", withdrawalMinFee="0", needTag=False),
            old_chain("KAVA EVM Co-Chain", "kavaevm", withdrawFeeRate=None, withdrawMaxFee=None, preConfirms=0),
        ],
    ),
]
