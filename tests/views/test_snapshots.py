"""What changed, in words; what can't be matched."""

import json
from decimal import Decimal

import pytest

from marketctl.errors import StorageFailed
from marketctl.times import now_ms
from marketctl.views.changes import in_words, is_change, narrow
from marketctl.views.snapshots import RECORDS, number, snapshot, tickers, unmapped
from tests.desk import head, make_desk


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("deposit", False, True, "deposit opened"),
        ("withdraw", True, False, "withdraw closed"),
        ("withdraw", None, True, "withdraw unknown → open"),
        ("deposit", False, None, "deposit closed → unknown"),
        ("withdraw_fee", "1", "1.2", "fee 1 → 1.2"),
        ("withdraw_fee", None, "0", "fee unknown → 0"),
        ("withdraw_fee_percent", "0", "2.2", "fee % 0 → 2.2"),
        ("deposit_min", "1", None, "deposit minimum 1 → unknown"),
        ("withdraw_min", "1", "2", "withdraw minimum 1 → 2"),
        ("contract", None, "0xab", "contract unknown → 0xab"),
        ("memo_required", False, True, "memo required no → yes"),
        ("fiat", True, False, "fiat yes → no"),
        ("network", None, "TRX", "network new"),
        ("network", "TRX", None, "network gone"),
        ("asset", None, "BTC", "asset new"),
        ("asset", "BTC", None, "asset gone"),
        ("asset", {"ticker": "BTC"}, None, "asset gone"),
        ("network", None, {"withdraw": True}, "network new"),
        ("withdraw_max", "1", None, "withdraw maximum 1 → unknown"),
        ("field of a later version", "a", "b", "field of a later version a → b"),
    ],
)
def test_a_line_of_the_journal_says_what_it_means(name, before, after, words):
    assert in_words(name, before, after) == words


def test_unmapped_most_coins_first():
    def wallet(provider, **networks):
        coins = {
            coin: {"ticker": coin, "networks": {code: {"network": slug, "name": code.title()} for code, slug in many}}
            for coin, many in networks.items()
        }
        return {"provider": provider, "assets": coins | {"EUR": {"ticker": "EUR", "networks": {}}}}

    found = unmapped(
        [
            wallet("B", X=[("aaa", None)], Y=[("bbb", None), ("trx", "tron")]),
            wallet("A", X=[("bbb", None)]),
            wallet("C", V=[("zzz", None)], W=[("zzz", None)]),
        ]
    )
    assert found == [
        {"provider": "C", "code": "zzz", "name": "Zzz", "assets": ["V", "W"]},
        {"provider": "A", "code": "bbb", "name": "Bbb", "assets": ["X"]},
        {"provider": "B", "code": "aaa", "name": "Aaa", "assets": ["X"]},
        {"provider": "B", "code": "bbb", "name": "Bbb", "assets": ["Y"]},
    ]


@pytest.mark.parametrize("text", [None, "", "NaN", "Infinity", "1,5", 7, True])
def test_number_of_what_is_none_is_unknown(text):
    assert number(text) is None


def test_own_field_network_is_told_from_a_network_that_came():
    assert in_words("network", None, "tron", "TRX") == "common name unknown → tron"
    assert in_words("network", None, "TRX", "TRX") == "network new"  # of an older journal


def test_changes_are_narrowed_by_kind_and_by_how_much_moved():
    def line(field, before, after, network="TRX"):
        return {"field": field, "before": before, "after": after, "network": network}

    lines = [
        line("withdraw", False, True),
        line("deposit", True, None),
        line("withdraw_fee", "1", "1.04"),
        line("withdraw_fee", "1", "1.05"),
        line("withdraw_fee", None, "1"),
        line("withdraw_fee", "0", "1"),
        line("network", {"name": "x"}, None),
        line("note", None, "hm"),
    ]
    assert narrow(lines, ["flags"]) == lines[:2]
    assert narrow(lines, ["opened", "gone"]) == [lines[0], lines[6]]
    assert narrow(lines, ["closed"]) == []
    assert narrow(lines, ["fees"], Decimal(5)) == lines[3:6]
    assert narrow(lines, min_change=Decimal(5)) == [one for one in lines if one != lines[2]]


@pytest.mark.parametrize("text", ["1E999999999", "1e-999999999", "NaN", "Infinity", "", "abc", None, 5, "9" * 5000])
def test_a_stored_decimal_that_is_none_is_unknown(text):
    assert number(text) is None


def test_a_stored_decimal_keeps_its_digits():
    assert str(number("0.10000000000000000000000000000000000001")) == "0.10000000000000000000000000000000000001"


LINE = {"at": "2026-01-01T00:00:00.000Z", "run_id": "r", "provider": "A", "asset": "USDT", "network": "TRX",
        "field": "deposit", "before": True, "after": False}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"network": None}, True),
        ({"field": "network", "before": None, "after": {"name": "TRC20"}}, True),
        ({"field": "withdraw_fee", "before": "1", "after": None}, True),
        ({"network": ...}, False),
        ({"provider": "B"}, False),
        ({"run_id": 5}, False),
        ({"field": "network", "before": None, "after": {"withdraw_fee": 1e999}}, False),
        ({"field": "asset", "network": None, "before": {"ticker": "USDT", "name": 5}, "after": None}, False),
        ({"field": "asset", "network": None, "before": {"ticker": "USDT"}, "after": None}, True),
        ({"before": "open"}, False),
        ({"field": "withdraw_fee", "before": "much", "after": None}, False),
        ({"field": "confirmations", "before": 12, "after": None}, True),
        ({"field": "name", "network": None, "before": "Tether", "after": None}, True),
        ({"network": 5}, False),
        ({"after": {"a": 1}}, False),
        ({"field": ["deposit"]}, False),
        ({"before": ...}, False),
    ],
)
def test_lines_of_a_journal_that_are_changes(change, good):
    line = {name: value for name, value in (LINE | change).items() if value is not ...}
    assert is_change(line, "A") is good


@pytest.mark.parametrize(
    ("job", "records"),
    [
        ("prices", {"A/B": {"bid": 1, "ask": "2"}}),
        ("prices", {"A/B": {"bid": "1", "ask": "2", "status": {}}}),
        ("stats", {"pairs": {"total": Decimal("2.5")}}),
        ("stats", {"quota": {"used": [1]}}),
        ("stats", {"turnover_24h": {"USDT": {}}}),
        ("stats", {"pairs": {"total": True}}),
        ("stats", {"latency_ms": Decimal("1.5")}),
    ],
)
def test_a_value_of_another_type_is_no_snapshot(tmp_path, job, records):
    desk = make_desk(tmp_path, now_ms(), "none")
    path = desk.settings.data_dir / job / "KUCOIN.json"
    written = head("KUCOIN", job, now_ms()) | {RECORDS[job]: records}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, default=float))
    with pytest.raises(StorageFailed, match=f"KUCOIN.json is no {job} snapshot of KUCOIN$"):
        snapshot(desk, job, "KUCOIN")


@pytest.mark.parametrize("layout", ["one record a line", "another"])
def test_of_a_wallet_the_named_assets_may_be_enough(tmp_path, layout):
    desk = make_desk(tmp_path, now_ms(), "none")
    path = desk.settings.data_dir / "wallet" / "KUCOIN.json"
    if layout == "another":
        path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    whole = snapshot(desk, "wallet", "KUCOIN")
    found = snapshot(desk, "wallet", "KUCOIN", {"GEM"})
    assert list(whole["assets"]) == ["GEM", "USDT"]
    assert list(found["assets"]) == (["GEM"] if layout == "one record a line" else ["GEM", "USDT"])
    assert found["assets"]["GEM"] == whole["assets"]["GEM"]
    assert tickers([found]) == tickers([whole]) == {"GEM", "USDT"}


def test_a_line_that_is_no_json_hides_no_named_asset(tmp_path):
    desk = make_desk(tmp_path, now_ms(), "none")
    path = desk.settings.data_dir / "wallet" / "KUCOIN.json"
    path.write_text(path.read_text().replace('"memo_required": null', '"memo_required": nul', 1))  # of GEM
    assert list(snapshot(desk, "wallet", "KUCOIN", {"USDT"})["assets"]) == ["USDT"]
    found = snapshot(desk, "wallet", "KUCOIN", {"GEM"})
    assert (found["assets"], found["unreadable"]) == ({}, ["GEM"])
    with pytest.raises(StorageFailed, match="is not JSON"):
        snapshot(desk, "wallet", "KUCOIN")
