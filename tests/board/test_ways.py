"""The cheapest ways on the wallet page: what `convert` answers to the same question, on a page and from a server."""

import json
from itertools import permutations
from urllib.parse import urlencode

import pytest

from marketctl.board import page_words
from marketctl.board import ways as board_ways
from marketctl.board.gather import gather
from marketctl.board.serve import BoardServer
from marketctl.board.ways import STEPS, TOP, usual_amount
from marketctl.config import fees
from marketctl.config.fees import adapter_module
from marketctl.convert import ways
from marketctl.convert.assumed import ASSUMED, CAUSES
from marketctl.convert.graph import Graph
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader
from tests.board.serving import ask, served
from tests.board.worlds import make_world
from tests.desk import quote
from tests.rates.world import usdt

PROVIDERS = ["KUCOIN", "MEXC", "RAPIRA"]


@pytest.fixture
def world(tmp_path):
    return make_world(tmp_path / "desk")


def on_page(world, at):
    with open_reader(world.registry) as reader:
        return gather(reader, at, ways=True)["ways"]


def unpacked(found):
    """Return (from, to, asset) → ways as `convert --json` has them, without the words of what they rest on."""
    names = [*PROVIDERS, "OPENEXCHANGERATES"]
    told = {}
    for start, goal, ticker, _, _, _, rows in found["answers"]:
        told[names[start], names[goal], ticker] = [
            {"arrives": arrives, "rate": rate, "whole": whole,
             "steps": [dict(zip(found["keys"][step[0]], step, strict=True)) for step in steps],
             "assumptions": [ASSUMED[key].format(**values) for key, values in map(found["assumed"].__getitem__, rests)]}
            for arrives, rate, whole, steps, rests in rows
        ]  # fmt: skip
    return told


def converted(world, amount, source, target, **options):
    with open_reader(world.registry) as reader:
        found = ways.convert(reader, amount, source, target, **options)
    return [{name: way[name] for name in ("arrives", "rate", "whole", "steps", "assumptions")} for way in found.ways]


def test_the_answers_on_the_page_are_those_of_convert(world, monkeypatch):
    at = now_ms()
    monkeypatch.setattr(ways, "now_ms", lambda: at)
    found = on_page(world, at)
    told = unpacked(json.loads(json.dumps(found)))
    assert found["amounts"] == {"USDT": "1000"}
    assert list(told) == [(one, other, "USDT") for one, other in permutations(PROVIDERS, 2)]
    for (start, goal, ticker), shown in told.items():
        amount = found["amounts"][ticker]
        asked = converted(world, amount, f"{ticker}@{start}", f"{ticker}@{goal}", top=TOP, max_steps=STEPS)
        assert shown == asked, (start, goal)
    # Over TRX more arrives, though of a part; what each way rests on is there.
    over, direct = told["MEXC", "KUCOIN", "USDT"]
    assert [[step["step"] for step in way["steps"]] for way in (over, direct)] == [
        ["trade", "transfer", "trade"], ["transfer"]]  # fmt: skip
    assert (direct["arrives"], over["arrives"], over["whole"]) == ("960", "973.2882375", False)
    assert any("taker fee of 0.05 % is assumed" in words for words in over["assumptions"])
    assert told["RAPIRA", "MEXC", "USDT"] == []


def test_why_there_is_no_way_is_counted(world):
    found = on_page(world, now_ms())
    why = {(start, goal): out for start, goal, _, _, out, _, _ in found["answers"]}
    assert why[2, 0] == {"fee-unknown": 2}  # of RAPIRA no fee is told
    assert why[1, 0] == {}


def test_what_an_amount_does_not_reach_is_told_on_the_page_and_by_a_server(world):
    world.wallet("RAPIRA", USDT=usdt(withdraw_fee="1", withdraw_min="5000", precision=2))
    told = {"provider": "RAPIRA", "asset": "USDT", "network": "tron", "least": "5000"}
    causes = {(start, goal): cause for start, goal, _, _, _, cause, _ in on_page(world, now_ms())["answers"]}
    assert causes[2, 0] == causes[2, 1] == ["least", told | {"amount": "1000"}]
    assert causes[1, 0] is None
    with served(world.registry) as server:
        _, body, _ = ask(server, "/ways?amount=7&from=USDT@RAPIRA&to=USDT@MEXC")
    assert json.loads(body)["cause"] == ["least", told | {"amount": "7"}]


@pytest.mark.parametrize(
    ("price", "amount"),
    [("1", "1000"), ("0.99", "1000"), ("1.01", "500"), ("60000", "0.01"), ("4999", "0.2"), ("0.00003", "20000000")],
)
def test_an_assets_usual_amount_is_worth_nearly_a_thousand(world, price, amount):
    world.quotes("MEXC", **{"X/USDT": quote(price, price, status="trading")})
    with open_reader(world.registry) as reader:
        graph = Graph(world.registry.providers, now_ms())
        graph.add_quotes(reader.read(world.registry.provider("MEXC")))
    found = usual_amount(graph, "X")
    assert found is not None
    assert found == pytest.approx(float(amount))
    assert usual_amount(graph, "USDT") == 1000
    assert usual_amount(graph, "NOBODY") is None


def test_no_more_questions_than_a_page_may_take(world, monkeypatch):
    assert len(on_page(world, now_ms())["answers"]) == 6
    monkeypatch.setattr(board_ways, "QUESTIONS", 5)
    found = on_page(world, now_ms())
    assert (found["amounts"], found["answers"]) == ({}, [])


def test_a_server_answers_any_question_as_convert_does(world, monkeypatch):
    at = now_ms()
    monkeypatch.setattr(ways, "now_ms", lambda: at)
    with served(world.registry) as server:
        assert json.loads(ask(server)[1].partition(b'id="data">')[2].partition(b"</script>")[0])["ways"] is None
        for amount, source, target in [
            ("1000", "USDT@MEXC", "USDT@KUCOIN"),
            ("20", "TRX@MEXC", "RUB"),
            ("1", "BTC", "TRX"),
        ]:
            status, body, headers = ask(server, "/ways?" + urlencode({"amount": amount, "from": source, "to": target}))
            found = json.loads(body)
            assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
            shown = [
                {name: one for name, one in way.items() if name != "assumed"}
                | {"assumptions": [ASSUMED[key].format(**values) for key, values in way["assumed"]]}
                for way in found["ways"]
            ]
            assert shown == converted(world, amount, source, target)
            assert (bool(shown), found["complete"], found["amount"]) == (True, True, amount)


@pytest.mark.parametrize(
    ("question", "reason", "error"),
    [
        ({}, "config", "found '', expected an amount above 0 such as 1000 or 0.25"),
        ({"amount": "1e9", "from": "A", "to": "B"}, "config", "found '1e9', expected an amount above 0"),
        ({"amount": "1", "from": "USDT@MECX", "to": "B"}, "config", "Did you mean MEXC?"),
        ({"amount": "1", "from": "USDT", "to": "<b>"}, "storage", "no provider lists <B>"),
        ({"amount": "1", "from": "USDT", "to": "USDT"}, "config", "nothing is to be converted"),
        ({"amount": "1", "from": "U" * 101, "to": "USDT"}, "config", "longer than 100 letters"),
    ],
)
def test_a_question_that_means_nothing_is_told_so(world, question, reason, error):
    with served(world.registry) as server:
        status, body, _ = ask(server, "/ways?" + urlencode(question))
    assert status == 400
    told = json.loads(body)["error"]
    assert (told[0], error in told[1]) == (reason, True)


def test_a_stranger_is_not_answered(world):
    server = BoardServer(world.registry, "127.0.0.1:0", "a-token-of-some-length")
    with server.serving():
        assert ask(server, "/ways?amount=1&from=USDT&to=TRX")[0] == 401
        assert ask(server, "/ways?amount=1&from=USDT&to=TRX", Authorization="Bearer a-token-of-some-length")[0] == 200
        assert ask(server, "/ways", method="POST")[0] == 405


def test_the_page_says_in_english_what_convert_says():
    words = page_words()
    assert {key: words[f"as_{key}"][0] for key in ASSUMED} == ASSUMED
    assert {key: words[f"cause_{key}"][0] for key in CAUSES} == CAUSES
    sources = {adapter_module(path): source for path, (_, source) in fees.ASSUMED.items()}
    assert {adapter: words[f"fee_source_{adapter}"][0] for adapter in sources} == sources
    reasons = {
        "stale",
        "held",
        "halted",
        "wallet-stale",
        "two-coins",
        "twin",
        "network-closed",
        "network-unknown",
        "fee-unknown",
    }
    assert {key.removeprefix("lo_") for key in words if key.startswith("lo_")} == reasons
