"""One run at a time of a provider's job, over all machines that share a Redis: its lock, and the turns it served.

`P:{BYBIT}:lock:prices` holds its owner's token and is renewed while the job runs: a dead owner's is gone after LEASE_S.
`P:{BYBIT}:turn:prices` holds the last turn that came to its end (ms): when its task was due by the clock of whoever
sent it, or when a command began by the server's clock. A task that was due no later need not do it again, be it sent
twice, delivered twice, or overtaken by `marketctl run`. No machine's own clock decides: a turn that lies ahead of the
server's by more than AHEAD_S was written by one that was wrong, and is no turn.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from marketctl.alarms import Alarm
from marketctl.errors import MarketctlError
from marketctl.files.locks import POLL_S
from marketctl.redis.connection import NoReply, packed

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection

# Less than prices' usual interval: a dead owner costs one turn, not two. An owner that lives but stood still for longer
# loses it and does no harm: its quotes are older than those of who took over, and are refused.
LEASE_S = 3.0
BEATS = 6  # renewals a lease: a late one, or four lost ones, do not cost the lock
TURN_S = 7 * 86400.0  # longer than tasks wait
AHEAD_S = 5.0

_NOW = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local turn = tonumber(redis.call('GET', KEYS[2]) or '') or 0
if turn > now + tonumber(ARGV[3]) then turn = 0 end
"""
# lock, turn; token, lease in ms, how far ahead a turn may be in ms; when the task was due (ms, or "" for a command),
# how long ago a command was due (ms, or "" for one that is to run whatever was done)
TAKE = (
    _NOW
    + """
local due = tonumber(ARGV[4]) or (ARGV[5] ~= '' and now - ARGV[5] + 1)
if due and turn >= due then return {'served'} end
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return {'busy'} end  -- our own: the reply to our first word was lost on the way
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'taken', tostring(now)}
"""
)
# A server that restarted empty has forgotten the lock: it is taken again unless somebody else was faster.
RENEW = """
if (redis.call('GET', KEYS[1]) or ARGV[1]) ~= ARGV[1] then return {0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1}
"""
# lock, turn; token, life of the turn in ms, how far ahead; the turn that ended, or "" where the job did not end.
# The lock goes first: a server without memory for the turn refuses the rest, and nobody waits for a lease.
RELEASE = (
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
redis.call('DEL', KEYS[1])
if ARGV[4] == '' then return {1} end
"""
    + _NOW
    + """
redis.call('SET', KEYS[2], string.format('%.0f', math.max(turn, ARGV[4])), 'PX', ARGV[2])
return {1}
"""
)


# Lock -> the token of ours that nobody answered: a server that stood still takes the lock for it when it goes on, and
# whoever asks next is to know that it is his own.
_unanswered: dict[str, str] = {}


class RedisLock:
    """The lock of one job: `take` it, then run the job inside `with`, then say that it `ended`."""

    def __init__(self, store: "RedisConnection", provider: str, job: str) -> None:
        self._store = store
        self._keys = [store.key(provider, f"lock:{job}"), store.key(provider, f"turn:{job}")]
        fresh = f"{os.uname().nodename}:{os.getpid()}:{os.urandom(8).hex()}"
        self._token = _unanswered.pop(self._keys[0], fresh)
        self.heard: list[Any] = []
        self._turn = 0
        self._ended = False
        self._over = threading.Event()
        self._renewal = Alarm(LEASE_S / BEATS, self._keep)  # most jobs have ended by then

    def take(
        self,
        due_ms: int | None = None,
        due_ago_ms: int | None = None,
        wait_s: float = 0.0,
        also: Sequence[Sequence[str]] = (),
    ) -> str:
        """Return `taken`, `busy` (after waiting so long), or `served`: done since it was due. Raises RedisFailed.

        A task says when it was due (`due_ms`), a command how long ago (`due_ago_ms`); one that says neither is never
        `served`. `also` are commands about the same provider; `heard` are the replies then, errors among them.
        """
        first = [packed(*one) for one in also]
        began = time.monotonic()
        while True:
            waited_ms = round((time.monotonic() - began) * 1000)
            args: list[str | int] = [
                self._token,
                int(LEASE_S * 1000),
                int(AHEAD_S * 1000),
                "" if due_ms is None else due_ms,
                "" if due_ago_ms is None else due_ago_ms + waited_ms,
            ]
            try:
                verdict, *now = (
                    word.decode()
                    for word in self._store.run_script(TAKE, self._keys, args, first=first, heard=self.heard)
                )
            except NoReply:
                _unanswered[self._keys[0]] = self._token
                raise
            left = wait_s - (time.monotonic() - began)
            if verdict == "taken":
                self._turn = int(float(now[0])) if due_ms is None else due_ms
            if verdict != "busy" or left <= 0:
                return str(verdict)
            time.sleep(min(POLL_S, left))

    def ended(self) -> None:
        """Note that the job came to its end, well or not: this turn is over."""
        self._ended = True

    def __enter__(self) -> "RedisLock":
        self._renewal.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._renewal.cancel()
        self._renewal.join()
        with suppress(MarketctlError):  # it expires by itself
            turn = self._turn if self._ended else ""
            args: list[str | int] = [self._token, int(TURN_S * 1000), int(AHEAD_S * 1000), turn]
            self._store.run_script(RELEASE, self._keys, args)

    def _keep(self) -> None:
        while not self._over.is_set():
            with suppress(MarketctlError):
                self._store.run_script(RENEW, self._keys[:1], [self._token, int(LEASE_S * 1000)])
            self._over.wait(LEASE_S / BEATS)
