"""Answers that ask for a part of the pairs: the others stay, with and without Redis, whatever is held."""

import json

import pytest

from marketctl.providers.cex.kucoin import KucoinAdapter

EVERYWHERE = pytest.mark.parametrize("desk", ["", "none"], indirect=True)
EXCHANGES = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN")


@pytest.fixture
def ask_for(monkeypatch):
    """Have KUCOIN asked for these pairs alone."""
    whole = KucoinAdapter.prices

    def choose(*pairs: str) -> None:
        def some(self):
            batch = whole(self)
            batch.quotes = {pair: batch.quotes[pair] for pair in pairs}
            batch.complete = False
            return batch

        monkeypatch.setattr(KucoinAdapter, "prices", some)

    return choose


@EVERYWHERE
def test_pairs_that_were_not_asked_stay_under_their_own_time(desk, ask_for):
    assert desk.collect(*EXCHANGES)[0] == 0
    before = desk.mirror("KUCOIN")
    ask_for("BTC/USDT")
    for _ in range(2):
        assert desk.collect("KUCOIN")[0] == 0
    after = desk.mirror("KUCOIN")
    assert (after["complete"], after["quotes"].keys()) == (False, before["quotes"].keys())
    assert "collected_at" not in after["quotes"]["BTC/USDT"]
    assert after["quotes"]["ETH/USDT"] == before["quotes"]["ETH/USDT"] | {"collected_at": before["collected_at"]}
    ask_for("ETH/USDT")
    assert desk.collect("KUCOIN")[0] == 0
    latest = desk.mirror("KUCOIN")["quotes"]
    assert "collected_at" not in latest["ETH/USDT"]
    assert latest["BTC/USDT"]["collected_at"] == after["collected_at"]


@EVERYWHERE
def test_what_is_held_of_a_part_fails_nobody_while_others_are_out(desk, ask_for):
    assert desk.collect(*EXCHANGES)[0] == 0
    before = desk.mirror("KUCOIN")["quotes"].keys()
    desk.sandbox.fault("KUCOIN=off:BTC/USDT:0.12")
    ask_for("BTC/USDT")
    code, out, _ = desk.call("prices", "collect", "-p", "KUCOIN", "--json")
    (result,) = json.loads(out)["results"]
    assert (code, result["status"], result["held"], result["complete"]) == (0, "ok", 1, False)
    assert desk.mirror("KUCOIN")["quotes"].keys() == before - {"BTC/USDT"}
    ask_for("ETH/USDT")
    assert desk.collect("KUCOIN")[0] == 0
    assert [one["pair"] for one in desk.held("KUCOIN") if one["held"]] == ["BTC/USDT"]
    assert desk.mirror("KUCOIN")["quotes"].keys() == before - {"BTC/USDT"}


@pytest.mark.parametrize("desk", ["none"], indirect=True)
def test_what_was_not_asked_leaves_when_a_live_set_would(desk, ask_for, monkeypatch):
    assert desk.collect(*EXCHANGES)[0] == 0
    ask_for("BTC/USDT")
    monkeypatch.setattr("marketctl.jobs.publishing.live_ms", lambda interval_s: 0)
    assert desk.collect("KUCOIN")[0] == 0
    assert desk.mirror("KUCOIN")["quotes"].keys() == {"BTC/USDT"}
