"""WHITEBIT's API, locally. Long: one API is one file, with the data it serves.

Public coins, fees, pairs and tickers, a signed balance, awkward rows included.
"""

import base64
import binascii
import json
from typing import Any

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route, hex_signature, same
from marketctl.sandbox.world import Coin, World

CHAINS = {
    "tron": "TRC20",
    "ethereum": "ERC20",
    "bsc": "BEP20",
    "arbitrum-one": "ARBITRUM",
    "optimism": "OPTIMISM",
    "polygon": "POLYGON",
    "base": "BASE",
    "solana": "SOL",
    "ton": "TON",
    "avalanche-c": "AVAXC",
    "bitcoin": "BTC",
    "litecoin": "LTC",
    "dogecoin": "DOGE",
    "xrp": "XRP",
    "cardano": "ADA",
    "stellar": "XLM",
    "cosmos": "ATOM",
    "polkadot": "DOT",
}
WINDOW_MS = 5000


def failed(number: int, words: str, status: int, errors: dict[str, list[str]] | None = None) -> Reply:
    """Return the error envelope of private calls."""
    return Reply({"code": number, "message": words, "errors": errors or {}}, status)


class SandboxApi(Api):
    """WHITEBIT."""

    name = "WHITEBIT"
    keys = {"api_key": "wb_key_sandbox_0001", "api_secret": "wb_secret_sandbox_0123456789abcdef"}
    # An unknown key and a wrong signature get one and the same answer.
    errors = {
        "rate-limit": Reply(b"Too many requests", 429, {"Content-Type": "text/plain"}),
        "bad-key": failed(10, "Unauthorized request.", 401),
        "bad-signature": failed(10, "Unauthorized request.", 401),
        "payload": failed(9, "Invalid payload.", 400),
        "clock": failed(5, "Your nonce is more than 5 seconds lesser than the current nonce", 400),
        "nonce": failed(0, "Too many requests.", 429),
        "ip": failed(2, "This action is unauthorized. Enable your key in API settings", 401),
        "permission": failed(4, "This API Key is not authorized to perform this action.", 403),
        "region": Reply({"success": False, "message": "api.futures.unavailable", "errors": []}, 451),
        "maintenance": Reply(b"<html><body>Technical works</body></html>", 503, {"Content-Type": "text/html"}),
        "error": Reply({"error": ["Internal server error."]}, 500),
    }

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.nonces: set[int] = set()  # of calls with a window
        self.last_nonce = 0  # of calls without one

    def routes(self) -> dict[str, Route]:
        return {
            "GET /api/v1/public/tickers": self.tickers,
            "GET /api/v4/public/assets": self.assets,
            "GET /api/v4/public/fee": self.fees,
            "GET /api/v4/public/markets": self.markets,
            "GET /api/v4/public/ping": lambda _call: ["pong"],
            "GET /api/v4/public/platform/status": lambda _call: {"status": "system operational"},
            "GET /api/v4/public/ticker": self.activity,
            "GET /api/v4/public/time": lambda _call: {"time": self.now_ms() // 1000},
            "POST /api/v4/trade-account/balance": self.balance,
        }

    def verify(self, call: Call) -> dict[str, Any]:
        """Check payload, key, signature, path and nonce, and return the parameters."""
        payload, key = call.headers.get("x-txc-payload", ""), call.headers.get("x-txc-apikey", "")
        if not payload:
            raise Refused(failed(0, "Payload not provided.", 400))
        try:
            given = json.loads(call.body)
            told = base64.b64decode(payload, validate=True)
        except (ValueError, binascii.Error):
            raise self.refuse("payload") from None
        compact = json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode()
        if not isinstance(given, dict) or not told == call.body == compact:
            raise self.refuse("payload")
        if key != self.keys["api_key"]:
            raise self.refuse("bad-key")
        sign = call.headers.get("x-txc-signature", "")
        if not same(sign, hex_signature(self.keys["api_secret"], payload, "sha512")):
            raise self.refuse("bad-signature")
        if given.get("request") != call.path:
            raise Refused(failed(0, "Request not provided.", 400))
        self.check_nonce(given.get("nonce"), given.get("nonceWindow", False))
        return given

    def check_nonce(self, nonce: Any, window: Any) -> None:
        """Refuse a nonce that was used, that did not rise, or that is no time of now when a window is asked for."""
        if type(nonce) is not int:
            raise Refused(failed(0, "Nonce not provided.", 400))
        if not isinstance(window, bool):
            raise Refused(failed(0, "Invalid nonceWindow.", 400))
        if window and abs(nonce - self.now_ms()) > WINDOW_MS:
            raise self.refuse("clock")
        with self.lock:
            if nonce in self.nonces if window else nonce <= self.last_nonce:
                raise self.refuse("nonce")
            if window:
                self.nonces.add(nonce)
            else:
                self.last_nonce = nonce

    def balance(self, call: Call) -> Any:
        """POST /api/v4/trade-account/balance."""
        ticker = self.verify(call).get("ticker")
        amounts = {"BTC": {"available": "0.12", "freeze": "0"}, "USDT": {"available": "57.12", "freeze": "3"}}
        if ticker is None:
            return amounts
        if ticker not in self.world.by_ticker:
            raise Refused(failed(30, "Validation failed", 422, {"ticker": ["Currency was not found."]}))
        return {ticker: amounts.get(ticker, {"available": "0", "freeze": "0"})}

    def assets(self, call: Call) -> Any:
        """GET /api/v4/public/assets: one network of one coin opens and closes from call to call."""
        tick = self.tick(call)
        return {coin.ticker: self.asset(coin, tick) for coin in self.world.coins} | AWKWARD_ASSETS

    def asset(self, coin: Coin, tick: int) -> dict[str, Any]:
        """Return one coin."""
        names = [CHAINS[network] for network in coin.networks]
        least = {CHAINS[network]: format(coin.fee(network, self.name) * 2, "f") for network in coin.networks}
        closed = {"TRC20"} if coin.ticker == "USDT" and tick % 2 == 0 else set()
        row: dict[str, Any] = {
            "name": coin.name,
            "unified_cryptoasset_id": 825 if coin.ticker == "USDT" else 0,
            "can_withdraw": True,
            "can_deposit": True,
            "min_withdraw": min(least.values()),
            "max_withdraw": "0",
            "maker_fee": "0.1",
            "taker_fee": "0.1",
            "min_deposit": "0.0001",
            "max_deposit": "0",
            "currency_precision": 8,
            "is_memo": coin.memo,
            "memo": {"deposit": coin.memo, "withdraw": coin.memo},
            "networks": {
                "deposits": names,
                "withdraws": [name for name in names if name not in closed],
                "default": names[0],
            },
            "limits": {
                "deposit": {name: {"min": "0.0001"} for name in names},
                "withdraw": {name: {"min": least[name], "max": "900000"} for name in names},
            },
            "confirmations": dict.fromkeys(names, 12),
        }
        if coin.ticker == "USDT":  # networks that died years ago stay here
            row["limits"]["deposit"] |= {"OMNI": {"min": "999999999999999999"}, "EOS": {"min": "1000000000000000000"}}
            row["confirmations"] |= {"OMNI": 3, "EOS": 1, "A": 1}
        return row

    def fees(self, call: Call) -> Any:
        """GET /api/v4/public/fee: the fee of one coin moves."""
        entries = {}
        for coin in self.world.coins:
            for network in coin.networks:
                key = coin.ticker if len(coin.networks) == 1 else f"{coin.ticker} ({CHAINS[network]})"
                fee = format(coin.fee(network, self.name), "f")
                fee += str(self.tick(call) % 5) if coin.ticker == "ETH" else ""
                entries[key] = fee_entry(coin.ticker, coin.name, fee)
        return entries | AWKWARD_FEES

    def markets(self, _call: Call) -> Any:
        """GET /api/v4/public/markets: spot and perpetuals, what cannot be traded at all is not there."""
        made = [market(base, quote) for base, quote in self.world.pairs]
        return [
            *made,
            market("1INCH", "BTC", delistedAt=self.now_ms() // 1000 + 86_400),
            market("FRZ", "USDT"),
            market("QUIET", "EUR"),
            market("BTC", "USDT", name="BTC_PERP", type="futures", stockPrec="3"),
            market("PEPE", "USDT", name="PEPE_PERP", type="futures", stockPrec="-6"),
            market("AAPL", "USD", type="tradfiFutures", isTradFiFutures=True),
            market("DBTC", "DUSDT"),
        ]

    def tickers(self, call: Call) -> Any:
        """GET /api/v1/public/tickers: perpetuals, play money and a pair that is gone from the markets as well."""
        tick, now = self.tick(call), self.now_ms() // 1000
        books = {f"{base}_{quote}": self.world.book(base, quote, self.name, tick) for base, quote in self.world.pairs}
        rows = {name: ticker(book["bid"], book["ask"], book) for name, book in books.items()}
        bitcoin = books["BTC_USDT"]
        rows |= {
            "1INCH_BTC": ticker("0", "0.000004125"),
            "FRZ_USDT": ticker("0.51", "0.52"),
            "QUIET_EUR": ticker("", None),
            "BTC_PERP": ticker(bitcoin["bid"], bitcoin["ask"], bitcoin),
            "PEPE_PERP": ticker("0.000004121", "0.000004122"),
            "DBTC_DUSDT": ticker("91000", "91001"),
            "GONE_USDT": ticker("1.5", "1.6"),
        }
        return {
            "success": True,
            "message": None,
            "result": {name: {"ticker": row, "at": now} for name, row in rows.items()},
        }

    def activity(self, call: Call) -> Any:
        """GET /api/v4/public/ticker: every market, and the only word on a halt."""
        tick = self.tick(call)
        rows = {}
        for row in self.markets(call):
            known = (row["stock"], row["money"]) in self.world.pairs
            book = self.world.book(row["stock"], row["money"], self.name, tick) if known else {}
            rows[row["name"]] = {
                "base_id": 0,
                "quote_id": 0,
                "last_price": book.get("last", "0"),
                "quote_volume": book.get("turnover", "0"),
                "base_volume": book.get("volume", "0"),
                "isFrozen": row["name"] == "FRZ_USDT",
                "change": "-0.42",
            }
        return rows


def fee_entry(ticker: str, name: str, fixed: str | None, flex: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the fees of a coin on a network."""
    return {
        "is_depositable": True,
        "is_withdrawal": True,
        "is_api_withdrawal": True,
        "is_api_depositable": True,
        "ticker": ticker,
        "name": name,
        "providers": [],
        "withdraw": {"max_amount": "0", "min_amount": "0.001", "fixed": fixed, "flex": flex},
        "deposit": {"min_amount": "0.0001", "fixed": None, "flex": None},
    }


def market(stock: str, money: str, **changed: Any) -> dict[str, Any]:
    """Return one row of markets: precisions are texts."""
    row = {
        "name": f"{stock}_{money}",
        "stock": stock,
        "money": money,
        "stockPrec": "6",
        "moneyPrec": "2",
        "feePrec": "6",
        "makerFee": "0.1",
        "takerFee": "0.1",
        "minAmount": "0.00002",
        "minTotal": "5",
        "tradesEnabled": True,
        "type": "spot",
        "isCollateral": False,
        "maxTotal": "9000000",
        "isTradFiFutures": False,
        "delistedAt": None,
    }
    return row | changed


def ticker(bid: str | None, ask: str | None, book: dict[str, str] | None = None) -> dict[str, str | None]:
    """Return one `ticker` of the v1 tickers."""
    book = book or {"last": "0.0000041", "volume": "0", "turnover": "0"}
    return {
        "bid": bid,
        "ask": ask,
        "low": book["last"],
        "high": book["last"],
        "last": book["last"],
        "vol": book["volume"],
        "deal": book["turnover"],
        "change": "-0.42",
    }


def entry(name: str, **more: Any) -> dict[str, Any]:
    """Return one entry of assets with what all kinds have; which further keys are there tells the kind."""
    row = {
        "name": name,
        "unified_cryptoasset_id": 0,
        "can_withdraw": True,
        "can_deposit": True,
        "min_withdraw": "7",
        "max_withdraw": "0",
        "maker_fee": "0.1",
        "taker_fee": "0.1",
        "min_deposit": "2",
        "max_deposit": "0",
        "is_memo": False,
    }
    return row | more


AWKWARD_ASSETS: dict[str, Any] = {
    # Suspended: no lists, no limits, an old answer without `memo`.
    "AVX": entry("Averix", can_withdraw=False, can_deposit=False, is_memo=True, networks={}, confirmations={"AVX": 15}),
    # Percentage fee; the plain key of its fee belongs to neither of its two networks.
    "FLX": entry(
        "Flexcoin",
        currency_precision=4,
        memo={"deposit": True, "withdraw": False},
        networks={"deposits": ["FLX"], "withdraws": ["FLX"], "default": "FLX"},
        confirmations={"FLX": 6},
    ),
    "TWO": entry(
        "Twochain",
        currency_precision=8,
        networks={"deposits": ["ERC20", "BEP20"]},
        limits={"deposit": {"BEP20": {"min": "1000000000000000000"}}, "withdraw": {}},
        confirmations={"ERC20": 32},
    ),
    "BARE": entry("No network at all", currency_precision=8, networks={}, confirmations={}),
    "EUR": entry(
        "Euro",
        currency_precision=2,
        max_withdraw="14000",
        max_deposit="14000",
        providers={"deposits": ["VISAMASTER"], "withdraws": []},
        limits={"deposit": {"VISAMASTER": {"min": "11", "max": "3900"}}, "withdraw": {}},
    ),
    "UAH": entry("Гривня", can_deposit=False, providers={}),
    "EUR_VISAMASTER": entry("EUR Visa/Master", can_withdraw=False, networks={"deposits": ["EUR_VISAMASTER"]}),
    "DBTC": entry("Demo BTC", currency_precision=8, networks={}),
    "DUSDT": entry("Demo USDT", currency_precision=6, networks={}),
}
AWKWARD_FEES: dict[str, Any] = {
    "FLX": fee_entry("FLX", "Flexcoin", None, {"percent": "1.5", "min_fee": "3", "max_fee": "8"}),
    "TWO": fee_entry("TWO", "Twochain", "0.7"),
    "EUR": {
        "is_api_withdrawal": True,
        "is_api_depositable": True,
        "ticker": "EUR",
        "name": "Euro",
        "providers": ["EUR_SEPA_X"],
        "withdraw": {
            "EUR_SEPA_X": {
                "is_withdrawal": True,
                "is_api_withdrawal": True,
                "ticker": "EUR_SEPA_X",
                "name": "EUR SEPA X",
                "max_amount": "14000",
                "min_amount": "11",
                "fixed": None,
                "flex": {"percent": "0.06", "min_fee": "3", "max_fee": "8"},
            }
        },
        "deposit": {},
    },
}
