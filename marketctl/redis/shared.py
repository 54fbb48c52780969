"""What machines share through a Redis server: one rate budget and one memory a provider."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import RedisFailed
from marketctl.files.memory import Memory
from marketctl.http.ratelimit import HOLD_MAX_S, Pace

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection

MEMORY_MS = 40 * 86_400_000  # longer than anything is remembered


class SharedMemory(Memory):
    """A memory all machines that share a Redis server have together, at `P:{NAME}:memory:<key>`; and its own as well.

    What was stored last counts, here or there: nothing is forgotten while Redis is down or when it restarts empty.
    """

    def __init__(
        self, store: "RedisConnection", cache_dir: Path, provider: str, base_url: str, read_only: bool
    ) -> None:
        super().__init__(cache_dir, provider, base_url, read_only)
        self._store: RedisConnection | None = store

    def get(self, key: str, max_age_s: float) -> tuple[Any, int] | None:
        """Return the value and when it was stored (ms), or None."""
        envelope = self._call("GET", key)
        found = [super().get(key, max_age_s), self._read(envelope, max_age_s) if envelope else None]
        return max((one for one in found if one is not None), key=lambda one: one[1], default=None)

    def put(self, key: str, value: Any, at_ms: int | None = None) -> None:
        """Remember a JSON value here and there, as of now or the time given."""
        super().put(key, value, at_ms)
        if not self._read_only:
            self._call("SET", key, self._envelope(value, at_ms), "PX", MEMORY_MS)

    def _call(self, command: str, key: str, *rest: str | int) -> Any:
        if self._store is None:
            return None
        try:
            return self._store.call(command, self._store.key(self._provider, f"memory:{key}"), *rest)
        except RedisFailed:  # what needs Redis tells it
            self._store = None
            return None


# Key; rate, burst, weight, longest wait (s), hold (s): the same reckoning with the server's clock. Returns the wait.
RESERVE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1e6
local rate, burst, weight, longest, hold = unpack(ARGV)
local full = burst / rate
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or '') or 0, now)
if tonumber(hold) > 0 then
  whole = math.max(whole, now + full + hold - 1 / rate)
else
  whole = whole + weight / rate
end
local wait = math.max(0, whole - full - now)
if tonumber(hold) > 0 or wait <= tonumber(longest) then
  redis.call('SET', KEYS[1], string.format('%.6f', whole), 'PX', math.ceil((whole - now) * 1000) + 1)
end
return {string.format('%.6f', wait)}
"""


class SharedPace(Pace):
    """One budget a provider for all who share a Redis server, at `P:{BYBIT}:pace`; the machine's own while it is down.

    Limits belong to a key or to an address. Machines share keys, and often addresses: one budget is right for both.
    """

    def __init__(self, store: "RedisConnection", provider: str, own: Pace) -> None:
        super().__init__(own.path, own.rate, own.burst)
        self._store = store
        self._key = store.key(provider, "pace")

    def reserve(self, weight: float = 1.0, longest_s: float = float("inf")) -> float:
        """Take `weight` units from the budget; return the seconds to wait before using them."""
        try:
            return self._ask(weight, min(longest_s, 1e9), 0.0)
        except RedisFailed:
            return super().reserve(weight, longest_s)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long, as the provider said."""
        try:
            self._ask(0.0, 0.0, min(seconds, HOLD_MAX_S))
        except RedisFailed:
            super().hold(seconds)

    def _ask(self, *words: float) -> float:
        args = [f"{word:.9f}" for word in (self.rate, self.burst, *words)]
        return float(self._store.run_script(RESERVE, [self._key], args)[0])
