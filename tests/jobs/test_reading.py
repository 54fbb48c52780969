"""The same answer is not read again: only where nothing else has changed, and with the same result."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from marketctl.cli import invoke as marketctl
from marketctl.errors import StorageFailed
from marketctl.files.journal import append_journal, read_journal
from marketctl.files.memory import sealed, unsealed
from marketctl.files.snapshots import read_records
from marketctl.providers.cex import kucoin
from marketctl.providers.loader import load_adapter, load_registry
from marketctl.sandbox.setup import write_setup
from marketctl.times import from_iso, to_iso
from marketctl.views.at import wallet_at
from marketctl.views.changes import changes

COINS = [
    {
        "currency": name,
        "name": name,
        "fullName": f"Coin {name}",
        "precision": 8,
        "chains": [
            {
                "chainName": "ERC20",
                "chainId": "eth",
                "withdrawalMinSize": "0.5",
                "withdrawalMinFee": "0.1",
                "withdrawFeeRate": "0",
                "isWithdrawEnabled": True,
                "isDepositEnabled": True,
                "confirms": 12,
                "preConfirms": 12,
                "contractAddress": "",
            }
        ],
    }
    for name in ("ETH", "AAA", "BBB")
] + [{"currency": "AAA", "name": "AAA", "precision": 8, "chains": []}]  # the same once more: skipped


REGISTRY = """
[settings]
redis_url = "none"

[providers.KUCOIN]
path = "marketctl.providers.cex.kucoin:KucoinAdapter"
base_url = "{url}"
"""


@pytest.fixture
def told():
    """The coins a server tells, for a test to change."""
    return json.loads(json.dumps(COINS))


@pytest.fixture
def folder(tmp_path, told):
    """A folder with a registry of KUCOIN alone, whose server tells these coins."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            content = json.dumps({"code": "200000", "data": told}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        (tmp_path / "providers.toml").write_text(REGISTRY.format(url=f"http://127.0.0.1:{server.server_address[1]}"))
        yield tmp_path
        server.shutdown()


@pytest.fixture
def read(monkeypatch):
    """How often an answer was read."""
    read = []
    parse = kucoin.parse_assets

    def noted(body):
        read.append(1)
        return parse(body)

    monkeypatch.setattr(kucoin, "parse_assets", noted)
    return read


@pytest.fixture
def sync(folder, capsys):
    """Sync the wallet and return the result."""

    def call(*words: str) -> dict:
        code = marketctl(
            ["--config", str(folder / "providers.toml"), "wallet", "sync", "-p", "KUCOIN", "--json", *words]
        )
        (result,) = json.loads(capsys.readouterr().out)["results"]
        assert code == 0, result
        return result

    return call


COUNTS = ("assets", "networks", "created", "updated", "unchanged", "removed", "skipped", "skipped_by", "requests")


def test_same_answer_is_asked_for_and_not_read_and_tells_the_same(sync, folder, read):
    first = sync()
    head, lines = read_records(folder / "data/wallet/KUCOIN.json", "assets")
    again = sync()
    later, same = read_records(folder / "data/wallet/KUCOIN.json", "assets")
    assert len(read) == 1
    assert [again[name] for name in COUNTS] == [3, 3, 0, 0, 3, 0, 1, {"duplicate": 1}, 1]
    assert [first[name] for name in COUNTS] == [3, 3, 3, 0, 0, 0, 1, {"duplicate": 1}, 1]
    assert same == lines
    assert list(same) == list(lines)
    assert later["collected_at"] == again["collected_at"] > head["collected_at"]
    assert later["known_since"] == head["known_since"]
    assert not (folder / "data/wallet/KUCOIN.changes.jsonl").exists()


def test_another_answer_is_read(sync, folder, told, read):
    sync()
    told[0]["chains"][0]["isWithdrawEnabled"] = False
    assert sync()["updated"] == 1
    told[0]["chains"][0]["isWithdrawEnabled"] = True
    assert sync()["updated"] == 1
    assert sync()["unchanged"] == 3
    assert len(read) == 3
    journal = read_journal(folder / "data/wallet/KUCOIN.changes.jsonl")[0]
    flips = [(one["field"], one["network"], one["after"]) for one in journal]
    assert flips == [
        ("withdraw", None, False),
        ("withdraw", "eth", False),
        ("withdraw", None, True),
        ("withdraw", "eth", True),
    ]


def test_snapshot_that_was_edited_is_read_over(sync, folder, read):
    sync()
    path = folder / "data/wallet/KUCOIN.json"
    path.write_text(path.read_text().replace("Coin BBB", "Coin CCC"))
    assert sync()["updated"] == 1
    assert len(read) == 2


@pytest.mark.parametrize("how", ["gone", "broken", "of another layout"])
def test_snapshot_that_cannot_be_taken_is_written_anew(sync, folder, read, how):
    sync()
    path = folder / "data/wallet/KUCOIN.json"
    if how == "gone":
        path.unlink()
    else:
        path.write_text("{" if how == "broken" else json.dumps(json.loads(path.read_text())))
    if how == "broken":
        path.unlink()  # one that is no JSON is refused, the file moved away by hand
    sync()
    assert len(read) == 2
    assert list(read_records(path, "assets")[1]) == ["AAA", "BBB", "ETH"]


def test_journal_that_is_ahead_of_the_snapshot_is_heard(sync, folder, read):
    sync()
    line = {"at": "2100-01-01T00:00:00.000Z", "run_id": "dead", "provider": "KUCOIN", "asset": "ETH", "network": "eth",
            "field": "withdraw", "before": True, "after": False}  # fmt: skip
    append_journal(folder / "data/wallet/KUCOIN.changes.jsonl", [line])
    assert sync()["updated"] == 1
    assert len(read) == 2


@pytest.mark.parametrize("left", [None, 0, 1], ids=["deleted", "emptied", "its first line kept"])
def test_what_a_journal_lost_is_not_made_up(sync, folder, told, left):
    def head():
        return read_records(folder / "data/wallet/KUCOIN.json", "assets")[0]

    def flags(at):
        found = wallet_at(registry, "KUCOIN", from_iso(at))
        return [network["withdraw"] for network in found["assets"]["ETH"]["networks"].values()]

    registry = load_registry(folder / "providers.toml", environ={})
    journal = folder / "data/wallet/KUCOIN.changes.jsonl"
    first, times = sync()["collected_at"], []
    for is_open in (False, True):
        told[0]["chains"][0]["isWithdrawEnabled"] = is_open
        times.append(sync()["collected_at"])
    assert head()["journal_bytes"] == journal.stat().st_size > 0
    assert [flags(at)[0] for at in (first, *times)] == [True, False, True]
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[: left or 0]))
    if left is None:
        journal.unlink()
    for at in (first, times[0]):
        with pytest.raises(StorageFailed, match=f"the wallet of KUCOIN is not known before {times[1]}$"):
            flags(at)
    # From the last snapshot on it is known as ever.
    told[0]["chains"][0]["isWithdrawEnabled"] = False
    times.append(sync()["collected_at"])
    assert head()["known_since"] == times[1]
    assert [flags(at)[0] for at in times[1:]] == [True, False]
    with pytest.raises(StorageFailed, match=f"not known before {times[1]}$"):
        flags(times[0])
    # That lines are missing is told as long as they lie in what is asked, however long the journal has grown again.
    told[0]["chains"][0]["isWithdrawEnabled"] = True
    sync()
    missing = f"{journal} was cut before {times[1]}: what its lost lines told is missing"
    for since, problems in ((times[0], [missing]), (times[1], [])):
        lines, found, known = changes(registry, from_iso(since))
        assert ([one.message for one in found], known) == (problems, {"KUCOIN": times[1]})
        assert [line["after"] for line in lines if line["at"] > times[1]] == [False, False, True, True]


def test_changes_say_since_when_they_are_known(sync, folder, capsys):
    first = sync()["collected_at"]
    known = f"changes are known since: KUCOIN {first}\n"
    for since, told in ((to_iso(from_iso(first) - 1), known), (first, "")):
        words = ["--config", str(folder / "providers.toml"), "wallet", "changes", "--since", since]
        capsys.readouterr()
        assert marketctl(words) == 0
        assert capsys.readouterr().err == f"{told}nothing changed since {since}\n"
        assert marketctl([*words, "--json"]) == 0
        out = capsys.readouterr()
        assert (json.loads(out.out)["known_since"], out.err) == ({"KUCOIN": first}, "")


@pytest.mark.parametrize("words", [("--force",), ("--dump-raw",)], ids=" ".join)
def test_what_a_person_asked_for_is_read(sync, read, words):
    sync()
    sync(*words)
    assert len(read) == 2


def test_other_code_reads_anew(sync, read, monkeypatch):
    sync()
    monkeypatch.setattr("marketctl.jobs.reading.__version__", "9.9.9")
    sync()
    assert len(read) == 2
    stat = Path(kucoin.__file__).stat()
    try:
        os.utime(kucoin.__file__, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
        sync()
    finally:
        os.utime(kucoin.__file__, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert len(read) == 3


def test_other_options_read_anew(sync, folder, read):
    sync()
    path = folder / "providers.toml"
    path.write_text(path.read_text() + "key_version = 2\n")
    sync()
    assert len(read) == 2


def test_after_a_day_it_is_read_in_any_case(sync, folder, read):
    sync()
    path = folder / "data/cache/KUCOIN.wallet-answer.json"
    kept = unsealed(path.read_bytes())
    path.write_bytes(sealed(kept | {"at_ms": kept["at_ms"] - 86_400_001}))
    sync()
    assert len(read) == 2
    path.write_bytes(sealed(kept | {"at_ms": kept["at_ms"] - 80_000_000}))
    sync()
    assert len(read) == 2


@pytest.mark.parametrize("rubbish", ["", "{}", "[]", '{"value": 1}', '{"networks": "x", "skipped_by": []}'])
def test_rubbish_in_the_cache_is_not_known(sync, folder, read, rubbish):
    sync()
    path = folder / "data/cache/KUCOIN.wallet-answer.json"
    kept = unsealed(path.read_bytes())
    value = kept["value"] | json.loads(rubbish) if "networks" in rubbish else {}
    path.write_bytes(sealed(kept | {"value": value}) if "networks" in rubbish else rubbish.encode())
    sync()
    assert len(read) == 2


def test_one_answer_is_all_that_these_adapters_read(sandbox, tmp_path):
    """What `one_answer_assets` promises, held against the APIs: one question."""
    registry = load_registry(write_setup(sandbox, tmp_path / "desk"))
    promised = {name for name, entry in registry.providers.items() if load_adapter(entry).one_answer_assets}
    assert promised == {"KUCOIN", "MEXC", "RAPIRA"}
    for name in promised:
        sandbox.apis[name].calls.clear()
        code = marketctl(["--config", str(registry.path), "wallet", "sync", "-p", name, "-q"])
        assert (name, code, len(sandbox.apis[name].calls)) == (name, 0, 1)
