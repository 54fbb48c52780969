"""The rates of a site, built by the worker that serves it: asked for after prices, wherever these were collected.

Without a clock of its own: whoever did a prices job sends one task to the queue `rates`, unless one waits there
already. Only a worker that is told to (`-Q ...,rates`) takes it, so the files lie on the machine that serves them.
"""

from typing import TYPE_CHECKING, Any

from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.rates.build import Builder
from marketctl.rates.plan import rates_path
from marketctl.times import now_ms
from marketctl.views.quotes import desk_reader

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk

QUEUE = "rates"
WAITS_S = 10  # how long a task that was asked for is thought to be on its way
BACKLOG = 2  # with more of them waiting nobody takes them: no more are sent


def ask_for_rates(desk: "Desk", task: Any) -> None:
    """Send the task, once over all machines until a worker has begun with it; nothing where there are no directions."""
    path = rates_path(desk.registry.path)
    if not path.exists():
        return
    try:
        redis = desk.redis()
        assert redis is not None
        prefix = desk.settings.redis_prefix
        waiting = int(redis.call("LLEN", f"{prefix}:celery:{QUEUE}"))
        if waiting < BACKLOG and redis.call("SET", _asked(desk), now_ms(), "NX", "PX", WAITS_S * 1000):
            task.apply_async(queue=QUEUE, expires=WAITS_S)
    except MarketctlError as error:
        log.error("the rates were not asked for: %s", error.message)


def build_rates(desk: "Desk") -> dict[str, Any]:
    """Build the export; return how many directions are in and out. What failed is told, the next prices ask again."""
    from marketctl.monitoring.rates import tell

    try:
        redis = desk.redis()
        assert redis is not None
        redis.call("DEL", _asked(desk))  # first: what is published from now on is asked for again
    except MarketctlError as error:
        log.error("%s", error.message)
    try:
        built = Builder(desk.registry, rates_path(desk.registry.path)).build(desk_reader(desk.registry, desk.redis))
    except MarketctlError as error:
        log.error("the rates were not built: %s", error.message)
        return {"reason": error.reason, "message": error.message}
    tell(built, desk.settings)
    return built.counts


def _asked(desk: "Desk") -> str:
    return f"{desk.settings.redis_prefix}:rates:asked"
