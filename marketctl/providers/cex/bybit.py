"""BYBIT, spot market of a large exchange (V5 REST).

Docs: https://bybit-exchange.github.io/docs/v5/intro
Symbols: base and quote come from instruments-info; it lists only pairs that trade, so a halted pair is absent.
Limits: 600 requests per 5 s and address; breaking it means HTTP 403 and a ban of ten minutes.
Quirks: coins need a signed call; "" and "0" both mean an empty side; a memo is not told in the list of coins; a key
    works on the site it was made on alone (.eu, .tr, .kz ...: set base_url); an RSA key goes whole, as its PEM, into
    api_secret and needs the extra `rapira`.
"""

from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform
from marketctl.providers.base import NO_ENVELOPE, Exchange, Failure, key_info, seconds_until
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fields import count, integer, mapping, member, named, objects, rows, shift_point, text
from marketctl.providers.networks import common_network
from marketctl.providers.signing import base64_text, hmac_hex, is_pem, rsa_signature
from marketctl.text import printable
from marketctl.times import DAY_MS, ms_or_none, now_ms

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

RECV_WINDOW_MS = "5000"
OFF = {"": False}  # stands where the direction does not exist
OURS = frozenset({2, 5})  # trading by HTTP, market data
# "1" was the word for open until 2023.
STATES = {
    **dict.fromkeys(("Trading", "1"), "trading"),
    **dict.fromkeys(("PreLaunch", "Delivering", "Closed"), "halted"),
}

PRICES = ("symbol", "bid1Price", "ask1Price", "bid1Size", "ask1Size", "lastPrice", "volume24h", "turnover24h")


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
    columns = {"GET /v5/market/tickers": PRICES}
    kept_headers = ("x-bapi-limit", "x-bapi-limit-status", "x-bapi-limit-reset-timestamp")
    rate = (20.0, 50.0)
    clock_field = ("/v5/market/time", "time")
    error_statuses = {401: errors.AuthFailed, 403: errors.Blocked}
    bans = {"too frequent": 600.0}
    error_codes = {
        errors.Unavailable: {
            "10000",
            "10016",
            "170001",
            "170007",
            "170032",
            "131001",
            "131003",
            "131200",
            "131201",
            "131230",
        },
        errors.RateLimited: {"10006", "170222", "429"},
        errors.ClockSkew: {"10002", "-1"},
        errors.AuthFailed: {"10003", "10004", "10007", "33004", "-2015"},
        errors.PermissionDenied: {"10005", "10008", "10024", "10027", "10028"},
        errors.Blocked: {"10009"},
        errors.IpNotAllowed: {"10010"},
    }
    meanings = {
        "10003": "api_key is unknown here: deleted, or made on another BYBIT site (its base_url)",
        "10004": "api_secret is wrong, or not of this kind of key (HMAC secret, or PEM of an RSA key)",
        "10005": "the key lacks a permission",
        "10008": "the account is banned; a new key does not help",
        "10009": "BYBIT does not serve this region",
        "10024": "the account is restricted by compliance rules; a new key does not help",
        "10027": "trading is barred for this account; a new key does not help",
        "10028": "only unified accounts may ask this; a new key does not help",
        "33004": "the key has expired",
        "-2015": "the key has expired",
    }

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/v5/asset/coin/query-info", signed=True))

    def pairs(self) -> list[Pair]:
        pages = self.pages("/v5/market/instruments-info", {"category": "spot"}, "cursor", "result", "nextPageCursor")
        return [pair for page in pages for pair in parse_pairs(page)]

    def prices(self) -> QuoteBatch:
        batch = self.quote_batch()
        for page in self.pages("/v5/market/tickers", {"category": "spot"}, "cursor", "result", "nextPageCursor"):
            parse_prices(page, batch)
        return batch

    def platform(self) -> Platform:
        return parse_status(self.get("/v5/system/status"))

    def check_key(self) -> KeyInfo:
        return parse_key(self.get("/v5/user/query-api", signed=True))

    def sign(self, request: "Request") -> None:
        stamp, secret = str(request.timestamp_ms), self.keys["api_secret"]
        message = stamp + self.keys["api_key"] + RECV_WINDOW_MS + request.query
        request.headers |= {
            "X-BAPI-API-KEY": self.keys["api_key"],
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": RECV_WINDOW_MS,
            "X-BAPI-SIGN": rsa_sign(secret, message) if is_pem(secret) else hmac_hex(secret, message),
        }

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if "retCode" not in body:
            return NO_ENVELOPE
        number = str(body["retCode"])
        return None if number == "0" else (number, text(body.get("retMsg")) or "")

    def retry_after(self, answer: "Answer") -> float | None:
        # The header is often missing, and lies in the past when the cap is not hit.
        reset_s, named_s = seconds_until(answer, "x-bapi-limit-reset-timestamp"), super().retry_after(answer)
        return named_s if reset_s is None else max(named_s or 0.1, min(10.0, reset_s))


def rsa_sign(secret: str, message: str) -> str:
    """Sign with an RSA key: base64 of RSA-SHA256 over the text that HMAC keys sign."""
    return base64_text(rsa_signature(secret, message.encode(), "api_secret"))


def parse_assets(body: Any) -> AssetBatch:
    """Read /v5/asset/coin/query-info: every value is a text, "" means not told."""
    batch = AssetBatch(OFF)
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
        deposit=batch.switch(chain.get("chainDeposit")),
        # A fee of "" means that nothing can be withdrawn here, whatever the switch says.
        withdraw=False if chain.get("withdrawFee") == "" else batch.switch(chain.get("chainWithdraw")),
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
    """Read /v5/market/instruments-info?category=spot."""
    pairs = []
    for row, symbol, base, quote in named(rows(body, "result", "list"), "symbol", "baseCoin", "quoteCoin"):
        base, quote = base.upper(), quote.upper()
        pairs.append(Pair(symbol, base, quote, base, quote, STATES.get(str(row.get("status")))))
    return pairs


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /v5/market/tickers?category=spot; the envelope's time is the only one."""
    return batch.add_rows(rows(body, "result", "list"), PRICES, integer(body.get("time")))


def parse_status(body: Any) -> Platform:
    """Read /v5/system/status: down for us is work on spot (product 2) of production (env 1) that is going on.

    Work that touches no REST of ours, or some users alone, is worth a sentence.
    """
    aside = ""
    for event in objects(member(body, "result", "list")):
        if event.get("state") != "ongoing" or integer(event.get("env")) != 1 or 2 not in whole(event.get("product")):
            continue
        title, services = printable(event.get("title") or ""), whole(event.get("serviceTypes"))
        if (not services or services & OURS) and not event.get("uidSuffix"):
            return Platform("maintenance", title)
        aside = aside or f"going on, but not for what we ask: {title}"
    return Platform("ok", aside or None)


def whole(found: object) -> set[int | None]:
    """Return the numbers of a list; none for what is no list."""
    return set(map(integer, found)) if isinstance(found, list) else set()


def parse_key(body: Any) -> KeyInfo:
    """Read /v5/user/query-api; deadlineDay is -1 or -2 for a key that does not end, expiredAt lies in 1970 then."""
    result = mapping(member(body, "result"))
    groups = mapping(result.get("permissions")).items()
    granted = tuple(f"{group}.{name}" for group, names in groups if isinstance(names, list) for name in names)
    writes = ["write"] if integer(result.get("readOnly")) == 0 else []
    days, ends_ms = integer(result.get("deadlineDay")), ms_or_none(result.get("expiredAt"))
    if days is None and ends_ms is not None and ends_ms > DAY_MS:
        days = max(0, ends_ms - (integer(mapping(body).get("time")) or now_ms())) // DAY_MS
    return key_info(granted, writes, "a read-only key is enough", days)
