"""Prices are judged by a canary and by how many there were before."""

from types import SimpleNamespace
from typing import Any

import pytest

from marketctl.check.checkup import canary_pair, judge_quote
from marketctl.files.snapshots import read_snapshot, write_document
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider
from marketctl.providers.cex.bybit import BybitAdapter
from tests.check.looking import collect, quote, told, verdicts


def test_half_of_the_last_good_snapshot_gone_is_a_failure(check, folder):
    collect(folder, "BYBIT")
    path = folder / "data/prices/BYBIT.json"
    snapshot = read_snapshot(path)
    quote = snapshot["quotes"]["BTC/USDT"]
    snapshot["quotes"] |= {f"X{number}/USDT": quote for number in range(65)}
    write_document(path, snapshot)
    assert verdicts(check("BYBIT"))["prices"] == "pass"
    snapshot["quotes"]["X65/USDT"] = quote
    write_document(path, snapshot)
    status, reason, message, hint = told(check("BYBIT"), "prices")
    assert (status, reason, hint) == (
        "fail",
        "suspect",
        "if that is right: marketctl prices collect -p BYBIT --force",
    )
    assert message.startswith(
        "65 quotes where there were 131: more than half are gone; 65 quotes, 2 skipped; BTC/USDT "
    )
    path.write_text("{")
    assert told(check("BYBIT"), "prices")[:2] == ("warn", "storage")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (quote("100", "100.1"), ("pass", "BTC/USDT 100/100.1")),
        (quote("100", "109.9"), ("pass", "BTC/USDT 100/109.9")),
        (quote("100", "110"), ("fail", "BTC/USDT 100/110: a spread of 10.0 %")),
        (quote("100", None), ("fail", "BTC/USDT has one side only")),
        (quote("100", "101", status="halted"), ("warn", "BTC/USDT is halted")),
        (quote(mid="1.08"), ("pass", "BTC/USDT 1.08")),
    ],
)
def test_canary_price_is_judged(found, expected):
    assert judge_quote("BTC/USDT", found)[:2] == expected


@pytest.mark.parametrize(
    ("kind", "pairs", "quotes", "expected"),
    [
        (BybitAdapter, (), ("ETH/USDT",), "BTC/USDT"),
        (BybitAdapter, ("ETH/USDT", "BTC/USDT"), ("ETH/USDT",), "BTC/USDT"),
        (BybitAdapter, ("ETH/USDT",), ("ETH/USDT",), "ETH/USDT"),
        (CashProvider, (), ("EUR/USD",), "EUR/USD"),
        (CashProvider, (), ("EUR/USD", "USD/JPY"), "USD/JPY"),
    ],
)
def test_canary_is_the_adapters_unless_the_registry_asks_for_others(kind, pairs, quotes, expected):
    batch = QuoteBatch(PairList([]))
    batch.quotes = dict.fromkeys(quotes, quote("1", "1"))
    entry: Any = SimpleNamespace(pairs=pairs)
    assert canary_pair(entry, kind, batch) == expected  # a class will do: only its attributes are read


def test_missing_canary_is_a_failure(check, monkeypatch):
    monkeypatch.setattr(BybitAdapter, "canary", "GONE/USDT")
    status, reason, message, _ = told(check("BYBIT"), "prices")
    assert (status, reason, message) == ("fail", "suspect", "no price of GONE/USDT; 65 quotes, 2 skipped")
