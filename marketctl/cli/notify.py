"""marketctl notify: somebody is told when something happens. Long: five commands, each with its help and its table."""

import click

from marketctl.cli.globals import HELP, Command, Globals, Group, global_options, globals_of
from marketctl.cli.options import json_option
from marketctl.cli.output import Column, print_document, print_rows, sentence
from marketctl.cli.param_types import Since

EVENTS = (Column("kind", "name"), Column("status", "word"), Column("text"))
CHANNELS = (
    Column("channel", "name"),
    Column("to", "name"),
    Column("waiting", "number"),
    Column("last ok", "time"),
    Column("failures", "number", blank="0"),
    Column("next try", "time"),
    Column("error"),
)
TESTED = (Column("channel", "name"), Column("to", "name"), Column("status", "word"), Column("error"))
LOGGED = (
    Column("at", "time"),
    Column("kind", "name", rank=1),
    Column("status", "word", rank=2),
    Column("channels", rank=3),
    Column("text"),
)
MUTED = (Column("what", "name"), Column("until", "time"))


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Tell somebody when a network closes or opens, a price crosses a line, a provider fails.

    What is watched stands in [watch] of providers.toml, where it goes in [notify] of credentials.toml.

    \b
    Example:
      marketctl notify run --dry-run
      marketctl notify status
    """


@command.command(cls=Command, context_settings=HELP)
@click.argument("channels", nargs=-1, metavar="[CHANNEL]...")
@json_option
@global_options
def test(channels: tuple[str, ...], as_json: bool) -> int:
    """Send a test message to every channel, or to the named ones, and tell which took it.

    One that took it is tried again at the next look, however often it had failed.

    \b
    Example:
      marketctl notify test ops

    Exit codes: 0 all took it, 1 none did, 3 some did, 4 configuration.
    """
    from marketctl.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, ConfigError, RedisFailed, StorageFailed
    from marketctl.log import log
    from marketctl.notify.channels import open_channel, send, shown
    from marketctl.notify.words import INFO, WORDS
    from marketctl.notify.work import end_pauses
    from marketctl.redact import redact
    from marketctl.text import closest, printable

    given = globals_of()
    registry = given.registry()
    urls = channel_urls(given)
    for name in channels:
        if name not in urls:
            close = closest(name, urls)
            raise ConfigError(
                f"no channel {printable(name, 40)} in [notify] of {given.credentials_path()}",
                hint=f"marketctl notify test {close}" if close else "marketctl notify status",
            )
    say = WORDS[registry.watch.language]
    results, took = [], []
    for name in channels or urls:
        try:
            why = send(open_channel(name, urls[name]), "marketctl", say["test"], INFO)
        except ConfigError as error:
            why = sentence(error.message, error.hint)
        took += [] if why else [name]
        error_words = printable(redact(why)) if why else None
        told = {"channel": name, "to": shown(urls[name]), "status": "failed" if why else "ok", "error": error_words}
        results.append(told)
    if as_json:
        print_document(given, {"schema": 1, "command": "notify test", "results": results})
    elif not (given.quiet and all(one["status"] == "ok" for one in results)):
        print_rows(given, TESTED, [[one[column.key] for column in TESTED] for one in results])
    try:
        end_pauses(registry, took)
    except (StorageFailed, RedisFailed) as error:
        log.warning("%s", sentence(error.message, error.hint))
    failed = sum(one["status"] == "failed" for one in results)
    return EXIT_OK if not failed else EXIT_FAILED if failed == len(results) else EXIT_PARTIAL


@command.command(cls=Command, context_settings=HELP)
@click.option("--dry-run", is_flag=True, help="Show what would be told; note and send nothing.")
@json_option
@global_options
def run(dry_run: bool, as_json: bool) -> int:
    """Look at what was collected, tell what is new, changed or over, send what still waits.

    From cron after the jobs, or by itself after each cycle of `marketctl run --notify`. Each event is told once; a
    channel that is away gets what it missed when it is back. The first look tells how things stand.

    \b
    Example:
      marketctl notify run
      marketctl notify run --dry-run

    A channel that fails again and again is left alone for a minute, then two, up to an hour; one that takes a message
    ends that, that of `notify test` as well.

    Exit codes: 0 told, or nothing to tell, 1 no channel took it, 3 some did not, 4 configuration, 75 another run tells.
    """
    from marketctl.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.notify.ledger import kept
    from marketctl.notify.work import tell

    given = globals_of()
    registry = given.registry()
    urls = channel_urls(given, required=not dry_run)
    with kept(registry.settings, away_is_own=True) as store:
        outcome = tell(registry, urls, store, dry_run=dry_run)
    if outcome.busy:
        log.error("another run is telling")
        return EXIT_BUSY
    if as_json:
        document = {"schema": 1, "command": "notify run", "results": outcome.lines, "muted": outcome.muted}
        print_document(given, document | {"failed": outcome.failed | outcome.paused, "quiet": outcome.quiet})
    elif not given.quiet:
        print_rows(given, EVENTS, [[line[column.key] for column in EVENTS] for line in outcome.lines])
    for name, why in outcome.paused.items():
        log.error("notify %s: %s", name, why)
    waiting = len(outcome.failed) + len(outcome.paused)
    return EXIT_OK if not waiting else EXIT_FAILED if waiting == len(urls) else EXIT_PARTIAL


@command.command(cls=Command, context_settings=HELP)
@json_option
@global_options
def status(as_json: bool) -> int:
    """Show the channels, what waits for each, what is so now, and what is muted. No URL is shown.

    \b
    Example:
      marketctl notify status
    """
    from marketctl.log import log
    from marketctl.notify.channels import shown
    from marketctl.notify.ledger import kept
    from marketctl.notify.outbox import next_try_ms
    from marketctl.times import now_ms, to_iso

    given = globals_of()
    registry = given.registry()
    urls = channel_urls(given, required=False)
    with kept(registry.settings) as store:
        ledger = store.load()
    rows = []
    for name in dict.fromkeys([*urls, *ledger.outbox]):
        told = ledger.channels.get(name, {})
        rows.append(
            {
                "channel": name,
                "to": shown(urls[name]) if name in urls else None,
                "waiting": len(ledger.outbox.get(name, ())),
                "last_ok": told.get("last_ok"),
                "failures": told.get("failures", 0),
                "next_try": to_iso(next_try_ms(told, now_ms())),
                "error": told.get("last_error"),
            }
        )
    mutes = {what: to_iso(until) for what, until in ledger.mutes.items() if until is None or until > now_ms()}
    if as_json:
        told = {"schema": 1, "command": "notify status", "results": rows, "muted": mutes}
        active = [{"key": key, "since": to_iso(one["since_ms"])} for key, one in ledger.active.items()]
        print_document(given, told | {"active": active, "looked_at": to_iso(ledger.seen_ms)})
        return 0
    print_rows(given, CHANNELS, [[row[column.key] for column in CHANNELS] for row in rows])
    if not urls:
        log.warning("no channel yet: put one into [notify] of credentials.toml (marketctl credentials set notify)")
    looked = to_iso(ledger.seen_ms) or "never"
    log.warning("%d things are so now, %d muted; looked last: %s", len(ledger.active), len(mutes), looked)
    return 0


@command.command("log", cls=Command, context_settings=HELP)
@click.option(
    "--since", "since_ms", type=Since(), default="24h", show_default=True, metavar="WHEN", help="How far back."
)
@json_option
@global_options
def log_(since_ms: int, as_json: bool) -> int:
    """Show what was told, oldest first, also what was muted or waits; the newest 2 to 4 MB are kept.

    \b
    Example:
      marketctl notify log --since 7d

    Exit codes: 0 shown, 3 some of the log cannot be read, 4 configuration.
    """
    from marketctl.errors import EXIT_OK, EXIT_PARTIAL
    from marketctl.log import log
    from marketctl.notify.work import read_log
    from marketctl.times import to_iso

    given = globals_of()
    found = read_log(given.registry(), since_ms)
    if found.problem is not None:
        log.error("%s", found.problem.message)
    if found.cut:
        log.warning("asked since %s, but nothing is kept from before %s", to_iso(since_ms), found.begins_at)
    code = EXIT_OK if found.problem is None else EXIT_PARTIAL
    if as_json:
        document = {"schema": 1, "command": "notify log", "since": to_iso(since_ms), "begins_at": found.begins_at}
        print_document(given, document | {"results": found.lines})
        return code
    rows = []
    for line in found.lines:
        where = "muted" if line["muted"] else ", ".join(line["channels"])
        rows.append((line["at"], line["kind"], line["status"], where, line["text"]))
    print_rows(given, LOGGED, rows)
    if not rows:
        log.warning("nothing%s was told since %s", " else" if found.problem else "", to_iso(since_ms))
    return code


@command.command(cls=Command, context_settings=HELP)
@click.argument("what", required=False)
@click.option(
    "--for", "span", default="24h", show_default=True, metavar="SPAN", help='How long: 30min, 6h, 7d, "ever".'
)
@click.option("--off", is_flag=True, help="Take the mute back.")
@json_option
@global_options
def mute(what: str | None, span: str, off: bool, as_json: bool) -> int:
    """Say nothing of an asset, network, pair, provider or kind for a while; without one show what is muted.

    When a mute ends, the next look tells how that stands which changed meanwhile.

    WHAT is a word such as USDT, tron, KUCOIN or gap, "all", or a pattern of a key: "door USDT *".

    \b
    Example:
      marketctl notify mute tron --for 6h
      marketctl notify mute tron --off
    """
    from contextlib import nullcontext
    from shlex import join

    from marketctl.errors import Busy
    from marketctl.log import notice
    from marketctl.notify.ledger import kept
    from marketctl.notify.rules import is_muted
    from marketctl.notify.scope import unknown_word
    from marketctl.text import closest, printable
    from marketctl.times import now_ms, to_iso

    given = globals_of()
    until = None if span == "ever" else now_ms() + _span_ms(span)
    looked = what is None  # and looking never writes
    if what is not None:
        what = " ".join(what.split())
    if looked and off:
        raise click.UsageError("--off needs WHAT: marketctl notify mute shows what is muted.")
    registry = given.registry()
    with kept(registry.settings) as store, nullcontext(True) if looked else store.lock() as ours:
        if not ours:
            again = ["marketctl", "notify", "mute", printable(what, 60), *(["--off"] if off else ["--for", span])]
            raise Busy("another run is telling", hint=join(again))
        ledger = store.load()
        now = now_ms()
        ledger.mutes = {key: at for key, at in ledger.mutes.items() if at is None or at > now}
        if what is not None and off:
            named = [key for key in ledger.mutes if key.casefold() == what.casefold()]
            for key in named:
                del ledger.mutes[key]
            if not named and not given.quiet:
                close = closest(what.casefold(), ledger.mutes)
                notice(f"{printable(what, 60)} is not muted{f'; did you mean {close}?' if close else ''}")
        elif what is not None:
            ledger.mutes[what] = until
            told = unknown_word(registry, ledger, what)
            if told and not given.quiet:
                notice(told)
        if what is not None:
            store.save(ledger)
    results = [{"what": key, "until": to_iso(at)} for key, at in ledger.mutes.items()]
    if as_json:
        print_document(given, {"schema": 1, "command": "notify mute", "results": results})
    elif not given.quiet:
        print_rows(given, MUTED, [(one["what"], one["until"] or "ever") for one in results])
        if looked and not results:
            notice("nothing is muted")
        waiting = sum(not is_muted(ledger, key, now) for key in ledger.unsaid)
        if waiting:
            notice(f"changed under the mute: {waiting}; the next look tells. Next: marketctl notify run.")
    return 0


def _span_ms(text: str) -> int:
    from marketctl.times import END_MS, now_ms, span_s

    found = span_s(text)
    if not found or found * 1000 >= END_MS - now_ms():
        raise click.UsageError(f'--for {text}: no time span, expected one such as 30min, 6h, 7d, or "ever".')
    return found * 1000


def channel_urls(given: Globals, *, required: bool = True) -> dict[str, str]:
    """Return channel → URL, hidden from now on whatever is printed. Raises ConfigError without one."""
    from marketctl.errors import ConfigError
    from marketctl.notify.channels import TABLE, protect_urls

    urls = given.keys().notify()
    protect_urls(urls)
    if required and not urls:
        raise ConfigError(
            f"there is no channel in [{TABLE}] of {given.credentials_path()}", hint="marketctl credentials set notify"
        )
    return urls
