"""What is no longer looked for is forgotten, and what is still looked for is not."""

import pytest

from marketctl.notify.ledger import Ledger
from marketctl.notify.scope import forget_unwatched
from marketctl.providers.loader import load_registry
from tests.rates.world import World

WATCH = """
[watch]
assets = ["USDT"]
networks = ["tron"]
pairs = ["BTC/USDT"]
gap = "1%"
above = { "BTC/USDT" = "70000" }
below = { "BTC/USDT" = "50000" }
"""
FACTS = {"above BTC/USDT": {"bound": "70000"}, "below BTC/USDT": {"bound": "50000"}}
KEYS = (
    *("door USDT tron withdraw", "twin USDT", "above BTC/USDT", "below BTC/USDT", "gap BTC/USDT", "crossed BTC/USDT"),
    *("failing KUCOIN prices", "stale KUCOIN wallet", "held KUCOIN", "key KUCOIN", "quota KUCOIN"),
)


def kept(folder, watch: str, registry: str = "") -> set[str]:
    world = World(folder)
    text = world.path.read_text()
    world.path.write_text((registry or text) + watch)
    ledger = Ledger()
    for key in KEYS:
        told = {"kind": key.split()[0], "facts": FACTS.get(key, {}), "signature": "", "since_ms": 1, "told_ms": 1}
        ledger.active[key] = told
        ledger.calm[key] = {name: told[name] for name in ("kind", "facts")}
        ledger.unsaid[key] = {"active": told, "fees": {}}
        ledger.damped[key], ledger.flaps[key] = 1, [1]
    ledger.unsaid["fee USDT tron"] = {"active": None, "fees": {"USDT tron KUCOIN": "1"}}
    forget_unwatched(ledger, load_registry(world.path, environ={}))
    tables = (ledger.active, ledger.calm, ledger.damped, ledger.flaps, ledger.unsaid)
    left = [set(table) - {"fee USDT tron"} for table in tables]
    assert left == [left[0]] * len(left)
    return {*left[0], *ledger.unsaid}


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ("", "", ()),
        ('"USDT"', '"BTC"', ("door USDT tron withdraw", "twin USDT", "fee USDT tron")),
        ('"tron"', '"ton"', ("door USDT tron withdraw", "fee USDT tron")),
        ('networks = ["tron"]', "", ()),
        ("[watch]", "[watch]\ndoors = false\ntwins = false", ("door USDT tron withdraw", "twin USDT")),
        ("[watch]", "[watch]\nfee = false", ("fee USDT tron",)),
        ('pairs = ["BTC/USDT"]', "", ("gap BTC/USDT", "crossed BTC/USDT")),
        ('gap = "1%"', "crossed = false", ("gap BTC/USDT", "crossed BTC/USDT")),
        ("70000", "80000", ("above BTC/USDT",)),  # not "no longer above 70000": it may be
        ('below = { "BTC/USDT" = "50000" }', "", ("below BTC/USDT",)),
        ("[watch]", "[watch]\nfailing_after = false\nheld = false", ("failing KUCOIN prices", "held KUCOIN")),
        ("[watch]", "[watch]\nstale = false\nkey_within = false", ("stale KUCOIN wallet", "key KUCOIN")),
        ("[watch]", "[watch]\nquota_within = false", ("quota KUCOIN",)),
    ],
)
def test_what_no_rule_asks_for_is_forgotten(tmp_path, old, new, gone):
    assert kept(tmp_path, WATCH.replace(old, new)) == {*KEYS, "fee USDT tron"} - {*gone}


def test_what_a_disabled_provider_had_is_forgotten(tmp_path):
    text = World(tmp_path).path.read_text().replace("[providers.KUCOIN]", "[providers.KUCOIN]\nenabled = false")
    assert kept(tmp_path, WATCH, text) == {*KEYS[:6], "fee USDT tron"}
