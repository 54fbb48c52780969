"""Of clock, key and rights a check says which is wrong; and what is left of the quota."""

import re

import pytest

from marketctl.config.credentials import store_credentials
from marketctl.models import Clock, Quota
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.sandbox.base import Reply
from marketctl.times import now_ms
from tests.check.looking import WRONG, told, verdicts


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
