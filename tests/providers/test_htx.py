"""HTX: sample answers to exact models, and what a coin's or a pair's state means."""

from collections import Counter

import pytest

from marketctl.errors import AuthFailed, BadAnswer
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import htx

GALA = {"NEWGALA": ["GALA", "Gala Games", 1]}


def test_assets_fees_of_all_kinds_and_delisted_coins(sample):
    batch = htx.parse_assets(sample("htx/currencies"), htx.parse_names(sample("htx/names")) | GALA)
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether USD",
            networks={
                "trc20usdt": Network(
                    name="TRC20",
                    network="tron",
                    deposit=True,
                    withdraw=False,
                    deposit_min="0.1",
                    withdraw_min="2",
                    withdraw_max="5000000.000000000000000000",
                    withdraw_fee="1.2",
                    precision=6,
                    confirmations=3,
                    contract="TTether0000000000000000000000000a1",
                    memo_required=False,
                    note="the fee floats with the network",
                ),
                "prc20usdt": Network(
                    name=None,
                    network="polygon",
                    deposit=True,
                    withdraw=True,
                    deposit_min="1",
                    withdraw_min="1.6",
                    withdraw_max=None,
                    withdraw_fee="3",
                    precision=6,
                    confirmations=150,
                    contract="c0ffee000000000000000000000000000000b0b1",
                    memo_required=False,
                    note="fee 1.5 up to 100, 2 up to 5000, 3 above",
                ),
            },
        ),
        "BTC": Asset(
            "BTC",
            "BTC",
            None,
            networks={
                "btc": Network(
                    name="BTC",
                    network="bitcoin",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.0001",
                    withdraw_min="0.0005",
                    withdraw_max=None,
                    withdraw_fee="0",
                    precision=8,
                    confirmations=1,
                    memo_required=None,
                ),
                "trc20btc": Network(
                    name="TRC20",
                    network="tron",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.001",
                    withdraw_min="0.001",
                    withdraw_max="9999999999999.99",
                    withdraw_fee=None,
                    withdraw_fee_percent="0.20",
                    precision=8,
                    confirmations=1,
                    memo_required=True,
                ),
                "btctrc20": Network(
                    name="TRC20",
                    network="tron",
                    deposit=None,
                    withdraw=False,
                    withdraw_fee="0.00010",
                    note="fee 0.00010 to 0.01",
                ),
            },
        ),
        "NEWGALA": Asset(
            "NEWGALA",
            "GALA",
            "Gala Games",
            networks={
                "newgala1": Network(
                    name="GALAX", network=None, deposit=True, withdraw=True, withdraw_fee_percent="1", note="fee 5 to ?"
                )
            },
        ),
        "OLDDEF": Asset("OLDDEF", "DEF", networks={"olddef": Network(deposit=False, withdraw=False, withdraw_fee="1")}),
        "GONE": Asset("GONE", "GONE", deposit=False, withdraw=False),
        "BARE": Asset("BARE", "BARE"),
        "TRY": Asset("TRY", "TRY", fiat=True),
        "EUR": Asset("EUR", "EUR", "Euro", fiat=True),
    }
    assert batch.skipped == Counter({"no-code": 3, "duplicate": 1, "not-a-flag": 1, "not-a-number": 1})
    assert (batch.assets["OLDDEF"].deposit, batch.assets["BARE"].deposit) == (False, None)


def test_assets_step_fee_without_a_fixed_one_is_the_highest_step():
    steps = [{"max": "100", "fee": "1.5"}, {"max": "9223372036854775807", "fee": "3.00"}]
    chain = {"withdrawFeeType": "fixed", "withdrawFeeExpandData": {"step-fixed-step-list": steps}}
    assert htx.parse_fee(chain, htx.AssetBatch()) == ("3.00", None, "fee 1.5 up to 100, 3.00 above")


def test_assets_step_that_is_not_told_is_a_question_mark():
    steps = [{"max": None, "fee": "1.5"}, {"max": "200", "fee": ""}, {"fee": None}]
    chain = {"transactFeeWithdraw": "2", "withdrawFeeExpandData": {"step-fixed-step-list": steps}}
    assert htx.parse_fee(chain, htx.AssetBatch()) == ("2", None, "fee 1.5 up to ?, ? up to 200, ? above")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("normal", True),
        (None, True),
        ("", True),
        ("delisted", False),
        ("paused", None),
        ("Normal", None),
        (["x"], None),
    ],
)
def test_assets_coin_in_a_state_nobody_knows_is_neither_open_nor_closed(state, told):
    chain = {"chain": "x", "depositStatus": "allowed", "withdrawStatus": "allowed"}
    rows = [{"currency": "x", "instStatus": state, "chains": [chain]}, {"currency": "y", "instStatus": state}]
    batch = htx.parse_assets({"data": rows}, {})
    flags = {name: (asset.deposit, asset.withdraw) for name, asset in batch.assets.items()}
    assert flags == {"X": (told, told), "Y": (None if told else told,) * 2}
    assert batch.skipped == ({"not-a-flag": 2} if told is None else {})


def test_pairs_shown_names_states_and_the_older_key_of_the_symbol(sample):
    assert htx.parse_pairs(sample("htx/symbols")) == [
        Pair("btcusdt", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("usdthusd", "USDT", "HUSD", "USDT", "HUSD", "halted"),
        Pair("newgalausdt", "GALA", "USDT", "NEWGALA", "USDT", "trading"),
        Pair("galausdt", "GALA", "USDT", "GALA", "USDT", "halted"),
        Pair("btc3lusdt", "BTC3L", "USDT", "BTC3L", "USDT", "trading"),
        Pair("1inchbtc", "1INCH", "BTC", "1INCH", "BTC", "trading"),
        Pair("oddusdt", "ODD", "USDT", "ODD", "USDT", None),
        Pair("fuseusdt", "FUSE", "USDT", "FUSE", "USDT", "halted"),
    ]


def test_pairs_what_changed_alone_is_refused(sample):
    with pytest.raises(BadAnswer, match=r"^the list of pairs tells only what changed \(full is not 1\)$"):
        htx.parse_pairs(sample("htx/symbols") | {"full": 0})


def test_prices_exponents_are_written_out_and_bad_rows_are_counted(sample):
    pairs = PairList(htx.parse_pairs(sample("htx/symbols")))
    batch = htx.parse_prices(sample("htx/tickers"), QuoteBatch(pairs))
    at_ms = 1767323044123
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "btcusdt",
            "91230.40",
            "91230.41",
            "0.412",
            "880000.0",
            "91230.4",
            None,
            "190708751.2791328",
            "149000.123",
            "trading",
            at_ms,
        ),
        "NEWGALA/USDT": Quote(
            "newgalausdt",
            "0.0000001234567890123456789012345678901234",
            "0.0000415",
            "1234567890123456789012345678901234",
            "0",
            "0.00004147",
            None,
            "90090730.707133525077464434840000000000",
            "0.1234567890123456789012345678901234",
            "trading",
            at_ms,
        ),
        "GALA/USDT": Quote("galausdt", "0.02", None, "1", None, "0.02", None, "0.0", "0.0", "halted", at_ms),
        "BTC3L/USDT": Quote("btc3lusdt", None, "0.0021", None, "9000.0", "0.002", None, "0.0", "0.0", "trading", at_ms),
    }
    assert batch.skipped == Counter({"no-price": 1, "crossed": 1, "not-a-number": 1, "unknown-symbol": 3})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"marketStatus": 1}, Platform("ok")),
        (
            {"marketStatus": 2, "haltReason": 3, "haltEndTime": 1767225600000, "affectedSymbols": "btcusdt,ethusdt"},
            Platform("maintenance", "trading is halted until 2026-01-01T00:00:00.000Z: btcusdt,ethusdt"),
        ),
        ({"marketStatus": 3, "affectedSymbols": "all"}, Platform("maintenance", "orders can only be cancelled: all")),
        ({"marketStatus": 2}, Platform("maintenance", "trading is halted")),
        ({"marketStatus": 9}, Platform("unknown")),
        (None, Platform("unknown")),
    ],
)
def test_status_halted_and_cancel_only_are_maintenance(data, expected):
    assert htx.parse_status({"code": 200, "data": data}) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"permission": "readOnly"}, KeyInfo(("readOnly",))),
        (
            {"permission": "trade, readOnly", "status": "normal"},
            KeyInfo(("trade", "readOnly"), ("the key may trade; a read-only key is enough",)),
        ),
        (
            {"permission": "readOnly,trade,withdraw"},
            KeyInfo(("readOnly", "trade", "withdraw"), ("the key may trade and withdraw; a read-only key is enough",)),
        ),
        ({"accessKey": "of another key", "permission": "withdraw"}, KeyInfo()),
    ],
)
def test_key_permissions_are_those_of_our_key(row, expected):
    assert htx.parse_key({"code": 200, "data": [{"accessKey": "ours"} | row]}, "ours") == expected


def test_key_expired_is_auth():
    with pytest.raises(AuthFailed, match=r"^the key has expired$"):
        htx.parse_key({"data": [{"accessKey": "ours", "status": "expired"}]}, "ours")
