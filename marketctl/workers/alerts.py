"""Alerts of workers: asked for after a job on any machine, told once over all of them, from what Redis has.

Without a clock of its own, as the rates: whoever ended a job sends one task to the queue `alerts`, unless one waits
there. Only a worker that is told to (`-Q ...,alerts`) takes it: what was told is noted in Redis, so that several such
workers are no harm, and the next goes on where a dead one left. Only the log, `state/notify.jsonl`, is each machine's.
"""

from typing import TYPE_CHECKING, Any

from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.redact import redact
from marketctl.views.quotes import desk_reader
from marketctl.views.wallets import shared_wallets
from marketctl.workers.once import ask_once, begin

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk

QUEUE = "alerts"

_wallets: dict[str, Any] = {}  # what was read last: most looks find it unchanged


def ask_for_alerts(desk: "Desk", task: Any) -> None:
    """Send the task, once over all machines until a worker has begun with it; nothing where there is no channel."""
    if not desk.keys.notify():
        return
    try:
        ask_once(desk, task, queue=QUEUE, what="notify")
    except MarketctlError as error:
        log.error("alerts were not asked for: %s", error.message)


def tell_alerts(desk: "Desk") -> dict[str, Any]:
    """Look and tell; return how many lines, and the channels that failed. What went wrong the next job asks again."""
    from marketctl.notify.channels import protect_urls
    from marketctl.notify.ledger import RedisStore
    from marketctl.notify.work import tell

    urls = desk.keys.notify()
    protect_urls(urls)
    try:
        redis = begin(desk, "notify")
        outcome = tell(
            desk.registry,
            urls,
            RedisStore(redis, desk.settings.redis_prefix),
            wallets=shared_wallets(desk.registry, redis, _wallets),
            reader=desk_reader(desk.registry, desk.redis),
        )
    except MarketctlError as error:
        log.error("nobody was told: %s", redact(error.message))
        return {"reason": error.reason, "message": redact(error.message)}
    if outcome.busy:
        return {"busy": True}
    return {"lines": len(outcome.lines), "muted": len(outcome.muted), "failed": sorted(outcome.failed | outcome.paused)}
