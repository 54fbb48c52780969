"""The clock of a worker's machine, by which its tasks expire: one that is wrong throws turns away, and says so here."""

import time
from contextlib import closing

from marketctl.config.paths import find_registry
from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import connect
from marketctl.times import now_ms

OFF_MS = 1000
AGAIN_S = 60.0

_looked_s = -AGAIN_S


def see_expired(*, expired: bool = False, **_: object) -> None:
    """After a task that expired compare the clock with Redis', at most once a minute.

    On a connection of its own: this is the process that others are forked of.
    """
    global _looked_s
    if not expired or time.monotonic() - _looked_s < AGAIN_S:
        return
    _looked_s = time.monotonic()
    try:
        settings = load_registry(find_registry()).settings
        redis = connect(settings.redis_url, settings.data_dir, settings.redis_prefix)
        if redis is None:
            return
        with closing(redis):
            seconds, micros = map(int, redis.call("TIME"))
    except MarketctlError:
        return  # the tasks themselves say so
    off_ms = now_ms() - seconds * 1000 - micros // 1000
    if abs(off_ms) > OFF_MS:
        way = "ahead of" if off_ms > 0 else "behind"
        log.warning(
            "tasks expire unbegun: this machine's clock is %.1f s %s Redis'. Next: sync it (NTP).",
            abs(off_ms) / 1000,
            way,
        )
