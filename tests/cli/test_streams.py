"""stdout is data, stderr is talk: what they say when they are full, closed, or read by a program."""

import errno
import json
import sys
from pathlib import Path

import pytest

from marketctl.cli import main
from tests.cli.program import run

FULL = "/dev/full"


@pytest.mark.skipif(not Path(FULL).exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("shell", "form"),
    [
        (f">{FULL}", ["--json"]),
        (">&-", []),
        (f">{FULL} 2>{FULL}", []),
        (">&- 2>&-", ["--json"]),
        (f"2>{FULL}", ["--json"]),
        ("2>&-", []),
    ],
)
def test_a_stream_that_takes_nothing_costs_neither_the_job_nor_its_run_log(folder, tmp_path, shell, form):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"\nrun_log = "runs.jsonl"'))
    metrics = tmp_path / "run.prom"
    words = ["run", "--once", "--task", "prices", "-p", "KUCOIN", "--metrics", str(metrics), *form]
    done = run(folder, *words, shell=shell)
    assert "Traceback" not in done.stderr
    stdout_is_full = f">{FULL}" in shell.partition("2>")[0]
    assert done.returncode == (1 if stdout_is_full else 0)
    if stdout_is_full and "2>" not in shell:
        assert done.stderr == "marketctl: stdout cannot be written: No space left on device\n"
    assert (folder / "data/prices/KUCOIN.json").exists()
    assert json.loads((folder / "runs.jsonl").read_text())["status"] == "ok"
    assert "marketctl_task_success" in metrics.read_text()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["prices", "collect", "-p", "NOBODY"], "config"),
        (["prices", "collect", "--no-such-option"], "usage"),
        (["nosuch"], "usage"),
        (["run", "--once", "--task", "prices", "-p", "KUCOIN", "-p", "RAPIRA"], "blocked"),
        (["dump", "replay", "nowhere.json"], "storage"),
    ],
)
def test_with_log_format_json_every_line_of_stderr_is_json(folder, sandbox, words, reason):
    sandbox.fault("KUCOIN=403")
    done = run(folder, "--log-format", "json", *words)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["reason"] for line in lines if line["level"] == "error"} == {reason}
    assert all(line["message"] and line["at"] for line in lines)


def test_what_a_command_did_is_told_through_the_log_too(folder):
    done = run(folder, "--log-format=json", "providers", "disable", "KUCOIN")
    (line,) = [json.loads(one) for one in done.stderr.splitlines()]
    assert (done.returncode, line["level"], line["message"]) == (0, "notice", "disabled KUCOIN")
    assert run(folder, "-q", "providers", "enable", "KUCOIN").stderr == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--data-dir", "/srv/nagios/data", "check", "--no-such-option"], 2),
        (["check", "--data-dir", "nagios", "--bogus"], 2),
        (["check", "--format", "nagios", "--bogus"], 3),
        (["check", "--format=nagios", "--bogus"], 3),
        (["check", "--format", "json", "--bogus"], 2),
    ],
)
def test_bad_usage_of_check_is_3_only_where_the_nagios_form_was_asked_for(ctl, words, code):
    assert ctl(*words)[0] == code


def test_a_provider_named_twice_is_asked_once(ctl):
    code, out, _ = ctl("prices", "collect", "-p", "KUCOIN", "-p", "kucoin", "--json")
    assert (code, [one["provider"] for one in json.loads(out)["results"]]) == (0, ["KUCOIN"])


def test_a_dry_run_leaves_nothing_behind(ctl, folder):
    before = sorted(str(path) for path in folder.rglob("*"))
    assert ctl("prices", "collect", "--dry-run", "-p", "KUCOIN", "-p", "TWELVEDATA", "-q")[0] == 0
    assert sorted(str(path) for path in folder.rglob("*")) == before


def test_an_error_of_the_system_inside_a_command_is_told_as_itself(monkeypatch):
    def broken(_args):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("marketctl.cli.invoke", broken)
    monkeypatch.setattr("sys.excepthook", sys.excepthook)  # which main sets
    with pytest.raises(OSError, match="Invalid argument"):
        main([])
