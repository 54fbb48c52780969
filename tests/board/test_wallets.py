"""The board's wallets: flags, fees, routes, twins and changes, as the commands tell them."""

import json

from marketctl.files.journal import append_journal
from marketctl.times import to_iso
from marketctl.views.routes import find_routes
from marketctl.views.snapshots import snapshot
from tests.board.pages import NOW, entries_of, made, told
from tests.desk import EVIL


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


def test_a_broken_file_is_told_and_hides_no_other(desk):
    (desk.settings.data_dir / "wallet" / "BYBIT.json").write_text("{")
    (desk.settings.data_dir / "stats" / "KUCOIN.json").write_text("[]")
    found = told(made(desk))
    assert [reason for reason, _ in found["problems"]] == ["storage", "storage"]
    wallet, stats = (words for _, words in found["problems"])
    assert "wallet/BYBIT.json is not JSON" in wallet
    assert "stats/KUCOIN.json has schema" in stats
    assert ("KUCOIN", "USDT", "trx") in entries_of(found)
    assert found["stats"]["providers"][0]["at"] is not None


def test_an_asset_of_another_type_is_told_and_hides_no_other(desk):
    path = desk.settings.data_dir / "wallet" / "BYBIT.json"
    document = json.loads(path.read_text())
    document["assets"]["USDT"]["networks"]["TRX"]["confirmations"] = {"a": 1}
    path.write_text(json.dumps(document))
    found = told(made(desk))
    assert found["problems"] == [["storage", "BYBIT: its wallet cannot be read for USDT"]]
    assert sorted({key[:2] for key in entries_of(found) if key[1] in ("USDT", "GEM")}) == [
        ("BYBIT", "GEM"), ("KUCOIN", "GEM"), ("KUCOIN", "USDT"),
    ]  # fmt: skip
