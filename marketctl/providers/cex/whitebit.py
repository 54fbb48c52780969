"""WHITEBIT, spot market of a European exchange (public v4, and v1 for the best bid and ask of all pairs).

Docs: https://docs.whitebit.com
Symbols: `stock` and `money` of markets; perpetuals (`*_PERP`) and the play money DBTC, DUSDT are not spot.
Limits: 1000 requests per 10 s and address on v1, 2000 on v4; beyond it HTTP 429 with a plain text.
Quirks: fees are no part of the assets: "TICKER (NETWORK)", or plain where there is one network; retired networks stay
    listed with minimums such as 999999999999999999; a JSON 429 is a refused nonce; a key bound to other addresses is
    told in the words of a disabled one; halts show only in the v4 ticker; the clock has whole seconds.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair, Platform, any_open
from marketctl.providers.base import Exchange, Failure, measure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.columns import column, integers
from marketctl.providers.fields import code, count, flag, integer, is_zero, mapping, named, rows, table, text
from marketctl.providers.networks import common_network
from marketctl.providers.refusals import words_of
from marketctl.providers.signing import base64_text, hmac_hex
from marketctl.text import printable

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

Row = dict[str, Any]
Fees = dict[tuple[str, str], Row]

PLAY_MONEY = frozenset({"DBTC", "DUSDT"})
NEVER = Decimal(10**17)  # a minimum of so much says that the network is closed
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
    error_statuses = {429: errors.RateLimited, 451: errors.Blocked}
    # One number has several meanings: the words decide.
    error_words = {
        "too many requests": (errors.ClockSkew, "the nonce did not rise: the clock, or another user of this key"),
        "your nonce is more than": (errors.ClockSkew, "this machine's clock is off"),
        "this action is unauthorized": (
            errors.AuthFailed,
            "the key is off, unused for 14 days, or bound to other addresses",
        ),
        "unauthorized request": (errors.AuthFailed, "api_key is unknown, or api_secret is wrong"),
        "you don't have permission": (errors.PermissionDenied, "the key lacks a permission"),
        "this api key is not authorized": (errors.PermissionDenied, "the key lacks a permission"),
    }

    def assets(self) -> AssetBatch:
        return parse_assets(table(self.get("/api/v4/public/assets")), self.get("/api/v4/public/fee"))

    def pairs(self) -> list[Pair]:
        markets = self.get("/api/v4/public/markets")
        frozen = self.aside("what is halted", lambda: table(self.get("/api/v4/public/ticker")))
        return parse_pairs(markets, frozen or {})

    def prices(self) -> QuoteBatch:
        return parse_prices(self.get("/api/v1/public/tickers"), self.quote_batch())

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
        payload = base64_text(request.body)
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
        # Only private answers have a code.
        return text(body.get("code")) or "none", words

    def error_class(self, code: str, words: str, answer: "Answer") -> type[errors.MarketctlError] | None:
        # Without a code, a 429 is a true rate limit.
        return None if answer.status == 429 and code in ("", "none") else super().error_class(code, words, answer)


def private_body(path: str, params: Mapping[str, Any], nonce: int) -> bytes:
    """Return the body of a private call: compact JSON, or it is refused. With a window the nonce is our time in ms."""
    body = {**params, "request": path, "nonce": nonce, "nonceWindow": True}
    return json.dumps(body, separators=(",", ":")).encode()


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
            is_coin, shown, name = "confirmations" in row, ticker.upper(), text(row.get("name"))
            # A coin that names no network at all has none to move on.
            ways = ("can_deposit", "can_withdraw")
            deposit, withdraw = (False if is_coin else batch.switch(row.get(way)) for way in ways)
            networks = parse_networks(ticker, row, fee_of, batch) if is_coin else {}
            precision = count(row.get("currency_precision"))
            batch.add(Asset(shown, shown, name, not is_coin, precision, deposit, withdraw, networks))
    return batch


def parse_fees(body: Any) -> Fees:
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


def parse_networks(ticker: str, row: Row, fee_of: Fees, batch: AssetBatch) -> dict[str, Network]:
    """Read the networks of a coin: all that any of the five places names, retired ones too."""
    listed, limits, memo = mapping(row.get("networks")), mapping(row.get("limits")), mapping(row.get("memo"))
    confirmations = mapping(row.get("confirmations"))
    places = [listed.get("deposits"), listed.get("withdraws"), limits.get("deposit"), limits.get("withdraw")]
    found = [name for place in [*places, confirmations] if isinstance(place, list | dict) for name in place]
    names = dict.fromkeys(map(code, found))
    told = any_open([batch.switch(memo.get("deposit")), batch.switch(memo.get("withdraw"))])
    memo_required = batch.switch(row.get("is_memo")) if told is None else told
    networks = {}
    for name in names:
        if name is None:
            batch.skip("no-code")
            continue
        # What is told of the coin as a whole holds for an only network, and is never spread over several.
        whole = row if len(names) == 1 else {}
        fee = fee_of.get((ticker, name)) or (fee_of.get((ticker, ""), {}) if whole else {})
        deposit, deposit_min, _ = parse_way("deposit", name, row, fee, whole, batch)
        withdraw, withdraw_min, withdraw_max = parse_way("withdraw", name, row, fee, whole, batch)
        fixed, percent, note = parse_fee(mapping(fee.get("withdraw")), batch)
        networks[name] = Network(
            network=common_network("whitebit", name),
            deposit=deposit,
            withdraw=withdraw,
            deposit_min=deposit_min,
            withdraw_min=withdraw_min,
            withdraw_max=withdraw_max,
            withdraw_fee=fixed,
            withdraw_fee_percent=percent,
            confirmations=count(confirmations.get(name)),
            memo_required=memo_required,
            note=note,
        )
    return networks


def parse_way(
    way: str, name: str, row: Row, fee: Row, whole: Row, batch: AssetBatch
) -> tuple[bool | None, str | None, str | None]:
    """Read one direction of a network: is it open, the minimum and the maximum. The nearest teller wins."""
    networks = row.get("networks") or {}
    # The list is absent when the direction is off.
    listed = networks.get(f"{way}s", []) if isinstance(networks, dict) else None
    both = (batch.switch(row.get(f"can_{way}")), name in listed if isinstance(listed, list) else None)
    is_open = False if False in both else None if None in both else True
    limit, charged = mapping(mapping(mapping(row.get("limits")).get(way)).get(name)), mapping(fee.get(way))
    least = batch.amount(limit.get("min") or charged.get("min_amount") or whole.get(f"min_{way}"))
    most = batch.limit(limit.get("max") if limit else charged.get("max_amount") or whole.get(f"max_{way}"))
    if least is not None and Decimal(least) >= NEVER:
        is_open, least = False, None
    return is_open, least, None if most is None or is_zero(most) else most


def parse_fee(charged: dict[str, Any], batch: AssetBatch) -> tuple[str | None, str | None, str | None]:
    """Read what a withdrawal costs: fixed, percent, and the bounds of the percentage; null is no such part."""
    fixed = "0" if charged.get("fixed", "") is None else batch.amount(charged.get("fixed"))
    if charged.get("flex", "") is None:
        return fixed, "0", None
    flex = mapping(charged.get("flex"))
    bounds = [(key, batch.amount(flex.get(key))) for key in ("min_fee", "max_fee")]
    note = ", ".join(f"{key} {bound}" for key, bound in bounds if bound and not is_zero(bound))
    return fixed, batch.amount(flex.get("percent")), note or None


def parse_pairs(body: Any, frozen: Mapping[str, Any]) -> list[Pair]:
    """Read /api/v4/public/markets; whether a pair is halted shows in /api/v4/public/ticker, {} where that failed."""
    pairs = []
    for row, symbol, base, quote in named(rows(body), "name", "stock", "money"):
        base, quote = base.upper(), quote.upper()
        off = flag(row.get("tradesEnabled")) is False or flag(mapping(frozen.get(symbol)).get("isFrozen"))
        status = None if off is None else "halted" if off else "trading"
        spot = row.get("type") == "spot" and PLAY_MONEY.isdisjoint((base, quote))
        pairs.append(Pair(symbol, base, quote, base, quote, status, spot))
    return pairs


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /api/v1/public/tickers: `vol` is in the base, `deal` in the quote currency, `at` in seconds."""
    found = table(body, "result")
    values = list(map(mapping, found.values()))
    times = [at * 1000 if at else None for at in integers(column(values, "at"))]
    fields = ("", "bid", "ask", "", "", "last", "vol", "deal")
    return batch.add_rows([mapping(value.get("ticker")) for value in values], fields, times, list(found))


def parse_status(body: Any) -> Platform:
    """Read /api/v4/public/platform/status: "1" and "0" until 2026, words since; anything else is not "down"."""
    told = text(mapping(body).get("status"))
    status = PLATFORM.get((told or "").lower(), "unknown")
    return Platform(status, None if status == "ok" or told is None else printable(told))
