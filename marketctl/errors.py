"""The family of errors, their machine words (reasons) and the exit codes.

The class says what the caller can do: change something (configuration, credentials), wait
(rate limit, network, unavailable) or report a fault (the answer had another shape).
`retryable` belongs to the class; `retry_after` (seconds) travels on the instance.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_CONFIG = 4
EXIT_BUSY = 75
EXIT_SIGINT = 130
EXIT_SIGTERM = 143

EXIT_CODES = {
    EXIT_OK: "all good (skips included)",
    EXIT_FAILED: "nothing succeeded, or something unexpected",
    EXIT_USAGE: "usage",
    EXIT_PARTIAL: "some failed, the rest is done",
    EXIT_CONFIG: "configuration or credentials",
    EXIT_BUSY: "another run holds the lock",
    EXIT_SIGINT: "interrupted (SIGINT)",
    EXIT_SIGTERM: "interrupted (SIGTERM)",
}

# What a run that failed for this reason ends with, where nothing else was done; every other reason is EXIT_FAILED.
EXIT_OF_REASON = {"config": EXIT_CONFIG, "no-credentials": EXIT_CONFIG, "busy": EXIT_BUSY}


def exit_of(reason: str | None) -> int:
    """Return the exit code of a failure."""
    return EXIT_OF_REASON.get(reason or "", EXIT_FAILED)


class MarketctlError(Exception):
    """Root of all errors marketctl foresees: one line for the operator, no traceback.

    `message` says what was wrong and where; `hint` says what to do next. `retry_after` is a wait in seconds, named or
    guessed; `until_ms` is the moment the provider named, None for a guess. `of_key` says that the limit belongs to the
    key (a plan's budget), not to our address: others may go on asking.
    """

    reason: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        until_ms: int | None = None,
        of_key: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after = retry_after
        self.until_ms = until_ms
        self.of_key = of_key


# Change something -------------------------------------------------------------------------


class ConfigError(MarketctlError):
    """The registry, the credentials file, an option or the environment is wrong."""

    reason = "config"


class NoCredentials(MarketctlError):
    """The job needs a key and none is stored."""

    reason = "no-credentials"


class AuthFailed(MarketctlError):
    """The provider refused the key, the secret, the passphrase or the signature."""

    reason = "auth"


class PermissionDenied(MarketctlError):
    """The key is good, but may not do this, or the plan does not include it."""

    reason = "permission"


class IpNotAllowed(MarketctlError):
    """The key is bound to other addresses than ours."""

    reason = "ip-not-allowed"


class ClockSkew(MarketctlError):
    """The provider refused our timestamp or nonce."""

    reason = "clock-skew"


class Blocked(MarketctlError):
    """A CDN, firewall or geo-block answered in place of the API. Not the same as down."""

    reason = "blocked"


class NotSupported(MarketctlError):
    """The provider has no such thing. Reported as skipped, never as an error."""

    reason = "not-supported"


class StatsNotSupported(NotSupported):
    """The adapter has no statistics."""


# Wait -------------------------------------------------------------------------------------


class NetworkFailed(MarketctlError):
    """No connection, a broken one, DNS or TLS."""

    reason = "network"
    retryable = True


class TimedOut(MarketctlError):
    """No answer within `timeout_s`."""

    reason = "timeout"
    retryable = True


class RateLimited(MarketctlError):
    """Too many requests; `retry_after` holds the wait the provider asked for, where it did."""

    reason = "rate-limited"
    retryable = True


class Unavailable(MarketctlError):
    """The provider's side failed: HTTP 5xx or its own code for it."""

    reason = "unavailable"
    retryable = True


class Maintenance(MarketctlError):
    """The provider says that it is being worked on: come back later."""

    reason = "maintenance"


class DeadlineExceeded(MarketctlError):
    """The job used up `deadline_s`."""

    reason = "deadline"


class Busy(MarketctlError):
    """Another run holds the lock of this provider and job."""

    reason = "busy"


# Report a fault ---------------------------------------------------------------------------


class BadAnswer(MarketctlError):
    """The answer had another shape than documented, or no readable row."""

    reason = "bad-answer"


class Suspect(MarketctlError):
    """The data are readable but not to be believed: half of them gone, or older than the live ones."""

    reason = "suspect"


class HalfAnswer(Suspect):
    """Less than half of what was there before: nothing else may be made of it either."""


class Overtaken(Suspect):
    """What is there already is newer."""


class RedisFailed(MarketctlError):
    """Redis could not be reached or refused a command."""

    reason = "redis"


class ForeignValue(RedisFailed):
    """A key of ours holds what marketctl does not write there."""


class StorageFailed(MarketctlError):
    """A file or folder could not be read or written."""

    reason = "storage"


# What an adapter's bug may be: one that calls sys.exit() is one, and ends no run.
BUGS = (Exception, SystemExit)


class Stopped(BaseException):
    """A signal asked us to end: no error, so nothing that handles errors may catch it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
