"""What `marketctl run` tells monitoring systems: dead-man pings and a file of figures, where they are wanted."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from marketctl.errors import StorageFailed
from marketctl.log import log

if TYPE_CHECKING:
    from marketctl.config.registry import ProviderEntry
    from marketctl.jobs.result import Result
    from marketctl.jobs.run import Run
    from marketctl.monitoring.pings import Pings
    from marketctl.monitoring.run_metrics import Metrics


FLUSH_S = 10.0
FLUSH_STOPPED_S = 1.0


class Watch:
    """Told of each turn of a run; neither pings nor figures ever harm it. `whole` is a run of all providers."""

    def __init__(self, run: "Run", *, whole: bool, metrics: str | None) -> None:
        self.pings: Pings | None = None
        self.metrics: Metrics | None = None
        if run.settings.ping_url or any(entry.ping_url for entry in run.registry.providers.values()):
            from marketctl.monitoring import pings

            self.pings = pings.Pings(run, whole=whole)
            run.on_job = self.pings.start
        if metrics is not None:
            from marketctl.monitoring import run_metrics

            self.metrics = run_metrics.Metrics(run, Path(metrics))

    def begin(self, work: Sequence[tuple["ProviderEntry", str]]) -> None:
        """Take note of the jobs of a turn."""
        if self.pings is not None:
            self.pings.begin(work)

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
            log.error("%s", error.message)
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
