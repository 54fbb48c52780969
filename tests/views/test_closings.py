"""Since when a network is closed, by the journal."""

import json

import pytest

from marketctl.errors import StorageFailed
from marketctl.views.closings import closed_since


def test_the_last_change_of_a_door_counts_and_one_that_opened_is_none(tmp_path):
    path = tmp_path / "X.changes.jsonl"
    lines = [
        ("10:00", "USDT", "TRX", "withdraw", False),
        ("10:30", "USDT", "TRX", "withdraw", True),
        ("11:00", "USDT", "TRX", "withdraw", False),
        ("11:10", "USDT", "TRX", "withdraw_fee", "1"),
        ("11:20", "USDT", "ETH", "deposit", False),
        ("11:30", "USDT", "ETH", "deposit", None),  # no longer known to be closed
        ("11:40", "GEM", None, "deposit", False),
    ]
    common = {"run_id": "r", "provider": "X", "before": None}
    text = "".join(
        json.dumps(common | dict(zip(("at", "asset", "network", "field", "after"),
                            (f"2026-11-25T{at}:00.000Z", *rest), strict=True))) + "\n"
        for at, *rest in lines
    )  # fmt: skip
    foreign = common | {"at": "2026-11-25T12:00:00Z", "network": None, "field": "withdraw", "after": False, "asset": []}
    path.write_text(text + '{"field":"withdraw", broken\n"withdraw"\n' + json.dumps(foreign) + "\n")
    assert closed_since(path) == {
        ("USDT", "TRX", "withdraw"): 1_795_604_400_000,
        ("GEM", None, "deposit"): 1_795_606_800_000,
    }


def test_no_journal_tells_nothing_and_one_that_cannot_be_read_is_an_error(tmp_path):
    assert closed_since(tmp_path / "X.changes.jsonl") == {}
    with pytest.raises(StorageFailed):
        closed_since(tmp_path)
