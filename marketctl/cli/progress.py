"""What is being done, in one line on a terminal; failures on stderr, each cause once."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from marketctl.cli.globals import Globals
from marketctl.cli.output import sentence

if TYPE_CHECKING:
    from marketctl.jobs.result import Result


Cause = tuple[str | None, str | None, str | None]  # reason, message but for the provider's name, hint


def summary(result: "Result") -> str:
    """Put a job's counts into words."""
    counts = result.counts
    if result.job == "wallet":
        words = f"{counts['assets']} assets, {counts['networks']} networks"
        words += "".join(f", {counts[name]} {name}" for name in ("created", "updated", "removed") if counts[name])
    elif result.job == "prices":
        words = f"{counts['quotes']} quotes"
        words += "".join(f", {counts[name]} {name}" for name in ("changed", "added", "removed", "held") if counts[name])
        if not counts["complete"]:
            words += ", incomplete"
    else:
        words = f"{_count(counts['pairs'])} pairs, {_count(counts['assets'])} assets"
    if counts.get("skipped"):
        words += f", {counts['skipped']} skipped"
    if result.cached:
        words += ", cached"
    # That a cached answer was used is said already; that it went to the mirror alone is not.
    told = result.message and (not result.cached or result.stored == ["file"])
    return words + (f" ({result.message})" if told else "")


def _count(value: int | None) -> str:
    return "unknown" if value is None else str(value)


NAMES = 12  # of providers in a line


def failed_too(results: Sequence["Result"]) -> str:
    """Say which jobs failed for a cause that is told already: `prices of 2 providers (BYBIT, HTX)`."""
    jobs: dict[str, list[str]] = {}
    for result in results:
        jobs.setdefault(result.job, []).append(result.provider)
    told = []
    for job, names in jobs.items():
        shown = ", ".join(names[:NAMES]) + (f" and {len(names) - NAMES} others" if len(names) > NAMES else "")
        told.append(f"{job} of {names[0]}" if len(names) == 1 else f"{job} of {len(names)} providers ({shown})")
    return ", ".join(told)


class Progress:
    """One line on a terminal that says what is being done; failures get lines of their own on stderr.

    Of several with one cause the first is told at once, and in the end whom else it met.
    """

    def __init__(self, given: Globals, total: int = 0) -> None:
        self.shown = sys.stderr is not None and sys.stderr.isatty() and not given.quiet and given.log_format == "text"
        self.length = 0
        self.busy: list[str] = []
        self.causes: dict[Cause, list[Result]] = {}
        self.total = total
        self.over = 0
        self.doing: dict[str, str] = {}
        if self.shown:
            from marketctl.http import client

            client.on_wait = self.waits

    def start(self, provider: str, job: str) -> None:
        """Say what is being done."""
        self.doing[provider] = job
        self.show(f"{provider} {job} ...")

    def waits(self, provider: str | None, seconds: float, why: str) -> None:
        """Say that a job waits, and for what: `[7/24] WHITEBIT prices: waiting 28 s (rate-limited)`."""
        if seconds >= 1 and provider is not None:
            self.show(f"{provider} {self.doing.get(provider, '')}: waiting {seconds:.0f} s ({why})")

    def count(self, name: str) -> None:
        """Say what is over."""
        self.over += 1
        self.show(f"{name} done")

    def show(self, words: str) -> None:
        """Put words into the line, in place of what stood there: `[7/24] WHITEBIT prices ...`."""
        if self.shown:
            line = f"[{min(self.over + 1, self.total)}/{self.total}] {words}" if self.total else words
            click.echo("\r" + line.ljust(self.length), nl=False, err=True)
            self.length = len(line)

    def done(self, result: "Result") -> None:
        """Tell a failure at once, the rest when asked to be verbose."""
        from marketctl.log import log

        self.over += 1
        if result.status == "ok":
            if log.isEnabledFor(logging.INFO):
                self.clear()
                log.info("ok: %s", summary(result), extra={"provider": result.provider, "job": result.job})
            return
        if result.reason == "busy":
            self.busy.append(f"{result.provider} {result.job}")
            return
        if result.status == "failed":
            # A full disk names each provider's own file.
            cause = (result.reason, (result.message or "").replace(result.provider, "*"), result.hint)
            same = self.causes.setdefault(cause, [])
            same.append(result)
            if len(same) > 1:
                return
        self.clear()
        tell = log.error if result.status == "failed" else log.info
        reason = f" ({result.reason})" if result.reason else ""
        words = sentence(f"{result.status}{reason}: {result.message}", result.hint)
        tell("%s", words, extra={"provider": result.provider, "job": result.job, "reason": result.reason})

    def end(self) -> None:
        """Tell what is left to tell: one line a cause, and one for all that another run is doing."""
        from marketctl.log import log

        self.clear()
        for (reason, _, _), (first, *more) in self.causes.items():
            if more:
                words = f"failed ({reason}) as {first.provider} {first.job} did: {failed_too(more)}"
                log.error("%s", words, extra={"where": "marketctl", "reason": reason})
        self.causes.clear()
        if self.busy:
            words = f"another run is doing {', '.join(self.busy)}"
            log.error("%s", sentence(words, "add --lock-wait S, or wait until it is done"), extra={"reason": "busy"})
            self.busy.clear()

    def clear(self) -> None:
        """Remove the line."""
        if self.shown and self.length:
            click.echo("\r" + " " * self.length + "\r", nl=False, err=True)
            self.length = 0
