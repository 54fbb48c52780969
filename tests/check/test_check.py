"""The sub-checks: what each one says, in which order, and that nothing is written."""

import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from marketctl.check.checkup import canary_pair, check_providers, judge_quote
from marketctl.check.health import CHECKS, Check, Finding, Health
from marketctl.cli import invoke as marketctl
from marketctl.config.credentials import load_credentials, store_credentials
from marketctl.errors import ConfigError
from marketctl.files.snapshots import read_snapshot, write_document
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.models import Clock, Platform, Quota, Quote
from marketctl.monitoring.nagios import nagios_exit
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import connect, connect_running
from marketctl.redis.publish import publish_l1
from marketctl.sandbox.base import Reply
from marketctl.times import now_ms, to_iso


@pytest.fixture
def check(folder, no_sleep):
    """Check one provider, by default with one attempt a request; return its health."""

    def call(provider: str, **given: Any) -> Health:
        registry = load_registry(folder / "providers.toml", environ={})
        run = Run(Desk(registry, load_credentials(folder / "credentials.toml", {})))
        entries = [run.registry.provider(provider)]
        (health,) = check_providers(run, entries, **given)
        return health

    return call


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "providers.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def collect(folder: Path, *names: str) -> None:
    words = [word for name in names for word in ("-p", name)]
    assert marketctl(["--config", str(folder / "providers.toml"), "prices", "collect", "-q", *words]) == 0


def verdicts(health: Health) -> dict[str, str]:
    return {one.check: one.status for one in health.checks}


def one(health: Health, name: str) -> Check:
    return next(check for check in health.checks if check.check == name)


def told(health: Health, name: str) -> tuple[str, str | None, str | None, str | None]:
    """Return what a line says; an age is one of full ten seconds, for machines that are busy."""
    found = one(health, name)
    message = found.message and re.sub(r"(\d+) s ago", lambda age: f"{int(age[1]) // 10 * 10} s ago", found.message)
    return found.status, found.reason, message, found.hint


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def state(folder: Path, provider: str, **jobs: dict[str, Any]) -> None:
    empty = {"last_attempt": None, "last_success": None, "failures": 0, "last_reason": None}
    (folder / "data/state").mkdir(parents=True, exist_ok=True)
    document = {"schema": 1, "provider": provider, "jobs": {job: empty | entry for job, entry in jobs.items()}}
    write_document(folder / f"data/state/{provider}.json", document)


# The whole --------------------------------------------------------------------------------------


def test_healthy_provider_passes_every_check_in_order(check, folder, sandbox):
    collect(folder, "BYBIT")
    sandbox.apis["BYBIT"].calls.clear()
    health = check("BYBIT", max_age_s=60)
    assert tuple(verdicts(health)) == CHECKS
    assert verdicts(health) == dict.fromkeys(CHECKS, "pass") | {"quota": "skipped"}
    assert (health.status, health.healthy, health.quotes) == ("pass", True, 65)
    assert told(health, "wallet") == ("pass", None, "43 assets, 71 networks", None)
    assert told(health, "key") == ("pass", None, "accepted: Wallet.AccountTransfer", None)
    assert 0 <= health.published_age_ms < 60_000
    assert sandbox.requests("BYBIT") == {
        "GET /v5/market/time": 1,
        "GET /v5/system/status": 1,
        "GET /v5/asset/coin/query-info": 1,
        "GET /v5/market/tickers": 1,
        "GET /v5/user/query-api": 1,
    }


def test_nothing_is_written_and_no_redis_started(check, folder):
    before = tree(folder)
    health = check("KUCOIN")
    assert tree(folder) == before
    assert not (folder / "data").exists()
    assert told(health, "published") == (
        "warn",
        "suspect",
        "never published; embedded Redis is asleep",
        "marketctl prices collect -p KUCOIN",
    )
    collect(folder, "KUCOIN")
    before = tree(folder)
    assert check("KUCOIN").healthy
    assert tree(folder) == before


def test_without_keys_wallet_and_key_are_unconfigured_and_the_rest_works(check, folder):
    (folder / "credentials.toml").unlink()
    health = check("BYBIT")
    assert verdicts(health) == {
        "import": "pass",
        "credentials": "unconfigured",
        "clock": "pass",
        "platform": "pass",
        "wallet": "unconfigured",
        "prices": "pass",
        "key": "unconfigured",
        "quota": "skipped",
        "published": "warn",
    }
    assert told(health, "wallet") == (
        "unconfigured",
        "no-credentials",
        "no credentials for BYBIT: api_key, api_secret missing",
        "marketctl credentials set BYBIT",
    )
    assert health.healthy


def test_keys_that_are_not_to_be_used_are_no_complaint(check, folder):
    edit(folder, "[providers.KUCOIN]", '[providers.KUCOIN]\nstablecoin = ""')
    text = (folder / "providers.toml").read_text()
    head, _, tail = text.partition("[providers.KUCOIN]")
    (folder / "providers.toml").write_text(
        f"{head}[providers.KUCOIN]{tail.replace('needs_api = true', 'needs_api = false', 1)}"
    )
    found = verdicts(check("KUCOIN"))
    assert (found["credentials"], found["wallet"], found["key"]) == ("skipped", "pass", "skipped")


# Which of the three is wrong -----------------------------------------------------------------------


WRONG = "wrong-0123456789abcdef"


@pytest.mark.parametrize(
    ("provider", "field", "message"),
    [
        ("BYBIT", "api_key", "api_key is unknown here: deleted, or made on another BYBIT site (its base_url): API key"),
        ("BYBIT", "api_secret", "api_secret is wrong, or not of this kind of key"),
        ("MEXC", "api_key", "api_key is unknown: Api key info invalid (code 10072)"),
        ("MEXC", "api_secret", "api_secret is wrong: Signature for this request is not valid. (code 700002)"),
        (
            "HTX",
            "api_key",
            "api_key is unknown, or deleted: Signature not valid: Incorrect Access key",
        ),
        ("HTX", "api_secret", "api_secret is wrong: Signature not valid: Verification failure [校验失败]"),
        ("KUCOIN", "api_key", "api_key is unknown, or of another KUCOIN site: KC-API-KEY not exists (code 400003)"),
        (
            "KUCOIN",
            "passphrase",
            "the passphrase is wrong, or the api_secret it is hashed with: KC-API-PASSPHRASE",
        ),
        ("WHITEBIT", "api_key", "api_key is unknown, or api_secret is wrong: Unauthorized request."),
        ("TWELVEDATA", "api_key", "api_key is refused: "),
        ("OPENEXCHANGERATES", "app_id", "app_id is refused: Invalid App ID"),
    ],
)
def test_wrong_credential_is_named(check, folder, provider, field, message):
    store_credentials(folder / "credentials.toml", {provider: {field: WRONG}})
    health = check(provider)
    status, reason, words, hint = told(health, "key")
    assert (status, reason, hint) == ("fail", "auth", f"marketctl credentials set {provider}")
    assert re.match(r"(GET|POST) 127\.0\.0\.1/\S+: HTTP \d+: " + re.escape(message), words)
    assert verdicts(health)["clock"] == "pass"
    assert health.status == "fail"


@pytest.mark.parametrize(("skew_ms", "way"), [(120_000, "behind"), (-120_000, "ahead")])
def test_wrong_clock_is_named_and_the_key_still_proven(check, sandbox, skew_ms, way):
    sandbox.fault(f"BYBIT=skew:{skew_ms}")
    health = check("BYBIT")
    assert told(health, "clock") == (
        "fail",
        "clock-skew",
        f"this machine's clock is 120 s {way}",
        "sync it (NTP)",
    )
    assert verdicts(health)["key"] == "pass"
    assert abs(health.clock_skew_ms - skew_ms) < 1000


@pytest.mark.parametrize(
    ("skew_ms", "latency_ms", "expected"),
    [
        (1000, 0, ("pass", "+1000 ms, answered in 0 ms")),
        (-1500, 1000, ("pass", "-1500 ms, answered in 1000 ms")),
        (1501, 1000, ("warn", "this machine's clock is 1.5 s behind")),
        (-5000, 0, ("warn", "this machine's clock is 5.0 s ahead")),
        (5001, 0, ("fail", "this machine's clock is 5.0 s behind")),
        (None, 3, ("skipped", "the answer tells no time")),
    ],
)
def test_clock_grants_what_the_round_trip_leaves_open(check, monkeypatch, skew_ms, latency_ms, expected):
    monkeypatch.setattr(BybitAdapter, "clock", lambda self: Clock(now_ms(), skew_ms, latency_ms))
    assert told(check("BYBIT"), "clock")[::2] == expected


def test_expired_key_is_no_wrong_secret(check, sandbox, monkeypatch):
    body = {"status": "error", "err-code": "api-signature-not-valid", "err-msg": "APIkey has expired", "data": None}
    monkeypatch.setitem(sandbox.apis["HTX"].errors, "bad-key", Reply(body))
    sandbox.fault("HTX/v2/user=bad-key")
    status, reason, message, hint = told(check("HTX"), "key")
    assert (status, reason, hint) == ("fail", "auth", "marketctl credentials set HTX")
    assert "the key has expired: APIkey has expired" in message
    assert "api_secret" not in message


def test_region_is_no_key_and_counts_at_no_time_as_down(check, sandbox, monkeypatch):
    words = "Our services are currently unavailable in the U.S. (current ip: 203.0.113.9 and current area: US)"
    monkeypatch.setitem(sandbox.apis["KUCOIN"].errors, "bad-key", Reply({"code": "400302", "msg": words}))
    sandbox.fault("KUCOIN=bad-key")
    for fail_after in (1, 3):
        health = check("KUCOIN", fail_after=fail_after)
        status, reason, message, hint = told(health, "clock")
        assert (status, reason) == ("unknown", "blocked")
        assert message.startswith("blocked from this location, which is not the same as down: GET 127.0.0.1/api/v1/")
        assert "HTTP 200: KUCOIN does not serve this region: Our services" in message
        assert "credentials" not in hint
        assert (health.status, health.healthy) == ("unknown", False)


def test_secrets_in_a_providers_words_are_hidden(check, folder, monkeypatch):
    from marketctl.errors import AuthFailed
    from marketctl.redact import protect

    secret = "sandbox-bybit-secret-0123456789abcdef"
    protect([secret])

    def refuse(_self):
        raise AuthFailed(f"no such secret: {secret}\n")

    monkeypatch.setattr(BybitAdapter, "check_key", refuse)
    assert told(check("BYBIT"), "key")[2] == "no such secret: ***"


# What stands in the way ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "reason", "words"),
    [
        ("drop", "fail", "network", "GET 127.0.0.1/v5/market/time: the connection was closed without an answer"),
        ("slow:1", "fail", "timeout", "GET 127.0.0.1/v5/market/time: no answer within 0.2 s"),
        (
            "403",
            "unknown",
            "blocked",
            "blocked from this location, which is not the same as down: GET 127.0.0.1/v5/market/time: HTTP 403",
        ),
        ("rate-limit", "fail", "rate-limited", "Too many visits. Exceeded the API Rate Limit. (code 10006)"),
    ],
)
def test_hopeless_answer_ends_the_questions_but_not_the_local_checks(
    check, folder, sandbox, fault, status, reason, words
):
    edit(folder, "[settings]", "[settings]\nattempts = 1\ntimeout_s = 0.2")
    collect(folder, "KUCOIN")
    sandbox.fault(f"BYBIT={fault}")
    sandbox.apis["BYBIT"].calls.clear()
    health = check("BYBIT")
    found = one(health, "clock")
    assert (found.status, found.reason) == (status, reason)
    assert words in found.message
    assert sandbox.requests("BYBIT") == Counter({"GET /v5/market/time": 1})
    assert told(health, "prices") == ("skipped", None, f"not tried after clock: {reason}", None)
    assert verdicts(health)["published"] == "warn"
    assert (health.status, health.healthy) == (status, False)


def test_long_wait_a_provider_asks_for_is_told_and_not_waited_for(check, sandbox, no_sleep):
    sandbox.fault("KUCOIN=429:21")
    health = check("KUCOIN")
    status, reason, message, hint = told(health, "clock")
    assert (status, reason, message) == (
        "fail",
        "rate-limited",
        "GET 127.0.0.1/api/v1/timestamp: HTTP 429: too many requests",
    )
    assert hint.startswith("not before 2")
    assert told(health, "quota") == ("skipped", None, "not told", None)
    assert (sandbox.requests("KUCOIN"), no_sleep) == (Counter({"GET /api/v1/timestamp": 1}), [])


def test_failing_server_is_asked_every_question(check, folder, sandbox, no_sleep):
    sandbox.fault("BYBIT/v5/market/tickers=500")
    health = check("BYBIT")
    assert told(health, "prices")[:3] == (
        "fail",
        "unavailable",
        "GET 127.0.0.1/v5/market/tickers: HTTP 500 without readable JSON",
    )
    assert verdicts(health)["key"] == "pass"


def test_maintenance_by_its_own_word_is_a_failure_and_silence_is_none(check, monkeypatch):
    assert told(check("MEXC"), "platform") == ("skipped", None, "not told", None)
    monkeypatch.setattr(BybitAdapter, "platform", lambda self: Platform("maintenance", "Spot engine upgrade"))
    assert told(check("BYBIT"), "platform") == (
        "fail",
        "maintenance",
        "maintenance: Spot engine upgrade",
        "wait until it is over",
    )


def test_adapter_that_does_not_import_leaves_only_what_is_local(check, folder):
    edit(folder, "marketctl.providers.cex.bybit:BybitAdapter", "marketctl.providers.cex.bybit:ByebitAdapter")
    health = check("BYBIT")
    assert (one(health, "import").status, one(health, "import").reason) == ("fail", "config")
    assert "did you mean BybitAdapter?" in one(health, "import").message
    assert told(health, "credentials") == ("skipped", None, "not tried: there is no adapter", None)
    assert list(verdicts(health).values()) == ["fail", *["skipped"] * 7, "warn"]


def test_bug_of_an_adapter_is_internal_with_its_traceback_and_the_others_go_on(check, monkeypatch, caplog, folder):
    monkeypatch.setattr("marketctl.log.log.propagate", True)
    monkeypatch.setattr(BybitAdapter, "assets", lambda self: 1 / 0)
    health = check("BYBIT")
    assert told(health, "wallet") == (
        "fail",
        "internal",
        "ZeroDivisionError: division by zero",
        "report the traceback",
    )
    assert verdicts(health)["prices"] == "pass"
    assert "in <lambda>" in caplog.text


# Prices, key, quota ------------------------------------------------------------------------------------


def test_half_of_the_last_good_snapshot_gone_is_a_failure(check, folder):
    collect(folder, "BYBIT")
    path = folder / "data/prices/BYBIT.json"
    snapshot = read_snapshot(path)
    quote = snapshot["quotes"]["BTC/USDT"]
    snapshot["quotes"] |= {f"X{number}/USDT": quote for number in range(65)}
    write_document(path, snapshot)
    assert verdicts(check("BYBIT"))["prices"] == "pass"
    snapshot["quotes"]["X65/USDT"] = quote
    write_document(path, snapshot)
    status, reason, message, hint = told(check("BYBIT"), "prices")
    assert (status, reason, hint) == (
        "fail",
        "suspect",
        "if that is right: marketctl prices collect -p BYBIT --force",
    )
    assert message.startswith(
        "65 quotes where there were 131: more than half are gone; 65 quotes, 2 skipped; BTC/USDT "
    )
    path.write_text("{")
    assert told(check("BYBIT"), "prices")[:2] == ("warn", "storage")


def quote(bid: str | None = None, ask: str | None = None, mid: str | None = None, status: str | None = None) -> Quote:
    return Quote("BTCUSDT", bid, ask, None, None, "1", mid, None, None, status, None)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (quote("100", "100.1"), ("pass", "BTC/USDT 100/100.1")),
        (quote("100", "109.9"), ("pass", "BTC/USDT 100/109.9")),
        (quote("100", "110"), ("fail", "BTC/USDT 100/110: a spread of 10.0 %")),
        (quote("100", None), ("fail", "BTC/USDT has one side only")),
        (quote("100", "101", status="halted"), ("warn", "BTC/USDT is halted")),
        (quote(mid="1.08"), ("pass", "BTC/USDT 1.08")),
    ],
)
def test_canary_price_is_judged(found, expected):
    assert judge_quote("BTC/USDT", found)[:2] == expected


@pytest.mark.parametrize(
    ("kind", "pairs", "quotes", "expected"),
    [
        (BybitAdapter, (), ("ETH/USDT",), "BTC/USDT"),
        (BybitAdapter, ("ETH/USDT", "BTC/USDT"), ("ETH/USDT",), "BTC/USDT"),
        (BybitAdapter, ("ETH/USDT",), ("ETH/USDT",), "ETH/USDT"),
        (CashProvider, (), ("EUR/USD",), "EUR/USD"),
        (CashProvider, (), ("EUR/USD", "USD/JPY"), "USD/JPY"),
    ],
)
def test_canary_is_the_adapters_unless_the_registry_asks_for_others(kind, pairs, quotes, expected):
    batch = QuoteBatch(PairList([]))
    batch.quotes = dict.fromkeys(quotes, quote("1", "1"))
    entry: Any = SimpleNamespace(pairs=pairs)
    assert canary_pair(entry, kind, batch) == expected  # a class will do: only its attributes are read


def test_missing_canary_is_a_failure(check, monkeypatch):
    monkeypatch.setattr(BybitAdapter, "canary", "GONE/USDT")
    status, reason, message, _ = told(check("BYBIT"), "prices")
    assert (status, reason, message) == ("fail", "suspect", "no price of GONE/USDT; 65 quotes, 2 skipped")


def test_key_that_may_write_is_a_warning(check, sandbox, monkeypatch):
    api = sandbox.apis["BYBIT"]
    body = {"retCode": 0, "result": {"readOnly": 0, "permissions": {"Wallet": ["Withdraw"]}}}
    monkeypatch.setattr(api, "key", lambda call: body)
    health = check("BYBIT")
    assert told(health, "key")[:3] == (
        "warn",
        "permission",
        "the key may write; a read-only key is enough; accepted: Wallet.Withdraw",
    )
    assert (health.status, health.healthy) == ("warn", True)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        (None, ("skipped", "not told")),
        (Quota(limit=1000), ("skipped", "not told")),
        (Quota(limit=1000, remaining=100), ("pass", "100 left of 1000")),
        (Quota(limit=1000, remaining=99, resets_at="2026-12-01T00:00:00.000Z"),
         ("warn", "99 left of 1000, until 2026-12-01T00:00:00.000Z")),
        (Quota(limit=1000, remaining=0), ("fail", "0 left of 1000")),
        (Quota(remaining=7), ("pass", "7 left")),
    ],
)  # fmt: skip
def test_quota_warns_before_it_runs_dry(check, monkeypatch, quota, expected):
    monkeypatch.setattr(BybitAdapter, "quota", lambda self: quota)
    health = check("BYBIT")
    assert told(health, "quota")[::2] == expected
    assert health.quota == quota


# Published ------------------------------------------------------------------------------------------------


def test_age_is_read_from_a_running_embedded_redis(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        status, _, message, _ = told(check("BYBIT", max_age_s=60), "published")
        assert (status, message) == ("pass", f"65 quotes published 0 s ago; embedded Redis in {folder}/data/redis")
        meta = store.key("BYBIT", "l1:meta")
        store.call("HSET", meta, "collected_ms", str(now_ms() - 100_000))
        health = check("BYBIT", max_age_s=60)
        assert told(health, "published") == (
            "fail",
            "suspect",
            f"65 quotes published 100 s ago; embedded Redis in {folder}/data/redis; at most 60 s are allowed",
            "marketctl prices collect -p BYBIT",
        )
        assert 100_000 <= health.published_age_ms < 110_000
        # The collector worked a moment ago, but the source tells nothing newer: an exchange never rests.
        assert told(check("BYBIT"), "published")[::2] == (
            "warn",
            f"65 quotes published 100 s ago; embedded Redis in {folder}/data/redis; its own time stands still",
        )
        state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 61_000)})
        status, _, message, _ = told(check("BYBIT"), "published")
        assert (status, message.partition("; expected")[2]) == ("warn", " within 60 s")
        store.call("HSET", meta, "collected_ms", str(now_ms() + 100_000))
        assert told(check("BYBIT", max_age_s=60), "published")[:2] == ("fail", "clock-skew")
        store.call("DEL", meta)
        assert told(check("BYBIT"), "published")[0] == "warn"
        assert told(check("BYBIT", max_age_s=60), "published")[0] == "fail"


def test_rates_of_46_days_ago_are_as_old_for_check_as_for_a_reader(check, folder, sandbox):
    """Published a second ago, under the source's own time: `--max-age` judges by that, without it it is a warning."""
    quote = Quote("EURUSD", "1.08", "1.09", None, None, None, "1.085", None, None, None, now_ms() - 46 * 86_400_000)
    with connect("embedded", folder / "data") as store:
        publish_l1(store, "OPENEXCHANGERATES", {"EUR/USD": quote}, run_id="r", collected_ms=now_ms(), interval_s=3600,
                   skipped=0)  # fmt: skip
        state(folder, "OPENEXCHANGERATES", prices={"last_success": to_iso(now_ms())})
        health = check("OPENEXCHANGERATES", max_age_s=7200)
        assert told(health, "published")[:2] == ("fail", "suspect")
        assert "by the source's own time 39744" in told(health, "published")[2]
        assert health.published_age_ms >= 46 * 86_400_000
        assert nagios_exit([health]) == 2
        status, _, message, _ = told(check("OPENEXCHANGERATES"), "published")
        assert (status, message.endswith("its own time stands still")) == ("warn", True)
        weekend = quote._replace(at_ms=now_ms() - 3 * 86_400_000)
        publish_l1(store, "OPENEXCHANGERATES", {"EUR/USD": weekend}, run_id="s", collected_ms=now_ms() + 1,
                   interval_s=3600, skipped=0)  # fmt: skip
        assert told(check("OPENEXCHANGERATES"), "published")[0] == "pass"


def test_evicting_redis_and_a_failing_collector_are_warnings(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        store.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        store.call("HSET", store.key("BYBIT", "l1:meta"), "status", "failing", "last_error", "network: no route")
        status, reason, message, hint = told(check("BYBIT"), "published")
    assert (status, reason, hint) == ("warn", "suspect", None)
    assert re.sub(r"published \d s", "published 0 s", message) == (
        "the last collection failed: network: no route; Redis may evict quotes (allkeys-lru); "
        f"65 quotes published 0 s ago; embedded Redis in {folder}/data/redis"
    )


def test_asleep_or_absent_redis_is_told_from_the_state_file(check, folder):
    state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 20_000)})
    assert told(check("BYBIT"), "published")[::2] == ("pass", "collected 20 s ago; embedded Redis is asleep")
    assert told(check("BYBIT", max_age_s=10), "published")[0] == "fail"
    edit(folder, 'redis_url = "embedded"', 'redis_url = "none"')
    assert told(check("BYBIT"), "published")[::2] == ("pass", 'collected 20 s ago; redis_url is "none"')


def test_it_is_asleep_only_where_it_can_wake(check, folder, monkeypatch):
    """No program to start: that is a failure, in the words of a run."""

    def nothing():
        raise ConfigError("no redis-server or valkey-server found for the embedded Redis", hint="install one")

    monkeypatch.setattr("marketctl.redis.program.find_server", nothing)
    state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 20_000)})
    assert told(check("BYBIT"), "published") == (
        "fail",
        "config",
        "no redis-server or valkey-server found for the embedded Redis",
        "install one",
    )
    edit(folder, 'redis_url = "embedded"', 'redis_url = "none"')
    assert told(check("BYBIT"), "published")[0] == "pass"


def test_embedded_redis_that_cannot_save_itself_is_a_warning(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        dump = folder / "data" / "redis" / "dump.rdb"
        (dump / "in the way").mkdir(parents=True)  # stands for a disk that takes nothing
        store.call("BGSAVE")
        while b"rdb_bgsave_in_progress:1" in store.call("INFO", "persistence"):
            time.sleep(0.01)
        status, reason, message, _ = told(check("BYBIT"), "published")
        shutil.rmtree(dump)
    assert (status, reason) == ("warn", "storage")
    assert message.startswith("the embedded Redis cannot save itself: a restart would lose history")


def test_unreachable_redis_is_a_failure(check, folder):
    edit(folder, 'redis_url = "embedded"', 'redis_url = "redis://:hidden@127.0.0.1:1/0"')
    status, reason, message, _ = told(check("BYBIT"), "published")
    assert (status, reason) == ("fail", "redis")
    assert message.startswith("cannot reach Redis at redis://127.0.0.1:1/0")


def test_running_server_is_borrowed_over_a_long_path_and_left_running(tmp_path):
    data = tmp_path / ("long" * 20)
    with connect_running("embedded", data) as asleep:
        assert asleep is None
    assert not data.exists()
    with connect("embedded", data) as store:
        store.call("SET", "one", "1")
        with connect_running("embedded", data) as borrowed:
            assert borrowed.call("GET", "one") == b"1"
        assert store.call("GET", "one") == b"1"


# --fail-after -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "fail_after", "expected"),
    [(0, 1, "fail"), (0, 2, "warn"), (2, 3, "warn"), (3, 3, "fail"), (7, 3, "fail")],
)
def test_failures_count_from_the_nth_in_a_row(check, folder, sandbox, failures, fail_after, expected):
    edit(folder, "[settings]", "[settings]\nattempts = 1")
    state(folder, "BYBIT", wallet={"failures": failures}, stats={"failures": 0})
    sandbox.fault("BYBIT=500")
    health = check("BYBIT", fail_after=fail_after)
    found = one(health, "clock")
    assert found.status == expected
    assert health.healthy is (expected == "warn")
    if expected == "warn":
        assert found.message == (
            "GET 127.0.0.1/v5/market/time: HTTP 500 without readable JSON "
            f"(failure {max(failures, 1)} in a row, it counts from {fail_after} on)"
        )


def test_what_waiting_does_not_mend_counts_at_once(check, folder):
    store_credentials(folder / "credentials.toml", {"KUCOIN": {"api_key": WRONG}})
    health = check("KUCOIN", fail_after=3, max_age_s=1)
    assert {one.check for one in health.checks if one.status == "fail"} == {"key", "published"}


def test_several_findings_make_one_verdict_the_worst_first():
    check = Check("prices")
    check.note(Finding("pass", "a"), Finding("fail", "b", "suspect", "do it"), Finding("warn", "c", "storage"))
    assert check == Check("prices", "fail", "suspect", "b; c; a", "do it")


def test_health_as_json_has_every_key():
    health = Health("BYBIT", [Check("import", "pass", message="fine", duration_ms=2)], 3, quota=Quota(limit=5))
    assert json.loads(json.dumps(health.to_dict())) == {
        "provider": "BYBIT",
        "status": "pass",
        "duration_ms": 3,
        "clock_skew_ms": None,
        "quotes": None,
        "held": None,
        "published_age_ms": None,
        "quota": {"limit": 5, "plan": None, "remaining": None, "resets_at": None, "used": None},
        "quota_runs_dry_at": None,
        "checks": [
            {"check": "import", "status": "pass", "reason": None, "message": "fine", "hint": None, "duration_ms": 2}
        ],
    }
