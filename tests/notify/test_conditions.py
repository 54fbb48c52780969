"""Rules that read what jobs left behind: a key that ends, a bid above its ask; and the figures of what is watched."""

import json
from contextlib import contextmanager

import pytest

from marketctl.cli import invoke
from marketctl.errors import ConfigError
from marketctl.models import Network
from marketctl.notify.conditions import look
from marketctl.providers.loader import load_registry
from marketctl.sandbox.setup import write_setup
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import Reader
from marketctl.views.wallets import WalletFiles
from tests.desk import asset
from tests.rates.world import TRON, World, usdt

WATCH = """
[watch]
assets = ["USDT"]
networks = ["ton"]
pairs = ["BTC/USDT", "ETH/USDT"]
fee = false
stale = false
twins = false
gap = false
"""


@pytest.fixture
def desk(sandbox, tmp_path, capsys):
    """A desk of BYBIT and KUCOIN that watches two pairs: its folder, and what runs marketctl there."""
    folder = write_setup(sandbox, tmp_path / "desk").parent
    path = folder / "providers.toml"
    head, *tables = path.read_text().split("[providers.")
    kept = [table for table in tables if table.startswith(("BYBIT]", "KUCOIN]"))]
    path.write_text("[providers.".join([head, *kept]) + WATCH)

    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = invoke(["--config", str(path), *words])
        return code, capsys.readouterr().out

    return folder, call


def told(call) -> list[str]:
    code, out = call("notify", "run", "--dry-run", "--json")
    assert code == 0
    return [line["text"] for line in json.loads(out)["results"]]


@contextmanager
def changed(api, route: str, change):
    """Have the sandbox change the body of one answer."""
    usual = getattr(api, route)
    setattr(api, route, lambda call: change(usual(call)))
    try:
        yield
    finally:
        delattr(api, route)


def test_a_key_that_ends_is_told_by_the_statistics(sandbox, desk):
    folder, call = desk

    def soon(body):
        body["result"]["deadlineDay"] = 3
        return body

    with changed(sandbox.apis["BYBIT"], "key", soon):
        assert call("stats", "collect", "-q")[0] == 0
    bybit = json.loads((folder / "data" / "stats" / "BYBIT.json").read_text())
    assert [text for text in told(call) if "key" in text] == [f"BYBIT: the key ends at {bybit['key_ends_at']}"]
    assert call("stats", "collect", "-q")[0] == 0  # renewed: 71 days
    assert [text for text in told(call) if "key" in text] == []
    kucoin = json.loads((folder / "data" / "stats" / "KUCOIN.json").read_text())
    assert kucoin["key_ends_at"] is None  # it does not tell


def test_nobody_is_asked_of_a_key_that_is_not_watched(sandbox, desk):
    folder, call = desk
    path = folder / "providers.toml"
    path.write_text(path.read_text() + "key_within = false\n")
    assert call("stats", "collect", "-q")[0] == 0
    assert "key_ends_at" not in json.loads((folder / "data" / "stats" / "BYBIT.json").read_text())


def test_a_watched_pair_whose_bid_is_above_its_ask_is_told_with_its_venue(sandbox, desk):
    _, call = desk

    def crossed(body):
        for row in body["result"]["list"]:
            if row["symbol"] in ("BTCUSDT", "SOLUSDT"):
                row["bid1Price"], row["ask1Price"] = row["ask1Price"], row["bid1Price"]
        return body

    with changed(sandbox.apis["BYBIT"], "tickers", crossed):
        assert call("prices", "collect", "-q")[0] == 0
    assert [text for text in told(call) if "bid" in text] == ["BTC/USDT: bid above ask at BYBIT: not published"]
    assert call("prices", "collect", "-q")[0] == 0
    assert [text for text in told(call) if "bid" in text] == []


def test_best_bid_ask_and_gap_of_watched_pairs_and_of_no_others(sandbox, desk):
    folder, call = desk
    assert call("run", "--once", "-q", "--task", "prices", "--metrics", str(folder / "m.prom"))[0] == 0
    figures = dict(line.rsplit(" ", 1) for line in (folder / "m.prom").read_text().splitlines() if line[0] != "#")
    for pair in ("BTC/USDT", "ETH/USDT"):
        best = json.loads(call("prices", "compare", pair, "--json")[1])["best"]
        bid, ask = (float(best[side]["price"]) for side in ("bid", "ask"))
        for name, figure in (("bid", bid), ("ask", ask), ("gap", (bid - ask) * 100 / ask)):
            assert float(figures[f'marketctl_best_{name}{{pair="{pair}"}}']) == pytest.approx(figure, rel=1e-9)
    assert sum(name.startswith("marketctl_best_") for name in figures) == 6


def test_another_coin_of_a_name_is_one_condition_over_all_venues(tmp_path):
    venues = ("BYBIT", "HTX", "KUCOIN", "MEXC")
    tables = (
        f'[providers.{name}]\npath = "marketctl.providers.cex.{name.lower()}:{name.title()}Adapter"' for name in venues
    )
    text = "\n".join(['[settings]\nredis_url = "none"\n[watch]\nassets = ["GEM"]', *tables])
    (tmp_path / "providers.toml").write_text(text)
    registry, now = load_registry(tmp_path / "providers.toml", environ={}), now_ms()

    def twins(before, **contracts):
        known = [
            (
                registry.provider(name),
                {
                    "provider": name,
                    "collected_at": to_iso(now),
                    "assets": {"GEM": asset("GEM", {"E": Network(network="ethereum", contract=contract)})},
                },
            )
            for name, contract in contracts.items()
        ]
        picture = look(registry, Reader(registry, None, ConfigError("none")), now, before, known)
        found = [one for one in picture.conditions.values() if one.kind == "twin"]
        return found, {one.key: one.facts for one in found}, picture.unknown & {"twin GEM"}

    same, other = "0x" + "1f" * 20, "0x" + "2e" * 20
    contracts = dict.fromkeys(venues, same)
    assert twins({}, **contracts)[0] == []
    (one,), facts, _ = twins({}, **contracts | {"KUCOIN": other})
    assert (one.key, one.signature, one.facts) == (
        "twin GEM", "KUCOIN",
        {"asset": "GEM", "venues": ["KUCOIN"], "why": f"on ethereum contract {other} is not {same}"},
    )  # fmt: skip
    # A wallet that is away for a while ends nothing; one that tells the same contract does.
    del contracts["KUCOIN"]
    assert twins(facts, **contracts)[::2] == ([], {"twin GEM"})
    assert twins(facts, **contracts | {"KUCOIN": same})[::2] == ([], set())


def test_the_fee_of_another_coin_is_not_told_as_one_of_this(tmp_path):
    world = World(tmp_path)
    world.path.write_text(f'{world.path.read_text()}\n[watch]\nassets = ["USDT"]\n')
    registry = load_registry(world.path, environ={})

    def fees(contract: str) -> dict[str, str]:
        for name in ("KUCOIN", "RAPIRA"):
            world.wallet(name, USDT=usdt(withdraw_fee="1"))
        world.wallet("MEXC", USDT=usdt(withdraw_fee="9", contract=contract))
        known = WalletFiles(registry).readable()
        return look(registry, Reader(registry, None, ConfigError("none")), now_ms(), {}, known).fees

    same = {"USDT tron KUCOIN": "1", "USDT tron RAPIRA": "1"}
    assert fees(TRON) == same | {"USDT tron MEXC": "9"}
    assert fees("TLa2f6VPqDgRE67v1736s7bJ8Ray5wYjU7") == same
