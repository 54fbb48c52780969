"""How an adapter's declarations turn a provider's refusal into an error: what, where, whose fault, what next."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    MarketctlError,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import looks_html, page_told
from marketctl.http.verdicts import class_of_status, moment, next_step, retry_after_s
from marketctl.providers.fields import text
from marketctl.text import printable

if TYPE_CHECKING:
    from marketctl.http.client import Client
    from marketctl.http.messages import Answer

Failure = tuple[str, str]
"""A provider's own error: its code and its words."""

CENTURY_S = 100 * 365 * 86400.0

NO_ENVELOPE: Failure = ("none", "the answer has not the shape of this API")


# Where an error's words stand, the likeliest first.
WORDS = ("msg", "message", "retMsg", "err-msg", "err_msg", "description", "detail", "error", "errors", "reason", "data")

SHORT_TEXT = 300  # bytes of a body without markup that are worth telling


# What is refused is this address, whatever the status is taken for: no key helps.
_of_region = re.compile(r"\b(?:restricted|your|this) (?:location|country|region|jurisdiction)\b", re.IGNORECASE).search


class Refusals:
    """The half of `Provider` that reads errors: class attributes, and what follows from them."""

    client: "Client"
    credentials: ClassVar[tuple[str, ...]] = ()
    # The provider's codes that change what we do, by the error they mean, as its page of errors has them. An unknown
    # one is an error with the code in it.
    error_codes: ClassVar[Mapping[type[MarketctlError], Collection[str]]] = {}
    # What its words say goes before what its codes say: a piece of them in lower case, the error, what it means to the
    # operator ("" for nothing to add).
    error_words: ClassVar[Mapping[str, tuple[type[MarketctlError], str]]] = {}
    # What a code means to the operator: which of the secrets, or the clock, it is. Told before the provider's words.
    meanings: ClassVar[Mapping[str, str]] = {}
    # What it tells by HTTP status alone, where that differs from the common meaning.
    error_statuses: ClassVar[Mapping[int, type[MarketctlError]]] = {}
    # Bans: a status, or a piece of the words, with the least time the provider's page says that it lasts (seconds).
    bans: ClassVar[Mapping[int | str, float]] = {}
    # Wait after a rate limit that names no time.
    rate_limit_wait_s: ClassVar[float] = 1.0
    # A limit told in an answer's body belongs to the key (a plan's budget), not to our address.
    limits_of_key: ClassVar[bool] = False

    def failure(self, answer: "Answer") -> Failure | None:
        """Return the provider's own error (code, words) told by an answer, or None for a good one."""
        del answer
        return None

    def error_class(self, code: str, words: str, answer: "Answer") -> type[MarketctlError] | None:
        """Choose the error by words and code; override where one code has several meanings."""
        del answer
        return self.classify(code, words)

    @classmethod
    def classify(cls, code: str, words: str) -> type[MarketctlError] | None:
        """Return the error that the declared words, else the declared codes have for this."""
        return found[0] if (found := cls.say(words)) else _by_code(cls.__mro__).get(code)

    @classmethod
    def say(cls, words: str) -> tuple[type[MarketctlError], str] | None:
        """Return what `error_words` has for these words."""
        said = words.lower()
        return next((found for phrase, found in cls.error_words.items() if phrase in said), None)

    def retry_after(self, answer: "Answer") -> float | None:
        """Return the seconds to wait after a rate limit, where the answer names them."""
        return retry_after_s(answer.headers, answer.received_ms)

    def check_answer(self, answer: "Answer") -> None:
        """Raise the error an answer tells, by the provider's own code first and by HTTP status second.

        Its message names the request, the status, what that means to the operator and the provider's own words; its
        hint says what to do next.
        """
        found = self.failure(answer) if answer.is_json or answer.raw else None
        good = 200 <= answer.status < 300
        code, words = found or ("", "")
        if found == NO_ENVELOPE and not good:  # somebody in front of the API answers, or it puts its words elsewhere
            words = words_in(answer) or words
        words = printable(words or ("" if good and not found else words_in(answer)))
        ban_s = self._ban(answer, words) if found or not good else None
        kind = Blocked if ban_s is not None else self.error_class(code, words, answer) if found or words else None
        if kind is None and (found or not good):
            kind = Blocked if not good and _of_region(words) else self.error_statuses.get(answer.status)
        if kind is None and (found or (words and not good)):
            kind = BadAnswer if good else class_of_status(answer)
        if kind is not None:
            raise self._error(kind, code, words, ban_s, answer)

    def _ban(self, answer: "Answer", words: str) -> float | None:
        """Return how long a ban lasts (seconds) where the answer tells one: as it names it, or the documented least."""
        said = words.lower()
        for sign, least in self.bans.items():
            if sign == answer.status or (isinstance(sign, str) and sign in said):
                named = Refusals.retry_after(self, answer)
                return least if named is None else named
        return None

    def _error(
        self, kind: type[MarketctlError], code: str, words: str, ban_s: float | None, answer: "Answer"
    ) -> MarketctlError:
        """Make the error of an answer: in words, with the wait it names."""
        told = (f"{answer.where}: " if answer.where else "") + f"HTTP {answer.status}{page_told(answer)}"
        meaning = "this address is banned for a while" if ban_s is not None else self._meaning(kind, code, words)
        told += "".join(f": {part}" for part in (meaning, words) if part) or (" without words" if code else "")
        told += f" (code {printable(code, 40)})" if code and code != NO_ENVELOPE[0] else ""
        hint = next_step(kind, self.client.provider)
        wait, until_ms = ban_s, None
        if ban_s is None and issubclass(kind, RateLimited):
            wait = self.retry_after(answer)
        elif ban_s is None and issubclass(kind, Blocked | Unavailable):
            wait = Refusals.retry_after(self, answer)
        if wait is not None:
            wait = min(max(0.0, wait), CENTURY_S)
            until_ms = moment(answer, wait)
            hint = "stop asking: each question may make the ban longer" if ban_s is not None else None
        elif issubclass(kind, RateLimited):
            # A plan's wait is none for a limit that the status alone tells.
            wait = None if self.limits_of_key and not code else self.rate_limit_wait_s
            hint = hint if wait is None else None
        of_key = bool(code) and self.limits_of_key
        return kind(told, hint=hint, retry_after=wait, until_ms=until_ms, of_key=of_key)

    def _meaning(self, kind: type[MarketctlError], code: str, words: str) -> str:
        """Say what it means to the operator: which secret it is, or the clock. Never guessed from the words."""
        said = self.say(words)
        meaning = said[1] if said and said[0] is kind else ""
        meaning = meaning or self.meanings.get(code, "")
        if meaning:
            return meaning
        if issubclass(kind, ClockSkew):
            return "the timestamp is refused, so this machine's clock is off"
        return (
            f"{self.credentials[0]} is refused" if issubclass(kind, AuthFailed) and len(self.credentials) == 1 else ""
        )


@cache
def _by_code(mro: tuple[Any, ...]) -> Mapping[str, type[MarketctlError]]:
    return {str(code): kind for kind, codes in mro[0].error_codes.items() for code in codes}


def words_in(answer: "Answer") -> str:
    """Return the words of a refusal that no `failure` has found: under the usual names, a list's texts, plain text."""
    if answer.is_json:
        body = answer.body
        found = (
            (words_of(body[name]) for name in WORDS if name in body) if isinstance(body, dict) else (words_of(body),)
        )
        return next(filter(None, found), "")
    if len(answer.content) > SHORT_TEXT or looks_html(answer.content, answer.headers.get("content-type", "")):
        return ""
    return printable(answer.content.decode(errors="replace")) if answer.content.strip() else ""


def words_of(told: object, depth: int = 4) -> str:
    """Join the words of an error: a text, a list of texts, or such by field."""
    if depth and isinstance(told, dict):
        return "; ".join(f"{field}: {words_of(one, depth - 1)}" for field, one in told.items())
    return ", ".join(words_of(one, depth - 1) for one in told) if depth and isinstance(told, list) else text(told) or ""
