"""One run at a time of a provider's job, over all machines that share a Redis: its lock, and the turns it served.

`P:{BYBIT}:lock:prices` holds its owner's token and is renewed while the job runs: a dead owner's is gone after LEASE_S.
`P:{BYBIT}:turn:prices` holds when the last job that came to its end began (ms): a task that was due before that need
not do it again, be it sent twice, delivered twice, or overtaken by `marketctl run`.
"""

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from marketctl.errors import MarketctlError
from marketctl.files.locks import POLL_S

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection

LEASE_S = 15.0
TURN_S = 7 * 86400.0  # longer than tasks wait

# lock, turn; token, lease in ms, when the task was due (ms, or "" for "now")
TAKE = """
if ARGV[3] ~= '' and (tonumber(redis.call('GET', KEYS[2])) or 0) >= tonumber(ARGV[3]) then return {'served'} end
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return {'busy'} end  -- our own: the reply to our first word was lost on the way
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'taken'}
"""
# A server that restarted empty has forgotten the lock: it is taken again unless somebody else was faster.
RENEW = """
if (redis.call('GET', KEYS[1]) or ARGV[1]) ~= ARGV[1] then return {0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1}
"""
# lock, turn; token, when the job began or "" where it did not end, life of the turn in ms
RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
redis.call('DEL', KEYS[1])
return {1}
"""


class Turn:
    """The lock of one job: `take` it, then run the job inside `with`, then say that it `ended`."""

    def __init__(self, store: "RedisConnection", provider: str, job: str) -> None:
        self._store = store
        self._keys = [store.key(provider, f"lock:{job}"), store.key(provider, f"turn:{job}")]
        self._token = f"{os.uname().nodename}:{os.getpid()}:{os.urandom(8).hex()}"
        self._due = 0
        self._began: int | None = None
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def take(self, due_ms: int | None = None, wait_s: float = 0.0) -> str:
        """Return `taken`, `busy` (after waiting so long), or `served`: done since it was due. Raises RedisFailed."""
        self._due = due_ms or 0
        until = time.monotonic() + wait_s
        while True:
            args: list[str | int] = [self._token, int(LEASE_S * 1000), "" if due_ms is None else due_ms]
            verdict: str = self._store.run_script(TAKE, self._keys, args)[0].decode()
            left = until - time.monotonic()
            if verdict != "busy" or left <= 0:
                return verdict
            time.sleep(min(POLL_S, left))

    def ended(self, began_ms: int) -> None:
        """Note that the job came to its end, well or not: this turn is over."""
        self._began = max(began_ms, self._due)  # the clock of whoever sent the task may be ahead

    def __enter__(self) -> "Turn":
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._keeper.join()
        with suppress(MarketctlError):  # it expires by itself
            args = [self._token, "" if self._began is None else self._began, int(TURN_S * 1000)]
            self._store.run_script(RELEASE, self._keys, args)

    def _keep(self) -> None:
        while not self._over.wait(LEASE_S / 3):
            with suppress(MarketctlError):
                self._store.run_script(RENEW, self._keys[:1], [self._token, int(LEASE_S * 1000)])
