"""MEXC's API, locally. Long: one API is one file, with the data it serves.

Signed coins and key details, tickers, pairs and the offline list, awkward rows included.
"""

from hashlib import sha256
from typing import Any

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route, hex_signature, same
from marketctl.sandbox.world import Coin

NETWORKS = {
    "tron": ("TRX", "Tron(TRC20)"),
    "ethereum": ("ETH", "Ethereum(ERC20)"),
    "bsc": ("BSC", "BNB Smart Chain(BEP20)"),
    "arbitrum-one": ("ARB", "Arbitrum One(ARB)"),
    "optimism": ("OP", "Optimism(OP)"),
    "polygon": ("MATIC", "Polygon(MATIC)"),
    "base": ("BASE", "BASE"),
    "solana": ("SOL", "Solana(SOL)"),
    "ton": ("TONCOIN", "Toncoin(TON)"),
    "avalanche-c": ("AVAX_CCHAIN", "Avalanche C Chain(AVAX CCHAIN)"),
    "bitcoin": ("BTC", "Bitcoin(BTC)"),
    "litecoin": ("LTC", "Litecoin(LTC)"),
    "dogecoin": ("DOGE", "Dogecoin(DOGE)"),
    "xrp": ("XRP", "Ripple(XRP)"),
    "cardano": ("ADA", "Cardano(ADA)"),
    "stellar": ("XLM", "Stellar(XLM)"),
    "cosmos": ("ATOM", "Cosmos(ATOM)"),
    "polkadot": ("DOT", "Polkadot(DOT)"),
}
MEMO_TIP = "MEMO needed as well as the address."
# The coin of the world that shares no more than its ticker with what the others call so.
TWIN = 16


def failed(number: int, words: str, status: int = 400, headers: dict[str, str] | None = None) -> Reply:
    """Return MEXC's error body."""
    return Reply({"code": number, "msg": words}, status, headers or {})


class SandboxApi(Api):
    """MEXC."""

    name = "MEXC"
    keys = {"api_key": "mx0SANDBOXKEY00001", "api_secret": "5a4db0c5000111222333444555666777"}
    errors = {
        "rate-limit": failed(429, "Too many requests", 429, {"Retry-After": "1"}),
        "banned": failed(418, "Your IP has been banned", 418, {"Retry-After": "120"}),
        "bad-key": failed(10072, "Api key info invalid"),
        "bad-signature": failed(700002, "Signature for this request is not valid."),
        "clock": failed(700003, "Timestamp for this request is outside of the recvWindow."),
        "window": failed(700005, "recvWindow must be less than 60000"),
        "no-parameter": failed(700004, "Mandatory parameter was not sent, was empty/null, or malformed."),
        "ip": failed(700006, "IP [203.0.113.9] not in the ip white list"),
        "permission": failed(700007, "No permission to access the endpoint."),
        "maintenance": Reply(
            {
                "code": 500,
                "message": "Under maintenance, please try again later",
                "announcement": "https://www.example.com/support",
            },
            503,
        ),
        "error": Reply({"code": 730000, "msg": "Request failed", "_extend": None, "timestamp": 1767225600000}, 500),
    }

    def routes(self) -> dict[str, Route]:
        return {
            "GET /api/v3/apiKeyInfo": self.key,
            "GET /api/v3/capital/config/getall": self.coins,
            "GET /api/v3/exchangeInfo": self.info,
            "GET /api/v3/ping": self.ping,
            "GET /api/v3/symbol/offline": self.offline,
            "GET /api/v3/ticker/24hr": self.tickers,
            "GET /api/v3/time": self.time,
        }

    def unknown_route(self, _call: Call) -> Reply:
        return failed(404, "Not Found", 404)

    def verify(self, call: Call) -> None:
        """Check key, parameters, window and the signature: last in the query, lower-case hex, over all before it."""
        key = call.headers.get("x-mexc-apikey", "")
        signed, _, signature = call.raw_query.rpartition("&signature=")
        stamp, window = call.query.get("timestamp", ""), call.query.get("recvWindow", "5000")
        if not key:
            raise Refused(failed(400, "api key required"))
        if not (signed and stamp.isdigit() and window.isdigit()):
            raise self.refuse("no-parameter")
        if key != self.keys["api_key"]:
            raise self.refuse("bad-key")
        if int(window) > 60000:
            raise self.refuse("window")
        now = self.now_ms()
        if not (int(stamp) < now + 1000 and now - int(stamp) <= int(window)):
            raise self.refuse("clock")
        if call.body or not same(signature, hex_signature(self.keys["api_secret"], signed)):
            raise self.refuse("bad-signature")

    def coins(self, call: Call) -> Any:
        """GET /api/v3/capital/config/getall: a bare list."""
        self.verify(call)
        tick = self.tick(call)
        rows = []
        for index, coin in enumerate(self.world.coins):
            rows.append(
                {
                    "coin": coin.ticker,
                    "name": coin.name,
                    "networkList": [
                        self.network(coin, network, tick, twin=index == TWIN and not place)
                        for place, network in enumerate(coin.networks)
                    ],
                }
            )
        return rows + AWKWARD_COINS

    def network(self, coin: Coin, network: str, tick: int, *, twin: bool) -> dict[str, Any]:
        """Return one network: from time to time USDT's tron closes, and ETH's fee moves."""
        code, shown = NETWORKS[network]
        fee = coin.fee(network, self.name)
        memo = coin.memo and network == coin.native
        contract = coin.contract(network)
        if twin:
            mark = sha256(f"{coin.ticker}, another coin".encode()).hexdigest()
            contract = f"T{mark[:33]}" if network == "tron" else f"0x{mark[:40]}"
        return network_row(
            coin.ticker,
            shown,
            code,
            name=f"{coin.ticker}-{code}",
            depositPreConfirms=3 if network == "tron" else None,
            withdrawEnable=not (coin.ticker == "USDT" and network == "tron" and tick % 2 == 0),
            withdrawFee=format(fee, "f") + (str(tick % 5) if coin.ticker == "ETH" else ""),
            withdrawMin=format(fee * 2, "f"),
            withdrawIntegerMultiple="18" if network == "bsc" else "6",
            sameAddress=memo,
            contract=contract,
            withdrawTips=MEMO_TIP if memo else None,
            depositTips=MEMO_TIP if memo else None,
        )

    def info(self, call: Call) -> Any:
        """GET /api/v3/exchangeInfo: what is offline is mostly left out."""
        rows = [info_row(base, quote) for base, quote in self.world.pairs]
        rows += [
            info_row("DEAD", "USDT"),
            info_row("STOP", "USDT"),
            info_row("ABC3L", "USDT", status="2", fullName="ABC 3x Long"),
            info_row("WORD", "USDT", status="ENABLED", tradeSideType="1"),
            info_row("SHUT", "USDT", tradeSideType=4),
            info_row("67", "USDT", isSpotTradingAllowed=False, contractAddress="xtokens"),
            info_row("龙猫", "USDT"),
        ]
        for name in ("tradeSideType", "st", "conceptPlateIds"):
            del rows[-2][name]
        wanted = call.query.get("symbols") or call.query.get("symbol")
        if wanted:
            rows = [row for row in rows if row["symbol"] in wanted.split(",")]
        return {
            "timezone": "CST",
            "serverTime": self.now_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": rows,
        }

    def offline(self, _call: Call) -> Any:
        """GET /api/v3/symbol/offline: suspended (2) and delisted (3), with and without a time."""
        return {
            "data": [
                {"symbol": "OLDUSDT", "state": 3, "offlineTime": 1735689600000},
                {"symbol": "STOPUSDT", "state": 2},
                {"symbol": "ANCIENTETH", "state": 3},
            ]
        }

    def tickers(self, call: Call) -> Any:
        """GET /api/v3/ticker/24hr: a list of all, or the object of the one asked for."""
        tick, now = self.tick(call), self.now_ms()
        rows = [
            ticker_row(base + quote, self.world.book(base, quote, self.name, tick), now)
            for base, quote in self.world.pairs
        ]
        book = {"bid": "0.0391", "bid_size": "120.5", "ask": "0.0392", "ask_size": "88", "last": "0.0391"}
        book |= {"volume": "1200", "turnover": "46.92"}
        rows += [
            ticker_row("DEADUSDT", book, now, bidPrice="", bidQty="", volume="0", quoteVolume=None),
            ticker_row("STOPUSDT", book, now, bidPrice=None, bidQty=None, askPrice=None, askQty=None),
            ticker_row("ABC3LUSDT", book, now, askPrice="0", askQty="0"),
            ticker_row("WORDUSDT", book, now, bidQty="", askQty=""),
            ticker_row("SHUTUSDT", book, now),
            ticker_row("67USDT", book, now, bidPrice="0.03910", askPrice="0.03920"),
            ticker_row("龙猫USDT", book, now),
            ticker_row("OLDUSDT", book, now),
        ]
        wanted = call.query.get("symbol")
        if wanted is None:
            return rows
        return next((row for row in rows if row["symbol"] == wanted), failed(-1121, "Invalid symbol."))

    def ping(self, _call: Call) -> Any:
        """GET /api/v3/ping."""
        return {}

    def time(self, _call: Call) -> Any:
        """GET /api/v3/time."""
        return {"serverTime": self.now_ms()}

    def key(self, call: Call) -> Any:
        """GET /api/v3/apiKeyInfo?accessKey=."""
        self.verify(call)
        if call.query.get("accessKey") != self.keys["api_key"]:
            raise self.refuse("bad-key")
        return {
            "note": "collector",
            "accessKey": self.keys["api_key"],
            "createTime": "2026-09-01T10:00:00.000+00:00",
            "permissions": "SPOT_ACCOUNT_READ,SPOT_WITHDRAW_READ",
            "remainingValidity": 82,
            "ipWhiteList": "",
            "status": "VALID",
        }


def network_row(coin: str, shown: str, code: str | None, **changed: Any) -> dict[str, Any]:
    """Return one element of networkList; without a code it has the keys of before mid-2024."""
    row: dict[str, Any] = {
        "coin": coin,
        "depositDesc": None,
        "depositEnable": True,
        "minConfirm": 25,
        "depositPreConfirms": None,
        "name": coin,
        "network": shown,
        "withdrawEnable": True,
        "withdrawFee": "1",
        "withdrawIntegerMultiple": None,
        "withdrawMax": "12000000",
        "withdrawMin": "2",
        "sameAddress": False,
        "contract": "",
        "withdrawTips": None,
        "depositTips": None,
        "netWork": code,
    }
    if code is None:
        del row["netWork"], row["depositPreConfirms"]
    return row | changed


def info_row(base: str, quote: str, **changed: Any) -> dict[str, Any]:
    """Return one pair."""
    row = {
        "symbol": base + quote,
        "status": "1",
        "baseAsset": base,
        "baseAssetPrecision": 2,
        "quoteAsset": quote,
        "quotePrecision": 5,
        "quoteAssetPrecision": 5,
        "baseCommissionPrecision": 2,
        "quoteCommissionPrecision": 5,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": base != "BTC",
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": "1",
        "baseSizePrecision": "0",
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "0.2", "askMultiplierDown": "0.2"},
        ],
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "quoteAmountPrecisionMarket": "1",
        "maxQuoteAmountMarket": "100000",
        "fullName": base,
        "tradeSideType": 1,
        "contractAddress": "",
        "conceptPlateIds": [7],
        "st": False,
    }
    return row | changed


def ticker_row(symbol: str, book: dict[str, str], now: int, **changed: Any) -> dict[str, Any]:
    """Return one row of tickers; times are numbers, and not 24 h apart."""
    row: dict[str, Any] = {
        "symbol": symbol,
        "priceChange": "0.0002",
        "priceChangePercent": "0.0124",
        "prevClosePrice": book["last"],
        "lastPrice": book["last"],
        "bidPrice": book["bid"],
        "bidQty": book["bid_size"],
        "askPrice": book["ask"],
        "askQty": book["ask_size"],
        "openPrice": book["last"],
        "highPrice": book["last"],
        "lowPrice": book["last"],
        "volume": book["volume"],
        "quoteVolume": book["turnover"],
        "openTime": now - 20192,
        "closeTime": now,
        "count": None,
    }
    return row | changed


AWKWARD_COINS: list[dict[str, Any]] = [
    {
        "coin": "HALF",
        "name": "Half Coin",
        "networkList": [
            # Suspended in words, open by the switch.
            network_row(
                "HALF", "Ethereum(ERC20)", "ETH", depositDesc="Deposits paused for a wallet upgrade", minConfirm=70
            ),
            network_row("HALF", "Solana(SOL)", "SOL", depositEnable=False, withdrawEnable=False, depositDesc=""),
        ],
    },
    {
        # The shape of before mid-2024: padded amounts, no code, and the documented capital letter.
        "coin": "EOS",
        "Name": "EOS",
        "networkList": [
            network_row(
                "EOS",
                "EOS",
                None,
                minConfirm=0,
                withdrawFee="0.250000000000000000",
                withdrawMin="0.500000000000000000",
                withdrawMax="8000.000000000000000000",
                withdrawTips=MEMO_TIP,
                depositTips=MEMO_TIP,
            )
        ],
    },
    {
        "coin": "STEP",
        "name": "Step Coin",
        "networkList": [
            network_row("STEP", "Near(NEAR)", "NEAR", withdrawIntegerMultiple="0.001", contract="step.token.near"),
            network_row(
                "STEP",
                "Asset Hub(Polkadot)",
                "DOTASSETHUB",
                withdrawIntegerMultiple=8,
                withdrawMax="10000000000000000000000",
                contract="1984",
                withdrawTips="",
            ),
        ],
    },
    {"coin": "GONE", "name": "Gone Coin", "networkList": []},
    {"coin": "NUL", "name": "Nul", "networkList": None},
    {"coin": "龙猫", "name": "龙猫", "networkList": [network_row("龙猫", "BNB Smart Chain(BEP20)", "BSC")]},
]
