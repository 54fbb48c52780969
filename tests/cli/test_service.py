"""marketctl service: what it prints runs as printed, from nowhere and with nothing in the environment."""

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path


def test_cron_lines_work_in_an_empty_environment(ctl, folder):
    code, out, err = ctl("service", "cron")
    assert (code, err) == (0, "")
    me = pwd.getpwuid(os.geteuid()).pw_name
    head, *lines = out.splitlines()
    assert head == f"# For the crontab of {me}: crontab -u {me} -e"
    assert len(lines) >= 3
    prices = next(line for line in lines if "--task prices" in line)
    command = prices.split(None, 5)[5]
    assert Path(command.split()[0]).parent == Path(sys.executable).parent
    done = subprocess.run(["/bin/sh", "-c", command], cwd="/", env={}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "data/metrics/prices.prom").read_text().startswith("# HELP marketctl_")
    ctl("redis", "stop", "-q")


def test_one_unit_is_printed_as_it_is_and_several_with_their_places(ctl, folder):
    (folder / "data").mkdir()
    code, one, err = ctl("service", "systemd", "marketctl.service", "--user", "desk")
    assert (code, err) == (0, "")
    assert one.startswith("# The repeating mode")
    assert re.search("^User=desk$", one, flags=re.MULTILINE)
    assert f"--config {folder}/providers.toml run -q" in one
    code, several, _ = ctl("service", "systemd", "--user", "desk")
    assert code == 0
    assert several.startswith(f"# ---- /etc/systemd/system/marketctl.service\n{one}\n# ---- /etc/systemd/system/")


def test_units_go_into_a_folder(ctl, folder):
    code, out, _ = ctl("service", "systemd", "--timers", "-o", str(folder / "units"))
    assert code == 0
    names = sorted(path.name for path in (folder / "units").iterdir())
    assert sorted(Path(line).name for line in out.splitlines()) == names
    assert {"marketctl-prices.service", "marketctl-prices.timer", "marketctl-check.timer"} < set(names)
    assert (folder / "units/marketctl-prices.timer").stat().st_mode & 0o777 == 0o644


def test_what_a_unit_would_not_find_is_told(ctl, monkeypatch, folder):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "redis://:pass-word@127.0.0.1:1")
    code, out, err = ctl("service", "cron")
    assert code == 0
    assert "MARKETCTL_REDIS_URL: is set here alone" in err
    assert "pass-word" not in out + err


def test_options_that_lead_elsewhere_are_in_the_lines(ctl, folder, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text("")
    keys.chmod(0o600)
    code, out, err = ctl("--credentials", str(keys), "--data-dir", str(tmp_path / "d"), "service", "systemd")
    assert code == 0
    assert f"--credentials {keys} --data-dir {tmp_path}/d run" in out
    assert f"Next: install -d -o {pwd.getpwuid(os.geteuid()).pw_name} {tmp_path}/d\n" in err


def test_unknown_unit_is_usage_with_what_there_is(ctl):
    code, out, err = ctl("service", "systemd", "marketctl.servic")
    assert (code, out) == (2, "")
    assert "expected one of marketctl.service, marketctl-check.service, marketctl-check.timer" in err
    assert ctl("service", "systemd", "--timers", "--workers")[0] == 2
