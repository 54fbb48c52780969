"""The search: equal to trying every way, exact, and quick on a large market."""

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from marketctl.convert import graph as graphs
from marketctl.convert.graph import Graph
from marketctl.convert.search import find_ways
from marketctl.convert.wallets import Wallet, wallet_of
from marketctl.files.snapshots import encode_json
from marketctl.times import to_iso
from marketctl.views.quotes import Live
from tests.convert.worlds import FEES, NOW, graph_of_files, large_world, small_world
from tests.rates.world import World


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return World(tmp_path_factory.mktemp("convert")).registry.providers


# Every way tried ---------------------------------------------------------------------------


def every_way(
    quotes: dict[str, Any], wallets: dict[str, Any], amount: Fraction, start: tuple[str, str], goal: tuple[str, str]
) -> Iterator[Fraction]:
    """Yield what arrives on every way of at most four steps that sees no place twice."""

    def down(value: Fraction, decimals: int | None) -> Fraction:
        return value if decimals is None else Fraction(int(value * 10**decimals), 10**decimals)

    def after(place: tuple[str, str], held: Fraction) -> Iterator[tuple[tuple[str, str], Fraction]]:
        provider, coin = place
        keep = 1 - Fraction(FEES[provider]) / 100
        for pair, one in quotes[provider].items():
            base, counter = pair.split("/")
            if one["status"] == "halted":
                continue
            if coin == base and one["bid"]:
                most = held if one["bid_size"] is None else min(held, Fraction(one["bid_size"]))
                yield (provider, counter), most * Fraction(one["bid"]) * keep
            if coin == counter and one["ask"]:
                most = held if one["ask_size"] is None else min(held, Fraction(one["ask_size"]) * Fraction(one["ask"]))
                yield (provider, base), most / Fraction(one["ask"]) * keep
        for other in wallets:
            mine, theirs = (wallets[name]["assets"].get(coin, {"networks": {}}) for name in (provider, other))
            if other == provider:
                continue
            shared = [(mine["networks"][key], theirs["networks"][key]) for key in mine["networks"]
                      if key in theirs["networks"]]  # fmt: skip
            told = [(a["contract"], b["contract"]) for a, b in shared if a["contract"] and b["contract"]]
            native = any(
                {"tron": "TRX"}.get(a["network"]) == coin and not a["contract"] and not b["contract"] for a, b in shared
            )
            same = any(a == b for a, b in told) or native
            for leaving, entering in shared:
                one, two = leaving["contract"], entering["contract"]
                differ = bool(one and two and one != two)
                if differ or (not same and any(a != b for a, b in told)):
                    continue
                if leaving["withdraw"] is not True or entering["deposit"] is not True:
                    continue
                if leaving["withdraw_fee"] is None and leaving["withdraw_fee_percent"] is None:
                    continue
                decimals = leaving["precision"] if leaving["precision"] is not None else mine["precision"]
                most = held if leaving["withdraw_max"] is None else min(held, Fraction(leaving["withdraw_max"]))
                sent = down(most, decimals)
                if leaving["withdraw_min"] and sent < Fraction(leaving["withdraw_min"]):
                    continue
                share = Fraction(leaving["withdraw_fee_percent"] or 0) / 100
                there = down(sent - Fraction(leaving["withdraw_fee"] or 0) - sent * share, decimals) \
                    if sent > Fraction(leaving["withdraw_fee"] or 0) + sent * share else Fraction(0)  # fmt: skip
                if there > 0 and not (entering["deposit_min"] and there < Fraction(entering["deposit_min"])):
                    yield (other, coin), there

    def walk(place: tuple[str, str], held: Fraction, seen: tuple[tuple[str, str], ...]) -> Iterator[Fraction]:
        for there, much in after(place, held):
            if much <= 0 or there in seen:
                continue
            if there == goal:
                yield much
            elif len(seen) < 4:
                yield from walk(there, much, (*seen, there))

    yield from walk(start, amount, (start,))


def test_equal_to_trying_every_way_in_500_small_worlds(entries):
    found_some = 0
    for seed in range(500):
        chance = random.Random(seed)
        quotes, wallets = small_world(chance)
        graph = Graph(_with_fees(entries), NOW)
        for provider, held in quotes.items():
            graph.add_quotes(Live(provider, "redis", collected_ms=NOW, quotes=held))
        for wallet in wallets.values():
            graph.add_wallet(as_lines(wallet) if seed % 2 else wallet_of(wallet))
        amount = Fraction(chance.choice([3, 20, 500, 10000]), chance.choice([1, 7]))
        start, goal = (chance.choice(list(FEES)), "USDT"), (chance.choice(list(FEES)), chance.choice(["RUB", "BTC"]))
        expected = sorted(every_way(quotes, wallets, amount, start, goal), reverse=True)[:3]
        found = find_ways(graph, amount, [start], [goal], top=3)
        assert [way.arrived for way in found.ways] == expected, f"world {seed}"
        assert found.complete
        found_some += bool(expected)
    assert found_some > 280


def as_lines(wallet: dict[str, Any]) -> Wallet:
    """Return a wallet as it is read of a file: lines that nobody read yet."""
    lines = [f'{code}": {encode_json(one)}' for code, one in wallet["assets"].items()]
    return Wallet(wallet["provider"], wallet["collected_at"], lines)


@pytest.mark.parametrize(
    ("networks", "least"),
    [
        ([("2", None), ("0.5", None), ("1", None)], "0.5"),
        ([("2", "0.1"), ("1.5", "0")], "1.5"),
        ([("2", None), (None, "0.5")], "0"),  # a percentage alone
        ([("2", None), (None, None)], "0"),  # told by nobody, on no way
        ([("0", None), ("3", None)], "0"),
        ([], "0"),
    ],
)
def test_no_withdrawal_costs_less_than_the_least_fee(networks, least):
    told = {
        f"N{number}": {"withdraw_fee": fee, "withdraw_fee_percent": percent, "note": '"withdraw_fee": "0.01"'}
        for number, (fee, percent) in enumerate(networks)
    }
    wallet = {"provider": "MEXC", "collected_at": to_iso(NOW), "assets": {"X": {"ticker": "X", "networks": told}}}
    for read in (as_lines(wallet), wallet_of(wallet)):
        assert read.least_fee("X") == pytest.approx(float(least))
        assert read.least_fee("X") <= float(least)


def test_a_wallet_that_names_no_percentage_may_cost_nothing():
    line = 'X": {"ticker": "X", "networks": {"A": {"withdraw_fee": "2", "withdraw_fee_percent": null}, "B": {}}}'
    assert Wallet("MEXC", "", [line]).least_fee("X") == pytest.approx(2)  # of B nothing is known: it is on no way
    line = line.replace("{}", '{"withdraw_fee_percent": "0.5"}')
    assert Wallet("MEXC", "", [line]).least_fee("X") == 0


def _with_fees(entries):
    return {name: entry for name, entry in entries.items() if name in FEES}


def test_the_fees_the_small_worlds_count_with(entries):
    assert {name: entries[name].taker_fee.percent for name in FEES} == FEES


# Quick -------------------------------------------------------------------------------------


def test_little_is_looked_at_of_1000_coins_at_8_venues(tmp_path, monkeypatch):
    # Work done, not the clock: a tenth of a second of CPU. Each book is judged once, most networks never.
    made, real = [], graphs.transfer_edge
    monkeypatch.setattr(graphs, "transfer_edge", lambda *ends: made.append(ends) or real(*ends))
    graph = graph_of_files(tmp_path, *large_world([f"V{number}" for number in range(8)], 1000))
    found = find_ways(graph, Fraction(1000), [("V0", "USDT")], [("V5", "USDT")], top=3)
    assert (len(found.ways), found.complete) == (3, True)
    assert found.looks < 1000
    assert len(graph._doors) < 400  # of 8,000 wallets' assets: no other line was read
    assert 0 < len(made) < 500  # of 168,000
