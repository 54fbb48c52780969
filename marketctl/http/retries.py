"""When a failed request is made again, and after what wait: tenacity counts, the error's class and its wait decide."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from marketctl.errors import MarketctlError
from marketctl.http.ratelimit import SHORT_WAIT_S

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")


def again(attempt: Callable[[], T], *, sleep: Callable[[float], None], **when: Any) -> T:
    """Attempt it, again where its failure may pass: tenacity says when. It is imported for a failure, not before."""
    try:
        return attempt()
    except MarketctlError as error:
        if not error.retryable:
            raise
        failed = [error]
    import tenacity

    def next_attempt() -> T:
        if failed:
            raise failed.pop()  # the first one is made already
        return attempt()

    def give_up(state: "tenacity.RetryCallState") -> None:
        failed.append(state.outcome.exception())  # type: ignore[union-attr, arg-type]
        state.outcome = None  # else it would hold itself, with all that was read

    retry = tenacity.retry_if_exception(_may_pass)
    answer = tenacity.Retrying(retry=retry, sleep=sleep, retry_error_callback=give_up, **when)(next_attempt)
    if failed:
        raise failed.pop()
    return answer


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, MarketctlError) and error.retryable


def wait_s(state: "tenacity.RetryCallState") -> float:
    """Wait as long as the provider asked for; else 0.2 s, 0.4 s, 0.8 s ... with jitter."""
    error = state.outcome.exception() if state.outcome else None
    backoff = min(8.0, 0.2 * 2 ** (state.attempt_number - 1)) * random.uniform(0.5, 1.5)
    asked = getattr(error, "retry_after", None)
    return float(asked) + random.uniform(0.0, 0.1) if asked is not None else backoff


def too_long(state: "tenacity.RetryCallState", left_s: float) -> bool:
    """Tell whether the next wait is none for a job: past its deadline, or long and named by the provider."""
    error = state.outcome.exception() if state.outcome else None
    named = getattr(error, "until_ms", None) is not None
    return state.upcoming_sleep >= left_s or (named and state.upcoming_sleep > SHORT_WAIT_S + 0.1)
