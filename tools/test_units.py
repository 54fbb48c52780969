"""Run the shipped units by a real systemd. Long: one machine, each case of it by name.

Fill its disk, cut its power: the work is done, what was promised is kept.

Usage: ENVIRONMENT/bin/python tools/test_units.py [CASE...]

The units are those of docs/systemd, on a machine of their own (tools/machine.py) with the sandbox as provider. Where no
such machine is to be had it says why and ends with 0. Four minutes, eight the first time.
"""

import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from machine import Machine, NotToBeHad, require

UNITS = Path(__file__).parent.parent / "docs" / "systemd"
MARKETCTL = "/opt/marketctl/bin/marketctl --config /etc/marketctl/providers.toml"
DATA = "/var/lib/marketctl"
SOCKET = f"{DATA}/redis/redis.sock"
PROVIDERS = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN", "RAPIRA", "TWELVEDATA", "OPENEXCHANGERATES")
SANDBOX = """[Service]
ExecStart=/opt/marketctl/bin/marketctl sandbox --port 9000 --dir /var/lib/sandbox
[Install]
WantedBy=multi-user.target
"""
# The registry that `init` writes, with the guide's data_dir, and the sandbox in place of the providers.
SET_UP = f"""
set -e
useradd --system --home-dir {DATA} --shell /usr/sbin/nologin marketctl
install -d -o marketctl -g marketctl /etc/marketctl {DATA} {DATA}/metrics
cd /etc/marketctl
runuser -u marketctl -- /opt/marketctl/bin/marketctl init -q
systemctl disable -q --now redis-server
systemctl daemon-reload
systemctl enable -q --now sandbox
until test -s /var/lib/sandbox/credentials.toml; do sleep 0.2; done
sleep 1
/opt/marketctl/bin/python - <<'END'
import pathlib, tomllib
path = pathlib.Path("/etc/marketctl/providers.toml")
text = path.read_text().replace('data_dir = "data" ', 'data_dir = "{DATA}" ')
for name, entry in tomllib.loads(pathlib.Path("/var/lib/sandbox/providers.toml").read_text())["providers"].items():
    text = text.replace(f"[providers.{{name}}]\\n", f'[providers.{{name}}]\\nbase_url = "{{entry["base_url"]}}"\\n')
path.write_text(text)
END
cat /var/lib/sandbox/credentials.toml > credentials.toml
"""


def wait(what: str, ready: Callable[[], bool], limit_s: float = 60) -> float:
    """Wait until something is so; return after how many seconds, or raise AssertionError with its name."""
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < limit_s, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - began


class Desk:
    """The machine as the guide leaves it, and what the cases ask it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run = machine.run

    def set_up(self) -> None:
        """Follow the guide: user, folders, registry, units."""
        for unit in sorted(UNITS.iterdir()):
            self._put(f"/etc/systemd/system/{unit.name}", unit.read_text())
        self._put("/etc/systemd/system/sandbox.service", SANDBOX)
        self.run(SET_UP)

    def _put(self, path: str, text: str) -> None:
        self.run(f"cat > {path} <<'END-OF-FILE'\n{text}END-OF-FILE")

    def ctl(self, words: str, *, check: bool = True) -> str:
        """Return what marketctl prints, as its user."""
        return self.run(f"{MARKETCTL} {words}", user="marketctl", check=check).stdout

    def python(self, code: str, where: str = f"unix_socket_path='{SOCKET}'") -> str:
        """Return what a piece of Python prints, with `r` a Redis; "" when nobody answers."""
        begin = f"import redis; r = redis.Redis({where}, decode_responses=True)"
        return self.run(f'/opt/marketctl/bin/python -c "{begin}\n{code}"', user="marketctl", check=False).stdout.strip()

    def quoted(self, **where: str) -> bool:
        """Tell whether a program gets the live set of each provider."""
        code = f"print(sum(r.hlen('marketctl:{{%s}}:l1' % name) > 5 for name in {PROVIDERS}))"
        return self.python(code, **where) == str(len(PROVIDERS))

    def done(self) -> dict[str, set[str]]:
        """Return by job which providers have a snapshot."""
        found = self.run(f"cd {DATA}; ls wallet/*.json prices/*.json stats/*.json", check=False).stdout.split()
        jobs: dict[str, set[str]] = {"wallet": set(), "prices": set(), "stats": set()}
        for path in found:
            job, _, name = path.partition("/")
            jobs[job].add(name.removesuffix(".json"))
        return jobs

    def show(self, unit: str, *names: str) -> tuple[str, ...]:
        """Return properties of a unit."""
        lines = self.run(f"systemctl show {unit} {' '.join(f'-p {name}' for name in names)}").stdout.splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return tuple(values[name] for name in names)

    def history(self) -> int:
        """Return how many entries all streams of history have."""
        return int(self.python("print(sum(r.xlen(key) for key in r.scan_iter('marketctl:*:h:*', count=1000)))") or 0)

    def journal(self, unit: str) -> list[str]:
        """Return what a unit said."""
        return self.run(f"journalctl -q -o cat -u {unit} _SYSTEMD_UNIT={unit}", check=False).stdout.splitlines()

    def quiet(self) -> None:
        """Stop everything of ours, and forget that it ever failed."""
        self.run("systemctl stop 'marketctl*.timer' 'marketctl*.service' redis-server")
        self.run("systemctl disable -q $(cd /etc/systemd/system; ls marketctl*.timer marketctl*.service); true")
        self.run("systemctl reset-failed")

    def collected(self) -> float:
        """Return when the oldest price file of an exchange was collected."""
        code = (
            "import json, datetime\n"
            f"files = [json.load(open(f'{DATA}/prices/{{one}}.json')) for one in {PROVIDERS[:6]}]\n"
            "print(min(datetime.datetime.fromisoformat(one['collected_at']).timestamp() for one in files))"
        )
        return float(self.python(code) or 0)

    def published(self) -> float:
        """Return when the oldest live set of an exchange was collected."""
        code = f"print(min(int(r.hget('marketctl:{{%s}}:l1:meta' % one, 'collected_ms')) for one in {PROVIDERS[:6]}))"
        return int(self.python(code) or 0) / 1000

    def whole(self) -> int:
        """Read every file as a program would; return how many there are."""
        code = (
            f"import glob, json\nfiles = glob.glob('{DATA}/*/*.json') + glob.glob('{DATA}/*/*.jsonl')\n"
            "for path in files:\n    text = open(path).read()\n"
            "    [json.loads(one) for one in (text.splitlines() if path.endswith('l') else [text])]\nprint(len(files))"
        )
        return int(self.python(code))


ALL = {"wallet": set(PROVIDERS), "prices": set(PROVIDERS), "stats": set(PROVIDERS)}


def repeating(desk: Desk) -> str:
    """marketctl.service: all jobs, a quote for who asks, history over a stop and a start."""
    desk.run("systemctl enable -q --now marketctl.service")
    took = wait("all 24 jobs are done", lambda: desk.done() == ALL and desk.quoted())
    wait("figures are written", lambda: desk.run(f"test -s {DATA}/metrics/run.prom", check=False).returncode == 0)
    wait("history grows", lambda: desk.history() > 500, 90)
    before = desk.history()
    desk.run("systemctl stop marketctl.service")
    assert desk.show("marketctl.service", "Result", "ExecMainStatus") == ("success", "143")
    assert desk.run("pgrep -u marketctl", check=False).stdout == "", "something of it goes on"
    desk.run("systemctl start marketctl.service")
    wait("quotes are there again", desk.quoted)
    after = desk.history()
    assert after >= before, f"history: {before} entries before the stop, {after} after it"
    assert desk.journal("marketctl.service") == [], "a run on good providers says nothing"
    return f"24 jobs in {took:.0f} s; history {before} -> {after} entries over stop and start"


def check(desk: Desk) -> str:
    """marketctl-check.service: its figures, beside the repeating mode."""
    desk.run("systemctl start marketctl-check.service")
    text = desk.run(f"cat {DATA}/metrics/check.prom").stdout
    healthy = set(re.findall(r'^marketctl_healthy{provider="(\w+)"} 1$', text, flags=re.MULTILINE))
    assert healthy == set(PROVIDERS), f"healthy: {healthy}"
    return "8 of 8 healthy"


def board(desk: Desk) -> str:
    """marketctl-board.service: the page, live while prices go on; it changes nothing."""
    page = "import urllib.request; print(len(urllib.request.urlopen('http://127.0.0.1:8080/', timeout=20).read()))"
    desk.run("systemctl enable -q --now marketctl.service marketctl-board.service")
    get = f'/opt/marketctl/bin/python -c "{page}"'
    wait("the page is served", lambda: desk.run(get, check=False).returncode == 0)
    size = int(desk.run(get).stdout)
    events = (
        "from urllib.request import urlopen\n"
        "ask = lambda since: urlopen('http://127.0.0.1:8080/events?since=' + since)\n"
        "state = [line[4:].strip().decode() for line in ask('') if line.startswith(b'id: ')][0]\n"
        "print(next(n for n, line in enumerate(ask(state)) if line == b'event: changes\\n'))"
    )
    desk.run(f'timeout 60 /opt/marketctl/bin/python -c "{events}"')
    desk.run("systemctl stop marketctl-board.service")
    assert desk.show("marketctl-board.service", "Result") == ("success",)
    assert desk.quoted(), "the board took the server with it"
    return f"page of {size:,} bytes, changes follow"


def timers(desk: Desk) -> str:
    """The timers and marketctl-redis.service: all jobs; the server is there between runs, and back after a kill -9."""
    desk.quiet()
    desk.run(f"rm -rf {DATA}/wallet {DATA}/prices {DATA}/stats")
    names = ("prices", "wallets", "currencies", "hourly")
    desk.run(
        f"systemctl enable -q --now marketctl-redis.service {' '.join(f'marketctl-{name}.timer' for name in names)}"
    )
    took = wait("prices.timer fired", lambda: desk.done()["prices"] == set(PROVIDERS), 90)
    for name in names[1:]:
        desk.run(f"systemctl start marketctl-{name}.service")
        assert desk.show(f"marketctl-{name}.service", "Result") == ("success",), name
    assert desk.done() == ALL
    assert desk.show("marketctl-redis.service", "ActiveState", "SubState") == ("active", "running")
    assert desk.quoted(), "nobody answers between runs"
    desk.run("kill -9 $(systemctl show -P MainPID marketctl-redis.service)")
    back = wait("the killed server is back", desk.quoted, 90)
    desk.run("systemctl stop marketctl-prices.timer; systemctl start marketctl-prices.service")
    assert desk.quoted(), "it went with the run"
    return f"prices.timer after {took:.0f} s; server answers {back:.0f} s after kill -9"


def workers(desk: Desk) -> str:
    """marketctl-worker and -beat with Debian's Redis, and that one's own unit."""
    desk.quiet()
    path, own = "/etc/marketctl/providers.toml", "redis://127.0.0.1:6379"
    desk.run(f'cp {path} /root/; sed -i \'s|^redis_url = "embedded"|redis_url = "{own}"|\' {path}; grep {own} {path}')
    desk.run("systemctl start redis-server marketctl-worker.service marketctl-beat.service")

    took = wait("the workers publish", lambda: desk.quoted(where="port=6379"), 120)
    desk.run("systemctl stop marketctl-beat.service marketctl-worker.service")
    for unit in ("worker", "beat"):
        assert desk.show(f"marketctl-{unit}.service", "Result") == ("success",), unit
    desk.run(f"systemctl stop redis-server; cat /root/providers.toml > {path}")
    return f"8 providers published {took:.0f} s after the start"


def reboot(desk: Desk) -> str:
    """Power is cut and comes back: everything starts by itself, what was saved is there, no file is broken."""
    desk.quiet()
    desk.run("systemctl enable -q --now marketctl-redis.service marketctl-prices.timer marketctl-board.service")
    desk.run("systemctl start marketctl-prices.service marketctl-wallets.service")
    saved = desk.history()
    assert desk.python("print(r.save())") == "True"
    desk.run("systemctl start marketctl-prices.service")
    files = desk.whole()
    desk.machine.power_off()
    desk.machine.boot()
    wait("the server is there by itself", lambda: desk.python("print(r.ping())") == "True")
    kept = desk.history()
    assert kept >= saved, f"history: {saved} entries saved, {kept} after the cut"
    began = time.time()
    took = wait("fresh quotes by the timer", lambda: desk.collected() > began and desk.quoted(), 120)
    assert desk.whole() >= files
    return f"{saved} saved entries of history, {kept} after the cut; new quotes {took:.0f} s after the boot"


def full_disk(desk: Desk) -> str:
    """No room under data_dir and the embedded server: quotes go on in Redis, files stay whole."""
    desk.quiet()
    desk.run(f"mount -t tmpfs -o size=16m,mode=755,uid=$(id -u marketctl),gid=$(id -g marketctl) tmpfs {DATA}")
    desk.run("systemctl start marketctl.service")
    wait("all jobs are done", lambda: desk.done() == ALL and desk.quoted())
    assert desk.python("print(r.save())") == "True"
    desk.run(f"cat /dev/zero > {DATA}/filler; test $(df --output=avail {DATA} | tail -1) = 0", check=False)
    full = time.time()
    wait("Redis has newer quotes than the files", lambda: desk.published() > full + 15, 60)
    files = desk.whole()
    desk.python("r.bgsave()")
    wait("the failed save is told", lambda: "FAILED" in desk.ctl("redis status", check=False), 30)
    warned = desk.ctl("check KUCOIN")
    said = desk.journal("marketctl.service")
    assert desk.show("marketctl.service", "ActiveState", "NRestarts") == ("active", "0")
    desk.run(f"rm {DATA}/filler")
    room = time.time()
    took = wait("files are new again", lambda: desk.collected() > room and desk.whole() >= files, 60)
    assert desk.python("print(r.save())") == "True"
    assert desk.run(f"find {DATA} -name '*.tmp*' -o -name 'temp-*'").stdout == ""
    assert "cannot save itself" in warned
    assert all("No space left on device" in line for line in said), said
    desk.run(f"systemctl stop marketctl.service; umount {DATA}")
    return f"{files} files whole, {len(said)} lines said while full; files new {took:.0f} s after there was room"


CASES = {case.__name__: case for case in (repeating, check, board, timers, workers, reboot, full_disk)}


def main(names: list[str]) -> int:
    """Run the cases, print a table; 0 when all of them passed or no machine is to be had."""
    try:
        require()
        with Machine() as machine:
            machine.prepare()
            machine.boot()
            desk = Desk(machine)
            desk.set_up()
            print(desk.run("systemctl --version | head -1; /opt/marketctl/bin/python -V; uname -r").stdout.strip())
            return run_cases(desk, names)
    except NotToBeHad as why:
        print(f"the units were not run: {why}")
        return 0


def run_cases(desk: Desk, names: list[str]) -> int:
    """Run them one after another on one machine; return how many failed."""
    failed = 0
    for name in names or CASES:
        began = time.monotonic()
        try:
            told = CASES[name](desk)
        except AssertionError:
            failed += 1
            said = desk.run("journalctl -q -n 40 -u 'marketctl*'", check=False).stdout
            told = f"FAILED: {traceback.format_exc()}{said}"
        print(f"{name:<10} {time.monotonic() - began:4.0f} s  {told}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
