"""WHITEBIT: sample answers to exact models, and what a flag, a fee or a state means."""

from collections import Counter

import pytest

from marketctl.errors import BadAnswer
from marketctl.models import Asset, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import whitebit
from marketctl.providers.cex.whitebit import WhitebitAdapter


def test_assets_join_the_fee_of_each_network_and_keep_retired_ones(sample):
    batch = whitebit.parse_assets(sample("whitebit/assets"), sample("whitebit/fee"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether US",
            precision=6,
            networks={
                "ERC20": Network(
                    network="ethereum",
                    deposit=True,
                    withdraw=True,
                    deposit_min="6.0",
                    withdraw_min="14",
                    withdraw_fee="0",
                    withdraw_fee_percent="0",
                    confirmations=32,
                    memo_required=False,
                ),
                "TRC20": Network(
                    network="tron",
                    deposit=True,
                    withdraw=False,
                    deposit_min="2.5",
                    withdraw_min="3.5",
                    withdraw_max="250000",
                    withdraw_fee="1.90",
                    withdraw_fee_percent="0",
                    confirmations=20,
                    memo_required=False,
                ),
                # 10^18 as a minimum means closed.
                "BEP20": Network(network="bsc", deposit=False, withdraw=False, memo_required=False),
                "OMNI": Network(
                    network=batch.assets["USDT"].networks["OMNI"].network,
                    deposit=False,
                    withdraw=False,
                    confirmations=3,
                    memo_required=False,
                ),
            },
        ),
        # One network: the plain fee is its own, and so is what is told of the whole coin.
        "BTC": Asset(
            "BTC",
            "BTC",
            "Bitcoin",
            precision=8,
            networks={
                "BTC": Network(
                    network="bitcoin",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.0002",
                    withdraw_min="0.0005",
                    withdraw_max="40",
                    withdraw_fee="0.00025",
                    withdraw_fee_percent="0",
                    confirmations=2,
                    memo_required=False,
                )
            },
        ),
        "AVX": Asset(
            "AVX",
            "AVX",
            "Averix",
            precision=8,
            networks={
                "AVX": Network(
                    deposit=False,
                    withdraw=False,
                    deposit_min="3",
                    withdraw_min="8",
                    withdraw_max="500",
                    confirmations=15,
                    memo_required=True,
                )
            },
        ),
        "FLX": Asset(
            "FLX",
            "FLX",
            "Flexcoin",
            precision=4,
            networks={
                "ERC20": Network(
                    network="ethereum",
                    deposit=False,
                    withdraw=True,
                    deposit_min="2",
                    withdraw_min="5",
                    withdraw_max="9000",
                    withdraw_fee="0.5",
                    withdraw_fee_percent="1.5",
                    memo_required=True,
                    note="min_fee 3",
                ),
                "SOL": Network(
                    network="solana",
                    deposit=False,
                    withdraw=True,
                    withdraw_min="5",
                    withdraw_fee="0",
                    withdraw_fee_percent="2",
                    memo_required=True,
                    note="min_fee 1, max_fee 8",
                ),
            },
        ),
        # A plain fee is not spread over two networks; a missing switch is unknown.
        "PLN1": Asset(
            "PLN1",
            "PLN1",
            "Plain fee, two networks",
            networks={
                "BEP20": Network(network="bsc", deposit=None, withdraw=True, confirmations=15),
                "BEP2": Network(
                    network=batch.assets["PLN1"].networks["BEP2"].network,
                    deposit=False,
                    withdraw=False,
                    confirmations=1,
                ),
            },
        ),
        "NONE": Asset("NONE", "NONE", precision=8, deposit=False, withdraw=False),
        "EUR": Asset("EUR", "EUR", "Euro", fiat=True, precision=2, deposit=True, withdraw=False),
        "UAH": Asset("UAH", "UAH", "Гривня", fiat=True, deposit=True, withdraw=True),
    }
    assert batch.skipped == Counter({"not-an-asset": 2, "bad-row": 1})


@pytest.mark.parametrize(
    ("row", "deposit", "needed"),
    [
        ({"can_deposit": True, "networks": {"deposits": ["X"]}, "memo": {"deposit": True}}, True, True),
        ({"can_deposit": True, "networks": {"deposits": "X"}, "is_memo": True, "memo": {"deposit": False}}, None, True),
        (
            {"can_deposit": False, "networks": {"deposits": "X"}, "memo": {"deposit": False, "withdraw": False}},
            False,
            False,
        ),
        ({"can_deposit": True, "networks": None, "memo": None}, False, None),
        ({"can_deposit": True, "networks": "X"}, None, None),
        ({"can_deposit": True, "networks": ["X"]}, None, None),
        ({"can_deposit": False, "networks": "X"}, False, None),
        ({"can_deposit": "1", "networks": {"deposits": ["X"]}, "is_memo": False}, True, False),
        ({"can_deposit": "yes", "networks": {"deposits": ["X"]}}, None, None),
        (
            {
                "can_deposit": True,
                "networks": {"deposits": ["X"]},
                "limits": {"deposit": {"X": {"min": "1" + "0" * 17}}},
            },
            False,
            None,
        ),
    ],
)
def test_deposit_and_memo_are_told_by_the_finest_word(row, deposit, needed):
    assets = whitebit.parse_assets({"X": row | {"confirmations": {"X": 1}}}, {"Y": {}}).assets
    network = assets["X"].networks["X"]
    assert (network.deposit, network.memo_required, network.deposit_min) == (deposit, needed, None)


def test_fee_that_is_not_told_is_unknown_and_null_is_none_at_all():
    def fee(withdraw):
        body = {"X": {"confirmations": {"X": 1}}}
        network = whitebit.parse_assets(body, {"X": {"ticker": "X", "withdraw": withdraw}}).assets["X"].networks["X"]
        return network.withdraw_fee, network.withdraw_fee_percent, network.note

    assert fee({"fixed": None, "flex": None}) == ("0", "0", None)
    assert fee({"fixed": "0.1", "flex": {"percent": "1.50", "min_fee": "0", "max_fee": None}}) == ("0.1", "1.50", None)
    assert fee({"fixed": "-1"}) == (None, None, None)
    assert fee({}) == (None, None, None)
    assert fee(None) == (None, None, None)


def test_fees_in_parentheses_belong_to_the_ticker_the_entry_names():
    body = {"A (B) (C)": {"ticker": "A (B)"}, "X": {"ticker": "X"}, "Y (Z)": {"ticker": "OTHER"}, "N": {}}
    assert whitebit.parse_fees(body) == {
        ("A (B)", "C"): {"ticker": "A (B)"},
        ("X", ""): {"ticker": "X"},
        ("N", ""): {},
    }


def test_pairs_halts_come_from_the_ticker_and_only_spot_is_spot(sample):
    expected = [
        Pair("BTC_USDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("1INCH_BTC", "1INCH", "BTC", "1INCH", "BTC", "trading"),
        Pair("A_USDT", "A", "USDT", "A", "USDT", "halted"),
        Pair("OFF_EUR", "OFF", "EUR", "OFF", "EUR", "halted"),
        Pair("NEW_USDT", "NEW", "USDT", "NEW", "USDT", None),
        Pair("BTC_PERP", "BTC", "USDT", "BTC", "USDT", "trading", spot=False),
        Pair("AAPL_USD", "AAPL", "USD", "AAPL", "USD", None, spot=False),
        Pair("DBTC_DUSDT", "DBTC", "DUSDT", "DBTC", "DUSDT", None, spot=False),
    ]
    assert whitebit.parse_pairs(sample("whitebit/markets"), sample("whitebit/ticker")) == expected
    statuses = [pair.status for pair in whitebit.parse_pairs(sample("whitebit/markets"), {})]
    assert statuses == [None, None, None, "halted", None, None, None, None]


def test_prices_one_sided_books_stay_and_other_rows_are_counted(sample):
    pairs = PairList(whitebit.parse_pairs(sample("whitebit/markets"), sample("whitebit/ticker")))
    batch = whitebit.parse_prices(sample("whitebit/tickers"), QuoteBatch(pairs))
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTC_USDT",
            "91230.40",
            "91232.5",
            None,
            None,
            "91231",
            None,
            "5633.120041",
            "512345678.90123",
            "trading",
            1767225600000,
        ),
        "1INCH/BTC": Quote(
            "1INCH_BTC",
            None,
            "0.000004135",
            None,
            None,
            "0.0000042",
            None,
            "0",
            "0",
            "trading",
            1767225600000,
        ),
        "A/USDT": Quote("A_USDT", "0.61", None, None, None, "0.61", None, "12", "7.32", "halted", None),
    }
    assert batch.skipped == Counter({"not-spot": 2, "crossed": 1, "no-price": 1, "unknown-symbol": 1})


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("system operational", Platform("ok")),
        ("1", Platform("ok")),
        (1, Platform("ok")),
        ("system maintenance", Platform("maintenance", "system maintenance")),
        ("0", Platform("maintenance", "0")),
        (0, Platform("maintenance", "0")),
        ("half awake", Platform("unknown", "half awake")),
        (None, Platform("unknown")),
    ],
)
def test_status_in_all_its_forms_and_unknown_is_not_down(told, expected):
    assert whitebit.parse_status({"status": told}) == expected


def test_status_of_another_shape_is_unknown():
    assert whitebit.parse_status([]) == whitebit.parse_status({}) == Platform("unknown")


def test_wrong_types_leave_no_asset(sandbox, adapt):
    sandbox.fault("WHITEBIT=types")
    with pytest.raises(BadAnswer):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).assets().refuse_if_empty()
