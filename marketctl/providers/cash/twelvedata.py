"""TWELVEDATA, rates of configured fiat pairs.

Docs: https://twelvedata.com/docs
Symbols: BASE/QUOTE with a slash, as in its list of forex pairs; there is no bid and ask, only one rate.
Limits: one credit a pair, 8 a minute and 800 a day on the free plan; a list beyond what is left is refused whole.
Quirks: a wrong key may come with HTTP 200, so the body decides; 404 means an unknown symbol or a plan without it.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.batch import AssetBatch
from marketctl.providers.cash.base import add_currency, seconds
from marketctl.providers.cash.credits import (
    MINUTE_MS,
    ListTooLong,
    MeteredProvider,
    Plan,
    Row,
    UnknownSymbol,
    next_turn,
    reason_of,
)
from marketctl.providers.fields import bad_answer, integer, mapping, member, objects, rows, text
from marketctl.times import DAY_MS, now_ms

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

MOST_PAGES = 50


class TwelveDataCashAdapter(MeteredProvider):
    """Speaks to TWELVEDATA."""

    base_url = "https://api.twelvedata.com"
    credentials = ("api_key",)
    endpoints = ("GET /api_usage", "GET /exchange_rate", "GET /forex_pairs")
    kept_headers = ("api-credits-used", "api-credits-left", "is_batch")
    basic = Plan(8, 800)
    longest_list = 120
    left_header = "api-credits-left"
    minute_limit = re.compile(r"for the current minute.*current limit being ([1-9]\d{0,8})")
    # Asked for when the registry names no pairs.
    usual_pairs = ("EUR/USD", "GBP/USD", "USD/RUB", "USD/TRY", "USD/JPY", "USD/CNY", "USD/KZT")
    # The HTTP status says little, and one code has several meanings: the words decide.
    error_words = {
        "available starting with": (errors.PermissionDenied, "the plan does not have it"),
        "run out of api credits": (errors.RateLimited, ""),
        "**apikey**": (errors.AuthFailed, "api_key is refused"),
    }
    error_codes = {
        errors.BadAnswer: {"400", "404"},
        errors.AuthFailed: {"401"},
        errors.PermissionDenied: {"403"},
        ListTooLong: {"414"},
        errors.RateLimited: {"429"},
        errors.Unavailable: {"500", "502", "503", "504"},
    }
    error_statuses = {401: errors.AuthFailed, 414: ListTooLong}

    def listed(self) -> tuple[AssetBatch, int]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            body = self.forex_pairs({"page": str(page)} if found else {})
            more = objects(body.get("data")) if found else rows(body, "data")
            found += more
            if not more or len(found) >= (integer(body.get("count")) or 0):
                break
        return parse_list(found)

    def forex_pairs(self, query: dict[str, str]) -> Any:
        """Ask for a page of the list of pairs: without the key, which costs nothing; with it where that is refused."""
        try:
            return self.get("/forex_pairs", query)
        except errors.AuthFailed:
            return self.get("/forex_pairs", query, signed=True)

    def buy(self, pairs: list[str]) -> tuple["Answer", dict[str, Row]]:
        answer = self.ask("GET", "/exchange_rate", {"symbol": ",".join(pairs), "dp": "11"}, signed=True)
        return answer, parse_rates(answer.body, pairs)

    def ask_usage(self) -> tuple["Answer", dict[str, Any]]:
        answer = self.ask("GET", "/api_usage", signed=True)
        return answer, parse_usage(answer.body)

    def sign(self, request: "Request") -> None:
        request.headers["Authorization"] = f"apikey {self.keys['api_key']}"

    def failure(self, answer: "Answer") -> Failure | None:
        return refusal(answer.body, answer.status) if isinstance(answer.body, dict) else NO_ENVELOPE

    def error_class(self, code: str, words: str, _answer: "Answer") -> type[errors.MarketctlError] | None:
        return class_of(code, words)

    def retry_after(self, answer: "Answer") -> float | None:
        now, words = now_ms(), text(mapping(answer.body).get("message"))
        if words is None:
            return super().retry_after(answer)
        if "for the day" in words:
            return (next_turn(now, DAY_MS) - now) / 1000
        return (next_turn(now, MINUTE_MS) - now) / 1000 + 1.5


def refusal(body: Mapping[str, Any], http_status: int) -> Failure | None:
    """Return code and words of an error, of a whole answer or of one symbol. The HTTP status says little."""
    told = integer(body.get("code"))
    if body.get("status") != "error" and (told is None or told < 400):
        return None
    return str(told or http_status), text(body.get("message")) or ""


def class_of(number: str, words: str) -> type[errors.MarketctlError] | None:
    """Choose the error of a whole answer, or of one symbol."""
    cls = TwelveDataCashAdapter
    unknown = "**symbol**" in words and number in ("400", "404") and cls.say(words) is None
    return UnknownSymbol if unknown else cls.classify(number, words)


def parse_list(found: list[dict[str, Any]]) -> tuple[AssetBatch, int]:
    """Read the rows of /forex_pairs: the codes come from the symbol, the names beside it may be codes or missing."""
    batch = AssetBatch()
    names: dict[str, str | None] = {}
    symbols = set()
    for row in found:
        symbol = text(row.get("symbol")) or ""
        codes = symbol.upper().split("/")
        if len(codes) != 2 or not all(codes):
            batch.skip("no-code")
            continue
        symbols.add(symbol)
        for key, told in zip(codes, ("currency_base", "currency_quote"), strict=True):
            name = text(row.get(told))
            names[key] = names.get(key) or (None if name is None or name.upper() == key else name)
    for key, name in names.items():
        add_currency(batch, key, name)
    return batch, len(symbols)


def parse_rates(body: Any, asked: list[str]) -> dict[str, Row]:
    """Read /exchange_rate: one pair flat, several keyed by pair. One refused for want of credits is left out."""
    body = mapping(body)
    if "rate" in body or "symbol" in body:
        body = {text(body.get("symbol")) or asked[0]: body}
    entries = {key.upper(): mapping(entry) for key, entry in body.items()}
    found: dict[str, Row] = {}
    for pair in asked:
        entry = entries.get(pair, {})
        error = refusal(entry, 0)
        cls = class_of(*error) if error else None
        if error:
            if cls is not errors.RateLimited:
                found[pair] = [None, None, reason_of(cls)]
        elif str(entry.get("symbol", pair)).upper() != pair:
            found[pair] = [None, None, "unknown-symbol"]
        else:
            found[pair] = [text(entry.get("rate")), seconds(entry.get("timestamp")), None]
    return found


def parse_usage(body: Any) -> dict[str, Any]:
    """Read /api_usage: all but the limit may be missing, the day's figures are of plans with a daily cap."""
    limit = integer(member(body, "plan_limit"))
    if limit is None or limit < 1:
        raise bad_answer(body, "plan_limit is no count of credits")
    numbers = {"used": "current_usage", "day_used": "daily_usage", "day_limit": "plan_daily_limit"}
    told = {name: integer(body.get(field)) for name, field in numbers.items()}
    return {"plan": text(body.get("plan_category")), "limit": limit, **told}
