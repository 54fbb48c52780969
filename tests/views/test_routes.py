"""Ways of a coin between providers: open at both ends, the same coin, cheapest first, unknown is not open."""

import pytest

from marketctl.times import from_iso
from marketctl.views.routes import Routes, explain, find_routes, larger
from marketctl.views.twins import identify, same_contract

NOW = from_iso("2026-01-02T12:00:00Z")
HOUR = 3_600_000
MAX_AGE = {"A": 2 * HOUR, "B": 2 * HOUR, "C": 2 * HOUR}
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def network(slug, **given):
    empty = dict.fromkeys(
        ("withdraw_fee", "withdraw_fee_percent", "withdraw_min", "withdraw_max", "deposit_min", "confirmations")
    )
    empty |= dict.fromkeys(("contract", "memo_required", "note"))
    return empty | {"network": slug, "deposit": True, "withdraw": True} | given


def wallet(provider, *networks, ticker="USDT", code=None, at="2026-01-02T11:59:00.000Z"):
    asset = {"ticker": ticker, "networks": {f"n{index}": one for index, one in enumerate(networks)}}
    return {"provider": provider, "collected_at": at, "assets": {code or ticker: asset}}


def find(sources, targets, ticker="USDT"):
    return find_routes(ticker, sources, targets, NOW, MAX_AGE)


def test_route_has_every_field():
    source = wallet(
        "A",
        network("ethereum", withdraw_fee="3.5", withdraw_fee_percent="0", withdraw_min="7", contract=USDT, note="slow"),
        code="USDTX",
    )
    target = wallet(
        "B",
        network("ethereum", deposit_min="10", confirmations=12, contract=USDT.lower()[2:], memo_required=False),
        at="2026-01-02T09:00:00.000Z",
    )
    assert find([source], [target]) == Routes(
        routes=[
            {
                "from": "A",
                "to": "B",
                "network": "ethereum",
                "from_asset": "USDTX",
                "from_network": "n0",
                "to_asset": "USDT",
                "to_network": "n0",
                "verdict": "open",
                "identity": "proven",
                "why": "same contract",
                "fee": "3.5",
                "fee_percent": "0",
                "minimum": "10",
                "minimum_set_by": "deposit",
                "withdraw_min": "7",
                "withdraw_max": None,
                "deposit_min": "10",
                "confirmations": 12,
                "memo_required": None,
                "from_contract": USDT,
                "to_contract": USDT.lower()[2:],
                "from_note": "slow",
                "to_note": None,
                "commented": True,
                "stale": True,
                "from_collected_at": "2026-01-02T11:59:00.000Z",
                "from_age_ms": 60_000,
                "from_stale": False,
                "to_collected_at": "2026-01-02T09:00:00.000Z",
                "to_age_ms": 3 * HOUR,
                "to_stale": True,
            }
        ],
        sources=["A"],
        targets=["B"],
    )


def test_routes_are_ordered_by_fixed_fee_then_percent_unknown_last():
    fees = {
        "ethereum": ("10", None),
        "tron": ("9.9", "0"),
        "bsc": ("0", "1"),
        "ton": ("0.0", "0.5"),
        "solana": (None, None),
        "base": ("0.001", None),
    }
    source = wallet(
        "A",
        *(network(slug, withdraw_fee=fee, withdraw_fee_percent=percent) for slug, (fee, percent) in fees.items()),
    )
    target = wallet("B", *(network(slug) for slug in fees))
    found = find([source], [target]).routes
    assert [one["network"] for one in found] == ["ton", "bsc", "base", "tron", "ethereum", "solana"]


@pytest.mark.parametrize(
    ("withdraw", "deposit", "reason"),
    [
        (False, True, "withdraw-closed"),
        (True, False, "deposit-closed"),
        (None, False, "deposit-closed"),
        (None, True, "withdraw-unknown"),
        (True, None, "deposit-unknown"),
    ],
)
def test_network_that_is_not_known_to_be_open_at_both_ends_is_left_out(withdraw, deposit, reason):
    found = find([wallet("A", network("tron", withdraw=withdraw))], [wallet("B", network("tron", deposit=deposit))])
    assert found.routes == []
    assert found.left_out == [{"from": "A", "to": "B", "network": "tron", "reason": reason}]


def test_networks_without_a_common_name_never_match():
    found = find([wallet("A", network(None))], [wallet("B", network(None))])
    assert (found.routes, found.left_out) == ([], [])
    assert found.unmapped == [
        {"provider": "A", "asset": "USDT", "network": "n0"},
        {"provider": "B", "asset": "USDT", "network": "n0"},
    ]
    assert explain(found) == [
        "no network in common",
        "networks without a common name, which are never matched: A n0, B n0",
    ]


def test_both_ends_open_to_all_gives_each_direction_and_none_to_itself():
    wallets = [wallet("A", network("tron")), wallet("B", network("tron")), wallet("C", network("ton"))]
    assert [(one["from"], one["to"]) for one in find(wallets, wallets).routes] == [("A", "B"), ("B", "A")]


def test_twin_is_refused_and_listed_last_however_cheap():
    source = wallet(
        "A",
        network("ethereum", withdraw_fee="5", contract=USDT),
        network("tron", withdraw_fee="1", contract="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    )
    target = wallet("B", network("ethereum", contract=USDT), network("tron", contract="TXYZ"))
    found = [(one["network"], one["verdict"], one["identity"]) for one in find([source], [target]).routes]
    assert found == [("ethereum", "open", "proven"), ("tron", "twin", "twin")]


@pytest.mark.parametrize(
    ("ticker", "slug", "one", "other", "expected"),
    [
        ("USDT", "ethereum", USDT, USDT.upper().replace("0X", "0x"), ("proven", "same contract")),
        ("ETH", "arbitrum-one", None, None, ("proven", "the network's own coin")),
        ("USDT", "ethereum", None, None, ("unproven", "neither tells a contract")),
        ("USDT", "ethereum", USDT, None, ("unproven", "only the sender tells a contract")),
        ("ETH", "ethereum", None, USDT, ("unproven", "only the receiver tells a contract")),
        ("X", "tron", "TAb", "TaB", ("twin", "another coin of this name: contract TAb is not TaB")),
    ],
)
def test_identify(ticker, slug, one, other, expected):
    assert identify(ticker, slug, one, other) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (USDT, USDT[2:], True),
        (USDT, USDT[:-1] + "8", False),
        ("0x2::sui::SUI", "0x" + "0" * 63 + "2::sui::SUI", True),
        ("0x2::sui::SUI", "0x2::sui::sui", False),
        ("EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id/sDs", True),
        (
            "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",
            "0:B113A994B5024A16719F69139328EB759596C38A25F59028B146FECDC3621DFE",
            True,
        ),
        ("usdt.tether-token.near", "usdt.tether-token.near", True),
        ("312769", "312770", False),
        ("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "epjfwdd5aufqssqem2qn1xzybapc8g4weggkzwytdt1v", False),
    ],
)
def test_same_contract(one, other, same):
    assert same_contract(one, other) is same


@pytest.mark.parametrize(
    ("withdraw_min", "deposit_min", "expected"),
    [
        ("10", "9", ("10", "withdraw")),
        ("9", "10", ("10", "deposit")),
        ("1", "1.0", ("1", "withdraw")),
        (None, "0", ("0", "deposit")),
        ("2", None, ("2", "withdraw")),
        (None, None, (None, None)),
    ],
)
def test_larger_minimum(withdraw_min, deposit_min, expected):
    assert larger(withdraw_min, deposit_min) == expected


def test_explain_groups_by_reason():
    source = wallet("A", network("tron", withdraw=False), network("ton", withdraw=None), network("bsc"))
    target = wallet("B", network("tron"), network("ton"), network("bsc", deposit=False))
    assert explain(find([source], [target, wallet("C", network("tron"))])) == [
        "withdrawals closed: A tron",
        "deposits closed: B bsc",
        "withdrawals not known to be open: A ton",
    ]


def test_memo_at_either_end_counts():
    source, target = wallet("A", network("ton", memo_required=True)), wallet("B", network("ton", memo_required=False))
    assert find([source], [target]).routes[0]["memo_required"] is True
    assert find([target], [target | {"provider": "C"}]).routes[0]["memo_required"] is False


def test_collected_at_that_is_no_time_is_stale():
    (route,) = find([wallet("A", network("ton"), at="yesterday")], [wallet("B", network("ton"))]).routes
    assert (route["from_age_ms"], route["from_stale"], route["to_stale"], route["stale"]) == (None, True, False, True)
