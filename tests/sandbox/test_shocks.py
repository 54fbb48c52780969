"""Faults of the market: prices that drift, move or are off, halted pairs, a source that stands still."""

import time
from decimal import Decimal

import pytest
import requests

from marketctl.sandbox import shocks
from marketctl.sandbox.base import Reply, Sandbox
from marketctl.sandbox.faults import Fault


def fault(spec: str, ago_s: float = 0.0) -> Fault:
    """Return a fault that began so long ago."""
    made = Fault.parse(spec)
    made.since = time.monotonic() - ago_s
    return made


@pytest.mark.parametrize(
    ("spec", "ago_s", "expected"),
    [
        ("KUCOIN=drift:BTC/USDT:6", 0, "1"),
        ("KUCOIN=drift:BTC/USDT:6", 60, "1.06"),
        ("KUCOIN=drift:6", 600, "1.6"),
        ("KUCOIN=drift:-6", 300, "0.7"),
        ("KUCOIN=drift:-6", 6000, "0.01"),  # never below nothing
        ("KUCOIN=drift:ETH/USDT:6", 600, "1"),
        ("KUCOIN=move:-30", 0, "1"),
        ("KUCOIN=move:-30", 30, "0.85"),
        ("KUCOIN=move:-30", 60, "0.7"),
        ("KUCOIN=move:btc/usdt:-30", 6000, "0.7"),  # and stays there
        ("KUCOIN=off:0.12", 6000, "0.12"),
        ("KUCOIN=halted", 600, "1"),
    ],
)
def test_what_a_price_is_multiplied_by(spec, ago_s, expected):
    found = shocks.factor([fault(spec, ago_s)], "BTC", "USDT")
    assert round(found, 4) == Decimal(expected)


def test_faults_of_prices_are_multiplied():
    both = [fault("KUCOIN=off:2"), fault("KUCOIN=move:50", 60)]
    assert shocks.factor(both, "BTC", "USDT") == Decimal("3.0")


@pytest.mark.parametrize("spec", ["HTX=drift", "HTX=drift:x", "HTX=move:-100", "HTX=off:0", "HTX=off:BTC:2"])
def test_an_amount_that_is_none_is_told_with_what_is_expected(spec):
    with pytest.raises(ValueError, match=r"takes \[PAIR:\](PERCENT|FACTOR)"):
        Fault.parse(spec)


@pytest.mark.parametrize(
    ("row", "halted"),
    [
        ({"symbol": "BTCUSDT", "status": "Trading"}, {"status": "Closed"}),
        ({"symbol": "BTCUSDT", "status": "1"}, {"status": "2"}),
        ({"symbol": "btcusdt", "state": "online"}, {"state": "suspend"}),
        ({"symbol": "BTC-USDT", "enableTrading": True}, {"enableTrading": False}),
        ({"name": "BTC_USDT", "isFrozen": False}, {"isFrozen": True}),
        ({"coinSymbol": "BTC", "baseSymbol": "USDT", "exchangeable": True}, {"exchangeable": False}),
    ],
)
@pytest.mark.parametrize("spec", ["X=halted", "X=halted:BTC/USDT"])
def test_a_halt_is_told_in_the_words_of_each_provider(row, halted, spec):
    other = {"symbol": "ETHUSDT", "status": "Trading", "price": 1.50}
    spoilt = shocks.spoil(fault(spec), Reply({"data": [row, other]})).content()
    expected = {"data": [row | halted, other | ({"status": "Closed"} if spec == "X=halted" else {})]}
    assert spoilt == Reply(expected).content()


def test_a_source_that_stands_still_answers_what_it_did_first(sandbox: Sandbox):
    url = sandbox.url("KUCOIN") + "/api/v1/market/allTickers"
    sandbox.fault("KUCOIN=still")
    first = requests.get(url, timeout=5).content
    assert requests.get(url, timeout=5).content == first
    sandbox.fault()
    assert requests.get(url, timeout=5).content != first


def test_a_fault_of_the_market_comes_over_the_wire(sandbox: Sandbox):
    url = sandbox.url("KUCOIN") + "/api/v1/market/allTickers"

    def ticker(symbol: str) -> Decimal:
        rows = requests.get(url, timeout=5).json()["data"]["ticker"]
        return Decimal(next(row["buy"] for row in rows if row["symbol"] == symbol))

    calm = ticker("BTC-USDT"), ticker("ETH-USDT")
    sandbox.fault("KUCOIN=move:BTC/USDT:-30")
    for one in sandbox.apis["KUCOIN"].faults:
        one.since -= 60
    moved = ticker("BTC-USDT") / calm[0], ticker("ETH-USDT") / calm[1]
    assert [round(share, 1) for share in moved] == [Decimal("0.7"), Decimal("1.0")]
