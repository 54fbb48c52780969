"""BYBIT, spot market of a large exchange (V5 REST).

Docs: https://bybit-exchange.github.io/docs/v5/intro
Symbols: base and quote come from instruments-info; it lists only pairs that trade, so a halted pair is absent.
Limits: 600 requests per 5 s and address; breaking it means HTTP 403 and a ban of ten minutes.
Quirks: coins need a signed call; "" and "0" both mean an empty side; a memo is not told in the list of coins.
"""

from typing import TYPE_CHECKING, Any

from marketctl.errors import (
    AuthFailed,
    Blocked,
    ClockSkew,
    IpNotAllowed,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair, Platform
from marketctl.providers.base import NO_ENVELOPE, Exchange, Failure, measure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fields import code, count, integer, mapping, member, objects, rows, shift_point, text
from marketctl.providers.networks import common_network
from marketctl.providers.signing import hmac_hex
from marketctl.text import printable
from marketctl.times import now_ms

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

RECV_WINDOW_MS = "5000"


class BybitAdapter(Exchange):
    """Speaks to BYBIT."""

    base_url = "https://api.bybit.com"
    credentials = ("api_key", "api_secret")
    key_jobs = frozenset({"wallet"})
    endpoints = (
        "GET /v5/asset/coin/query-info",
        "GET /v5/market/instruments-info",
        "GET /v5/market/tickers",
        "GET /v5/market/time",
        "GET /v5/system/status",
        "GET /v5/user/query-api",
    )
    kept_headers = ("x-bapi-limit", "x-bapi-limit-status", "x-bapi-limit-reset-timestamp")
    rate = (20.0, 50.0)
    resync_clock = True
    error_statuses = {401: AuthFailed, 403: Blocked}
    error_codes = {
        **dict.fromkeys(("10000", "10016", "170001", "170007", "170032"), Unavailable),
        **dict.fromkeys(("131001", "131003", "131200", "131201", "131230"), Unavailable),
        **dict.fromkeys(("10006", "170222", "429"), RateLimited),
        **dict.fromkeys(("10002", "-1"), ClockSkew),
        **dict.fromkeys(("10003", "10004", "10007", "10008", "10024", "10027", "10028", "33004", "-2015"), AuthFailed),
        "10005": PermissionDenied,
        "10009": Blocked,
        "10010": IpNotAllowed,
    }

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/v5/asset/coin/query-info", signed=True))

    def pairs(self) -> list[Pair]:
        return parse_pairs(self.get("/v5/market/instruments-info", {"category": "spot"}))

    def prices(self) -> QuoteBatch:
        body = self.get("/v5/market/tickers", {"category": "spot"})
        return parse_prices(body, self.quote_batch())

    def clock(self) -> Clock:
        answer = self.ask("GET", "/v5/market/time")
        return measure(answer, integer(answer.body.get("time")))

    def platform(self) -> Platform:
        return parse_status(self.get("/v5/system/status"))

    def check_key(self) -> KeyInfo:
        return parse_key(self.get("/v5/user/query-api", signed=True))

    def sign(self, request: "Request") -> None:
        stamp = str(request.timestamp_ms)
        message = stamp + self.keys["api_key"] + RECV_WINDOW_MS + request.query
        request.headers |= {
            "X-BAPI-API-KEY": self.keys["api_key"],
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": RECV_WINDOW_MS,
            "X-BAPI-SIGN": hmac_hex(self.keys["api_secret"], message),
        }

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if "retCode" not in body:
            return NO_ENVELOPE
        number = str(body["retCode"])
        return None if number == "0" else (number, text(body.get("retMsg")) or "")

    def retry_after(self, answer: "Answer") -> float | None:
        # The header is often missing, and lies in the past when the cap is not hit.
        reset = integer(answer.headers.get("x-bapi-limit-reset-timestamp"))
        return None if reset is None else min(10.0, max(0.1, (reset - now_ms()) / 1000))


def parse_assets(body: Any) -> AssetBatch:
    """Read /v5/asset/coin/query-info: every value is a text, "" means not told."""
    batch = AssetBatch()
    for coin, row in batch.coded(rows(body, "result", "rows"), "coin"):
        chains = batch.coded(objects(row.get("chains")), "chain")
        networks = {key: parse_network(chain, key, batch) for key, chain in chains}
        batch.add(Asset(coin.upper(), coin.upper(), text(row.get("name")), networks=networks))
    return batch


def parse_network(chain: dict[str, Any], key: str, batch: AssetBatch) -> Network:
    """Read one element of `chains`."""
    percent = batch.amount(chain.get("withdrawPercentageFee"))
    return Network(
        name=text(chain.get("chainType")),
        network=common_network("bybit", key),
        # "" stands where the direction does not exist: off.
        deposit=False if chain.get("chainDeposit") == "" else batch.switch(chain.get("chainDeposit")),
        withdraw=False if chain.get("chainWithdraw") == "" else batch.switch(chain.get("chainWithdraw")),
        deposit_min=batch.amount(chain.get("depositMin")),
        withdraw_min=batch.amount(chain.get("withdrawMin")),
        withdraw_max=batch.limit(chain.get("withdrawMax")),
        withdraw_fee=batch.amount(chain.get("withdrawFee")),
        withdraw_fee_percent=None if percent is None else shift_point(percent, 2),
        precision=count(chain.get("minAccuracy")),
        confirmations=count(chain.get("confirmation")),
        contract=text(chain.get("contractAddress")),
    )


def parse_pairs(body: Any) -> list[Pair]:
    """Read /v5/market/instruments-info?category=spot; status was "1" until 2023."""
    pairs = []
    for row in rows(body, "result", "list"):
        symbol, base, quote = (code(row.get(key)) for key in ("symbol", "baseCoin", "quoteCoin"))
        if symbol and base and quote:
            base, quote = base.upper(), quote.upper()
            status = "trading" if row.get("status") in ("Trading", "1") else "halted"
            pairs.append(Pair(symbol, base, quote, base, quote, status))
    return pairs


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /v5/market/tickers?category=spot; the envelope's time is the only one."""
    at_ms = integer(body.get("time"))
    for row in rows(body, "result", "list"):
        batch.add(
            row.get("symbol"),
            row.get("bid1Price"),
            row.get("ask1Price"),
            bid_size=row.get("bid1Size"),
            ask_size=row.get("ask1Size"),
            last=row.get("lastPrice"),
            volume=row.get("volume24h"),
            quote_volume=row.get("turnover24h"),
            at_ms=at_ms,
        )
    return batch


def parse_status(body: Any) -> Platform:
    """Read /v5/system/status: down for us is `ongoing`, in production (env 1), on spot (product 2)."""
    for event in objects(member(body, "result", "list")):
        products = event.get("product")
        ours = integer(event.get("env")) == 1 and isinstance(products, list) and 2 in map(integer, products)
        if event.get("state") == "ongoing" and ours:
            return Platform("maintenance", printable(event.get("title") or ""))
    return Platform("ok")


def parse_key(body: Any) -> KeyInfo:
    """Read /v5/user/query-api."""
    result = mapping(member(body, "result"))
    groups = mapping(result.get("permissions")).items()
    granted = tuple(f"{group}.{name}" for group, names in groups if isinstance(names, list) for name in names)
    writes = integer(result.get("readOnly")) == 0
    return KeyInfo(granted, ("the key may write; a read-only key is enough",) if writes else ())
