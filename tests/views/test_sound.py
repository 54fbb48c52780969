"""Which stored records are as marketctl writes them."""

import pytest

from marketctl.models import Network
from marketctl.views.mirrors import read_aside, read_quotes
from marketctl.views.sound import read_asset, read_assets, read_head, read_stats
from tests.desk import asset

BTC = asset("BTC", {"BTC": Network(network="bitcoin", deposit=True, withdraw_fee="0.0001", confirmations=2)})


@pytest.mark.parametrize(
    "change",
    [
        {"ticker": ""},
        {"ticker": None},
        {"name": ["Bitcoin"]},
        {"deposit": "no"},
        {"withdraw": 0},
        {"precision": "8"},
        {"precision": True},
        {"networks": []},
        {"networks": {"BTC": []}},
    ],
)
def test_a_field_of_another_type_makes_an_asset_none(change):
    assert read_asset(BTC | change) is None


@pytest.mark.parametrize(
    "change",
    [
        {"network": ""},
        {"network": []},
        {"contract": 5},
        {"deposit": 1},
        {"memo_required": "yes"},
        {"confirmations": "2"},
        {"confirmations": 2.5},
        {"note": {}},
        {"withdraw_fee": 0.0001},
        {"withdraw_fee": "free"},
        {"withdraw_fee": "1,5"},
        {"withdraw_fee": " 1"},
        {"withdraw_min": "1_000"},
        {"withdraw_max": "١"},
        {"deposit_min": "1e3"},
        {"withdraw_fee_percent": "9" * 61},
        {"withdraw_fee_percent": ""},
    ],
)
def test_a_field_of_another_type_makes_a_network_and_its_asset_none(change):
    network = BTC["networks"]["BTC"] | change
    sound = {"ETH": BTC | {"ticker": "ETH"}}
    assert read_assets({"XBT": BTC | {"networks": {"BTC": network}}} | sound) == (sound, ["BTC"])


def test_what_is_not_there_is_unknown_and_what_is_not_ours_is_let_be():
    assert read_assets({"X": {"ticker": "X", "color": [1], "networks": {"A": {"withdraw_fee": "1"}}}, "Y": 5}) == (
        {
            "X": {
                "ticker": "X", "color": [1], "name": None, "precision": None, "fiat": None, "deposit": None,
                "withdraw": None,
                "networks": {"A": {
                    "confirmations": None, "contract": None, "deposit": None, "deposit_min": None,
                    "memo_required": None, "name": None, "network": None, "note": None, "precision": None,
                    "withdraw": None, "withdraw_fee": "1", "withdraw_fee_percent": None, "withdraw_max": None,
                    "withdraw_min": None,
                }},
            }
        },
        ["Y"],
    )  # fmt: skip
    assert read_asset({"ticker": "X", "networks": None})["networks"] == {}


QUOTE = dict.fromkeys(("ask", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume")) | {
    "bid": "1.50", "symbol": "X", "status": "trading", "at": "2026-01-02T03:04:05.678Z", "derived": False,
}  # fmt: skip


def test_quotes_with_all_their_fields():
    assert read_quotes({"A/B": QUOTE}) == {"A/B": QUOTE}
    assert read_quotes({"A/B": {"bid": "1.50"}}) == {"A/B": dict.fromkeys(QUOTE) | {"bid": "1.50"}}
    assert read_quotes({}) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"bid": 1.5},
        {"bid": "x"},
        {"ask_size": ""},
        {"volume": "1,2"},
        {"symbol": 5},
        {"status": []},
        {"status": "open"},
        {"at": "soon"},
        {"at": 5},
        {"derived": "no"},
        {"collected_at": None},
        {"collected_at": "soon"},
        {"collected_ms": 5},
    ],
)
def test_one_quote_of_another_type_makes_a_mirror_none(change):
    assert read_quotes({"OK/B": QUOTE, "A/B": QUOTE | change}) is None


HELD = {"verdict": "jump", "why": "so far off", "since": "2026-01-02T03:04:05.678Z", "bid": "1", "by": ["KUCOIN"]}


def test_what_is_held_with_all_its_fields():
    told = read_aside({"A/B": HELD | {"last_good": {"bid": "2", "at": "2026-01-02T03:04:05.678Z"}}})
    assert {name: one for name, one in told["A/B"].items() if one is not None} == HELD | {
        "last_good": {"bid": "2", "ask": None, "mid": None, "at": "2026-01-02T03:04:05.678Z", "collected_at": None}
    }
    assert read_aside(None) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": None},
        {"why": 5},
        {"bid": "x"},
        {"by": "KUCOIN"},
        {"by": [5]},
        {"cycles": "2"},
        {"reference": 5},
        {"deviation_percent": "far"},
        {"last_good": {"bid": 5}},
    ],
)
def test_a_record_of_another_type_makes_a_mirror_none(change):
    assert read_aside({"A/B": HELD | change}) is None
    assert read_aside([]) is None


def test_statistics_with_all_their_fields():
    assert read_stats({"pairs": {"total": 5}, "turnover_24h": {"USDT": "1.5"}, "latency_ms": 3}) == {
        "pairs": {"total": 5, "trading": None, "halted": None},
        "assets": {"total": None, "deposit_open": None, "withdraw_open": None},
        "networks": {"total": None, "deposit_open": None, "withdraw_open": None},
        "turnover_24h": {"USDT": "1.5"},
        "server_time": None, "clock_skew_ms": None, "latency_ms": 3,
        "platform": {"status": None, "message": None},
        "quota": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": [5]},
        {"pairs": {"total": "5"}},
        {"turnover_24h": {"USDT": "much"}},
        {"turnover_24h": {"USDT": None}},
        {"turnover_24h": ["1"]},
        {"platform": {"status": 1}},
        {"quota": {"used": "5"}},
        {"server_time": 5},
        {"latency_ms": "3"},
    ],
)
def test_a_figure_of_another_type_makes_statistics_none(change):
    assert read_stats(change) is None


def test_a_head_tells_what_is_of_its_type_alone():
    good = {"run_id": "r", "version": "1", "known_since": "2026-01-02T03:04:05.678Z", "journal_bytes": 0,
            "journal_cut": True, "largest": {"at": "2026-01-02T03:04:05.678Z", "count": 5}, "key_ends_at": None,
            "quota_marks": [{"at": "2026-01-02T03:04:05.678Z", "used": 5, "resets_at": None}]}  # fmt: skip
    found = dict(good)
    read_head(found)
    assert found == good
    found = {"run_id": 5, "known_since": "soon", "journal_bytes": -1, "journal_cut": 1, "largest": {"count": 5},
             "key_ends_at": 5, "quota_marks": [5]}  # fmt: skip
    read_head(found)
    assert found == {"run_id": None, "version": None}
