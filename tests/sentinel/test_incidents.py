"""Incidents from the field, replayed on the sandbox: what goes out, what is told, what a person types next."""

import json
import re

import pytest

from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import read_set
from marketctl.sandbox.base import Sandbox
from marketctl.sentinel import market

EXCHANGES = ("BYBIT", "MEXC", "WHITEBIT", "HTX", "KUCOIN")
RATES = ("TWELVEDATA", "OPENEXCHANGERATES")
BOTH = pytest.mark.parametrize("desk", ["none"], indirect=True)


def in_redis(desk, redis_server, provider):
    """Return quotes, meta, held and marked."""
    with RedisConnection(redis_server.url, desk.data, "marketctl") as store:
        return read_set(store, provider)


def check(desk, provider):
    """Return exit code and the sub-check of what is published."""
    code, out, _ = desk.call("check", provider, "--json")
    (result,) = json.loads(out)["results"]
    return code, next(one for one in result["checks"] if one["check"] == "published")


def test_88_percent_off_on_one_venue_of_five(desk, redis_server):
    assert desk.collect(*EXCHANGES)[0] == 0
    good = desk.mirror("BYBIT")["quotes"]["BTC/USDT"]
    desk.sandbox.fault("BYBIT=off:BTC/USDT:0.12")
    code, out, err = desk.collect("BYBIT")
    assert (code, "1 held" in out) == (0, True)
    assert err.startswith("BYBIT prices: held: BTC/USDT 109")
    assert err.endswith("the median with MEXC, WHITEBIT, HTX, KUCOIN. Next: marketctl prices held BYBIT\n")

    quotes, meta, held, marked = in_redis(desk, redis_server, "BYBIT")
    mirror = desk.mirror("BYBIT")
    assert "BTC/USDT" not in quotes
    assert (meta["held"], meta["removed"], set(held), marked) == (1, 0, {"BTC/USDT"}, {})
    assert quotes.keys() == mirror["quotes"].keys()
    assert "ETH/USDT" in quotes
    (told,) = desk.held("BYBIT")
    assert {name: told[name] for name in ("provider", "pair", "held", "verdict", "by", "cycles")} == {
        "provider": "BYBIT", "pair": "BTC/USDT", "held": True, "verdict": "outlier",
        "by": ["MEXC", "WHITEBIT", "HTX", "KUCOIN"], "cycles": 1,
    }  # fmt: skip
    assert told["bid"].startswith("109")
    assert told["last_good"]["bid"] == good["bid"]
    assert told["deviation_percent"].startswith("-88.")
    assert {name: value for name, value in told.items() if name in mirror["held"]["BTC/USDT"]} == mirror["held"][
        "BTC/USDT"
    ]

    code, out, err = desk.call("prices", "compare", "BTC/USDT", "--json")
    document = json.loads(out)
    assert "BYBIT" not in {row["provider"] for row in document["results"]}
    assert float(document["best"]["ask"]["price"]) > 90_000
    assert [(one["provider"], one["verdict"]) for one in document["held"]] == [("BYBIT", "outlier")]
    code, published = check(desk, "BYBIT")
    assert (code, published["status"], published["hint"]) == (1, "fail", "marketctl prices held BYBIT")
    code, out, err = desk.call("prices", "show", "BYBIT", "btc/usdt")
    assert (code, out) == (1, "")
    assert err.startswith("BYBIT: held, not shown: BTC/USDT 109")
    code, _, err = desk.call("prices", "show", "BYBIT", "--base", "ETH")
    assert (code, err) == (0, "BYBIT: 1 quotes are held and not shown: marketctl prices held BYBIT\n")

    desk.collect("BYBIT")
    assert [one["cycles"] for one in desk.held("BYBIT")] == [2]
    desk.sandbox.fault()
    code, out, _ = desk.call("prices", "collect", "-p", "BYBIT", "--json")
    assert json.loads(out)["results"][0]["held"] == 0
    assert desk.held("BYBIT") == []
    assert "BTC/USDT" in desk.mirror("BYBIT")["quotes"]
    assert check(desk, "BYBIT")[0] == 0


@pytest.mark.parametrize("desk", ["none", None], indirect=True)
def test_what_is_held_and_then_gone_is_not_held_for_ever(desk):
    def known() -> dict[str, str | None]:
        """Return BYBIT's pairs as known now, with what holds them."""
        rows = json.loads(desk.call("prices", "at", "0s", "BYBIT", "--json")[1])["results"]
        return {row["pair"]: row["held"] for row in rows}

    desk.collect(*EXCHANGES)
    desk.sandbox.fault("BYBIT=off:BTC/USDT:0.12")
    desk.collect("BYBIT")
    assert (known()["BTC/USDT"], known()["ETH/USDT"]) == ("outlier", None)
    path = desk.folder / "providers.toml"
    path.write_text(path.read_text().replace("[providers.BYBIT]", '[providers.BYBIT]\npairs = ["ETH/USDT"]'))
    assert desk.collect("BYBIT")[0] == 0
    assert known() == {"ETH/USDT": None}


def test_fiat_times_100_with_one_source_waits_for_a_person(desk, redis_server):
    assert desk.collect("TWELVEDATA")[0] == 0
    desk.sandbox.fault("TWELVEDATA=off:100")
    for _ in range(4):
        desk.sandbox.apis["TWELVEDATA"].spent.clear()
        code, _, err = desk.collect("TWELVEDATA")
        assert (code, "all 7 quotes are held" in err) == (1, True), err
    quotes, meta, held, _ = in_redis(desk, redis_server, "TWELVEDATA")
    assert (quotes, len(held), meta["status"], meta["count"]) == ({}, 7, "failing", 0)
    assert desk.mirror("TWELVEDATA")["quotes"] == {}
    told = held["USD/RUB"]
    assert (told["verdict"], told["cycles"]) == ("jump", 4)
    assert told["why"].endswith("% at once, and no other venue has it")
    code, out, err = desk.call("prices", "show", "TWELVEDATA", "-q")
    assert (code, out) == (1, "")
    assert err.startswith("TWELVEDATA: all its quotes are held: marketctl prices held TWELVEDATA; failing since ")
    document = json.loads(desk.call("prices", "compare", "USD/RUB", "--json")[1])
    assert (document["results"], [(one["provider"], one["verdict"]) for one in document["held"]]) == (
        [],
        [("TWELVEDATA", "jump")],
    )
    code, published = check(desk, "TWELVEDATA")
    assert (code, published["status"], published["hint"]) == (1, "fail", "marketctl prices held TWELVEDATA")
    # A person looks at one of them, and lets it pass.
    code, _, err = desk.call("prices", "release", "TWELVEDATA", "usd/rub")
    assert (code, "marketctl prices collect -p TWELVEDATA" in err) == (0, True)
    desk.sandbox.apis["TWELVEDATA"].spent.clear()
    assert desk.collect("TWELVEDATA")[0] == 0
    quotes, _, held, marked = in_redis(desk, redis_server, "TWELVEDATA")
    assert (set(quotes), len(held), marked["USD/RUB"]["verdict"]) == ({"USD/RUB"}, 6, "released")
    desk.sandbox.apis["TWELVEDATA"].spent.clear()
    desk.collect("TWELVEDATA")
    assert set(in_redis(desk, redis_server, "TWELVEDATA")[0]) == {"USD/RUB"}  # it is the last good one now


def test_fiat_times_1000_with_two_sources_left(desk, redis_server):
    from marketctl.config.credentials import store_credentials

    with Sandbox(["OPENEXCHANGERATES"]) as third:
        path = desk.folder / "providers.toml"
        entry = path.read_text().partition("[providers.OPENEXCHANGERATES]")[2].partition("[providers.")[0]
        url = desk.sandbox.url("OPENEXCHANGERATES")
        path.write_text(path.read_text() + "\n[providers.THIRD]" + entry.replace(url, third.url("OPENEXCHANGERATES")))
        store_credentials(desk.folder / "credentials.toml", {"THIRD": third.apis["OPENEXCHANGERATES"].keys})
        assert desk.collect(*RATES, "THIRD")[0] == 0
        desk.sandbox.fault("OPENEXCHANGERATES=off:USD/RUB:1000")
        desk.collect("OPENEXCHANGERATES")
        held = {one["pair"]: one for one in desk.held("OPENEXCHANGERATES")}
        assert {"USD/RUB", "EUR/RUB", "CNY/RUB"} == set(held)
        assert (held["USD/RUB"]["verdict"], held["USD/RUB"]["by"]) == ("outlier", ["TWELVEDATA", "THIRD"])
        live, meta, _, _ = in_redis(desk, redis_server, "OPENEXCHANGERATES")
        for quotes in (live, desk.mirror("OPENEXCHANGERATES")["quotes"]):
            assert "EUR/USD" in quotes
            assert not {"USD/RUB", "EUR/RUB", "CNY/RUB"} & set(quotes)
        assert meta["held"] == 3
        document = json.loads(desk.call("prices", "compare", "USD/RUB", "--json")[1])
        assert sorted(row["provider"] for row in document["results"]) == ["THIRD", "TWELVEDATA"]
        assert [(one["provider"], one["verdict"]) for one in document["held"]] == [("OPENEXCHANGERATES", "outlier")]
        _code, published = check(desk, "OPENEXCHANGERATES")
        assert (published["status"], published["hint"]) == ("warn", "marketctl prices held OPENEXCHANGERATES")
        desk.sandbox.fault()  # the source is right again: it goes out by itself
        desk.collect("OPENEXCHANGERATES")
        assert desk.held("OPENEXCHANGERATES") == []
        assert "USD/RUB" in desk.mirror("OPENEXCHANGERATES")["quotes"]


def test_11_percent_on_a_venue_with_closed_doors_is_explained(desk, redis_server):
    desk.sandbox.fault("KUCOIN=closed:SOL")
    assert desk.call("wallet", "sync", "-q", "-p", "KUCOIN", "-p", "HTX")[0] == 0
    assert desk.collect(*EXCHANGES)[0] == 0
    desk.sandbox.fault("KUCOIN=closed:SOL", "KUCOIN=off:SOL/USDT:1.11")
    assert desk.collect("KUCOIN")[0] == 0
    quotes, meta, held, marked = in_redis(desk, redis_server, "KUCOIN")
    assert (meta["held"], held, "SOL/USDT" in quotes) == (0, {}, True)
    assert marked["SOL/USDT"]["verdict"] == "explained"
    mirror = desk.mirror("KUCOIN")
    assert ("SOL/USDT" in mirror["quotes"], mirror["marked"]["SOL/USDT"]["why"]) == (True, marked["SOL/USDT"]["why"])
    (told,) = (one for one in desk.held("KUCOIN") if one["pair"] == "SOL/USDT")
    assert (told["held"], told["verdict"], told["cause"]) == (False, "explained", "doors")
    assert marked["SOL/USDT"]["why"].startswith("SOL deposits closed, SOL withdrawals closed; +1")
    row = next(
        row
        for row in json.loads(desk.call("prices", "compare", "SOL/USDT", "--json")[1])["results"]
        if row["provider"] == "KUCOIN"
    )
    assert (row["verdict"], row["why"]) == ("explained", marked["SOL/USDT"]["why"])
    _code, published = check(desk, "KUCOIN")
    assert (published["status"], published["hint"]) == ("warn", "marketctl prices held KUCOIN")
    assert "published with a mark: SOL/USDT" in published["message"]


@BOTH
def test_without_redis_the_files_are_held_against_each_other(desk):
    assert desk.collect(*EXCHANGES)[0] == 0
    desk.sandbox.fault("BYBIT=off:BTC/USDT:0.12", "HTX=off:ETH/USDT:3")
    desk.collect("BYBIT")
    desk.collect("HTX")
    assert [(one["provider"], one["pair"], one["verdict"]) for one in desk.held() if one["held"]] == [
        ("BYBIT", "BTC/USDT", "outlier"),
        ("HTX", "ETH/USDT", "outlier"),
    ]
    assert "BTC/USDT" not in desk.mirror("BYBIT")["quotes"]
    assert desk.call("prices", "release", "BYBIT", "BTC/USDT")[0] == 0
    desk.collect("BYBIT")
    assert "BTC/USDT" in desk.mirror("BYBIT")["quotes"]
    assert desk.mirror("BYBIT")["marked"]["BTC/USDT"]["verdict"] == "released"


def test_force_lets_all_pass_once_and_says_so(desk):
    assert desk.collect(*EXCHANGES)[0] == 0
    desk.sandbox.fault("BYBIT=off:BTC/USDT:0.12")
    assert desk.call("prices", "collect", "-q", "-p", "BYBIT", "--force")[0] == 0
    mirror = desk.mirror("BYBIT")
    assert ("BTC/USDT" in mirror["quotes"], mirror["held"]) == (True, {})
    assert mirror["marked"]["BTC/USDT"]["why"].startswith("--force; -8")
    desk.collect("BYBIT")
    assert set(desk.mirror("BYBIT")["held"]) == {"BTC/USDT"}


def test_release_of_what_is_not_held_names_what_is(desk):
    assert desk.collect("BYBIT")[0] == 0
    code, _, err = desk.call("prices", "release", "BYBIT", "BTC/USDT")
    assert (code, err) == (1, "marketctl: nothing of BYBIT is held. Next: marketctl prices held.\n")


def test_two_accounts_of_one_exchange_are_one_venue(desk):
    """They say the same twice: with KUCOIN that makes two venues, and nobody can say who is right."""
    path = desk.folder / "providers.toml"
    entry = path.read_text().partition("[providers.BYBIT]")[2].partition("[providers.")[0]
    path.write_text(path.read_text() + "\n[providers.BYBIT-2]" + entry)
    desk.sandbox.fault("KUCOIN=off:LTC/USDT:1.2")
    assert desk.collect("BYBIT", "BYBIT-2", "KUCOIN")[0] == 0
    told = {one["pair"]: one for one in desk.held("KUCOIN")}["LTC/USDT"]
    assert (told["verdict"], told["held"], told["by"]) == ("disagree", False, ["BYBIT"])


def test_a_rate_that_was_away_for_a_cycle_is_held_against_its_last_good_one(desk, redis_server):
    """What an answer leaves out, as a row that cannot be read is, must not let the next one pass whatever it says."""
    path = desk.folder / "providers.toml"
    whole = path.read_text()
    few = '[providers.TWELVEDATA]\npairs = ["EUR/USD", "GBP/USD"]'

    def collect(text: str) -> tuple[int, str, str]:
        path.write_text(text)
        desk.sandbox.apis["TWELVEDATA"].spent.clear()
        return desk.collect("TWELVEDATA")

    assert collect(whole)[0] == 0
    good = in_redis(desk, redis_server, "TWELVEDATA")[0]["USD/RUB"]
    assert collect(re.sub(r"\[providers.TWELVEDATA\](?=\n)([^[]*)pairs = \[[^]]*\]", few + r"\1", whole))[0] == 0
    assert set(in_redis(desk, redis_server, "TWELVEDATA")[0]) == {"EUR/USD", "GBP/USD"}
    desk.sandbox.fault("TWELVEDATA=off:USD/RUB:100")
    code, _, err = collect(whole)
    quotes, _, held, _ = in_redis(desk, redis_server, "TWELVEDATA")
    assert (code, held["USD/RUB"]["verdict"], "USD/RUB" in quotes) == (0, "jump", False), err
    assert held["USD/RUB"]["last_good"]["mid"] == good["mid"]
    assert set(quotes) == {"EUR/USD", "GBP/USD", "USD/TRY", "USD/JPY", "USD/CNY", "USD/KZT"}
    desk.sandbox.fault()
    assert collect(whole)[0] == 0
    assert "USD/RUB" in in_redis(desk, redis_server, "TWELVEDATA")[0]


def test_a_set_that_has_expired_is_no_first_collection(desk, redis_server):
    assert desk.collect("TWELVEDATA", "KUCOIN")[0] == 0
    for provider in ("TWELVEDATA", "KUCOIN"):
        redis_server.say("DEL", f"marketctl:{{{provider}}}:l1", f"marketctl:{{{provider}}}:reference")
    market._markets.clear()  # as another process
    desk.sandbox.apis["TWELVEDATA"].spent.clear()
    desk.sandbox.fault("TWELVEDATA=off:USD/RUB:100")
    code, _, err = desk.collect("TWELVEDATA", "KUCOIN")
    quotes, _, held, _ = in_redis(desk, redis_server, "TWELVEDATA")
    assert (code, sorted(held), held["USD/RUB"]["verdict"], len(quotes)) == (0, ["USD/RUB"], "jump", 6), err
    assert in_redis(desk, redis_server, "KUCOIN")[2] == {}
