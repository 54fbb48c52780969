"""KUCOIN, spot market of a large exchange (classic REST, v1 to v3 side by side).

Docs: https://www.kucoin.com/docs-new/introduction
Symbols: base and quote come from /api/v2/symbols; `name` shows the tickers, which a rename changes, the codes stay.
Limits: 2000 points per 30 s and address (coins 3, tickers 15, pairs 4), told in headers; a CDN blocks for 30 s.
Quirks: code GALAX shows as GALA while code GALA is another, dead coin; `chains` is null for fiat; `buy` is the bid.
"""

import re
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.http.verdicts import moment
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, Quota
from marketctl.providers.base import NO_ENVELOPE, Exchange, Failure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import (
    code,
    count,
    flag,
    integer,
    mapping,
    member,
    named,
    objects,
    rows,
    shift_point,
    table,
    text,
)
from marketctl.providers.networks import common_network
from marketctl.providers.signing import hmac_base64
from marketctl.text import printable
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

# Blocks that last longer than any header says.
BLOCK_S = {"1015": 30.0, "200002": 10.0}

PRICES = ("symbol", "buy", "sell", "bestBidSize", "bestAskSize", "last", "vol", "volValue")


class KucoinAdapter(Exchange):
    """Speaks to KUCOIN."""

    base_url = "https://api.kucoin.com"
    credentials = ("api_key", "api_secret", "passphrase")
    options = {"key_version": (2, 3)}
    endpoints = (
        "GET /api/v1/market/allTickers",
        "GET /api/v1/status",
        "GET /api/v1/timestamp",
        "GET /api/v1/user/api-key",
        "GET /api/v2/symbols",
        "GET /api/v3/currencies",
    )
    columns = {"GET /api/v1/market/allTickers": PRICES}
    kept_headers = ("gw-ratelimit-limit", "gw-ratelimit-remaining", "gw-ratelimit-reset")
    rate = (33.0, 1000.0)
    one_answer_assets = True
    clock_field = ("/api/v1/timestamp", "data")
    error_statuses = {401: errors.AuthFailed, 429: errors.RateLimited}
    error_codes = {
        errors.AuthFailed: {"400001", "400003", "400004", "400005", "400008", "400009", "411100"},
        errors.PermissionDenied: {"400007", "400010"},
        errors.RateLimited: {"1015", "200002", "429000"},
        errors.Unavailable: {"230005", "500000", "503"},
        errors.ClockSkew: {"400002"},
        errors.IpNotAllowed: {"400006"},
        errors.Blocked: {"400301", "400302"},
    }
    meanings = {
        "400002": "the clock is off by more than 5 s",
        "400003": "api_key is unknown, or of another KUCOIN site",
        "400004": "the passphrase is wrong, or the api_secret it is hashed with",
        "400005": "the signature is wrong: check api_secret",
        "400008": "the key is too old: make a new one",
        "400009": "the option key_version does not fit the key",
        "400301": "KUCOIN does not serve this region",
        "400302": "KUCOIN does not serve this region",
        "411100": "the account is frozen; a new key does not help",
    }

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/api/v3/currencies", weight=3))

    def pairs(self) -> list[Pair]:
        return parse_pairs(self.get("/api/v2/symbols", weight=4), now_ms())

    def prices(self) -> QuoteBatch:
        body = self.get("/api/v1/market/allTickers", weight=15)
        return parse_prices(body, self.quote_batch())

    def platform(self) -> Platform:
        return parse_status(self.get("/api/v1/status", weight=3))

    def check_key(self) -> KeyInfo:
        return parse_key(self.get("/api/v1/user/api-key", signed=True, weight=20))

    def quota(self) -> Quota | None:
        return parse_quota(self.last_answer) if self.last_answer else None

    def sign(self, request: "Request") -> None:
        stamp, secret = str(request.timestamp_ms), self.keys["api_secret"]
        message = stamp + request.method + request.path + (f"?{request.query}" if request.query else "")
        request.headers |= {
            "KC-API-KEY": self.keys["api_key"],
            "KC-API-SIGN": hmac_base64(secret, message),
            "KC-API-TIMESTAMP": stamp,
            # Hashed for key versions 2 and 3 alike; only the extinct version 1 sent it in clear.
            "KC-API-PASSPHRASE": hmac_base64(secret, self.keys["passphrase"]),
            "KC-API-KEY-VERSION": str(self.chosen.get("key_version", 3)),
        }

    def check_answer(self, answer: "Answer") -> None:
        # The page or plain text of the CDN, told apart from its geo-block.
        if not answer.is_json and answer.status in (403, 429) and re.search(rb"\b1015\b", answer.content):
            until = moment(answer, BLOCK_S["1015"])
            told = f"{answer.where}: HTTP {answer.status}: the CDN limits this address (code 1015)"
            raise errors.RateLimited(told, retry_after=BLOCK_S["1015"], until_ms=until)
        super().check_answer(answer)

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if "code" not in body:
            return NO_ENVELOPE
        number = str(body["code"])
        return None if number == "200000" else (number, text(body.get("msg")) or "")

    def error_class(self, code: str, words: str, answer: "Answer") -> type[errors.MarketctlError] | None:
        # Beside the region's codes there are those of the account's identity check.
        found = super().error_class(code, words, answer)
        return errors.PermissionDenied if found is None and code.startswith("4003") else found

    def retry_after(self, answer: "Answer") -> float | None:
        # 429000 without the headers is an overload of theirs: the short wait will do.
        reset = reset_ms(answer)
        wait = super().retry_after(answer) if reset is None else reset / 1000
        least = BLOCK_S.get(str(mapping(answer.body).get("code")))
        return wait if least is None else max(least, wait or 0.0)


def reset_ms(answer: "Answer") -> int | None:
    """Read how long it is until the points are whole again."""
    told = integer(answer.headers.get("gw-ratelimit-reset"))
    return None if told is None else min(max(told, 0), 3_600_000)


def parse_quota(answer: "Answer") -> Quota | None:
    """Read the headers of an answer: the points of the pool it was taken from."""
    limit, left = (integer(answer.headers.get(f"gw-ratelimit-{name}")) for name in ("limit", "remaining"))
    reset = reset_ms(answer)
    until = None if reset is None else to_iso(answer.received_ms + reset)
    return None if limit is None else Quota(limit=limit, remaining=left, resets_at=until)


def parse_assets(body: Any) -> AssetBatch:
    """Read /api/v3/currencies. `chains` is null for fiat money, and for a broken entry or two."""
    batch = AssetBatch()
    for coin, row in batch.coded(rows(body, "data"), "currency"):
        # chainId was called `chain` in 2023.
        chains = batch.coded(objects(row.get("chains")), "chainId", "chain", "chainName")
        networks = {key: parse_network(chain, key, batch) for key, chain in chains}
        ticker, fiat = code(row.get("name")) or coin, row.get("chains") is None and is_fiat(coin)
        precision = count(row.get("precision"))
        name = text(row.get("fullName"))
        batch.add(Asset(coin.upper(), ticker.upper(), name, fiat, precision, networks=networks))
    return batch


def parse_network(chain: dict[str, Any], key: str, batch: AssetBatch) -> Network:
    """Read one element of `chains`; a deposit is credited at preConfirms, and may be moved on at confirms."""
    percent = batch.amount(chain.get("withdrawFeeRate") or "0")  # missing is none, one that is no number unknown
    credited = count(chain.get("preConfirms"))
    return Network(
        name=text(chain.get("chainName")),
        network=common_network("kucoin", key),
        deposit=batch.switch(chain.get("isDepositEnabled")),
        withdraw=batch.switch(chain.get("isWithdrawEnabled")),
        deposit_min=batch.amount(chain.get("depositMinSize")),
        withdraw_min=batch.amount(chain.get("withdrawalMinSize")),
        withdraw_max=batch.limit(chain.get("maxWithdraw")),
        withdraw_fee=batch.amount(chain.get("withdrawalMinFee")),
        withdraw_fee_percent=None if percent is None else shift_point(percent, 2),
        precision=count(chain.get("withdrawPrecision")),
        confirmations=count(chain.get("confirms")) if credited is None else credited,
        contract=text(chain.get("contractAddress")),
        memo_required=batch.switch(chain.get("needTag")),
    )


def parse_pairs(body: Any, now: int) -> list[Pair]:
    """Read /api/v2/symbols as of now (ms)."""
    pairs = []
    for row, symbol, base, quote in named(rows(body, "data"), "symbol", "baseCurrency", "quoteCurrency"):
        shown = (code(row.get("name")) or "").split("-")
        tickers = shown if len(shown) == 2 and all(shown) else [base, quote]
        status = pair_status(row, now)
        pairs.append(Pair(symbol, tickers[0].upper(), tickers[1].upper(), base.upper(), quote.upper(), status))
    return pairs


def pair_status(row: dict[str, Any], now: int) -> str | None:
    """Tell whether a pair trades continuously: not in a call auction, and not before its start."""
    enabled, starts = flag(row.get("enableTrading")), integer(row.get("tradingStartTime"))
    if enabled is False or flag(row.get("callauctionIsEnabled")) or (starts is not None and starts > now):
        return "halted"
    return "trading" if enabled else None


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /api/v1/market/allTickers: one snapshot with one time; a null side is an empty one."""
    found = rows(body, "data", "ticker")
    return batch.add_rows(found, PRICES, integer(body["data"].get("time")))


def parse_status(body: Any) -> Platform:
    """Read /api/v1/status: `cancelonly` takes no new order, so it is no normal work either."""
    data = mapping(member(body, "data"))
    status, words = code(data.get("status")), printable(data.get("msg") or "")
    if status == "open":
        return Platform("ok", words or None)
    known = status in ("close", "cancelonly")
    return Platform("maintenance" if known else "unknown", ": ".join(filter(None, (status, words))) or None)


def parse_key(body: Any) -> KeyInfo:
    """Read /api/v1/user/api-key."""
    granted = tuple(filter(None, (text(table(body, "data").get("permission")) or "").split(",")))
    risky = [name for name in granted if name.strip().lower() in ("transfer", "withdrawal")]
    warning = f"the key may move funds ({', '.join(risky)}); General is enough"
    return KeyInfo(granted or None, (warning,) if risky else ())
