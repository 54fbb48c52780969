"""A provider's verdict: the worst finding counts, failures from the nth in a row on."""

import json

import pytest

from marketctl.check.health import Check, Finding, Health
from marketctl.config.credentials import store_credentials
from marketctl.models import Quota
from tests.check.looking import WRONG, edit, one, state


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
