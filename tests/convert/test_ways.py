"""What arrives on a way. Long: one world, and all that a way rests on or that is in its way, told of it.

All it rests on is told; what is no way says why.
"""

import json

import pytest

from marketctl.convert import wallets
from marketctl.convert.assumed import in_words
from marketctl.convert.ways import convert
from marketctl.errors import ConfigError, StorageFailed
from marketctl.files.snapshots import encode_json, write_snapshot
from marketctl.files.state import record_state
from marketctl.models import Network
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1, publish_wallet
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import open_reader
from marketctl.views.snapshots import snapshot
from tests.convert.worlds import NOW
from tests.desk import asset, quote
from tests.rates.world import World, usdt


@pytest.fixture
def world(tmp_path):
    """1,000 USDT at MEXC; RAPIRA buys them for roubles."""
    world = World(tmp_path / "desk")
    book = quote("92.25", "92.3", bid_size="5000", ask_size="70", status="trading")
    world.quotes("RAPIRA", **{"USDT/RUB": book})
    world.quotes("MEXC", **{"TRX/USDT": quote("0.25", "0.2501", status="trading")})
    fees = {"withdraw_fee": "1.5", "withdraw_min": "10", "precision": 2, "memo_required": False}
    world.wallet("MEXC", USDT=usdt(**fees))
    world.wallet(
        "RAPIRA", USDT=usdt(deposit_min="5", confirmations=20, memo_required=False), RUB=asset("RUB", {}, fiat=True)
    )
    world.wallet("KUCOIN", USDT=usdt(**fees | {"withdraw_fee": "0.5"}))
    return world


def run(world, *words, **options):
    with open_reader(world.registry) as reader:
        return convert(reader, *words, **options)


def test_what_arrives_and_what_it_rests_on(world):
    found = run(world, "1000.005", "usdt@mexc", "RUB@RAPIRA", avoid=["kucoin"])
    (way, *others) = found.ways
    assert way["arrives"] == "91927.40175"  # 1000 - 1.5 = 998.5; x 92.25; less 0.2 %
    assert (way["from"], way["from_asset"], way["to"], way["to_asset"], way["whole"]) == (
        "MEXC", "USDT", "RAPIRA", "RUB", False)  # fmt: skip
    transfer, trade = way["steps"]
    age = transfer.pop("age_ms"), trade.pop("age_ms")
    assert 60_000 <= age[0] < 70_000
    assert 1000 <= age[1] < 10_000
    assert transfer == {
        "step": "transfer", "from": "MEXC", "to": "RAPIRA", "asset": "USDT", "network": "tron",
        "from_network": "TRX", "to_network": "TRX", "fee_fixed": "1.5", "fee_percent": None, "withdraw_min": "10",
        "withdraw_max": None, "deposit_min": "5", "precision": 2, "confirmations": 20, "memo_required": False,
        "identity": "proven", "why": "same contract", "notes": [], "given": "1000.005", "taken": "1000",
        "left": "0.005", "fee": "1.5", "arrives": "998.5", "unit_in": "USDT", "unit_out": "USDT",
    }  # fmt: skip
    assert trade == {
        "step": "trade", "from": "RAPIRA", "to": "RAPIRA", "pair": "USDT/RUB", "side": "bid", "rate": "92.25",
        "size": "5000", "fee_percent": "0.2", "at": None, "given": "998.5", "taken": "998.5", "left": "0",
        "fee": "184.22325", "arrives": "91927.40175", "unit_in": "USDT", "unit_out": "RUB",
    }  # fmt: skip
    assert others == []
    assert found.left_out == {}
    assert way["assumptions"] == [
        "MEXC sends 1000 (decimals and limits of the network); 0.005 USDT stay at MEXC",
        "RAPIRA: a taker fee of 0.2 % is assumed (fee of RAPIRA's list of pairs: 0.1 on USDT/RUB, else 0.2), kept back "
        "of what is bought",
        "every trade is filled at once at the best level, and the books stay as they are until the money is there",
        "lot sizes, least order amounts and deposit fees are not told by the sources and taken as none",
    ]


def test_no_more_than_the_best_level_takes(world):
    (way,) = run(world, "10000", "RUB@RAPIRA", "USDT@RAPIRA").ways
    assert way["steps"][0]["taken"] == "6461"
    assert way["steps"][0]["left"] == "3539"
    assert way["arrives"] == "69.86"
    assert not way["whole"]
    assert "RAPIRA USDT/RUB: the best level takes 6461; 3539 RUB stay at RAPIRA" in way["assumptions"]


def test_a_name_without_a_place_is_the_coin_that_most_venues_mean(world):
    same, other = "0x" + "1f" * 20, "0x" + "2e" * 20
    for name, contract, bid in (("MEXC", same, "100"), ("KUCOIN", same, "99"), ("RAPIRA", other, "300")):
        world.quotes(name, **{"GEM/USDT": quote(bid, "301", bid_size="50", ask_size="50", status="trading")})
        network = Network(network="ethereum", contract=contract, deposit=True, withdraw=True)
        world.wallet(name, GEM=asset("GEM", {"ETH": network}), USDT=usdt())
    found = run(world, "10", "GEM", "USDT", top=9, max_steps=1)
    assert [way["to"] for way in found.ways] == ["MEXC", "KUCOIN"]
    assert [one.words for one in found.problems if one.key == "twin"] == [
        f"RAPIRA: GEM is another coin at KUCOIN: on ethereum contract {other} is not {same}; GEM@RAPIRA asks for it"
    ]
    found = run(world, "10", "GEM@RAPIRA", "USDT", top=9, max_steps=1)
    assert [way["from"] for way in found.ways] == ["RAPIRA"]
    assert [one.words for one in found.problems if one.key == "twin"] == []
    # One against one: nobody can say which is meant.
    world.wallet("KUCOIN", USDT=usdt())
    world.quotes("KUCOIN", **{"BTC/USDT": quote("1", "2", status="trading")})
    with pytest.raises(StorageFailed, match=r"^which GEM is meant, nobody can say: GEM is another coin at RAPIRA: "):
        run(world, "1000", "USDT", "GEM")


def test_of_a_wallet_only_what_is_looked_at_is_read(world, monkeypatch):
    whole: list[str] = []
    monkeypatch.setattr(
        wallets, "snapshot", lambda registry, job, name: whole.append(name) or snapshot(registry, job, name)
    )
    real, read = wallets._read, []
    monkeypatch.setattr(wallets, "_read", lambda record: read.append(real(record)) or read[-1])
    more = {f"C{number}": asset(f"C{number}", {}) for number in range(50)}
    world.wallet("MEXC", USDT=usdt(withdraw_fee="1"), **more)
    assert run(world, "1000", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"]).ways[0]["arrives"] == "91973.4345"
    assert {one["ticker"] for one in read} == {"USDT"}
    assert whole == ["OPENEXCHANGERATES"]  # it has none


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (lambda text: text, "MEXC: its wallet cannot be read for USDT"),
        (lambda text: text.replace("\n    ", "\n"), "MEXC.json is not JSON"),
    ],
)
def test_a_record_that_is_none_is_told_and_hides_no_other_wallet(world, layout, told):
    world.wallet("KUCOIN", USDT=usdt(withdraw_fee="1"))
    path = world.data / "wallet" / "MEXC.json"
    path.write_text(layout(path.read_text().replace('"deposit": true', '"deposit": tru')))
    found = run(world, "1000", "USDT@KUCOIN", "RUB@RAPIRA")
    assert [step["from"] for step in found.ways[0]["steps"]] == ["KUCOIN", "RAPIRA"]
    assert len(found.ways) == 1
    assert sum(told in one.words for one in found.problems) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"withdraw_min": "not a time"},
        {"withdraw_fee": [[1]]},
        {"withdraw_fee_percent": "\ud800"},
        {"withdraw_max": True},
        {"deposit_min": 5},
        {"network": []},
        {"contract": {}},
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_figure_that_is_none_is_told_and_never_free(world, change, whole):
    world.wallet("KUCOIN", USDT=usdt(withdraw_fee="1"))
    world.wallet("MEXC", USDT=usdt(withdraw_fee="1"))
    path = world.data / "wallet" / "MEXC.json"
    document = json.loads(path.read_text())
    document["assets"]["USDT"]["networks"]["TRX"] |= change
    if whole:
        path.write_text(json.dumps(document))
    else:
        line = json.dumps(document["assets"].pop("USDT"), sort_keys=True)
        write_snapshot(
            path, {name: one for name, one in document.items() if name != "assets"}, "assets", {"USDT": line}
        )
    found = run(world, "1000", "USDT@KUCOIN", "RUB@RAPIRA")
    assert [step["from"] for step in found.ways[0]["steps"]] == ["KUCOIN", "RAPIRA"]
    assert ["MEXC: its wallet cannot be read for USDT" in one.words for one in found.problems].count(True) == 1


def test_wallets_never_collected_are_one_line_and_asked_for_say_what_to_do(world):
    record_state(world.data / "state", "OPENEXCHANGERATES", "wallet", at_ms=NOW, ok=None, reason="not-supported")
    record_state(world.data / "state", "RAPIRA", "wallet", at_ms=NOW, ok=False, reason="network")
    for name in ("KUCOIN", "RAPIRA"):
        (world.data / "wallet" / f"{name}.json").unlink()
    found = run(world, "1000", "USDT@MEXC", "TRX@MEXC")
    names = "KUCOIN, RAPIRA (network)"
    assert found.problems == [("missing", names, f"without a wallet, so left out: {names}")]
    with pytest.raises(StorageFailed, match=r"^there is no wallet snapshot of KUCOIN yet$") as caught:
        run(world, "1000", "TON@KUCOIN", "USDT@MEXC")
    assert caught.value.hint == "marketctl wallet sync -p KUCOIN"


def test_a_wallet_of_another_machine_is_that_in_redis_where_it_is_newer(tmp_path):
    world = World(tmp_path / "desk", "embedded")
    told = {"run_id": "r", "interval_s": 10, "skipped": 0}
    closed, open_at_1 = usdt(withdraw=False), usdt(withdraw_fee="1", precision=2)
    with EmbeddedRedis(world.data), RedisConnection("embedded", world.data, "marketctl") as store:
        publish_l1(store, "RAPIRA", {"USDT/RUB": quote("92", "93", status="trading")}, collected_ms=now_ms(), **told)
        world.wallet("MEXC", 600, USDT=closed)
        for seconds, asset_there, arrives in [(60, open_at_1, ["91816"]), (6000, open_at_1, []), (60, closed, [])]:
            at = to_iso(now_ms() - seconds * 1000)
            publish_wallet(store, "MEXC", {"USDT": encode_json(asset_there)}, {"collected_at": at})
            ways = run(world, "1001", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"]).ways
            assert [way["arrives"] for way in ways] == arrives
        store.call("DEL", store.key("MEXC", "wallet:meta"))
        store.call("SET", store.key("MEXC", "wallet:meta"), "foreign")
        world.wallet("MEXC", USDT=open_at_1)
        found = run(world, "1001", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"])
        assert [way["arrives"] for way in found.ways] == ["91816"]  # the file does, and what is wrong there is told
        assert any("wallet:meta is a string, not a hash" in one.words for one in found.problems)


def hold(world, provider="RAPIRA", **quotes):
    """Keep the provider's USDT/RUB back; `quotes` are what it publishes."""
    world.quotes(provider, **quotes)
    path = world.data / "prices" / f"{provider}.json"
    held = {"USDT/RUB": {"bid": "9", "ask": "9.1", "verdict": "outlier", "why": "far", "since": to_iso(NOW)}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"held": held}))


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (hold, "held"),
        (lambda world: hold(world, **{"BTC/USDT": quote("1", "2")}), "held"),
        (lambda world: world.wallet("RAPIRA", USDT=usdt(contract="T" + "x" * 33)), "twin"),
        (lambda world: world.wallet("RAPIRA", USDT=usdt(deposit=False)), "network-closed"),
        (lambda world: world.wallet("RAPIRA", USDT=usdt(deposit=None)), "network-unknown"),
        (lambda world: world.wallet("MEXC", USDT=usdt()), "fee-unknown"),
        (lambda world: world.wallet("MEXC", 5 * 3600, USDT=usdt(withdraw_fee="1")), "wallet-stale"),
        (lambda world: world.quotes("RAPIRA", 3600, **{"USDT/RUB": quote("92", "93")}), "stale"),
        (lambda world: world.quotes("RAPIRA", **{"USDT/RUB": quote("92", "93", at_ms=1)}), "stale"),
        (lambda world: world.quotes("RAPIRA", **{"USDT/RUB": quote("92", "93", status="halted")}), "halted"),
    ],
)
def test_what_is_in_doubt_is_on_no_way(world, break_it, reason):
    assert len(run(world, "1000", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"]).ways) == 1
    break_it(world)
    found = run(world, "1000", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"])
    assert (found.ways, list(found.left_out)) == ([], [reason])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("1", "USDT@MEXC", "RUB"), "USDT@MEXC: MEXC is to be avoided"),
        (("1", "USDT", "TRX"), "no provider but those to be avoided lists TRX."),
    ],
)
def test_who_is_avoided_is_not_said_to_list_nothing(world, words, message):
    with pytest.raises(StorageFailed) as caught:
        run(world, *words, avoid=["MEXC"])
    assert caught.value.message.startswith(message)


def test_of_a_provider_whose_books_are_not_there_nobody_says_what_it_lists(world):
    world.wallet("RAPIRA", USDT=usdt())
    (world.data / "prices/RAPIRA.json").unlink()
    with pytest.raises(StorageFailed) as caught:
        run(world, "1000", "USDT@MEXC", "RUB@RAPIRA")
    assert caught.value.message == "RUB@RAPIRA is not known now: RAPIRA: never published a quote"


def test_what_is_held_or_in_an_old_wallet_alone_is_listed_all_the_same(world):
    world.wallet("RAPIRA", USDT=usdt())
    hold(world)
    found = run(world, "1000", "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"])
    assert (found.ways, found.left_out) == ([], {"held": ["RAPIRA USDT/RUB"]})
    world.wallet("RAPIRA", 5 * 3600, TON=asset("TON", {}))
    found = run(world, "1000", "USDT@MEXC", "TON@RAPIRA", avoid=["KUCOIN"])
    assert (found.ways, found.left_out) == ([], {"wallet-stale": ["RAPIRA"]})


@pytest.mark.parametrize(
    ("amount", "leaving", "entering", "cause"),
    [
        ("9.99", {}, {}, "MEXC sends no less than 10 USDT over tron, and there would be 9.99"),
        ("10.009", {"withdraw_min": "10.005"}, {},
         "MEXC sends no less than 10.005 USDT over tron, and there would be 10.009"),  # 10 of it, to 2 decimals
        ("6", {"withdraw_min": None}, {"deposit_min": "5"},
         "MEXC sends USDT over tron for 1.5 USDT, and there would be 6; RAPIRA takes no less than 5"),
        ("1.5", {"withdraw_min": None, "withdraw_fee_percent": "1"}, {},
         "MEXC sends USDT over tron for 1.5 USDT and 1 %, and there would be 1.5"),
        ("0.009", {"withdraw_min": None, "withdraw_fee": "0"}, {},
         "MEXC sends USDT over tron to 2 decimals, and there would be 0.009"),
        ("9.99", {"withdraw": False}, {}, None),  # closed, whatever the amount
    ],
)  # fmt: skip
def test_what_an_amount_does_not_reach_is_told(world, amount, leaving, entering, cause):
    fees = {"withdraw_fee": "1.5", "withdraw_min": "10", "precision": 2}
    world.wallet("MEXC", USDT=usdt(**fees | leaving))
    world.wallet("RAPIRA", USDT=usdt(**entering))
    found = run(world, amount, "USDT@MEXC", "RUB@RAPIRA", avoid=["KUCOIN"])
    assert (found.ways, found.cause and in_words(found.cause)) == ([], cause)
    assert run(world, "1000", "USDT@MEXC", "RUB@RAPIRA").cause is None


def test_the_nearest_of_several_causes_is_told_also_where_a_thin_book_keeps_the_amount_small(world):
    world.wallet("MEXC", USDT=usdt(withdraw_fee="1.5", withdraw_min="10"))
    world.wallet("KUCOIN", USDT=usdt(withdraw_fee="0.5", withdraw_min="4000"))
    found = run(world, "8", "USDT", "RUB@RAPIRA", avoid=["ethereum"])
    assert [way["from"] for way in found.ways] == ["RAPIRA"]
    told = {"provider": "MEXC", "least": "10", "asset": "USDT", "network": "tron"}
    assert run(world, "8", "USDT@MEXC", "RUB@RAPIRA").cause == ("least", told | {"amount": "8"})
    world.quotes("MEXC", **{"TRX/USDT": quote("0.25", "0.2501", bid_size="20", status="trading")})
    found = run(world, "1000000", "TRX@MEXC", "USDT@RAPIRA")  # 20 x 0.25 less 0.05 %
    assert found.cause == ("least", told | {"amount": "4.9975"})


def test_a_way_of_one_step_more_may_want_less(world):
    networks = {
        key: Network(network=slug, deposit=True, withdraw=True, withdraw_fee="1", withdraw_min=least)
        for key, slug, least in (("TRX", "tron", "5000"), ("ETH", "ethereum", "20"))
    }
    world.wallet("MEXC", USDT=asset("USDT", networks))
    world.wallet("KUCOIN", USDT=asset("USDT", networks))
    world.wallet("RAPIRA", USDT=asset("USDT", {"TRX": Network(network="tron", deposit=True)}))
    assert run(world, "8", "USDT@MEXC", "USDT@RAPIRA").cause == (
        "least", {"provider": "MEXC", "least": "20", "asset": "USDT", "network": "ethereum", "amount": "8"},
    )  # fmt: skip


def test_any_provider_via_and_avoid(world):
    def legs(*words, **options):
        return [[step["from"] for step in way["steps"]] for way in run(world, "1000", *words, **options).ways]

    assert legs("USDT", "RUB") == [["RAPIRA"]]  # it may begin where nothing has to be sent
    assert legs("USDT@MEXC", "RUB") == [["MEXC", "RAPIRA"], ["MEXC", "KUCOIN", "RAPIRA"]]
    assert legs("USDT@MEXC", "RUB", via=["kucoin"]) == [["MEXC", "KUCOIN", "RAPIRA"]]
    assert legs("USDT@MEXC", "RUB", avoid=["KUCOIN"]) == [["MEXC", "RAPIRA"]]
    assert legs("USDT@MEXC", "RUB", top=1) == [["MEXC", "RAPIRA"]]
    assert legs("USDT@MEXC", "RUB", max_steps=1) == []
    assert legs("USDT@MEXC", "RUB", avoid=["tron"]) == []


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("0", "USDT", "RUB"), ConfigError, "found '0', expected an amount above 0"),
        (("1,5", "USDT", "RUB"), ConfigError, "found '1,5', expected an amount above 0"),
        (("1", "USDT@", "RUB"), ConfigError, "expected ASSET or ASSET@PROVIDER"),
        (("1", "USDT@MECX", "RUB"), ConfigError, "Did you mean MEXC?"),
        (("1", "USDD@MEXC", "RUB"), StorageFailed, "MEXC lists no USDD. Did you mean USDT?"),
        (("1", "USDT@MEXC", "USDT@MEXC"), ConfigError, "nothing is to be converted"),
    ],
)
def test_words_that_mean_nothing(world, words, error, message):
    with pytest.raises(error) as caught:
        run(world, *words)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"avoid": ["KUCION"]}, "--avoid: no asset, provider or network is called KUCION. Did you mean KUCOIN?"),
        ({"via": ["trom"]}, "--via: no asset, provider or network is called trom. Did you mean TRON?"),
        ({"avoid": ["zzz"]}, "--avoid: no asset, provider or network is called zzz."),
    ],
)
def test_a_word_that_names_nothing_hides_no_way_it_was_meant_for(world, options, message):
    with pytest.raises(StorageFailed) as caught:
        run(world, "1000", "USDT@MEXC", "RUB@RAPIRA", **options)
    assert caught.value.message == message
