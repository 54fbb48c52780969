"""The tab of the wallet: every network as it was told, unknown as unknown, routes as the command has them."""

import pytest

from marketctl.views.routes import find_routes
from marketctl.views.snapshots import snapshot
from tests.browser.drive import By, cells, click_row, go, pick
from tests.desk import EVIL, wallets


def test_matrix_is_right_for_every_network_and_unknown_is_said(board):
    go(board, "wallet")
    sign = {True: "✓", False: "✕", None: "?"}
    word = {True: "open", False: "closed", None: "unknown"}
    script = """return [...document.querySelectorAll('#w-grid tbody tr:not(.gap)')]
      .map(row => [...row.children].map(cell => cell.textContent.trim()))"""
    shown = board.execute_script(script)
    head = [one.text for one in board.find_elements(By.CSS_SELECTOR, "#w-grid thead th")]
    assert head[3:] == ["BYBIT", "KUCOIN"]  # the source of rates tells of no networks
    seen = 0
    for place, provider in enumerate(head[3:], 3):
        for ticker, asset in wallets()[provider].items():
            for code, network in asset["networks"].items():
                name = network["network"] or code
                (row,) = [row for row in shown if row[0] == ticker + name]
                expected = (
                    f"D{sign[network['deposit']]}Deposit: {word[network['deposit']]}. "
                    f"W{sign[network['withdraw']]}Withdrawal: {word[network['withdraw']]}. "
                    f"{'!' if network['note'] else ''}{'•changed in the last day' if code == 'trx' else ''}"
                    f"Fee: {network['withdraw_fee'] or 'unknown'}"
                )
                assert row[place] == expected
                seen += 1
    assert seen == 8
    (dead,) = [row for row in shown if row[0].startswith("DEAD")]
    assert dead[1].strip() == "no networks"
    assert dead[4] == "·not listed"


def test_twins_are_flagged_and_refused(board):
    go(board, "wallet")
    pick(board, "w-which", "twin")
    assert [row[:2] for row in cells(board, "#w-grid")] == [["GEM", "bsc twin"]]
    click_row(board, "#w-grid", "GEM")
    banner = board.find_element(By.CSS_SELECTOR, "#d-body .banner").text
    assert "different coins of one name: BYBIT ≠ KUCOIN" in banner
    assert [row[-1] for row in cells(board, "#d-body .routes")] == ["refused: twin"] * 2
    assert "No route is open now." in board.find_element(By.CSS_SELECTOR, "#d-body .routes").text


@pytest.mark.parametrize(("source", "target"), [("BYBIT", "KUCOIN"), ("KUCOIN", "BYBIT"), (None, None)])
def test_cheapest_route_is_that_of_wallet_routes(board, desk, now, source, target):
    go(board, "wallet")
    names = ["BYBIT", "KUCOIN"]
    pick(board, "r-asset", "usdt")
    pick(board, "r-from", "" if source is None else str(names.index(source)))
    pick(board, "r-to", "" if target is None else str(names.index(target)))
    ends = [[snapshot(desk, "wallet", name) for name in ([end] if end else names)] for end in (source, target)]
    ways = find_routes("USDT", *ends, now, dict.fromkeys(names, 1e9)).routes
    shown = cells(board, "#r-found")
    assert [row[:5] for row in shown] == [
        [
            way["from"],
            way["to"],
            way["network"] + ("!" if way["commented"] else ""),
            way["fee"],
            way["minimum"] or "unknown",
        ]
        for way in ways
    ]
    assert [row[6] for row in shown] == [way["identity"] for way in ways]
    assert [row[5] for row in shown] == [
        "unknown" if way["confirmations"] is None else str(way["confirmations"]) for way in ways
    ]


def test_changes_of_the_last_day(board):
    go(board, "wallet")
    assert [row[1:] for row in cells(board, "#c-found")] == [
        ["KUCOIN", EVIL, "–", "asset gone"],
        ["KUCOIN", "USDT", "trx", "fee unknown → 1.25"],
        ["KUCOIN", "USDT", "trx", "withdrawal opened"],
    ]
