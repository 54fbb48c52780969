"""What takes a direction out, each with its reason named."""

import json
from fractions import Fraction

import pytest

from marketctl.models import Network
from tests.desk import asset, quote
from tests.rates.checker import check_export
from tests.rates.world import CODES, DIRECTION, ETHEREUM, GOOD, SECOND, usdt

ETH = "0x2791bfd60d232150bff86b39b7146c0eaaa2ba81"


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
    assert world.again().reason() == "disabled"


def test_one_direction_that_is_out_takes_no_other_with_it(world):
    world.directions(DIRECTION, SECOND)
    assert [one.status for one in world.build().outcomes] == ["ok", "ok"]
    world.quotes("KUCOIN", 3600, **{"BTC/USDT": quote("60000", "60001")})
    built = world.build()
    assert built.counts == {"directions": 2, "in": 1, "out": 1, "out_by": {"stale": 1}, "came": [],
                            "went": ["BTC:SBERRUB"]}  # fmt: skip
    assert [one["from"] for one in check_export(world.xml.read_bytes())] == ["USDTTRC20"]
