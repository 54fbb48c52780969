"""Builds: what stands in the files, what leaves it at once, who comes back when; whatever the market does."""

import os
import signal
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketctl.config.registry import HistorySettings
from marketctl.redis.connection import connect
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.times import now_ms
from tests.desk import quote
from tests.rates.checker import check_elder, check_export, read_as_by_line, read_as_by_path
from tests.rates.world import CODES, DIRECTION, GOOD, LIMITS, SECOND, World

# Real Redis --------------------------------------------------------------------------------


def test_a_dead_redis_takes_everything_out_within_one_build(tmp_path):
    world = World(tmp_path / "desk", redis_url="embedded")
    history = HistorySettings(enabled=False, max_len=1, max_age_s=1, pairs=("*",))
    settings = world.registry.settings
    world.directions(DIRECTION, SECOND)
    with connect(settings.redis_url, settings.data_dir, settings.redis_prefix) as store:
        for provider, quotes in {"KUCOIN": {"BTC/USDT": quote("60000", "60001")}, "RAPIRA": {"USDT/RUB": GOOD}}.items():
            publish_l1(store, provider, quotes, run_id="r", collected_ms=now_ms(), interval_s=10, skipped=0,
                       history=history)  # fmt: skip
        assert [one.status for one in world.build().outcomes] == ["ok", "ok"]
        store.call("DEL", store.key("KUCOIN", "l1"))
        assert [one.reason for one in world.build().outcomes] == [None, "expired"]
    dead = world.path.read_text().replace('"embedded"', f'"unix://{tmp_path}/nobody.sock"')
    world.path.write_text(dead)
    built = world.again().build()  # the mirror is there, fresh, and not used
    assert [one.reason for one in built.outcomes] == ["redis", "redis"]
    assert check_export(world.xml.read_bytes()) == []


def test_a_server_that_hangs_takes_everything_out_and_one_that_sleeps_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.redis.embedded.ANSWER_S", 0.2)
    world = World(tmp_path / "desk", redis_url="embedded")
    text = world.path.read_text()
    world.path.write_text(text.replace("[settings]\n", "[settings]\nembedded_stay = false\n"))
    with EmbeddedRedis(world.again().data):
        pass
    assert world.reason() is None  # asleep: what it said last is in the mirror
    with EmbeddedRedis(world.data):
        pid = int((world.data / "redis" / "server.lock").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            (out,) = world.build().outcomes
        finally:
            os.kill(pid, signal.SIGCONT)
    told = f"embedded Redis in {world.data}/redis runs and does not answer"
    assert (out.reason, out.message) == ("redis", f"RAPIRA USDT/RUB bid: {told}")


# Coming back -------------------------------------------------------------------------------


def test_a_direction_comes_back_after_good_builds_in_a_row(world):
    assert world.reason() is None
    world.quotes("RAPIRA", 3600, **{"USDT/RUB": GOOD})
    assert world.reason() == "stale"
    world.quotes("RAPIRA", **{"USDT/RUB": GOOD})
    assert world.reason() == "returning"
    assert world.reason() == "returning"
    world.quotes("RAPIRA", 3600, **{"USDT/RUB": GOOD})
    assert world.reason() == "stale"
    world.quotes("RAPIRA", **{"USDT/RUB": GOOD})
    found = [world.build().outcomes[0] for _ in range(4)]
    assert [one.reason for one in found] == ["returning", "returning", None, None]
    assert [one.turned for one in found] == [False, False, True, False]
    assert found[2].since == found[3].since


def test_an_account_that_cannot_be_read_lets_nobody_in_at_once(world):
    assert world.reason() is None
    (world.data / "rates" / "account.json").write_text("{")
    assert [world.reason() for _ in range(3)] == ["returning", "returning", None]


# What others read --------------------------------------------------------------------------


FULL = f"""
[[directions]]
from = "BTC"
to = "SBERRUB"
rate = "KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid - 1.5%"
to_min = 1000
to_max = 2000000
from_fee = "0.0001"
to_fee = ["0.5%", "10"]
delay = 30
floating = {{ minutes = 10, percent = 1 }}
labels = ["manual", "reg"]
city = ["MSK", "FNCH"]
{LIMITS.replace("100", "0.01").replace("20000.559", "1.2")}"""


def test_every_element_stands_as_the_schema_wants_it(world):
    world.rates.write_text(
        '[export]\nxml_elder = "elder.xml"\n' + CODES + DIRECTION + FULL
        + FULL.replace('"BTC"\nto = "SBERRUB"', '"SBERRUB"\nto = "BTC"').replace(
            "KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid", "1 / (KUCOIN BTC/USDT ask * RAPIRA USDT/RUB ask)")
    )  # fmt: skip
    built = world.build()
    assert [one.reason for one in built.outcomes] == [None] * 5
    items = check_export(world.xml.read_bytes())
    assert len(items) == 5
    check_elder((world.folder / "elder.xml").read_bytes())
    line = world.xml.read_text().splitlines()[3]
    assert line == (
        "  <item><from>BTC</from><to>SBERRUB</to><in>1</in><out>5452447.72</out><amount>5000000</amount>"
        "<frommin>0.01</frommin><frommax>1.2</frommax><tomin>1000</tomin><tomax>2000000</tomax>"
        '<fromfee>0.0001</fromfee><tofee type="%">0.5</tofee><tofee>10</tofee><delay>30</delay>'
        '<floating minutes="10" percent="1"/><manual>true</manual><reg>true</reg><city>MSK</city>'
        "<minamount>0.01</minamount><maxamount>1.2</maxamount></item>"
    )
    elder = (world.folder / "elder.xml").read_text().splitlines()[3]
    assert elder == (
        "  <item><from>BTC</from><to>SBERRUB</to><in>1</in><out>5452447.72</out><amount>5000000</amount>"
        "<minamount>0.01</minamount><maxamount>1.2</maxamount><fromfee>0.0001 BTC</fromfee><tofee>0.5%, 10 RUB</tofee>"
        "<floating>10</floating><delay>30</delay><param>manual,reg</param><city>MSK</city></item>"
    )


def test_readers_see_the_rate_and_that_a_direction_is_gone(world):
    world.rates.write_text('[export]\nxml_elder = "elder.xml"\ngood_builds = 1\n' + CODES + DIRECTION + SECOND)
    world.build()
    elder = world.folder / "elder.xml"
    expected = {"USDTTRC20>SBERRUB": Decimal("90.87"), "BTC>SBERRUB": Decimal("5452447.72")}
    for path in (world.xml, elder):
        assert read_as_by_path(path.read_bytes(), {}) == expected
        assert read_as_by_line(path.read_text())["USDTTRC20>SBERRUB"] == {
            "in": "1", "out": "90.87", "reserve": "5000000", "min": "100", "max": "20000.55",
        }  # fmt: skip
    world.quotes("RAPIRA", 3600, **{"USDT/RUB": GOOD})
    world.build()
    for path in (world.xml, elder):
        assert read_as_by_path(path.read_bytes(), expected) == dict.fromkeys(expected, Decimal(0))
        assert read_as_by_line(path.read_text()) == {}


# Whatever the market does ------------------------------------------------------------------


prices = st.decimals(min_value="0.0001", max_value=200000, places=4)
legs = st.tuples(prices, st.decimals(min_value=0, max_value=5, places=3), st.integers(-20, 200))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(legs, legs, st.integers(0, 8), st.integers(0, 8))
def test_whatever_the_market_does_no_rate_is_too_good_or_of_an_old_quote(world, one, two, from_decimals, to_decimals):
    (price, margin, age), (rub, _, rub_age) = one, two
    world.rates.write_text(
        "[export]\ngood_builds = 1\n[codes]\n"
        f'BTC = {{ asset = "BTC", network = "bitcoin", decimals = {from_decimals} }}\n'
        f'SBERRUB = {{ asset = "RUB", decimals = {to_decimals} }}\n'
        + SECOND.replace("bid * 0.985", f"bid - {margin}%")
    )  # fmt: skip
    world.quotes("KUCOIN", age, **{"BTC/USDT": quote(f"{price:f}", f"{price + 1:f}")})
    world.quotes("RAPIRA", rub_age, **{"USDT/RUB": quote(f"{rub:f}", f"{rub + 1:f}")})
    world.build()
    items = check_export(world.xml.read_bytes())
    exact = Fraction(price) * Fraction(rub) * (1 - Fraction(margin) / 100)
    fresh = all(-5 < seconds < 59 for seconds in (age, rub_age))
    old = any(seconds > 60 or seconds < -6 for seconds in (age, rub_age))
    assert not (items and old)
    if items:
        assert Fraction(items[0]["out"]) / Fraction(items[0]["in"]) <= exact
        assert min(Fraction(items[0]["out"]), Fraction(items[0]["in"])) <= 1
    elif fresh:
        assert world.build().outcomes[0].reason == "rounding"
