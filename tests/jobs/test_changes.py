"""What changed between two wallets: counts for the run, lines for the journal."""

from typing import Any

import pytest

from marketctl.files.snapshots import encode_json
from marketctl.jobs.changes import Changes, compare, compare_lines, told_ahead
from marketctl.models import Asset, Network


def wallet(**networks: Network) -> dict[str, Any]:
    return {"USDT": Asset("USDT", "USDT", "Tether", networks=networks).to_dict()}


def line(network: str | None, field: str, before: Any, after: Any, asset: str = "USDT") -> dict[str, Any]:
    return {"asset": asset, "network": network, "field": field, "before": before, "after": after}


TRX = {"deposit": True, "withdraw": True, "withdraw_fee": "1", "contract": "TR7"}


def test_first_sync_counts_and_writes_no_journal():
    assert compare(None, wallet(TRX=Network(**TRX))) == Changes(created=1)


def test_the_same_again_changes_nothing():
    one = wallet(TRX=Network(**TRX))
    assert compare(one, wallet(TRX=Network(**TRX))) == Changes(unchanged=1)


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("memo_required", None, True),
        ("withdraw_fee", "1", "1.0"),
        ("withdraw_fee", "1", None),
        ("withdraw_fee_percent", None, "2.2"),
        ("deposit_min", "0", "1"),
        ("withdraw_min", None, "5"),
        ("contract", "TR7", "TR8"),
        ("name", "a", "b"),
        ("network", None, "tron"),
        ("precision", 6, 8),
        ("confirmations", 1, 2),
        ("withdraw_max", None, "10"),
        ("note", None, "suspended"),
    ],
)
def test_each_field_is_one_line(field, before, after):
    old, new = wallet(TRX=Network(**TRX | {field: before})), wallet(TRX=Network(**TRX | {field: after}))
    assert compare(old, new) == Changes(updated=1, lines=[line("TRX", field, before, after)])


def test_a_network_that_closes_is_told_with_the_asset_flag_that_follows():
    old, new = wallet(TRX=Network(deposit=True, withdraw=True)), wallet(TRX=Network(deposit=True, withdraw=False))
    assert compare(old, new) == Changes(
        updated=1, lines=[line(None, "withdraw", True, False), line("TRX", "withdraw", True, False)]
    )


def test_unknown_is_a_state_of_its_own():
    old, new = wallet(TRX=Network(withdraw=False)), wallet(TRX=Network(withdraw=None))
    assert compare(old, new).lines == [line(None, "withdraw", False, None), line("TRX", "withdraw", False, None)]


def test_new_and_gone_networks_are_one_line_each():
    record = Network(**TRX).to_dict()
    old, new = wallet(TRX=Network(**TRX), OMNI=Network(**TRX)), wallet(TRX=Network(**TRX), ETH=Network(**TRX))
    assert compare(old, new) == Changes(
        updated=1, lines=[line("ETH", "network", None, record), line("OMNI", "network", record, None)]
    )


def test_new_and_gone_assets_are_one_line_each_whatever_networks_they_have():
    old = wallet(TRX=Network(**TRX)) | {"OLD": Asset("OLD", "OLD", networks={"X": Network()}).to_dict()}
    new = wallet(TRX=Network(**TRX)) | {"NEW": Asset("NEW", "NEW", networks={"X": Network()}).to_dict()}
    assert compare(old, new) == Changes(
        created=1,
        unchanged=1,
        removed=1,
        lines=[line(None, "asset", None, new["NEW"], "NEW"), line(None, "asset", old["OLD"], None, "OLD")],
    )


def test_a_renamed_coin_is_told():
    old, new = {"GALAX": Asset("GALAX", "GALAX").to_dict()}, {"GALAX": Asset("GALAX", "GALA").to_dict()}
    assert compare(old, new).lines == [line(None, "ticker", "GALAX", "GALA", "GALAX")]


def test_everything_gone_is_told():
    assert compare(wallet(), {}) == Changes(removed=1, lines=[line(None, "asset", wallet()["USDT"], None)])


def test_an_empty_wallet_before_is_not_a_first_sync():
    assert compare({}, wallet()) == Changes(created=1, lines=[line(None, "asset", None, wallet()["USDT"])])


def test_journal_of_a_run_that_died_leads_to_where_it_was():
    """What it told is not told again, and what was taken back since is told."""
    old = wallet(TRX=Network(**TRX), OMNI=Network()) | {"OLD": Asset("OLD", "OLD").to_dict()}
    died = wallet(TRX=Network(**TRX | {"withdraw": False, "network": "tron"}), ETH=Network(**TRX))
    died["NEW"] = Asset("NEW", "NEW").to_dict()
    lines = {code: encode_json(asset) for code, asset in old.items()}
    reached = told_ahead(lines, compare(old, died).lines)
    assert reached == {code: encode_json(asset) for code, asset in died.items()}
    back = compare_lines(reached, lines, old).lines
    assert line("TRX", "withdraw", False, True) in back


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ({"USDT": 5}, 1),  # no record: what is there now is new
        (["USDT"], 1),
        ({"USDT": {"networks": ["TRX"]}}, None),
        ({"USDT": {"networks": {"TRX": "open"}}}, None),
    ],
)
def test_what_somebody_else_wrote_is_compared_as_far_as_it_is_a_record(before, lines):
    changes = compare(before, wallet(TRX=Network(**TRX)))
    assert [one["asset"] for one in changes.lines] == ["USDT"] * len(changes.lines)
    new = [one for one in changes.lines if one["field"] in ("asset", "network")]
    assert [(one["before"], one["after"]["withdraw_fee" if lines is None else "ticker"]) for one in new] == [
        (None, "1" if lines is None else "USDT")
    ]


def test_a_figure_that_somebody_else_wrote_as_a_number_is_told_by_its_digits():
    after = wallet(TRX=Network(**TRX))
    before = {
        "USDT": encode_json(after["USDT"]).replace('"withdraw_fee": "1"', '"withdraw_fee": 0.10000000000000000001')
    }
    changes = compare_lines(before, {"USDT": encode_json(after["USDT"])}, after)
    assert encode_json(changes.lines[0]) == encode_json(line("TRX", "withdraw_fee", "0.10000000000000000001", "1"))
    with pytest.raises(ValueError, match="NaN is no JSON"):
        compare_lines({"USDT": '{"precision": NaN}'}, {"USDT": "{}"}, {"USDT": {}})


@pytest.mark.parametrize("networks", ["[]", '"x"', '{"TRX": 1}'])
def test_journal_of_a_run_that_died_over_a_record_of_another_shape(networks):
    before = {"USDT": f'{{"networks": {networks}}}'}
    assert told_ahead(before, [line("TRX", "deposit", True, False)]) == before
