"""Runs over providers: what is stored, what stays as it was. Long: each end of a run by name, with its exit code."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.files.journal import read_journal
from marketctl.jobs.result import Result
from marketctl.jobs.runner import exit_code
from marketctl.providers.loader import load_registry
from marketctl.sandbox.setup import write_setup


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "providers.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "redis" not in path.parts and "cache" not in path.parts
    }


def test_wallet_snapshot_is_sorted_one_asset_a_line_with_a_head(ctl, folder):
    assert ctl("wallet", "sync", "-p", "KUCOIN", "-q") == (0, "", "")
    path = folder / "data/wallet/KUCOIN.json"
    text = path.read_text()
    document = json.loads(text)
    words = "assets collected_at job journal_bytes known_since provider run_id schema version"
    assert list(document) == words.split()
    assert (document["schema"], document["provider"], document["job"]) == (1, "KUCOIN", "wallet")
    assert list(document["assets"]) == sorted(document["assets"])
    assert text.endswith("}\n")
    assert sum(line.startswith('    "') for line in text.splitlines()) == len(document["assets"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~current_umask()
    assert document["assets"]["XRP"]["networks"]["xrp"]["memo_required"] is True


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_first_sync_writes_no_journal_the_second_tells_each_change(ctl, folder):
    assert ctl("wallet", "sync", "-p", "KUCOIN", "-q")[0] == 0
    journal = folder / "data/wallet/KUCOIN.changes.jsonl"
    assert not journal.exists()
    code, out, _ = ctl("wallet", "sync", "-p", "KUCOIN", "--json")
    document = json.loads(out)
    result = document["results"][0]
    assert (code, result["created"], result["updated"], result["removed"]) == (0, 0, 2, 0)
    entries, broken = read_journal(journal)
    assert broken == 0
    told = {(one["asset"], one["network"], one["field"]) for one in entries}
    assert ("USDT", "trx", "withdraw") in told
    assert all(list(one) == sorted(one) for one in entries)
    assert {one["run_id"] for one in entries} == {document["run_id"]}
    again = [one for one in entries if one["asset"] == "USDT"]
    assert [(one["before"], one["after"]) for one in again] == [(True, False)]


def test_prices_are_published_and_mirrored_the_same(ctl, folder):
    code, out, err = ctl("prices", "collect", "-p", "BYBIT", "--json")
    document = json.loads(out)
    result = document["results"][0]
    assert (code, err, document["command"], document["schema"]) == (0, "", "prices collect", 1)
    assert (result["status"], result["quotes"], result["published"], result["added"]) == ("ok", 65, 65, 65)
    assert result["skipped_by"] == {"no-price": 1, "unknown-symbol": 1}
    assert result["stored"] == ["redis", "file"]
    from marketctl.redis.connection import connect
    from marketctl.redis.quotes import mirror_quote, read_l1

    settings = load_registry(folder / "providers.toml", environ={}).settings
    with connect(settings.redis_url, settings.data_dir, settings.redis_prefix) as store:
        quotes, meta = read_l1(store, "BYBIT")
    mirror = json.loads((folder / "data/prices/BYBIT.json").read_text())
    assert mirror["quotes"] == {pair: mirror_quote(quote) for pair, quote in quotes.items()}
    assert (meta["run_id"], meta["count"], meta["status"]) == (document["run_id"], 65, "ok")
    assert set(mirror["quotes"]["BTC/USDT"]) == {
        "symbol", "bid", "ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status", "at",
        "derived",
    }  # fmt: skip


def test_dry_run_writes_nothing(ctl, folder):
    code, out, _ = ctl("prices", "collect", "-p", "BYBIT", "--dry-run", "--json")
    result = json.loads(out)["results"][0]
    assert (code, result["quotes"], result["published"], result["stored"]) == (0, 65, 0, [])
    assert (result["held"], result["held_by"]) == (None, None)  # nobody judged them
    assert not (folder / "data/prices").exists()
    assert not (folder / "data/redis").exists()
    assert not (folder / "data/state/BYBIT.json").exists()


def test_without_keys_wallet_is_skipped_with_a_hint_and_prices_work(ctl, folder):
    (folder / "credentials.toml").unlink()
    code, out, err = ctl("run", "--once", "--task", "wallet", "--task", "prices", "--json")
    results = {(one["provider"], one["job"]): one for one in json.loads(out)["results"]}
    assert (code, err) == (0, "")
    wallet = results["BYBIT", "wallet"]
    assert (wallet["status"], wallet["reason"]) == ("skipped", "no-credentials")
    assert wallet["message"] == "no credentials for BYBIT: api_key, api_secret missing"
    assert wallet["hint"] == "marketctl credentials set BYBIT"
    assert results["MEXC", "wallet"]["status"] == "skipped"
    assert results["BYBIT", "prices"]["status"] == results["MEXC", "prices"]["status"] == "ok"
    assert not (folder / "data/wallet/BYBIT.json").exists()


def test_a_misspelt_name_of_a_key_is_told(ctl, folder):
    keys = folder / "credentials.toml"
    keys.write_text(keys.read_text().replace("api_secret", "api_secert", 1))
    assert ctl("wallet", "sync", "-p", "BYBIT", "-q") == (
        4,
        "",
        "BYBIT wallet: failed (no-credentials): no credentials for BYBIT: api_secret missing; "
        f'{keys}: [BYBIT] unknown key "api_secert"; did you mean "api_secret". '
        "Next: marketctl credentials set BYBIT.\n",
    )


def test_a_key_with_a_foreign_letter_is_told_before_anybody_is_asked(ctl, folder):
    keys = folder / "credentials.toml"
    secret = tomllib.loads(keys.read_text())["BYBIT"]["api_secret"]
    keys.write_text(keys.read_text().replace(secret, secret + "\u200b"), encoding="utf-8")
    told = f"BYBIT api_secret: character {len(secret) + 1} is U+200B (ZERO WIDTH SPACE), expected plain ASCII"
    hint = "Next: copy it anew: marketctl credentials set BYBIT.\n"
    assert ctl("wallet", "sync", "-p", "BYBIT", "-q") == (4, "", f"BYBIT wallet: failed (config): {told}. {hint}")
    code, out, err = ctl("run", "--once", "-p", "BYBIT", "--json")
    found = {one["job"]: (one["status"], one["reason"], one["requests"]) for one in json.loads(out)["results"]}
    assert code == 3
    assert found["wallet"] == ("failed", "config", 0)
    assert found["prices"][:2] == found["stats"][:2] == ("ok", None)
    code, _, err = ctl("credentials", "list")
    assert (code, err) == (0, f"{told}\n")
    assert secret not in err
    code, out, _ = ctl("check", "BYBIT", "--json")
    checks = {one["check"]: (one["status"], one["message"]) for one in json.loads(out)["results"][0]["checks"]}
    assert code == 1
    assert checks["credentials"] == checks["wallet"] == checks["key"] == ("fail", told)
    assert checks["prices"][0] == "pass"


@pytest.mark.parametrize("words", [("-p", "BYBIT"), ("-p", "bybit"), ("--strict", "-p", "BYBIT")])
def test_without_keys_a_named_provider_fails(ctl, folder, words):
    (folder / "credentials.toml").unlink()
    code, out, err = ctl("wallet", "sync", *words, "-q")
    assert (code, out) == (4, "")
    assert err == (
        "BYBIT wallet: failed (no-credentials): no credentials for BYBIT: api_key, api_secret missing. "
        "Next: marketctl credentials set BYBIT.\n"
    )


def test_one_failing_provider_harms_neither_the_others_nor_its_last_good_files(ctl, folder, sandbox, no_sleep):
    assert ctl("run", "--once", "-p", "KUCOIN", "-p", "BYBIT", "-q")[0] == 0
    before = tree(folder)
    sandbox.fault("KUCOIN=html")
    code, out, err = ctl("run", "--once", "-p", "KUCOIN", "-p", "BYBIT", "-q")
    assert (code, out) == (3, "")
    assert err.count("\n") == 3
    assert "KUCOIN prices: failed (blocked): GET 127.0.0.1/api/v1/market/allTickers: HTTP 200 with a web page" in err
    after = tree(folder)
    for name in ("data/wallet/KUCOIN.json", "data/prices/KUCOIN.json", "data/stats/KUCOIN.json"):
        assert after[name] == before[name]
    assert after["data/prices/BYBIT.json"] != before["data/prices/BYBIT.json"]
    state = json.loads(after["data/state/KUCOIN.json"])["jobs"]["prices"]
    assert (state["failures"], state["last_reason"]) == (1, "blocked")
    assert state["last_success"] < state["last_attempt"]


def test_dead_redis_leaves_the_mirror_and_says_so_in_one_line(ctl, folder, no_sleep):
    assert ctl("prices", "collect", "-p", "BYBIT", "-q")[0] == 0
    before = (folder / "data/prices/BYBIT.json").read_bytes()
    edit(folder, 'redis_url = "embedded"', 'redis_url = "redis://127.0.0.1:9"')
    code, out, err = ctl("prices", "collect", "-p", "BYBIT", "-q")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("BYBIT prices: failed (redis): ")
    assert (folder / "data/prices/BYBIT.json").read_bytes() == before


def test_dead_redis_does_not_cost_the_wallet_its_file(ctl, folder):
    edit(folder, 'redis_url = "embedded"', 'redis_url = "redis://127.0.0.1:9"')
    code, out, _ = ctl("wallet", "sync", "-p", "KUCOIN", "--json")
    result = json.loads(out)["results"][0]
    assert (code, result["status"], result["stored"]) == (3, "ok", ["file"])
    assert result["message"].startswith("written to the file, but not copied to Redis: ")


def test_redis_none_writes_the_mirror_and_says_so(ctl, folder):
    edit(folder, 'redis_url = "embedded"', 'redis_url = "none"')
    code, out, _ = ctl("prices", "collect", "-p", "KUCOIN", "--json")
    result = json.loads(out)["results"][0]
    assert (code, result["stored"], result["published"]) == (0, ["file"], 0)
    assert result["message"] == 'redis_url is "none": written to the mirror only'


def test_no_mirror_publishes_to_redis_only(ctl, folder):
    code, out, _ = ctl("prices", "collect", "-p", "KUCOIN", "--no-mirror", "--json")
    assert (code, json.loads(out)["results"][0]["stored"]) == (0, ["redis"])
    assert not (folder / "data/prices").exists()


def test_configured_pairs_are_the_only_ones_published(ctl, folder):
    edit(folder, "[providers.KUCOIN]\n", '[providers.KUCOIN]\npairs = ["BTC/USDT", "ETH/USDT"]\n')
    assert ctl("prices", "collect", "-p", "KUCOIN", "-q")[0] == 0
    assert list(json.loads((folder / "data/prices/KUCOIN.json").read_text())["quotes"]) == ["BTC/USDT", "ETH/USDT"]


def test_statistics_have_every_key_of_their_shape(ctl, folder):
    assert ctl("stats", "collect", "-p", "KUCOIN", "-q")[0] == 0
    stats = json.loads((folder / "data/stats/KUCOIN.json").read_text())["stats"]
    assert sorted(stats) == [
        "assets", "clock_skew_ms", "latency_ms", "networks", "pairs", "platform", "quota", "server_time",
        "turnover_24h",
    ]  # fmt: skip
    assert stats["platform"] == {"message": None, "status": "ok"}
    assert stats["pairs"]["total"] == stats["pairs"]["trading"] + stats["pairs"]["halted"]
    assert sorted(stats["quota"]) == ["limit", "plan", "remaining", "resets_at", "used"]


def test_jobs_side_by_side_give_the_same_results_in_order(ctl, folder):
    code, out, _ = ctl("run", "--once", "--jobs", "4", "--json")
    results = json.loads(out)["results"]
    assert code == 0
    assert [one["status"] for one in results] == ["ok"] * len(results)
    names = [entry.name for entry in load_registry(folder / "providers.toml", environ={}).enabled()]
    assert [(one["provider"], one["job"]) for one in results] == [
        (name, job) for name in names for job in ("wallet", "prices", "stats")
    ]


def test_a_bug_in_one_adapter_is_loud_and_the_others_go_on(ctl, folder, monkeypatch):
    from marketctl.providers.cex.kucoin import KucoinAdapter

    def broken(self):
        raise KeyError("oops")

    monkeypatch.setattr(KucoinAdapter, "prices", broken)
    code, out, err = ctl("prices", "collect", "-p", "KUCOIN", "-p", "BYBIT", "--json")
    results = {one["provider"]: one for one in json.loads(out)["results"]}
    assert code == 3
    assert (results["KUCOIN"]["status"], results["KUCOIN"]["reason"]) == ("failed", "internal")
    assert results["BYBIT"]["status"] == "ok"
    assert "Traceback (most recent call last)" in err
    assert "KeyError: 'oops'" in err


@pytest.mark.parametrize("command", ["prices collect", "wallet sync", "stats collect", "dump prices"])
def test_an_adapter_that_ends_the_process_ends_its_own_job_alone(ctl, folder, monkeypatch, command):
    from marketctl.providers.cex.kucoin import KucoinAdapter

    for job in ("prices", "assets", "stats"):
        monkeypatch.setattr(KucoinAdapter, job, lambda _: sys.exit(0))
    code, out, err = ctl(*command.split(), "-p", "KUCOIN", "-p", "BYBIT", "--json")
    results = {one["provider"]: one for one in json.loads(out)["results"]}
    assert (code, results["KUCOIN"]["reason"], results["BYBIT"]["status"]) == (3, "internal", "ok")
    assert "SystemExit: 0" in err


@pytest.mark.parametrize("command", ["dump prices --force", "prices collect"])
def test_a_bug_that_comes_after_the_answers_tells_what_was_asked(ctl, folder, monkeypatch, command):
    from marketctl.providers.cex.kucoin import KucoinAdapter

    def broken(self, asked=KucoinAdapter.prices):
        asked(self)
        raise KeyError("oops")

    words = [*command.split(), "-p", "KUCOIN", "--json"]
    (good,) = json.loads(ctl(*words)[1])["results"]
    shutil.rmtree(folder / "data/cache", ignore_errors=True)  # so that both ask for the list of pairs
    monkeypatch.setattr(KucoinAdapter, "prices", broken)
    code, out, _ = ctl(*words)
    (bad,) = json.loads(out)["results"]
    assert (code, good["status"], bad["status"], bad["reason"]) == (1, "ok", "failed", "internal")
    assert (bad["requests"], bad["retries"], good["requests"]) == (2, 0, 2)
    assert (bad["bytes"] > 10_000, bad["duration_ms"] > 0) == (True, True)


def test_a_worker_that_is_told_to_stop_in_the_midst_of_a_job_is_no_bug_of_the_adapter():
    """What Celery's pool raises at SIGTERM passes: a job that was stopped has not failed."""
    pytest.importorskip("billiard", reason="celery is not installed: pip install celery[redis] (the extra celery)")
    program = """
from billiard.common import _shutdown_cleanup
from marketctl.jobs import job
job.open_adapter = lambda *_, **_named: _shutdown_cleanup(15, None)
from marketctl.jobs.result import Result
from types import SimpleNamespace
options = SimpleNamespace(dump_raw=False, dry_run=True)
try:
    job.run_job(SimpleNamespace(options=options), SimpleNamespace(name="KUCOIN"), "prices")
except SystemExit as error:
    print("stopped", error.code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("stopped -241\n", "")


ODD_ASSETS = [
    {"withdraw_fee": Decimal("1E+3")}, {"withdraw_fee": 0.1}, {"withdraw_fee": "NaN"}, {"deposit": "yes"},
    {"precision": "6"}, {"note": ["x"]}, {"contract": b"x"},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_ASSETS)
def test_an_asset_of_another_type_is_a_bug_of_its_adapter_and_is_not_stored(ctl, folder, monkeypatch, odd):
    from marketctl.models import Asset, Network
    from marketctl.providers.batch import AssetBatch
    from marketctl.providers.cex.bybit import BybitAdapter

    def assets(_: object) -> AssetBatch:
        batch = AssetBatch()
        batch.add(Asset("USDT", "USDT", networks={"TRX": Network(deposit=True)}))
        batch.add(Asset("BTC", "BTC", networks={"BTC": Network(**odd)}))
        return batch

    monkeypatch.setattr(BybitAdapter, "assets", assets)
    code, _, err = ctl("wallet", "sync", "-p", "BYBIT")
    assert (code, "TypeError: asset BTC is not as models.Asset has it: Asset(code='BTC'" in err) == (1, True)
    assert not (folder / "data/wallet/BYBIT.json").exists()


def test_statistics_of_another_type_are_a_bug_of_their_adapter_and_are_not_stored(ctl, folder, monkeypatch):
    from marketctl.models import Clock, Platform, Stats
    from marketctl.providers.cex.bybit import BybitAdapter

    odd = Stats({"total": 5.5}, {}, {}, {}, Clock(), Platform(), None)  # type: ignore[dict-item]
    monkeypatch.setattr(BybitAdapter, "stats", lambda _: odd)
    code, _, err = ctl("stats", "collect", "-p", "BYBIT")
    assert (code, "TypeError: statistics are not as models.Stats has them: Stats(" in err) == (1, True)
    assert not (folder / "data/stats/BYBIT.json").exists()


def test_adapter_without_stats_is_skipped_not_failed(ctl, folder, monkeypatch):
    from marketctl.providers.base import Provider
    from marketctl.providers.cex.kucoin import KucoinAdapter

    monkeypatch.setattr(KucoinAdapter, "stats", Provider.stats)
    code, out, _ = ctl("stats", "collect", "-p", "KUCOIN", "--json")
    result = json.loads(out)["results"][0]
    assert (code, result["status"], result["reason"]) == (0, "skipped", "not-supported")


def test_wrong_path_of_one_provider_is_told_and_the_others_run(ctl, folder):
    edit(folder, "marketctl.providers.cex.kucoin:KucoinAdapter", "marketctl.providers.cex.kucoin:Kucoin")
    code, _, err = ctl("prices", "collect", "-p", "KUCOIN", "-p", "BYBIT", "-q")
    assert code == 3
    assert err.count("\n") == 1
    assert "[providers.KUCOIN] path: found" in err
    assert ctl("prices", "collect", "-p", "KUCOIN", "-q")[0] == 4


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([("ok", None), ("skipped", "no-credentials")], 0),
        ([("skipped", "not-supported")], 0),
        ([("ok", None), ("failed", "timeout")], 3),
        ([("failed", "timeout"), ("skipped", "not-supported")], 1),
        ([("failed", "config")], 4),
        ([("failed", "no-credentials"), ("failed", "config")], 4),
        ([("failed", "config"), ("failed", "network")], 1),
        ([("failed", "busy"), ("failed", "busy")], 75),
        ([("failed", "busy"), ("ok", None)], 3),
    ],
)
def test_exit_code(ends, code):
    assert exit_code([Result("X", "prices", status, reason) for status, reason in ends]) == code


@pytest.mark.parametrize("spec", ["WHITEBIT/api/v4/public/assets=types", "KUCOIN/api/v3/currencies=types"])
def test_statistics_of_a_list_of_coins_nobody_can_read_are_unknown_not_zero(sandbox, tmp_path, spec):
    registry = write_setup(sandbox, tmp_path / "desk")
    sandbox.fault(spec)
    name = spec.partition("/")[0]
    marketctl(["--config", str(registry), "run", "--once", "--task", "stats", "-p", name, "-q"])
    stats = json.loads((registry.parent / f"data/stats/{name}.json").read_text())["stats"]
    assert stats["pairs"]["total"] > 0
    assert set(stats["assets"].values()) | set(stats["networks"].values()) == {None}


def test_statistics_over_quotes_nobody_can_read_fail(sandbox, tmp_path):
    registry = write_setup(sandbox, tmp_path / "desk")
    words = ["--config", str(registry), "stats", "collect", "-p", "WHITEBIT", "-q"]
    assert marketctl(words) == 0  # the list of pairs is at hand
    sandbox.fault("WHITEBIT/api/v1/public/tickers=types", "WHITEBIT/api/v4/public/ticker=types")
    assert marketctl(words) == 1


def test_redis_is_imported_before_threads_begin(tmp_path, sandbox):
    """While it is, asyncio is another module for a moment: an adapter that a thread imports must not catch that one."""
    registry = write_setup(sandbox, tmp_path / "desk")
    (tmp_path / "slow_import.py").write_text(
        "import sys\nfrom marketctl.providers.cex.kucoin import KucoinAdapter\n"
        "assert 'redis.connection' in sys.modules, 'redis is still to be imported'\n"
        "class Adapter(KucoinAdapter):\n    pass\n"
    )
    text = registry.read_text()
    registry.write_text(text.replace("marketctl.providers.cex.kucoin:KucoinAdapter", "slow_import:Adapter"))
    words = ["run", "--once", "--task", "prices", "-p", "KUCOIN", "-p", "BYBIT", "--jobs", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "marketctl", "--config", str(registry), *words],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [one["status"] for one in json.loads(done.stdout)["results"]] == ["ok", "ok"], done.stderr


def test_turnover_and_open_coins_are_counted_as_served(ctl, folder, sandbox):
    """The sums are those of the answers: turnover a quote currency, coins and networks by what is open."""
    assert ctl("run", "--once", "-p", "KUCOIN", "-q")[0] == 0
    stats = json.loads((folder / "data/stats/KUCOIN.json").read_text())["stats"]
    quotes = json.loads((folder / "data/prices/KUCOIN.json").read_text())["quotes"]
    assets = json.loads((folder / "data/wallet/KUCOIN.json").read_text())["assets"]
    sums: dict[str, Decimal] = {}
    for pair, one in quotes.items():
        if one["quote_volume"] is not None:
            code = pair.partition("/")[2]
            sums[code] = sums.get(code, Decimal(0)) + Decimal(one["quote_volume"])
    assert {code: Decimal(total) for code, total in stats["turnover_24h"].items()} == sums
    networks = [one for asset in assets.values() for one in asset["networks"].values()]
    for flag in ("deposit", "withdraw"):
        assert stats["assets"][f"{flag}_open"] == sum(one[flag] is True for one in assets.values())
        assert stats["networks"][f"{flag}_open"] == sum(one[flag] is True for one in networks)
    assert stats["networks"]["total"] == len(networks) > stats["networks"]["withdraw_open"] > 0


def test_a_state_file_that_holds_no_state_is_told_once_and_written_anew(ctl, folder):
    path = folder / "data/state/KUCOIN.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"jobs": {"prices": {"failures": "3"}, "wallet": 5}}')
    code, _, err = ctl("run", "--once", "-p", "KUCOIN")
    words = "what it says of wallet, prices is no state, so how that ended is not known; it is written anew"
    assert (code, err.count("no state"), f"{path}: {words}\n" in err) == (0, 1, True)
    assert {job: entry["failures"] for job, entry in json.loads(path.read_text())["jobs"].items()} == {
        "wallet": 0, "prices": 0, "stats": 0
    }  # fmt: skip
    assert ctl("run", "--once", "-p", "KUCOIN", "-q") == (0, "", "")
