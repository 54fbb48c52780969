"""The account of the last build, as somebody else may have left it."""

import json

import pytest

from marketctl.rates.account import read_account
from tests.rates.world import World


@pytest.mark.parametrize(
    "change",
    [
        {"status": "in"},
        {"since": "yesterday"},
        {"good_builds": True},
        {"reason": 5},
        {"amount": "much"},
        {"amount": None},
        {"good_builds": -1},
        {"rate": 92.25},
        {"age_ms": "1"},
        {"legs": {}},
        {"needs": [{"what": "MEXC"}]},
        {"direction": None},
    ],
)
def test_a_direction_of_another_shape_makes_the_account_none(tmp_path, change):
    world = World(tmp_path / "desk")
    world.build()
    folder = world.data / "rates"
    whole = read_account(folder)
    assert (whole.broken, list(whole.directions)) == (False, ["USDTTRC20:SBERRUB"])
    document = json.loads((folder / "account.json").read_text())
    document["directions"][0] |= change
    (folder / "account.json").write_text(json.dumps(document))
    found = read_account(folder)
    assert (found.broken, found.built_ms, found.directions) == (True, None, {})
    assert [one.reason for one in world.again().build().outcomes] == ["returning"]
    assert not read_account(folder).broken
