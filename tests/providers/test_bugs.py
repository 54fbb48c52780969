"""What an adapter puts into a batch past its doors is what these would have made, or a bug."""

from datetime import datetime
from decimal import Decimal

import pytest

from marketctl.models import Quotes
from marketctl.sentinel.sheet import Draft
from tests.providers.batches import batch_of, quote


@pytest.mark.parametrize(
    "odd",
    [
        {"bid": Decimal(1)}, {"bid": 1.5}, {"bid": "NaN"}, {"bid": "1e5"}, {"bid": "-1"}, {"bid": "0.0"}, {"bid": "9"},
        {"bid": None, "ask": None}, {"status": "foo"}, {"symbol": None}, {"volume": "abc"}, {"volume": 5},
        {"at_ms": True}, {"at_ms": 10**20}, {"derived": "yes"}, {"last": "0"},
    ],
)  # fmt: skip
def test_quotes_that_an_adapter_put_in_itself_are_what_add_would_make_or_a_bug(odd):
    batch = batch_of()
    batch.rows, batch.quotes = 1, {"BTC/USDT": quote(bid="1", ask="2")}
    batch.refuse_if_empty()
    batch.quotes["BTC/USDT"] = quote(**({"bid": "1", "ask": "2"} | odd))
    with pytest.raises(TypeError, match=r"^BTC/USDT: .* is no quote; hand its values to batch.add"):
        batch.refuse_if_empty()


@pytest.mark.parametrize("put_in", [dict, Quotes.of])
def test_quotes_that_an_adapter_put_in_itself_are_judged_by_their_own_figures(put_in):
    batch = batch_of()
    batch.add_rows([{"s": "BTCUSDT", "b": "1", "a": "2"}], ("s", "b", "a", *[""] * 5))
    batch.quotes = put_in({pair: one._replace(bid="3", ask="4") for pair, one in batch.quotes.items()})
    batch.refuse_if_empty()
    assert Draft.of(batch.quotes, batch.sides).middles == [3.5]
    batch.quotes = put_in({pair: one._replace(bid="9") for pair, one in batch.quotes.items()})
    with pytest.raises(TypeError, match="is no quote"):
        batch.refuse_if_empty()


def test_quotes_show_themselves_as_what_they_are_compared_with():
    batch = batch_of()
    batch.add("BTCUSDT", "1", "2")
    assert batch.quotes == {"BTC/USDT": quote(bid="1", ask="2", status="trading")}
    assert repr(batch.quotes) == repr(dict(batch.quotes))


@pytest.mark.parametrize("odd", [{"BTC": quote(bid="1")}, {5: quote(bid="1")}, {"BTC/USDT": {"bid": "1"}}])
def test_quotes_under_no_pair_or_of_no_kind_are_a_bug(odd):
    batch = batch_of()
    batch.quotes = odd
    with pytest.raises(TypeError, match="is no quote"):
        batch.refuse_if_empty()


@pytest.mark.parametrize(
    "odd",
    [{"collected_ms": 1.5}, {"collected_ms": 10**20}, {"own_ms": {"A": "x"}}, {"until_ms": "x"}, {"until_ms": -1}],
)
def test_times_of_a_batch_that_are_none_are_a_bug(odd):
    batch = batch_of()
    batch.add("BTCUSDT", "1", "2")
    for name, value in odd.items():
        setattr(batch, name, value)
    with pytest.raises(TypeError, match="expected milliseconds as integers"):
        batch.refuse_if_empty()


@pytest.mark.parametrize("at_ms", [1.5, "1767225600533", True, Decimal(5), datetime(2026, 1, 1)])  # noqa: DTZ001
def test_a_time_of_another_type_is_a_bug(at_ms):
    batch = batch_of()
    for take in (
        lambda: batch.add("BTCUSDT", "1", "2", at_ms=at_ms),
        lambda: batch.add_rate("USD/RUB", "78", at_ms=at_ms),
        lambda: batch.add_rows([{"s": "BTCUSDT", "b": "1", "a": "2"}], ("s", "b", "a", *[""] * 5), [at_ms]),
    ):
        with pytest.raises(TypeError, match="expected milliseconds as an integer"):
            take()
    assert not batch.quotes


@pytest.mark.parametrize("key", ["USD", "USD/", "/RUB", "A/B/C", "A\x1b[31m/B", "A\nX/B", "A\tX/B", "\ud800/B"])
def test_a_rate_whose_pair_is_none_is_left_out(key):
    batch = batch_of()
    batch.add_rate(key, "78")
    assert (dict(batch.quotes), batch.skipped) == ({}, {"unknown-symbol": 1})
