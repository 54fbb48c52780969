"""What a check found: findings, sub-checks and the verdict of a provider."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from marketctl.models import Quota
from marketctl.redact import redact
from marketctl.text import printable
from marketctl.times import to_iso

# In the order they are made. The remote ones ask the provider.
CHECKS = ("import", "credentials", "clock", "platform", "wallet", "prices", "key", "quota", "published")

REMOTE = frozenset(("clock", "platform", "wallet", "prices", "key", "quota"))

# Verdicts from good to bad; the worst one is the provider's. `skipped` counts for nothing.
VERDICTS = ("skipped", "pass", "unconfigured", "warn", "unknown", "fail")

UNHEALTHY = frozenset(("unknown", "fail"))

SKEW_WARN_MS = 1000

SKEW_FAIL_MS = 5000  # the window most providers grant a signed call


class Finding(NamedTuple):
    """One thing a sub-check found."""

    status: str
    message: str
    reason: str | None = None
    hint: str | None = None


@dataclass
class Check:
    """How one sub-check ended."""

    check: str
    status: str = "pass"
    reason: str | None = None
    message: str | None = None
    hint: str | None = None
    duration_ms: int = 0

    def note(self, *findings: Finding) -> None:
        """Take over what was found, the worst first."""
        ranked = sorted(findings, key=lambda one: -VERDICTS.index(one.status))
        self.status, _, self.reason, hint = ranked[0]
        self.message = printable(redact("; ".join(one.message for one in ranked)), 400)
        self.hint = hint and printable(redact(hint))


@dataclass
class Health:
    """How a provider is: its sub-checks, and the figures they met (None where not told)."""

    provider: str
    checks: list[Check] = field(default_factory=list)
    duration_ms: int = 0
    clock_skew_ms: int | None = None
    quotes: int | None = None
    held: int | None = None
    published_age_ms: int | None = None
    quota: Quota | None = None
    quota_runs_dry_ms: int | None = None

    @property
    def status(self) -> str:
        """The worst verdict."""
        return max(("pass", *(check.status for check in self.checks)), key=VERDICTS.index)

    @property
    def healthy(self) -> bool:
        """Tell whether nothing failed and nothing is unknown."""
        return self.status not in UNHEALTHY

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        return {
            "provider": self.provider,
            "status": self.status,
            "duration_ms": self.duration_ms,
            "clock_skew_ms": self.clock_skew_ms,
            "quotes": self.quotes,
            "held": self.held,
            "published_age_ms": self.published_age_ms,
            "quota": self.quota.to_dict() if self.quota else None,
            "quota_runs_dry_at": to_iso(self.quota_runs_dry_ms),
            "checks": [{name: getattr(check, name) for name in Check.__dataclass_fields__} for check in self.checks],
        }
