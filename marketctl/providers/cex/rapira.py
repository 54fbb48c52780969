"""RAPIRA, small Russian exchange whose main pair is USDT/RUB (open REST, without a version).

Docs: https://rapira.readme.io
Symbols: `symbol` is ASSET/MONEY. Two fields are named crosswise: quoteCurrency is the asset, baseCurrency the money.
Limits: 5 requests a second and 100 a minute; HTTP 451 refuses whole countries and many data centres.
Quirks: one row per coin and chain; RUB is in no list, though half of the main pair; prices are JSON numbers without
    sizes or times; halts and volumes come from lists of their own, and prices are good without them; the login is a
    token signed with an RSA key (RS256), which needs the extra `rapira`. Nothing else needs a key.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.log import log
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair, Platform
from marketctl.providers.base import Exchange, Failure, measure
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.fields import bad_answer, code, count, flag, integer, mapping, rows, text
from marketctl.providers.networks import common_network
from marketctl.providers.signing import rsa_signature

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

TOKEN_LIFE_S = 1800


class RapiraAdapter(Exchange):
    """Speaks to RAPIRA."""

    base_url = "https://api.rapira.net"
    credentials = ("uid", "private_key")
    one_answer_assets = True
    endpoints = (
        "GET /market/symbol-thumb",
        "GET /open/market/pairs",
        "GET /open/market/rates",
        "GET /open/system/time",
        "GET /open/token",
        "POST /open/generate_jwt",
    )
    rate = (1.5, 3.0)
    rate_limit_wait_s = 15.0
    error_statuses = {429: errors.RateLimited, 451: errors.Blocked}
    error_codes = {errors.Maintenance: {"isWorking"}}
    canary = "USDT/RUB"

    def assets(self) -> AssetBatch:
        return parse_assets(self.get("/open/token"))

    def prices(self) -> QuoteBatch:
        # No list of pairs is kept: the rates name them, and a pair that is new would look halted in an old list.
        body = self.get("/open/market/rates")
        rates = rows(body, "data")
        statuses = self.aside("status", lambda: parse_statuses(self.get("/open/market/pairs")))
        volumes = None
        if any(row.get("volume") is None for row in rates):
            volumes = self.aside("volume", lambda: parse_volumes(self.get("/market/symbol-thumb")))
        batch = QuoteBatch(PairList(parse_pairs(rates, statuses)), frozenset(self.wanted))
        if (integer(body.get("totalPage")) or 0) > 1:
            told = "the list of rates has %s pages now and the first one was read: please report it"
            log.warning(told, body["totalPage"], extra={"provider": self.client.provider})
            batch.complete = False
        return parse_prices(rates, volumes or {}, batch)

    def clock(self) -> Clock:
        answer = self.ask("GET", "/open/system/time")
        told = answer.body.get("serverTime") if isinstance(answer.body, dict) else answer.body
        return measure(answer, integer(told))

    def platform(self) -> Platform:
        try:
            body = self.get("/open/market/rates")
        except errors.Maintenance:
            return Platform("maintenance", "the exchange says that it is not working")
        return Platform("ok") if flag(mapping(body).get("isWorking")) else Platform()

    def check_key(self) -> KeyInfo:
        try:
            answer = self.ask("POST", "/open/generate_jwt", signed=True)
        except errors.PermissionDenied as error:
            raise errors.AuthFailed(f"the login is refused: {error.message}") from error
        if text(mapping(answer.body).get("token")) is None:
            told = (
                f"{answer.where}: HTTP {answer.status}: the login brought no token: uid, private_key or clock is wrong"
            )
            raise errors.AuthFailed(told, hint=f"marketctl credentials set {self.client.provider}")
        return KeyInfo()

    def sign(self, request: "Request") -> None:
        from secrets import token_hex

        expires = request.timestamp_ms // 1000 + TOKEN_LIFE_S
        request.body = login_body(self.keys["uid"], self.keys["private_key"], expires, token_hex(12))
        request.headers["Content-Type"] = "application/json"

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if "code" in body and integer(body["code"]) not in (0, 200):
            return str(body["code"]), text(body.get("message")) or ""
        if body.get("isWorking") is not None and flag(body["isWorking"]) is not True:
            return "isWorking", "the exchange says that it is not working"
        return None


def login_body(uid: str, private_key: str, expires: int, jti: str) -> bytes:
    """Return the body of the login: the UID and a token that proves the RSA key. Raises ConfigError."""
    parts = {"alg": "RS256", "typ": "JWT"}, {"exp": expires, "jti": jti}
    told = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    token = f"{told}.{base64url(rsa_signature(private_key, told.encode()))}"
    return json.dumps({"kid": uid, "jwt_token": token}, separators=(",", ":")).encode()


def base64url(data: bytes) -> str:
    """Encode for a JWT: without padding."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(data).rstrip(b"=").decode()


def entries(body: Any) -> list[dict[str, Any]]:
    """Return the rows of a list that comes bare or under `data`. Raises BadAnswer when there are none."""
    return rows(body, "data") if isinstance(body, dict) else rows(body)


def parse_assets(body: Any) -> AssetBatch:
    """Read /open/token, a row per coin and chain, and add RUB, which is never in it."""
    batch = AssetBatch()
    coins: dict[str, dict[str, Network]] = {}
    for row in entries(body):
        coin, chain = code(row.get("coinId")), code(row.get("chainId"))
        if coin is None or chain is None:
            batch.skip("no-code")
            continue
        networks = coins.setdefault(coin.upper(), {})
        if chain in networks:
            batch.skip("duplicate")
            continue
        networks[chain] = Network(
            name=text(row.get("displayName")),
            network=common_network("rapira", chain),
            deposit=batch.switch(row.get("rechargeable")),
            withdraw=batch.switch(row.get("withdrawable")),
            deposit_min=batch.amount(row.get("minRecharge")),
            withdraw_min=batch.amount(row.get("minWithdraw")),
            withdraw_fee=batch.amount(row.get("withdrawFee")),
            precision=count(row.get("scale")),
        )
    for coin, networks in coins.items():
        batch.add(Asset(coin, coin, networks=networks))
    batch.refuse_if_empty()  # before RUB could hide it
    batch.add(Asset("RUB", "RUB", fiat=True))
    return batch


def parse_pairs(rates: list[dict[str, Any]], statuses: Mapping[str, str | None] | None) -> list[Pair]:
    """Read the pairs that /open/market/rates names; one that is missing in the statuses is halted, None are unknown."""
    pairs = []
    for row in rates:
        symbol = code(row.get("symbol")) or ""
        base, slash, quote = symbol.upper().partition("/")
        if not (base and quote) or "/" in quote:
            continue
        told = [text(row.get(key)) or ticker for key, ticker in (("quoteCurrency", base), ("baseCurrency", quote))]
        if [ticker.upper() for ticker in told] != [base, quote]:
            log.info("%s is told as %s; its symbol is believed", symbol, "/".join(told), extra={"provider": "RAPIRA"})
        status = None if statuses is None else statuses.get(base + slash + quote, "halted")
        pairs.append(Pair(symbol, base, quote, base, quote, status))
    return pairs


def parse_prices(
    rates: list[dict[str, Any]], volumes: Mapping[str, tuple[object, object]], batch: QuoteBatch
) -> QuoteBatch:
    """Read /open/market/rates; a row without a usable symbol is counted as an unknown one."""
    for row in rates:
        symbol = text(row.get("symbol"))
        volume, turnover = row.get("volume"), row.get("turnover")
        if volume is None and turnover is None:  # the row's own go before those of the other list
            volume, turnover = volumes.get(symbol or "", (None, None))
        batch.add(
            symbol,
            row.get("bidPrice"),
            row.get("askPrice"),
            last=row.get("close"),
            volume=volume,
            quote_volume=turnover,
        )
    return batch


def parse_statuses(body: Any) -> dict[str, str | None]:
    """Read /open/market/pairs into `trading` or `halted` by symbol. Raises BadAnswer when no pair can be read."""
    statuses: dict[str, str | None] = {}
    for row in entries(body):
        base, quote = code(row.get("coinSymbol")), code(row.get("baseSymbol"))
        if base and quote:
            open_ = flag(row.get("exchangeable"))
            statuses[f"{base}/{quote}".upper()] = None if open_ is None else "trading" if open_ else "halted"
    if not statuses:
        raise bad_answer(body, "no pair can be read")
    return statuses


def parse_volumes(body: Any) -> dict[str, tuple[object, object]]:
    """Read /market/symbol-thumb into volume (of the asset) and turnover (in the money) by symbol."""
    found = {}
    for row in entries(body):
        if symbol := code(row.get("symbol")):
            found[symbol] = (row.get("volume"), row.get("turnover"))
    return found
