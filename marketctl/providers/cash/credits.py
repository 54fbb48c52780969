"""Plans that count requests: what is left of one, and the rates that were bought with it."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from marketctl.errors import BadAnswer, MarketctlError, PermissionDenied, RateLimited
from marketctl.models import KeyInfo, Quota
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider
from marketctl.providers.fields import integer
from marketctl.times import DAY_MS, now_ms, to_iso

if TYPE_CHECKING:
    from marketctl.files.memory import Memory
    from marketctl.http.messages import Answer

MINUTE_MS = 60_000
DAY_S = 86_400
LONGEST_S = 400 * DAY_S  # as far ahead as a refusal is remembered

# Rates show up one to two minutes after the time they bear.
LATE_S = 90

USAGE = frozenset({"plan", "limit", "used", "day_used", "day_limit"})

_frequency = re.compile(r"(\d{1,6})[ -]?([smhd])").match
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}

Row = list[Any]
"""What is remembered of a pair: when it was asked for (ms), its rate, the rate's time (s), why there is none."""


class Plan(NamedTuple):
    """What a plan allows: credits a minute, and a day where it has such a cap."""

    minute: int
    day: int | None

    def min_age_ms(self, pairs: int) -> int:
        """Return how old a rate must be before it is asked for anew, so that so many pairs keep within the plan."""
        by_minute = -(-60 * pairs // self.minute)
        by_day = -(-DAY_S * pairs // self.day) if self.day else 0
        return 1000 * max(60, by_minute, by_day)


class Credits:
    """The credits left, remembered between runs: of this minute, or none until the provider gives new ones."""

    def __init__(self, memory: "Memory") -> None:
        self.memory = memory
        known = memory.get("credits", LONGEST_S)
        self._left, self.until_ms = 0, 0
        if known and isinstance(known[0], list) and [type(one) for one in known[0]] == [int, int]:
            self._left, self.until_ms = known[0]

    def left(self, limit: int) -> int:
        """Return what is left of this minute's limit as far as known."""
        return min(limit, self._left) if now_ms() < self.until_ms else limit

    def note(self, left: int, wait_s: float | None = None) -> None:
        """Remember what is left, until the minute ends or for as long as told."""
        now = now_ms()
        self._left = max(0, left)
        self.until_ms = next_turn(now, MINUTE_MS) if wait_s is None else now + round(wait_s * 1000)
        self.memory.put("credits", [self._left, self.until_ms])

    def used_up(self) -> RateLimited:
        """Return the error of a job that has no credits left to begin with."""
        return RateLimited(
            "the credits of the plan are used up",
            retry_after=max(0.0, (self.until_ms - now_ms()) / 1000),
            until_ms=self.until_ms,
            hint=f"not before {to_iso(self.until_ms)}",
            of_key=True,
        )


class RateBook:
    """The rates of these pairs as they were bought, each with its own age; kept between runs."""

    def __init__(self, memory: "Memory", pairs: Iterable[str]) -> None:
        self._memory = memory
        self.pairs = tuple(pairs)
        known = memory.get("rates", 30 * DAY_S)
        kept = known[0] if known and isinstance(known[0], dict) else {}
        self.rows: dict[str, Row] = {pair: row for pair, row in kept.items() if pair in self.pairs and _is_row(row)}

    def due(self, age_ms: int, now: int) -> list[str]:
        """Return the pairs whose rate is so old, or was never asked for: the oldest first."""
        asked = {pair: self.rows[pair][0] if pair in self.rows else 0 for pair in self.pairs}
        return sorted((pair for pair in self.pairs if now - asked[pair] >= age_ms), key=asked.__getitem__)

    def take(self, found: Mapping[str, Row], now: int) -> None:
        """Keep what was asked now: rate, the rate's time (s), why there is none."""
        self.rows |= {pair: [now, *row] for pair, row in found.items()}
        self._memory.put("rates", self.rows)

    def batch(self, late: list[str]) -> QuoteBatch:
        """Return the quotes of all pairs but the late ones; an older one keeps the time at which it was asked for."""
        batch = QuoteBatch(PairList([]))
        told = [pair for pair in self.pairs if pair not in late]
        batch.collected_ms = max((self.rows[pair][0] for pair in told), default=None)
        for pair in told:
            asked_ms, rate, timestamp, reason = self.rows[pair]
            if reason:
                batch.rows += 1
                batch.skip(pair, reason)
                continue
            batch.add_rate(pair, rate, at_ms=None if timestamp is None else timestamp * 1000)
            if asked_ms != batch.collected_ms:
                batch.own_ms[pair] = asked_ms
        batch.complete = not late
        return batch


def _is_row(row: object) -> bool:
    """Tell whether it is a row of this version's making."""
    if not isinstance(row, list) or len(row) != 4:
        return False
    asked, rate, timestamp, reason = row
    return (
        type(asked) is int
        and isinstance(rate, str | None)
        and (timestamp is None or type(timestamp) is int)
        and isinstance(reason, str | None)
    )


def next_turn(now: int, length_ms: int) -> int:
    """Return when the present minute or UTC day ends."""
    return now - now % length_ms + length_ms


class UnknownSymbol(BadAnswer):
    """The provider does not know a pair."""


class ListTooLong(BadAnswer):
    """The list of symbols is too long for one request."""


class MeteredProvider(CashProvider):
    """A source that counts each pair it is asked for: rates are bought, the oldest first, as far as the credits go.

    It remembers rates, the plan and the credits left, to ask for no pair too often.
    """

    # Asked for when the registry names no pairs.
    usual_pairs: ClassVar[tuple[str, ...]]
    # The plan of who has not been told another.
    basic: ClassVar[Plan]
    longest_list: ClassVar[int]
    # The answer header that tells the credits left of this minute, and a refusal's words that tell its limit.
    left_header: ClassVar[str]
    minute_limit: ClassVar[re.Pattern[str]]

    def buy(self, pairs: list[str]) -> "tuple[Answer, dict[str, Row]]":
        """Ask for the rates of these pairs; one refused for want of credits is left out."""
        raise NotImplementedError(f"{type(self).__name__} needs buy()")

    def ask_usage(self) -> "tuple[Answer, dict[str, Any]]":
        """Ask for the plan and what is used of it: plan, limit, used, day_limit, day_used."""
        raise NotImplementedError(f"{type(self).__name__} needs ask_usage()")

    def prices(self) -> QuoteBatch:
        """Ask for the pairs whose last rate is old enough, the oldest first, as far as the credits go."""
        now = now_ms()
        book = RateBook(self.memory, dict.fromkeys(self.wanted) or self.usual_pairs)
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
    ) -> tuple[list[str], MarketctlError | None]:
        """Spend the credits left on rates; return the pairs that must wait for others, and what stood in the way."""
        longest = self.longest_list
        trouble: MarketctlError | None = None
        while due and (left := self.credits.left(limit)):
            chunk = due[: min(longest, left)]
            # A refused request may cost as much as an answered one.
            self.credits.note(left - len(chunk))
            try:
                answer, found = self.buy(chunk)
                self.note_credits(answer, left - len(chunk) if len(found) == len(chunk) else 0)
            except ListTooLong:
                if longest < self.longest_list or len(chunk) == 1:
                    raise
                longest = len(chunk) // 2
                continue
            except RateLimited as error:
                self.note_refusal(error)
                return due, error
            except (UnknownSymbol, PermissionDenied) as error:
                if len(chunk) > 1:
                    raise
                trouble, found = error, {chunk[0]: [None, None, reason_of(type(error))]}
            due = [pair for pair in due if pair not in found]
            book.take(found, now)
        return due, self.credits.used_up() if due else trouble

    def plan(self) -> Plan:
        """Return the plan as told within a day, else ask for it (1 credit) while there are credits."""
        known = self.known_usage(DAY_S)
        if known is None and not self.credits.left(self.basic.minute):
            return self.basic
        usage = known[0] if known else self.told(lambda: self.usage, None)
        return Plan(usage["limit"], usage["day_limit"]) if usage else self.basic

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
        answer, usage = self.ask_usage()
        self.memory.put("usage", usage)
        self.note_credits(answer, usage["limit"] - (usage["used"] or 1))
        return usage

    def note_credits(self, answer: "Answer", guess: int) -> None:
        """Remember the credits left of this minute: by the header, which may be absent."""
        told = integer(answer.headers.get(self.left_header))
        self.credits.note(guess if told is None else min(told, guess))

    def note_refusal(self, error: RateLimited) -> None:
        """Remember that there are no credits for a while, and a limit of the minute that is told in the words."""
        self.credits.note(0, error.retry_after)
        limit, known = self.minute_limit.search(error.message), self.known_usage(DAY_S)
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


def reason_of(cls: type[MarketctlError] | None) -> str:
    """Return why a pair has no rate."""
    return "unknown-symbol" if cls is UnknownSymbol else "permission" if cls is PermissionDenied else "no-price"


def parse_quota(usage: Mapping[str, Any], now: int) -> Quota:
    """Tell the budget that runs out first: the day's where there is one, else the minute's."""
    day = usage["day_limit"] is not None
    limit, used = (usage["day_limit"], usage["day_used"]) if day else (usage["limit"], usage["used"])
    left = None if used is None else max(0, limit - used)
    return Quota(usage["plan"], used, limit, left, to_iso(next_turn(now, DAY_MS if day else MINUTE_MS)))


def refresh_seconds(frequency: str) -> int:
    """Read how often a plan's rates change: "3600s", "30-minute" or "hourly"; unknown is an hour."""
    words = {"hourly": 3600, "daily": DAY_S}
    found = _frequency(frequency)
    return max(1, int(found[1]) * _UNIT_S[found[2]]) if found else words.get(frequency, 3600)


def next_fetch_ms(fetched_ms: int, timestamp: int | None, refresh_s: int) -> int:
    """Tell when newer rates can be had: the first refresh after the last fetch, counted from the rates' own time."""
    if timestamp is None:
        return fetched_ms + refresh_s * 1000
    refresh_ms = refresh_s * 1000
    return fetched_ms + refresh_ms - (fetched_ms - (timestamp + LATE_S) * 1000) % refresh_ms
