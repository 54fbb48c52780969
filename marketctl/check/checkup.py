"""Check providers, cheapest test first. Long: the checks in their order, as they are reported.

Each sub-check has its own time and verdict. Nothing is written.
"""

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from decimal import Decimal

from marketctl.check.health import CHECKS, REMOTE, SKEW_FAIL_MS, SKEW_WARN_MS, Check, Finding, Health
from marketctl.check.published import LookAtPublished, RedisView, look_at_redis
from marketctl.config.registry import ProviderEntry
from marketctl.errors import (
    BUGS,
    AuthFailed,
    Blocked,
    DeadlineExceeded,
    MarketctlError,
    NoCredentials,
    NotSupported,
    StorageFailed,
)
from marketctl.files.snapshots import read_snapshot
from marketctl.files.state import read_state
from marketctl.jobs.adapter import open_adapter, require_key
from marketctl.jobs.run import Run
from marketctl.jobs.schedule import Schedule, Turn, turns
from marketctl.log import log
from marketctl.models import JOBS, Quota, Quote
from marketctl.providers.base import Provider
from marketctl.providers.batch import QuoteBatch
from marketctl.redact import redact
from marketctl.times import DAY_MS, now_ms, to_iso

SPREAD_MAX = Decimal("0.1")

EDIT = "take it out of `pairs` in providers.toml"

QUOTA_LOW = 10  # percent

QUOTA_SOON_MS = 7 * DAY_MS  # where it is not told when a plan begins anew

KEY_DAYS = 7

SIDE_BY_SIDE = 8  # providers

BUDGET_S = 20.0  # a provider, all its questions: nobody waits for a check as long as for a job

# After one of these the other questions would only wait for the same answer, or make a ban longer.
HOPELESS = frozenset(("network", "timeout", "deadline", "blocked", "rate-limited"))

# What waiting does not mend counts at once, whatever --fail-after says.
LASTING = frozenset(("auth", "permission", "ip-not-allowed", "clock-skew", "config", "internal"))


def ending(days: int | None) -> tuple[str, ...]:
    """Warn of a key that ends within a week."""
    if days is None or days > KEY_DAYS:
        return ()
    when = f"in {days} days" if days > 1 else "within a day"
    return (f"the key ends {when}: renew it, or bind it to an address",)


def check_providers(
    run: Run,
    entries: Sequence[ProviderEntry],
    *,
    max_age_s: float | None = None,
    fail_after: int = 1,
    opinion: bool = False,
    on_result: Callable[[Health], None] = lambda _health: None,
) -> list[Health]:
    """Check providers side by side and return how each is, in their order; `on_result` hears of each at its end."""
    by_name = {entry.name: entry for entry in entries}
    with look_at_redis(run) as redis:

        def do(turn: Turn) -> Health:
            health = Checkup(run, by_name[turn.provider], redis, max_age_s, opinion=opinion).make()
            forgive(run, health, fail_after)
            on_result(health)
            return health

        schedule = Schedule.once((name, "check") for name in by_name)
        found = {turn.provider: health for turn, health in turns(schedule, do, SIDE_BY_SIDE)}
        return [found[name] for name in by_name]


def forgive(run: Run, health: Health, fail_after: int) -> None:
    """Turn failures that may pass by themselves into warnings until they come for the N-th time in a row.

    The jobs count them in the state file; a check of its own changes nothing there.
    """
    failed = [one for one in health.checks if one.status == "fail" and one.check in REMOTE]
    failed = [one for one in failed if one.reason not in LASTING]
    if fail_after <= 1 or not failed:
        return
    try:
        in_a_row = max((1, *(read_state(run.desk.state_dir, health.provider, job).get("failures", 0) for job in JOBS)))
    except StorageFailed:
        return
    if in_a_row < fail_after:
        for one in failed:
            one.status = "warn"
            one.message = f"{one.message} (failure {in_a_row} in a row, it counts from {fail_after} on)"


class Checkup:
    """The sub-checks of one provider."""

    def __init__(
        self, run: Run, entry: ProviderEntry, redis: RedisView, max_age_s: float | None, *, opinion: bool = False
    ) -> None:
        self.run = run
        self.entry = entry
        self.redis = redis
        self.max_age_s = max_age_s
        self.opinion = opinion
        self.health = Health(entry.name)
        self.adapter: Provider | None = None
        self.hopeless: Check | None = None

    def make(self) -> Health:
        """Make all sub-checks, one after another."""
        probes: dict[str, Callable[..., list[Finding]]] = {
            "clock": self.clock,
            "platform": self.platform,
            "wallet": self.wallet,
            "prices": self.prices,
            "key": self.key,
            "quota": self.quota,
            "credentials": self.credentials,
        }
        started = time.monotonic()
        self.perform("import", self.import_)
        for name in CHECKS[1:-1]:
            adapter = self.adapter
            if adapter is None:
                self.skip(name, "not tried: there is no adapter")
            elif name in REMOTE and self.hopeless is not None and not self.worth_asking(name):
                self.skip(name, f"not tried after {self.hopeless.check}: {self.hopeless.reason}")
            else:
                self.perform(name, probes[name], adapter)
        if self.adapter is not None:
            self.adapter.client.close()
        if self.opinion and self.hopeless is not None:
            self.skip("opinion", f"not tried after {self.hopeless.check}: {self.hopeless.reason}")
        elif self.opinion and self.adapter is not None:
            self.perform("opinion", self.second_opinion)
        self.perform("published", self.published)
        self.health.duration_ms = round((time.monotonic() - started) * 1000)
        return self.health

    def worth_asking(self, name: str) -> bool:
        """Tell whether a question is left after a hopeless one: what a spent plan has left is the next one."""
        return name == "quota" and self.hopeless is not None and self.hopeless.reason == "rate-limited"

    def skip(self, name: str, message: str) -> None:
        """Note a sub-check that was not made."""
        self.health.checks.append(Check(name, "skipped", message=message))

    def perform(self, name: str, probe: Callable[..., list[Finding]], *given: Provider) -> None:
        """Make one sub-check and note how it ended."""
        check = Check(name)
        self.health.checks.append(check)
        started = time.monotonic()
        try:
            with given[0].named() if given else nullcontext():
                check.note(*probe(*given))
        except MarketctlError as error:
            check.note(self.judge(error))
            if name in REMOTE and error.reason in HOPELESS:
                self.hopeless = self.hopeless or check
        except BUGS as error:  # told with its traceback, the others go on
            check.note(Finding("fail", f"{type(error).__name__}: {error}", "internal", "report the traceback"))
            log.error(redact(traceback.format_exc().rstrip()), extra={"provider": self.entry.name, "job": "check"})
        check.duration_ms = round((time.monotonic() - started) * 1000)

    def judge(self, error: MarketctlError) -> Finding:
        """Turn an error into a verdict."""
        status, message, hint = "fail", error.message, error.hint
        if isinstance(error, NotSupported):
            return Finding("skipped", message, error.reason, hint)
        if isinstance(error, NoCredentials):
            status = "unconfigured" if self.entry.needs_api else "skipped"
        elif isinstance(error, Blocked):
            status, message = "unknown", f"blocked from this location, which is not the same as down: {message}"
        elif isinstance(error, AuthFailed) and self.adapter is not None:
            hint = hint or f"marketctl credentials set {self.entry.name}"
        elif isinstance(error, DeadlineExceeded):
            hint = hint or f"lower timeout_s or attempts: a check gives a provider {BUDGET_S:g} s in all"
        return Finding(status, message, error.reason, hint)

    # Local, and cheapest --------------------------------------------------------------------

    def import_(self) -> list[Finding]:
        """Import the adapter and make one."""
        entry = self.entry._replace(deadline_s=min(self.entry.deadline_s, BUDGET_S))
        self.adapter = open_adapter(self.run, entry, read_only=True)
        return [Finding("pass", self.entry.path)]

    def credentials(self, adapter: Provider) -> list[Finding]:
        """Look whether all keys are there; what they are worth is asked later."""
        if not adapter.credentials:
            return [Finding("skipped", "this provider has no keys")]
        if not self.entry.needs_api:
            return [Finding("skipped", "needs_api is false: stored keys are not used")]
        require_key(self.run, self.entry, adapter)
        return [Finding("pass", ", ".join(adapter.credentials))]

    # Remote -----------------------------------------------------------------------------------

    def clock(self, adapter: Provider) -> list[Finding]:
        """Compare the clocks. What the round trip leaves open is granted."""
        clock = adapter.clock()
        skew = self.health.clock_skew_ms = clock.skew_ms
        if skew is None:
            return [Finding("skipped", "the answer tells no time")]
        off = abs(skew) - (clock.latency_ms or 0) / 2
        if off <= SKEW_WARN_MS:
            return [Finding("pass", f"{skew:+d} ms, answered in {clock.latency_ms} ms")]
        way = "behind" if skew > 0 else "ahead"
        seconds = f"{abs(skew) / 1000:.0f} s" if abs(skew) >= 10_000 else f"{abs(skew) / 1000:.1f} s"
        status = "warn" if off <= SKEW_FAIL_MS else "fail"
        return [Finding(status, f"this machine's clock is {seconds} {way}", "clock-skew", "sync it (NTP)")]

    def platform(self, adapter: Provider) -> list[Finding]:
        """Ask whether the provider works, by its own word."""
        told = adapter.platform()
        words = f": {told.message}" if told.message else ""
        if told.status == "maintenance":
            return [Finding("fail", f"maintenance{words}", "maintenance", "wait until it is over")]
        if told.status == "unknown" and not words:
            return [Finding("skipped", "not told")]
        return [Finding("pass", f"{told.status}{words}")]

    def wallet(self, adapter: Provider) -> list[Finding]:
        """Read the coins and networks."""
        self.need_key(adapter, "wallet")
        batch = adapter.read(adapter.assets)
        networks = sum(len(asset.networks) for asset in batch.assets.values())
        skipped = f", {batch.skipped.total()} skipped" if batch.skipped else ""
        return [Finding("pass", f"{len(batch.assets)} assets, {networks} networks{skipped}")]

    def prices(self, adapter: Provider) -> list[Finding]:
        """Read the quotes; look at one pair, and at how many there were before."""
        self.need_key(adapter, "prices")
        batch = adapter.read(adapter.prices)
        self.health.quotes = len(batch.quotes)
        words = f"{len(batch.quotes)} quotes"
        words += f", {len(batch.skips)} skipped" if batch.skips else ""
        words += ", cached" if batch.cached else "" if batch.complete else ", incomplete"
        gone = batch.gone(self.entry.pairs)
        missing = [Finding("warn", f"not offered any more: {', '.join(gone[:5])}", "suspect", EDIT)] if gone else []
        return [Finding("pass", words), self.canary(adapter, batch), *missing, *self.compare_count(batch)]

    def canary(self, adapter: Provider, batch: QuoteBatch) -> Finding:
        """Look whether the price of one well-known pair can be true."""
        pair = canary_pair(self.entry, adapter, batch)
        quote = batch.quotes.get(pair)
        if quote is None:
            status = "fail" if batch.complete else "warn"
            return Finding(status, f"no price of {pair}", "suspect", f"marketctl prices show {self.entry.name}")
        return judge_quote(pair, quote)

    def compare_count(self, batch: QuoteBatch) -> list[Finding]:
        """Compare with the last good snapshot; a part of the pairs cannot be compared."""
        try:
            before = read_snapshot(self.run.path("prices", self.entry.name)) or {}
        except StorageFailed as error:
            return [Finding("warn", f"not compared: {error.message}", error.reason, error.hint)]
        known = before.get("quotes")
        if not isinstance(known, dict) or not batch.complete or len(batch.quotes) * 2 >= len(known):
            return []
        told = f"{len(batch.quotes)} quotes where there were {len(known)}: more than half are gone"
        hint = f"if that is right: marketctl prices collect -p {self.entry.name} --force"
        return [Finding("fail", told, "suspect", hint)]

    def key(self, adapter: Provider) -> list[Finding]:
        """Have the provider accept the key, and tell what it may do beyond reading."""
        if not adapter.credentials:
            raise NotSupported("this provider has no keys")
        require_key(self.run, self.entry, adapter)
        info = adapter.check_key()
        granted = f"accepted: {', '.join(info.permissions)}" if info.permissions else "accepted"
        warnings = (*info.warnings, *ending(info.days_left))
        return [Finding("pass", granted), *(Finding("warn", words, "permission") for words in warnings)]

    def quota(self, adapter: Provider) -> list[Finding]:
        """Look what the plan has left."""
        if adapter.credentials:
            self.need_key(adapter, "prices")
        quota = self.health.quota = adapter.quota()
        if quota is None or quota.remaining is None:
            return [Finding("skipped", "not told")]
        left = f"{quota.remaining} left" + (f" of {quota.limit}" if quota.limit is not None else "")
        until = f", until {quota.resets_at}" if quota.resets_at else ""
        if quota.remaining <= 0:
            return [Finding("fail", f"{left}{until}", "rate-limited", "wait, ask less often, or take a larger plan")]
        if quota.limit is not None and quota.remaining * 100 < quota.limit * QUOTA_LOW:
            return [Finding("warn", f"{left}{until}", "rate-limited", "ask less often, or take a larger plan")]
        return [self.judge_pace(quota, left)]

    def judge_pace(self, quota: Quota, left: str) -> Finding:
        """Judge how a plan goes on: one that runs dry before it begins anew, or soon where that is not told, warns."""
        from marketctl.jobs.forecast import forecast

        try:
            before = read_snapshot(self.run.path("stats", self.entry.name)) or {}
        except StorageFailed:
            before = {}
        marks = before.get("quota_marks")
        now = now_ms()
        pace = forecast(quota.to_dict(), marks if isinstance(marks, list) else [], now)
        dry = self.health.quota_runs_dry_ms = pace.dry_ms
        if dry is None or (quota.resets_at is None and dry - now > QUOTA_SOON_MS):
            return Finding("pass", left)
        until = f", before {quota.resets_at}" if quota.resets_at else ""
        told = f"{left}; at the present pace, {pace.per_day} a day, it runs dry at {to_iso(dry)}{until}"
        return Finding("warn", told, "rate-limited", "ask less often, or take a larger plan")

    def second_opinion(self) -> list[Finding]:
        """Ask the same provider through ccxt, and compare."""
        from marketctl.check.second_opinion import second_opinion

        return second_opinion(self.run, self.entry._replace(deadline_s=min(self.entry.deadline_s, BUDGET_S)))

    def need_key(self, adapter: Provider, job: str) -> None:
        """Raise NoCredentials for a job that gets no answer without a key."""
        if job in adapter.key_jobs:
            require_key(self.run, self.entry, adapter)

    # Local again ------------------------------------------------------------------------------

    def published(self) -> list[Finding]:
        """Look at what readers get."""
        return LookAtPublished(self.run, self.entry, self.redis, self.max_age_s, self.health, self.adapter).findings()


def canary_pair(entry: ProviderEntry, adapter: Provider, batch: QuoteBatch) -> str:
    """Choose the pair to look at: the adapter's, unless the registry asks for others."""
    if entry.pairs:
        return adapter.canary if adapter.canary in entry.pairs else entry.pairs[0]
    if adapter.kind == "CASH" and adapter.canary not in batch.quotes:  # another base was chosen
        return next(iter(batch.quotes))
    return adapter.canary


def judge_quote(pair: str, quote: Quote) -> Finding:
    """Judge one price: two sides that are close, or a middle."""
    if quote.bid is not None and quote.ask is not None:
        bid, ask = Decimal(quote.bid), Decimal(quote.ask)
        spread = (ask - bid) / bid
        if spread >= SPREAD_MAX:
            return Finding("fail", f"{pair} {bid}/{ask}: a spread of {spread * 100:.1f} %", "suspect")
        if quote.status == "halted":
            return Finding("warn", f"{pair} is halted", "suspect")
        return Finding("pass", f"{pair} {quote.bid}/{quote.ask}")
    if quote.mid is not None:
        return Finding("pass", f"{pair} {quote.mid}")
    return Finding("fail", f"{pair} has one side only", "suspect")
