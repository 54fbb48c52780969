"""Views that join venues count addresses, and judge coins by contract."""

import json
from typing import Any

import pytest

from marketctl.config.registry import Registry
from marketctl.errors import ConfigError
from marketctl.files.snapshots import write_snapshot
from marketctl.models import Network
from marketctl.providers.loader import load_registry
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms, to_iso
from marketctl.views import twins
from marketctl.views.asset import asset
from marketctl.views.doors import doors
from marketctl.views.quotes import Reader
from marketctl.views.twins import Coins, address_of, known_coins
from marketctl.views.wallets import WalletFiles
from tests.desk import asset as coin
from tests.desk import head, quote

ENTRY = """
[providers.{name}]
path = "marketctl.providers.cex.{adapter}"
needs_api = false
"""
ENTRIES = (("BYBIT", "bybit:BybitAdapter"), ("MEXC", "mexc:MexcAdapter"), ("MEXC2", "mexc:MexcAdapter"))
GEM, OTHER = "0x" + "1f" * 20, "0x" + "2e" * 20


@pytest.fixture
def registry(tmp_path) -> Registry:
    """Return BYBIT, and MEXC by two accounts: GEM is another coin there, and its withdrawals are closed."""
    text = '[settings]\nredis_url = "none"\n' + "".join(ENTRY.format(name=name, adapter=path) for name, path in ENTRIES)
    (tmp_path / "providers.toml").write_text(text)
    registry, now = load_registry(tmp_path / "providers.toml", environ={}), now_ms()
    for name, _ in ENTRIES:
        network = Network(network="ethereum", contract=GEM if name == "BYBIT" else OTHER, withdraw=name == "BYBIT")
        path = registry.settings.data_dir / "wallet" / f"{name}.json"
        write_snapshot(path, head(name, "wallet", now), "assets", {"GEM": coin("GEM", {"ETH": network})})
        path = registry.settings.data_dir / "prices" / f"{name}.json"
        write_mirror(path, head(name, "prices", now), {"GEM/USDT": quote("1", "2"), "BTC/USDT": quote("9", "10")})
    return registry


def test_the_adapters_own_address_is_the_same_written_out_or_not(registry):
    bybit, mexc, other = (registry.provider(name) for name in dict(ENTRIES))
    assert address_of(mexc) == address_of(other) != address_of(bybit)
    assert address_of(other._replace(base_url="https://API.mexc.com")) == address_of(mexc)
    for base_url in ("https://api.mexc.example", "http://api.mexc.com", "https://api.mexc.com:8443"):
        assert address_of(other._replace(base_url=base_url)) == (base_url,)
    assert address_of(other._replace(path="no.such:Adapter", base_url="https://a.example")) == ("https://a.example",)


def test_two_accounts_of_one_exchange_do_not_outvote_another(registry):
    found = known_coins(registry).apart("GEM/USDT", ["BYBIT", "MEXC", "MEXC2"])
    assert found == {
        "BYBIT": f"GEM is another coin at MEXC: on ethereum contract {GEM} is not {OTHER}",
        "MEXC": f"GEM is another coin at BYBIT: on ethereum contract {OTHER} is not {GEM}",
        "MEXC2": f"GEM is another coin at BYBIT: on ethereum contract {OTHER} is not {GEM}",
    }
    # Read again from data/cache, and of venues of their own.
    known = known_coins(registry)
    known.addresses = {}
    assert list(known.apart("GEM", ["BYBIT", "MEXC", "MEXC2"])) == ["BYBIT"]


@pytest.mark.parametrize("networks", [["x"], {"ETH": 1}, {"ETH": {"contract": ["0x"]}}, {"ETH": {"deposit": "no"}}])
def test_an_asset_of_another_shape_tells_nothing_and_hides_no_other(registry, networks):
    path = registry.settings.data_dir / "wallet" / "BYBIT.json"
    sound = coin("SOL", {"SOL": Network(network="solana", withdraw=False)}, withdraw=False)
    write_snapshot(
        path,
        head("BYBIT", "wallet", now_ms()),
        "assets",
        {"GEM": {"ticker": "GEM", "networks": networks}, "SOL": sound},
    )
    for again in (False, True):  # read again from data/cache
        if again:
            twins._remembered.clear()
        coins = known_coins(registry)
        assert coins.apart("GEM/USDT", ["BYBIT", "MEXC", "MEXC2"]) == {}
        assert coins.closed["BYBIT"] == {"SOL": ["withdraw"]}
        assert coins.unread == {"BYBIT": ["GEM"]}
        told = [
            coins.is_unread(*asked) for asked in (("BYBIT", "GEM/USDT"), ("BYBIT", "SOL/USDT"), ("MEXC", "GEM/USDT"))
        ]
        assert told == [True, False, False]


def test_a_wallet_that_is_none_is_unread_for_every_coin(registry):
    (registry.settings.data_dir / "wallet" / "BYBIT.json").write_text("[]")
    coins = known_coins(registry)
    assert coins.unread == {"BYBIT": []}
    assert [coins.is_unread(name, "ANY/USDT") for name in ("BYBIT", "MEXC")] == [True, False]


@pytest.mark.parametrize("change", [{"twins": {"GEM": {"BYBIT": True}}}, {"closed": {"BYBIT": 5}}, {"collected": []}])
def test_kept_coins_of_another_shape_are_made_anew(registry, change):
    good = known_coins(registry)
    path = registry.settings.data_dir / "cache" / "coins.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    twins._remembered.clear()
    assert known_coins(registry) == good
    assert all(json.loads(path.read_bytes())[name] != value for name, value in change.items())


def test_of_what_is_apart_it_is_said_what_most_mean():
    whys = {
        (one, other): f"{one} not {other}" for one in "ABC" for other in "ABC" if {one, other} & {"C"} and one != other
    }
    twins: dict[str, dict[str, str]] = {}
    for (one, other), why in whys.items():
        twins.setdefault(one, {})[other] = why
    assert Coins({"GEM": twins}).apart("GEM/USDT", "ABC") == {"C": "C not A"}


def test_asset_counts_venues_and_marks_other_coins(registry):
    found = asset(WalletFiles(registry), Reader(registry, None, ConfigError("none")), "GEM", now_ms())
    assert {row["provider"]: bool(row["twin"]) for row in found["networks"]} == dict.fromkeys(dict(ENTRIES), True)
    found = asset(WalletFiles(registry), Reader(registry, None, ConfigError("none")), "BTC", now_ms())
    (price,) = found["prices"]
    assert (price["bid_at"], price["venues"]) == (["BYBIT", "MEXC", "MEXC2"], 2)


def test_doors_are_counted_by_venue(registry):
    (door,) = (one for one in doors(WalletFiles(registry).readable(), now_ms()).values() if one.door == "withdraw")
    assert door.words() == "GEM · ethereum: withdrawals closed at 1 of 2: MEXC"  # which GEM is meant, nobody can say


def test_doors_of_another_coin_are_none_of_this_one(registry):
    now = now_ms()

    def wallet(contract: str | None, withdraw: bool) -> dict[str, Any]:
        network = Network(network="ethereum", contract=contract, withdraw=withdraw)
        return {"collected_at": to_iso(now), "assets": {"GEM": coin("GEM", {"ETH": network})}}

    entry = registry.provider("BYBIT")
    told = {"A": wallet(GEM, True), "B": wallet(GEM, False), "C": wallet(OTHER, False), "D": wallet(None, False)}
    wallets = [(entry._replace(name=name, base_url=f"https://{name}.example"), one) for name, one in told.items()]
    (door,) = (one for one in doors(wallets, now, ["gem"]).values() if one.door == "withdraw")
    assert (door.open, door.closed, door.unknown) == ({"A": None}, ["B", "D"], [])
