"""What `marketctl run` tells monitoring systems: dead-man pings and a file of figures, where they are wanted."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from marketctl.errors import StorageFailed
from marketctl.log import log
from marketctl.text import sentence

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.desk import Desk
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Run
    from marketctl.monitoring.pings import Pings
    from marketctl.monitoring.run_metrics import Metrics


FLUSH_S = 10.0
FLUSH_STOPPED_S = 1.0


class Watch:
    """Told of runs and their jobs; neither pings nor figures ever harm them. `whole` are runs of all providers."""

    def __init__(self, desk: "Desk", *, whole: bool, metrics: str | None) -> None:
        self.pings: Pings | None = None
        self.metrics: Metrics | None = None
        if desk.settings.ping_url or any(entry.ping_url for entry in desk.registry.providers.values()):
            from marketctl.monitoring import pings

            self.pings = pings.Pings(desk, whole=whole)
        if metrics is not None:
            from marketctl.monitoring import run_metrics

            self.metrics = run_metrics.Metrics(desk, Path(metrics))

    def begin(
        self,
        run: "Run",
        work: Sequence[tuple["ProviderEntry", str]],
        all_due: Sequence[tuple["ProviderEntry", str]] | None = None,
    ) -> None:
        """Take note of the jobs of a run, and of all that are due now where these are only some of them."""
        if self.pings is not None:
            self.pings.begin(run, work, all_due)

    def start(self, provider: str, job: str) -> None:
        """Take note that a job really begins."""
        if self.pings is not None:
            self.pings.start(provider, job)

    def done(self, result: "Result") -> None:
        """Take note of a job's end."""
        if self.pings is not None:
            self.pings.done(result)

    def end(self, results: Sequence["Result"]) -> bool:
        """Write the figures; tell whether that worked."""
        try:
            if self.metrics is not None:
                self.metrics.update(results)
        except StorageFailed as error:
            log.error("%s", sentence(error.message, error.hint))
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.pings is None:
            return
        if isinstance(error, Exception):
            self.pings.broke(error)
        # Whoever was told to stop does not wait.
        self.pings.close(within_s=FLUSH_S if error is None or isinstance(error, Exception) else FLUSH_STOPPED_S)
