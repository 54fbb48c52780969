"""One look and what is told of it: picture, ledger, outbox, channels. It raises nothing that would harm a job."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from marketctl.config.registry import Registry
from marketctl.errors import StorageFailed
from marketctl.files.journal import append_journal, read_journal, size_with, unread_lines
from marketctl.notify import outbox
from marketctl.notify.conditions import Wallets, look
from marketctl.notify.journals import new_lines, toggles
from marketctl.notify.ledger import Store, kept
from marketctl.notify.rules import compare, is_muted
from marketctl.notify.scope import forget_unwatched
from marketctl.notify.words import lines as in_words
from marketctl.times import from_iso, now_ms, to_iso
from marketctl.views.quotes import Reader, open_reader
from marketctl.views.wallets import WalletFiles, shared_wallets

LOG_BYTES = 4 * 1024 * 1024  # of the log of all that was told; beyond, its elder half goes


@dataclass
class Outcome:
    """What came of a look: the lines, those muted, the channels that failed, and those left alone because they refused.

    `busy` where another process tells.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    muted: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    quiet: bool = False
    busy: bool = False


class Log(NamedTuple):
    """What was told, oldest first, and what is to be said of lines that cannot be read.

    `begins_at` is when the oldest line was told that is kept; `cut` where there may have been elder ones.
    """

    lines: list[dict[str, Any]]
    problem: StorageFailed | None
    begins_at: str | None
    cut: bool


def read_log(registry: Registry, since_ms: int) -> Log:
    """Return what was told since that time. Raises StorageFailed."""
    path = _log_path(registry)
    lines, broken = read_journal(path)
    good = [line for line in lines if _is_told(line)]
    broken += len(lines) - len(good)
    wanted = [line for line in good if from_iso(line["at"]) >= since_ms]
    begins_at = good[0]["at"] if good else None
    # One that lost its elder half is not much shorter than that.
    cut = begins_at is not None and from_iso(begins_at) > since_ms and size_with(path, ()) > LOG_BYTES // 4
    return Log(wanted, unread_lines(path, broken) if broken else None, begins_at, cut)


def _is_told(line: Mapping[str, Any]) -> bool:
    """Tell whether a line of the log is as `_note` writes it."""
    names, muted = line.get("channels"), line.get("muted")
    texts = (line.get("kind"), line.get("status"), line.get("text"), *(names if isinstance(names, list) else [None]))
    return isinstance(muted, bool) and all(isinstance(text, str) for text in texts)


def _log_path(registry: Registry) -> Path:
    return registry.settings.data_dir / "state" / "notify.jsonl"


def tell(
    registry: Registry,
    urls: Mapping[str, str],
    store: Store,
    *,
    dry_run: bool = False,
    send: outbox.Send | None = None,
    wallets: Wallets | None = None,
    reader: Reader | None = None,
) -> Outcome:
    """Look, note what is new, and send what waits. With `dry_run` nothing is noted and nothing sent.

    Where machines share the ledger, wallets are the newest of all, and journals are left alone: each machine has its
    own, none has all.

    The ledger is written before anything is sent and after every message, so that nothing is lost and nothing comes
    twice. Raises StorageFailed or RedisFailed where the ledger cannot be kept.
    """
    outcome = Outcome()
    with nullcontext(True) if dry_run else store.lock() as ours:  # looking never writes
        if not ours:
            outcome.busy = True
            return outcome
        ledger = store.load()
        forget_unwatched(ledger, registry)
        at = now_ms()
        known = wallets if wallets is not None else _wallets(registry, store)
        before = {key: one["facts"] for key, one in ledger.active.items()}
        with nullcontext(reader) if reader is not None else open_reader(registry) as opened:
            picture = look(registry, opened, at, before, known)
        changed = toggles(registry, new_lines(registry, ledger), known) if store.redis is None else {}
        events = compare(picture, ledger, registry.watch, changed)
        outcome.muted = in_words([one for one in events if is_muted(ledger, one.key, at)], registry.watch.language)
        outcome.lines = in_words([one for one in events if not is_muted(ledger, one.key, at)], registry.watch.language)
        if dry_run:
            return outcome
        outbox.put(ledger, urls, outcome.lines, at)
        store.save(ledger)
        _note(registry, outcome, at, urls)
        outcome.quiet = outbox.is_quiet(registry.watch.quiet, registry.watch.timezone, at)
        if not outcome.quiet:
            outcome.failed, outcome.paused = outbox.deliver(
                ledger,
                urls,
                registry.watch.language,
                at,
                lambda: store.save(ledger),
                **({"send": send} if send else {}),
            )
    return outcome


def end_pauses(registry: Registry, names: list[str]) -> None:
    """Have channels that took a message tried again at the next look. Raises StorageFailed, RedisFailed."""
    with kept(registry.settings, away_is_own=True) as store:
        channels = store.load().channels
        if not any(channels.get(name, {}).get("next_try_ms") for name in names):
            return
        with store.lock() as ours:
            if ours:
                ledger = store.load()
                for name in names:
                    if name in ledger.channels:
                        ledger.channels[name] |= outbox.TAKEN
                store.save(ledger)


def _wallets(registry: Registry, store: Store) -> Wallets:
    return WalletFiles(registry).readable() if store.redis is None else shared_wallets(registry, store.redis, {})


def _note(registry: Registry, outcome: Outcome, at_ms: int, urls: Mapping[str, str]) -> None:
    told = [(line, False) for line in outcome.lines] + [(line, True) for line in outcome.muted]
    append_journal(
        _log_path(registry),
        [
            {
                "at": to_iso(at_ms),
                **{name: line[name] for name in ("kind", "status", "keys", "text")},
                "channels": [] if muted else sorted(urls),
                "muted": muted,
            }
            for line, muted in told
        ],
        most=LOG_BYTES,
    )
