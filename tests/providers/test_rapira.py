"""RAPIRA: sample answers to exact models, and what a missing pair or row means."""

from collections import Counter

import pytest

from marketctl.errors import BadAnswer
from marketctl.models import Asset, Network, Pair, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import rapira


def test_assets_join_the_rows_of_a_coin_and_rub_is_added(sample):
    batch = rapira.parse_assets(sample("rapira/token"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            networks={
                "TRX": Network(
                    name="TRC20",
                    network="tron",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.03",
                    withdraw_min="6",
                    withdraw_fee="2.50",
                    precision=2,
                ),
                "ETH": Network(
                    name="ERC20",
                    network="ethereum",
                    deposit=True,
                    withdraw=False,
                    deposit_min="0.03",
                    withdraw_min="25",
                    withdraw_fee="7",
                    precision=6,
                ),
            },
        ),
        "BTC": Asset(
            "BTC",
            "BTC",
            networks={
                "BTC": Network(
                    network="bitcoin",
                    deposit=False,
                    withdraw=False,
                    deposit_min="0.00001",
                    withdraw_min="0.0006",
                    precision=8,
                ),
                "ZZCHAIN": Network(deposit=True),
            },
        ),
        "RUB": Asset("RUB", "RUB", fiat=True),
    }
    assert (batch.assets["BTC"].deposit, batch.assets["BTC"].withdraw) == (True, None)
    assert (batch.assets["RUB"].deposit, batch.assets["RUB"].withdraw) == (None, None)
    assert batch.skipped == Counter({"no-code": 2, "duplicate": 1})


def test_assets_may_come_in_an_envelope(sample):
    rows = sample("rapira/token")
    assert rapira.parse_assets({"data": rows}).assets == rapira.parse_assets(rows).assets


@pytest.mark.parametrize("body", [[], {"data": []}, {}, "text", [{"coinId": "USDT"}], [{"unexpected": 1}, 7]])
def test_rub_alone_is_no_list_of_assets(body):
    with pytest.raises(BadAnswer):
        rapira.parse_assets(body)


def test_pairs_the_symbol_is_believed_and_a_missing_pair_is_halted(sample):
    statuses = rapira.parse_statuses(sample("rapira/pairs"))
    assert statuses == {
        "USDT/RUB": "trading",
        "BTC/USDT": "trading",
        "TON/USDT": "trading",
        "DASH/USDT": "halted",
        "ODD/USDT": None,
    }
    assert rapira.parse_pairs(sample("rapira/rates")["data"], statuses) == [
        Pair("USDT/RUB", "USDT", "RUB", "USDT", "RUB", "trading"),
        Pair("BTC/USDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("TON/USDT", "TON", "USDT", "TON", "USDT", "trading"),
        Pair("DASH/USDT", "DASH", "USDT", "DASH", "USDT", "halted"),
        Pair("PEPE/USDT", "PEPE", "USDT", "PEPE", "USDT", "halted"),
        Pair("ODD/USDT", "ODD", "USDT", "ODD", "USDT", None),
        Pair("MISS/USDT", "MISS", "USDT", "MISS", "USDT", "halted"),
        Pair("CROSS/USDT", "CROSS", "USDT", "CROSS", "USDT", "halted"),
    ]
    assert {pair.status for pair in rapira.parse_pairs(sample("rapira/rates")["data"], None)} == {None}


@pytest.mark.parametrize("body", [[], {}, [{"coinSymbol": "USDT"}], {"data": "text"}])
def test_list_of_pairs_without_a_readable_one_halts_nothing(body):
    with pytest.raises(BadAnswer):
        rapira.parse_statuses(body)


def test_prices_of_numbers_keep_their_digits_and_bad_rows_are_counted(sample):
    statuses = rapira.parse_statuses(sample("rapira/pairs"))
    volumes = rapira.parse_volumes(sample("rapira/symbol-thumb"))
    batch = QuoteBatch(PairList(rapira.parse_pairs(sample("rapira/rates")["data"], statuses)))
    rapira.parse_prices(sample("rapira/rates")["data"], volumes, batch)
    rest = (None, None)
    assert batch.quotes == {
        "USDT/RUB": Quote(
            "USDT/RUB", "81.90", "81.97", *rest, "81.95", None, "1350034.25", "110627806.7875", "trading", None
        ),
        "BTC/USDT": Quote("BTC/USDT", "91230.4", "91231.5", *rest, "91230", None, None, None, "trading", None),
        "TON/USDT": Quote("TON/USDT", None, "3.25", *rest, "3.24", None, None, None, "trading", None),
        "DASH/USDT": Quote("DASH/USDT", "41.1", "41.4", *rest, "41.2", None, None, None, "halted", None),
        "PEPE/USDT": Quote(
            "PEPE/USDT", "0.00000410", "0.0000042", *rest, "0.0000041", None, None, None, "halted", None
        ),
        "ODD/USDT": Quote("ODD/USDT", "1.1", "1.2", *rest, "1", None, None, None, None, None),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 1, "crossed": 1})
