"""The sub-checks: what each one says, in which order, what stands in its way, and that nothing is written."""

from collections import Counter

import pytest

from marketctl.check.health import CHECKS
from marketctl.models import Platform
from marketctl.providers.cex.bybit import BybitAdapter
from tests.check.looking import collect, edit, one, told, tree, verdicts

# The whole ---------------------------------------------------------------------------------


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


# What stands in the way --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "reason", "words"),
    [
        ("drop", "fail", "network", "GET 127.0.0.1/v5/market/time: the connection was closed without an answer"),
        ("slow:2", "fail", "timeout", "GET 127.0.0.1/v5/market/time: no answer within 0.5 s"),
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
    edit(folder, "[settings]", "[settings]\nattempts = 1\ntimeout_s = 0.5")
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
