"""The board's quotes and their history: those of Redis or the mirror, digit by digit."""

import json

from marketctl.board import build_board
from marketctl.board.compact import HELD, MARKED, TRADING, TWIN
from marketctl.providers.loader import load_registry
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.views.quotes import open_reader
from tests.board.pages import NOW, ROWS, made, rows_of, told
from tests.desk import make_desk, publish, quote


def test_sleeping_redis_is_woken_for_the_history_and_quotes_are_those_of_the_mirror(tmp_path):
    registry = make_desk(tmp_path, NOW)
    dump = registry.settings.data_dir / "redis" / "dump.rdb"
    before = dump.stat().st_mtime_ns
    with open_reader(registry, history=True) as reader:
        found = told(build_board(reader, NOW))
    assert (found["source"], found["away"].endswith("is asleep")) == ("mirror", True)
    assert found["history"]["series"]
    assert dump.stat().st_mtime_ns == before
    assert not EmbeddedRedis(registry.settings.data_dir).shut_down()


def test_prices_are_those_in_redis_digit_by_digit(page):
    found = told(page)
    assert (found["source"], found["away"], found["problems"]) == ("redis", None, [])
    assert rows_of(found) == ROWS


def test_prices_come_from_the_mirror_when_redis_is_away_and_the_page_says_so(desk):
    found = told(made(desk))
    assert (found["source"], found["away"]) == ("mirror", 'redis_url is "none"')
    assert rows_of(found) == ROWS
    assert found["history"]["series"] == []


def test_two_accounts_of_one_exchange_are_one_venue(desk):
    path = desk.settings.data_dir.parent / "providers.toml"
    entry = path.read_text().partition("[providers.BYBIT]")[2].partition("[providers.")[0]
    path.write_text(path.read_text() + "\n[providers.BYBIT2]" + entry)
    found = told(made(load_registry(path, environ={})))
    assert {one["name"]: one["venue"] for one in found["providers"]} == {
        "BYBIT": 0, "KUCOIN": 1, "OPENEXCHANGERATES": 2, "BYBIT2": 0,
    }  # fmt: skip


def test_unreachable_redis_is_told_without_its_password(tmp_path):
    registry = make_desk(tmp_path, NOW, "none")
    path = tmp_path / "providers.toml"
    path.write_text(path.read_text().replace('"none"', '"redis://:hunter2hunter2@127.0.0.1:1/0"'))
    from marketctl.providers.loader import load_registry

    registry = load_registry(path, environ={})
    page = made(registry)
    assert told(page)["source"] == "mirror"
    assert told(page)["away"].startswith("cannot reach Redis at redis://127.0.0.1:1/0")
    assert b"hunter2" not in page


def test_a_quote_keeps_its_own_time_however_late_the_page_is_made(desk):
    ages = []
    for later in (0, 3_600_000):
        column = told(made(desk, NOW + later))["prices"]["by"][0]
        pairs = told(made(desk, NOW + later))["prices"]["pairs"]
        own = {pairs[x]: d for x, d in zip(column["x"], column["d"], strict=True)}
        ages.append((column["at"], own["BTC/USDT"], own["ETH/USDT"], column["at"] - own["OLD/USDT"]))
        assert column["max"] == 60_000  # three intervals, at least a minute: the page judges by it
    # 0: no time of its own, that of the collection; a clock that runs ahead makes nothing newer than its arrival.
    assert ages == [(NOW - 5_000, -4_100, 0, NOW - 7_200_000)] * 2


def test_what_the_sentinel_holds_and_marks_is_shown_with_its_reason(desk):
    path = desk.settings.data_dir / "prices" / "KUCOIN.json"
    found = json.loads(path.read_text())
    record = {"verdict": "outlier", "why": "-88 % from 100", "reference": "100.15", "deviation_percent": "-88.00"}
    record |= {"bid": "12.01", "ask": "12.02", "since": "2026-11-26T01:00:00.000Z"}
    record["collected_at"] = found["collected_at"]
    found["held"] = {"DOGE/USDT": record}
    found["marked"] = {"ETH/USDT": record | {"verdict": "disagree", "reference": None, "deviation_percent": None}}
    path.write_text(json.dumps(found))
    shown = told(made(desk))
    rows = rows_of(shown)
    assert rows["KUCOIN", "DOGE/USDT"] == ("12.01", "12.02", "", "", HELD | MARKED)
    assert rows["KUCOIN", "ETH/USDT"][4] == MARKED
    column = shown["prices"]["by"][1]
    notes = {shown["prices"]["pairs"][column["x"][int(index)]]: note for index, note in column["notes"].items()}
    assert notes == {
        "DOGE/USDT": ["outlier", 1795654800000, "100.15", "-88.00", ""],
        "ETH/USDT": ["disagree", 1795654800000, "", "", ""],
    }


def test_quotes_of_another_coin_of_one_name_are_twins(desk):
    for provider in ("BYBIT", "KUCOIN"):
        path = desk.settings.data_dir / "prices" / f"{provider}.json"
        found = json.loads(path.read_text())
        found["quotes"]["GEM/USDT"] = found["quotes"]["BTC/USDT"]
        path.write_text(json.dumps(found))
    rows = rows_of(told(made(desk)))
    # Two contracts, one each: nobody can say which coin the name means.
    assert [rows[provider, "GEM/USDT"][4] for provider in ("BYBIT", "KUCOIN")] == [TRADING | TWIN] * 2
    assert not any(flags & TWIN for (_, pair), (*_, flags) in rows.items() if pair != "GEM/USDT")


def test_history_is_what_the_streams_hold(page):
    found = told(page)
    names = [one["name"] for one in found["providers"]]
    series = {(names[one["p"]], found["prices"]["pairs"][one["x"]]): one for one in found["history"]["series"]}
    assert sorted(series) == [("BYBIT", "BTC/USDT"), ("KUCOIN", "BTC/USDT")]  # the others never moved
    line = series["BYBIT", "BTC/USDT"]
    assert (line["t"], line["b"], line["a"], line["l"]) == (
        "0 60 60",
        "100.08 100.09 100.10",
        "100.20 100.20 100.20",
        "",
    )
    assert line["at"] // 1000 == (NOW - 125_000) // 1000
    assert found["history"]["complete"] is True


def test_history_is_thinned_out_by_the_server(tmp_path):
    registry = make_desk(tmp_path, NOW, rounds=120)
    line = told(made(registry))["history"]["series"][0]
    bids = line["b"].split()
    assert 40 <= len(bids) <= 49
    assert (bids[-1], line["at"] // 1000 + sum(map(int, line["t"].split()))) == ("100.10", (NOW - 5_000) // 1000)


def test_history_of_the_watched_pairs_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.board.quotes.HISTORY_SERIES", 1)
    monkeypatch.setattr("marketctl.board.quotes.HISTORY_CHUNK", 1)
    registry = make_desk(tmp_path, NOW)
    for turn in (60_000, 70_000):  # ETH/USDT has a history too, of one provider
        moved = {"BTC/USDT": quote("100.15", "100.30"), "ETH/USDT": quote(f"10.{turn}", "10.9")}
        publish(registry, NOW + turn, 1, {"KUCOIN": moved})
    assert _lines(registry, NOW + 90_000) == [("BTC/USDT", "BYBIT")]
    with registry.path.open("a", encoding="utf-8") as file:
        file.write('\n[watch]\npairs = ["ETH/USDT"]\n')
    monkeypatch.setattr("marketctl.board.quotes.HISTORY_SERIES", 2)  # BYBIT's has one point, and is no line
    found = _lines(load_registry(registry.path, environ={}), NOW + 90_000)
    assert found == [("ETH/USDT", "KUCOIN")]


def _lines(registry, now=NOW) -> list[tuple[str, str]]:
    found = told(made(registry, now))
    names = [one["name"] for one in found["providers"]]
    return [(found["prices"]["pairs"][line["x"]], names[line["p"]]) for line in found["history"]["series"]]


def test_history_that_cannot_be_read_is_told_and_prices_stay(tmp_path):
    registry = make_desk(tmp_path, NOW)
    with EmbeddedRedis(registry.settings.data_dir), open_reader(registry) as reader:
        reader.store.call("DEL", reader.store.key("KUCOIN", "h:BTC/USDT"))
        reader.store.call("SET", reader.store.key("KUCOIN", "h:BTC/USDT"), "something else")
        found = told(build_board(reader, NOW))
    assert "h:BTC/USDT is a string, not a stream" in found["history"]["error"][1]
    assert found["history"]["series"] == []
    assert rows_of(found) == ROWS
