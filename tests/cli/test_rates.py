"""marketctl rates: what the commands print, write and end with, on a desk of files."""

import json
import signal
import subprocess
import sys
import time

import pytest

from marketctl.cli import invoke as marketctl
from tests.desk import quote
from tests.rates.checker import check_export
from tests.rates.world import DIRECTION, SECOND, World

GOOD = quote("92.25723", "92.3", status="trading")


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "desk")
    world.directions(DIRECTION, SECOND)
    return world


@pytest.fixture
def ctl(world, capsys):
    """Run a command line; return exit code, stdout, stderr."""

    def call(*words: str):
        code = marketctl(["--config", str(world.path), "rates", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_build_in_words(world, ctl):
    code, out, err = ctl("build")
    assert (code, err) == (0, "")
    assert out == f"2\t2\t0\t\t{world.xml}, {world.xml.with_suffix('.json')}\n"
    assert ctl("build", "-q") == (0, "", "")
    assert ctl("build")[1] == "2\t2\t0\t\tunchanged\n"
    world.quotes("KUCOIN", **{"BTC/USDT": quote("60000", "60001", status="halted")})
    code, out, err = ctl("build", "--report")
    assert code == 3
    assert err == "BTC:SBERRUB is out (halted): KUCOIN BTC/USDT bid: the pair is halted\n"
    first, second = (line.split("\t") for line in out.splitlines())
    assert first[:5] == ["USDTTRC20:SBERRUB", "ok", "1", "90.87", ""]
    assert second[:5] == ["BTC:SBERRUB", "out", "", "", "halted: KUCOIN BTC/USDT bid: the pair is halted"]
    assert ctl("build", "-q") == (3, "", "")  # nothing is new
    world.quotes("RAPIRA", **{"USDT/RUB": quote("92", None)})
    assert ctl("build", "-q")[0] == 1  # none is left
    assert check_export(world.xml.read_bytes()) == []


def test_build_json(world, ctl):
    code, out, _ = ctl("build", "--json")
    document = json.loads(out)
    assert code == 0
    assert document.keys() == {"schema", "command", "run_id", "started_at", "duration_ms", "counts", "files", "results"}
    one = document["results"][0]
    assert (one["direction"], one["rate"], one["in"], one["out"]) == ("USDTTRC20:SBERRUB", "90.87337155", "1", "90.87")
    assert [leg["what"] for leg in one["legs"]] == ["RAPIRA USDT/RUB bid"]
    assert [need["value"] for need in one["needs"]] == ["open"]
    assert [file["changed"] for file in document["files"]] == [True, True]


def test_show_and_explain(world, ctl):
    code, out, err = ctl("show")
    assert (code, out, err) == (1, "", "nothing was built yet\n")
    world.wallet("MEXC", 5 * 3600)
    ctl("build", "-q")
    code, out, err = ctl("show", "--out")
    assert (code, err) == (0, "")
    why = "wallet-stale: MEXC USDT tron deposit: the wallet is 18000 s old, allowed are 10800 s"
    assert out.split("\t")[:5] == ["USDTTRC20:SBERRUB", "out", "", "", why]
    code, out, _ = ctl("explain", "usdttrc20", "sberrub")
    assert code == 1
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[0] for line in lines] == [
        "formula", "RAPIRA USDT/RUB bid", "MEXC USDT tron deposit", "USDTTRC20:SBERRUB",
    ]  # fmt: skip
    assert lines[-1] == ["USDTTRC20:SBERRUB", "out", "", "", why]
    code, out, _ = ctl("explain", "BTC/SBERRUB", "--json")
    (one,) = json.loads(out)["results"]
    assert (code, one["rate"], one["formula"]) == (0, "5452447.729685775", "KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid"
                                                                          " * 0.985")  # fmt: skip
    code, out, err = ctl("explain", "BTC:SBERUB")
    assert (code, out) == (1, "")
    assert err.endswith("has no direction BTC:SBERUB. Did you mean BTC:SBERRUB?\n")


def test_check_sees_what_is_wrong_and_takes_it_away(world, ctl):
    first = f"{world.rates}: 2 directions, good; nothing was built yet. Next: marketctl rates build\n"
    assert ctl("check") == (1, "", first)
    ctl("build", "-q")
    assert ctl("check") == (0, f"{world.rates}: 2 directions, good\n", "")
    code, out, err = ctl("check", "--max-age", "0")
    assert (code, out) == (1, "")
    assert err.startswith("the last build is 0 s old, allowed are 0 s (")
    world.xml.write_text(world.xml.read_text().replace("90.87", "99.87"))
    assert ctl("check", "-q") == (1, "", f"{world.xml} is not what the last build wrote\n")
    assert len(check_export(world.xml.read_bytes())) == 2
    code, _, err = ctl("check", "--empty", "-q")
    assert code == 1
    assert f"{world.xml}: emptied, its rates are too old to be offered\n" in err
    assert check_export(world.xml.read_bytes()) == []
    assert ctl("build", "-q") == (0, "", "")


@pytest.mark.parametrize("words", [("build",), ("check", "--empty")])
def test_a_registry_that_cannot_be_read_leaves_no_export(world, ctl, words):
    ctl("build", "-q")
    world.path.write_text(world.path.read_text() + "typo = 1\n")
    code, out, err = ctl(*words)
    assert (code, out) == (4, "")
    assert "typo" in err
    assert check_export(world.xml.read_bytes()) == []


@pytest.mark.parametrize("words", [("build",), ("check",), ("check", "--empty"), ("explain", "USDTTRC20:SBERRUB")])
def test_a_file_named_wrongly_empties_no_export(world, ctl, words):
    ctl("build", "-q")
    before = world.xml.read_bytes()
    code, out, err = ctl(*words, "--rates", "rated.toml")
    assert (code, out) == (2, "")
    told = "marketctl: Invalid value for '--rates': rated.toml: No such file or directory. Try 'marketctl rates "
    assert err == f"{told}{words[0]} -h'.\n"
    assert world.xml.read_bytes() == before
    assert len(check_export(before)) == 2


@pytest.mark.parametrize("words", [(), ("--rates", "rated.toml")])
def test_old_rates_go_also_where_rates_toml_is_gone(world, ctl, words):
    ctl("build", "-q")
    world.rates.unlink()
    code, out, err = ctl("check", "--empty", "--max-age", "0", *words)
    assert (code, out) == (2 if words else 4, "")
    assert f"{world.xml}: emptied, its rates are too old to be offered\n" in err
    assert check_export(world.xml.read_bytes()) == []


def test_figures_and_run_log(world, ctl):
    from prometheus_client.parser import text_string_to_metric_families

    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nmetrics = "rates.prom"'))
    log = world.folder / "runs.jsonl"
    world.path.write_text(world.path.read_text().replace("[settings]", '[settings]\nrun_log = "runs.jsonl"'))
    world.quotes("KUCOIN", 3600, **{"BTC/USDT": quote("60000", "60001")})
    assert ctl("build", "-q")[0] == 3
    families = {one.name: one for one in text_string_to_metric_families((world.folder / "rates.prom").read_text())}
    samples = {name: [(sample.labels, sample.value) for sample in one.samples] for name, one in families.items()}
    assert samples["marketctl_rates_directions"] == [({"state": "in"}, 1), ({"state": "out"}, 1)]
    assert samples["marketctl_rates_out"] == [({"direction": "BTC:SBERRUB", "reason": "stale"}, 1)]
    assert samples["marketctl_rates_in"] == [({"direction": "USDTTRC20:SBERRUB"}, 1), ({"direction": "BTC:SBERRUB"}, 0)]
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["command"], line["job"], line["status"], line["reason"]) == ("rates build", "rates", "ok", "stale")
    assert (line["in"], line["out"], line["out_by"], line["went"]) == (1, 1, {"stale": 1}, ["BTC:SBERRUB"])


# After prices -----------------------------------------------------------------------------------

LIVE = """
[codes]
BTC = { asset = "BTC", network = "bitcoin" }
SBERRUB = { asset = "RUB" }

[[directions]]
from = "BTC"
to = "SBERRUB"
rate = "KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid - 1.5%"
amount = 5000000
from_min = 0.001
from_max = 1
"""


def test_run_builds_after_prices(sandbox, folder, capsys, no_sleep):
    def run(*words: str) -> tuple[int, str]:
        both = ("-p", "KUCOIN", "-p", "RAPIRA")
        code = marketctl(["--config", str(folder / "providers.toml"), "run", "--once", "-q", *both, "--rates", *words])
        return code, capsys.readouterr().err

    rates, xml = folder / "rates.toml", folder / "data" / "rates" / "rates.xml"
    rates.write_text(LIVE)
    assert run("--task", "wallet") == (0, "")
    assert not xml.exists()
    assert run("--task", "prices") == (0, "")
    (item,) = check_export(xml.read_bytes())
    assert (item["from"], item["in"]) == ("BTC", "1")
    rates.write_text(LIVE.replace("USDT/RUB bid", "USDT/RUB bidd"))
    code, err = run("--task", "prices")
    assert code == 3
    assert "the rates were not built: " in err
    assert "line 9, column 47" in err
    assert check_export(xml.read_bytes()) == []


def test_a_run_that_repeats_builds_after_each_cycle(sandbox, folder):
    """In, out within the build after the quote was held, in again after two good builds; ended in order."""
    (folder / "rates.toml").write_text("[export]\ngood_builds = 2\n" + LIVE)
    registry = folder / "providers.toml"
    text = registry.read_text().replace("prices_interval_s = 10", "prices_interval_s = 0.5")
    registry.write_text(text.replace('redis_url = "embedded"', 'redis_url = "none"\nrun_log = "runs.jsonl"'))
    words = ["run", "--task", "prices", "-p", "KUCOIN", "-p", "RAPIRA", "--jobs", "2", "--rates"]
    command = [sys.executable, "-m", "marketctl", "--config", str(registry), *words]
    log, xml = folder / "runs.jsonl", folder / "data" / "rates" / "rates.xml"

    def builds() -> list[tuple[int, str | None]]:
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [(line["in"], line["reason"]) for line in lines if line["job"] == "rates"]

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        wait_for(lambda: (1, None) in builds()[-1:], run)
        assert len(check_export(xml.read_bytes())) == 1
        sandbox.fault("KUCOIN=off:BTC/USDT:3")
        held_from = len(builds())
        wait_for(lambda: (0, "held") in builds()[-1:], run)
        assert check_export(xml.read_bytes()) == []
        # One cycle may have been in hand when the price went wrong.
        assert len([one for one in builds()[held_from:] if one == (1, None)]) <= 1
        sandbox.fault()
        wait_for(lambda: (1, None) in builds()[-1:], run)
        assert [one for one in builds() if one[1] == "returning"] == [(0, "returning")]
        assert len(check_export(xml.read_bytes())) == 1
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=10)
    assert run.returncode == 143
    assert err.count("BTC:SBERRUB is out (held)") == 1


def wait_for(what, run, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
