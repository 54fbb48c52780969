"""TWELVEDATA, rates of configured fiat pairs.

Docs: https://twelvedata.com/docs
Symbols: BASE/QUOTE with a slash, as in its list of forex pairs; there is no bid and ask, only one rate.
Limits: one credit a pair, 8 a minute and 800 a day on the free plan; a list beyond what is left is refused whole.
Quirks: a wrong key may come with HTTP 200, so the body decides; 404 means an unknown symbol or a plan without it.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.batch import AssetBatch, PairList, QuoteBatch
from marketctl.errors import AuthFailed, BadAnswer, MarketctlError, PermissionDenied, RateLimited, Unavailable
from marketctl.fields import code, integer, mapping, member, objects, rows, text
from marketctl.models import KeyInfo, Quota
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.cash.base import CashProvider, add_currency, seconds
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.http import Answer, Request

# Asked for when the registry names no pairs.
PAIRS = ("EUR/USD", "GBP/USD", "USD/RUB", "USD/TRY", "USD/JPY", "USD/CNY", "USD/KZT")
LONGEST_LIST = 120
MOST_PAGES = 50
MINUTE_MS = 60_000
DAY_MS = 86_400_000
MONTH_S = 30 * 86400

_minute_limit = re.compile(r"for the current minute.*current limit being (\d{1,9})").search


class UnknownSymbol(BadAnswer):
    """The provider does not know a pair."""


class ListTooLong(BadAnswer):
    """The list of symbols is too long for one request."""


class Plan(NamedTuple):
    """Credits a minute and a day; paid plans have no daily cap."""

    minute: int
    day: int | None


BASIC = Plan(8, 800)


class TwelveDataCashAdapter(CashProvider):
    """Speaks to TWELVEDATA."""

    base_url = "https://api.twelvedata.com"
    credentials = ("api_key",)
    endpoints = ("GET /api_usage", "GET /exchange_rate", "GET /forex_pairs")
    error_statuses = {401: AuthFailed, 414: ListTooLong}
    error_codes = {
        "401": AuthFailed,
        "403": PermissionDenied,
        "414": ListTooLong,
        "429": RateLimited,
        **dict.fromkeys(("500", "502", "503", "504"), Unavailable),
    }
    _usage: Any = None

    def listed(self) -> tuple[AssetBatch, int]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            body = self.forex_pairs({"page": str(page)} if page > 1 else {})
            more = objects(body.get("data")) if found else rows(body, "data")
            found += more
            if not more or len(found) >= (integer(body.get("count")) or 0):
                break
        return parse_list(found)

    def forex_pairs(self, query: dict[str, str]) -> Any:
        """Ask for one page of the list of pairs: without the key it costs no credit, should it be wanted it is sent."""
        try:
            return self.get("/forex_pairs", query)
        except AuthFailed:
            return self.get("/forex_pairs", query, signed=True)

    def prices(self) -> QuoteBatch:
        """Ask for the pairs whose last answer is too old, the oldest first, as far as the credits go."""
        now = now_ms()
        pairs = tuple(dict.fromkeys(self.wanted)) or PAIRS
        plan = self.plan(now)
        known = self.remembered("rates", MONTH_S) or {}
        asked = {pair: known[pair][0] if pair in known else 0 for pair in pairs}
        age = min_age_ms(len(pairs), plan)
        due = sorted((pair for pair in pairs if now - asked[pair] >= age), key=asked.__getitem__)
        fresh, trouble = self.ask_rates(due, plan, now)
        if fresh:
            known = {pair: row for pair, row in (known | fresh).items() if pair in asked}
            self.memory.put("rates", known)
        batch = QuoteBatch(PairList([]))
        late = set(due) - fresh.keys()
        used = [pair for pair in pairs if pair not in late]
        for pair in used:
            add_rate(batch, pair, *known[pair][1:])
        if trouble is not None and not batch.quotes:
            raise trouble
        batch.complete, batch.cached = not late, not fresh
        batch.collected_ms = now if fresh else max(asked[pair] for pair in used)
        return batch

    def ask_rates(
        self, due: list[str], plan: Plan, now: int
    ) -> tuple[dict[str, list[Any]], MarketctlError | None]:
        """Ask in lists no longer than the credits that are left; return the rows and what stood in the way, if any."""
        fresh: dict[str, list[Any]] = {}
        trouble: MarketctlError | None = None
        longest = LONGEST_LIST
        while due:
            left = self.credits_left(plan, now_ms())
            if left <= 0:
                trouble = trouble or self.no_credits()
                break
            chunk = due[: min(longest, left)]
            try:
                body = self.credited("/exchange_rate", {"symbol": ",".join(chunk), "dp": "11"}, left - len(chunk)).body
                found = parse_rates(body, chunk)
            except ListTooLong:
                if longest < LONGEST_LIST or len(chunk) == 1:
                    raise
                longest = len(chunk) // 2
                continue
            except (UnknownSymbol, PermissionDenied) as error:
                if isinstance(error, PermissionDenied) and len(chunk) > 1:
                    raise
                self.remember_credits(left - len(chunk))
                trouble = error
                found = {pair: [None, None, reason_of(type(error))] for pair in chunk}
            except RateLimited as error:
                trouble = error
                break
            fresh |= {pair: [now, *row] for pair, row in found.items()}
            due = [pair for pair in due if pair not in found]
        return fresh, trouble
