"""What else is on the board: each job's health, statistics over time; and a page of nothing."""

import json
import re

from marketctl.board.charts import draw
from marketctl.board.health import gather_job
from marketctl.cli import invoke as marketctl
from marketctl.files.journal import read_journal
from tests.board.pages import NOW, made, told
from tests.desk import make_desk

WALLET = 3 * 3_600_000


def test_health_of_each_job(page):
    found = told(page)
    jobs = {
        (one["name"], name): (job["at"] is not None, job["limit"], job["failures"], job["reason"])
        for one in found["providers"]
        for name, job in one["jobs"].items()
    }
    hour = 3 * 3_600_000  # prices: two and a half times the minute that is really kept
    assert jobs == {
        ("BYBIT", "wallet"): (True, WALLET, 0, None),
        ("BYBIT", "prices"): (True, 150_000, 0, None),
        ("BYBIT", "stats"): (True, hour, 0, None),
        ("KUCOIN", "wallet"): (True, WALLET, 0, None),
        ("KUCOIN", "prices"): (True, 150_000, 0, None),
        ("KUCOIN", "stats"): (True, hour, 3, "rate-limited"),
        ("OPENEXCHANGERATES", "wallet"): (True, WALLET, 0, None),
        ("OPENEXCHANGERATES", "prices"): (True, hour, 0, None),
        ("OPENEXCHANGERATES", "stats"): (False, hour, 0, "no-credentials"),
    }
    assert found["disabled"] == ["MEXC"]
    bybit = found["providers"][0]
    assert (bybit["latency"], bybit["skew"], bybit["platform"]) == (42, -1500, "maintenance")
    assert bybit["quota"] == {
        "plan": "basic",
        "used": 750,
        "limit": 800,
        "remaining": 50,
        "resets_at": "2026-11-24T00:00:00.000Z",
    }
    prices = bybit["jobs"]["prices"]
    assert (prices["live"], prices["source"], prices["still"]) == ("ok", NOW - 5_000, 150_000)
    assert bybit["jobs"]["wallet"]["counts"] == {"assets": 4, "networks": 5}
    assert bybit["jobs"]["prices"]["sync"] == "marketctl prices collect -p BYBIT"
    unknown = found["providers"][2]
    assert (unknown["latency"], unknown["platform"], unknown["quota"]) == (None, "unknown", None)


def test_a_state_nobody_may_read_is_no_good_one(tmp_path):
    registry = make_desk(tmp_path, NOW, "none")
    path = registry.settings.data_dir / "state" / "BYBIT.json"
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    found = gather_job(registry, registry.provider("BYBIT"), "wallet", NOW)
    assert (found["at"], found["failures"], found["reason"]) == (NOW, 1, "storage")


def test_stats_turnover_and_totals_over_time(page):
    found = told(page)["stats"]
    assert found["turnover"] == {"USDT": ["123461.5", "99999999999.123", ""], "<b>": ["0", "0", ""]}
    assert found["providers"][0]["pairs"] == {"total": 5, "trading": 4, "halted": None}
    assert found["providers"][0]["growth"]["pairs"] == [
        [NOW - 3 * 86_400_000, 6],
        [NOW - 2 * 86_400_000, 7],
        [NOW - 86_400_000, 8],
        [NOW - 50_000, 5],
    ]
    assert found["providers"][2]["at"] is None


def test_charts_hold_no_style_script_or_address_of_their_own(page):
    drawn = draw(told(page)["stats"])
    assert [currency for currency, _ in drawn["turnover"]] == ["USDT", "<b>"]
    assert sorted(drawn["growth"]) == ["assets", "pairs"]
    for text in [svg for _, svg in drawn["turnover"]] + [*drawn["growth"].values()]:
        assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        assert re.search(r"<style|<script|<!--|<\?|href|url\(", text) is None


def test_nothing_collected_yet_is_a_page_too(tmp_path):
    make_desk(tmp_path, NOW, "none")
    for folder in ("wallet", "prices", "stats", "state"):
        for path in (tmp_path / "data" / folder).iterdir():
            path.unlink()
    from marketctl.providers.loader import load_registry

    found = told(made(load_registry(tmp_path / "providers.toml", environ={})))
    assert {job["at"] for one in found["providers"] for job in one["jobs"].values()} == {None}
    assert (found["prices"]["pairs"], found["wallet"]["texts"], found["changes"]["total"]) == ([], [], 0)


def test_stats_collect_notes_totals_when_they_change(sandbox, folder, tmp_path):
    words = ["--config", str(folder / "providers.toml"), "stats", "collect", "-p", "BYBIT", "-q"]
    history, path = folder / "data/stats/BYBIT.history.jsonl", folder / "data/stats/BYBIT.json"
    assert marketctl(words) == 0
    assert marketctl(words) == 0
    (first,), broken = read_journal(history)
    assert broken == 0
    assert sorted(first) == ["assets", "at", "networks", "pairs", "provider", "run_id"]
    assert first["pairs"]["total"] == json.loads(path.read_text())["stats"]["pairs"]["total"]
    changed = json.loads(path.read_text())
    changed["stats"]["pairs"]["total"] -= 1
    path.write_text(json.dumps(changed))
    assert marketctl(words) == 0
    assert len(read_journal(history)[0]) == 2
