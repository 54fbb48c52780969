"""Builds: what takes a direction out and names the reason, who comes back when, files whole at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketctl.config.registry import HistorySettings
from marketctl.errors import Busy, ConfigError, StorageFailed
from marketctl.models import Network
from marketctl.rates.account import read_account
from marketctl.rates.build import build_lock
from marketctl.rates.writing import withdraw
from marketctl.redis.connection import connect
from marketctl.redis.publish import publish_l1
from marketctl.times import now_ms
from tests.desk import asset, quote
from tests.rates.checker import check_elder, check_export, read_as_by_line, read_as_by_path
from tests.rates.world import CODES, DIRECTION, ETHEREUM, GOOD, LIMITS, SECOND, World, usdt

ETH = "0x2791bfd60d232150bff86b39b7146c0eaaa2ba81"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "desk")


# Out, with the reason -----------------------------------------------------------------------


def test_a_direction_whose_quotes_are_good_is_in_the_export(world):
    (outcome,) = world.build().outcomes
    assert (outcome.status, outcome.reason) == ("ok", None)
    (item,) = check_export(world.xml.read_bytes())
    assert item == {
        "from": "USDTTRC20", "to": "SBERRUB", "in": "1", "out": "90.87", "amount": "5000000",
        "frommin": "100", "frommax": "20000.55", "minamount": "100", "maxamount": "20000.55",
    }  # fmt: skip
    assert outcome.rate == Fraction("90.87337155")


@pytest.mark.parametrize(
    ("given", "reason", "message"),
    [
        (quote(None, "92.3"), "one-sided", "RAPIRA USDT/RUB bid: the book has no bid"),
        (quote("92.2", None), "one-sided", "RAPIRA USDT/RUB bid: the book has no ask"),
        (quote(mid="92.2"), "one-sided", "RAPIRA USDT/RUB bid: there is no bid, only a mid"),
        (quote("92.2", "92.3", status="halted"), "halted", "RAPIRA USDT/RUB bid: the pair is halted"),
        (None, "no-quote", "RAPIRA USDT/RUB bid: RAPIRA quotes no USDT/RUB; did you mean USDC/RUB?"),
        (quote("92.2", "92.3", at_ms=1), "stale", "allowed are 60 s"),
    ],
)
def test_a_quote_that_is_not_good(world, given, reason, message):
    assert world.reason() is None
    world.quotes("RAPIRA", **{"USDC/RUB": GOOD} | ({"USDT/RUB": given} if given else {}))
    (outcome,) = world.build().outcomes
    assert outcome.reason == reason
    assert message in str(outcome.message)
    assert check_export(world.xml.read_bytes()) == []
    assert json.loads((world.data / "rates" / "rates.json").read_text()) == {"schema": 1, "rates": []}


@pytest.mark.parametrize(("age_s", "reason"), [(59, None), (61, "stale"), (-60, "stale"), (86400, "stale")])
def test_a_quote_that_is_too_old_takes_its_direction_out(world, age_s, reason):
    world.quotes("RAPIRA", age_s, **{"USDT/RUB": GOOD})
    assert world.reason() == reason


def test_age_as_the_desk_wants_it(world):
    world.quotes("RAPIRA", 100, **{"USDT/RUB": GOOD})
    world.directions("[max_age_s]\nRAPIRA = 120\n", DIRECTION)
    assert world.reason() is None
    world.directions("[max_age_s]\nRAPIRA = 120\n", DIRECTION, "max_age_s = 90\n")
    assert world.reason() == "stale"


def test_a_quote_the_sentinel_holds_takes_its_direction_out(world):
    assert world.reason() is None
    world.quotes("RAPIRA", **{"USDC/RUB": GOOD})
    path = world.data / "prices" / "RAPIRA.json"
    mirror = json.loads(path.read_text())
    held = {
        "USDT/RUB": {
            "bid": "192",
            "ask": "193",
            "verdict": "outlier",
            "why": "beyond the others",
            "since": "2026-11-26T00:00:00.000Z",
        }
    }
    path.write_text(json.dumps(mirror | {"held": held}))
    (outcome,) = world.build().outcomes
    assert outcome.reason == "held"
    assert "outlier" in str(outcome.message)
    assert check_export(world.xml.read_bytes()) == []


@pytest.mark.parametrize(
    ("networks", "age_s", "reason"),
    [
        ({"USDT": usdt()}, 60, None),
        ({"USDT": usdt(deposit=False)}, 60, "network-closed"),
        ({"USDT": usdt(deposit=None)}, 60, "network-unknown"),
        ({"USDT": usdt(network="ethereum", contract=ETHEREUM)}, 60, "network-missing"),
        ({"USDT": usdt(withdraw=False)}, 60, None),
        ({"USDT": usdt()}, 4 * 3600, "wallet-stale"),
        (None, 60, "no-wallet"),
    ],
)
def test_a_network_not_known_to_be_open_takes_its_direction_out(world, networks, age_s, reason):
    assert world.reason() is None
    if networks is None:
        (world.data / "wallet" / "MEXC.json").unlink()
    else:
        world.wallet("MEXC", age_s, **networks)
    assert world.reason() == reason


def test_a_quote_of_another_coin_takes_its_direction_out(world):
    world.directions(
        DIRECTION.replace("RAPIRA USDT/RUB bid - 1.5%", "KUCOIN BIFI/USDT bid * RAPIRA USDT/RUB bid").replace(
            'from = "USDTTRC20"', 'from = "BIFI"'
        ),
        codes=CODES + 'BIFI = { asset = "BIFI", network = "ethereum" }\n',
    )
    world.quotes("KUCOIN", **{"BIFI/USDT": quote("200", "201")})

    def coin(contract: str) -> dict:
        return asset("BIFI", {"ETH": Network(network="ethereum", deposit=True, withdraw=True, contract=contract)})

    world.wallet("KUCOIN", USDT=usdt(), BIFI=coin(ETH))
    world.wallet("MEXC", USDT=usdt(), BIFI=coin(ETH.upper().replace("X", "x", 1)))
    assert world.reason() is None
    world.wallet("MEXC", USDT=usdt(), BIFI=coin("0xb1f1ee126e9c96231cc3d3fad7c08b4cf873b1f1"))
    (outcome,) = world.build().outcomes
    assert outcome.reason == "twin"
    assert "BIFI is another coin at MEXC: on ethereum contract 0x2791" in str(outcome.message)
    # The desk may say which coin it means.
    world.rates.write_text(world.rates.read_text().replace('"ethereum" }', f'"ethereum", contract = "{ETH}" }}'))
    outcomes = [world.build().outcomes[0].reason for _ in range(3)]
    assert outcomes == ["returning", "returning", None]
    world.rates.write_text(world.rates.read_text().replace(ETH, "0x" + "1" * 40))
    assert world.reason() == "twin"
    # What made it a twin cannot be read any more: it is not the coin of the others for that.
    path = world.data / "wallet" / "KUCOIN.json"
    path.write_text(path.read_text()[:100])
    assert world.reason() == "no-wallet"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("at_least = 91", "bounds"),
        ("at_most = 90", "bounds"),
        ('at_most = "OPENEXCHANGERATES USD/RUB mid"\nat_least = "OPENEXCHANGERATES USD/RUB mid - 5%"', None),
        ('at_most = "OPENEXCHANGERATES USD/RUB mid - 5%"', "bounds"),
        ('at_most = "KUCOIN NONE/RUB bid"', "no-quote"),
    ],
)
def test_bounds(world, line, reason):
    world.directions(DIRECTION, line)
    assert world.reason() == reason


@pytest.mark.parametrize(
    ("rate", "reason"),
    [
        ("RAPIRA USDT/RUB bid - 92.25723", "not-positive"),
        ("RAPIRA USDT/RUB bid - 100", "not-positive"),
        ("1 / (RAPIRA USDT/RUB bid - 92.25723)", "formula"),
        ("RAPIRA USDT/RUB bid / 1", None),
    ],
)
def test_a_rate_that_is_none(world, rate, reason):
    world.directions(DIRECTION.replace("RAPIRA USDT/RUB bid - 1.5%", rate))
    assert world.reason() == reason


def test_a_disabled_provider(world):
    text = world.path.read_text().replace("[providers.RAPIRA]\n", "[providers.RAPIRA]\nenabled = false\n")
    world.path.write_text(text)
    assert World.reason(world.again()) == "disabled"


def test_one_direction_that_is_out_takes_no_other_with_it(world):
    world.directions(DIRECTION, SECOND)
    assert [one.status for one in world.build().outcomes] == ["ok", "ok"]
    world.quotes("KUCOIN", 3600, **{"BTC/USDT": quote("60000", "60001")})
    built = world.build()
    assert built.counts == {"directions": 2, "in": 1, "out": 1, "out_by": {"stale": 1}, "came": [],
                            "went": ["BTC:SBERRUB"]}  # fmt: skip
    assert [one["from"] for one in check_export(world.xml.read_bytes())] == ["USDTTRC20"]


# Real Redis -----------------------------------------------------------------------------------


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


# Coming back ----------------------------------------------------------------------------------


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


# Files ----------------------------------------------------------------------------------------


def test_what_does_not_change_keeps_its_bytes_and_its_time(world):
    world.build()
    paths = [world.xml, world.data / "rates" / "rates.json"]
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths]
    assert world.build().written == []
    assert [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths] == before
    world.quotes("RAPIRA", **{"USDT/RUB": quote("93", "94")})
    assert world.build().written == paths


def test_a_typo_empties_the_export_and_says_where_it_is(world):
    world.build()
    good = world.rates.read_text()
    world.rates.write_text(good.replace("RUB bid", "RUB bud"))
    with pytest.raises(ConfigError, match=r"line 12, column 25: .*did you mean bid"):
        world.build()
    assert check_export(world.xml.read_bytes()) == []
    world.rates.write_text(good)
    assert world.reason() is None  # a typo is no fault of the market's: nothing has to come back


@pytest.mark.parametrize("broken", ["[export", '[export]\nxml = "other.xml"\ngood_build = 3\n'])
def test_the_export_is_found_and_emptied_without_an_account(world, broken):
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "other.xml"'))
    world.build()
    other = world.folder / "other.xml"
    assert len(check_export(other.read_bytes())) == 1
    if "other" in broken:
        (world.data / "rates" / "account.json").unlink()
    world.rates.write_text(broken)
    with pytest.raises(ConfigError):
        world.build()
    assert check_export(other.read_bytes()) == []


def test_a_file_that_is_not_written_any_more_is_emptied(world):
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "other.xml"'))
    world.build()
    world.directions(DIRECTION)
    world.build()
    assert check_export((world.folder / "other.xml").read_bytes()) == []
    assert len(check_export(world.xml.read_bytes())) == 1


def test_withdraw_touches_no_file_that_is_no_export(world):
    page = world.folder / "page.html"
    page.write_text("<html>")
    world.rates.write_text(f'[export]\nxml = "{page}"\n')
    assert withdraw(world.data / "rates", world.rates) == []
    assert page.read_text() == "<html>"


@pytest.mark.parametrize("other", ["[BYBIT]\napi_secret = 'x'\n", '{"quotes": {}}', "a page"])
def test_a_build_replaces_nothing_that_is_no_export(world, other):
    (world.folder / "mine").write_text(other)
    world.build()
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "mine"'))
    with pytest.raises(StorageFailed, match="mine holds something else than rates, and is not replaced"):
        world.build()
    assert (world.folder / "mine").read_text() == other
    (world.folder / "mine").write_text("")
    world.build()
    assert len(check_export((world.folder / "mine").read_bytes())) == 1


def test_a_build_replaces_no_device(world):
    os.mkfifo(world.folder / "pipe")
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "pipe"'))
    with pytest.raises(StorageFailed, match="pipe is no regular file, and is not replaced"):
        world.build()
    assert (world.folder / "pipe").is_fifo()
    world.rates.write_text(world.rates.read_text().replace('xml = "pipe"', ""))
    world.build()  # it stands in the account as a file of the last build


def test_a_file_that_cannot_be_written_leaves_no_other_with_old_rates(world):
    world.build()
    assert len(json.loads((world.data / "rates" / "rates.json").read_text())["rates"]) == 1
    world.xml.unlink()
    world.xml.mkdir()
    world.wallet("MEXC", USDT=usdt(deposit=False))
    with pytest.raises(StorageFailed, match="Is a directory"):
        world.build()
    assert json.loads((world.data / "rates" / "rates.json").read_text())["rates"] == []
    world.rates.write_text("broken")
    with pytest.raises(ConfigError):
        world.build()


def test_two_builds_do_not_overlap(world):
    with build_lock(world.data / "rates", 0), pytest.raises(Busy):
        world.builder.build(lock_wait_s=0.1)
    started = threading.Event()

    def hold() -> None:
        with build_lock(world.data / "rates", 0):
            started.set()
            time.sleep(0.2)
            world.quotes("RAPIRA", **{"USDT/RUB": quote("95", "96")})

    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    (outcome,) = world.build().outcomes  # waited, and read the market after that
    thread.join()
    assert outcome.rate == Fraction("93.575")


KILLED = """
import sys
from pathlib import Path
from marketctl.models import Quote
from tests.desk import quote
from tests.rates.world import World
world = World(Path(sys.argv[1]))
print("on", flush=True)
turn = 0
while True:
    turn += 1
    world.quotes("RAPIRA", 3600 if turn % 5 == 0 else 1, **{"USDT/RUB": quote(str(90 + turn % 7), "99")})
    world.build()
"""


def test_killed_at_any_moment_it_leaves_whole_files(tmp_path):
    folder = tmp_path / "desk"
    chance = random.Random(17)
    root = Path(__file__).parent.parent.parent
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, cwd=root, env=os.environ
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"on\n"
            time.sleep(chance.uniform(0.005, 0.12))
            child.send_signal(signal.SIGKILL)
        xml = folder / "data" / "rates" / "rates.xml"
        if xml.exists():
            assert len(check_export(xml.read_bytes())) <= 1
            if xml.with_name("rates.json").exists():  # it comes second, the first time
                json.loads(xml.with_name("rates.json").read_text())
            assert not read_account(xml.parent).broken
    world = World(folder)
    assert [world.reason() for _ in range(3)][-1] is None
    assert [path.name for path in world.xml.parent.iterdir() if path.suffix == ".tmp"] == []


# What others read -----------------------------------------------------------------------------


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


# Whatever the market does -----------------------------------------------------------------------

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
