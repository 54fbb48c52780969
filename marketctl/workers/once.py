"""A task for all machines: sent once until a worker has begun with it, and not at all where nobody takes such tasks."""

from typing import TYPE_CHECKING, Any

from kombu.exceptions import OperationalError

from marketctl.errors import RedisFailed
from marketctl.times import now_ms

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk
    from marketctl.redis.connection import RedisConnection

WAITS_S = 10  # how long a task that was asked for is thought to be on its way
BACKLOG = 2  # with more of them waiting nobody takes them: no more are sent


def ask_once(desk: "Desk", task: Any, *, queue: str, what: str) -> None:
    """Send a Celery task to a queue unless one was sent that nobody has begun with. Raises MarketctlError."""
    redis = _redis(desk)
    waiting = int(redis.call("LLEN", f"{desk.settings.redis_prefix}:celery:{queue}"))
    if waiting < BACKLOG and redis.call("SET", _asked(desk, what), now_ms(), "NX", "PX", WAITS_S * 1000):
        try:
            task.apply_async(queue=queue, expires=WAITS_S)
        except OperationalError as error:  # a broker apart
            raise RedisFailed(f"the broker does not take tasks: {error}") from error


def begin(desk: "Desk", what: str) -> "RedisConnection":
    """Note that a worker has begun: what happens from now on is asked for again. Raises MarketctlError."""
    redis = _redis(desk)
    redis.call("DEL", _asked(desk, what))
    return redis


def _redis(desk: "Desk") -> "RedisConnection":
    redis = desk.redis()
    assert redis is not None  # it is the broker: without one no worker starts (app.py)
    return redis


def _asked(desk: "Desk", what: str) -> str:
    return f"{desk.settings.redis_prefix}:{what}:asked"
