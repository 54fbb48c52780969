"""Half an answer never replaces a whole one: wallet, statistics, and prices kept in files only."""

import json
import os
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.errors import HalfAnswer
from marketctl.files.journal import append_journal, read_journal
from marketctl.files.snapshots import read_records, write_snapshot
from marketctl.jobs import prices
from marketctl.jobs.whole import LastGood, last_good, refuse_half
from marketctl.providers.cex.kucoin import KucoinAdapter
from marketctl.times import to_iso

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.fixture
def folder(folder):
    """The same, with prices in files only."""
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))
    return folder


@pytest.fixture
def ctl(folder, capsys):
    def call(*words: str) -> tuple[int, list[dict]]:
        code = marketctl(["--config", str(folder / "providers.toml"), *words, "--json"])
        return code, json.loads(capsys.readouterr().out)["results"]

    return call


@pytest.fixture
def answer(monkeypatch):
    """Have KUCOIN answer with so many records, and forget its memory of them."""

    def cut(method: str, records: str, count: int | None) -> None:
        whole = getattr(KucoinAdapter, method)

        def half(self):
            batch = whole(self)
            setattr(batch, records, dict(list(getattr(batch, records).items())[:count]))
            return batch

        monkeypatch.setattr(KucoinAdapter, method, half)

    return cut


def shot(folder: Path) -> dict[str, bytes]:
    files = [path for job in ("wallet", "prices", "stats") for path in folder.glob(f"data/{job}/KUCOIN*")]
    return {str(path): path.read_bytes() for path in files}


def test_wallet_of_one_coin_replaces_nothing(ctl, folder, answer):
    code, (first,) = ctl("wallet", "sync", "-p", "KUCOIN")
    before = shot(folder)
    answer("assets", "assets", 1)
    code, (result,) = ctl("wallet", "sync", "-p", "KUCOIN")
    assert (code, result["reason"], result["stored"]) == (1, "suspect", [])
    assert result["message"] == f"1 assets where there were {first['assets']}: more than half are gone"
    assert result["hint"] == "If that is right, run `marketctl wallet sync -p KUCOIN --force` once."
    assert shot(folder) == before
    code, (result,) = ctl("wallet", "sync", "-p", "KUCOIN", "--force")
    assert (code, result["assets"], result["removed"]) == (0, 1, first["assets"] - 1)
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0  # that is the whole of it now


def test_files_only_prices_have_the_same_guard(ctl, folder, answer):
    code, (first,) = ctl("prices", "collect", "-p", "KUCOIN")
    before = shot(folder)
    answer("prices", "quotes", 1)
    code, (result,) = ctl("prices", "collect", "-p", "KUCOIN")
    assert (code, result["reason"], result["stored"]) == (1, "suspect", [])
    assert result["message"] == f"1 quotes where there were {first['quotes']}: more than half are gone"
    assert shot(folder) == before
    assert ctl("prices", "collect", "-p", "KUCOIN", "--force")[0] == 0


def test_narrower_pairs_of_ones_own_are_not_suspect(ctl, folder):
    assert ctl("prices", "collect", "-p", "KUCOIN")[0] == 0
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace("[providers.KUCOIN]\n", '[providers.KUCOIN]\npairs = ["BTC/USDT"]\n'))
    code, (result,) = ctl("prices", "collect", "-p", "KUCOIN")
    assert (code, result["status"], result["quotes"]) == (0, "ok", 1)


def test_no_statistics_of_what_was_refused(ctl, folder, answer):
    assert ctl("run", "--once", "--task", "all", "-p", "KUCOIN")[0] == 0
    before = shot(folder)
    answer("prices", "quotes", 1)
    code, results = ctl("run", "--once", "--task", "all", "-p", "KUCOIN")
    told = {one["job"]: one for one in results}
    assert code == 3
    assert {job: told[job]["reason"] for job in ("prices", "stats")} == {"prices": "suspect", "stats": "suspect"}
    changed = {name for name, data in shot(folder).items() if before.get(name) != data}
    assert all("/wallet/" in name for name in changed)


def test_statistics_of_half_the_coins_are_refused(ctl, folder, answer):
    assert ctl("stats", "collect", "-p", "KUCOIN")[0] == 0
    before = shot(folder)
    answer("assets", "assets", 3)
    code, (result,) = ctl("stats", "collect", "-p", "KUCOIN")
    assert (code, result["reason"]) == (1, "suspect")
    assert result["message"].startswith("3 assets where there were ")
    assert shot(folder) == before
    assert ctl("stats", "collect", "-p", "KUCOIN", "--force")[0] == 0


def test_step_by_step_is_no_way_around(tmp_path):
    path = tmp_path / "X.json"

    def sync(count: int, at: int, force: str | None = "sync --force") -> None:
        head = refuse_half(last_good(path, "assets"), count, at, what="assets", force=force)
        records = {f"A{n}": {} for n in range(count)}
        write_snapshot(path, {"schema": 1, "collected_at": to_iso(at)} | head, "assets", records)

    sync(68, NOW)
    assert "largest" not in read_records(path, "assets")[0]
    sync(40, NOW + HOUR)
    assert read_records(path, "assets")[0]["largest"] == {"at": to_iso(NOW), "count": 68}
    with pytest.raises(HalfAnswer, match="30 assets where there were 68"):
        sync(30, NOW + 2 * HOUR)
    sync(34, NOW + 2 * HOUR)
    sync(30, NOW + 26 * HOUR)  # a day later what was largest is forgotten
    sync(20, NOW + 27 * HOUR)
    with pytest.raises(HalfAnswer):
        sync(14, NOW + 28 * HOUR)
    sync(14, NOW + 28 * HOUR, force=None)
    assert "largest" not in read_records(path, "assets")[0]
    sync(7, NOW + 29 * HOUR)


def test_a_snapshot_that_cannot_be_read_is_no_measure(tmp_path):
    path = tmp_path / "X.json"
    path.write_text("{")
    assert last_good(path, "assets") == LastGood()
    assert refuse_half(LastGood(), 1, NOW, what="assets", force="f") == {}


# The journal's last word ----------------------------------------------------------------------------------


def test_journal_says_nothing_of_a_snapshot_that_could_not_be_written(ctl, folder, monkeypatch):
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0
    path, journal = folder / "data/wallet/KUCOIN.json", folder / "data/wallet/KUCOIN.changes.jsonl"
    before = path.read_bytes()

    def broken(temporary, target):
        if Path(target) == path:
            raise OSError(16, "busy")
        replace(temporary, target)

    replace = os.replace
    monkeypatch.setattr("os.replace", broken)
    code, (result,) = ctl("wallet", "sync", "-p", "KUCOIN")
    assert (code, result["reason"]) == (1, "storage")
    assert (path.read_bytes(), read_journal(journal)) == (before, ([], 0))
    monkeypatch.setattr("os.replace", replace)
    assert ctl("wallet", "sync", "-p", "KUCOIN")[1][0]["updated"] > 0
    assert len(read_journal(journal)[0]) > 0


def test_journal_that_cannot_be_taken_back_is_told_beside_what_failed(ctl, folder, monkeypatch):
    """And the next run sets it right: the last word of the journal is what the snapshot holds."""
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0
    path, journal = folder / "data/wallet/KUCOIN.json", folder / "data/wallet/KUCOIN.changes.jsonl"
    replace = os.replace

    def broken(temporary, target):
        if Path(target) == path:
            raise OSError(16, "busy")
        replace(temporary, target)

    def refused(*_):
        raise OSError(5, "broken")

    monkeypatch.setattr("os.replace", broken)
    monkeypatch.setattr("marketctl.files.journal.os.truncate", refused)
    code, (result,) = ctl("wallet", "sync", "-p", "KUCOIN")
    assert (code, result["reason"]) == (1, "storage")
    assert result["message"].startswith(f"cannot write {path}: ")
    assert f"; and cannot take the last lines back from {journal}: Input/output error" in result["message"]
    monkeypatch.undo()
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0
    last = {(one["asset"], one["network"], one["field"]): one["after"] for one in read_journal(journal)[0]}
    assets = json.loads(path.read_text())["assets"]
    held = {
        (asset, network, field): (assets[asset]["networks"][network] if network else assets[asset])[field]
        for asset, network, field in last
        if field not in ("asset", "network")
    }
    assert len(held) > 0
    assert held == {key: last[key] for key in held}


def test_change_told_by_a_run_that_died_and_taken_back_is_told_as_taken_back(ctl, folder):
    """Killed between journal and snapshot: the journal's last word must not stay "opened"."""
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0
    path, journal = folder / "data/wallet/KUCOIN.json", folder / "data/wallet/KUCOIN.changes.jsonl"
    asset = json.loads(read_records(path, "assets")[1]["BTC"])
    network, flags = next(iter(asset["networks"].items()))
    was = flags["withdraw"]
    later = to_iso(NOW)  # after the snapshot
    append_journal(journal, [{"at": later, "run_id": "dead", "provider": "KUCOIN", "asset": "BTC", "network": network,
                              "field": "withdraw", "before": was, "after": not was}])  # fmt: skip
    assert ctl("wallet", "sync", "-p", "KUCOIN")[0] == 0
    told = [one for one in read_journal(journal)[0] if (one["asset"], one["field"]) == ("BTC", "withdraw")]
    assert [(one["before"], one["after"]) for one in told] == [(was, not was), (not was, was)]


def test_prices_in_files_alone_are_not_replaced_by_older_ones(ctl, folder, monkeypatch):
    path = folder / "data/prices/KUCOIN.json"
    assert ctl("prices", "collect", "-p", "KUCOIN")[0] == 0
    newer = json.loads(path.read_bytes())["collected_at"]
    real = prices.now_ms
    monkeypatch.setattr(prices, "now_ms", lambda: real() - 60_000)  # the clock was set back while it was asked
    before = path.read_bytes()
    code, (result,) = ctl("prices", "collect", "-p", "KUCOIN")
    assert (code, result["status"], result["reason"]) == (1, "failed", "suspect")
    assert result["message"] == f"the quotes in the file are newer, of {newer}"
    assert "marketctl prices collect -p KUCOIN --force" in result["hint"]
    assert path.read_bytes() == before
    assert ctl("prices", "collect", "-p", "KUCOIN", "--force")[0] == 0
    assert json.loads(path.read_bytes())["collected_at"] < newer


def test_prices_in_files_that_lie_ahead_of_the_clock_are_replaced(ctl, folder, monkeypatch):
    path = folder / "data/prices/KUCOIN.json"
    real = prices.now_ms
    monkeypatch.setattr(prices, "now_ms", lambda: real() + 60_000)
    assert ctl("prices", "collect", "-p", "KUCOIN")[0] == 0
    ahead = json.loads(path.read_bytes())["collected_at"]
    monkeypatch.undo()
    assert ctl("prices", "collect", "-p", "KUCOIN")[0] == 0
    assert json.loads(path.read_bytes())["collected_at"] < ahead


def test_copy_that_did_not_reach_redis_is_exit_3_and_a_line(ctl, folder, capsys):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "none"', 'redis_url = "redis://127.0.0.1:1"'))
    code = marketctl(["--config", str(path), "run", "--once", "--task", "wallet-assets", "-p", "KUCOIN", "-q"])
    assert code == 3
    assert "written to the file, but not copied to Redis" in capsys.readouterr().err
