"""TWELVEDATA, rates of configured fiat pairs.

Docs: https://twelvedata.com/docs
Symbols: BASE/QUOTE with a slash, as in its list of forex pairs; there is no bid and ask, only one rate.
Limits: one credit a pair, 8 a minute and 800 a day on the free plan; a list beyond what is left is refused whole.
Quirks: a wrong key may come with HTTP 200, so the body decides; 404 means an unknown symbol or a plan without it.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from marketctl import errors
from marketctl.models import KeyInfo, Quota
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.cash.base import CashProvider, add_currency, seconds
from marketctl.providers.cash.credits import DAY_MS, DAY_S, MINUTE_MS, Credits, Plan, RateBook, Row, next_turn
from marketctl.providers.fields import bad_answer, integer, mapping, member, objects, rows, text
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

# Asked for when the registry names no pairs.
PAIRS = ("EUR/USD", "GBP/USD", "USD/RUB", "USD/TRY", "USD/JPY", "USD/CNY", "USD/KZT")
BASIC = Plan(8, 800)
USAGE = frozenset({"plan", "limit", "used", "day_used", "day_limit"})
LONGEST_LIST = 120
MOST_PAGES = 50

_minute_limit = re.compile(r"for the current minute.*current limit being ([1-9]\d{0,8})").search


class UnknownSymbol(errors.BadAnswer):
    """The provider does not know a pair."""


class ListTooLong(errors.BadAnswer):
    """The list of symbols is too long for one request."""


class TwelveDataCashAdapter(CashProvider):
    """Speaks to TWELVEDATA. Remembers rates, the plan and the credits left, to ask for no pair too often."""

    base_url = "https://api.twelvedata.com"
    credentials = ("api_key",)
    endpoints = ("GET /api_usage", "GET /exchange_rate", "GET /forex_pairs")
    kept_headers = ("api-credits-used", "api-credits-left", "is_batch")
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

    def prices(self) -> QuoteBatch:
        """Ask for the pairs whose last rate is old enough, the oldest first, as far as the credits go."""
        now = now_ms()
        book = RateBook(self.memory, dict.fromkeys(self.wanted) or PAIRS)
        plan = self.plan()
        age = plan.min_age_ms(len(book.pairs))
        due = book.due(age, now)
        late, trouble = self.ask_rates(due, book, plan.minute, now)
        batch = book.batch(late)
        if trouble and not batch.quotes:
            raise trouble
        batch.cached = len(late) == len(due)
        batch.until_ms = (batch.collected_ms or now) + age
        return batch

    def ask_rates(
        self, due: list[str], book: RateBook, limit: int, now: int
    ) -> tuple[list[str], errors.MarketctlError | None]:
        """Spend the credits left on rates; return the pairs that must wait for others, and what stood in the way."""
        longest = LONGEST_LIST
        trouble: errors.MarketctlError | None = None
        while due and (left := self.credits.left(limit)):
            chunk = due[: min(longest, left)]
            # A refused request may cost as much as an answered one.
            self.credits.note(left - len(chunk))
            try:
                answer = self.ask("GET", "/exchange_rate", {"symbol": ",".join(chunk), "dp": "11"}, signed=True)
                found = parse_rates(answer.body, chunk)
                self.note_credits(answer, left - len(chunk) if len(found) == len(chunk) else 0)
            except ListTooLong:
                if longest < LONGEST_LIST or len(chunk) == 1:
                    raise
                longest = len(chunk) // 2
                continue
            except errors.RateLimited as error:
                self.note_refusal(error)
                return due, error
            except (UnknownSymbol, errors.PermissionDenied) as error:
                if len(chunk) > 1:
                    raise
                trouble, found = error, {chunk[0]: [None, None, reason_of(type(error))]}
            due = [pair for pair in due if pair not in found]
            book.take(found, now)
        return due, self.credits.used_up() if due else trouble

    def plan(self) -> Plan:
        """Return the plan as told within a day, else ask for it (1 credit) while there are credits."""
        known = self.known_usage(DAY_S)
        if known is None and not self.credits.left(BASIC.minute):
            return BASIC
        usage = known[0] if known else self.told(lambda: self.usage, None)
        return Plan(usage["limit"], usage["day_limit"]) if usage else BASIC

    def known_usage(self, max_age_s: float) -> tuple[dict[str, Any], int] | None:
        """Return the plan as it was told, and when; what another version remembered is not known."""
        known = self.memory.get("usage", max_age_s)
        if known is None or not isinstance(known[0], dict) or not known[0].keys() >= USAGE:
            return None
        return known if type(known[0]["limit"]) is int and isinstance(known[0]["day_limit"], int | None) else None

    @cached_property
    def credits(self) -> Credits:
        """The credits left, as remembered."""
        return Credits(self.memory)

    @cached_property
    def usage(self) -> dict[str, Any]:
        """The plan and what is used of it, asked for once a job (1 credit)."""
        answer = self.ask("GET", "/api_usage", signed=True)
        usage = parse_usage(answer.body)
        self.memory.put("usage", usage)
        self.note_credits(answer, usage["limit"] - (usage["used"] or 1))
        return usage

    def note_credits(self, answer: "Answer", guess: int) -> None:
        """Remember the credits left of this minute: by the header, which may be absent."""
        told = integer(answer.headers.get("api-credits-left"))
        self.credits.note(guess if told is None else min(told, guess))

    def note_refusal(self, error: errors.RateLimited) -> None:
        """Remember that there are no credits for a while, and a limit of the minute that is told in the words."""
        self.credits.note(0, error.retry_after)
        limit, known = _minute_limit(error.message), self.known_usage(DAY_S)
        if limit and known:
            self.memory.put("usage", known[0] | {"limit": int(limit[1])}, known[1])

    def check_key(self) -> KeyInfo:
        left = self.quota().remaining
        return KeyInfo(warnings=("no credits are left for now",) if left == 0 else ())

    def quota(self) -> Quota:
        # A question costs a credit: with none left, what was told within this minute has to do.
        known = self.known_usage(60)
        told = self.usage if known is None or self.credits.left(known[0]["limit"]) else known[0]
        return parse_quota(told, now_ms())

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


def reason_of(cls: type[errors.MarketctlError] | None) -> str:
    """Return why a pair has no rate."""
    return "unknown-symbol" if cls is UnknownSymbol else "permission" if cls is errors.PermissionDenied else "no-price"


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


def parse_quota(usage: Mapping[str, Any], now: int) -> Quota:
    """Tell the budget that runs out first: the day's where there is one, else the minute's."""
    day = usage["day_limit"] is not None
    limit, used = (usage["day_limit"], usage["day_used"]) if day else (usage["limit"], usage["used"])
    left = None if used is None else max(0, limit - used)
    return Quota(usage["plan"], used, limit, left, to_iso(next_turn(now, DAY_MS if day else MINUTE_MS)))
