"""A second opinion: two readers of one API agree, and where one of them is wrong its field is named."""

import re
from decimal import Decimal
from importlib.util import find_spec

import pytest

from marketctl.check.checkup import check_providers
from marketctl.check.health import Check
from marketctl.check.second_opinion import judge, same
from marketctl.config.credentials import load_credentials
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.providers.cex import bybit
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.loader import load_registry

pytestmark = pytest.mark.skipif(not find_spec("ccxt"), reason="the extra ccxt is not installed: pip install ccxt")


@pytest.fixture
def ask(folder, no_sleep):
    """Check one provider with a second opinion; return that sub-check."""
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "none"'))

    def call(name: str, *, opinion: bool = True) -> Check | None:
        run = Run(Desk(load_registry(path, environ={}), load_credentials(path.parent / "credentials.toml", {})))
        (health,) = check_providers(run, [run.registry.provider(name)], opinion=opinion)
        return next((one for one in health.checks if one.check == "opinion"), None)

    return call


@pytest.mark.parametrize("name", ["BYBIT", "HTX", "KUCOIN", "MEXC"])
def test_two_readers_agree_but_for_odd_coins(ask, name):
    found = ask(name)
    assert found.status == "pass", found.message
    told = re.search(r"(\d+) quotes here, (\d+) through ccxt, 1[01] compared", found.message)
    assert int(told[1]) > 60
    assert int(told[2]) > 60
    assert re.search(r"\d\d networks here, \d\d through ccxt", found.message)


def test_it_is_asked_for_only_when_wanted(ask):
    assert ask("BYBIT", opinion=False) is None


def test_a_field_that_our_reader_no_longer_finds_is_named(ask, monkeypatch):
    honest = bybit.parse_network

    def reader_of_yesterday(chain, key, batch):
        network = honest(chain, key, batch)
        network.withdraw_fee = None  # the API calls it otherwise today
        return network

    monkeypatch.setattr(bybit, "parse_network", reader_of_yesterday)
    found = ask("BYBIT")
    assert (found.status, found.reason) == ("warn", "suspect")
    assert re.match(
        r"withdraw_fee: \w+/\w+ null here, [0-9.]+ through ccxt, .* and \d\d more; 65 quotes here", found.message
    )
    assert found.hint == "marketctl dump all, and look: one of the two reads the API wrong"


def test_prices_beyond_what_time_explains_are_named(ask, monkeypatch):
    honest = BybitAdapter.prices

    def twice(adapter):
        batch = honest(adapter)
        batch.quotes = {
            pair: quote._replace(bid=quote.bid and f"{Decimal(quote.bid) * 2:f}")
            for pair, quote in batch.quotes.items()
        }
        return batch

    monkeypatch.setattr(BybitAdapter, "prices", twice)
    found = ask("BYBIT")
    assert found.status == "warn"
    assert re.match(r"bid: \w+ [0-9.]+ here, [0-9.]+ through ccxt", found.message)


def test_a_provider_that_ccxt_does_not_share_has_none(ask):
    found = ask("RAPIRA")
    assert (found.status, found.reason) == ("skipped", "not-supported")
    assert found.message == "there is a second opinion on bybit, htx, kucoin, mexc, whitebit only"


def test_differences_are_named_by_field_and_an_odd_one_is_no_warning():
    differences = [
        ("deposit", "A/ETH", True, False),
        ("confirmations", "B/ETH", 1, 12),
        ("network", "C/BSC", True, False),
        ("contract", "D/ETH", None, "0xabc"),
    ]
    found = judge("100 networks here, 99 through ccxt", 99, differences)
    assert [(one.status, one.message) for one in found] == [
        ("pass", "100 networks here, 99 through ccxt"),
        ("pass", "confirmations: B/ETH 1 here, 12 through ccxt"),
        ("pass", "contract: D/ETH null here, 0xabc through ccxt"),
        ("pass", "deposit: A/ETH true here, false through ccxt"),
        ("pass", "network: C/BSC only here"),
    ]
    many = [("deposit", f"{name}/ETH", True, False) for name in "ABCDEFGHIJK"]
    warned = judge("x", 99, many)[1]
    assert (warned.status, warned.reason) == ("warn", "suspect")
    assert warned.message.endswith("C/ETH true here, false through ccxt and 8 more")
    assert judge("x", 99, [("bid", "BTCUSDT", "1", "2")])[1].status == "warn"


@pytest.mark.parametrize(
    ("one", "other", "near", "expected"),
    [
        ("1.0", "1.00", False, True),
        ("0.0010", "0.00101", False, False),
        ("0.0010", "0.00101", True, True),
        ("0xAB", "0xab", False, True),
        (True, False, False, False),
        (None, "1", False, False),
        (6, 6, False, True),
    ],
)
def test_figures_are_equal_by_their_worth(one, other, near, expected):
    assert same(one, other, near=near) is expected
