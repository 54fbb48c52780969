"""WHITEBIT, spot market of a European exchange (public v4, and v1 for the best bid and ask of all pairs).

Docs: https://docs.whitebit.com
Symbols: `stock` and `money` of markets; perpetuals (`*_PERP`) and the play money DBTC, DUSDT are not spot.
Limits: 1000 requests per 10 s and address on v1, 2000 on v4; beyond it HTTP 429 with a plain text.
Quirks: fees are no part of the assets: "TICKER (NETWORK)", or plain where there is one network; retired networks stay
    listed with minimums such as 999999999999999999; a JSON 429 is a refused nonce; a key bound to other addresses is
    told in the words of a disabled one; halts show only in the v4 ticker; the clock has whole seconds.
"""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketctl.batch import AssetBatch, QuoteBatch
from marketctl.errors import (
    AuthFailed,
    Blocked,
    ClockSkew,
    Maintenance,
    MarketctlError,
    PermissionDenied,
    RateLimited,
)
from marketctl.fields import code, flag, integer, is_zero, mapping, rows, table, text
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair, Platform
from marketctl.networks import common_network
from marketctl.providers.base import Exchange, Failure, measure
from marketctl.signing import hmac_hex

if TYPE_CHECKING:
    from marketctl.http import Answer, Request

PLAY_MONEY = frozenset({"DBTC", "DUSDT"})
NO_LIMIT = Decimal(10**17)  # from here on an amount says "closed" or "none"
# One number has several meanings: the beginning of the words decides.
WORDS: Mapping[str, type[MarketctlError]] = {
    "Unauthorized request": AuthFailed,
    "This action is unauthorized": AuthFailed,
    "You don't have permission": PermissionDenied,
    "This API Key is not authorized": PermissionDenied,
    "Your nonce is more than": ClockSkew,
}
PLATFORM = {"1": "ok", "system operational": "ok", "0": "maintenance", "system maintenance": "maintenance"}


class WhitebitAdapter(Exchange):
    """Speaks to WHITEBIT."""

    base_url = "https://whitebit.com"
    credentials = ("api_key", "api_secret")
    endpoints = (
        "GET /api/v1/public/tickers",
        "GET /api/v4/public/assets",
        "GET /api/v4/public/fee",
        "GET /api/v4/public/markets",
        "GET /api/v4/public/platform/status",
        "GET /api/v4/public/ticker",
        "GET /api/v4/public/time",
        "POST /api/v4/trade-account/balance",
    )
    rate = (50.0, 50.0)
    resync_clock = True
    error_statuses = {401: AuthFailed, 429: RateLimited, 451: Blocked, 503: Maintenance}

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/api/v4/public/assets"), self.get("/api/v4/public/fee"))

    def pairs(self) -> list[Pair]:
        markets = self.get("/api/v4/public/markets")
        return parse_pairs(markets, self.told(lambda: table(self.get("/api/v4/public/ticker")), {}))

    def prices(self) -> QuoteBatch:
        body = self.get("/api/v1/public/tickers")
        return parse_prices(body, self.quote_batch())

    def clock(self) -> Clock:
        answer = self.ask("GET", "/api/v4/public/time")
        seconds = integer(mapping(answer.body).get("time"))
        # Whole seconds, rounded down: half a second more is right on average, and never wrong by more than that.
        return measure(answer, None if seconds is None else seconds * 1000 + 500)

    def platform(self) -> Platform:
        return parse_status(self.get("/api/v4/public/platform/status"))

    def check_key(self) -> KeyInfo:
        # Two shapes of a good answer are known: what counts is that it tells no error.
        self.ask("POST", "/api/v4/trade-account/balance", signed=True, body=b'{"ticker":"BTC"}')
        return KeyInfo()

    def sign(self, request: "Request") -> None:
        request.body = private_body(request.path, json.loads(request.body or b"{}"), request.timestamp_ms)
        payload = base64.b64encode(request.body).decode()
        request.headers |= {
            "Content-Type": "application/json",
            "X-TXC-APIKEY": self.keys["api_key"],
            "X-TXC-PAYLOAD": payload,
            "X-TXC-SIGNATURE": hmac_hex(self.keys["api_secret"], payload, "sha512"),
        }

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if answer.status < 300 and "code" not in body and body.get("success") is not False:
            return None
        if "message" not in body:
            return "none", words_of(body)
        words = " ".join(filter(None, (words_of(body["message"]), words_of(body.get("errors")))))
        if words.startswith("This action is unauthorized"):
            words += " (also told when the key is bound to other addresses, or was unused for 14 days)"
        return text(body.get("code")) or "none", words

    def error_class(self, code: str, words: str, answer: "Answer") -> type[MarketctlError] | None:
        # Only private answers have a code: to them it means a nonce that did not rise, and a new one may do.
        if answer.status == 429 and code != "none":
            return ClockSkew
        return next((cls for start, cls in WORDS.items() if words.startswith(start)), None)


def private_body(path: str, params: Mapping[str, Any], nonce: int) -> bytes:
    """Return the body of a private call: compact JSON, or it is refused. With a window the nonce is our time in ms."""
    body = {**params, "request": path, "nonce": nonce, "nonceWindow": True}
    return json.dumps(body, separators=(",", ":")).encode()


def words_of(told: object) -> str:
    """Join the words of an error: a text, a list of texts, or such by field."""
    if isinstance(told, dict):
        return "; ".join(f"{field}: {words_of(one)}" for field, one in told.items())
    return ", ".join(map(words_of, told)) if isinstance(told, list) else text(told) or ""


def parse_assets(body: Any, fees: Any) -> AssetBatch:
    """Read /api/v4/public/assets and /api/v4/public/fee. Which keys an entry has tells what it is."""
    batch = AssetBatch()
    fee_of = parse_fees(fees)
    for key, value in table(body).items():
        ticker, row = code(key), mapping(value)
        if ticker is None:
            batch.skip("no-code")
        elif ticker in PLAY_MONEY or not ("confirmations" in row or "providers" in row):
            batch.skip("not-an-asset")  # payment methods and internal tokens
        elif not isinstance(row.get("name"), str | None):
            batch.skip("bad-row")
        else:
            is_coin = "confirmations" in row
            asset = Asset(
                ticker.upper(),
                ticker.upper(),
                text(row.get("name")),
                fiat=not is_coin,
                precision=integer(row.get("currency_precision")),
                # A coin that names no network at all has none to move on.
                deposit=False if is_coin else batch.switch(row.get("can_deposit")),
                withdraw=False if is_coin else batch.switch(row.get("can_withdraw")),
                networks=parse_networks(ticker, row, fee_of, batch) if is_coin else {},
            )
            batch.add(asset)
    return batch


def parse_fees(body: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Read /api/v4/public/fee into entries by ticker and network; the network is "" where the key tells none."""
    fees = {}
    for key, value in table(body).items():
        entry = mapping(value)
        ticker = text(entry.get("ticker")) or key
        if key == ticker:
            fees[ticker, ""] = entry
        elif key.startswith(f"{ticker} (") and key.endswith(")"):
            fees[ticker, key[len(ticker) + 2 : -1]] = entry
    return fees


def parse_networks(
    ticker: str, row: dict[str, Any], fee_of: Mapping[tuple[str, str], dict[str, Any]], batch: AssetBatch
) -> dict[str, Network]:
    """Read the networks of a coin: all that any of the five places names, retired ones too."""
    listed, limits = mapping(row.get("networks")), mapping(row.get("limits"))
    confirmations, memo = mapping(row.get("confirmations")), mapping(row.get("memo"))
    places = [listed.get("deposits"), listed.get("withdraws"), limits.get("deposit"), limits.get("withdraw")]
    named = [name for place in [*places, confirmations] if isinstance(place, list | dict) for name in place]
    names = [name for name in dict.fromkeys(map(code, named)) if name]
    memos = [batch.switch(memo.get(way)) for way in ("deposit", "withdraw")]
    networks = {}
    for name in names:
        # The fee without a network belongs to an only network, never to several.
        whole = row if len(names) == 1 else {}
        fee = fee_of.get((ticker, name)) or (fee_of.get((ticker, "")) if whole else None) or {}
        network = Network(
            network=common_network("whitebit", name),
            confirmations=integer(confirmations.get(name)),
            memo_required=batch.switch(row.get("is_memo")) if None in memos else any(memos),
        )
        network.deposit, network.deposit_min, _ = parse_way("deposit", name, row, fee, whole, batch)
        network.withdraw, network.withdraw_min, network.withdraw_max = parse_way(
            "withdraw", name, row, fee, whole, batch
        )
        parse_fee(mapping(fee.get("withdraw")), network, batch)
        networks[name] = network
    return networks
