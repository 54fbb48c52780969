"""What is still to be sent, channel by channel: nothing is lost while one is away, nothing comes twice."""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from marketctl.errors import ConfigError
from marketctl.log import log
from marketctl.notify import channels
from marketctl.notify.ledger import Ledger
from marketctl.notify.words import WARNING, WORDS, minute
from marketctl.redact import redact
from marketctl.text import printable
from marketctl.times import from_iso, to_iso, zone

ONE_BY_ONE = 3  # so many lines are messages of their own, more are one message
BODY = 3000  # characters; Telegram takes 4096
MESSAGES = 3  # of one digest
KEPT = 500  # lines for a channel that is away; beyond, only the last one of each matter
TAKEN: dict[str, Any] = {"failures": 0, "refused": 0, "last_error": None, "next_try_ms": None}
PAUSE_MS = 60_000  # after the second refusal in a row; doubled by each further one
LONGEST_PAUSE_MS = 3_600_000
LATE_MS = 120_000  # what is sent later than that says when it was

Send = Callable[[Any, str, str, str], str | None]


def put(ledger: Ledger, names: Mapping[str, str], lines: list[dict[str, Any]], now_ms: int) -> None:
    """Put lines into the outbox of every channel."""
    for line in lines:
        ledger.seq += 1
        line |= {"id": ledger.seq, "at": to_iso(now_ms)}
        for name in names:
            ledger.outbox.setdefault(name, []).append(
                {key: line[key] for key in ("id", "at", "keys", "type", "title", "text")}
            )
    for name, waiting in ledger.outbox.items():
        if len(waiting) > KEPT:
            ledger.outbox[name] = condense(waiting)


def condense(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the last line of each matter: how it stands, not all it went through."""
    last = {line["keys"][0]: line for line in lines}
    return sorted(last.values(), key=lambda line: line["id"])


def is_quiet(quiet: tuple[time, time] | None, timezone: str, now_ms: int) -> bool:
    """Tell whether now is within the quiet hours, which may go over midnight."""
    if quiet is None:
        return False
    now = datetime.fromtimestamp(now_ms / 1000, zone(timezone)).time()
    start, end = quiet
    return start <= now < end if start < end else now >= start or now < end


def next_try_ms(told: Mapping[str, Any], now_ms: int) -> int | None:
    """Return until when a channel is left alone because it refused; None where it is not."""
    until: int | None = told.get("next_try_ms")
    # What is further away a clock left that ran ahead.
    return until if until is not None and now_ms < until <= now_ms + LONGEST_PAUSE_MS else None


def deliver(
    ledger: Ledger,
    urls: Mapping[str, str],
    language: str,
    now_ms: int,
    save: Callable[[], None],
    send: Send = channels.send,
) -> tuple[dict[str, str], dict[str, str]]:
    """Send what waits, channel by channel; what was taken is gone from the outbox before the next is tried.

    Returns the channels that failed, and those that were not tried, with the reason. One that fails is left alone until
    the next time, and from its second refusal in a row on for a pause that grows.
    """
    failed: dict[str, str] = {}
    paused: dict[str, str] = {}
    for name in [name for name in ledger.outbox if name not in urls]:
        del ledger.outbox[name]  # nobody can be told there any more
    for name, url in urls.items():
        told = ledger.channels.setdefault(name, {"last_ok": None, "failures": 0, "last_error": None})
        until = next_try_ms(told, now_ms)
        if until is not None and ledger.outbox.get(name):
            paused[name] = f"{told['last_error']}; {len(ledger.outbox[name])} lines wait until {to_iso(until)}"
            continue
        pause = 0
        try:
            while waiting := ledger.outbox.get(name):
                taken, title, body, kind = compose(waiting, language, now_ms)
                why = send(channels.open_channel(name, url), title, body, kind)
                if why is not None:
                    refused = told.get("refused", 0)  # what fails for a fault of ours is tried at each look
                    pause = min(PAUSE_MS << min(refused - 1, 6), LONGEST_PAUSE_MS) if refused else 0
                    told["refused"] = refused + 1
                    raise ConfigError(why)
                del waiting[:taken]
                told |= TAKEN | {"last_ok": to_iso(now_ms)}
                save()
        except ConfigError as error:
            failed[name] = printable(redact(error.message)).rstrip(".")
            until = now_ms + pause if pause else None
            told |= {"failures": told["failures"] + 1, "last_error": failed[name], "next_try_ms": until}
            save()
            later = f" until {to_iso(until)}" if until is not None else ""
            log.error("notify %s: %s; %d lines wait%s", name, failed[name], len(ledger.outbox[name]), later)
    return failed, paused


def compose(waiting: list[dict[str, Any]], language: str, now_ms: int) -> tuple[int, str, str, str]:
    """Make the next message: how many lines it takes, title, body and type."""
    if len(waiting) <= ONE_BY_ONE:
        line = waiting[0]
        return 1, f"marketctl: {line['title']}", _text(line, now_ms), line["type"]
    say = WORDS[language]
    body, taken = "", 0
    for line in waiting:
        text = _text(line, now_ms) + "\n"
        if taken and len(body) + len(text) > BODY:
            break
        body += text
        taken += 1
    kinds = {line["type"] for line in waiting[:taken]}
    if taken < len(waiting) and len(waiting) - taken > (MESSAGES - 1) * taken:
        # A flood: what does not fit into a few messages is counted and stands in the log.
        body += say["more"].format(n=len(waiting) - taken)
        taken = len(waiting)
    kind = WARNING if WARNING in kinds else kinds.pop()
    return taken, f"marketctl: {say['digest'].format(n=taken)}", body.rstrip(), kind


def _text(line: Mapping[str, Any], now_ms: int) -> str:
    late = now_ms - from_iso(line["at"]) > LATE_MS
    return f"{minute(line['at'])}: {line['text']}" if late else str(line["text"])
