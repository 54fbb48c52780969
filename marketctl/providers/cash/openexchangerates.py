"""OPENEXCHANGERATES, rates of 170 currencies against one base.

Docs: https://docs.openexchangerates.org
Symbols: each code of the answer is a pair with its base, units of it per 1 base; other pairs are inverse or crossed.
Limits: a monthly number of latest.json, 1000 on the free plan; asked at most once per refresh of the plan's rates.
Quirks: 403 and 429 may both mean that the plan lacks a feature; a base other than USD and bid/ask need paid plans.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl import errors
from marketctl.models import KeyInfo, Quota
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider, add_currency, add_pair, seconds
from marketctl.providers.cash.credits import DAY_S, Credits, next_fetch_ms, refresh_seconds
from marketctl.providers.fields import bad_answer, code, integer, mapping, member, table, text
from marketctl.times import ms_or_none, now_ms

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

_until = re.compile(r"until (\d{4}-\d\d-\d\d)").search


class OpenExchangeRatesCashAdapter(CashProvider):
    """Speaks to OPENEXCHANGERATES."""

    base_url = "https://openexchangerates.org"
    credentials = ("app_id",)
    options = {"base": str}
    endpoints = ("GET /api/currencies.json", "GET /api/latest.json", "GET /api/usage.json")
    # A restriction without a date: not again in this job.
    rate_limit_wait_s = 3600.0
    error_statuses = {401: errors.AuthFailed}
    error_codes = {
        errors.AuthFailed: {"missing_app_id", "invalid_app_id", "app_id_inactive"},
        errors.RateLimited: {"access_restricted", "too_many_requests"},
        errors.PermissionDenied: {"not_allowed"},
        errors.ConfigError: {"invalid_base"},
        errors.BadAnswer: {"not_found"},
    }
    meanings = {
        "app_id_inactive": "app_id was switched off",
        "not_allowed": "the plan does not have it",
        "invalid_base": "the option base is no currency they offer",
    }

    @property
    def base(self) -> str:
        """The currency all rates are asked against."""
        return str(self.chosen.get("base", "USD")).upper()

    def listed(self) -> tuple[AssetBatch, int]:
        batch = parse_currencies(self.get("/api/currencies.json"))
        return batch, len(batch.assets.keys() - {self.base})

    def prices(self) -> QuoteBatch:
        known = self.memory.get(f"latest-{self.base}", DAY_S)
        latest, fetched_ms = known if known and is_latest(known[0]) else (None, 0)
        cached = latest is not None and now_ms() < next_fetch_ms(fetched_ms, latest["timestamp"], latest["refresh_s"])
        if latest is None or not cached:
            latest, fetched_ms = self.fetch_latest()
        batch = quote(latest, self.wanted)
        batch.cached, batch.collected_ms = cached, fetched_ms
        batch.until_ms = next_fetch_ms(fetched_ms, latest["timestamp"], latest["refresh_s"])
        return batch

    def fetch_latest(self) -> tuple[dict[str, Any], int]:
        """Spend one request of the plan, after a look at the plan (which is free), and remember the rates.

        A restriction is remembered until its day.
        """
        credits = Credits(self.memory)
        if not credits.left(1):
            raise credits.used_up()
        usage = self.told(self.usage, Usage())
        if usage.status == "access_restricted" or usage.quota.remaining == 0:
            raise errors.RateLimited(
                f"the plan {usage.quota.plan or 'of this key'} has no requests left or is restricted"
                + (f", its month ends in {usage.days_left} days" if usage.days_left is not None else "")
            )
        query = {"prettyprint": "false"}
        if self.base != "USD":
            if usage.features.get("base") is False:
                hint = "take `base` out of providers.toml"
                raise errors.PermissionDenied("this plan has only the base USD", hint=hint)
            query["base"] = self.base
        if usage.features.get("bid-ask"):
            query["show_bid_ask"] = "1"
        fetched_ms = now_ms()
        try:
            body = self.get("/api/latest.json", query, signed=True)
        except errors.RateLimited as error:
            if error.of_key:
                credits.note(0, error.retry_after)
            raise
        latest = parse_latest(body) | {"refresh_s": usage.refresh_s}
        self.memory.put(f"latest-{self.base}", latest, fetched_ms)
        return latest, fetched_ms

    def usage(self) -> "Usage":
        """Ask for the plan and what is left of it; free. Its body holds the key: never kept."""
        return parse_usage(self.get("/api/usage.json", signed=True))

    def check_key(self) -> KeyInfo:
        usage = self.usage()
        warnings = [] if usage.status in ("active", None) else [f"the key is {usage.status}"]
        if usage.quota.remaining == 0:
            warnings.append("no requests are left this month")
        return KeyInfo(tuple(name for name, has in usage.features.items() if has), tuple(warnings))

    def quota(self) -> Quota:
        return self.usage().quota

    def sign(self, request: "Request") -> None:
        request.headers["Authorization"] = f"Token {self.keys['app_id']}"

    def failure(self, answer: "Answer") -> Failure | None:
        if not isinstance(body := answer.body, dict):
            return NO_ENVELOPE
        return (text(body.get("message")) or "error", text(body.get("description")) or "") if "error" in body else None

    def retry_after(self, answer: "Answer") -> float | None:
        # The only hint is a date in the words; it may be decades ahead.
        found = _until(text(mapping(answer.body).get("description")) or "")
        until = ms_or_none(found[1]) if found else None
        wait = 0.0 if until is None else (until - now_ms()) / 1000
        return wait if wait > 0 else super().retry_after(answer)


class Usage(NamedTuple):
    """What usage.json tells of a key; a feature that is not told is unknown."""

    status: str | None = None
    refresh_s: int = 3600
    features: Mapping[str, bool] = {}
    quota: Quota = Quota()
    days_left: int | None = None


def parse_usage(body: Any) -> Usage:
    """Read usage.json; -1 means unlimited, plan and features may be missing."""
    data = mapping(member(body, "data"))
    plan, usage = mapping(data.get("plan")), mapping(data.get("usage"))
    made, limit, left = (integer(usage.get(f"requests{end}")) for end in ("", "_quota", "_remaining"))
    return Usage(
        text(data.get("status")),
        refresh_seconds(text(plan.get("update_frequency")) or ""),
        {name: has for name, has in mapping(plan.get("features")).items() if isinstance(has, bool)},
        Quota(text(plan.get("name")), made, None if limit == -1 else limit, None if left == -1 else left),
        integer(usage.get("days_remaining")),
    )


def parse_currencies(body: Any) -> AssetBatch:
    """Read currencies.json: one flat object of code and name."""
    batch = AssetBatch()
    for key, name in table(body).items():
        if isinstance(name, str):
            add_currency(batch, key, name or None)
        else:
            batch.skip("no-name")
    return batch


def parse_latest(body: Any) -> dict[str, Any]:
    """Read latest.json into what is remembered: base, timestamp, and mid, bid, ask by code as texts."""
    base = code(member(body, "base"))
    if base is None:
        raise bad_answer(body, "base is no currency code")
    rates = {}
    for key, value in table(body, "rates").items():
        sides = value if isinstance(value, dict) else {"mid": value}
        rates[key.upper()] = [text(sides.get(side)) for side in ("mid", "bid", "ask")]
    return {"base": base.upper(), "timestamp": seconds(body.get("timestamp")), "rates": rates}


def is_latest(found: Any) -> bool:
    """Tell whether what was remembered is what `parse_latest` makes today."""
    return (
        isinstance(found, dict)
        and found.keys() >= {"base", "timestamp", "rates", "refresh_s"}
        and isinstance(found["rates"], dict)
        and all(isinstance(row, list) and len(row) == 3 for row in found["rates"].values())
        and type(found["refresh_s"]) is int
        and isinstance(found["timestamp"], int | None)
        and isinstance(found["base"], str)
    )


def quote(latest: Mapping[str, Any], wanted: tuple[str, ...]) -> QuoteBatch:
    """Publish the wanted pairs, or every rate against its base."""
    batch = QuoteBatch(PairList([]))
    base, rates, timestamp = latest["base"], latest["rates"], latest["timestamp"]
    for pair in wanted or [f"{base}/{key}" for key in rates if key != base]:
        add_pair(batch, pair, base, rates, None if timestamp is None else timestamp * 1000)
    return batch
