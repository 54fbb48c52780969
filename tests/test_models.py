"""The shapes all providers are read into."""

import pytest

from marketctl.models import Asset, Network, Quota, any_open


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], None),
        ([None], None),
        ([True], True),
        ([False], False),
        ([False, None], None),
        ([True, None], True),
        ([True, False], True),
        ([False, False], False),
    ],
)
def test_any_open_true_if_any_false_if_all_closed_else_unknown(flags, expected):
    assert any_open(flags) is expected


def test_network_shape_has_every_key_in_order():
    assert list(Network(deposit=True, withdraw_fee="0.5").to_dict().items()) == [
        ("confirmations", None),
        ("contract", None),
        ("deposit", True),
        ("deposit_min", None),
        ("memo_required", None),
        ("name", None),
        ("network", None),
        ("note", None),
        ("precision", None),
        ("withdraw", None),
        ("withdraw_fee", "0.5"),
        ("withdraw_fee_percent", None),
        ("withdraw_max", None),
        ("withdraw_min", None),
    ]


def test_asset_shape_sorts_its_networks():
    asset = Asset("GALAX", "GALA", networks={"TRX": Network(deposit=False), "ETH": Network(deposit=True)})
    shape = asset.to_dict()
    assert list(shape["networks"]) == ["ETH", "TRX"]
    del shape["networks"]
    assert shape == {
        "deposit": True,
        "fiat": False,
        "name": None,
        "precision": None,
        "ticker": "GALA",
        "withdraw": None,
    }


def test_asset_without_networks_keeps_the_flags_it_was_told():
    asset = Asset("EUR", "EUR", fiat=True, deposit=True, withdraw=False)
    assert (asset.deposit, asset.withdraw) == (True, False)


def test_asset_with_networks_has_flags_by_them_alone():
    asset = Asset("X", "X", deposit=True, withdraw=True, networks={"A": Network(deposit=False)})
    assert (asset.deposit, asset.withdraw) == (False, None)


def test_quota_shape_has_every_key():
    assert Quota("free", used=3).to_dict() == {
        "limit": None,
        "plan": "free",
        "remaining": None,
        "resets_at": None,
        "used": 3,
    }
