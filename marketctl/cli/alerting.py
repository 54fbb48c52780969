"""`run --notify`: somebody is told after each cycle, beside the jobs and never in their way."""

import threading
import time
from typing import TYPE_CHECKING

from marketctl.cli.globals import Globals

if TYPE_CHECKING:
    from marketctl.config.registry import Registry
    from marketctl.views.wallets import WalletFiles

END_S = 10.0  # so long a message on its way is waited for
PAUSE_S = 2.0  # between two looks
WAIT_S = 60.0  # so long at most the others' wallets are waited for


class Alerts:
    """Looks and tells when a cycle is over: at once, or (`behind`) in a thread, so that jobs wait for no receiver.

    Made before the first job: raises ConfigError without a channel, without the extra, for a URL that is none.
    """

    def __init__(self, given: Globals, registry: "Registry", *, behind: bool = False) -> None:
        from importlib.util import find_spec

        from marketctl.cli.notify import channel_urls
        from marketctl.errors import ConfigError

        self._registry = registry
        self._urls = channel_urls(given)
        if find_spec("apprise") is None:
            raise ConfigError("alerts need the extra: notify", hint="pip install apprise (the extra notify)")
        self._waiting_since = 0.0
        self._wallets: WalletFiles | None = None
        self._wanted = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        if behind:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def cycle(self, *, wait: bool = False) -> bool:
        """Tell what the cycle that just ended brought; with `wait` other venues are being asked, so soon is enough.

        Returns whether it could look, True where that is done behind.
        """
        now = time.monotonic()
        if wait:
            self._waiting_since = self._waiting_since or now
            if now - self._waiting_since < WAIT_S:
                return True
        self._waiting_since = 0.0
        if self._thread is None:
            return self._tell()
        self._wanted.set()
        return True

    def close(self) -> None:
        """Let a message that is on its way arrive."""
        self._over.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(END_S)

    def _work(self) -> None:
        while not self._over.is_set():
            self._wanted.wait()
            self._wanted.clear()
            if not self._over.is_set():
                self._tell()
                self._over.wait(PAUSE_S)

    def _tell(self) -> bool:
        import traceback

        from marketctl.cli.output import sentence
        from marketctl.errors import MarketctlError
        from marketctl.log import log
        from marketctl.notify.ledger import kept
        from marketctl.notify.work import tell
        from marketctl.redact import redact
        from marketctl.views.wallets import WalletFiles

        try:
            self._wallets = self._wallets or WalletFiles(self._registry)
            with kept(self._registry.settings, away_is_own=True) as store:
                wallets = self._wallets.readable() if store.redis is None else None
                tell(self._registry, self._urls, store, wallets=wallets)
            return True
        except MarketctlError as error:
            log.error("%s", sentence(f"nobody was told: {error.message}", error.hint))
        except Exception:  # noqa: BLE001  (a bug: told with its traceback, harms no job, and the next look is made)
            log.error("nobody was told:\n%s", redact(traceback.format_exc().rstrip()))
        return False
