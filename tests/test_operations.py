"""What the guides for operators say is true. Long: commands, units, figures and rights of the same pages.

Commands parse, units verify, names exist, rights suffice.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from marketctl.check.health import Check, Health
from marketctl.cli import invoke, root
from marketctl.models import Quota
from marketctl.monitoring.prometheus import prometheus_text
from marketctl.monitoring.run_metrics import families
from marketctl.redis.connection import RedisConnection
from marketctl.redis.program import find_server
from marketctl.sandbox.setup import write_setup

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
UNITS = sorted((DOCS / "systemd").iterdir())
GUIDES = (DOCS / "operations.md", DOCS / "operations.ru.md")
PAGES = [
    *GUIDES,
    *(DOCS / f"{name}.md" for name in ("monitoring/README", "scripting", "questions", "troubleshooting", "registry")),
    *(ROOT.glob("README*.md")),
]


def blocks(page: Path) -> list[str]:
    """Return the fenced blocks of a page."""
    return re.findall(r"^```[a-z]*\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def spans(page: Path) -> list[str]:
    """Return what stands between backticks in the text of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


# Commands -----------------------------------------------------------------------------------------


def command_lines(text: str) -> list[list[str]]:
    """Return the arguments of every marketctl of a text."""
    found = []
    for line in text.splitlines():
        for part in re.split(r"\s#\s|&&|\|\||[|;]", line):
            words = re.sub(r"^\$ |\s+[0-9]?>.*$", "", part.strip()).split()
            # A package, a user of that name and a path that ends with it are no commands.
            places = [
                n for n, word in enumerate(words) if word.endswith("/bin/marketctl") or (n, word) == (0, "marketctl")
            ]
            if places:
                found.append(shlex.split(" ".join(words[places[0] + 1 :])))
    return found


def kept_apart(context: click.Context) -> list[str]:
    """Return the name of a group's command: click keeps it apart, under another name before 8.2."""
    return next(held for name in ("_protected_args", "protected_args") if (held := vars(context).get(name)) is not None)


def parse(args: list[str]) -> None:
    """Have the real command line read the arguments. Raises click.UsageError."""
    context = root.make_context("marketctl", list(args))
    while isinstance(context.command, click.Group) and (rest := [*kept_apart(context), *context.args]):
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(
    "page", [*PAGES, *[unit for unit in UNITS if "/bin/marketctl " in unit.read_text()]], ids=lambda p: p.name
)
def test_every_command_line_is_read_by_the_real_command_line(page):
    if page.suffix == ".service":
        lines = command_lines("\n".join(re.findall("^ExecStart=(.*)$", page.read_text(), flags=re.MULTILINE)))
        assert len(lines) == 1
    else:
        lines = command_lines("\n".join(blocks(page)))
        lines += command_lines("\n".join(span for span in spans(page) if span.startswith("marketctl ")))
    assert lines
    for args in lines:
        try:
            parse(args)
        except click.UsageError as error:
            pytest.fail(f"{page.name}: marketctl {shlex.join(args)}: {error.format_message()}")


@pytest.mark.parametrize("wrong", ["run --onec", "rnu --once", "run --task extra", "check --format nagois"])
def test_wrong_command_line_would_be_noticed(wrong):
    ((*args,),) = command_lines(f"* * * * *  /opt/marketctl/bin/marketctl {wrong} 2>&1 | logger")
    with pytest.raises(click.UsageError):
        parse(args)


def test_old_commands_of_the_table_are_those_of_the_old_system():
    old = [span for span in spans(GUIDES[0]) if span.startswith("python3 -m app_market")]
    assert [re.search(r"--task (\S+)", one)[1] for one in old] == ["all", "wallet-assets", "prices", "stats"]


# systemd ------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (apt-get install systemd)")
@pytest.mark.skipif(
    os.geteuid() != 0 and not Path("/run/systemd/system").is_dir(), reason="systemd-analyze wants a systemd or root"
)
def test_units_are_verified_by_systemd(tmp_path):
    binary = tmp_path / "marketctl"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    for unit in UNITS:
        text = re.sub(r"/opt/marketctl/bin/\w+", str(binary), unit.read_text())
        (tmp_path / unit.name).write_text(text)
    # What other units of this machine lack is not ours: only lines about ours count.
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if "marketctl" in line] == []
    assert done.returncode == 0


def test_units_name_each_other_and_the_guide_names_them_all():
    names = {unit.name for unit in UNITS}
    for unit in UNITS:
        assert unit.suffix == ".service" or unit.with_suffix(".service").name in names
    text = "\n".join(blocks(GUIDES[0]))
    assert {name for name in names if name.endswith(".timer") and name not in text} == set()
    assert "marketctl.service" in text


# Figures ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emitted() -> set[str]:
    """The names of all figures that the two writers know."""
    quota = Quota(limit=2, used=1, remaining=1)
    full = Health(
        "BYBIT", [Check("clock")], 1, 1, quotes=1, held=1, published_age_ms=1, quota=quota, quota_runs_dry_ms=1
    )
    checked = re.findall(r"^# TYPE (\S+) gauge$", prometheus_text([full]), flags=re.MULTILINE)
    return {name for name, _, _ in families([])} | set(checked)


def figures(text: str) -> set[str]:
    return set(re.findall(r"\bmarketctl_\w+", text))


def test_dashboard_is_json_and_names_only_figures_that_are_written(emitted):
    dashboard = json.loads((DOCS / "monitoring/grafana-dashboard.json").read_text())
    exprs = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(exprs) > 15
    assert all(figures(expr) for expr in exprs)
    named = figures(json.dumps(dashboard))
    assert named - emitted == set()
    assert len(named & emitted) > 15
    assert (
        dashboard["templating"]["list"][0] | {"name": "datasource", "type": "datasource"}
        == (dashboard["templating"]["list"][0])
    )
    sources = {
        json.dumps(target["datasource"]) for panel in dashboard["panels"] for target in [panel, *panel["targets"]]
    }
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_alert_rules_name_only_figures_that_are_written(emitted):
    text = (DOCS / "monitoring/alert-rules.yml").read_text()
    exprs = re.findall(r"^        expr: (.*)$", text, flags=re.MULTILINE)
    alerts = re.findall(r"^      - alert: (\w+)$", text, flags=re.MULTILINE)
    assert len(exprs) == len(alerts) == len(set(alerts)) == text.count("summary: ")
    for expr in exprs:
        assert figures(expr)
        assert figures(expr) - emitted == set()
        assert expr.count("(") == expr.count(")")
    assert "\t" not in text


def test_page_on_watching_names_every_figure_and_no_other(emitted):
    assert figures((DOCS / "monitoring/README.md").read_text()) == emitted


# Redis --------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A real server with the users and settings of the guide."""
    import redis

    shown = blocks(GUIDES[0])
    users = next(block for block in shown if block.startswith("user marketctl"))
    settings = next(block for block in shown if block.startswith("maxmemory-policy"))
    socket = Path("/tmp") / f"marketctl-acl-{tmp_path.name[-40:]}.sock"
    (tmp_path / "users.acl").write_text(users.replace("PASSWORD", "pass-word") + "user default on nopass ~* &* +@all\n")
    conf = (
        f"port 0\nunixsocket {socket}\ndir {tmp_path}\naclfile {tmp_path}/users.acl\nlogfile {tmp_path}/log\n{settings}"
    )
    (tmp_path / "redis.conf").write_text(conf)
    with subprocess.Popen([find_server(), str(tmp_path / "redis.conf")]) as process:
        try:
            admin = redis.Redis(unix_socket_path=str(socket))
            until = time.monotonic() + 20
            while True:
                try:
                    admin.ping()
                    break
                except redis.ConnectionError:
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    assert time.monotonic() < until
                    time.sleep(0.02)
            yield admin, str(socket)
            admin.close()
        finally:
            process.terminate()
            process.wait(20)
            socket.unlink(missing_ok=True)


LOOKS = (
    "status", "asset BTC", "notify status", "notify run --dry-run", "wallet changes", "wallet routes USDT",
    "wallet show KUCOIN BTC", "wallet unmapped", "prices compare BTC/USDT --max-age 9000", "prices gaps",
    "prices held", "prices show KUCOIN BTC/USDT", "prices history KUCOIN BTC/USDT", "stats show", "report -q",
    "convert 100 USDT@KUCOIN USDT@MEXC", "rates explain BTC:USDTTRC20", "rates build",
)  # fmt: skip
WORKS = (
    "run --once -q", "run --once --task prices --rates --notify -q", "prices collect --force -q", "wallet sync -q",
    "stats collect -q", "notify mute KUCOIN --for 1h", "check KUCOIN -q", "dump prices -p KUCOIN",
)  # fmt: skip
RATES = """
[codes]
BTC = { asset = "BTC", network = "bitcoin", decimals = 8 }
USDTTRC20 = { asset = "USDT", network = "tron", decimals = 2 }
[[directions]]
from = "BTC"
to = "USDTTRC20"
rate = "KUCOIN BTC/USDT bid"
amount = 1000000
"""


def test_redis_rights_of_the_guide_suffice_and_are_no_more_than_needed(server, sandbox, tmp_path, capsys, no_sleep):
    import redis

    admin, socket = server
    path = write_setup(sandbox, tmp_path / "desk")
    text = path.read_text()
    url = f'redis_url = "unix://marketctl:pass-word@{socket}"'
    path.write_text(re.sub("^redis_url = .*$", url, text, flags=re.MULTILINE))

    def ctl(*words: str) -> int:
        return invoke(["--config", str(path), *words])

    (path.parent / "rates.toml").write_text(RATES)
    with (path.parent / "credentials.toml").open("a") as file:
        file.write('[notify]\nops = "json://127.0.0.1:1/x"\n')
    for words in (*WORKS, *LOOKS):
        ctl(*words.split())  # as the sandbox's plans and nobody at the channel's end allow
        denied = {entry["object"] for entry in admin.acl_log()} - {"client"}
        assert (words, denied) == (words, set())
    page = (tmp_path / "desk" / "data" / "report.html").read_text()
    assert "no permission" not in page.lower()
    # CLIENT is redis-py introducing itself: it does without.
    assert [entry for entry in admin.acl_log() if entry["object"] != "client"] == []
    assert "pass-word" not in "".join(capsys.readouterr())
    for user in ("marketctl", "reader"):  # the board hears of what is published
        store = RedisConnection(f"unix://{user}:pass-word@{socket}", tmp_path, "marketctl")
        with store.hints(["marketctl:changed:HTX", "marketctl:changed:KUCOIN"]) as wait:
            admin.publish("marketctl:changed:KUCOIN", "r1")
            assert wait(10) == ["marketctl:changed:KUCOIN"]
    ours = redis.Redis(unix_socket_path=socket, username="marketctl", password="pass-word")
    for words in (("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("SET", "another", "1"), ("PUBLISH", "x", "1")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            ours.execute_command(*words)
    path.write_text(path.read_text().replace("marketctl:pass-word@", "reader:pass-word@"))
    capsys.readouterr()
    admin.acl_log_reset()
    for words in LOOKS:
        ctl(*words.split())
        denied = {entry["object"] for entry in admin.acl_log()} - {"client"}
        assert (words, denied) == (words, set())
    assert "does not let this user" not in capsys.readouterr().err
    assert ctl("prices", "show", "KUCOIN", "BTC/USDT") == 0
    assert ctl("prices", "history", "KUCOIN", "BTC/USDT") == 0
    # That history began just now, which is said, is all there is to say.
    assert re.fullmatch("asked since .* but nothing is kept from before .*\n", capsys.readouterr().err)
    assert ctl("prices", "collect", "-p", "KUCOIN", "-q") == 1
    assert "does not let this user do it" in capsys.readouterr().err
    reader = redis.Redis(unix_socket_path=socket, username="reader", password="pass-word")
    assert json.loads(reader.hget("marketctl:{KUCOIN}:l1", "BTC/USDT"))["bid"]
    assert b"KUCOIN" in reader.smembers("marketctl:providers")
    assert reader.xrevrange("marketctl:{KUCOIN}:h:BTC/USDT")
    with pytest.raises(redis.exceptions.NoPermissionError):
        reader.hset("marketctl:{KUCOIN}:l1", "BTC/USDT", "{}")
    ours.close()
    reader.close()


def test_shipped_registry_is_what_init_writes():
    assert (ROOT / "providers.toml").read_bytes() == (ROOT / "marketctl/config/starter/providers.toml").read_bytes()


def test_watching_costs_nothing_where_it_is_not_wanted(tmp_path):
    code = (
        "import sys; from marketctl.cli.run import command; from marketctl.monitoring.observers import Watch;"
        "print(*sorted({'marketctl.monitoring.pings', 'marketctl.monitoring.run_metrics',"
        " 'marketctl.monitoring.runlog', 'marketctl.jobs.forecast',"
        " 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
