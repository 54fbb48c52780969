"""MEXC: sample answers to exact models, and what a coin's, a pair's or a key's state means."""

from collections import Counter
from decimal import Decimal

import pytest

from marketctl.errors import AuthFailed
from marketctl.models import Asset, KeyInfo, Network, Pair, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import mexc


def test_assets_suspension_text_memo_words_and_old_payloads(sample):
    batch = mexc.parse_assets(sample("mexc/getall"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether",
            networks={
                "TRX": Network(
                    name="Tron(TRC20)",
                    network="tron",
                    deposit=True,
                    withdraw=True,
                    withdraw_min="3",
                    withdraw_max="12000000",
                    withdraw_fee="1.2",
                    precision=6,
                    confirmations=3,
                    contract="T000000000000000000000000000000007",
                ),
                "ETH": Network(
                    name="Ethereum(ERC20)",
                    network="ethereum",
                    deposit=True,
                    withdraw=False,
                    withdraw_min="12",
                    withdraw_fee="0",
                    precision=6,
                    confirmations=70,
                    contract="0x00000000000000000000000000000000000000f6",
                    note="Deposits paused for a wallet upgrade",
                ),
                "TONCOIN": Network(
                    name="Toncoin(TON)",
                    network="ton",
                    deposit=False,
                    withdraw_fee="0.5",
                    precision=18,
                    confirmations=61,
                    memo_required=True,
                ),
            },
        ),
        "EOS": Asset(
            "EOS",
            "EOS",
            "EOS",
            networks={
                "Unheard of chain": Network(
                    name="Unheard of chain",
                    deposit=True,
                    withdraw=True,
                    withdraw_min="0.500000000000000000",
                    withdraw_max="8000.000000000000000000",
                    withdraw_fee="0.250000000000000000",
                    memo_required=True,
                )
            },
        ),
        "STAGE": Asset(
            "STAGE",
            "STAGE",
            "Stage",
            networks={
                "SOL": Network(
                    name="Solana(SOL)",
                    network="solana",
                    deposit=True,
                    withdraw=True,
                    confirmations=1,
                    memo_required=True,
                )
            },
        ),
        "龙猫": Asset("龙猫", "龙猫"),
        "NUL": Asset("NUL", "NUL", "Nul"),
        "MISS": Asset("MISS", "MISS", "Missing"),
    }
    assert batch.skipped == Counter({"no-code": 3, "duplicate": 1, "not-a-flag": 1, "not-a-number": 1})


@pytest.mark.parametrize(
    ("tip", "expected"), [("fill in the TAG", True), ("MEMO", True), ("a percentage of the stage", None), ("", None)]
)
def test_memo_is_needed_where_a_tip_names_it_and_else_unknown(tip, expected):
    chain = {"netWork": "SOL", "sameAddress": False, "withdrawTips": tip}
    batch = mexc.parse_assets([{"coin": "X", "networkList": [chain]}])
    assert batch.assets["X"].networks["SOL"].memo_required is expected


@pytest.mark.parametrize(
    ("multiple", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("18", 18),
        (8, 8),
        ("6.000000000000000000", 6),
        ("31", None),
        ("100", None),
        ("0.001", 3),
        ("0.0010", 3),
        (Decimal("1E-8"), 8),
        ("2.5", None),
        ("many", None),
    ],
)
def test_integer_multiple_is_a_count_of_decimals_or_a_step(multiple, expected):
    chain = {"netWork": "SOL", "withdrawIntegerMultiple": multiple}
    batch = mexc.parse_assets([{"coin": "X", "networkList": [chain]}])
    assert batch.assets["X"].networks["SOL"].precision == expected


def test_pairs_offline_list_halts_and_an_unknown_status_is_unknown(sample):
    offline = mexc.parse_offline(sample("mexc/offline"))
    assert offline == {"OLDUSDT", "STOPUSDT", "ANCIENTETH"}
    assert mexc.parse_pairs(sample("mexc/exchangeInfo"), offline) == [
        Pair("BTCUSDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("WORDUSDT", "WORD", "USDT", "WORD", "USDT", "trading"),
        Pair("ABC3LUSDT", "ABC3L", "USDT", "ABC3L", "USDT", "halted"),
        Pair("GONEUSDT", "GONE", "USDT", "GONE", "USDT", "halted"),
        Pair("SHUTUSDT", "SHUT", "USDT", "SHUT", "USDT", None),
        Pair("ODDUSDT", "ODD", "USDT", "ODD", "USDT", None),
        Pair("STOPUSDT", "STOP", "USDT", "STOP", "USDT", "halted"),
        Pair("4USDE", "4", "USDE", "4", "USDE", "trading"),
        Pair("龙猫USDT", "龙猫", "USDT", "龙猫", "USDT", "trading"),
        # Named by the offline list alone: counted, but nobody tells base and quote.
        Pair("ANCIENTETH", "", "", "", "", "halted"),
        Pair("OLDUSDT", "", "", "", "", "halted"),
    ]


def test_prices_empty_sides_are_none_and_each_row_has_its_own_time(sample):
    pairs = PairList(mexc.parse_pairs(sample("mexc/exchangeInfo"), mexc.parse_offline(sample("mexc/offline"))))
    batch = mexc.parse_prices(sample("mexc/tickers"), QuoteBatch(pairs))
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTCUSDT",
            "91230.39",
            "91230.40",
            "0.41",
            "1.07",
            "91230.4",
            None,
            "7633.12091",
            "694345678.9",
            "trading",
            1767225600204,
        ),
        "WORD/USDT": Quote("WORDUSDT", None, "0.009", None, None, "0.004", None, "0", None, "trading", 1767225600205),
        "ABC3L/USDT": Quote("ABC3LUSDT", "0.5", None, "3", None, "0.5", None, "1", "0.5", "halted", None),
        "龙猫/USDT": Quote("龙猫USDT", "1", "1", "1", "1", "1", None, "2", "2", "trading", 1767225600204),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 1, "crossed": 1, "negative": 1})


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"status": "VALID", "permissions": "SPOT_ACCOUNT_READ,SPOT_WITHDRAW_READ", "remainingValidity": -999},
            KeyInfo(("SPOT_ACCOUNT_READ", "SPOT_WITHDRAW_READ")),
        ),
        (
            {"status": "VALID", "permissions": "SPOT_WITHDRAW_READ,SPOT_DEAL_WRITE", "remainingValidity": 8},
            KeyInfo(
                ("SPOT_WITHDRAW_READ", "SPOT_DEAL_WRITE"),
                ("the key may write (SPOT_DEAL_WRITE); SPOT_WITHDRAW_READ is enough",),
                8,
            ),
        ),
        (
            {"status": "VALID", "permissions": "SPOT_ACCOUNT_READ", "remainingValidity": 7},
            KeyInfo(
                ("SPOT_ACCOUNT_READ",),
                ("the key lacks SPOT_WITHDRAW_READ, which the list of coins needs",),
                7,
            ),
        ),
    ],
)
def test_key_that_may_write_or_ends_soon_is_warned_of(info, expected):
    assert mexc.parse_key(info) == expected


def test_key_that_has_ended_is_refused():
    with pytest.raises(AuthFailed, match=r"^the key has expired$"):
        mexc.parse_key({"remainingValidity": 0, "createTime": 1767225600000})


@pytest.mark.parametrize("status", ["FROZEN", "DELETE"])
def test_key_that_is_not_valid_is_refused(status):
    with pytest.raises(AuthFailed, match=f"^api_key is {status}, not VALID$"):
        mexc.parse_key({"status": status, "permissions": "SPOT_WITHDRAW_READ"})
