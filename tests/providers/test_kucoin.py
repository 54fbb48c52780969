"""KUCOIN: sample answers to exact models, and what a coin's, a pair's or a key's state means."""

from collections import Counter

import pytest

from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import kucoin


def test_assets_null_chains_renamed_coins_and_old_shapes(sample):
    batch = kucoin.parse_assets(sample("kucoin/currencies"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether",
            precision=8,
            networks={
                "eth": Network(
                    name="ERC20",
                    network="ethereum",
                    deposit=True,
                    withdraw=True,
                    withdraw_min="12",
                    withdraw_fee="6.5",
                    withdraw_fee_percent="0",
                    precision=6,
                    confirmations=12,
                    contract="0x00000000000000000000000000000000000000d4",
                    memo_required=False,
                ),
                "ton2": Network(
                    name="TON",
                    network="ton",
                    deposit=True,
                    withdraw=False,
                    deposit_min="0.5",
                    withdraw_min="2",
                    withdraw_max="50000.50",
                    withdraw_fee="0",
                    withdraw_fee_percent="0.125",
                    precision=4,
                    confirmations=1,
                    memo_required=True,
                ),
                "oddchain": Network(
                    name="Odd",
                    withdraw=True,
                    withdraw_fee="0.0000001",
                    withdraw_fee_percent="0",
                    confirmations=0,
                    contract="usdt.tether-token.near",
                ),
            },
        ),
        "GALAX": Asset(
            "GALAX",
            "GALA",
            "Gala Games",
            precision=8,
            networks={
                "eth": Network(
                    name="ERC20",
                    network="ethereum",
                    deposit=False,
                    withdraw=False,
                    deposit_min="10",
                    withdraw_min="30",
                    withdraw_fee="15",
                    withdraw_fee_percent="0",
                    confirmations=64,
                    contract="0x00000000000000000000000000000000000000e5",
                )
            },
        ),
        "GALA": Asset("GALA", "GALAOLD", "Gala, the dead one", precision=8),
        "KAGI": Asset("KAGI", "KAGI", precision=6),
        "EUR": Asset("EUR", "EUR", "EUR", fiat=True, precision=2),
        "00": Asset("00", "00", "00", precision=8),
    }
    assert batch.skipped == Counter({"no-code": 3, "duplicate": 2, "not-a-flag": 1, "not-a-number": 1, "negative": 1})
    assert (batch.assets["USDT"].deposit, batch.assets["GALAX"].withdraw, batch.assets["EUR"].deposit) == (
        True,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("told", "percent", "skipped"),
    [
        ({}, "0", {}),
        ({"withdrawFeeRate": None}, "0", {}),
        ({"withdrawFeeRate": "0.0015"}, "0.15", {}),
        ({"withdrawFeeRate": "much"}, None, {"not-a-number": 1}),
        ({"withdrawFeeRate": "-0.1"}, None, {"negative": 1}),
    ],
)
def test_fee_rate_that_cannot_be_read_is_unknown_and_a_missing_one_none(told, percent, skipped):
    row = {"currency": "X", "chains": [{"chainId": "x"} | told]}
    batch = kucoin.parse_assets({"data": [row]})
    assert batch.assets["X"].networks["x"].withdraw_fee_percent == percent
    assert batch.skipped == skipped


def test_pairs_show_names_and_halt_for_auctions_and_later_starts(sample):
    assert kucoin.parse_pairs(sample("kucoin/symbols"), 1767323000000) == [
        Pair("BTC-USDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("GALAX-USDT", "GALA", "USDT", "GALAX", "USDT", "trading"),
        Pair("GALA-USDT", "GALA", "USDT", "GALA", "USDT", "halted"),
        Pair("KAGI-USDT", "KAGI", "USDT", "KAGI", "USDT", "trading"),
        Pair("AUCT-USDT", "AUCT", "USDT", "AUCT", "USDT", "halted"),
        Pair("SOON-USDT", "SOON", "USDT", "SOON", "USDT", "halted"),
        Pair("OLD-BTC", "OLD", "BTC", "OLD", "BTC", None),
        Pair("NONAME-BTC", "NONAME", "BTC", "NONAME", "BTC", "trading"),
    ]


def test_prices_buy_is_the_bid_null_is_an_empty_side_and_colliding_names_stay_apart(sample):
    pairs = PairList(kucoin.parse_pairs(sample("kucoin/symbols"), 1767323000000))
    batch = kucoin.parse_prices(sample("kucoin/tickers"), QuoteBatch(pairs))
    at = 1767323044000
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTC-USDT",
            "91230.4",
            "91230.5",
            "0.412",
            "1.07",
            "91230.5",
            None,
            "1836.03034612",
            "124068431.06726933",
            "trading",
            at,
        ),
        "GALAX/USDT": Quote("GALAX-USDT", "0.0152", "0.0153", "900", "10", "0.0152", None, "5", "0.076", "trading", at),
        "GALA/USDT": Quote("GALA-USDT", None, "9", None, "1", None, None, "0", "0", "halted", at),
        "KAGI/USDT": Quote("KAGI-USDT", "0.5", "0.6", None, None, None, None, None, None, "trading", at),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 1, "crossed": 1, "not-a-number": 1})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"status": "open", "msg": ""}, Platform("ok")),
        ({"status": "close", "msg": "upgrade until 10:00"}, Platform("maintenance", "close: upgrade until 10:00")),
        ({"status": "cancelonly", "msg": None}, Platform("maintenance", "cancelonly")),
        ({"status": "sleepy"}, Platform("unknown", "sleepy")),
        ("junk", Platform()),
    ],
)
def test_status_cancelonly_is_maintenance_and_a_new_word_is_unknown(data, expected):
    assert kucoin.parse_status({"code": "200000", "data": data}) == expected


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ("General", KeyInfo(("General",))),
        ("General,InnerTransfer", KeyInfo(("General", "InnerTransfer"))),
        (
            "General,Transfer,Withdrawal",
            KeyInfo(
                ("General", "Transfer", "Withdrawal"),
                ("the key may move funds (Transfer, Withdrawal); General is enough",),
            ),
        ),
        (None, KeyInfo()),
    ],
)
def test_key_that_may_move_funds_is_warned_of(granted, expected):
    assert kucoin.parse_key({"code": "200000", "data": {"apiVersion": 3, "permission": granted}}) == expected
