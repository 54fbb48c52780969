"""How one job of one provider ended."""

from dataclasses import dataclass, field
from typing import Any

from marketctl.errors import MarketctlError
from marketctl.log import log
from marketctl.redact import redact

TOLD = 5  # lines of a kind that a run tells of a provider; the rest is counted


@dataclass(eq=False)
class Result:
    """How one job of one provider ended; `counts` are the job's own (docs/schema/commands/run.json)."""

    provider: str
    job: str
    status: str = "ok"
    reason: str | None = None
    message: str | None = None
    hint: str | None = None
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    duration_ms: int = 0
    collected_at: str | None = None
    cached: bool = False
    stored: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    in_part: bool = field(default=False, repr=False)  # what counts is there; a copy, history or the archive is not
    crossed: list[str] = field(default_factory=list, repr=False)  # pairs whose bid was above their ask, some of them
    # What was read, for a dump; None where reading failed.
    batch: dict[str, Any] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        names = [name for name in self.__dataclass_fields__ if name not in ("counts", "batch", "in_part", "crossed")]
        return {name: getattr(self, name) for name in names} | self.counts

    def fail(self, error: MarketctlError) -> None:
        """Note a failure."""
        self.status = "failed"
        self.reason, self.message, self.hint = error.reason, redact(error.message), error.hint and redact(error.hint)

    def lack(self, words: str, hint: str | None = None) -> None:
        """Note that the job is done but for a part, and tell it: the exit code is 3."""
        self.in_part, self.message, self.hint = True, redact(words), hint
        log.error("%s", self.message, extra={"provider": self.provider, "job": self.job})
