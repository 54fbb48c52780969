"""The last check: what readers get of a provider, how old it is, what is held, and whether Redis takes the next set."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marketctl.check.health import Finding, Health
from marketctl.config.registry import ProviderEntry
from marketctl.errors import MarketctlError, RedisFailed, StorageFailed
from marketctl.files.state import read_state
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.providers.base import Provider
from marketctl.times import DAY_MS, FUTURE_MS, ms_or_none, now_ms, to_iso
from marketctl.views.freshness import age_ms, is_stale, limit_ms, stands, standstill_ms
from marketctl.views.held import in_words
from marketctl.views.quotes import Live, Reader

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection

MARKED_MS = DAY_MS  # a mark is news for a day; two books that always disagree are none


@dataclass
class RedisView:
    """What there is to read: no store where the embedded server sleeps or `redis_url` is "none"."""

    store: "RedisConnection | None" = None
    policy: str | None = None
    save_failed: bool = False
    error: MarketctlError | None = None


@contextmanager
def look_at_redis(run: Run) -> Iterator[RedisView]:
    """Lend a connection for reading, without starting the embedded server."""
    from marketctl.redis.connection import connect_running, require_server
    from marketctl.redis.server import server_info

    settings = run.settings
    view = RedisView()
    with ExitStack() as stack:
        try:
            view.store = stack.enter_context(
                connect_running(settings.redis_url, settings.data_dir, settings.redis_prefix)
            )
            if view.store is None:
                require_server(settings.redis_url, settings.data_dir)
            else:
                view.store.open()
        except MarketctlError as error:
            view.error = error
        if view.store is not None and view.error is None:
            try:
                told = server_info(view.store)
                view.policy, view.save_failed = told["maxmemory_policy"], told["save_failed"]
            except RedisFailed as error:  # this user may not ask for it
                log.info("the eviction policy is not told: %s", error.message, extra={"job": "check"})
        yield view


class LookAtPublished:
    """The look at what one provider has published; figures go into its health."""

    def __init__(
        self,
        run: Run,
        entry: ProviderEntry,
        redis: RedisView,
        max_age_s: float | None,
        health: Health,
        adapter: Provider | None,
    ) -> None:
        self.run = run
        self.entry = entry
        self.redis = redis
        self.max_age_s = max_age_s
        self.health = health
        self.adapter = adapter

    def findings(self) -> list[Finding]:
        """Look at Redis; at the files where Redis is not to be asked. Raises MarketctlError where it cannot be read."""
        if self.redis.error is not None:
            raise self.redis.error
        try:
            state = read_state(self.run.desk.state_dir, self.entry.name, "prices")
        except StorageFailed as error:
            return [*self._findings({}), Finding("warn", error.message, error.reason, error.hint)]
        return self._findings(state)

    def _findings(self, state: Mapping[str, Any]) -> list[Finding]:
        from marketctl.redis.server import prove_writable

        last_good = ms_or_none(state.get("last_success"))
        live = Reader(self.run.registry, self.redis.store, None).look(self.entry)
        if self.redis.store is None:
            off = self.run.settings.redis_url == "none"
            where = 'redis_url is "none"' if off else "embedded Redis is asleep"
            live.collected_ms = live.collected_ms or last_good  # the mirror may be switched off
            return [self.judge_age(live, last_good, "collected", where), *self.judge_held(live)]
        where = self.redis.store.where
        found = [self.judge_age(live, last_good, f"{len(live.quotes)} quotes published", where)]
        found += self.judge_held(live)
        try:
            prove_writable(self.redis.store, self.entry.name)
        except RedisFailed as error:
            found.append(Finding("fail", f"cannot be written: {error.message}", error.reason, error.hint))
        if live.failing:
            found.append(Finding("warn", f"the last collection failed: {live.last_error}", "suspect"))
        if self.redis.policy not in (None, "noeviction"):
            hint = "set maxmemory-policy to noeviction"
            found.append(Finding("warn", f"Redis may evict quotes ({self.redis.policy})", "redis", hint))
        if self.redis.save_failed and self.run.settings.redis_url == "embedded":
            hint = "make room in data_dir"
            found.append(
                Finding("warn", "the embedded Redis cannot save itself: a restart would lose history", "storage", hint)
            )
        return found

    def judge_held(self, live: Live) -> list[Finding]:
        """Warn of what the sentinel holds, and for a day of what it marked; a canary that is held fails."""
        self.health.held = len(live.held)
        canary = self.entry.pairs[0] if self.entry.pairs else "" if self.adapter is None else self.adapter.canary
        if self.adapter is not None and self.adapter.canary in self.entry.pairs:
            canary = self.adapter.canary
        found = []
        if live.held:
            pair = canary if canary in live.held else next(iter(live.held))
            more = f", and {len(live.held) - 1} more" if len(live.held) > 1 else ""
            status = "fail" if canary in live.held or not live.quotes else "warn"
            told = f"held: {in_words(pair, live.held[pair])}{more}"
            found.append(Finding(status, told, "suspect", f"marketctl prices held {self.entry.name}"))
        since = to_iso(now_ms() - MARKED_MS) or ""
        marks = live.marked.items()
        fresh = [pair for pair, one in marks if str(one.get("since")) > since and one.get("cause") in (None, "doors")]
        if fresh:
            pair = canary if canary in fresh else fresh[0]
            more = f", and {len(fresh) - 1} more" if len(fresh) > 1 else ""
            told = f"published with a mark: {in_words(pair, live.marked[pair])}{more}"
            found.append(Finding("warn", told, "suspect", f"marketctl prices held {self.entry.name}"))
        return found

    def judge_age(self, live: Live, last_good: int | None, words: str, where: str) -> Finding:
        """Judge the age of the data as readers do, and whether there are any."""
        bad = "warn" if self.max_age_s is None else "fail"
        hint = f"marketctl prices collect -p {self.entry.name}"
        at, now = live.collected_ms, now_ms()
        if at is None and last_good is not None and live.state != "failed":
            told = f"nothing that was published is there any more: flushed or lost; the last was of {to_iso(last_good)}"
            return Finding("fail", f"{told}; {where}", "suspect", hint)
        if at is None:
            told = "never published" if live.state != "failed" else "whether it ever published is not known"
            return Finding(bad, f"{told}; {where}", "suspect", hint)
        if age_ms(now, at) is None:
            told = f"{words} {(at - now) / 1000:.0f} s in the future; {where}"
            return Finding(bad, told, "clock-skew", "sync the clocks (NTP)")
        if live.state == "held":
            return Finding(
                "fail", f"all quotes are held; {where}", "suspect", f"marketctl prices held {self.entry.name}"
            )
        if live.state == "expired":
            told = f"the live quotes are gone: expired, evicted or deleted; the last were of {to_iso(at)}; {where}"
            return Finding("fail", told, "suspect", hint)
        age = self.health.published_age_ms = live.set_age_ms(now) if live.quotes else age_ms(now, at)
        told = f"{words} {(now - at) / 1000:.0f} s ago; {where}"
        if age is not None and age - (now - at) > FUTURE_MS:
            told = f"{words} {(now - at) / 1000:.0f} s ago, by the source's own time {age / 1000:.0f} s old; {where}"
        if self.max_age_s is None:
            return self.judge_pace_kept(live, age, last_good, told)
        if is_stale(age, self.max_age_s * 1000):
            return Finding("fail", f"{told}; at most {self.max_age_s:g} s are allowed", "suspect", hint)
        old = [one for one in live.quotes.values() if is_stale(live.age_ms(one, now), self.max_age_s * 1000)]
        if old:
            told = f"{told}; {len(old)} of them are older than {self.max_age_s:g} s"
            return Finding("warn", told, "suspect", f"marketctl prices show {self.entry.name}")
        return Finding("pass", told)

    def judge_pace_kept(self, live: Live, age: int | None, last_good: int | None, told: str) -> Finding:
        """Warn where the collector missed some turns, or the source's own time stands still while it works."""
        worked = age_ms(now_ms(), max(live.collected_ms or 0, last_good or 0))
        limit = limit_ms(self.entry.prices_interval_s, live.kept_ms)
        if is_stale(worked, limit):
            hint = f"marketctl prices collect -p {self.entry.name}"
            return Finding("warn", f"{told}; expected within {limit / 1000:g} s", "suspect", hint)
        kind = self.entry.kind or (self.adapter.kind if self.adapter else None)
        rates = live.rates or kind in ("CASH", "BANK")  # they rest at weekends
        if is_stale(age, standstill_ms(self.entry.prices_interval_s, live.kept_ms, rates=rates)):
            return Finding(
                "warn",
                f"{told}; its own time {stands(age)}",
                "suspect",
                "open the source's own page: does it still work?",
            )
        return Finding("pass", told)
