"""MEXC, spot market of a large exchange (Spot API v3).

Docs: https://www.mexc.com/api-docs/spot-v3/introduction
Symbols: base and quote come from exchangeInfo, non-ASCII ones too; what only the offline list names can't be split.
Limits: 300 weight per 10 s and address over all calls; 418 is a ban of 2 minutes to 3 days; no header tells the use.
Quirks: coins need a key with SPOT_WITHDRAW_READ; a suspension text may stand beside an open deposit: both are told.
"""

import re
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.models import Asset, KeyInfo, Network, Pair
from marketctl.providers.base import NO_ENVELOPE, Exchange, Failure, days_left
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.columns import column, integers
from marketctl.providers.fields import code, count, integer, member, named, objects, rows, step_precision, table, text
from marketctl.providers.networks import common_network
from marketctl.providers.signing import hmac_hex
from marketctl.text import printable

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

RECV_WINDOW_MS = "5000"
names_memo = re.compile(r"\b(?:memo|tag)s?\b", re.ASCII | re.IGNORECASE).search

PRICES = ("symbol", "bidPrice", "askPrice", "bidQty", "askQty", "lastPrice", "volume", "quoteVolume")


class MexcAdapter(Exchange):
    """Speaks to MEXC."""

    base_url = "https://api.mexc.com"
    credentials = ("api_key", "api_secret")
    key_jobs = frozenset({"wallet"})
    endpoints = (
        "GET /api/v3/apiKeyInfo",
        "GET /api/v3/capital/config/getall",
        "GET /api/v3/exchangeInfo",
        "GET /api/v3/symbol/offline",
        "GET /api/v3/ticker/24hr",
        "GET /api/v3/time",
    )
    columns = {"GET /api/v3/ticker/24hr": (*PRICES, "closeTime")}
    rate = (15.0, 150.0)
    rate_limit_wait_s = 10.0
    one_answer_assets = True
    clock_field = ("/api/v3/time", "serverTime")
    bans = {418: 120.0}  # each is longer than the one before, for who goes on asking
    error_statuses = {401: errors.AuthFailed, 403: errors.Blocked, 429: errors.RateLimited}
    error_words = {"access denied": (errors.Blocked, "the address is refused, for its rate or by a rule: stop asking")}
    error_codes = {
        errors.AuthFailed: {"400", "401", "602", "10072", "700001", "700002", "700013"},
        errors.Unavailable: {"500", "503", "504", "20002", "730000"},
        errors.ClockSkew: {"10073", "700003"},
        errors.PermissionDenied: {"26", "700007"},
        errors.RateLimited: {"429"},
        errors.IpNotAllowed: {"700006"},
    }
    meanings = {
        "26": "the key lacks a permission (the list of coins needs SPOT_WITHDRAW_READ)",
        "602": "api_secret is wrong",
        "10072": "api_key is unknown",
        "700001": "api_key is unknown or malformed",
        "700002": "api_secret is wrong",
        "700007": "the key lacks a permission (the list of coins needs SPOT_WITHDRAW_READ)",
    }

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/api/v3/capital/config/getall", signed=True, weight=10))

    def pairs(self) -> list[Pair]:
        body = self.get("/api/v3/exchangeInfo", weight=25)
        return parse_pairs(body, self.offline())

    def offline(self) -> frozenset[str] | None:
        """Return the symbols off the market; None, so that no pair is called open, where this list can't be had."""
        return self.aside(
            "what is off the market", lambda: parse_offline(self.get("/api/v3/symbol/offline", weight=10))
        )

    def prices(self) -> QuoteBatch:
        body = self.get("/api/v3/ticker/24hr", weight=25)
        return parse_prices(body, self.quote_batch())

    def check_key(self) -> KeyInfo:
        return parse_key(self.get("/api/v3/apiKeyInfo", {"accessKey": self.keys.get("api_key", "")}, signed=True))

    def sign(self, request: "Request") -> None:
        request.query += "&" if request.query else ""
        request.query += f"recvWindow={RECV_WINDOW_MS}&timestamp={request.timestamp_ms}"
        request.query += f"&signature={hmac_hex(self.keys['api_secret'], request.query)}"
        request.headers["X-MEXC-APIKEY"] = self.keys["api_key"]

    def failure(self, answer: "Answer") -> Failure | None:
        # A list, an object without `code`, or with 0 or 200 in it: all of these are good answers.
        if isinstance(answer.body, list):
            return None
        if not isinstance(answer.body, dict):
            return NO_ENVELOPE
        number = str(answer.body.get("code") or 0)
        words = text(answer.body.get("msg")) or text(answer.body.get("message")) or text(answer.body.get("data")) or ""
        return None if number in ("0", "200") else (number, words)


def parse_assets(body: Any) -> AssetBatch:
    """Read /api/v3/capital/config/getall; a list of networks may be empty, null or missing."""
    batch = AssetBatch()
    for coin, row in batch.coded(rows(body), "coin"):
        # Two keys that differ in one capital letter; the code is missing before mid-2024.
        chains = batch.coded(objects(row.get("networkList")), "netWork", "network")
        networks = {key: parse_network(chain, key, batch) for key, chain in chains}
        name = text(row.get("name")) or text(row.get("Name"))
        batch.add(Asset(coin.upper(), coin.upper(), name, networks=networks))
    return batch


def parse_network(chain: dict[str, Any], key: str, batch: AssetBatch) -> Network:
    """Read one element of `networkList`; there is no minimum deposit and no percentage fee."""
    shown = text(chain.get("network"))
    tips = f"{chain.get('withdrawTips') or ''} {chain.get('depositTips') or ''}"
    return Network(
        name=shown,
        network=common_network("mexc", key, shown),
        deposit=batch.switch(chain.get("depositEnable")),
        withdraw=batch.switch(chain.get("withdrawEnable")),
        withdraw_min=batch.amount(chain.get("withdrawMin")),
        withdraw_max=batch.limit(chain.get("withdrawMax")),
        withdraw_fee=batch.amount(chain.get("withdrawFee")),
        precision=parse_precision(batch.amount(chain.get("withdrawIntegerMultiple"))),
        # 0 stands for not told.
        confirmations=count(chain.get("depositPreConfirms")) or count(chain.get("minConfirm")) or None,
        contract=text(chain.get("contract")),
        memo_required=True if chain.get("sameAddress") is True or names_memo(tips) else None,
        note=(text(chain.get("depositDesc")) or "").strip() or None,
    )


def parse_precision(multiple: str | None) -> int | None:
    """Read withdrawIntegerMultiple: 0 to 30 is a count of decimals, below 1 a step, despite the name."""
    whole, _, fraction = (multiple or "").partition(".")
    if fraction.strip("0"):
        return step_precision(multiple or "") if whole == "0" else None
    return int(whole) if whole and len(whole) <= 2 and int(whole) <= 30 else None


def parse_offline(body: Any) -> frozenset[str]:
    """Read /api/v3/symbol/offline: suspended and delisted alike can't be traded."""
    found = (code(row.get("symbol")) for row in objects(member(body, "data")))
    return frozenset(symbol for symbol in found if symbol)


def parse_pairs(body: Any, offline: frozenset[str] | None) -> list[Pair]:
    """Read /api/v3/exchangeInfo beside the symbols that are off the market; without those nobody knows what trades."""
    pairs = []
    for row, symbol, base, quote in named(rows(body, "symbols"), "symbol", "baseAsset", "quoteAsset"):
        base, quote = base.upper(), quote.upper()
        status = "halted" if symbol in (offline or ()) else pair_status(row)
        status = None if offline is None and status == "trading" else status
        pairs.append(Pair(symbol, base, quote, base, quote, status))
    # What is off the market only is counted; nobody tells its base and quote.
    gone = (offline or frozenset()).difference(pair.symbol for pair in pairs)
    return pairs + [Pair(symbol, "", "", "", "", "halted") for symbol in sorted(gone)]


def pair_status(row: dict[str, Any]) -> str | None:
    """Read status, a word before 2024-08. isSpotTradingAllowed is no halt flag: it is about trading by API."""
    status = str(row.get("status"))
    if status in ("2", "3"):
        return "halted"
    return "trading" if status in ("1", "ENABLED") and str(row.get("tradeSideType")) != "4" else None


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /api/v3/ticker/24hr: closeTime is when the row was taken."""
    found = rows(body)
    return batch.add_rows(found, PRICES, integers(column(found, "closeTime")))


def parse_key(body: Any) -> KeyInfo:
    """Read /api/v3/apiKeyInfo. Raises AuthFailed for a key that is frozen or deleted."""
    info = table(body)
    status, days = text(info.get("status")), integer(info.get("remainingValidity"))
    if status not in (None, "VALID"):
        raise errors.AuthFailed(f"api_key is {printable(status, 40)}, not VALID", hint="make a new key")
    if days == 0:
        raise errors.AuthFailed("the key has expired", hint="make a new one, or bind one to an address")
    granted = tuple(name.strip() for name in (text(info.get("permissions")) or "").split(",") if name.strip())
    warnings = []
    if writes := [name for name in granted if name.endswith("_WRITE")]:
        warnings.append(f"the key may write ({', '.join(writes)}); SPOT_WITHDRAW_READ is enough")
    if granted and "SPOT_WITHDRAW_READ" not in granted:
        warnings.append("the key lacks SPOT_WITHDRAW_READ, which the list of coins needs")
    return KeyInfo(granted or None, tuple(warnings), days_left(days))  # -999 never ends
