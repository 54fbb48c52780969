"""RAPIRA's API, locally: public rates, pairs and coins, an RSA login, awkward rows included."""

import base64
import json
from functools import cache
from typing import Any

from marketctl.sandbox.base import Api, Call, Reply, Route
from marketctl.sandbox.world import Coin, World

CHAINS = {
    "tron": ("TRX", "TRC20"),
    "ethereum": ("ETH", "ERC20"),
    "bsc": ("BSC", "BEP20"),
    "arbitrum-one": ("ARB", "Arbitrum One"),
    "optimism": ("OP", "Optimism"),
    "polygon": ("MATIC", "Polygon"),
    "base": ("BASE", "Base"),
    "solana": ("SOL", "SPL"),
    "ton": ("TON", "TON"),
    "avalanche-c": ("AVAXC", "AVAX C-Chain"),
    "bitcoin": ("BTC", ""),
    "litecoin": ("LTC", ""),
    "dogecoin": ("DOGE", ""),
    "xrp": ("XRP", ""),
    "cardano": ("ADA", ""),
    "stellar": ("XLM", ""),
    "cosmos": ("ATOM", ""),
    "polkadot": ("DOT", ""),
}
LONGEST_LIFE_S = 31 * 86_400

# Made for this sandbox, guards nothing: an RSA key as the exchange hands it out, base64 of a PEM file.
PRIVATE_KEY = (
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2Z0lCQURBTkJna3Foa2lHOXcwQkFRRUZBQVNDQktnd2dnU2tBZ0VBQW9JQkFRRGNCQzZ2"
    "amhCT2lRQ0UKQWJOclUvNVNjSm42QnlrRmYxa2htQTZLYVAzV1p3SUVTZHBwSFh2bU1mY0VXbU5pVHdEdXRSRGRtVmRCdlpxcgpKVkNUSUJVQ1pK"
    "bWlDZHB2NDZlRDNGQWhTY01QT3QxalFwSEZHbWpBR2d4U1BQMkdpQzRYVDd3SU1iQXFpQktHCnZ6ektEaUFmZmZ1WmU5V0FzZDVsN0FrL3VYTisx"
    "SEp1THYvenViNXNjdUIxTWlGZzZ2MitzbmlkTVVxWm1lT3cKZnFLL0UrdnQ4RU9CV2NYdXp2R3VDaDdZays0bzltU0Y1aFhSWjk2MnU5c3Y1M3hR"
    "WnFJRjZPMkpkdVg2ZWFwNgpCTm9oeEl3RVZtVDM2UVVkOGN4WXprZ2xlNTNVVGNjRUxyV1VMbis2d3pxbWtpRVd1NDVhQjM0MW1Ta05XUHBLClZi"
    "Wlh6K0lMQWdNQkFBRUNnZ0VBQ3pVeFZhTVVoSk9wRVpCdW5lQ00rNUVkM3VVL2V6YTJDU2FRVXcrdklwMWoKdG1rMnRaVVpheXdQYThyWTlqaVZF"
    "UlByTklhcnNiOGhZbWVIdDc3eUl3bVI0L1hCaVdLYzlYUWpKdGIxbDFDRgoxNWtjQ09Ea0Jpa3RpSUR2MzBzUG9nTmZUa0dOdWxUdE1LME1RVFRB"
    "QVNxdlJ1M09mZnhSbW5xUUxBMWI2MUY2CkJzaWNPT0FHVktOS0NDVHBQdVlORlNtajRTTTV5UlEzNTk3QmtvT0hNczRIUFlMNllyenJnU3FQak41"
    "MmhVYmwKKzFqMkdWMXcyNzl6MDFuSnpkVDI4N0FRcUpmTlZ5bDkxYjJSRnRsSkhpMnFHYzJyaHFIeE1zSitiT1JYWVJJYQp2d2VjYllIMWN0cW8v"
    "Y1AwMHFQTHcyendyM1VKQnhqVDZOWmk1WWlsK1FLQmdRRHVVZG1RQzVnYlJqdVFXQ1BBClpWeGh0S0dGVDRuRlFpK0VyTi84SXExL1lCcmRzQmJW"
    "VXFkVzF1LytnY2NYNkZQYWprS3lIYUk2UThZZThLdFMKdTBramg5MHY3cks1QzVWS0pxTW1WbHZoRFpKOFZROGpQVXA5QWJBd0FQb2JQUnRWb210"
    "dmZGR0lTNVRDOS9kOQpOUFF0dTVONWN5NjRBOTZybC9qd2JodHpHUUtCZ1FEc1ZyZElKaEloeHBYaTJSVXNicXZKdzJNd0RVWENJRkhmCmFQRUN3"
    "czlFN0RYdmtuRmcwUGJ1bTVlczB3WEgrSzBHUDZWczlLUW5aKzZzejVRYWxRU1czWU00dmdyclFpNUMKUDdoeEZxU0ZIK0lQdFNnNXAzMStTc0hW"
    "SzUzbVVqaytRM3dVSUZoWmorcUFaQnpDNUdCNmp2eUFwVXhpT2pnLwpBTFUwOUEybXd3S0JnUUNISUNPU2wvQlRycHZCT1NoMFEwU0JKYkRiYklD"
    "Nk5zL0lrMWlnbG16M0p0KzB5TTM1CmdGYmZWeGxXbmZEcjdrLzFRT295SWJsRS9mNk10bnI5ZXJGNmt1Tm45UmlpOFIxaG9NeXF4Ulp0WVl1b01Y"
    "WlcKemI2NWFFYWt3VGtPVHJSNzlvNmg5TVFwMm1qcnJ6dEZZOHY3VGpyTkJ2RDdaejVPM3VsSU1iWWdxUUtCZ0h0UwpJRjhJWm91elNNRFBENHBZ"
    "MFZEOW9FTVJtZVhhNFgzWEQzT21YV3NVYW14eEdMSXhON2gzL2VRVFZML3MxYlFkCi85N2pwTWhmSmg2TVRqYTByV2xmZXJwZ0IraU1ad0R3cVBo"
    "eG5UVk4xckxsajNET0llQ0ZkN0VaQ2xLRmN4TTMKT1laeS9rYjFucUtTR3FQamNTaGlkZ1ZXdTQzQjNWbWFyL05LcWRqckFvR0JBSjNZVk94NW5F"
    "VUNNSDZmRkVJTwp1dHMrQWF4ZXBJYUNOQmYyVERuVVZ1NUt2UWVzbk5DeWFjSCtDd0ZFelM2QXYzZVViTy9vNWdmeXNUNjcxRUlBCjNiSjN3WWwz"
    "MjNVK2V1eTNnT2JJajBoRFJ1NHpWZ0ZtMHdOSDdzZHlmM2FyMXd5MFVIMUNiVm9neit2bDRvU0EKL1VPc0s4UGdvOWxFTlpkUytUc09mRERBCi0t"
    "LS0tRU5EIFBSSVZBVEUgS0VZLS0tLS0K"
)


def envelope(data: list[Any], is_working: int = 1) -> dict[str, Any]:
    """Return the envelope of the rates; the other lists come bare."""
    return {
        "data": data,
        "code": 0,
        "message": "SUCCESS",
        "totalPage": None,
        "totalElement": None,
        "isWorking": is_working,
    }


def failed(number: int, words: str, status: int) -> Reply:
    """Return an error in the envelope; no table of numbers is known."""
    return Reply({"data": None, "code": number, "message": words}, status)


class SandboxApi(Api):
    """RAPIRA."""

    name = "RAPIRA"
    keys = {"uid": "7d2c9f10-5b6a-4e0f-8c11-2f4b6a9d0e37", "private_key": PRIVATE_KEY}
    # A refused login never says why. Of addresses, permissions and clocks no answer is known.
    errors = {
        "rate-limit": failed(429, "Too Many Requests", 429),
        "bad-key": failed(401, "Unauthorized", 401),
        "bad-signature": failed(401, "Unauthorized", 401),
        "refused": failed(500, "Операция отклонена", 200),
        "maintenance": Reply(envelope([], is_working=0)),
        "error": failed(500, "Внутренняя ошибка сервера", 500),
    }

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.used: set[str] = set()  # the `jti` of logins
        self.pairs = [("USDT", "RUB"), ("BTC", "RUB"), *(pair for pair in world.pairs if pair[1] == "USDT")]

    def routes(self) -> dict[str, Route]:
        return {
            "GET /market/exchange-plate-mini": self.depth,
            "GET /market/symbol-thumb": self.thumbs,
            "POST /market/symbol-thumb": self.thumbs,
            "GET /open/market/pairs": self.tradable,
            "GET /open/market/rates": self.rates,
            "GET /open/system/time": lambda _call: {"serverTime": self.now_ms()},
            "GET /open/token": self.tokens,
            "POST /open/generate_jwt": self.login,
        }

    def unknown_route(self, call: Call) -> Reply:
        return Reply({"timestamp": self.now_ms(), "status": 404, "error": "Not Found", "path": call.path}, 404)

    def login(self, call: Call) -> Any:
        """POST /open/generate_jwt: the token must be signed by the key of the UID, new and not yet over."""
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
            from cryptography.hazmat.primitives.hashes import SHA256
        except ImportError:
            return failed(501, "this sandbox needs a package to check logins: pip install cryptography", 501)
        try:
            given = json.loads(call.body)
            told, _, signature = given["jwt_token"].rpartition(".")
            header, claims = (json.loads(unpadded(part)) for part in told.split("."))
            public_key().verify(unpadded(signature), told.encode(), PKCS1v15(), SHA256())
            life, token_id = claims["exp"] - self.now_ms() / 1000, claims["jti"]
        except (ValueError, TypeError, KeyError, AttributeError, InvalidSignature):
            raise self.refuse("bad-signature") from None
        if given.get("kid") != self.keys["uid"]:
            raise self.refuse("bad-key")
        with self.lock:
            good = header == {"alg": "RS256", "typ": "JWT"} and type(claims["exp"]) is int and 0 < life < LONGEST_LIFE_S
            if not good or not isinstance(token_id, str) or len(token_id) < 16 or token_id in self.used:
                raise self.refuse("bad-key")
            self.used.add(token_id)
        return {"token": f"sandbox-bearer-{token_id}"}

    def rates(self, call: Call) -> Any:
        """GET /open/market/rates: numbers, no sizes, no times, baseCurrency is what the asset is priced in."""
        tick = self.tick(call)
        rows = []
        for base, quote in self.pairs:
            book = self.world.book(base, quote, self.name, tick)
            rows.append(rate(f"{base}/{quote}", float(book["bid"]), float(book["ask"]), float(book["last"])))
        rows += [
            rate("THIN/USDT", 0, 3.15, 3.14),
            rate("EMPTY/USDT", None, 0, 1.5),
            rate("FLIP/USDT", 1.5, 1.6, 1.55, baseCurrency="FLIP", quoteCurrency="USDT"),
            rate("HALT/USDT", 7.1, 7.2, 7.15),
            rate("NEW/USDT", 2e-07, 3e-07, 2.5e-07),
            {"unexpected": "row without symbol"},
        ]
        return envelope(rows)

    def tradable(self, _call: Call) -> Any:
        """GET /open/market/pairs: NEW/USDT is missing, DASH/USDT has no rate."""
        listed = [*self.pairs, ("THIN", "USDT"), ("EMPTY", "USDT"), ("FLIP", "USDT")]
        rows = [{"coinSymbol": base, "baseSymbol": quote, "exchangeable": True} for base, quote in listed]
        return [
            *rows,
            *({"coinSymbol": coin, "baseSymbol": "USDT", "exchangeable": False} for coin in ("HALT", "DASH")),
        ]

    def thumbs(self, call: Call) -> Any:
        """GET or POST /market/symbol-thumb: 24 h volume of the asset, turnover in the money."""
        rows = []
        for base, quote in self.pairs:
            book = self.world.book(base, quote, self.name, self.tick(call))
            last = float(book["last"])
            rows.append(
                {
                    "symbol": f"{base}/{quote}",
                    "close": last,
                    "high": last,
                    "low": last,
                    "change": 0.62,
                    "volume": float(book["volume"]),
                    "turnover": float(book["turnover"]),
                    "usdRate": 1.0,
                    "baseCoinScale": 2,
                    "coinScale": 2,
                }
            )
        return rows

    def depth(self, call: Call) -> Any:
        """GET /market/exchange-plate-mini: an unknown symbol is {}; highest and lowest are placeholders."""
        base, _, quote = call.query.get("symbol", "").partition("/")
        if (base, quote) not in self.pairs:
            return {}
        book = self.world.book(base, quote, self.name, self.tick(call))
        return {
            name: {
                "direction": direction,
                "symbol": f"{base}/{quote}",
                "minAmount": 0,
                "maxAmount": 0,
                "highestPrice": 99999,
                "lowestPrice": 1,
                "items": [{"price": float(book[name]), "amount": float(book[f"{name}_size"])}],
            }
            for name, direction in (("ask", "SELL"), ("bid", "BUY"))
        }

    def tokens(self, call: Call) -> Any:
        """GET /open/token: a row per coin and chain; one of them closes, one fee moves. RUB is not there."""
        tick = self.tick(call)
        made = [self.token(coin, network, tick) for coin in self.world.coins for network in coin.networks]
        return made + AWKWARD_TOKENS

    def token(self, coin: Coin, network: str, tick: int) -> dict[str, Any]:
        """Return one network of one coin."""
        chain, shown = CHAINS[network]
        fee = float(coin.fee(network, self.name))
        return {
            "coinId": coin.ticker,
            "chainId": chain,
            "displayName": shown,
            "apiFormat": f"{coin.ticker}-{shown or chain}".lower(),
            "rechargeable": True,
            "withdrawable": not (coin.ticker == "USDT" and network == "tron" and tick % 2 == 0),
            "minRecharge": 0.02,
            "minWithdraw": fee * 2,
            "scale": 6,
            "rechargeFee": 0,
            "withdrawFee": (10 + tick % 5) / 10_000 if coin.ticker == "ETH" else fee,
        }


def unpadded(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@cache
def public_key() -> Any:
    """Return the public half of the sandbox's key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(base64.b64decode(PRIVATE_KEY), None).public_key()


def rate(symbol: str, bid: float | None, ask: float | None, last: float, **changed: Any) -> dict[str, Any]:
    """Return one of the rates."""
    base, _, quote = symbol.partition("/")
    row = {
        "symbol": symbol,
        "open": last,
        "high": last,
        "low": last,
        "close": last,
        "chg": 0.0078,
        "change": 0.62,
        "fee": 0.001,
        "lastDayClose": last,
        "usdRate": 1.0,
        "baseUsdRate": 0.0108 if quote == "RUB" else 1,
        "askPrice": ask,
        "bidPrice": bid,
        "baseCoinScale": 2,
        "coinScale": 2,
        "quoteCurrencyName": base.title(),
        "baseCurrency": quote,
        "quoteCurrency": base,
    }
    return row | changed


AWKWARD_TOKENS: list[dict[str, Any]] = [
    {"coinId": "OLD", "chainId": "OLD", "displayName": "", "rechargeable": False, "withdrawable": False, "scale": 8},
    {
        "coinId": "OLD",
        "chainId": "ETH",
        "displayName": None,
        "rechargeable": False,
        "withdrawable": False,
        "minRecharge": 1e-07,
        "minWithdraw": "0.5",
        "scale": "4",
        "rechargeFee": 0,
        "withdrawFee": None,
    },
    {"coinId": "LOST", "displayName": "row without chain", "rechargeable": True, "withdrawable": True},
]
