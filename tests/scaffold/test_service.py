"""Units and cron lines for other places than the guide's: odd paths, data in a home, other intervals."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from marketctl.providers.loader import load_registry
from marketctl.scaffold.service import Place, cron_lines, rounds, units

PLACE = Place(
    program=("/opt/desk/bin/marketctl",),
    celery="/opt/desk/bin/celery",
    config=Path("/etc/desk/providers.toml"),
    user="desk",
    data=Path("/srv/desk/data"),
    embedded=False,
)
ENTRY = 'path = "marketctl.providers.cex.{}"\nneeds_api = false\n'


def registry(tmp_path: Path, settings: str = "", kucoin: str = "", htx: str = ""):
    path = tmp_path / "providers.toml"
    path.write_text(
        f"[settings]\n{settings}\n[providers.KUCOIN]\n{ENTRY.format('kucoin:KucoinAdapter')}{kucoin}\n"
        f"[providers.HTX]\n{ENTRY.format('htx:HtxAdapter')}{htx}\n"
    )
    return load_registry(path, environ={})


def keys(unit: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("settings", "kucoin", "lines"),
    [
        ("", "", ["* prices", "7 wallet-assets stats"]),
        ("wallet_interval_s = 300", "", ["* prices", "*/5 wallet-assets", "7 stats"]),
        ("", "wallet_interval_s = 60", ["* prices", "* wallet-assets KUCOIN", "12 wallet-assets HTX", "7 stats"]),
        # 7 minutes do not divide an hour: rather oftener than wanted.
        ("", "wallet_interval_s = 420", ["* prices", "*/6 wallet-assets KUCOIN", "12 wallet-assets HTX", "7 stats"]),
    ],
)
def test_intervals_of_the_registry_make_the_rounds(tmp_path, settings, kucoin, lines):
    found = rounds(registry(tmp_path, settings, kucoin))
    words = [f"{one.minutes} {' '.join(word for word in one.words if word != '--task')}" for one in found]
    assert words == lines


def test_no_two_lines_write_figures_of_one_job(tmp_path):
    text = cron_lines(PLACE, rounds(registry(tmp_path, kucoin="wallet_interval_s = 300")))
    files = re.findall(r"(?:--metrics|-o) (\S+)", text)
    assert len(files) == len(set(files)) == 5
    assert all(file.startswith("/srv/desk/data/metrics/") for file in files)


def test_data_beside_var_lib_may_be_written_and_nothing_else(tmp_path):
    unit = keys(units(PLACE, rounds(registry(tmp_path)))["marketctl.service"])
    assert unit["ReadWritePaths"] == "/tmp /srv/desk/data"
    assert unit["ProtectSystem"] == "strict"
    assert unit["ProtectHome"] == "yes"
    assert "StateDirectory" not in unit


def test_a_dollar_is_doubled_where_systemd_expands_variables_and_nowhere_else(tmp_path):
    place = replace(PLACE, data=Path("/srv/a$b/data"), config=Path("/etc/a$b/providers.toml"))
    found = units(place, rounds(registry(tmp_path)), workers=True) | units(place, rounds(registry(tmp_path)))
    unit = keys(found["marketctl.service"])
    assert unit["ReadWritePaths"] == "/tmp /srv/a$b/data"
    assert "--config /etc/a$$b/providers.toml" in unit["ExecStart"]
    worker = next(text for name, text in found.items() if "worker" in name)
    assert "Environment=MARKETCTL_CONFIG=/etc/a$b/providers.toml\n" in worker


def test_dumps_and_run_log_elsewhere_may_be_written(tmp_path):
    place = replace(PLACE, written=(Path("/srv/desk/data/raw"), Path("/srv/logs"), Path("/srv/logs")))
    unit = keys(units(place, rounds(registry(tmp_path)))["marketctl.service"])
    assert unit["ReadWritePaths"] == "/tmp /srv/desk/data /srv/logs"


@pytest.mark.parametrize("key", ["config", "data", "read"])
def test_what_lies_in_a_home_is_seen(tmp_path, key):
    path = Path("/home/desk/x")
    place = replace(PLACE, **{key: (path,) if key == "read" else path})
    assert keys(units(place, rounds(registry(tmp_path)))["marketctl.service"])["ProtectHome"] == "read-only"


def test_timers_without_an_embedded_server_have_no_unit_for_it(tmp_path):
    todo = rounds(registry(tmp_path))
    assert "marketctl-redis.service" not in units(PLACE, todo, timers=True)
    assert "marketctl-redis.service" in units(replace(PLACE, embedded=True), todo, timers=True)


def test_rates_and_notify_follow_the_prices_alone(tmp_path):
    todo = rounds(registry(tmp_path))
    found = units(PLACE, todo, timers=True, more=("--rates", "--notify"))
    assert [name for name, unit in found.items() if "--rates --notify" in unit] == ["marketctl-prices.service"]
    lines = cron_lines(PLACE, todo, rates=True, notify=True).splitlines()
    assert [line.split()[-2:] for line in lines if "--rates" in line] == [["--rates", "--notify"]]
    assert lines[-1].endswith(" rates check --empty -q")


ODD = replace(
    PLACE,
    program=("/opt/desk 2/bin/marketctl",),
    config=Path('/etc/de sk/50% "x" $HOME/providers.toml'),
    more=("--credentials", "/etc/k'eys.toml"),
)


def test_cron_line_of_odd_paths_is_read_as_meant(tmp_path):
    line = cron_lines(ODD, rounds(registry(tmp_path))).splitlines()[1]
    assert not re.search(r"(?<!\\)%", line)  # the end of the command to cron
    command = line.split(None, 5)[5].replace(r"\%", "%")  # what cron hands to the shell
    done = subprocess.run(
        ["/bin/sh", "-c", f"set -- {command}; printf '%s\\n' \"$@\""], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[:6] == [
        "/opt/desk 2/bin/marketctl",
        "--config",
        '/etc/de sk/50% "x" $HOME/providers.toml',
        "--credentials",
        "/etc/k'eys.toml",
        "run",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (apt-get install systemd)")
def test_units_of_odd_paths_are_verified_by_systemd(tmp_path):
    program = tmp_path / "a b" / "marketctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    place = replace(ODD, program=(str(program),), celery=str(program), data=tmp_path / "50% da ta", embedded=True)
    todo = rounds(registry(tmp_path, kucoin="wallet_interval_s = 60"))
    found = units(place, todo, timers=True) | units(place, todo, workers=True) | units(place, todo)
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(tmp_path / name for name in found)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if "marketctl" in line] == []
