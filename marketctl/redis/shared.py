"""What machines share through a Redis server: one rate budget an address, and one memory a provider."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import RateLimited, RedisFailed
from marketctl.files.memory import Memory
from marketctl.http.ratelimit import DELAY_MAX_S, Hold, Pace, read_hold
from marketctl.times import DAY_MS, now_ms

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection

MEMORY_MS = 40 * DAY_MS  # longer than anything is remembered


class SharedMemory(Memory):
    """A memory all machines that share a Redis server have together, at `P:{NAME}:memory:<key>`; and its own as well.

    What was stored last counts, here or there: nothing is forgotten while Redis is down or when it restarts empty, and
    who reads tells it again what it does not know.
    """

    def __init__(
        self, store: "RedisConnection", cache_dir: Path, provider: str, base_url: str, read_only: bool
    ) -> None:
        super().__init__(cache_dir, provider, base_url, read_only)
        self._store: RedisConnection | None = store

    def get(self, key: str, max_age_s: float) -> tuple[Any, int] | None:
        """Return the value and when it was stored (ms), or None."""
        envelope = self._call("GET", key)
        here, there = super().get(key, max_age_s), self._read(envelope, max_age_s) if envelope else None
        if there is not None and (here is None or there[1] > here[1]):
            return there
        if here is not None and (there is None or there[1] < here[1]):
            self._tell(key, *here)
        return here

    def get_made(self, key: str, max_age_s: float, make: Callable[[Any], Any]) -> tuple[Any, int] | None:
        """Return what `make` makes of the value and when that was stored (ms), or None; made anew each time."""
        return self._make(key, max_age_s, make)

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Remember a JSON value here and there, as of now or the time given."""
        super().put(key, value, at_ms)
        self._tell(key, value, at_ms)

    def _tell(self, key: str, value: Any, at_ms: int | None) -> None:
        if not self._read_only:
            self._call("SET", key, self._envelope(value, at_ms), "PX", MEMORY_MS)

    def _call(self, command: str, key: str, *rest: str | int | bytes) -> Any:
        if self._store is None:
            return None
        try:
            return self._store.call(command, self._store.key(self._provider, f"memory:{key}"), *rest)
        except RedisFailed:  # what needs Redis tells it
            self._store = None
            return None


# Budget, named wait; rate, burst, weight, longest wait (s), delay (s): the same reckoning with the server's clock.
# Returns the wait, or the named wait that lasts and how long it still does (ms).
RESERVE = """
local held = redis.call('GET', KEYS[2])
if held and tonumber(ARGV[5]) == 0 then
  return {'', held, redis.call('PTTL', KEYS[2])}
end
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local rate, burst, weight, longest, delay = unpack(ARGV)
local full = burst / rate
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or '') or 0, now)
if tonumber(delay) > 0 then
  whole = math.max(whole, now + full + delay - 1 / rate)
else
  whole = whole + weight / rate
end
local wait = math.max(0, whole - full - now)
if tonumber(delay) > 0 or wait <= tonumber(longest) then
  redis.call('SET', KEYS[1], string.format('%.6f', whole), 'PX', math.ceil((whole - now) * 1000) + 1)
end
return {string.format('%.6f', wait)}
"""

# Named wait; its text, how long it lasts (ms). One that lasts longer stays.
REMEMBER = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return {1}
"""


def as_told(text: bytes | str, left_ms: int) -> Hold:
    """Return a wait as it was told to another machine; whether it lasts, the server's clock has said."""
    now = now_ms()
    return read_hold(text, now) or Hold(now + int(left_ms), now, RateLimited.reason, "told another machine")


class _PaceBeside(Pace):
    """The machine's own count, and what Redis has of the same address: `P:{api.bybit.com}:pace` and `hold`."""

    def __init__(self, store: "RedisConnection", address: str, own: Pace) -> None:
        super().__init__(own.path, own.rate, own.burst)
        self._store = store
        self._key, self._hold_key = store.key(address, "pace"), store.key(address, "hold")

    @property
    def undone_by(self) -> str:
        """What to type so that a named wait is forgotten, here and there."""
        return f"rm -f {self._hold_path}; redis-cli DEL '{self._hold_key}'"


class WatchedPace(_PaceBeside):
    """The machine's own count, and the waits named to any machine: for who looks, and writes nothing there."""

    def held(self) -> Hold | None:
        """Return the wait the provider named, here or there: the one that lasts longer."""
        found = [super().held()]
        with suppress(RedisFailed):  # what needs Redis tells it
            if told := self._store.call("GET", self._hold_key):
                found.append(as_told(told, self._store.call("PTTL", self._hold_key)))
        return max((hold for hold in found if hold is not None), key=lambda hold: hold.until_ms, default=None)


class SharedPace(_PaceBeside):
    """One budget an address for all who share a Redis server; the named wait beside it.

    The machine's own count while Redis is down. Limits belong to a key or to an address. Machines share keys, and
    often addresses: one budget is right for both. How long a named wait lasts is told by the server's clock.
    """

    def reserve(self, weight: float = 1.0, longest_s: float = float("inf")) -> float:
        """Take `weight` units from the budget; return the seconds to wait before using them. Raises as its base."""
        if hold := self.held():
            raise hold.error(self.undone_by)
        try:
            return self._ask(weight, min(longest_s, 1e9), 0.0)
        except RedisFailed:
            return super().reserve(weight, longest_s)

    def delay(self, seconds: float) -> None:
        """Let nobody ask for so short a while, as the provider said."""
        try:
            self._ask(0.0, 0.0, min(seconds, DELAY_MAX_S))
        except RedisFailed:
            super().delay(seconds)

    def remember(self, hold: Hold) -> None:
        """Keep a wait that the provider named, here and there."""
        super().remember(hold)
        lasts_ms = hold.until_ms - now_ms()
        if lasts_ms > 0:
            with suppress(RedisFailed):  # what needs Redis tells it
                self._store.run_script(REMEMBER, [self._hold_key], [hold.to_json(), lasts_ms])

    def _ask(self, *words: float) -> float:
        args = [f"{word:.9f}" for word in (self.rate, self.burst, *words)]
        wait, *held = self._store.run_script(RESERVE, [self._key, self._hold_key], args)
        if held:
            raise as_told(*held).error(self.undone_by)
        return float(wait)
