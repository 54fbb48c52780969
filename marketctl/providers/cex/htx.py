"""HTX, formerly Huobi: spot market of a large exchange (mixed REST versions).

Docs: https://www.htx.com/en-us/opend/newApiPages/
Symbols: lower case without a separator; base and quote come from settings/common/symbols, which keeps delisted pairs.
Limits: 10 requests a second and address by an old rule, prices 4500 per 5 min; kept to 5 a second.
Quirks: four envelopes; exponents in prices; one code for wrong key, signature, address and clock, told apart by words.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.http.messages import encode_query
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, any_open
from marketctl.providers.base import NO_ENVELOPE, Exchange, Failure, key_info, seconds_until
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fields import (
    bad_answer,
    code,
    count,
    integer,
    mapping,
    member,
    named,
    objects,
    rows,
    shift_point,
    text,
)
from marketctl.providers.networks import common_network
from marketctl.providers.signing import hmac_base64
from marketctl.text import printable
from marketctl.times import to_iso

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

ADDRESS = (errors.IpNotAllowed, "the key is bound to other addresses")
WORDS = {"allowed": True, "prohibited": False}
COINS = {"normal": True, "delisted": False}
LIMITS = ("too-many-request", "too-many-requests", "base-request-exceed-frequency-limit")
OFF = ("pre-online", "not-online", "suspend", "offline", "transfer-board", "fuse")
STATES = {"online": "trading", **dict.fromkeys(OFF, "halted")}
PRICES = ("symbol", "bid", "ask", "bidSize", "askSize", "close", "amount", "vol")


class HtxAdapter(Exchange):
    """Speaks to HTX."""

    base_url = "https://api.huobi.pro"
    credentials = ("api_key", "api_secret")
    endpoints = (
        "GET /market/tickers",
        "GET /v1/common/timestamp",
        "GET /v2/market-status",
        "GET /v2/reference/currencies",
        "GET /v2/settings/common/currencies",
        "GET /v2/settings/common/symbols",
        "GET /v2/user/api-key",
        "GET /v2/user/uid",
    )
    columns = {"GET /market/tickers": PRICES}
    kept_headers = ("x-hb-ratelimit-requests-remain", "x-hb-ratelimit-requests-expire")
    rate = (5.0, 5.0)
    rate_limit_wait_s = 2.0
    clock_field = ("/v1/common/timestamp", "data")
    error_statuses = {429: errors.RateLimited}
    # One code covers five causes; the Chinese may stand alone.
    error_words = {
        **dict.fromkeys(("invalid submission time", "无效的提交时间"), (errors.ClockSkew, "")),
        **dict.fromkeys(("incorrect ip address", "ip地址错误", "invalid.ip"), ADDRESS),
        "has expired": (errors.AuthFailed, "the key has expired"),
        "incorrect access key": (errors.AuthFailed, "api_key is unknown, or deleted"),
        **dict.fromkeys(("verification failure", "校验失败"), (errors.AuthFailed, "api_secret is wrong")),
        **dict.fromkeys(("too many request", "too.many.request", "request limit"), (errors.RateLimited, "")),
        "request timeout": (errors.Unavailable, ""),
        # The last three stand beside 1002, which else is a lack of rights.
        **dict.fromkeys(("auth.fail", "unauthorized", "signature", "access key"), (errors.AuthFailed, "")),
    }
    error_codes = {
        errors.AuthFailed: {"api-signature-not-valid", "api-signature-check-failed", "login-required", "1003"},
        errors.PermissionDenied: {"1002"},
        errors.IpNotAllowed: {"2000"},
        errors.RateLimited: {*LIMITS, "1006", "40403", "4000"},
        errors.Unavailable: {"gateway-internal-error", "base-system-error", "timeout", "500"},
        errors.Maintenance: {"system-maintenance"},
    }

    def assets(self) -> AssetBatch:
        body = self.get("/v2/reference/currencies")
        rows(body, "data")  # when that cannot be read, nothing more is asked
        return parse_assets(body, self.names())

    def names(self) -> dict[str, Any]:
        """Return ticker, full name and kind by code: the list of coins knows codes alone."""
        # Another coin may wear a code as its ticker: without both lists the names are the last known ones, or none.
        path = "/v2/settings/common/currencies"
        return self.last_known("names", lambda: parse_names(self.get(path), self.pair_list().by_symbol.values()))

    def pairs(self) -> list[Pair]:
        return parse_pairs(self.get("/v2/settings/common/symbols"))

    def prices(self) -> QuoteBatch:
        return parse_prices(self.get("/market/tickers"), self.quote_batch())

    def platform(self) -> Platform:
        return parse_status(self.get("/v2/market-status"))

    def check_key(self) -> KeyInfo:
        uid = code(member(self.get("/v2/user/uid", signed=True), "data")) or ""
        # That proved the key. The rest is told of this key alone: without accessKey it would list all of the user's.
        query = {"uid": uid, "accessKey": self.keys["api_key"]}
        return parse_key(self.told(lambda: self.get("/v2/user/api-key", query, signed=True), None), query["accessKey"])

    def sign(self, request: "Request") -> None:
        proof = {"AccessKeyId": self.keys["api_key"], "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
        proof["Timestamp"] = str(to_iso(request.timestamp_ms))[:19]
        fields = [*encode_query(proof).split("&"), *filter(None, request.query.split("&"))]
        query = "&".join(sorted(fields, key=lambda field: field.partition("=")[0]))
        message = f"{request.method}\n{request.host}\n{request.path}\n{query}"
        signature = encode_query({"Signature": hmac_base64(self.keys["api_secret"], message)})
        request.query = f"{query}&{signature}"

    def failure(self, answer: "Answer") -> Failure | None:
        body = mapping(answer.body)
        if body.get("status") == "ok" or str(body.get("code")) == "200":
            return None
        number = next((body[key] for key in ("err-code", "err_code", "code", "status") if text(body.get(key))), None)
        words = next((body[key] for key in ("err-msg", "err_msg", "message") if text(body.get(key))), "")
        return NO_ENVELOPE if number is None else (str(number), str(words))

    def retry_after(self, answer: "Answer") -> float | None:
        left = seconds_until(answer, "x-hb-ratelimit-requests-expire")
        # The longest window there is has 5 minutes: what lies beyond is no time in ms.
        return left if left is not None and 0 < left <= 300 else super().retry_after(answer)


def parse_names(body: Any, pairs: Iterable[Pair] = ()) -> dict[str, Any]:
    """Read /v2/settings/common/currencies: ticker, full name and kind by upper-case code; the pairs' tickers win."""
    found = {
        key.upper(): [(code(row.get("dn")) or key).upper(), text(row.get("fn")), integer(row.get("at"))]
        for row, key in named(rows(body, "data"), "cc")
    }
    for pair in pairs:
        for key, ticker in ((pair.quote_code, pair.quote), (pair.base_code, pair.base)):
            found[key] = [ticker, *found.get(key, ("", None, None))[1:]]
    return found


def parse_assets(body: Any, names: Mapping[str, Any]) -> AssetBatch:
    """Read /v2/reference/currencies, with ticker, full name and kind of each code."""
    batch = AssetBatch(WORDS)
    for key, row in batch.coded(rows(body, "data"), "currency"):
        coin = key.upper()
        # A delisted coin may have chains that are still marked as allowed; of an unknown state nobody knows what it is.
        listed = batch.switch(row.get("instStatus") or "normal", COINS)
        chains = batch.coded(objects(row.get("chains")), "chain")
        networks = {name: parse_network(chain, name, batch, listed) for name, chain in chains}
        ticker, name, kind = names.get(coin) or (coin, None, None)
        flag, fiat = None if listed else listed, integer(row.get("assetType", kind)) == 2
        batch.add(Asset(coin, ticker, name, fiat, None, flag, flag, networks))
    return batch


def parse_network(chain: dict[str, Any], key: str, batch: AssetBatch, listed: bool | None) -> Network:
    """Read one element of `chains`."""
    name, protocol, base = (text(chain.get(field)) for field in ("displayName", "baseChainProtocol", "baseChain"))
    fast = count(chain.get("numOfFastConfirmations"))
    tags = [batch.switch(chain[field]) for field in ("addrWithTag", "addrDepositTag") if chain.get(field) is not None]
    fee, percent, note = parse_fee(chain, batch)
    return Network(
        name=name,
        # Native coins alone have no base chain; the shown name of a token may be the coin's nickname.
        network=common_network("htx", protocol, base) if protocol or base else common_network("htx", name, key),
        deposit=batch.switch(chain.get("depositStatus")) if listed else listed,
        withdraw=batch.switch(chain.get("withdrawStatus")) if listed else listed,
        deposit_min=batch.amount(chain.get("minDepositAmt")),
        withdraw_min=batch.amount(chain.get("minWithdrawAmt")),
        withdraw_max=batch.limit(chain.get("maxWithdrawAmt"), digits=13),  # 10^13 is none
        withdraw_fee=fee,
        withdraw_fee_percent=percent,
        precision=count(chain.get("withdrawPrecision")),
        confirmations=count(chain.get("numOfConfirmations")) if fast is None else fast,
        contract=text(chain.get("contractAddress")),
        memo_required=any_open(tags),
        note=note,
    )


def parse_fee(chain: dict[str, Any], batch: AssetBatch) -> tuple[str | None, str | None, str | None]:
    """Return the withdrawal fee, the fee in percent and a note: `withdrawFeeType` decides which field counts."""
    bounds = [batch.amount(chain.get(field)) for field in ("minTransactFeeWithdraw", "maxTransactFeeWithdraw")]
    note = f"fee {bounds[0] or '?'} to {bounds[1] or '?'}" if any(bounds) else None
    kind = chain.get("withdrawFeeType")
    if kind == "ratio":
        rate = batch.amount(chain.get("transactFeeRateWithdraw"))
        return None, None if rate is None else shift_point(rate, 2), note
    if kind == "circulated":
        return bounds[0], None, note
    fee = batch.amount(chain.get("transactFeeWithdraw"))
    steps = objects(mapping(chain.get("withdrawFeeExpandData")).get("step-fixed-step-list"))
    if not steps:
        return fee, None, "the fee floats with the network" if chain.get("isDynamic") is True else note
    fees, ends = ([batch.amount(step.get(field)) for step in steps] for field in ("fee", "max"))
    told = [f"{one or '?'} up to {end or '?'}, " for one, end in zip(fees, ends[:-1], strict=False)]
    # The fee that is told is the highest step's, and the last step has no end.
    return fee or fees[-1], None, f"fee {''.join(told)}{fees[-1] or '?'} above"


def parse_pairs(body: Any) -> list[Pair]:
    """Read /v2/settings/common/symbols; the older /v1 list says `symbol` in place of `sc`."""
    if body.get("full", 1) != 1:
        raise bad_answer(body, "the list of pairs tells only what changed (full is not 1)")
    pairs = []
    for row in rows(body, "data"):
        symbol = code(row.get("sc")) or code(row.get("symbol"))
        base, quote = code(row.get("bc")), code(row.get("qc"))
        if symbol and base and quote:
            status = STATES.get(str(row.get("state")))
            status = "halted" if status and row.get("te") is False else status
            shown = ((code(row.get("bcdn")) or base).upper(), (code(row.get("qcdn")) or quote).upper())
            pairs.append(Pair(symbol, *shown, base.upper(), quote.upper(), status))
    return pairs


def parse_prices(body: Any, batch: QuoteBatch) -> QuoteBatch:
    """Read /market/tickers: `amount` is in base units, `vol` in quote units, one time for all."""
    return batch.add_rows(rows(body, "data"), PRICES, integer(body.get("ts")))


def parse_status(body: Any) -> Platform:
    """Read /v2/market-status: 1 works, 2 halted, 3 takes no new orders."""
    data = mapping(member(body, "data"))
    status = integer(data.get("marketStatus"))
    if status not in (2, 3):
        return Platform("ok" if status == 1 else "unknown")
    words = "trading is halted" if status == 2 else "orders can only be cancelled"
    end, symbols = to_iso(integer(data.get("haltEndTime"))), text(data.get("affectedSymbols"))
    return Platform("maintenance", printable(words + (f" until {end}" if end else "") + f": {symbols}" * bool(symbols)))


def parse_key(body: Any, key: str) -> KeyInfo:
    """Read /v2/user/api-key: what it tells of this key. Raises AuthFailed for an expired one."""
    row = next((row for row in objects(mapping(body).get("data")) if row.get("accessKey") == key), {})
    if row.get("status") == "expired":
        raise errors.AuthFailed("the key has expired", hint="make a new one")
    permission = text(row.get("permission"))
    granted = None if permission is None else tuple(permission.replace(" ", "").split(","))
    writes = [name for name in granted or () if name in ("trade", "withdraw")]
    return key_info(granted, writes, "a read-only key is enough", integer(row.get("validDays")))  # -1: no end
