"""Rows into assets: each is taken, or left out with a reason and counted; what cannot be read is unknown."""

from collections import Counter
from decimal import Decimal

import pytest

from marketctl.errors import BadAnswer
from marketctl.models import Asset
from marketctl.providers.batch import AssetBatch
from marketctl.providers.columns import integers
from marketctl.providers.fields import integer


def test_coded_yields_each_code_once_by_the_first_field_that_has_one():
    batch = AssetBatch()
    rows = [
        {"netWork": "TRX", "network": "Tron(TRC20)"},
        {"netWork": "", "network": "ETH"},
        {"netWork": "TRX"},
        {"netWork": "\x00", "network": None},
        {},
        {"netWork": ["X"], "network": "BSC"},
    ]
    assert [key for key, _ in batch.coded(rows, "netWork", "network")] == ["TRX", "ETH", "BSC"]
    assert batch.skipped == Counter({"no-code": 2, "duplicate": 1})


def test_coded_hands_the_row_over():
    assert list(AssetBatch().coded([{"coin": "A", "x": 1}], "coin")) == [("A", {"coin": "A", "x": 1})]


def test_a_second_asset_of_the_same_code_is_left_out_and_counted():
    batch = AssetBatch()
    batch.add(Asset("A", "A", "first"))
    batch.add(Asset("A", "A", "second"))
    assert batch.assets == {"A": Asset("A", "A", "first")}
    assert batch.skipped == Counter({"duplicate": 1})


@pytest.mark.parametrize(
    ("value", "amount", "skipped"),
    [
        ("4.20", "4.20", {}),
        ("0", "0", {}),
        ("", None, {}),
        (None, None, {}),
        ("-1", None, {"negative": 1}),
        ("NaN", None, {"not-a-number": 1}),
        (True, None, {"not-a-number": 1}),
        ([], None, {"not-a-number": 1}),
    ],
)
def test_an_amount_that_cannot_be_read_is_unknown_and_counted(value, amount, skipped):
    batch = AssetBatch()
    assert batch.amount(value) == amount
    assert batch.skipped == Counter(skipped)


@pytest.mark.parametrize(
    ("value", "limit", "skipped"),
    [
        ("7500000", "7500000", {}),
        ("-1", None, {}),
        (-1, None, {}),
        (Decimal("-1.0"), None, {}),
        ("99999999999999999.9", "99999999999999999.9", {}),
        ("100000000000000000", None, {}),
        ("1e17", None, {}),
        ("1e30", None, {}),
        ("-2", None, {"negative": 1}),
        ({}, None, {"not-a-number": 1}),
    ],
)
def test_a_limit_that_means_none_is_unknown(value, limit, skipped):
    batch = AssetBatch()
    assert batch.limit(value) == limit
    assert batch.skipped == Counter(skipped)


@pytest.mark.parametrize(
    ("value", "switch", "skipped"),
    [
        (True, True, {}),
        ("0", False, {}),
        (None, None, {}),
        ("", None, {}),
        ("allowed", None, {"not-a-flag": 1}),
        (2, None, {"not-a-flag": 1}),
        ([], None, {"not-a-flag": 1}),
    ],
)
def test_a_switch_that_is_none_is_unknown_and_counted(value, switch, skipped):
    batch = AssetBatch()
    assert batch.switch(value) is switch
    assert batch.skipped == Counter(skipped)


def test_no_readable_asset_is_a_failure():
    batch = AssetBatch()
    with pytest.raises(BadAnswer) as error:
        batch.refuse_if_empty()
    assert error.value.message == "no asset can be read from the answer"
    batch.skip("no-code")
    batch.skip("duplicate")
    with pytest.raises(BadAnswer) as error:
        batch.refuse_if_empty()
    assert error.value.message == "no asset can be read from the answer: 1 duplicate, 1 no-code"


@pytest.mark.parametrize(
    "values",
    [
        ["1", "22"],
        ["1", ""],
        ["1", None],
        [1, "2"],
        [1, -2],
        [1, 10**18],
        [-(10**18), 3],
        ["1" * 18, "1" * 19],
        ["٣"],
        ["-5"],
        ["1.5"],
        [],
        [True, Decimal(3)],
    ],
)
def test_a_column_of_whole_numbers_is_read_as_one_by_one(values):
    assert integers(values) == list(map(integer, values))
