"""HTX's API, locally. Long: one API is one file, with the data it serves.

Four envelopes, numbers in every notation, a signature over the host, awkward rows included.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib import parse

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route, base64_signature, same
from marketctl.sandbox.world import Coin

# common name -> chain id of a token, base chain, its protocol, shown name
CHAINS = {
    "tron": ("trc20{}", "TRX", "TRC20", "TRC20"),
    "ethereum": ("{}erc20", "ETH", "ERC20", "ERC20"),
    "bsc": ("bep20{}", "BSC", "bep20", "BEP20"),
    "arbitrum-one": ("arc20{}", "ARB", "ARC20", "ARBITRUM"),
    "optimism": ("opt{}", "OP", "OPTERC20", "OPTIMISM"),
    "polygon": ("prc20{}", "MATIC", "PRC20", "POLYGON"),
    "base": ("base{}", "BASE", "BASEERC20", "BASE"),
    "solana": ("sol{}", "SOL", "SPL", "SOLANA"),
    "ton": ("ton{}", "TON", "TVM", "TON"),
}
# What a native coin shows where that is not its own ticker.
NATIVE = {"BNB": "BEP20", "AVAX": "CCHAIN", "ATOM": "ATOM1"}
UNLIMITED = "999999999999999999.000000000000000000"
UNSPLITTABLE = [("USDT", "HUSD"), ("1INCH", "USDT"), ("BTC3L", "USDT"), ("HTX", "TRX")]


def failed(number: str, words: str, status: int = 200) -> Reply:
    """Return the error envelope of /market and /v1, which the gateway uses for /v2 too."""
    return Reply({"status": "error", "err-code": number, "err-msg": words, "data": None}, status)


def refused(words: str) -> Reply:
    """Return what comes for a wrong key, signature, address and time alike, but for the words."""
    return failed("api-signature-not-valid", f"Signature not valid: {words}")


class SandboxApi(Api):
    """HTX."""

    name = "HTX"
    keys = {"api_key": "sandbox-htx-access-key", "api_secret": "sandbox-htx-secret-key"}
    errors = {
        "rate-limit": failed("invalid-parameter", "request limit"),
        "bad-key": refused("Incorrect Access key [Access key错误]"),
        "bad-signature": refused("Verification failure [校验失败]"),
        "clock": refused("无效的提交时间"),
        "ip": refused("Incorrect IP address [IP地址错误]:192.0.2.77"),
        "permission": Reply({"code": 1002, "message": "forbidden"}),
        "maintenance": failed("system-maintenance", "System is in maintenance!"),
        "error": Reply({"code": 500, "message": "system error"}),
    }

    def routes(self) -> dict[str, Route]:
        return {
            "GET /market/tickers": self.tickers,
            "GET /v1/account/accounts": self.accounts,
            "GET /v1/common/symbols": self.old_symbols,
            "GET /v1/common/timestamp": lambda _call: {"status": "ok", "data": self.now_ms()},
            "GET /v2/market-status": lambda _call: {"code": 200, "message": "success", "data": {"marketStatus": 1}},
            "GET /v2/reference/currencies": self.coins,
            "GET /v2/settings/common/currencies": self.names,
            "GET /v2/settings/common/symbols": self.symbols,
            "GET /v2/user/api-key": self.key,
            "GET /v2/user/uid": self.uid,
        }

    def unknown_route(self, call: Call) -> Reply:
        return failed("method-not-allowed", f"Request method '{call.method}' not supported", 405)

    def settings(self, call: Call, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the settings' envelope: the time is a text, and with `ts` only what changed since is told."""
        delta = "ts" in call.query
        return {"status": "ok", "data": [] if delta else rows, "ts": str(self.now_ms()), "full": 0 if delta else 1}

    def verify(self, call: Call) -> dict[str, str]:
        """Check key, method, version, time and the signature over method, host, path and sorted query."""
        given = call.query
        signature = given.pop("Signature", "")
        if not signature or "AccessKeyId" not in given:
            raise Refused(failed("login-required", "Login is required."))
        if given["AccessKeyId"] != self.keys["api_key"]:
            raise self.refuse("bad-key")
        if given.get("SignatureMethod") != "HmacSHA256":
            raise Refused(refused("Incorrect signature method [错误的签名方法]"))
        if given.get("SignatureVersion") != "2":
            raise Refused(refused("Incorrect signature version [错误的签名版本]"))
        stamp = given.get("Timestamp", "")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stamp):
            raise self.refuse("clock")
        sent_s = datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()
        if abs(sent_s - self.now_ms() / 1000) > 60:
            raise self.refuse("clock")
        # Encoded anew and sorted as it must be: lower-case escapes, "+" and another order do not survive this.
        host = call.headers.get("host", "").partition(":")[0].lower()
        message = f"{call.method}\n{host}\n{call.path}\n{parse.urlencode(sorted(given.items()), quote_via=parse.quote)}"
        names = [name for name, _ in parse.parse_qsl(call.raw_query, keep_blank_values=True)]
        right = base64_signature(self.keys["api_secret"], message)
        if call.body or names[-1] != "Signature" or len(names) != len(given) + 1 or not same(signature, right):
            raise self.refuse("bad-signature")
        return given

    def coins(self, call: Call) -> Any:
        """GET /v2/reference/currencies, with `currency` for one coin alone."""
        tick = self.tick(call)
        rows = [
            coin_row(
                coin.ticker.lower(),
                [self.chain_row(coin, network, tick) for network in coin.networks],
            )
            for coin in self.world.coins
        ]
        rows += AWKWARD_COINS
        wanted = call.query.get("currency")
        if wanted is not None:
            rows = [row for row in rows if row["currency"] == wanted]
            if not rows:
                return {"code": 2002, "message": "invalid field value in `currency`"}
        return {"code": 200, "data": rows}

    def chain_row(self, coin: Coin, network: str, tick: int) -> dict[str, Any]:
        """Return one chain of a coin of the made-up market."""
        lower, fee = coin.ticker.lower(), coin.fee(network, self.name)
        if network == coin.native:
            row = chain_row(lower, NATIVE.get(coin.ticker, coin.ticker))
        elif coin.ticker == "ETH" and network == "optimism":
            row = chain_row("opteth", "OPTIMISM")  # no token there either: without a base chain
        else:
            pattern, base, protocol, shown = CHAINS[network]
            row = chain_row(pattern.format(lower), shown, baseChain=base, baseChainProtocol=protocol, chainType=1)
            # Without its 0x, as some of them are.
            row["contractAddress"] = coin.contract(network).removeprefix("0x" if network == "ethereum" else "")
        row |= {"addrWithTag": coin.memo, "addrDepositTag": coin.memo}
        row |= {"minWithdrawAmt": format(fee * 2, "f"), "transactFeeWithdraw": format(fee, "f")}
        # One network of one coin opens and closes from call to call, one fee moves.
        if coin.ticker == "USDT" and network == "tron" and tick % 2 == 0:
            row["withdrawStatus"] = "prohibited"
        if coin.ticker == "ETH" and network == "ethereum":
            row |= {"isDynamic": True, "transactFeeWithdraw": f"{fee:f}{tick % 5}"}
        if coin.ticker == "USDT" and network == "polygon":
            steps = [
                {"max": "100", "fee": format(fee / 2, "f")},
                {"max": "9223372036854775807", "fee": format(fee, "f")},
            ]
            row["withdrawFeeExpandType"] = "stepfixed"
            row["withdrawFeeExpandData"] = {"type": "stepfixed", "step-fixed-step-list": steps}
        return row

    def names(self, call: Call) -> Any:
        """GET /v2/settings/common/currencies."""
        rows = [name_row(coin.ticker.lower(), coin.ticker, coin.name) for coin in self.world.coins]
        rows += [name_row("eur", "EUR", "Euro", fiat=True), name_row("newgala", "GALA", "Gala Games")]
        return self.settings(call, rows)

    def symbols(self, call: Call) -> Any:
        """GET /v2/settings/common/symbols: delisted pairs stay in the list."""
        pairs = [*self.world.pairs, *UNSPLITTABLE]
        rows = [symbol_row(base, quote) for base, quote in pairs]
        rows += [
            symbol_row("NEWGALA", "USDT", bcdn="GALA", dn="GALA/USDT"),
            symbol_row("OLDDEF", "USDT", state="offline", te=False, sp="st", tags="st"),
            symbol_row("SOON", "USDT", state="pre-online", te=False),
            symbol_row("PAUSED", "USDT", te=False),
        ]
        return self.settings(call, rows)

    def old_symbols(self, _call: Call) -> Any:
        """GET /v1/common/symbols, the elder list that others still read: no delisted pairs, sizes of orders."""
        limits = dict.fromkeys(("min-order-amt", "limit-order-min-order-amt", "sell-market-min-order-amt"), 0.1)
        limits |= dict.fromkeys(("max-order-amt", "limit-order-max-order-amt", "sell-market-max-order-amt"), 5000)
        pairs = [*self.world.pairs, *UNSPLITTABLE, ("NEWGALA", "USDT")]
        rows = [
            {
                "base-currency": base.lower(),
                "quote-currency": quote.lower(),
                "price-precision": 6,
                "amount-precision": 4,
                "symbol-partition": "main",
                "symbol": f"{base}{quote}".lower(),
                "state": "online",
                "value-precision": 8,
                "min-order-value": 5,
                "buy-market-max-order-value": 100000,
                "api-trading": "enabled",
                **limits,
            }
            for base, quote in pairs
        ]
        return {"status": "ok", "data": rows}

    def tickers(self, call: Call) -> Reply:
        """GET /market/tickers: JSON numbers as Java writes them."""
        tick = self.tick(call)
        rows = []
        for base, quote in self.world.pairs:
            book = self.world.book(base, quote, self.name, tick)
            rows.append(ticker((base + quote).lower(), book))
        still = {"last": "0.002", "volume": "0", "turnover": "0", "bid_size": "1250.5", "ask_size": "9000"}
        for symbol in ("usdthusd", "1inchusdt", "newgalausdt", "htxtrx"):
            rows.append(ticker(symbol, still | {"bid": "0.0019", "ask": "0.0021"}))
        rows += [
            ticker("btc3lusdt", still | {"bid": "0", "bid_size": "0", "ask": "0.0021"}),
            ticker("olddefusdt", still | {"bid": "0.00004147", "ask": "0.00005"}),  # delisted, and still told
            ticker("pausedusdt", still | {"bid": "0", "bid_size": "0", "ask": "0", "ask_size": "0"}),
            ticker("ghostusdt", still | {"bid": "1", "ask": "2"}),
            ticker("btc3lusdtnav", still | {"bid": "0.002", "ask": "0.002"}),
        ]
        text = json.dumps({"status": "ok", "ts": self.now_ms(), "data": rows}, separators=(",", ":"))
        window_end = self.now_ms() // 300_000 * 300_000 + 300_000
        left = {"X-HB-RateLimit-Requests-Remain": str(max(0, 4500 - tick))}
        left["X-HB-RateLimit-Requests-Expire"] = str(window_end)
        return Reply(re.sub(r'"=([^"]+)"', r"\1", text).encode(), headers=left)

    def uid(self, call: Call) -> Any:
        """GET /v2/user/uid."""
        self.verify(call)
        return {"code": 200, "data": 70000001}

    def key(self, call: Call) -> Any:
        """GET /v2/user/api-key: of one key, or of all the user has."""
        given = self.verify(call)
        if given.get("uid") != "70000001":
            return {"code": 2002, "message": "invalid field value in `uid`"}
        rows = [
            key_row(self.keys["api_key"], "readOnly", note="collector"),
            key_row("sandbox-htx-other-key", "readOnly,trade,withdraw", validDays=7, ipAddresses=""),
        ]
        wanted = given.get("accessKey")
        return {"code": 200, "message": "success", "data": [row for row in rows if wanted in (None, row["accessKey"])]}

    def accounts(self, call: Call) -> Any:
        """GET /v1/account/accounts."""
        self.verify(call)
        return {"status": "ok", "data": [{"id": 70000101, "type": "spot", "subtype": "", "state": "working"}]}


def java_double(text: str) -> str:
    """Write a number as the server does ("=" marks it for tickers): 4.147E-5, 1.5E8, 880000.0, but 0."""
    value = Decimal(text).normalize()
    if not value:
        return "=0"
    if Decimal("0.001") <= value < 10**7:
        plain = format(value, "f")
        return f"={plain}" if "." in plain else f"={plain}.0"
    digits, _, exponent = format(value, "E").partition("E")
    return f"={digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def ticker(symbol: str, book: dict[str, str]) -> dict[str, Any]:
    """Return one row of tickers."""
    last = java_double(book["last"])
    return {
        "symbol": symbol,
        "open": last,
        "high": last,
        "low": last,
        "close": last,
        "amount": java_double(book["volume"]),
        "vol": java_double(book["turnover"]),
        "count": 4083,
        "bid": java_double(book["bid"]),
        "bidSize": java_double(book["bid_size"]),
        "ask": java_double(book["ask"]),
        "askSize": java_double(book["ask_size"]),
    }


def chain_row(chain: str, shown: str, **changed: Any) -> dict[str, Any]:
    """Return an open chain with a fixed fee. A field changed to None is missing."""
    row = {
        "chain": chain,
        "displayName": shown,
        "fullName": "",
        "chainType": 0,
        "isDynamic": False,
        "numOfConfirmations": 12,
        "numOfFastConfirmations": 6,
        "depositStatus": "allowed",
        "minDepositAmt": "0.1",
        "withdrawStatus": "allowed",
        "minWithdrawAmt": "0.5",
        "withdrawPrecision": 6,
        "maxWithdrawAmt": UNLIMITED,
        "withdrawQuotaPerDay": UNLIMITED,
        "withdrawFeeType": "fixed",
        "withdrawFeeExpandType": "fixed",
        "transactFeeWithdraw": "0.25",
        "addrWithTag": False,
        "addrDepositTag": False,
    } | changed
    quotas = {"withdrawQuotaPerYear": None, "withdrawQuotaTotal": None, "withdrawFeeExpandData": None}
    return {name: value for name, value in row.items() if value is not None} | quotas


def coin_row(currency: str, chains: list[dict[str, Any]] | None, **changed: Any) -> dict[str, Any]:
    """Return one coin of /v2/reference/currencies."""
    return {"currency": currency, "assetType": 1, "chains": chains, "instStatus": "normal"} | changed


def name_row(coin: str, shown: str, name: str, fiat: bool = False) -> dict[str, Any]:
    """Return one coin of /v2/settings/common/currencies."""
    return {
        "cc": coin,
        "dn": shown,
        "fn": name,
        "at": 2 if fiat else 1,
        "state": "online",
        "de": True,
        "wed": True,
        "dma": "0.1",
        "wma": "0.5",
        "wp": 6,
        "sp": "8",
        "cawt": False,
        "fc": 6,
        "sc": 12,
        "w": 10006,
        "tags": "",
        "dd": f"Please deposit {shown} alone to this address.",
        "svd": None,
    }


def symbol_row(base: str, quote: str, **changed: Any) -> dict[str, Any]:
    """Return one pair of /v2/settings/common/symbols."""
    leveraged = base == "BTC3L"
    return {
        "sc": (base + quote).lower(),
        "dn": f"{base}/{quote}",
        "bc": base.lower(),
        "bcdn": base,
        "qc": quote.lower(),
        "qcdn": quote,
        "state": "online",
        "te": True,
        "whe": False,
        "cd": False,
        "sp": "main",
        "tags": "etp,nav" if leveraged else "",
        "tpp": 4,
        "tap": 2,
        "ttp": 8,
        "fp": 8,
        "toa": 1514779200000,
        "w": 999400000,
        "lr": 3,
        "smlr": None,
        "wr": "1.5",
        "elr": None,
        "d": 1 if leveraged else None,
        "p": None,
    } | changed


def key_row(key: str, permission: str, **changed: Any) -> dict[str, Any]:
    """Return one key of /v2/user/api-key."""
    return {
        "accessKey": key,
        "status": "normal",
        "note": "",
        "permission": permission,
        "ipAddresses": "127.0.0.1",
        "validDays": -1,
        "createTime": 1767200000000,
        "updateTime": 1767200000000,
    } | changed


TRON = {"baseChain": "TRX", "baseChainProtocol": "TRC20", "chainType": 1}
ETHER = {"baseChain": "ETH", "baseChainProtocol": "ERC20", "chainType": 1}
AWKWARD_COINS: list[dict[str, Any]] = [
    # Two chains of one coin under one shown name; a percentage in place of a fee.
    coin_row(
        "twin",
        [
            chain_row("twintrc20", "TRC20", contractAddress="TTwin00000000000000000000000000001", **TRON),
            chain_row(
                "trc20twin",
                "TRC20",
                contractAddress="TTwin00000000000000000000000000002",
                withdrawFeeType="ratio",
                withdrawFeeExpandType="ratio",
                transactFeeWithdraw=None,
                transactFeeRateWithdraw="0.002",
                maxWithdrawAmt="10000000000000.000000000000000000",
                **TRON,
            ),
        ],
    ),
    # Renamed: shown as GALA.
    coin_row("newgala", [chain_row("newgalaerc20", "", contractAddress="dac17f95" + "0" * 32, **ETHER)]),
    # A fee within a range, a shown name that is the coin's nickname, nothing told of a memo.
    coin_row(
        "rangy",
        [
            chain_row(
                "rangyerc20",
                "RANGYB",
                withdrawFeeType="circulated",
                withdrawFeeExpandType=None,
                transactFeeWithdraw=None,
                minTransactFeeWithdraw="0.10000000",
                maxTransactFeeWithdraw="1.00000000",
                addrWithTag=None,
                addrDepositTag=None,
                isDynamic=None,
                **ETHER,
            )
        ],
    ),
    coin_row("olddef", [chain_row("olddef", "OLDDEF")], instStatus="delisted"),
    coin_row("gone", [], instStatus="delisted"),
    coin_row("bare", []),
    coin_row("nul", None),
    coin_row("eur", [], assetType=2),
]
