"""The bands only ever spare work: what a closer look would say something of lies outside of them."""

import random
from decimal import Decimal
from math import inf, nan

import pytest

from marketctl.config.sentinel import Limits, SentinelSettings
from marketctl.models import Quote
from marketctl.sentinel.bands import Bands
from marketctl.sentinel.judge import Case, Peer, Span, judge
from marketctl.sentinel.market import Market, Venue
from marketctl.sentinel.sheet import Draft, Names


def quote(bid=None, ask=None, mid=None):
    return Quote("S", bid, ask, None, None, None, mid, None, None, "trading", 5)


def test_what_lies_in_the_band_of_all_is_not_looked_at_closer():
    market = Market()
    market.bands = Bands(0.02)
    market.venues["A"] = Venue("A", sheet=Draft.of({"BTC/USDT": quote("100", "100")}).pack(None))
    assert market.apart("B", Draft.of({"BTC/USDT": quote("103", "104")})) == []  # both fit into one band, around 101.75
    assert market.apart("B", Draft.of({"BTC/USDT": quote("103.7", "103.7")})) == []
    assert market.apart("B", Draft.of({"BTC/USDT": quote("104.2", "104.2")})) == ["BTC/USDT"]
    assert (
        market.apart("B", Draft.of({"ETH/USDT": quote("5", "6")})) == []
    )  # nobody else has it, and nothing was before


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_not_looked_at_closer_would_have_passed(seed):
    """Four venues, forty cycles, prices that walk, part and leap: the bands only ever spare work."""
    dice, limits, market = random.Random(seed), Limits(), Market()
    market.limit(SentinelSettings(limits))
    pairs = [f"P{number}/USDT" for number in range(60)]
    prices = {pair: 10 ** dice.uniform(-6, 5) for pair in pairs}
    sets: dict[str, dict[str, Quote]] = {}
    listed = {name: dice.sample(pairs, 50) for name in "ABCD"}
    spared = looked_at = 0
    for _ in range(40):
        prices = {pair: price * (1 + dice.choice([0, 0, 0, 0.001, -0.02, 0.3, -0.4])) for pair, price in prices.items()}
        for name in "ABCD":
            quotes = {}
            for pair in dice.sample(pairs, 50) if seed % 2 else listed[name]:  # the same ones again and again
                value = prices[pair] * (1 + dice.choice([0, 0.001, -0.004, 0.02, dice.uniform(-0.06, 0.06)]))
                bid, ask = f"{value:.12f}", f"{value * (1 + dice.choice([0, 0.0005, 0.02])):.12f}"
                forms = [(bid, ask), (bid, ask), (bid, ask), (bid,), (None, ask), (None, None, bid)]
                quotes[pair] = quote(*dice.choice(forms))
            draft = Draft.of(quotes)
            apart = set(market.apart(name, draft))
            for pair in quotes.keys() - apart:
                mine, *others = (
                    Span.of(found.bid, found.ask, found.mid) if (found := sets.get(venue, {}).get(pair)) else None
                    for venue in (name, *sets.keys() - {name})
                )
                span = Span.of(quotes[pair].bid, quotes[pair].ask, quotes[pair].mid)
                assert span is not None
                peers = [Peer("X", other) for other in others if other is not None]
                assert judge(Case(span, limits, last_good=mine, peers=peers)) is None, (pair, span, mine, peers)
            spared, looked_at = spared + len(quotes) - len(apart), looked_at + len(apart)
            sets[name] = quotes
            market.accept(name, draft.pack(None), {}, 5, None, "run")
    assert spared > 500
    assert looked_at > 500


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_what_stands_apart_is_found_at_any_place(count):
    bands, names = Bands(0.02), Names([f"P{place}" for place in range(count)])
    middles = [100.0] * count
    bands.take(zip(names.pairs, middles, strict=True))
    assert bands.apart("A", names, middles, lambda _: [100.0]) == []
    for place in {0, count // 2, count - 1}:
        for middle in (97.0, 103.0, 110.0, 0.0):
            apart = [f"P{place}"] if middle in (110.0, 0.0) else []  # the others lie within a band laid anew
            changed = [*middles[:place], middle, *middles[place + 1 :]]
            assert bands.apart("A", names, changed, lambda _: [100.0]) == apart
            assert bands.apart("A", names, middles, lambda _: [100.0]) == []


@pytest.mark.parametrize("value", [nan, inf, -inf, 0.0, -1.0])
def test_no_band_is_laid_around_what_is_no_price(value):
    bands, names = Bands(0.02), Names(["A/USDT", "B/USDT"])
    bands.take([("A/USDT", value), ("B/USDT", 1.0)])
    assert bands.apart("X", names, [1.0, 1.0], lambda _: [value]) == ([] if value != value else ["A/USDT"])
    bands.take([("B/USDT", value)])
    assert bands.apart("X", names, [5.0, 1.0], lambda _: [9.0]) == ["A/USDT", "B/USDT"]


def test_other_limits_lay_the_bands_anew():
    wide, narrow = (SentinelSettings(Limits(max_deviation=Decimal(share))) for share in ("0.5", "0.01"))
    market = Market()
    market.limit(wide)
    market.venues["A"] = Venue("A", sheet=Draft.of({"BTC/USDT": quote("100", "100")}).pack(None))
    draft = Draft.of({"BTC/USDT": quote("112", "112")})
    assert market.apart("B", draft) == []
    market.venues["B"] = Venue("B", sheet=draft.pack(None))
    assert market.apart("C", Draft.of({"BTC/USDT": quote("106", "106")})) == []
    market.limit(narrow)
    assert market.apart("C", Draft.of({"BTC/USDT": quote("106", "106")})) == ["BTC/USDT"]
