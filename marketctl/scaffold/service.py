"""Write what a machine needs to run marketctl by itself: units of systemd, lines of cron, with its own paths."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from marketctl.config.registry import Registry

# What `ProtectHome=yes` hides from a unit.
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
STATE = Path("/var/lib")
HARDENED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
{writable}\
{home}
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies={families}
"""
# "strict" leaves nothing but the state directory writable.
TMP = """\
# "strict" makes /tmp read-only; rate limits are shared there with whatever else this user runs, in /tmp/marketctl-UID.
"""
ONLINE = "Wants=network-online.target\nAfter=network-online.target\n"
RESTARTS = "# Exit 4 is a wrong configuration: trying again does not mend it.\nRestartPreventExitStatus=4\n"
ONESHOT = """\
# 3: some failed, the rest is done. 75: another run is at work.
SuccessExitStatus=3 75
TimeoutStartSec=600
"""
TEMPORARY = "/tmp"  # noqa: S108 - of the unit; see above
HOUR_S = 3600
HOURLY = "*:07\nRandomizedDelaySec=30"
INSTALL = "\n[Install]\nWantedBy={target}\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where this machine has everything, absolute; `more` are global options that a run needs besides --config.

    `written` are folders beside `data` that runs write to, `read` places that they read, such as the interpreter's.
    """

    program: tuple[str, ...]
    celery: str
    config: Path
    user: str
    data: Path
    embedded: bool
    more: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()
    read: tuple[Path, ...] = ()

    def metrics(self, name: str) -> str:
        """Return where the figures of a unit or line go."""
        return str(self.data / "metrics" / f"{name}.prom")


@dataclass(frozen=True, slots=True)
class Round:
    """One line of cron, one timer: which jobs of which providers (none: all), at which minutes of each hour."""

    name: str
    what: str
    words: tuple[str, ...]
    minutes: str
    calendar: str


def rounds(registry: Registry) -> list[Round]:
    """Return what is to run how often by the registry: no job of a provider twice, as each has a file of figures."""
    found = [Round("prices", "prices", ("--task", "prices"), "*", "minutely\nAccuracySec=1s")]
    eager = [entry for entry in registry.enabled() if entry.wallet_interval_s < HOUR_S]
    lazy = tuple(entry.name for entry in registry.enabled() if entry not in eager)
    if not eager:
        return [
            *found,
            Round("hourly", "wallets and stats", ("--task", "wallet-assets", "--task", "stats"), "7", HOURLY),
        ]
    step = _step(min(entry.wallet_interval_s for entry in eager) / 60)
    names = tuple(entry.name for entry in eager) if lazy else ()
    when = ("*", "*:*:20\nAccuracySec=1s") if step == 1 else (f"*/{step}", f"*:0/{step}:20\nAccuracySec=1s")
    found.append(Round("wallets", "wallets", ("--task", "wallet-assets", *names), *when))
    if lazy:
        rest = ("--task", "wallet-assets", *lazy)
        found.append(Round("currencies", "wallets that change seldom", rest, "12", HOURLY.replace("07", "12")))
    return [*found, Round("hourly", "stats", ("--task", "stats"), "7", HOURLY)]


def cron_lines(place: Place, todo: list[Round], *, rates: bool = False, notify: bool = False) -> str:
    """Return lines for the user's own crontab; `rates` and `notify` follow the prices."""
    lines = []
    for one in todo:
        words = _once(place, one)
        if one.name == "prices":
            words += ["--rates"] * rates + ["--notify"] * notify
        lines.append((f"{one.minutes} * * * *", words))
    check = ["check", "--format", "prometheus", "-o", place.metrics("check")]
    lines.append(("37 * * * *", check))
    if rates:
        # An export that nobody builds any more is emptied.
        lines.append(("* * * * *", ["rates", "check", "--empty", "-q"]))
    width = max(len(when) for when, _ in lines) + 1
    shown = [f"{when:<{width}} {_cron_words(place, words)}" for when, words in lines]
    return "\n".join([f"# For the crontab of {place.user}: crontab -u {place.user} -e", *shown]) + "\n"


def units(
    place: Place, todo: list[Round], *, timers: bool = False, workers: bool = False, more: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the units by name: the repeating mode, or with `timers` one for each round, with `workers` Celery's.

    `more` are options of `run` that follow the prices: --rates, --notify.
    """
    found: dict[str, str] = {}
    if workers:
        found["marketctl-worker.service"] = _worker(place)
        found["marketctl-beat.service"] = _beat(place)
    elif timers:
        if place.embedded:
            found["marketctl-redis.service"] = _redis(place, todo)
        for one in todo:
            found[f"marketctl-{one.name}.service"] = _round(place, one, more if one.name == "prices" else ())
            found[f"marketctl-{one.name}.timer"] = _timer(one)
    else:
        found["marketctl.service"] = _repeating(place, more)
    found["marketctl-check.service"] = _check(place)
    found["marketctl-check.timer"] = CHECK_TIMER
    found["marketctl-board.service"] = _board(place)
    return found


def _repeating(place: Place, more: tuple[str, ...]) -> str:
    words = ["run", "-q", "--jobs", "4", "--metrics", place.metrics("run"), *more]
    return (
        "# The repeating mode: each job at its interval, until systemctl stop.\n"
        f"[Unit]\nDescription=marketctl: wallets, prices and stats of all providers\n{ONLINE}\n"
        f"[Service]\nUser={place.user}\nExecStart={_exec(place, words)}\n"
        f"Restart=on-failure\nRestartSec=10\n{RESTARTS}SuccessExitStatus=143\nTimeoutStopSec=90\n\n"
        + _hardening(place)
        + INSTALL.format(target="multi-user.target")
    )


def _round(place: Place, one: Round, more: tuple[str, ...]) -> str:
    return (
        f"# The {one.what} once, started by marketctl-{one.name}.timer; in place of marketctl.service.\n"
        f"[Unit]\nDescription=marketctl: {one.what}\n{ONLINE}\n"
        f"[Service]\nType=oneshot\nUser={place.user}\nExecStart={_exec(place, [*_once(place, one), *more])}\n"
        f"{ONESHOT}\n" + _hardening(place)
    )


def _timer(one: Round) -> str:
    often = {"*": "every minute"}.get(one.minutes, f"every {one.minutes.removeprefix('*/')} minutes")
    often = "every hour" if one.minutes.isdigit() else often
    note = " They cost a credit of a rate source's plan: no oftener." if "stats" in one.what else ""
    return (
        f"# The {one.what} {often}.{note}\n[Unit]\nDescription=marketctl: {one.what} {often}\n\n"
        f"[Timer]\nOnCalendar={one.calendar}\n{INSTALL.format(target='timers.target')}"
    )


def _redis(place: Place, todo: list[Round]) -> str:
    before = " ".join([*(f"marketctl-{one.name}.service" for one in todo), "marketctl-check.service"])
    return (
        "# The embedded Redis, for the timers: a server that a oneshot unit starts would end with it.\n"
        f"[Unit]\nDescription=marketctl: the embedded Redis\nBefore={before}\n\n"
        f"[Service]\nType=forking\nUser={place.user}\n"
        f"ExecStart={_exec(place, ['redis', 'start', '-q'])}\n"
        # Also when a run was first and has one of its own, until that one is gone.
        f"Restart=always\nRestartSec=10\n{RESTARTS}"
        "# SIGTERM, with which systemd stops it, saves it.\nTimeoutStopSec=90\n\n"
        + _hardening(place, metrics=False, families="AF_UNIX")
        + INSTALL.format(target="multi-user.target")
    )


def _check(place: Place) -> str:
    words = ["check", "--format", "prometheus", "-o", place.metrics("check")]
    return (
        "# The health of all providers for Prometheus, started by marketctl-check.timer.\n"
        f"[Unit]\nDescription=marketctl: check of all providers\n{ONLINE}\n"
        f"[Service]\nType=oneshot\nUser={place.user}\nExecStart={_exec(place, words)}\n"
        "# 1: a provider is not healthy, which the file tells.\nSuccessExitStatus=1\nTimeoutStartSec=120\n\n"
        + _hardening(place)
    )


def _board(place: Place) -> str:
    return (
        "# The market board on http://127.0.0.1:8080/, beside any of the others; elsewhere: ExecStart with --bind.\n"
        "[Unit]\nDescription=marketctl: the market board\nAfter=marketctl.service marketctl-redis.service\n\n"
        f"[Service]\nUser={place.user}\nExecStart={_exec(place, ['board'])}\n"
        f"Restart=on-failure\nRestartSec=10\n{RESTARTS}SuccessExitStatus=143\n\n"
        + _hardening(place, writes=False)
        + INSTALL.format(target="multi-user.target")
    )


CHECK_TIMER = (
    "# A check every hour: it asks all endpoints, and costs a credit or two of a rate source's plan.\n"
    "[Unit]\nDescription=marketctl: a check of all providers every hour\n\n"
    "[Timer]\nOnCalendar=*:37\nRandomizedDelaySec=30\n" + INSTALL.format(target="timers.target")
)


def _worker(place: Place) -> str:
    words = "worker -l WARNING --without-gossip --without-mingle -P prefork -c 8"
    return _celery(place, "A Celery worker: on each machine.", words, "KillMode=mixed\nTimeoutStopSec=90\n")


def _beat(place: Place) -> str:
    title = "Celery beat: on one machine; on a second one as well if the first may fail."
    return _celery(place, title, "beat -l WARNING --pidfile=", "")


def _celery(place: Place, title: str, words: str, end: str) -> str:
    name = words.split()[0]
    environment = {"MARKETCTL_CONFIG": str(place.config)} | {
        f"MARKETCTL_{option.removeprefix('--').replace('-', '_').upper()}": value
        for option, value in zip(place.more[::2], place.more[1::2], strict=True)
    }
    lines = "".join(f"Environment={_word(f'{key}={value}', '$')}\n" for key, value in environment.items())
    return (
        f"# {title}\n[Unit]\nDescription=marketctl: {name}\n{ONLINE}\n"
        f"[Service]\nUser={place.user}\n{lines}WorkingDirectory={_escaped(str(place.data))}\n"
        f"ExecStart={_word(place.celery)} -A marketctl.celery_app {words}\n"
        f"Restart=always\nRestartSec=5\n{RESTARTS}{end}\n"
        + _hardening(place, metrics=False)
        + INSTALL.format(target="multi-user.target")
    )


def _hardening(
    place: Place, *, metrics: bool = True, families: str = "AF_INET AF_INET6 AF_UNIX", writes: bool = True
) -> str:
    """Return the lines that let a unit write its data and nothing else; systemd makes what lies in /var/lib."""
    state, lines = "", "PrivateTmp=yes\n"
    if writes:
        state, folders = _state(place, metrics=metrics)
        online = families != "AF_UNIX"
        paths = " ".join([*([TEMPORARY] if online else []), *(_word(str(path), "$") for path in folders)])
        lines = (TMP if online else "") + (f"ReadWritePaths={paths}\n" if paths else "")
    touched = [place.config, place.data, *place.written, *place.read]
    at_home = any(path.is_relative_to(home) for path in touched for home in HOMES)
    home = '# Not "yes": what it runs or reads is there.\nProtectHome=read-only' if at_home else "ProtectHome=yes"
    return f"{state}UMask=0022\n" + HARDENED.format(writable=lines, home=home, families=families)


def _state(place: Place, *, metrics: bool) -> tuple[str, list[Path]]:
    """Return the lines for a folder that systemd makes, and the folders beside it that may be written."""
    state, writable = "", []
    if place.data.is_relative_to(STATE) and place.data != STATE and " " not in str(place.data):
        folder = _escaped(str(place.data.relative_to(STATE)))
        state = f"StateDirectory={folder}{f' {folder}/metrics' if metrics else ''}\nStateDirectoryMode=0755\n"
    else:
        writable.append(place.data)
    writable += [folder for folder in place.written if not folder.is_relative_to(place.data)]
    return state, list(dict.fromkeys(writable))


def _once(place: Place, one: Round) -> list[str]:
    return ["run", "--once", *one.words, "-q", "--jobs", "4", "--metrics", place.metrics(one.name)]


def _command(place: Place, words: list[str]) -> list[str]:
    return [*place.program, "--config", str(place.config), *place.more, *words]


def _exec(place: Place, words: list[str]) -> str:
    return " ".join(_word(word) for word in _command(place, words))


def _cron_words(place: Place, words: list[str]) -> str:
    """Return a command as the shell of cron reads it; to cron itself a bare % is the end of the line."""
    return shlex.join(_command(place, words)).replace("%", r"\%")


def _step(minutes: float) -> int:
    """Return the longest step not above this by which an hour is divided evenly."""
    return max(step for step in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30) if step <= max(1, minutes))


def _word(text: str, dollar: str = "$$") -> str:
    """Return a word as systemd reads it on a command line; elsewhere it knows no variables (`dollar` "$")."""
    plain = _escaped(text).replace("$", dollar)
    if re.fullmatch(r"[\w@%+=:,./$-]+", plain, re.ASCII):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """Return a text whose percent signs are none of systemd's specifiers."""
    return text.replace("%", "%%")
