"""What cannot be read, is late, fails or is not told now ends no alert: unknown is neither so nor over."""

import json

import pytest

from marketctl.errors import ConfigError
from marketctl.files.snapshots import write_document
from marketctl.files.state import record_state
from marketctl.notify.conditions import look
from marketctl.providers.loader import load_registry
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import Reader
from marketctl.views.wallets import WalletFiles
from tests.desk import head, quote
from tests.rates.world import World, usdt

GAP = {"pair": "BTC/USDT", "buy_at": "KUCOIN", "sell_at": "MEXC"}
EARLIER = {
    "door USDT tron withdraw": {"closed": ["KUCOIN", "MEXC"]},
    "twin USDT": {"asset": "USDT", "venues": ["KUCOIN"]},
    "failing KUCOIN prices": {}, "stale KUCOIN prices": {}, "held KUCOIN": {}, "stale KUCOIN wallet": {},
    "key KUCOIN": {}, "quota KUCOIN": {}, "gap BTC/USDT": GAP,
    "crossed BTC/USDT": {"pair": "BTC/USDT", "venues": ["KUCOIN"]},
    "above BTC/USDT": {"at": "KUCOIN", "bound": "70000"}, "below BTC/USDT": {"at": "KUCOIN", "bound": "50000"},
}  # fmt: skip
BOUNDS = {"above BTC/USDT", "below BTC/USDT"}


@pytest.fixture
def seen(tmp_path):
    """A desk whose watched things all stand well, and what is seen of it after something was done to its files."""
    world = World(tmp_path / "desk")
    text = world.path.read_text()
    watch = '\n[watch]\nassets = ["USDT"]\npairs = ["BTC/USDT"]\ngap = "1%"\n'
    watch += 'above = { "BTC/USDT" = "70000" }\nbelow = { "BTC/USDT" = "50000" }\n'
    for name in ("KUCOIN", "MEXC"):
        world.quotes(name, **{"BTC/USDT": quote("60000", "60001", status="trading")})
        world.wallet(name, USDT=usdt(withdraw_fee="1"))
        record_state(world.data / "state", name, "prices", at_ms=now_ms(), ok=True, reason=None)
        quota = {"plan": None, "used": 1, "limit": 2000, "remaining": 1999, "resets_at": None}
        marks = [{"at": to_iso(now_ms() - 3 * 3_600_000), "resets_at": None, "used": 1}]
        told = {"key_ends_at": None, "quota_marks": marks, "stats": {"quota": quota}}
        write_document(world.data / "stats" / f"{name}.json", head(name, "stats", now_ms()) | told)

    def look_again(registry_text: str = text) -> tuple[dict[str, str], set[str]]:
        world.path.write_text(registry_text + watch)
        registry = load_registry(world.path, environ={})
        known = WalletFiles(registry).readable()
        picture = look(registry, Reader(registry, None, ConfigError("none")), now_ms(), EARLIER, known)
        found = {key: one.signature for key, one in picture.conditions.items() if key in EARLIER}
        return found, picture.unknown & EARLIER.keys()

    assert look_again() == ({}, set())  # all of it is over
    return world, look_again


@pytest.mark.parametrize(
    ("place", "found", "unknown"),
    [
        ("wallet", {"door USDT tron withdraw": "KUCOIN"}, {"twin USDT", "gap BTC/USDT", "stale KUCOIN wallet"}),
        (
            *("prices", {}),
            {"failing KUCOIN prices", "stale KUCOIN prices", "held KUCOIN", "gap BTC/USDT", *BOUNDS},
        ),
        ("stats", {}, {"key KUCOIN", "quota KUCOIN"}),
    ],
)
def test_what_cannot_be_read_ends_nothing(seen, place, found, unknown):
    world, look_again = seen
    (world.data / place / "KUCOIN.json").write_text("{")
    assert look_again() == (found, unknown)


def test_a_closed_door_of_a_wallet_that_cannot_be_read_is_told_beside_the_others(seen):
    world, look_again = seen
    world.wallet("MEXC", USDT=usdt(withdraw=False))
    (world.data / "wallet" / "KUCOIN.json").unlink()
    assert look_again()[0] == {"door USDT tron withdraw": "KUCOIN,MEXC"}


def test_what_a_provider_that_was_disabled_had_is_over(seen):
    world, look_again = seen
    (world.data / "wallet" / "KUCOIN.json").unlink()
    text = world.path.read_text().split("[watch]")[0]
    assert look_again(text.replace("[providers.KUCOIN]", "[providers.KUCOIN]\nenabled = false")) == ({}, set())


def test_a_state_nobody_may_read_and_figures_that_are_not_told_end_nothing(seen):
    world, look_again = seen
    state = world.data / "state" / "KUCOIN.json"
    state.unlink()
    state.mkdir()
    path = world.data / "stats" / "KUCOIN.json"
    told = json.loads(path.read_text())
    del told["key_ends_at"]
    told["stats"]["quota"] = None
    path.write_text(json.dumps(told))
    found, unknown = look_again()
    assert found == {"crossed BTC/USDT": "KUCOIN"}
    assert unknown >= {"failing KUCOIN prices", "key KUCOIN", "quota KUCOIN"}


def test_old_quotes_end_no_gap(seen):
    world, look_again = seen
    world.quotes("MEXC", 3600, **{"BTC/USDT": quote("60000", "60001", status="trading")})
    assert look_again()[1] == {"gap BTC/USDT"}
    world.quotes("KUCOIN", 3600, **{"BTC/USDT": quote("60000", "60001", status="trading")})
    assert look_again() == ({"stale KUCOIN prices": ""}, {"gap BTC/USDT", *BOUNDS})


def test_old_wallets_end_no_gap(seen):
    world, look_again = seen
    world.wallet("MEXC", 86_400, USDT=usdt(withdraw_fee="1"))
    assert look_again()[1] == {"gap BTC/USDT"}


def test_what_fails_now_is_neither_working_nor_fresh_again(seen):
    world, look_again = seen
    record_state(world.data / "state", "KUCOIN", "prices", at_ms=now_ms(), ok=False, reason="network")
    assert look_again()[1] == {"failing KUCOIN prices", "stale KUCOIN prices"}
    record_state(world.data / "state", "KUCOIN", "prices", at_ms=now_ms(), ok=None, reason="no-credentials")
    assert look_again()[1] == {"failing KUCOIN prices", "stale KUCOIN prices"}


def test_a_job_of_which_no_state_is_there_is_not_known_to_work(seen):
    world, look_again = seen
    (world.data / "state" / "KUCOIN.json").write_text("{")
    assert look_again()[1] == {"failing KUCOIN prices"}


def test_prices_that_are_gone_are_not_fresh_and_hold_nothing_back(seen):
    world, look_again = seen
    (world.data / "prices" / "KUCOIN.json").unlink()
    found, unknown = look_again()
    assert found == {"stale KUCOIN prices": ""}
    assert unknown == {"held KUCOIN", "gap BTC/USDT", *BOUNDS}
    (world.data / "state" / "KUCOIN.json").unlink()  # nothing was ever there
    assert look_again()[0] == {}
    assert look_again()[1] >= {"stale KUCOIN prices", "failing KUCOIN prices", "held KUCOIN"}


def test_a_source_whose_own_time_stands_still_is_stale(seen):
    world, look_again = seen
    old = quote("60000", "60001", status="trading", at_ms=now_ms() - 3_600_000)
    world.quotes("KUCOIN", **{"BTC/USDT": old})
    assert look_again()[0] == {"stale KUCOIN prices": ""}


def test_a_pace_that_is_not_known_ends_no_alert_of_a_plan(seen):
    world, look_again = seen
    path = world.data / "stats" / "KUCOIN.json"
    told = json.loads(path.read_text()) | {"quota_marks": []}
    path.write_text(json.dumps(told))
    assert look_again() == ({}, {"quota KUCOIN"})
