"""The page of the board: safe against hostile names, small, quick, written whole or not at all."""

import json
import re
import sys
import time
from base64 import b64encode
from hashlib import sha256

import pytest

from marketctl.board import embed
from marketctl.cli import invoke as marketctl
from marketctl.files.snapshots import write_snapshot
from marketctl.files.state import record_state
from marketctl.models import Network
from marketctl.redis.quotes import write_mirror
from tests.board.pages import NOW, Page, made, rows_of, told
from tests.desk import asset, head, make_desk, quote

# Safe --------------------------------------------------------------------------------------


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


# Small and quick ---------------------------------------------------------------------------


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


# Written whole or not at all ---------------------------------------------------------------


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
