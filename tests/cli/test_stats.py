"""marketctl stats show on what was collected from the sandbox."""

import json

import pytest


@pytest.fixture
def collected(ctl):
    assert ctl("stats", "collect", "-p", "KUCOIN", "-p", "MEXC", "-q") == (0, "", "")
    return ctl


def test_show_is_a_row_for_one_provider_and_a_document_for_all(collected):
    code, out, err = collected("stats", "show", "kucoin")
    assert (code, err) == (0, "")
    row = out.rstrip("\n").split("\t")
    assert (row[:6], row[8]) == (["KUCOIN", "71", "68", "48", "41", "41"], "ok")
    code, out, err = collected("stats", "show", "--json")
    document = json.loads(out)
    assert (code, document["schema"], document["command"]) == (0, 1, "stats show")
    assert [one["provider"] for one in document["results"]] == ["MEXC", "KUCOIN"]
    assert err == "without statistics: BYBIT, WHITEBIT, HTX, RAPIRA, TWELVEDATA, OPENEXCHANGERATES\n"


def test_show_one_broken_snapshot_hides_no_other(collected, folder):
    path = folder / "data/stats/MEXC.json"
    path.write_text('{"schema": 1, "stats": []}')
    code, out, err = collected("stats", "show", "-q")
    assert (code, out.split("\t")[0]) == (3, "KUCOIN")
    assert err == f"{path} is no stats snapshot of MEXC\n"


@pytest.mark.parametrize(
    "stats", [{"assets": "x"}, {"networks": [1]}, {"pairs": {"total": "many"}}, {"turnover_24h": 5}, ["x"]]
)
def test_a_snapshot_of_another_shape_is_replaced_by_the_next_one(collected, folder, stats):
    path = folder / "data/stats/KUCOIN.json"
    good = json.loads(path.read_text())
    path.write_text(json.dumps(good | {"stats": stats}))
    if stats != {"pairs": {"total": "many"}}:
        code, _, err = collected("stats", "show", "KUCOIN")
        assert (code, err.partition(". Next: ")[0]) == (1, f"marketctl: {path} is no stats snapshot of KUCOIN")
    assert collected("stats", "collect", "-p", "KUCOIN", "-q")[::2] == (0, "")
    assert json.loads(path.read_text())["stats"]["pairs"] == good["stats"]["pairs"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("KUCON",), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("HTX",), 1, "there is no stats snapshot of HTX yet. Next: marketctl stats collect -p HTX."),
    ],
)
def test_show_bad_input(collected, words, code, message):
    assert collected("stats", "show", *words) == (code, "", f"marketctl: {message}\n")


def test_show_before_the_first_collect(ctl, folder):
    message = f"there is no stats snapshot in {folder}/data/stats yet. Next: marketctl stats collect."
    assert ctl("stats", "show") == (1, "", f"marketctl: {message}\n")
