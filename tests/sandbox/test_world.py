"""One made-up market for all sandboxes: whole, believable, the same from one seed."""

from decimal import Decimal

import pytest

from marketctl.sandbox.world import FIAT_USD, World, plain


def test_one_seed_makes_one_world_and_another_another():
    assert World(1).coins == World(1).coins
    assert World(1).pairs == World(1).pairs
    assert World(1).coins != World(2).coins


@pytest.mark.parametrize(("scale", "coins"), [(0, 16), (1, 40), (10, 256)])
def test_scale_sets_the_number_of_coins(scale, coins):
    world = World(1, scale)
    assert len(world.coins) == coins
    assert len(set(world.pairs)) == len(world.pairs) >= coins - 1
    assert all(base != quote for base, quote in world.pairs)


def test_a_smaller_world_is_the_beginning_of_a_larger_one():
    assert World(1, 10).coins[:40] == World(1, 1).coins


def test_books_are_positive_uncrossed_and_plain():
    world = World(3, 2)
    for tick in (0, 1, 7, 1000):
        for base, quote in world.pairs:
            book = world.book(base, quote, "BYBIT", tick)
            assert 0 < Decimal(book["bid"]) <= Decimal(book["ask"]), (base, quote)
            assert all(value.replace(".", "", 1).isdigit() for value in book.values()), book


def test_prices_move_with_the_tick_and_repeat_with_it():
    world = World(1)
    ticks = [[world.book(base, quote, "BYBIT", tick) for base, quote in world.pairs] for tick in (1, 2, 1)]
    assert ticks[0] == ticks[2]
    moved = sum(one["bid"] != other["bid"] for one, other in zip(ticks[0], ticks[1], strict=True))
    assert 0 < moved < len(world.pairs)


def test_a_coin_has_one_contract_everywhere_and_none_at_home():
    world = World(1)
    assert world.by_ticker["TRX"].contract("tron") == ""
    assert world.by_ticker["USDT"].contract("tron") == World(2).by_ticker["USDT"].contract("tron")
    assert world.by_ticker["USDT"].contract("tron") != world.by_ticker["USDT"].contract("ethereum")


def test_fees_differ_by_provider_and_stay():
    usdt = World(1).by_ticker["USDT"]
    assert usdt.fee("tron", "BYBIT") == World(9).by_ticker["USDT"].fee("tron", "BYBIT")
    assert usdt.fee("tron", "BYBIT") != usdt.fee("tron", "MEXC")


def test_fiat_has_a_price_in_usd():
    world = World(1)
    assert world.usd("USD") == 1
    assert world.usd("RUB") == 1 / Decimal(FIAT_USD["RUB"])


@pytest.mark.parametrize(("value", "digits", "text"), [("1234567", 3, "1230000"), ("0.000012345", 2, "0.000012")])
def test_plain_rounds_without_an_exponent(value, digits, text):
    assert str(plain(Decimal(value), digits)) == text
