"""marketctl run as monitoring sees it. Long: figures, pings and the run log of the same runs.

Once and repeating.
"""

import json
import time
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketctl.errors import Stopped
from marketctl.files.snapshots import write_document
from marketctl.files.state import read_state
from marketctl.times import from_iso, now_ms, to_iso
from tests.dead_man import PATH, DeadMan


@pytest.fixture
def service():
    with DeadMan() as service:
        yield service


@pytest.fixture
def settings(folder):
    """Add lines to [settings], or to a provider's table."""

    def add(lines: str, table: str = "settings") -> None:
        path = folder / "providers.toml"
        text = path.read_text()
        assert f"[{table}]" in text
        path.write_text(text.replace(f"[{table}]", f"[{table}]\n{lines}", 1))

    return add


def parse(path) -> dict[str, dict[tuple, float]]:
    """Read a file as Prometheus does: name -> labels -> value. Every family has help and type."""
    found: dict[str, dict[tuple, float]] = {}
    for family in text_string_to_metric_families(path.read_text()):
        assert family.name not in found
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        samples = {tuple(sorted(sample.labels.items())): sample.value for sample in family.samples}
        assert len(samples) == len(family.samples)
        assert {sample.name for sample in family.samples} == {family.name}
        found[family.name] = samples
    return found


def of(provider: str, task: str, **more: str) -> tuple:
    return tuple(sorted({"provider": provider, "task": task, **more}.items()))


# Figures ----------------------------------------------------------------------------------------


def test_metrics_of_a_run_are_read_by_the_official_parser(ctl, folder, sandbox, tmp_path):
    target = tmp_path / "run.prom"
    target.write_text("old")
    sandbox.fault("BYBIT/v5/market/tickers=403")
    sandbox.apis["KUCOIN"].pools.clear()  # other tests take points of the same half minute
    before = now_ms() / 1000
    code, _, _ = ctl("run", "--once", "-p", "BYBIT", "-p", "KUCOIN", "-q", "--metrics", str(target))
    assert code == 3
    found = parse(target)
    assert found["marketctl_task_success"] == {
        of("BYBIT", "wallet"): 1,
        of("BYBIT", "prices"): 0,
        of("BYBIT", "stats"): 0,
        of("KUCOIN", "wallet"): 1,
        of("KUCOIN", "prices"): 1,
        of("KUCOIN", "stats"): 1,
    }
    status = found["marketctl_task_status"]
    assert len(status) == 6
    assert status[of("BYBIT", "prices", status="failed", reason="blocked")] == 1
    assert status[of("KUCOIN", "prices", status="ok", reason="")] == 1
    assert found["marketctl_task_quotes"] == {of("KUCOIN", "prices"): 68}
    assert found["marketctl_task_published"] == {of("KUCOIN", "prices"): 68}
    assert found["marketctl_task_assets"][of("BYBIT", "wallet")] == 43
    assert sum(found["marketctl_task_rows_skipped"].values()) == 2
    assert found["marketctl_task_requests"][of("KUCOIN", "prices")] == 2
    assert found["marketctl_task_retries"][of("KUCOIN", "prices")] == 0
    assert found["marketctl_task_received_bytes"][of("KUCOIN", "prices")] > 1000
    assert found["marketctl_task_interval_seconds"][of("BYBIT", "wallet")] == 300
    assert set(found["marketctl_task_duration_seconds"]) == set(found["marketctl_task_success"])
    attempts = found["marketctl_task_last_attempt_timestamp_seconds"]
    assert all(before - 1 <= at <= now_ms() / 1000 for at in attempts.values())
    assert set(found["marketctl_task_last_success_timestamp_seconds"]) == set(attempts) - {
        of("BYBIT", "prices"),
        of("BYBIT", "stats"),
    }
    assert found["marketctl_task_failures_in_a_row"][of("BYBIT", "prices")] == 1
    assert found["marketctl_task_quota_limit"] == {(("provider", "KUCOIN"),): 2000}
    assert 0 < found["marketctl_task_quota_remaining"][("provider", "KUCOIN"),] < 2000
    assert "marketctl_task_quota_runs_dry_timestamp_seconds" not in found
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["run.prom"]


def test_metrics_of_check_are_read_by_the_official_parser_and_share_no_name_with_a_run(ctl, tmp_path, no_sleep):
    ran, checked = tmp_path / "run.prom", tmp_path / "check.prom"
    assert ctl("run", "--once", "-q", "--metrics", str(ran))[0] == 0
    assert ctl("check", "--format", "prometheus", "-o", str(checked))[0] == 0
    run, check = parse(ran), parse(checked)
    assert len(run["marketctl_task_success"]) == 24
    assert len(check["marketctl_healthy"]) == 8
    assert check["marketctl_quota_limit"][("provider", "KUCOIN"),] == 2000
    # The same name with the same labels in two files would stop the whole scrape.
    assert not run.keys() & check.keys()
    assert not any("job" in dict(labels) for samples in (*run.values(), *check.values()) for labels in samples)


def test_skipped_task_has_a_status_and_no_success(ctl, folder, tmp_path):
    (folder / "credentials.toml").unlink()
    assert ctl("run", "--once", "--task", "wallet", "-q", "--metrics", str(tmp_path / "x.prom"))[0] == 0
    found = parse(tmp_path / "x.prom")
    assert of("BYBIT", "wallet") not in found["marketctl_task_success"]
    assert found["marketctl_task_status"][of("BYBIT", "wallet", status="skipped", reason="no-credentials")] == 1
    assert of("BYBIT", "wallet") not in found["marketctl_task_last_success_timestamp_seconds"]


def test_metrics_that_cannot_be_written_make_a_good_run_a_partial_one(ctl, folder):
    words = ("run", "--once", "--task", "prices", "-p", "KUCOIN", "-q", "--metrics", "/proc/nowhere/x.prom")
    code, out, err = ctl(*words)
    assert (code, out) == (3, "")
    assert err.startswith("cannot write /proc/nowhere/x.prom: ")
    assert (folder / "data/prices/KUCOIN.json").exists()


def test_busy_run_leaves_the_figures_as_they_are(ctl, folder, service, settings, tmp_path):
    from marketctl.files.locks import JobLocks

    settings(f'ping_url = "{service.url}"')
    target = tmp_path / "x.prom"
    target.write_text("old")
    with JobLocks.acquire(folder / "data/state", [("KUCOIN", "prices")]):
        assert ctl("run", "--once", "--task", "prices", "-p", "KUCOIN", "-q", "--metrics", str(target))[0] == 75
        assert target.read_text() == "old"
        assert ctl("run", "--once", "--task", "prices", "-q", "--metrics", str(target))[0] == 3
    success = parse(target)["marketctl_task_success"]
    assert len(success) == 7
    assert of("KUCOIN", "prices") not in success
    assert service.actions == ["/start", ""]


# Repeating ----------------------------------------------------------------------------------------


class Clock:
    """Time that passes in sleep only; after some turns a signal comes."""

    def __init__(self, turns: int) -> None:
        self.now, self.turns = 1000.0, turns

    def monotonic_ns(self) -> int:
        return round(self.now * 1e9)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.turns -= 1
        if self.turns == 0:
            raise Stopped(143)


def test_repeating_run_keeps_all_last_values_and_pings_each_turn(
    ctl, folder, service, settings, tmp_path, monkeypatch, sandbox, no_sleep
):
    clock = Clock(turns=2)
    monkeypatch.setattr("marketctl.jobs.schedule.time", clock)
    settings(f'ping_url = "{service.url}"\nrun_log = "runs.jsonl"')
    target = tmp_path / "x.prom"
    texts = []

    def sleep(seconds: float) -> None:
        texts.append(target.read_text())
        until = time.monotonic() + 30
        while len(service.told) < 2 * len(texts):  # let the pings of a turn arrive before the next
            assert time.monotonic() < until
            time.sleep(0.01)
        sandbox.fault("MEXC=500")
        Clock.sleep(clock, seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    settings("attempts = 1")
    assert ctl("run", "-q", "--metrics", str(target))[0] == 143
    target.write_text(texts[0])
    assert len(parse(target)["marketctl_task_success"]) == 24
    assert set(parse(target)["marketctl_task_success"].values()) == {1}
    target.write_text(texts[1])
    found = parse(target)
    # The second turn has the prices of the exchanges alone; the rest stays as it was.
    assert len(found["marketctl_task_success"]) == 24
    failed = [labels for labels, value in found["marketctl_task_success"].items() if value == 0]
    assert failed == [of("MEXC", "prices")]
    assert service.actions == ["/start", "", "/start", "/fail"]
    assert service.told[0].rid == service.told[1].rid != service.told[2].rid == service.told[3].rid
    assert service.told[3].body.startswith("MEXC prices failed (unavailable): GET 127.0.0.1/")
    lines = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    # A run of its own for each provider whose time has come: eight with all their jobs, then six with their prices.
    assert [len({line["run_id"] for line in lines}), len(lines)] == [14, 30]
    assert list(Counter(line["run_id"] for line in lines).values()) == [3] * 8 + [1] * 6


# Dead-man pings -----------------------------------------------------------------------------------


def test_pings_of_a_run_and_of_a_provider(ctl, service, settings, sandbox):
    with DeadMan() as own:
        settings(f'ping_url = "{service.url}"')
        settings(f'ping_url = "{own.url}"', "providers.KUCOIN")
        assert ctl("run", "--once", "--task", "prices", "-q")[0] == 0
        assert (service.actions, own.actions) == (["/start", ""], ["/start", ""])
        sandbox.fault("KUCOIN=403")
        assert ctl("run", "--once", "--task", "prices", "-p", "kucoin", "-q")[0] == 1
        # Some named providers are not the whole.
        assert (service.actions, own.actions) == (["/start", ""], ["/start", "", "/start", "/fail"])
        assert own.told[-1].body.startswith("KUCOIN prices failed (blocked): GET 127.0.0.1/")
        for words in (("prices", "collect"), ("stats", "collect"), ("check",)):
            ctl(*words, "-q", *(("-p", "BYBIT") if words != ("check",) else ("BYBIT",)))
        assert len(service.told + own.told) == 6


@pytest.mark.parametrize("statuses", [None, [500, 500, 500, 500], [404, 404], [302, 302]])
def test_dead_service_changes_nothing_but_a_line_without_the_url(ctl, service, settings, no_sleep, statuses):
    if statuses is None:
        settings('ping_url = "http://127.0.0.1:1/0123456789abcdef"')
    else:
        service.statuses = statuses
        settings(f'ping_url = "{service.url}"')
    code, out, err = ctl("run", "--once", "--task", "prices", "-vv", "--json")
    assert (code, len(json.loads(out)["results"])) == (0, 8)
    assert err.count("ping: a dead-man ping was not delivered: POST 127.0.0.1: ") == 2
    assert "0123456789abcdef" not in out + err
    assert PATH not in out + err


def test_url_is_shown_nowhere(ctl, folder, service, settings):
    settings(f'ping_url = "{service.url}"', "providers.KUCOIN")
    shown = f"http://127.0.0.1:{service.port}/***"
    code, out, err = ctl("providers", "show", "KUCOIN")
    assert (code, f"ping_url\t{shown}\n" in out) == (0, True)
    told = out + err
    for words in (("--json",), ("--format", "toml")):
        code, out, err = ctl("providers", "show", "KUCOIN", *words)
        assert (code, shown in out) == (0, True)
        told += out + err
    assert PATH not in told
    settings(f'ping_url = "{service.url}"', "providers.KUCOIN")
    code, out, err = ctl("providers", "list")  # a key given twice: the parser's own words may quote the line
    assert (code, "not valid TOML" in err, PATH in out + err) == (4, True, False)


# The run log --------------------------------------------------------------------------------------


def test_run_log_has_the_results_of_json(ctl, folder, settings):
    settings('run_log = "logs/runs.jsonl"')
    _, out, _ = ctl("run", "--once", "-p", "KUCOIN", "--json")
    document = json.loads(out)
    lines = [json.loads(line) for line in (folder / "logs/runs.jsonl").read_text().splitlines()]
    assert [line.pop("run_id") for line in lines] == [document["run_id"]] * 3
    assert [line.pop("command") for line in lines] == ["run"] * 3
    assert all(from_iso(line.pop("at")) for line in lines)
    assert lines == document["results"]
    assert ctl("stats", "collect", "-p", "KUCOIN", "-q")[0] == 0
    last = json.loads((folder / "logs/runs.jsonl").read_text().splitlines()[-1])
    assert (last["command"], last["job"]) == ("stats collect", "stats")


def test_run_log_that_cannot_be_written_makes_a_good_run_a_partial_one(ctl, settings):
    settings('run_log = "/proc/nowhere/runs.jsonl"')
    code, _, err = ctl("run", "--once", "--task", "prices", "-p", "KUCOIN", "-q")
    assert code == 3
    assert err.startswith("cannot ")
    assert "/proc/nowhere" in err


# Quota --------------------------------------------------------------------------------------------


def test_plan_that_runs_dry_is_forecast_in_stats_and_warned_of_in_check(ctl, folder, tmp_path, no_sleep):
    path = folder / "data/stats/OPENEXCHANGERATES.json"
    words = ("stats", "collect", "-p", "OPENEXCHANGERATES", "-q")
    assert ctl(*words)[0] == 0
    code, out, _ = ctl("stats", "show", "OPENEXCHANGERATES", "--json")
    (first,) = json.loads(out)["results"]
    assert (code, first["quota_per_day"], first["quota_runs_dry_at"]) == (0, None, None)
    (marked,) = first["quota_marks"]
    used, left = first["stats"]["quota"]["used"], first["stats"]["quota"]["remaining"]
    assert (marked["used"], marked["resets_at"]) == (used, None)
    # As if there had been 20 less a bit more than two hours ago.
    snapshot = json.loads(path.read_bytes())
    snapshot["quota_marks"] = [marked | {"used": used - 20, "at": to_iso(now_ms() - 2 * 3_600_000 - 1000)}]
    write_document(path, snapshot)
    assert ctl(*words)[0] == 0
    code, out, _ = ctl("stats", "show", "OPENEXCHANGERATES", "--json")
    (second,) = json.loads(out)["results"]
    assert 238 <= second["quota_per_day"] <= 250
    dry_ms = from_iso(second["quota_runs_dry_at"])
    expected = from_iso(second["collected_at"]) + left * 2 * 3_600_000 / 20
    assert abs(dry_ms - expected) < 600_000
    code, out, _ = ctl("stats", "show", "OPENEXCHANGERATES")
    assert out.rstrip("\n").split("\t")[9:11] == [str(left), second["quota_runs_dry_at"]]
    code, out, _ = ctl("check", "OPENEXCHANGERATES", "--json")
    (health,) = json.loads(out)["results"]
    quota = next(one for one in health["checks"] if one["check"] == "quota")
    assert (code, quota["status"], quota["reason"]) == (0, "warn", "rate-limited")
    assert quota["message"].startswith(f"{left - 1} left of 1000; at the present pace, 2")  # its trial prices took one
    assert quota["message"].endswith(f" a day, it runs dry at {health['quota_runs_dry_at']}")
    ctl("check", "OPENEXCHANGERATES", "--format", "prometheus", "-o", str(tmp_path / "c.prom"))
    ((_, at),) = parse(tmp_path / "c.prom")["marketctl_quota_runs_dry_timestamp_seconds"].items()
    # Each check spent a little more, so it comes a little sooner.
    assert dry_ms / 1000 - 86_400 < at < dry_ms / 1000
    # Of it alone: the window of another may be used up by a test before this one.
    ctl("run", "--once", "--task", "stats", "-p", "OPENEXCHANGERATES", "-q", "--metrics", str(tmp_path / "r.prom"))
    told = parse(tmp_path / "r.prom")["marketctl_task_quota_runs_dry_timestamp_seconds"]
    (third,) = json.loads(ctl("stats", "show", "OPENEXCHANGERATES", "--json")[1])["results"]
    assert told == {(("provider", "OPENEXCHANGERATES"),): from_iso(third["quota_runs_dry_at"]) / 1000}
    assert read_state(folder / "data/state", "OPENEXCHANGERATES", "stats")["failures"] == 0
