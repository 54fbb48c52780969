"""What one refusal or one odd answer must not cost: public figures, pairs that are kept, a list that has grown."""

import json

import pytest

from marketctl.check.checkup import ending
from marketctl.cli import invoke as marketctl
from marketctl.models import Pair
from marketctl.providers.cex import htx
from marketctl.providers.cex.kucoin import KucoinAdapter
from marketctl.providers.cex.rapira import RapiraAdapter
from marketctl.providers.loader import load_registry
from marketctl.providers.pairs import PairList, remembered_list, to_remember
from marketctl.sandbox import API_MODULES, load_api
from marketctl.sandbox.setup import write_setup
from tests.wire import Wire, reply

EXCHANGES = [name for name in API_MODULES if load_api(name).keys and name not in ("TWELVEDATA", "OPENEXCHANGERATES")]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_refused_key_leaves_the_public_statistics(sandbox, adapt, no_sleep, tmp_path, name):
    from marketctl.providers.loader import load_adapter

    registry = load_registry(write_setup(sandbox, tmp_path / "desk"), environ={})
    cls = load_adapter(registry.providers[name])
    refused = dict.fromkeys(cls.credentials, "refused")
    stats = adapt(cls, sandbox.url(name), credentials=refused).stats()
    assert stats.pairs["total"] > 40
    assert stats.turnover_24h
    assert stats.clock.server_ms
    needs_key = "wallet" in cls.key_jobs
    assert (stats.assets["total"] is None, stats.networks["total"] is None) == (needs_key, needs_key)


@pytest.mark.parametrize(
    ("days", "warnings"),
    [
        ("3", ("the key ends in 3 days: renew it, or bind it to an address",)),
        (0, ("the key ends within a day: renew it, or bind it to an address",)),
        ("8", ()),
        ("-1", ()),  # never
        (None, ()),
    ],
)
def test_htx_key_that_ends_soon_is_told(days, warnings):
    row = {"accessKey": "ours", "permission": "readOnly", "status": "normal", "validDays": days}
    found = htx.parse_key({"code": 200, "data": [row]}, "ours")
    assert (found.permissions, ending(found.days_left)) == (("readOnly",), warnings)


def test_rapira_says_that_there_are_more_pages_and_the_set_is_not_whole(adapt, caplog):
    row = {"symbol": "USDT/RUB", "quoteCurrency": "USDT", "baseCurrency": "RUB", "askPrice": 81.2, "bidPrice": 81.1,
           "close": 81.1, "volume": 5, "turnover": 405}  # fmt: skip
    rates = {"data": [row], "totalPage": 3, "code": 0, "isWorking": 1}
    pairs = {"data": [{"coinSymbol": "USDT", "baseSymbol": "RUB", "exchangeable": 1}], "code": 0}
    wire = Wire(reply(body=json.dumps(rates).encode()), reply(body=json.dumps(pairs).encode()))
    try:
        batch = adapt(RapiraAdapter, wire.url).prices()
    finally:
        wire.stop()
    assert list(batch.quotes) == ["USDT/RUB"]
    assert batch.complete is False
    assert "has 3 pages now and the first one was read" in caplog.text


KEPT = {"plain": {"BTC-USDT": "BTC/USDT"}, "others": []}
ROW = ["XBTUSDM", "BTC", "USD", "XBT", "USDM", "halted", False, ""]


@pytest.mark.parametrize(
    "kept",
    [
        {"BTC-USDT": 1}, [["BTC-USDT"]], [[1] * 8], "pairs", [], 5, [None], {"plain": {}, "others": []},
        {name: ["BTC-USDT"] for name in Pair._fields},
        KEPT | {"plain": ["BTC-USDT"]}, KEPT | {"plain": {"BTC-USDT": 1}}, KEPT | {"plain": {"BTC-USDT": None}},
        KEPT | {"plain": "BTC-USDT"}, KEPT | {"plain": None}, KEPT | {"others": None}, KEPT | {"others": 5},
        KEPT | {"others": ["XBTUSDM"]}, KEPT | {"others": [ROW[:4]]}, KEPT | {"others": [[*ROW, ""]]},
        KEPT | {"others": [[1, *ROW[1:]]]}, KEPT | {"others": [[*ROW[:7], None]]},
        KEPT | {"others": [[["X"], *ROW[1:]]]},
        KEPT | {"others": [[*ROW[:5], "closed", *ROW[6:]]]}, {"plain": KEPT["plain"]}, {"others": []},
    ],
)  # fmt: skip
def test_pairs_that_were_kept_in_another_shape_are_asked_for_anew(sandbox, adapt, kept):
    adapter = adapt(KucoinAdapter, sandbox.url("KUCOIN"))
    adapter.memory.put("pairs", kept)
    assert "BTC/USDT" in adapter.prices().quotes
    assert sandbox.requests("KUCOIN")["GET /api/v2/symbols"] == 1


def test_pairs_are_remembered_as_they_were():
    pairs = [
        Pair("BTC-USDT", "BTC", "USDT", "BTC", "USDT", "trading", True, "BTC/USDT"),
        Pair("BIFIF-USDT", "BIFI", "USDT", "BIFIF", "USDT", None, True, "BIFIF/USDT"),
        Pair("XBTUSDM", "BTC", "USD", "XBT", "USDM", "halted", False, ""),
    ]
    kept = json.loads(json.dumps(to_remember(PairList(pairs).by_symbol)))
    assert kept == {
        "plain": {"BTC-USDT": "BTC/USDT"},
        "others": [
            ["BIFIF-USDT", "BIFI", "USDT", "BIFIF", "USDT", None, True, "BIFI/USDT"],
            ["XBTUSDM", "BTC", "USD", "XBT", "USDM", "halted", False, ""],
        ],
    }
    found = remembered_list(kept).by_symbol
    assert found == PairList(pairs).by_symbol
    assert (found["BTC-USDT"], "XBTUSDM" in found, "ETH-USDT" in found, len(found)) == (pairs[0], True, False, 3)
    assert found.published == {"BTC-USDT": "BTC/USDT", "BIFIF-USDT": "BIFI/USDT"}
    assert found.statuses == {"BIFIF-USDT": None, "XBTUSDM": "halted"}


def test_dump_keeps_the_page_that_came_in_place_of_an_answer(sandbox, tmp_path, capsys):
    registry = write_setup(sandbox, tmp_path / "desk")
    sandbox.fault("KUCOIN/api/v1/market/allTickers=html")
    code = marketctl(["--config", str(registry), "dump", "prices", "-p", "KUCOIN", "-o", str(tmp_path / "kept.json")])
    capsys.readouterr()
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert (code, kept["batch"]) == (0, None)
    (asked,) = [one for one in kept["requests"] if one["path"] == "/api/v1/market/allTickers"]
    assert asked["body"].lower().startswith(("<!doctype html", "<html"))
