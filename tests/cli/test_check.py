"""marketctl check: the four formats, the exit codes, bad input."""

import json
import re
import sys

import pytest

from marketctl.check.health import Check, Health
from marketctl.models import Quota
from marketctl.monitoring.nagios import LINE_MAX, nagios_exit, nagios_line, nagios_unknown
from marketctl.monitoring.prometheus import prometheus_text


def health(provider: str = "BYBIT", **verdicts: str) -> Health:
    return Health(provider, [Check(name, status, message=f"{name} is so") for name, status in verdicts.items()], 250)


# On the command line ----------------------------------------------------------------------------


def test_rows_in_a_pipe_and_exit_0(ctl):
    code, out, err = ctl("check", "BYBIT", "mexc")
    rows = [line.split("\t") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [row[:3] for row in rows[:9]] == [
        ["BYBIT", "import", "pass"],
        ["BYBIT", "credentials", "pass"],
        ["BYBIT", "clock", "pass"],
        ["BYBIT", "platform", "pass"],
        ["BYBIT", "wallet", "pass"],
        ["BYBIT", "prices", "pass"],
        ["BYBIT", "key", "pass"],
        ["BYBIT", "quota", "skipped"],
        ["BYBIT", "published", "warn"],
    ]
    assert [row[0] for row in rows[9:]] == ["MEXC"] * 9
    assert all(len(row) == 5 for row in rows)
    assert rows[4][3] == "43 assets, 71 networks"
    assert rows[7][3:] == ["not told", ""]


def test_table_on_a_terminal(ctl, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = ctl("check", "BYBIT", "--no-color")
    assert code == 0
    assert re.match(r"PROVIDER  CHECK +VERDICT  MESSAGE +TIME\nBYBIT     published  warn     never published", out)
    assert out.splitlines()[-3:] == [
        "BYBIT published: warn: never published; embedded Redis is asleep. Next:",
        "    marketctl prices collect -p BYBIT.",
        "1 with warnings",
    ]
    _, out, _ = ctl("check", "BYBIT", "--no-color", "-v")
    assert re.match(r"PROVIDER  CHECK +VERDICT  MESSAGE +TIME\nBYBIT     import       pass     marketctl\.", out)
    assert out.splitlines()[-1] == "1 with warnings"


def test_quiet_says_nothing_when_healthy_and_all_when_not(ctl, sandbox):
    assert ctl("check", "BYBIT", "-q") == (0, "", "")
    sandbox.fault("BYBIT=skew:120000")
    code, out, err = ctl("check", "BYBIT", "-q")
    assert (code, err) == (1, "")
    assert "\tclock\tfail\tthis machine's clock is 120 s behind. Next: sync it (NTP).\t" in out


def test_blocked_is_unknown_and_not_healthy(ctl, sandbox):
    sandbox.fault("BYBIT=451")
    code, out, _ = ctl("check", "BYBIT", "--format", "nagios")
    assert code == 3
    assert out.startswith("MARKETCTL UNKNOWN - BYBIT clock: blocked from this location, which is not the")
    assert ctl("check", "BYBIT", "-q")[0] == 1


@pytest.mark.parametrize("words", [("--json",), ("--format", "json"), ("--json", "--format", "json")])
def test_json_is_one_document(ctl, words):
    code, out, err = ctl("check", "KUCOIN", *words)
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert set(document) == {"schema", "command", "run_id", "started_at", "duration_ms", "results"}
    assert (document["schema"], document["command"]) == (1, "check")
    (result,) = document["results"]
    assert (result["provider"], result["status"], result["quotes"]) == ("KUCOIN", "warn", 68)
    assert result["quota"]["limit"] == 2000
    assert [one["check"] for one in result["checks"]] == [
        "import", "credentials", "clock", "platform", "wallet", "prices", "key", "quota", "published",
    ]  # fmt: skip
    assert result["checks"][6] | {"duration_ms": 0} == {
        "check": "key",
        "status": "pass",
        "reason": None,
        "message": "accepted: General",
        "hint": None,
        "duration_ms": 0,
    }


def test_nagios_exit_codes_follow_the_worst_verdict(ctl, folder, sandbox):
    assert ctl("prices", "collect", "-p", "BYBIT", "-p", "MEXC", "-q")[0] == 0
    code, out, err = ctl("check", "BYBIT", "MEXC", "--format", "nagios", "--max-age", "60")
    assert (code, err) == (0, "")
    text, _, figures = out.partition(" | ")
    assert text == "MARKETCTL OK - 2 providers healthy"
    assert re.fullmatch(
        r"time=[\d.]+s "
        r"BYBIT_quotes=65 BYBIT_age=[\d.]+s;;60 BYBIT_skew=-?\d+ms;-1000:1000;-5000:5000 BYBIT_time=[\d.]+s "
        r"MEXC_quotes=70 MEXC_age=[\d.]+s;;60 MEXC_skew=-?\d+ms;-1000:1000;-5000:5000 MEXC_time=[\d.]+s\n",
        figures,
    )
    (folder / "credentials.toml").unlink()
    code, out, _ = ctl("check", "BYBIT", "MEXC", "--format", "nagios", "--max-age", "60")
    assert (code, out.partition(" | ")[0]) == (
        1,
        "MARKETCTL WARNING - 2 of 2 warn: BYBIT credentials+wallet+key, +1 more",
    )
    sandbox.fault("BYBIT=skew:-120000")
    code, out, _ = ctl("check", "BYBIT", "MEXC", "--format", "nagios", "--max-age", "60")
    assert (code, out.partition(" | ")[0]) == (
        2,
        "MARKETCTL CRITICAL - 1 of 2 fail: BYBIT clock: this machine's clock is 120 s ah…",
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("BYBT",), 'MARKETCTL UNKNOWN - No such provider "BYBT". Did you mean BYBIT?\n'),
        (("BYBIT", "--config", "/nowhere.toml"), None),
        (("BYBIT", "-o", "/proc/nowhere/x"), None),
    ],
)
def test_nagios_tells_what_keeps_it_from_checking_on_stdout(ctl, words, line):
    code, out, err = ctl("check", *words, "--format", "nagios")
    assert (code, err) == (3, "")
    assert out.startswith("MARKETCTL UNKNOWN - ")
    assert out.endswith("\n")
    assert len(out) <= LINE_MAX + 1
    assert line is None or out == line


def test_bad_input_has_the_usual_exit_codes(ctl):
    assert ctl("check", "BYBT") == (4, "", 'marketctl: No such provider "BYBT". Did you mean BYBIT?\n')
    assert ctl("check", "--max-age", "nan")[0] == 2
    assert ctl("check", "--format", "nagios", "--max-age", "soon")[0] == 3
    code, out, err = ctl("check", "--json", "--format", "prometheus")
    assert (code, out) == (2, "")
    assert err == "marketctl: --json and --format prometheus exclude each other. Try 'marketctl check -h'.\n"
    assert ctl("check", "-o", "x")[0] == 2


def test_without_names_all_enabled_ones_are_checked(ctl, folder):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
    assert ctl("check")[0] == 4
    assert ctl("check", "BYBIT")[0] == 4
    text = path.read_text()
    head, _, tail = text.partition("[providers.MEXC]")
    path.write_text(f"{head}[providers.MEXC]{tail.replace('enabled = false', 'enabled = true', 1)}")
    code, out, _ = ctl("check")
    assert (code, {line.split("\t")[0] for line in out.splitlines()}) == (0, {"MEXC"})


def test_prometheus_is_written_whole_into_a_file(ctl, tmp_path):
    target = tmp_path / "marketctl.prom"
    target.write_text("old")
    assert ctl("check", "KUCOIN", "--format", "prometheus", "-o", str(target)) == (0, "", "")
    lines = target.read_text().splitlines()
    assert 'marketctl_healthy{provider="KUCOIN"} 1' in lines
    assert 'marketctl_check_status{provider="KUCOIN",check="published",status="warn"} 1' in lines
    assert 'marketctl_quotes{provider="KUCOIN"} 68' in lines
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["marketctl.prom"]
    assert not any("published_age" in line for line in lines)


def test_no_secret_in_any_format(ctl, folder, sandbox):
    keys = [value for api in sandbox.apis.values() for value in api.keys.values()]
    sandbox.fault("BYBIT/v5/user=bad-key", "MEXC/api/v3/ticker=html")
    for form in ("table", "json", "nagios", "prometheus"):
        code, out, err = ctl("check", "BYBIT", "MEXC", "-vv", "--format", form)
        assert (code > 0, "BYBIT" in out, "MEXC" in out, "GET " in err) == (True, True, True, True)
        assert not [key for key in keys if key in out + err]


# Nagios -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "code", "text"),
    [
        ([health(prices="pass", quota="skipped")], 0, "MARKETCTL OK - BYBIT healthy"),
        ([health(key="unconfigured")], 1, "MARKETCTL WARNING - BYBIT key: key is so"),
        ([health(key="fail", clock="warn")], 2, "MARKETCTL CRITICAL - BYBIT key: key is so"),
        ([health(key="fail", clock="fail")], 2, "MARKETCTL CRITICAL - BYBIT key+clock"),
        ([health(clock="unknown", key="warn")], 3, "MARKETCTL UNKNOWN - BYBIT clock: clock is so"),
        (
            [health(key="fail"), health("HTX", clock="fail"), health("MEXC", clock="unknown"), health("KUCOIN")],
            2,
            "MARKETCTL CRITICAL - 2 of 4 fail: BYBIT key, HTX clock",
        ),
        (
            [health(f"PROVIDER{number}", prices="fail") for number in range(8)],
            2,
            "MARKETCTL CRITICAL - 8 of 8 fail: PROVIDER0 prices, PROVIDER1 prices, +6 more",
        ),
    ],
)
def test_nagios_line(results, code, text):
    assert nagios_exit(results) == code
    line = nagios_line(results, 1234)
    assert line.partition(" | ")[0] == text
    assert " | time=1.234s " in line
    assert line.count("|") == 1


def test_nagios_text_never_grows_and_holds_no_pipe_or_line_break():
    broken = Health("BYBIT", [Check("key", "fail", message="no|such\nkey " * 20)])
    text, _, figures = nagios_line([broken], 5).partition(" | ")
    assert (len(text), figures) == (LINE_MAX, "time=0.005s BYBIT_time=0.000s")
    assert text.startswith("MARKETCTL CRITICAL - BYBIT key: no/such key no/such")
    wide = [health("P" * 32, **dict.fromkeys(("clock", "platform", "wallet", "prices", "key"), "fail"))] * 2
    assert len(nagios_line(wide, 5).partition(" | ")[0]) == LINE_MAX
    assert len(nagios_unknown("x" * 200)) == LINE_MAX


# Prometheus -------------------------------------------------------------------------------------


def test_prometheus_text_leaves_out_what_is_unknown():
    good = Health(
        "KUCOIN",
        [Check("clock", "pass", duration_ms=12), Check("wallet", "skipped")],
        clock_skew_ms=-1500,
        quotes=68,
        published_age_ms=4000,
        quota=Quota(limit=2000, remaining=0),
    )
    bad = Health("BYBIT", [Check("clock", "unknown", duration_ms=3)], quota=Quota(plan="free"))
    assert (
        prometheus_text([good, bad])
        == """\
# HELP marketctl_healthy 1 if none of the provider's checks failed or is unknown, else 0.
# TYPE marketctl_healthy gauge
marketctl_healthy{provider="KUCOIN"} 1
marketctl_healthy{provider="BYBIT"} 0
# HELP marketctl_blocked 1 if this location is refused, which is not the same as down, else 0.
# TYPE marketctl_blocked gauge
marketctl_blocked{provider="KUCOIN"} 0
marketctl_blocked{provider="BYBIT"} 1
# HELP marketctl_check_status 1 if this check is healthy (pass, warn or unconfigured), 0 if not (fail or unknown).
# TYPE marketctl_check_status gauge
marketctl_check_status{provider="KUCOIN",check="clock",status="pass"} 1
marketctl_check_status{provider="BYBIT",check="clock",status="unknown"} 0
# HELP marketctl_check_duration_seconds How long this check took.
# TYPE marketctl_check_duration_seconds gauge
marketctl_check_duration_seconds{provider="KUCOIN",check="clock"} 0.012
marketctl_check_duration_seconds{provider="BYBIT",check="clock"} 0.003
# HELP marketctl_clock_skew_seconds The provider's clock minus this machine's.
# TYPE marketctl_clock_skew_seconds gauge
marketctl_clock_skew_seconds{provider="KUCOIN"} -1.5
# HELP marketctl_published_age_seconds The age of the published quotes.
# TYPE marketctl_published_age_seconds gauge
marketctl_published_age_seconds{provider="KUCOIN"} 4.0
# HELP marketctl_quotes Quotes read by this check.
# TYPE marketctl_quotes gauge
marketctl_quotes{provider="KUCOIN"} 68
# HELP marketctl_quota_remaining What the provider's plan has left, in its own units.
# TYPE marketctl_quota_remaining gauge
marketctl_quota_remaining{provider="KUCOIN"} 0
# HELP marketctl_quota_limit What the provider's plan allows, in its own units.
# TYPE marketctl_quota_limit gauge
marketctl_quota_limit{provider="KUCOIN"} 2000
"""
    )


def test_prometheus_labels_are_escaped():
    text = prometheus_text([Health('A"\\\nB')])
    assert 'marketctl_healthy{provider="A\\"\\\\\\nB"} 1\n' in text
