"""Gaps between venues, worked out by hand."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from marketctl.times import to_iso
from marketctl.views.gaps import gaps
from marketctl.views.quotes import Live

NOW = 1_800_000_000_000
ENTRIES: Any = {
    name: SimpleNamespace(prices_interval_s=10, wallet_interval_s=3600, base_url=f"http://{name}.example")
    for name in ("ONE", "TWO")
}


def live(name: str, **quote: Any) -> Live:
    given = {"bid_size": None, "ask_size": None, "status": "trading", "derived": False, "mid": None, "at": None}
    return Live(name, "redis", collected_ms=NOW - 1000, quotes={"GEM/USDT": given | quote})


def wallet(name: str, **network: Any) -> dict[str, Any]:
    usual = {"network": "bsc", "deposit": True, "withdraw": True, "withdraw_fee": "1", "contract": "0x" + "ab" * 20}
    asset = {"ticker": "GEM", "networks": {"BSC": usual | network}}
    return {"provider": name, "collected_at": to_iso(NOW - 60_000), "assets": {"GEM": asset}}


def find(amount: str = "1000", **networks: Any) -> list[dict[str, Any]]:
    lives = [live("ONE", bid="9.8", ask="10"), live("TWO", bid="11", ask="11.2", bid_size=networks.pop("size", None))]
    wallets = {name: wallet(name, **networks.get(name, {})) for name in ("ONE", "TWO")}
    return gaps(lives, ENTRIES, wallets, NOW, amount=Decimal(amount))


def test_what_is_left_after_the_way():
    # 1000 USDT buy 100 GEM, 99 arrive and bring 1089 USDT.
    (gap,) = find()
    assert (gap["buy_at"], gap["ask"], gap["sell_at"], gap["bid"]) == ("ONE", "10", "TWO", "11")
    assert (gap["gross_percent"], gap["net_percent"], gap["amount"]) == ("10.0000", "8.9000", "1000")
    assert (gap["network"], gap["fee"], gap["identity"], gap["why"]) == ("bsc", "1", "proven", None)


def test_no_more_than_stands_at_the_best_level():
    # 20 GEM are wanted: 19 arrive and bring 209 USDT for 200.
    (gap,) = find(size="20")
    assert (gap["net_percent"], gap["amount"]) == ("4.5000", "200")


def test_fee_in_percent_counts_as_well():
    (gap,) = find(ONE={"withdraw_fee_percent": "2"})
    assert gap["net_percent"] == "6.7000"


@pytest.mark.parametrize(
    ("networks", "why"),
    [
        ({"ONE": {"withdraw": False}}, "no way open"),
        ({"TWO": {"deposit": False}}, "no way open"),
        ({"TWO": {"deposit": None}}, "no way open"),
        ({"ONE": {"withdraw_fee": None}}, "less than a way takes, or its fee is unknown"),
        ({"ONE": {"withdraw_min": "101"}}, "less than a way takes, or its fee is unknown"),
    ],
)
def test_without_a_way_there_is_no_net(networks, why):
    (gap,) = find(**networks)
    assert (gap["net_percent"], gap["why"]) == (None, why)


def test_another_coin_of_the_same_name_is_no_gap():
    assert find(TWO={"contract": "0x" + "cd" * 20}) == []


def test_two_accounts_of_one_exchange_are_no_gap(monkeypatch):
    monkeypatch.setattr(ENTRIES["TWO"], "base_url", "http://one.EXAMPLE")
    assert find() == []
