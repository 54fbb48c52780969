"""The market board: right against the data, safe against hostile names, small, quick, written whole or not at all."""

import json
import re
import sys
import time
from base64 import b64encode
from contextlib import ExitStack
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from marketctl import board
from marketctl.board import build_board, embed
from marketctl.board.charts import draw
from marketctl.board.compact import DERIVED, HALTED, HELD, IS_MID, MARKED, RATE, TRADING, TWIN
from marketctl.cli import invoke as marketctl
from marketctl.files.journal import append_journal, read_journal
from marketctl.files.snapshots import write_snapshot
from marketctl.files.state import record_state
from marketctl.models import Network
from marketctl.providers.loader import load_registry
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import open_reader
from marketctl.views.routes import find_routes
from marketctl.views.snapshots import snapshot
from tests.desk import EVIL, asset, head, make_desk, publish, quote

NOW = now_ms()
WALLET = 3 * 3_600_000
WORDS = board.page_words()


class Page(HTMLParser):
    """The elements of a page: (tag, attributes), and the texts of its scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def made(registry, now=NOW) -> bytes:
    with ExitStack() as stack:
        if registry.settings.redis_url == "embedded":  # it goes on between runs
            stack.enter_context(EmbeddedRedis(registry.settings.data_dir))
        return build_board(stack.enter_context(open_reader(registry)), now)


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


def told(page: bytes) -> dict:
    return json.loads(Page(page).scripts[1])


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> bytes:
    return made(make_desk(tmp_path_factory.mktemp("desk"), NOW))


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path / "desk", NOW, "none")


# Right against the data ------------------------------------------------------------------


def rows_of(found: dict) -> dict[tuple[str, str], tuple]:
    names = [one["name"] for one in found["providers"]]
    rows = {}
    for name, column in zip(names, found["prices"]["by"], strict=True):
        for x, *cells in zip(*(column[key] for key in "xbalvf"), strict=True):
            rows[name, found["prices"]["pairs"][x]] = tuple(cells)
    return rows


ROWS = {
    ("BYBIT", "BTC/USDT"): ("100.10", "100.20", "100.15", "123456.5", TRADING),
    ("BYBIT", "ETH/USDT"): ("10", "", "", "5", TRADING),
    ("BYBIT", "<script>/USDT"): ("1.0", "1.10", "", "", TRADING),
    ("BYBIT", "OLD/USDT"): ("2", "3", "", "", TRADING),
    ("BYBIT", "TINY/USDT"): ("0.0000000001234567", "0.0000000001234568", "", "", HALTED),
    ("KUCOIN", "BTC/USDT"): ("100.15", "100.30", "100.2", "99999999999.123", TRADING),
    ("KUCOIN", "ETH/USDT"): ("10.1", "10.2", "", "", 0),
    ("OPENEXCHANGERATES", "EUR/USD"): ("", "", "1.0812345678901", "", RATE | IS_MID | DERIVED),
}


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


def test_health_of_each_job(page):
    found = told(page)
    jobs = {
        (one["name"], name): (job["at"] is not None, job["limit"], job["failures"], job["reason"])
        for one in found["providers"]
        for name, job in one["jobs"].items()
    }
    hour = 3 * 3_600_000  # prices: two and a half times the minute that is really kept
    assert jobs == {
        ("BYBIT", "wallet"): (True, WALLET, 0, None),
        ("BYBIT", "prices"): (True, 150_000, 0, None),
        ("BYBIT", "stats"): (True, hour, 0, None),
        ("KUCOIN", "wallet"): (True, WALLET, 0, None),
        ("KUCOIN", "prices"): (True, 150_000, 0, None),
        ("KUCOIN", "stats"): (True, hour, 3, "rate-limited"),
        ("OPENEXCHANGERATES", "wallet"): (True, WALLET, 0, None),
        ("OPENEXCHANGERATES", "prices"): (True, hour, 0, None),
        ("OPENEXCHANGERATES", "stats"): (False, hour, 0, "no-credentials"),
    }
    assert found["disabled"] == ["MEXC"]
    bybit = found["providers"][0]
    assert (bybit["latency"], bybit["skew"], bybit["platform"]) == (42, -1500, "maintenance")
    assert bybit["quota"] == {
        "plan": "basic",
        "used": 750,
        "limit": 800,
        "remaining": 50,
        "resets_at": "2026-11-24T00:00:00.000Z",
    }
    prices = bybit["jobs"]["prices"]
    assert (prices["live"], prices["source"], prices["still"]) == ("ok", NOW - 5_000, 150_000)
    assert bybit["jobs"]["wallet"]["counts"] == {"assets": 4, "networks": 5}
    assert bybit["jobs"]["prices"]["sync"] == "marketctl prices collect -p BYBIT"
    unknown = found["providers"][2]
    assert (unknown["latency"], unknown["platform"], unknown["quota"]) == (None, "unknown", None)


def entries_of(found: dict) -> dict[tuple, dict]:
    wallet, names = found["wallet"], [one["name"] for one in found["providers"]]
    rows, texts = wallet["rows"], wallet["texts"]
    return {
        (names[rows["p"][i]], texts[rows["t"][i]], texts[rows["n"][i]] if rows["n"][i] >= 0 else None): {
            "row": i,
            "network": texts[rows["g"][i]] if rows["g"][i] >= 0 else None,
            "flags": (rows["f"][i] & 3, rows["f"][i] >> 2 & 3, rows["f"][i] >> 4 & 3),
            "amounts": (rows["fee"][i], rows["min"][i], rows["dmin"][i], rows["conf"][i]),
        }
        for i in range(len(rows["p"]))
    }


def test_wallet_unknown_is_neither_open_nor_closed_nor_zero(page):
    found = entries_of(told(page))
    assert {key: one["flags"] for key, one in found.items()} == {
        ("BYBIT", "USDT", "TRX"): (2, 2, 0),
        ("BYBIT", "USDT", "ETH"): (2, 1, 0),
        ("BYBIT", "USDT", "NEWNET"): (0, 0, 0),
        ("BYBIT", "GEM", "BSC"): (2, 2, 0),
        ("BYBIT", EVIL, "BSC"): (1, 1, 0),
        ("BYBIT", "DEAD", None): (1, 1, 0),
        ("KUCOIN", "USDT", "trx"): (2, 2, 0),
        ("KUCOIN", "USDT", "eth"): (0, 2, 0),
        ("KUCOIN", "GEM", "bsc"): (2, 2, 0),
        ("OPENEXCHANGERATES", "EUR", None): (0, 0, 0),
    }
    assert found["BYBIT", "USDT", "TRX"]["amounts"] == ("1.5", "10", "1", 20)
    assert found["BYBIT", "USDT", "NEWNET"]["amounts"] == ("", "", "", None)
    assert found["BYBIT", "USDT", "NEWNET"]["network"] is None


def test_routes_and_their_order_are_those_of_wallet_routes(desk):
    found = told(made(desk))
    place = {one["row"]: key for key, one in entries_of(found).items()}
    wallets = [snapshot(desk, "wallet", name) for name in ("BYBIT", "KUCOIN")]
    for ticker in ("USDT", "GEM"):
        flat = found["wallet"]["routes"][str(found["wallet"]["texts"].index(ticker))]
        shown = [
            (place[a][0], place[a][2], place[b][0], place[b][2], ("proven", "unproven", "twin")[identity])
            for a, b, identity in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        ]
        ways = find_routes(ticker, wallets, wallets, NOW, dict.fromkeys(("BYBIT", "KUCOIN"), 1e9)).routes
        assert shown == [(w["from"], w["from_network"], w["to"], w["to_network"], w["identity"]) for w in ways]
        assert len(shown) == {"USDT": 3, "GEM": 2}[ticker]


def test_twins_are_flagged_and_the_same_contract_in_other_letters_is_none(page):
    found = told(page)
    place = {one["row"]: key[:2] for key, one in entries_of(found).items()}
    assert [[[place[row] for row in group] for group in twin] for twin in found["wallet"]["twins"]] == [
        [[("BYBIT", "GEM")], [("KUCOIN", "GEM")]]
    ]


def test_changes_of_the_last_day_newest_first(page):
    found = told(page)["changes"]
    assert found == {
        "total": 3,
        "rows": [
            [NOW - 900_000, 1, EVIL, None, "asset", EVIL, None],
            [NOW - 1_800_000, 1, "USDT", "trx", "withdraw_fee", None, "1.25"],
            [NOW - 3_600_000, 1, "USDT", "trx", "withdraw", False, True],
        ],
        # Of a week, under common names, the providers by their places.
        "moves": [
            [NOW - 3_600_000, "USDT", "tron", "withdraw", True, [1]],
            [NOW - 2 * 86_400_000, "USDT", "tron", "withdraw", False, [1]],
        ],
    }


def test_since_when_a_network_is_closed_is_that_of_the_journal(desk):
    line = {"run_id": "r1", "provider": "BYBIT", "asset": "USDT", "network": "ETH", "before": True}
    journal = desk.settings.data_dir / "wallet" / "BYBIT.changes.jsonl"
    append_journal(
        journal,
        [
            line | {"at": to_iso(NOW - 9_000_000), "field": "withdraw", "after": False},
            line | {"at": to_iso(NOW - 8_000_000), "field": "deposit", "after": False},
            line | {"at": to_iso(NOW - 7_000_000), "field": "deposit", "before": False, "after": True},
            line | {"at": to_iso(NOW - 6_000_000), "network": "GONE", "field": "withdraw", "after": False},
        ],
    )
    found = told(made(desk))
    (row,) = [one["row"] for key, one in entries_of(found).items() if key[:3] == ("BYBIT", "USDT", "ETH")]
    assert found["wallet"]["since"] == {str(row): [NOW - 9_000_000, None]}
    assert [move[:4] for move in found["changes"]["moves"]][:2] == [
        [NOW - 3_600_000, "USDT", "tron", "withdraw"],
        [NOW - 6_000_000, "USDT", "GONE", "withdraw"],
    ]


def test_stats_turnover_and_totals_over_time(page):
    found = told(page)["stats"]
    assert found["turnover"] == {"USDT": ["123461.5", "99999999999.123", ""], "<b>": ["0", "0", ""]}
    assert found["providers"][0]["pairs"] == {"total": 5, "trading": 4, "halted": None}
    assert found["providers"][0]["growth"]["pairs"] == [
        [NOW - 3 * 86_400_000, 6],
        [NOW - 2 * 86_400_000, 7],
        [NOW - 86_400_000, 8],
        [NOW - 50_000, 5],
    ]
    assert found["providers"][2]["at"] is None


def test_charts_hold_no_style_script_or_address_of_their_own(page):
    drawn = draw(told(page)["stats"])
    assert [currency for currency, _ in drawn["turnover"]] == ["USDT", "<b>"]
    assert sorted(drawn["growth"]) == ["assets", "pairs"]
    for text in [svg for _, svg in drawn["turnover"]] + [*drawn["growth"].values()]:
        assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        assert re.search(r"<style|<script|<!--|<\?|href|url\(", text) is None


def test_nothing_collected_yet_is_a_page_too(tmp_path):
    make_desk(tmp_path, NOW, "none")
    for folder in ("wallet", "prices", "stats", "state"):
        for path in (tmp_path / "data" / folder).iterdir():
            path.unlink()
    from marketctl.providers.loader import load_registry

    found = told(made(load_registry(tmp_path / "providers.toml", environ={})))
    assert {job["at"] for one in found["providers"] for job in one["jobs"].values()} == {None}
    assert (found["prices"]["pairs"], found["wallet"]["texts"], found["changes"]["total"]) == ([], [], 0)


def test_a_broken_file_is_told_and_hides_no_other(desk):
    (desk.settings.data_dir / "wallet" / "BYBIT.json").write_text("{")
    (desk.settings.data_dir / "stats" / "KUCOIN.json").write_text("[]")
    found = told(made(desk))
    assert len(found["problems"]) == 2
    assert [reason for reason, _ in found["problems"]] == ["storage", "storage"]
    assert all(name in words for name, (_, words) in zip(("BYBIT.json", "KUCOIN.json"), found["problems"], strict=True))
    assert ("KUCOIN", "USDT", "trx") in entries_of(found)
    assert found["stats"]["providers"][0]["at"] is not None


# Safe ------------------------------------------------------------------------------------


def test_hostile_names_end_no_element(page):
    parsed = Page(page)
    assert [tag for tag, _ in parsed.tags].count("script") == 3
    assert [attributes.get("type") for tag, attributes in parsed.tags if tag == "script"] == [
        "application/json"
    ] * 2 + [None]
    assert [tag for tag, _ in parsed.tags if tag in ("b", "img")] == [
        "b",
        "b",
    ]  # our own, in the captions of two charts
    for data in parsed.scripts[:2]:
        assert re.search(r"[<>&\u2028\u2029]", data) is None
    assert "Suspended </script><b>now</b>" in told(page)["wallet"]["texts"]
    assert told(page)["providers"][0]["platform_message"] == "Upgrade </script>"


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "\u2028\u2029", "a&amp;b", "\ud800", "\x00\x7f\"'\\"])
def test_embedded_json_says_the_same_and_cannot_end_its_element(text):
    written = embed({text: [text]})
    assert re.search(r"[<>&\u2028\u2029]", written) is None
    assert json.loads(written) == {text: [text]}


def test_lone_surrogates_and_line_separators_in_names_make_a_page(desk):
    names = {"A\ud800B": asset("A\ud800B", {"N": Network(network="bsc")}), "C\u2028D": asset("C\u2028D", {})}
    write_snapshot(desk.settings.data_dir / "wallet" / "KUCOIN.json", head("KUCOIN", "wallet", NOW), "assets", names)
    found = told(made(desk))
    assert {"A\ud800B", "C\u2028D"} <= set(found["wallet"]["texts"])


def test_the_page_may_load_nothing_and_run_its_own_script_alone(page):
    parsed = Page(page)
    (policy,) = [one["content"] for tag, one in parsed.tags if tag == "meta" and one.get("http-equiv")]
    digest = b64encode(sha256(parsed.scripts[2].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    for tag, attributes in parsed.tags:
        assert not attributes.get("src"), tag
        assert (attributes.get("href") or "#").startswith(("#", "data:,")), tag
    assert re.search(r"https?://(?!www\.w3\.org/)", page.decode()) is None


@pytest.mark.made_up  # a reason that is a secret
def test_no_secret_of_a_sandboxed_desk_is_on_the_page(sandbox, folder, tmp_path, capsys):
    config = ("--config", str(folder / "providers.toml"))
    record_state(
        folder / "data/state", "BYBIT", "wallet", at_ms=NOW, ok=False, reason=sandbox.apis["BYBIT"].keys["api_key"]
    )
    output = tmp_path / "out.html"
    assert marketctl([*config, "run", "--once", "--task", "prices", "-p", "KUCOIN", "-q", "--report", str(output)]) == 0
    assert marketctl([*config, "report", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    secrets = [value for api in sandbox.apis.values() for value in api.keys.values()]
    assert len(secrets) > 8
    for path in (output, folder / "data/report.html"):
        page = path.read_text()
        assert [secret for secret in secrets if secret in page or secret.splitlines()[0] in page] == []
        assert len(rows_of(told(page.encode()))) > 10


# Small and quick -------------------------------------------------------------------------


def test_12000_quotes_and_4000_assets_fit_into_three_megabytes(tmp_path):
    registry = make_desk(tmp_path, NOW, "none")
    data = registry.settings.data_dir
    contract = "0x" + "0123456789" * 4
    for provider in ("BYBIT", "KUCOIN"):
        found = {
            f"COIN{n}/{('USDT', 'USDC', 'BTC')[n % 3]}": quote(
                f"{n}.12345678", f"{n}.22345678", last=f"{n}.17345678", volume="1234.5678",
                quote_volume=f"{n}98765.4321", status="trading", at_ms=NOW - n,
            )
            for n in range(6000)
        }  # fmt: skip
        write_mirror(data / "prices" / f"{provider}.json", head(provider, "prices", NOW), found)
        assets = {
            f"COIN{n}": asset(
                f"COIN{n}",
                {
                    code: Network(network=slug, deposit=True, withdraw=None, withdraw_fee=f"{n}.5", withdraw_min="12",
                                  deposit_min="0.01", confirmations=12, contract=f"{contract[:-5]}{n:05}")
                    for code, slug in (("ETH", "ethereum"), ("BSC", "bsc"))
                },
                name=f"The coin number {n}",
            )
            for n in range(2000)
        }  # fmt: skip
        write_snapshot(data / "wallet" / f"{provider}.json", head(provider, "wallet", NOW), "assets", assets)
    started = time.process_time()
    page = made(registry)
    took = time.process_time() - started
    assert len(rows_of(told(page))) == 12_001  # and the one of OPENEXCHANGERATES
    assert len(page) < 3_000_000
    assert took < 4  # docs/board.md has the figures of a quiet machine, under 2


# Written whole or not at all -------------------------------------------------------------


def test_report_writes_to_the_data_folder_and_prints_where(desk, capsys):
    assert marketctl(["--config", str(desk.path), "report"]) == 0
    path = desk.settings.data_dir / "report.html"
    assert capsys.readouterr() == (f"{path}\n", "")
    assert path.read_bytes().startswith(b'<!doctype html>\n<html lang="en">')
    assert sorted(one.name for one in path.parent.iterdir() if one.suffix in (".tmp", ".html")) == ["report.html"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_report_to_a_named_file_and_open(desk, capsys, monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("click.launch", shown.append)
    output = tmp_path / "new" / "board.html"
    output.parent.mkdir()
    assert marketctl(["--config", str(desk.path), "report", "-q", "-o", str(output), "--open"]) == 0
    assert capsys.readouterr() == ("", "")
    assert shown == [output.as_uri()]


def test_a_failed_report_leaves_the_old_one(desk, capsys, monkeypatch, tmp_path):
    output = tmp_path / "board.html"
    output.write_text("old")
    monkeypatch.setattr(
        "marketctl.files.atomic.os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert marketctl(["--config", str(desk.path), "report", "-o", str(output)]) == 1
    assert capsys.readouterr().err == (
        f"marketctl: cannot write {output}: No space left on device. Next: Free some space on that disk.\n"
    )
    assert output.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


@pytest.mark.parametrize("words", [["report"], ["run", "--once", "--report", "board.html"]])
@pytest.mark.parametrize(("missing", "named"), [(["pygal"], "pygal"), (["jinja2", "pygal"], "jinja2 and pygal")])
def test_without_the_extra_one_line_says_what_to_install(desk, capsys, monkeypatch, words, missing, named):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert marketctl(["--config", str(desk.path), *words]) == 4
    assert capsys.readouterr() == (
        "",
        f"marketctl: the report needs {named}. Next: pip install {named.replace(' and ', ' ')} (the extra `report`).\n",
    )
    assert not (desk.settings.data_dir / "report.html").exists()


def test_run_refreshes_the_report_also_when_a_provider_fails(sandbox, folder, tmp_path, capsys):
    sandbox.fault("KUCOIN=html")
    output = tmp_path / "board.html"
    words = ["run", "--once", "--task", "prices", "-p", "KUCOIN", "-p", "BYBIT", "--json", "--report", str(output)]
    assert marketctl(["--config", str(folder / "providers.toml"), *words]) == 3
    assert json.loads(capsys.readouterr().out)["command"] == "run"
    found = {one["name"]: one["jobs"]["prices"] for one in told(output.read_bytes())["providers"]}
    assert (found["KUCOIN"]["reason"], found["KUCOIN"]["failures"], found["KUCOIN"]["at"]) == ("blocked", 1, None)
    assert (found["BYBIT"]["failures"], found["BYBIT"]["live"]) == (0, "ok")


def test_run_whose_report_cannot_be_written_says_so_and_keeps_what_it_collected(sandbox, folder, tmp_path, capsys):
    path = tmp_path / "file" / "board.html"
    path.parent.write_text("no folder")
    words = ["run", "--once", "--task", "prices", "-p", "BYBIT", "-q", "--report", str(path)]
    assert marketctl(["--config", str(folder / "providers.toml"), *words]) == 3
    assert f"the report was not written: cannot write {path}" in capsys.readouterr().err
    assert (folder / "data/prices/BYBIT.json").exists()


def test_stats_collect_notes_totals_when_they_change(sandbox, folder, tmp_path):
    words = ["--config", str(folder / "providers.toml"), "stats", "collect", "-p", "BYBIT", "-q"]
    history, path = folder / "data/stats/BYBIT.history.jsonl", folder / "data/stats/BYBIT.json"
    assert marketctl(words) == 0
    assert marketctl(words) == 0
    (first,), broken = read_journal(history)
    assert broken == 0
    assert sorted(first) == ["assets", "at", "networks", "pairs", "provider", "run_id"]
    assert first["pairs"]["total"] == json.loads(path.read_text())["stats"]["pairs"]["total"]
    changed = json.loads(path.read_text())
    changed["stats"]["pairs"]["total"] -= 1
    path.write_text(json.dumps(changed))
    assert marketctl(words) == 0
    assert len(read_journal(history)[0]) == 2


# Words -----------------------------------------------------------------------------------


def test_every_word_is_there_in_both_languages_and_used():
    script, template = board.page_script(), (board.FOLDER / "page.html").read_text(encoding="utf-8")
    used = set(re.findall(r'(?<![\w.])t\("([^"]+)"', script)) | set(re.findall(r'(?:"|words\.)(\w+)', template))
    assert sorted(set(re.findall(r'(?<![\w.])t\("([^"]+?[^_])"', script)) - set(WORDS)) == []
    for key, texts in WORDS.items():
        assert len(texts) == 2, key
        assert all(texts), key
        assert sorted(re.findall(r"\{\w+\}", texts[0])) == sorted(re.findall(r"\{\w+\}", texts[1])), key
    made_up = ("state_", "v_", "job_", "r_", "c_", "why_", "id_", "platform_", "growth_", "badge_", "unit_", "which_",
               "closed_", "opened_", "as_", "cause_", "lo_", "unanswered_", "unseen_", "fee_source_")  # fmt: skip
    listed = set(re.findall(r'"([\w-]+)"', script))
    assert sorted(key for key in set(WORDS) - used - listed if not key.startswith(made_up)) == []


# What Russian desks write so, what one types, and names of fields in a provider's answers.
TERMS = set("bid ask memo marketctl providers toml watch taker_fee ccxt tron".split())
TYPED = set("stats collect check wallet prices show".split())
FIELDS = set("takerCommission takerFee takerFeeRate fee".split())


def test_the_russian_words_are_russian():
    foreign = {}
    for key, (_, russian) in WORDS.items():
        said = re.findall(r"[A-Za-z_]{2,}", re.sub(r"\{\w+\}", "", russian))
        known = TERMS | TYPED | {"Redis"} | (FIELDS if key.startswith("fee_source_") else set())
        left = [word for word in said if word not in known and word.lower() not in TERMS and not word.isupper()]
        if left:
            foreign[key] = left
    assert foreign == {}


def test_every_reason_has_words():
    from marketctl import errors

    reasons = {cls.reason for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "reason")}
    assert sorted(reason for reason in reasons if f"r_{reason}" not in WORDS) == []
