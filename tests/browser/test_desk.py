"""The home of the board in a real Chromium. Long: one desk a case, each made as it is told.

What is closed, held and failing, the gaps, who collects; and what the wallet says of it.
"""

from typing import Any

import pytest

from marketctl.board import build_board
from marketctl.config.registry import Registry
from marketctl.files.journal import append_journal
from marketctl.files.snapshots import write_document, write_snapshot
from marketctl.files.state import record_state
from marketctl.models import Network
from marketctl.providers.loader import load_registry
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import open_reader
from tests.browser.drive import By, cells, click_row, go, later, pick, show, until
from tests.desk import asset, head, make_desk, quote

HOUR = 3_600_000
USDC = "0x" + "12" * 20


def lines(browser: Any) -> list[str]:
    return [" ".join(one.text.split()) for one in browser.find_elements(By.CSS_SELECTOR, "#attention li")]


def network(slug: str, *, both: bool = True, withdraw: bool | None = None, **more: str) -> Network:
    fee = {"withdraw_fee": "1"}
    return Network(network=slug, deposit=both, withdraw=both if withdraw is None else withdraw, **fee | more)


def well(tmp_path: Any, now: int, wallets: dict[str, dict[str, Network]]) -> Registry:
    """Make a desk on which all jobs are well; `wallets` are the networks of USDT by provider."""
    desk = make_desk(tmp_path, now, "none")
    data = desk.settings.data_dir
    for name in ("BYBIT", "KUCOIN"):
        (data / "wallet" / f"{name}.changes.jsonl").unlink(missing_ok=True)
        found = {"USDT": asset("USDT", wallets[name])}
        write_snapshot(data / "wallet" / f"{name}.json", head(name, "wallet", now), "assets", found)
        fresh = {"BTC/USDT": quote("100", "101", status="trading")}
        write_mirror(data / "prices" / f"{name}.json", head(name, "prices", now), fresh)
    path = data / "stats" / "OPENEXCHANGERATES.json"
    write_document(path, head("OPENEXCHANGERATES", "stats", now) | {"stats": {}})
    for name in ("BYBIT", "KUCOIN", "OPENEXCHANGERATES"):
        for job in ("wallet", "prices", "stats"):
            record_state(data / "state", name, job, at_ms=now, ok=True, reason=None)
    return desk


def open_page(browser: Any, desk: Registry, now: int, section: str = "desk") -> None:
    path = desk.settings.data_dir / "report.html"
    with open_reader(desk) as reader:
        path.write_bytes(build_board(reader, now))
    show(browser, path, section)


def moved(provider: str, key: str, at: int, door: str = "withdraw", *, opened: bool = False) -> dict[str, Any]:
    line = {"run_id": "r1", "provider": provider, "asset": "USDT", "network": key, "field": door}
    return line | {"at": to_iso(at), "before": not opened, "after": opened}


def test_the_desk_tells_what_is_closed_failing_and_skipped_with_what_to_type(board):
    assert lines(board) == [
        "closed USDT · ethereum withdrawals closed at 1 of 2: BYBIT",
        until(lambda: [one for one in lines(board) if "KUCOIN stats" in one])[0],
        "skipped OPENEXCHANGERATES stats No key is stored, and this job needs one. "
        "marketctl credentials set OPENEXCHANGERATES Copy",
    ]
    note = board.find_element(By.CSS_SELECTOR, ".elsewhere")
    assert note.text.startswith("Networks not watched with something closed: 1 (assets: 1)")
    note.find_element(By.TAG_NAME, "a").click()
    until(lambda: {row[0] for row in cells(board, "#w-grid")} == {"USDT", "<script>", "DEAD"})


def test_the_matrix_of_jobs_gaps_and_what_moved_of_the_small_desk(board):
    matrix = cells(board, "#d-providers")
    assert [row[0] for row in matrix] == ["BYBIT", "KUCOIN", "OPENEXCHANGERATES"]
    assert [cell.split()[0] for cell in matrix[1][1:4]] == ["●", "●", "✕"]
    pairs = {row[0]: row for row in cells(board, "#d-pairs")}
    assert pairs["BTC/USDT"][1:5] == ["100.15 KUCOIN", "100.20 BYBIT", "-0.050 %", "2"]
    assert pairs["OLD/USDT"][1:5] == ["–", "–", "–", "0 / 1"]  # stale is never best
    assert [row[1:] for row in cells(board, "#d-moves")] == [
        ["USDT", "tron", "withdrawal opened", "KUCOIN"],
        ["USDT", "tron", "withdrawal closed", "KUCOIN"],
    ]


def test_nothing_needs_attention_only_where_the_market_is_open_too(chromium, tmp_path):
    now = now_ms()
    everywhere = {name: {"TRX": network("tron"), "ETH": network("ethereum")} for name in ("BYBIT", "KUCOIN")}
    desk = well(tmp_path, now, everywhere)
    open_page(chromium, desk, now)
    assert lines(chromium) == [
        "ok Nothing needs attention. No watched network is closed (USDT), no quote is held, every job is in time."
    ]
    assert chromium.title == "Desk · Market board"
    for name in ("BYBIT", "KUCOIN"):
        found = {
            "USDT": asset(
                "USDT", {"TRX": network("tron", withdraw=False), "ETH": network("ethereum", withdraw_fee="3")}
            )
        }
        path = desk.settings.data_dir / "wallet" / f"{name}.json"
        write_snapshot(path, head(name, "wallet", now), "assets", found)
    journal = desk.settings.data_dir / "wallet" / "KUCOIN.changes.jsonl"
    append_journal(journal, [moved("KUCOIN", "TRX", now - 3 * HOUR)])
    open_page(chromium, desk, now)
    assert lines(chromium) == [
        "closed USDT · tron withdrawals closed at 2 of 2: BYBIT, KUCOIN · for 3 h · open elsewhere: ethereum 3 BYBIT"
    ]
    assert chromium.title == "● 1 closed · Desk · Market board"
    go(chromium, "wallet")
    pick(chromium, "w-search", "tron")
    (row,) = cells(chromium, "#w-grid")
    assert row[:3] == ["USDT", "tron", "2"]
    assert row[3] == "D✓ Deposit: open. W✕ Withdrawal: closed. Fee: 1"
    assert row[4] == "D✓ Deposit: open. W✕ Withdrawal: closed. • changed in the last day for 3 h"


def test_two_accounts_of_one_exchange_are_one_venue(chromium, tmp_path):
    now = now_ms()
    desk = well(tmp_path, now, {name: {"TRX": network("tron", withdraw=False)} for name in ("BYBIT", "KUCOIN")})
    path = desk.settings.data_dir.parent / "providers.toml"
    entry = path.read_text().partition("[providers.BYBIT]")[2].partition("[providers.")[0]
    path.write_text(path.read_text() + "\n[providers.BYBIT2]" + entry)
    for job in ("wallet", "prices"):
        text = (desk.settings.data_dir / job / "BYBIT.json").read_text()
        (desk.settings.data_dir / job / "BYBIT2.json").write_text(text.replace('"BYBIT"', '"BYBIT2"'))
    open_page(chromium, load_registry(path, environ={}), now)
    assert lines(chromium)[0].startswith("closed USDT · tron withdrawals closed at 2 of 2: BYBIT, KUCOIN")
    go(chromium, "wallet")
    assert [row[:3] for row in cells(chromium, "#w-grid")] == [["USDT", "tron", "2"]]


def test_the_closed_network_of_another_coin_is_none_of_this_one(chromium, tmp_path):
    now = now_ms()
    wallets = {name: {"ETH": network("ethereum", contract=USDC)} for name in ("BYBIT", "KUCOIN")}
    desk = well(tmp_path, now, wallets)
    path = desk.settings.data_dir.parent / "providers.toml"
    path.write_text(path.read_text().replace("enabled = false", "enabled = true"))
    other = {"USDT": asset("USDT", {"ETH": network("ethereum", both=False, contract="0x" + "34" * 20)})}
    write_snapshot(desk.settings.data_dir / "wallet" / "MEXC.json", head("MEXC", "wallet", now), "assets", other)
    registry = load_registry(path, environ={})
    open_page(chromium, registry, now)
    assert [line for line in lines(chromium) if line.startswith("closed")] == []
    # One against one, nobody can say which is meant.
    write_snapshot(desk.settings.data_dir / "wallet" / "KUCOIN.json", head("KUCOIN", "wallet", now), "assets", {})
    open_page(chromium, registry, now)
    assert [line[:54] for line in lines(chromium) if line.startswith("closed")] == [
        "closed USDT · ethereum withdrawals closed at 1 of 2: M"
    ]


def test_a_wallet_that_is_too_old_says_nothing_is_open_and_nothing_closed(chromium, tmp_path):
    now = now_ms()
    desk = well(tmp_path, now, {name: {"TRX": network("tron", withdraw=False)} for name in ("BYBIT", "KUCOIN")})
    open_page(chromium, desk, now)
    assert lines(chromium)[0].startswith("closed USDT · tron")
    later(chromium, 4 * 3600)
    assert [line.partition(" ")[0] for line in lines(chromium)] == ["late"]
    assert "Nothing needs attention" not in chromium.find_element(By.ID, "sec-desk").text


def test_one_cause_of_several_providers_is_one_line(chromium, tmp_path):
    now = now_ms()
    desk = well(tmp_path, now, {name: {"TRX": network("tron")} for name in ("BYBIT", "KUCOIN")})
    for name in ("BYBIT", "KUCOIN", "OPENEXCHANGERATES"):
        for job in ("wallet", "prices", "stats"):
            record_state(desk.settings.data_dir / "state", name, job, at_ms=now, ok=False, reason="network")
    open_page(chromium, desk, now)
    assert lines(chromium) == [
        "failing 3 providers wallet, prices, stats No connection to the provider. BYBIT, KUCOIN, OPENEXCHANGERATES "
        "marketctl check Copy"
    ]


def test_a_network_dead_for_long_is_folded_and_no_news(chromium, tmp_path):
    now = now_ms()
    wallets = {
        "BYBIT": {"TRX": network("tron"), "OMNI": network("omni", both=False)},
        "KUCOIN": {"TRX": network("tron"), "OMNI": network("omni", both=False)},
    }
    desk = well(tmp_path, now, wallets)
    open_page(chromium, desk, now)
    # Closed at both venues, and nobody knows since when: that is told.
    assert [line[:23] for line in lines(chromium)] == ["closed USDT · omni with"]
    for name, found in wallets.items():
        whole = head(name, "wallet", now) | {"known_since": to_iso(now - 40 * 24 * HOUR)}
        path = desk.settings.data_dir / "wallet" / f"{name}.json"
        write_snapshot(path, whole, "assets", {"USDT": asset("USDT", found)})
    open_page(chromium, desk, now)
    assert lines(chromium)[0].startswith("ok Nothing needs attention.")
    assert "closed everywhere for long: 1" in chromium.find_element(By.CSS_SELECTOR, ".elsewhere").text
    go(chromium, "wallet")
    assert [row[1] for row in cells(chromium, "#w-grid")] == ["tron"]
    chromium.find_element(By.CSS_SELECTOR, "#w-folded button").click()
    assert [row[1] for row in cells(chromium, "#w-grid")] == ["omni", "tron"]
    # What closed within a month is news however long the journal tells.
    append_journal(
        desk.settings.data_dir / "wallet" / "BYBIT.changes.jsonl", [moved("BYBIT", "OMNI", now - 2 * 24 * HOUR)]
    )
    open_page(chromium, desk, now)
    assert lines(chromium)[0].startswith("closed USDT · omni withdrawals closed at 2 of 2: BYBIT, KUCOIN · since 20")


def test_an_unproven_way_never_stands_before_a_proven_one(chromium, tmp_path):
    now = now_ms()
    contract = {"contract": USDC}
    wallets = {
        "BYBIT": {"TRX": network("tron", withdraw_fee="0.1"), "ETH": network("ethereum", withdraw_fee="2", **contract)},
        "KUCOIN": {
            "TRX": network("tron", withdraw_fee="0.5"),
            "ETH": network("ethereum", withdraw_fee="1.5", **contract),
        },
    }
    desk = well(tmp_path, now, wallets)
    open_page(chromium, desk, now, "wallet?asset=USDT")
    told = [" ".join(one.text.split()) for one in chromium.find_elements(By.CSS_SELECTOR, "#d-body .lowest")]
    assert told[0] == (
        "Lowest fee, proven: KUCOIN → BYBIT, ethereum, fee 1.5 USDT. "
        "lower, unproven: BYBIT → KUCOIN, tron, fee 0.1 USDT."
    )
    assert [row[6] for row in cells(chromium, "#d-body .routes")] == ["proven", "proven", "unproven", "unproven"]


def test_an_asset_has_a_view_of_its_own(board):
    go(board, "wallet")
    click_row(board, "#w-grid", "USDT")
    heads = [one.text for one in board.find_elements(By.CSS_SELECTOR, "#d-body h3")]
    assert heads == ["Networks open now, lowest fee first", "Prices", "Opened and closed"]
    pairs = board.find_elements(By.CSS_SELECTOR, "#d-body [aria-label='USDT, Prices'] tbody th")
    assert [one.text for one in pairs][:2] == ["BTC/USDT", "ETH/USDT"]
    pairs[0].find_element(By.TAG_NAME, "button").click()
    # From sheet to sheet, and Back closes.
    assert board.find_element(By.ID, "d-title").text == "BTC/USDT"
    assert board.current_url.endswith("#wallet?pair=BTC/USDT")
    board.back()
    until(lambda: not board.find_element(By.ID, "detail").is_displayed())
    assert board.current_url.endswith("#wallet")


# Pairs with their venues inside --------------------------------------------------------------


def test_a_pair_is_a_row_with_its_venues_inside(board):
    go(board, "prices")
    rows = {row[0].lstrip("▸ "): row for row in cells(board, "#p-grid")}
    assert rows["BTC/USDT"][1:4] == ["100.15 KUCOIN", "100.20 BYBIT", "-0.050 %"]
    assert rows["BTC/USDT"][6] == "2"
    assert board.find_elements(By.CSS_SELECTOR, "#p-grid .spark")
    assert rows["OLD/USDT"][1:4] == ["–"] * 3
    assert board.find_element(By.ID, "p-count").text == "6 of 6 pairs, 8 quotes"
    fold = board.find_element(By.CSS_SELECTOR, "#p-grid .fold[data-row='BTC/USDT']")
    assert (fold.get_attribute("aria-expanded"), fold.get_attribute("aria-label")) == ("false", "Venues of BTC/USDT")
    fold.click()
    shown = [row[:4] for row in cells(board, "#p-grid")][:4]
    assert [row[0].lstrip("▸▾ ") for row in shown] == ["BTC/USDT", "BYBIT", "KUCOIN", "ETH/USDT"]
    assert [row[1:3] for row in shown[1:3]] == [["100.10", "100.20"], ["100.15", "100.30"]]
    best = [one.text for one in board.find_elements(By.CSS_SELECTOR, "#p-grid .inside td:not(:has(.stacked)) .best")]
    assert best == ["100.20"]
    fold = board.switch_to.active_element
    assert fold.get_attribute("aria-expanded") == "true"
    fold.click()
    assert len(cells(board, "#p-grid")) == 6


@pytest.mark.parametrize("flaw", ["held", "twin", "stale"])
def test_what_is_held_a_twin_or_stale_is_never_best(chromium, tmp_path, flaw):
    now = now_ms()
    wallets = {name: {"ETH": network("ethereum", contract=USDC)} for name in ("BYBIT", "KUCOIN")}
    desk = well(tmp_path, now, wallets)
    data = desk.settings.data_dir
    better = quote("150", "90", status="trading", **({"at_ms": now - HOUR} if flaw == "stale" else {}))
    pair = "USDT/BTC"
    for name in ("BYBIT", "KUCOIN"):
        write_mirror(data / "prices" / f"{name}.json", head(name, "prices", now), {pair: quote("100", "101")})
    if flaw == "held":
        record = {"bid": "150", "ask": "90", "verdict": "outlier", "why": "50 % from 100", "deviation_percent": "50"}
        record |= {"since": to_iso(now), "collected_at": to_iso(now)}
        whole = head("KUCOIN", "prices", now) | {"held": {pair: record}}
        write_mirror(data / "prices" / "KUCOIN.json", whole, {})
    elif flaw == "stale":
        write_mirror(data / "prices" / "KUCOIN.json", head("KUCOIN", "prices", now), {pair: better})
    else:
        other = {"USDT": asset("USDT", {"ETH": network("ethereum", contract="0x" + "34" * 20)})}
        write_snapshot(data / "wallet" / "KUCOIN.json", head("KUCOIN", "wallet", now), "assets", other)
        write_mirror(data / "prices" / "KUCOIN.json", head("KUCOIN", "prices", now), {pair: better})
    open_page(chromium, desk, now, "prices")
    ((_, bid, ask, *rest),) = [row for row in cells(chromium, "#p-grid") if pair in row[0]]
    assert [cell for cell in rest if flaw in cell] == ["twin" if flaw == "twin" else f"1 {flaw}"]  # both are twins
    assert "150" not in bid
    assert "90" not in ask


def test_columns_and_density_are_chosen_and_remembered(board):
    go(board, "prices")
    tall = board.execute_script("return document.querySelector('#p-grid tbody tr').offsetHeight")
    board.find_element(By.CSS_SELECTOR, "#p-tools button").click()
    board.find_element(By.CSS_SELECTOR, "#p-tools summary").click()
    board.find_element(By.CSS_SELECTOR, "#p-tools [data-column=volume]").click()
    heads = [one.text for one in board.find_elements(By.CSS_SELECTOR, "#p-grid thead th")]
    assert "24 h turnover" not in heads
    board.refresh()
    assert board.execute_script("return document.querySelector('#p-grid tbody tr').offsetHeight") < tall
    assert [one.text for one in board.find_elements(By.CSS_SELECTOR, "#p-grid thead th")] == heads


def test_csv_is_what_the_table_shows_and_no_formula(board):
    board.execute_script(
        "window.saved = []; URL.createObjectURL = blob => { blob.text().then(text => window.saved.push(text)); "
        "return 'data:,' }; HTMLAnchorElement.prototype.click = function () {}"
    )

    def saved(section: str, number: int) -> list[str]:
        board.find_element(By.CSS_SELECTOR, f"#{section}-tools > button:last-child").click()
        until(lambda: len(board.execute_script("return window.saved")) == number)
        return board.execute_script("return window.saved")[-1].splitlines()

    go(board, "prices")
    pick(board, "p-search", "BTC")
    first = saved("p", 1)
    assert first[0] == ("pair,best_bid,best_bid_at,best_ask,best_ask_at,gap_percent,turnover_24h,providers,notes,age_s")
    assert first[1].startswith("BTC/USDT,100.15,KUCOIN,100.20,BYBIT,-0.0499")
    assert len(first) == 2
    go(board, "wallet")
    pick(board, "w-search", "usdt tron")
    second = saved("w", 2)
    assert second[0] == (
        "asset,network,providers,BYBIT withdraw,BYBIT deposit,BYBIT withdraw_fee,"
        "KUCOIN withdraw,KUCOIN deposit,KUCOIN withdraw_fee"
    )
    assert second[1] == "USDT,tron,2,open,open,1.5,open,open,1.25"
    assert board.execute_script("return typeof csvCell") == "undefined"  # nothing of the script is global
