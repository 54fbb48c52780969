"""Quotes side by side: ages, what counts for "best", exact spreads."""

import pytest

from marketctl.providers.cex import kucoin, mexc
from marketctl.times import from_iso
from marketctl.views.compare import compare, spread
from marketctl.views.quotes import Live
from marketctl.views.twins import find_coins

NOW = from_iso("2026-01-02T12:00:00Z")
BOUNDS = dict.fromkeys("ABCDE", 60_000)


def quote(bid=None, ask=None, **given):
    empty = dict.fromkeys(("at", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status"))
    return empty | {"bid": bid, "ask": ask, "symbol": "S", "derived": False} | given


def live(provider, collected="2026-01-02T11:59:50Z", **quotes):
    pairs = {name.replace("_", "/"): one for name, one in quotes.items()}
    return Live(provider, "redis", collected_ms=from_iso(collected), quotes=pairs)


@pytest.mark.parametrize(
    ("at", "own_collected", "age"),
    [
        (None, None, 10_000),
        ("2026-01-02T11:59:40.500Z", None, 19_500),
        ("2026-01-02T13:00:00Z", None, 10_000),  # a clock that runs ahead
        (None, "2026-01-02T11:00:00Z", 3_600_000),  # carried over by a merge
        ("not a time", None, 10_000),
        (None, "2026-01-02T13:00:00Z", None),  # collected in the future: unknown
    ],
)
def test_age_of_a_quote_is_by_the_older_of_its_own_times(at, own_collected, age):
    one = quote("1", at=at) | ({"collected_at": own_collected} if own_collected else {})
    assert live("A").age_ms(one, NOW) == age


def test_age_without_any_time_is_unknown():
    assert Live("A", "mirror").age_ms(quote("1"), NOW) is None


def test_compare_leaves_stale_halted_and_rates_out_of_best():
    found = compare(
        "BTC/USDT",
        [
            live("A", BTC_USDT=quote("100.10", "100.20", status="trading")),
            live("B", BTC_USDT=quote("100.15", "100.30")),
            live("C", "2026-01-02T11:58:59.999Z", BTC_USDT=quote("999", "1")),
            live("D", BTC_USDT=quote("998", "2", status="halted")),
            live("E", BTC_USDT=quote("997", "3", mid="500")),
            live("A", ETH_USDT=quote("1", "2")),
        ],
        NOW,
        BOUNDS,
    )
    assert found["best"] == {
        "bid": {"price": "100.15", "providers": ["B"]},
        "ask": {"price": "100.20", "providers": ["A"]},
        "spread": "0.05",
        "spread_percent": "0.0499127",
    }
    shown = [(row["provider"], row["left_out"], row["stale"], row["spread"]) for row in found["rows"]]
    assert shown == [
        ("A", None, False, "0.10"),
        ("B", None, False, "0.15"),
        ("C", "stale", True, "-998"),
        ("D", "halted", False, "-996"),
        ("E", "rate", False, "-994"),
    ]
    assert [row["best_bid"] for row in found["rows"]] == [False, True, False, False, False]
    assert [row["best_ask"] for row in found["rows"]] == [True, False, False, False, False]


def test_compare_two_coins_of_one_ticker_are_both_twins_and_nobody_is_best():
    """One venue's MOON is worth a thousandth of the other's: their wallets tell two contracts on one network."""
    first = kucoin.parse_assets({"code": "200000", "data": [{"currency": "MOON", "name": "MOON", "chains": [
        {"chainName": "ERC20", "chainId": "eth", "isDepositEnabled": True, "isWithdrawEnabled": True,
         "contractAddress": "0x" + "1f" * 20}]}]})  # fmt: skip
    second = mexc.parse_assets([{"coin": "MOON", "name": "Moon", "networkList": [
        {"netWork": "ETH", "network": "Ethereum(ERC20)", "depositEnable": True, "withdrawEnable": True,
         "contract": "0x" + "2E" * 20}]}])  # fmt: skip
    wallets = {
        name: {"collected_at": "2026-01-02T11:59:00.000Z", "assets": {"MOON": batch.assets["MOON"].to_dict()}}
        for name, batch in (("A", first), ("B", second))
    }
    lives = [
        live("A", MOON_USDT=quote("0.0030", "0.0031"), BTC_USDT=quote("1", "2")),
        live("B", MOON_USDT=quote("300", "301"), BTC_USDT=quote("1", "2")),
    ]
    coins = find_coins(wallets)
    found = compare("MOON/USDT", lives, NOW, BOUNDS, coins)
    assert [(row["provider"], row["left_out"]) for row in found["rows"]] == [("A", "twin"), ("B", "twin")]
    assert not any(row["best_bid"] or row["best_ask"] for row in found["rows"])
    assert found["rows"][0]["twin"] == (
        f"MOON is another coin at B: on ethereum contract 0x{'1f' * 20} is not 0x{'2E' * 20}"
    )
    # The same venues' other coins are compared as ever.
    assert [row["left_out"] for row in compare("BTC/USDT", lives, NOW, BOUNDS, coins)["rows"]] == [None, None]


def test_compare_equal_prices_share_the_best_and_close_ones_do_not():
    one, other = "0.1000000000000000000000000000001", "0.1000000000000000000000000000002"
    found = compare(
        "X/Y",
        [live("A", X_Y=quote("1.0", one)), live("B", X_Y=quote("1", other)), live("C", X_Y=quote(None, None))],
        NOW,
        BOUNDS,
    )
    assert found["best"]["bid"] == {"price": "1.0", "providers": ["A", "B"]}
    assert found["best"]["ask"] == {"price": one, "providers": ["A"]}


def test_compare_one_side_missing_everywhere():
    found = compare("X/Y", [live("A", X_Y=quote("1", None))], NOW, BOUNDS)
    assert found["best"] == {
        "bid": {"price": "1", "providers": ["A"]},
        "ask": None,
        "spread": None,
        "spread_percent": None,
    }


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        ("99", "101", ("2", "2")),
        ("1", "1", ("0", "0")),
        ("101", "99", ("-2", "-2")),
        ("0.00000001", "0.00000003", ("0.00000002", "100")),
        ("91230.4", "91230.5", ("0.1", "0.000109613")),
        ("1" + "0" * 59, "1" + "0" * 59 + "." + "0" * 59 + "1", ("0." + "0" * 59 + "1", "0." + "0" * 116 + "1")),
        (None, "1", (None, None)),
        ("rubbish", "1", (None, None)),
    ],
)
def test_spread_is_exact(bid, ask, expected):
    assert spread(bid, ask) == expected
