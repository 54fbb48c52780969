"""A provider's list of pairs: the key each is published under, and when the list is asked for again."""

from collections import Counter

import pytest

from marketctl.providers.batch import PairList, QuoteBatch
from tests.providers.batches import BTC, PERP, batch_of, pair, quote

# Keys --------------------------------------------------------------------------------------


GALAX = pair("GALAX-USDT", "GALA", "USDT", "GALAX")
GALA = pair("GALA-USDT", "GALA", "USDT", "GALA")


def keys(pairs):
    return {pair.symbol: pair.key for pair in PairList(pairs).by_symbol.values() if pair.key}


def test_a_renamed_coin_is_keyed_by_its_ticker():
    assert keys([GALAX]) == {"GALAX-USDT": "GALA/USDT"}


@pytest.mark.parametrize("order", [(GALAX, GALA), (GALA, GALAX)])
def test_of_two_pairs_with_one_key_the_one_whose_codes_are_its_tickers_keeps_it(order):
    assert keys(order) == {"GALA-USDT": "GALA/USDT", "GALAX-USDT": "GALAX/USDT"}


def test_of_two_renamed_pairs_with_one_key_the_first_keeps_it():
    assert keys([GALAX, pair("GALAY-USDT", "GALA", "USDT", "GALAY")]) == {
        "GALAX-USDT": "GALA/USDT",
        "GALAY-USDT": "GALAY/USDT",
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_three_pairs_that_push_each_other_keep_a_key_each(order):
    pairs = [GALAX, GALA, pair("NEWGALAX-USDT", "GALAX", "USDT", "NEWGALAX")]
    found = keys([pairs[index] for index in order])
    assert found["GALA-USDT"] == "GALA/USDT"
    assert sorted(found) == ["GALA-USDT", "GALAX-USDT", "NEWGALAX-USDT"]
    assert len(set(found.values())) == 3


def test_the_same_pair_under_two_symbols_is_published_once():
    batch = batch_of(BTC, pair("BTCUSDT2", "BTC", "USDT"))
    batch.add("BTCUSDT", "1", "2")
    batch.add("BTCUSDT2", "3", "4")
    assert batch.quotes == {"BTC/USDT": quote(bid="1", ask="2")}
    assert batch.skipped == Counter({"unknown-symbol": 1})


@pytest.mark.parametrize("status", [True, "open", 1])
def test_a_status_of_an_adapters_own_is_told_to_its_author(status):
    with pytest.raises(TypeError, match=f"pair BTCUSDT: status is {status!r}, expected 'trading', 'halted' or None"):
        PairList([pair("BTCUSDT", "BTC", "USDT", status=status)])


def test_tickers_that_make_no_key_are_not_published():
    told = (("1", "A/B", "USDT"), ("2", "\x1b[31mX", "USDT"), ("3", "A", "U\nSDT"), ("4", "1.5X", "龙猫"))
    odd = [pair(*one) for one in told]
    assert keys(odd) == {"4": "1.5X/龙猫"}
    batch = batch_of(*odd)
    for symbol in "1234":
        batch.add(symbol, "1", "2")
    assert (list(batch.quotes), batch.skipped) == (["1.5X/龙猫"], Counter({"unknown-symbol": 3}))


def test_perpetuals_take_no_key():
    assert keys([PERP, BTC]) == {"BTCUSDT": "BTC/USDT"}
    assert [pair.symbol for pair in PairList([PERP, BTC]).spot()] == ["BTCUSDT"]


# The list of pairs -------------------------------------------------------------------------


def test_an_unknown_symbol_refreshes_the_list_once():
    asked, remembered = [], []

    def refresh():
        asked.append(1)
        fresh = PairList([BTC, pair("NEWUSDT", "NEW", "USDT")])
        fresh.on_unlisted = remembered.append
        return fresh

    batch = QuoteBatch(PairList([BTC], refresh))
    for symbol in ("BTCUSDT", "NEWUSDT", "GHOST", "GHOST2"):
        batch.add(symbol, "1", "2")
    assert list(batch.quotes) == ["BTC/USDT", "NEW/USDT"]
    batch.refuse_if_empty()
    batch.refuse_if_empty()
    assert batch.skipped == Counter({"unknown-symbol": 2})
    assert (asked, remembered) == ([1], [{"GHOST", "GHOST2"}])


def test_symbols_known_to_be_unlisted_refresh_nothing():
    batch = QuoteBatch(PairList([BTC], lambda: pytest.fail("asked"), frozenset({"GHOST"})))
    for symbol in ("GHOST", "BTCUSDT"):
        batch.add(symbol, "1", "2")
    batch.refuse_if_empty()
    assert batch.skipped == Counter({"unknown-symbol": 1})


def test_a_second_row_of_a_pair_is_counted_and_wins_nothing():
    batch = QuoteBatch(PairList([BTC]))
    batch.add("BTCUSDT", "90000", "90001")
    batch.add("BTCUSDT", "1.00", "1.01")
    assert batch.quotes["BTC/USDT"].bid == "90000"
    assert batch.skipped == Counter({"duplicate": 1})


def test_known_symbols_never_refresh_the_list():
    batch = QuoteBatch(PairList([BTC], lambda: pytest.fail("asked")))
    batch.add("BTCUSDT", "1", "2")
    batch.add(["no symbol"], "1", "2")
    assert list(batch.quotes) == ["BTC/USDT"]
