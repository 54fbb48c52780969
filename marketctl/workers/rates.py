"""The rates of a site, built by the worker that serves it: asked for after prices, wherever these were collected.

Without a clock of its own: whoever did a prices job sends one task to the queue `rates`, unless one waits there
already. Only a worker that is told to (`-Q ...,rates`) takes it, so the files lie on the machine that serves them.
"""

from typing import TYPE_CHECKING, Any

from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.rates.build import Builder
from marketctl.rates.plan import rates_path
from marketctl.views.quotes import desk_reader
from marketctl.workers.once import ask_once, begin

if TYPE_CHECKING:
    from marketctl.jobs.desk import Desk

QUEUE = "rates"


def ask_for_rates(desk: "Desk", task: Any) -> None:
    """Send the task, once over all machines until a worker has begun with it; nothing where there are no directions."""
    path = rates_path(desk.registry.path)
    if not path.exists():
        return
    try:
        ask_once(desk, task, queue=QUEUE, what="rates")
    except MarketctlError as error:
        log.error("the rates were not asked for: %s", error.message)


def build_rates(desk: "Desk") -> dict[str, Any]:
    """Build the export; return how many directions are in and out. What failed is told, the next prices ask again."""
    from marketctl.monitoring.rates import tell

    try:
        begin(desk, "rates")
    except MarketctlError as error:
        log.error("%s", error.message)
    try:
        built = Builder(desk.registry, rates_path(desk.registry.path)).build(desk_reader(desk.registry, desk.redis))
    except MarketctlError as error:
        log.error("the rates were not built: %s", error.message)
        return {"reason": error.reason, "message": error.message}
    tell(built, desk.settings)
    return built.counts
