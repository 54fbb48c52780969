"""BYBIT's API, locally: signed list of coins, spot tickers and pairs, awkward rows included."""

from typing import Any

from marketctl.sandbox.base import Api, Call, Reply, Route, hex_signature, same
from marketctl.times import DAY_MS

CHAINS = {
    "tron": ("TRX", "TRC20"),
    "ethereum": ("ETH", "Ethereum"),
    "bsc": ("BSC", "BNB Smart Chain"),
    "arbitrum-one": ("ARBI", "Arbitrum One"),
    "optimism": ("OP", "OP Mainnet"),
    "polygon": ("MATIC", "Polygon PoS"),
    "base": ("BASE", "Base Mainnet"),
    "solana": ("SOL", "SOL"),
    "ton": ("TON", "TON"),
    "avalanche-c": ("CAVAX", "AVAXC"),
    "bitcoin": ("BTC", "BTC"),
    "litecoin": ("LTC", "LTC"),
    "dogecoin": ("DOGE", "Dogecoin"),
    "xrp": ("XRP", "XRP"),
    "cardano": ("ADA", "ADA"),
    "stellar": ("XLM", "XLM"),
    "cosmos": ("ATOM", "ATOM"),
    "polkadot": ("DOT", "DOT"),
}


def failed(number: int, words: str, status: int = 200) -> Reply:
    """Return BYBIT's error envelope."""
    return Reply({"retCode": number, "retMsg": words, "result": {}, "retExtInfo": {}, "time": 1767225601000}, status)


class SandboxApi(Api):
    """BYBIT."""

    name = "BYBIT"
    keys = {"api_key": "SANDBOXBYBITKEY001", "api_secret": "sandbox-bybit-secret-0123456789abcdef"}
    errors = {
        "rate-limit": failed(10006, "Too many visits. Exceeded the API Rate Limit."),
        "bad-key": failed(10003, "API key is invalid."),
        "bad-signature": failed(10004, "error sign! please check your signature generation algorithm."),
        "clock": failed(10002, "invalid request, please check your server timestamp or recv_window param."),
        "ip": Reply({"retCode": 10010, "retMsg": "Unmatched IP, please check your API key's bound IP addresses."}),
        "permission": failed(10005, "Permission denied, please check your API key permissions."),
        "maintenance": failed(10016, "Service is under maintenance."),
        "error": failed(10016, "Internal server error."),
    }

    def routes(self) -> dict[str, Route]:
        return {
            "GET /v5/asset/coin/query-info": self.coins,
            "GET /v5/market/tickers": self.tickers,
            "GET /v5/market/instruments-info": self.instruments,
            "GET /v5/market/time": self.time,
            "GET /v5/system/status": self.status,
            "GET /v5/user/query-api": self.key,
        }

    def unknown_route(self, call: Call) -> Reply:
        return failed(10017, f"Route not found: {call.path}", 404)

    def wrap(self, result: Any) -> dict[str, Any]:
        """Return the success envelope."""
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now_ms()}

    def verify(self, call: Call) -> None:
        """Check the four headers: key, window, clock, signature over exactly what was sent."""
        stamp, window = call.headers.get("x-bapi-timestamp", ""), call.headers.get("x-bapi-recv-window", "5000")
        key, sign = call.headers.get("x-bapi-api-key", ""), call.headers.get("x-bapi-sign", "")
        if call.body:
            raise self.refuse("bad-signature")
        if not (key and sign and stamp.isdigit()):
            raise self.refuse("bad-key")
        if key != self.keys["api_key"]:
            raise self.refuse("bad-key")
        now = self.now_ms()
        if not now - int(window) <= int(stamp) < now + 1000:
            raise self.refuse("clock")
        if not same(sign, hex_signature(self.keys["api_secret"], f"{stamp}{key}{window}{call.raw_query}")):
            raise self.refuse("bad-signature")

    def need_spot(self, call: Call) -> None:
        """Refuse a market call without its category."""
        if call.query.get("category") != "spot":
            raise_failed(10001, "params error: Category is invalid")

    def coins(self, call: Call) -> Any:
        """GET /v5/asset/coin/query-info."""
        self.verify(call)
        tick = self.tick(call)
        rows = []
        for coin in self.world.coins:
            chains = []
            for network in coin.networks:
                code, shown = CHAINS[network]
                # One network of one coin opens and closes from call to call, one fee moves.
                closed = coin.ticker == "USDT" and network == "tron" and tick % 2 == 0
                fee = format(coin.fee(network, self.name), "f") + (str(tick % 5) if coin.ticker == "ETH" else "")
                chains.append(
                    {
                        "chainType": shown,
                        "confirmation": "6",
                        "withdrawFee": fee,
                        "depositMin": "0",
                        "withdrawMin": format(coin.fee(network, self.name) * 2, "f"),
                        "chain": code,
                        "chainDeposit": "1",
                        "chainWithdraw": "0" if closed else "1",
                        "minAccuracy": "6",
                        "withdrawPercentageFee": "0",
                        "contractAddress": coin.contract(network),
                        "safeConfirmNumber": "64",
                        "withdrawMax": "-1" if network == "tron" else "7500000",
                    }
                )
            rows.append({"name": coin.name, "coin": coin.ticker, "remainAmount": "0", "chains": chains})
        rows += AWKWARD_COINS
        return self.wrap({"rows": rows})

    def instruments(self, call: Call) -> Any:
        """GET /v5/market/instruments-info?category=spot: only pairs that trade."""
        self.need_spot(call)
        rows = [
            {
                "symbolId": index,
                "symbol": base + quote,
                "baseCoin": base,
                "quoteCoin": quote,
                "innovation": "0",
                "status": "Trading",
                "marginTrading": "none",
                "stTag": "0",
                "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.00002"},
                "priceFilter": {"tickSize": "0.1"},
                "riskParameters": {"priceLimitRatioX": "0.006", "priceLimitRatioY": "0.012"},
                "symbolType": "",
            }
            for index, (base, quote) in enumerate([*self.world.pairs, ("DEAD", "EUR"), ("ABC3L", "USDT")])
        ]
        return self.wrap({"category": "spot", "list": rows})

    def tickers(self, call: Call) -> Any:
        """GET /v5/market/tickers?category=spot."""
        self.need_spot(call)
        tick = self.tick(call)
        rows = []
        for base, quote in self.world.pairs:
            book = self.world.book(base, quote, self.name, tick)
            rows.append(
                ticker(
                    base + quote,
                    (book["bid"], book["bid_size"]),
                    (book["ask"], book["ask_size"]),
                    book["last"],
                    book["volume"],
                    book["turnover"],
                )
            )
        rows += [
            ticker("DEADEUR", ("", ""), ("", ""), "2.5", "0", "0"),
            ticker("ABC3LUSDT", ("0.043", "1250"), ("0", "0"), "0.045", "0", "0"),
            ticker("GHOSTUSDT", ("1.5", "10"), ("1.6", "10"), "1.5", "10", "15"),
        ]
        return self.wrap({"category": "spot", "list": rows})

    def time(self, _call: Call) -> Any:
        """GET /v5/market/time."""
        now = self.now_ms()
        return self.wrap({"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000 + 123_456)})

    def status(self, _call: Call) -> Any:
        """GET /v5/system/status: one past and one planned event."""
        event = {"href": "", "serviceTypes": [1, 2, 5], "product": [2], "uidSuffix": [], "maintainType": 1, "env": 1}
        return self.wrap(
            {
                "list": [
                    {
                        "id": "0c0ffee0-0000-11f0-aaaa-000000000001",
                        "title": "Spot engine upgrade",
                        "state": "scheduled",
                        "begin": str(self.now_ms() + DAY_MS),
                        "end": str(self.now_ms() + 90_000_000),
                        **event,
                    },
                    {
                        "id": "0c0ffee0-0000-11f0-aaaa-000000000002",
                        "title": "Past upgrade",
                        "state": "completed",
                        "begin": "1751596902000",
                        "end": "1751597011000",
                        **event,
                    },
                ]
            }
        )

    def key(self, call: Call) -> Any:
        """GET /v5/user/query-api."""
        self.verify(call)
        return self.wrap(
            {
                "id": "900001",
                "note": "collector",
                "apiKey": "XXXXXXXX",
                "readOnly": 1,
                "secret": "",
                "permissions": {"Spot": [], "Wallet": ["AccountTransfer"], "Exchange": []},
                "ips": ["*"],
                "type": 1,
                "deadlineDay": 71,
                "expiredAt": "2027-03-13T00:00:00Z",
                "vipLevel": "No VIP",
                "isMaster": True,
            }
        )


def raise_failed(number: int, words: str) -> None:
    """End a call with an error of this number."""
    from marketctl.sandbox.base import Refused

    raise Refused(failed(number, words))


def ticker(
    symbol: str, bid: tuple[str, str], ask: tuple[str, str], last: str, volume: str, turnover: str
) -> dict[str, str]:
    """Return one row of tickers; sides are (price, size)."""
    return {
        "symbol": symbol,
        "bid1Price": bid[0],
        "bid1Size": bid[1],
        "ask1Price": ask[0],
        "ask1Size": ask[1],
        "lastPrice": last,
        "prevPrice24h": last,
        "price24hPcnt": "0.0124",
        "highPrice24h": last,
        "lowPrice24h": last,
        "turnover24h": turnover,
        "volume24h": volume,
        "usdIndexPrice": "",
    }


def old_chain(chain: str, shown: str, **changed: str) -> dict[str, str]:
    """Return a retired network with empty fields."""
    row = {
        "chainType": shown,
        "confirmation": "",
        "withdrawFee": "",
        "depositMin": "",
        "withdrawMin": "",
        "chain": chain,
        "chainDeposit": "0",
        "chainWithdraw": "0",
        "minAccuracy": "4",
        "withdrawPercentageFee": "",
        "contractAddress": "",
    }
    return row | changed


AWKWARD_COINS: list[dict[str, Any]] = [
    {
        "name": "OLDC",
        "coin": "OLDC",
        "remainAmount": "0",
        "chains": [
            old_chain("ZKSYNC", "zkSync Lite", withdrawFee="0.5", withdrawMin="0.5", withdrawPercentageFee="0.022"),
            old_chain("OMNI", "OMNI", chainDeposit="1", chainWithdraw="", confirmation="1", depositMin="0"),
        ],
    },
    {"name": "", "coin": "GONE", "remainAmount": "0", "chains": []},
    {"name": "NUL", "coin": "NUL", "chains": None},
]
