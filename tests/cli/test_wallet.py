"""marketctl wallet: show, changes, routes, unmapped. Long: its commands over one desk that is collected once.

What was collected from the sandbox.
"""

import json
import shutil

import pytest

from marketctl.cli import invoke
from marketctl.sandbox.world import World
from marketctl.times import now_ms, to_iso

TWIN = World().coins[16]


@pytest.fixture(scope="module")
def wallets(setup_folder, sandbox_server, tmp_path_factory):
    """Two syncs of three exchanges: USDT's tron withdrawals close with the second one, ETH's fees move."""
    folder = shutil.copytree(setup_folder, tmp_path_factory.mktemp("wallets") / "desk")
    sandbox_server.forget()
    for _ in range(2):
        words = ["wallet", "sync", "-p", "BYBIT", "-p", "MEXC", "-p", "KUCOIN", "-q"]
        assert invoke(["--config", str(folder / "providers.toml"), *words]) == 0
    return folder / "data"


@pytest.fixture
def synced(ctl, folder, wallets):
    """What was synced, in a folder of one's own."""
    shutil.copytree(wallets, folder / "data")
    return ctl


def rows(text):
    return [line.split("\t") for line in text.splitlines()]


# show -------------------------------------------------------------------------------------


def test_show_marks_a_network_with_a_note(synced):
    code, out, err = synced("wallet", "show", "mexc", "half")
    assert (code, err) == (0, "")
    assert rows(out) == [
        ["HALF", "ETH", "ethereum", "yes", "yes", "1", "", "2", "70", "", "! Deposits paused for a wallet upgrade"],
        ["HALF", "SOL", "solana", "no", "no", "1", "", "2", "25", "", ""],
    ]


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_show_tells_of_a_wallet_that_is_too_old(synced, folder, words):
    path = folder / "data/wallet/MEXC.json"
    snapshot = json.loads(path.read_text()) | {"collected_at": "2026-01-02T03:04:05.678Z"}
    path.write_text(json.dumps(snapshot))
    code, out, err = synced("wallet", "show", "mexc", "half", *words)
    told = "MEXC: of 2026-01-02T03:04:05.678Z, too old to say what is open now. Next: marketctl wallet sync -p MEXC\n"
    assert (code, err, "ethereum" in out) == (0, told, True)


def test_show_json_has_the_snapshot_with_the_chosen_assets(synced):
    code, out, _ = synced("wallet", "show", "KUCOIN", "GALA", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["schema"], document["command"]) == (1, "wallet show")
    (found,) = document["results"]
    assert (found["provider"], found["job"]) == ("KUCOIN", "wallet")
    assert {code: asset["ticker"] for code, asset in found["assets"].items()} == {"GALAX": "GALA", "GALA": "GALAOLD"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("KUCOIN", "USTD"), 1, "KUCOIN lists no USTD. Did you mean USDT?"),
        (("KUCOIN", "\x1b[31mX"), 1, "KUCOIN lists no [31MX."),
        (("KUCON",), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("HTX",), 1, "there is no wallet snapshot of HTX yet. Next: marketctl wallet sync -p HTX."),
        ((), 2, "Missing argument 'PROVIDER'. Try 'marketctl wallet show -h'."),
    ],
)
def test_show_bad_input(synced, words, code, message):
    assert synced("wallet", "show", *words) == (code, "", f"marketctl: {message}\n")


@pytest.mark.parametrize(
    "text",
    [
        '{"schema": 1}',
        '{"schema": 1, "provider": "HTX", "job": "wallet", "collected_at": "x", "assets": {}}',
        '{"schema": 1, "provider": "KUCOIN", "job": "wallet", "collected_at": "x", "assets": {"BTC": 1}}',
    ],
)
def test_show_of_a_file_that_is_not_ours(synced, folder, text):
    path = folder / "data/wallet/KUCOIN.json"
    path.write_text(text)
    message = f"{path} is no wallet snapshot of KUCOIN. Next: move the file away; the next run writes a new one."
    assert synced("wallet", "show", "KUCOIN") == (1, "", f"marketctl: {message}\n")


# changes ----------------------------------------------------------------------------------


def known_since(folder):
    """Return what is said where more is asked for than is known: since the first of two syncs."""
    told = json.loads((folder / "data/wallet/KUCOIN.json").read_text())["known_since"]
    return f"changes are known since: KUCOIN {told}\n"


def test_changes_in_words(synced, folder):
    code, out, err = synced("wallet", "changes", "-p", "KUCOIN", "USDT", "eth")
    assert (code, err) == (0, known_since(folder))
    assert [row[1:] for row in rows(out)] == [
        ["KUCOIN", "ETH", "arbitrum", "fee 0.00008861 → 0.00008862"],
        ["KUCOIN", "ETH", "base", "fee 0.0001621 → 0.0001622"],
        ["KUCOIN", "ETH", "eth", "fee 0.001611 → 0.001612"],
        ["KUCOIN", "ETH", "optimism", "fee 0.00008421 → 0.00008422"],
        ["KUCOIN", "USDT", "trx", "withdraw closed"],
    ]


def test_changes_json_is_one_document_of_events(synced, folder):
    code, out, err = synced("wallet", "changes", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["schema"], document["command"]) == (1, "wallet changes")
    assert json.loads(synced("wallet", "changes", "--json", "--limit", "2")[1])["results"] == document["results"][:2]
    events = document["results"]
    assert len(events) == 15
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    journal = [json.loads(line) for line in (folder / "data/wallet/MEXC.changes.jsonl").read_text().splitlines()]
    told = [event for event in events if event["provider"] == "MEXC"]
    assert [{key: value for key, value in event.items() if key != "what"} for event in told] == journal
    assert told[-1]["what"] == "withdraw closed"


def test_changes_broken_lines_are_told_and_the_rest_is_read(synced, folder):
    path = folder / "data/wallet/KUCOIN.changes.jsonl"
    good = path.read_text()
    broken = ["{", "[1]", '{"at": "2999-01-01T00:00:00Z"}', "\xff", '{"at": "soon"}']
    path.write_bytes("\n".join([*broken, good]).encode("latin-1"))
    code, out, err = synced("wallet", "changes", "-p", "kucoin", "-q")
    assert (code, len(rows(out))) == (3, 5)
    assert err == f"{path}: 5 lines cannot be read, the rest is shown\n"


def test_changes_of_a_journal_whose_snapshot_cannot_be_read_are_shown_with_that_reserve(synced, folder):
    path = folder / "data/wallet/KUCOIN.json"
    path.write_text(path.read_text()[:300])
    code, out, err = synced("wallet", "changes", "-p", "kucoin", "-q")
    assert (code, len(rows(out))) == (3, 5)
    assert err.startswith(f"{path} is not JSON: ")
    assert err.endswith("; whether its journal lost lines is not known\n")


def test_changes_since(synced, folder):
    path = folder / "data/wallet/KUCOIN.changes.jsonl"
    line = json.loads(path.read_text().splitlines()[0])
    old = line | {"at": "2026-01-02T03:04:05.678Z", "asset": "OLD", "network": None, "field": "asset", "after": None}
    text = json.dumps(old | {"before": "OLD"})
    path.write_text(text + "\n")
    code, out, err = synced("wallet", "changes", "-p", "KUCOIN")
    assert (code, out) == (3, "")
    lost = f"{path} is shorter than it was: what its lost lines told is missing\nchanges are known since: KUCOIN 2"
    assert err.startswith(lost)
    path.write_text(text.ljust(10_000) + "\n")
    code, out, err = synced("wallet", "changes", "-p", "KUCOIN")
    assert (code, out) == (0, "")
    assert err.startswith(f"{known_since(folder)}nothing changed since 2")
    expected = "2026-01-02T03:04:05.678Z\tKUCOIN\tOLD\t\tasset gone\n"
    assert synced("wallet", "changes", "-p", "KUCOIN", "--since", "2026-01-02T03:04:05.678Z", "-q") == (0, expected, "")
    assert synced("wallet", "changes", "-p", "KUCOIN", "--since", "2026-01-02T04:04:05+01:00", "OLD") == (
        0,
        expected,
        known_since(folder),
    )
    assert synced("wallet", "changes", "-p", "KUCOIN", "--since", "2026-01-02T03:04:05.679Z", "-q") == (0, "", "")


@pytest.mark.parametrize("span", ["0s", "30s", "15min", "15m", "24h", "7d", "2w", "999999999w", "1H", "2026-01-31"])
def test_changes_since_spellings(synced, span):
    code, out, err = synced("wallet", "changes", "--since", span, "--json")
    assert (code, err, json.loads(out)["command"]) == (0, "", "wallet changes")


@pytest.mark.parametrize("span", ["", "soon", "24", "-1h", "1.5h", "h", "1y", "2026-13-01", "99999999999h"])
def test_changes_since_nonsense(synced, span):
    expected = "expected a time span (30s, 15min, 24h, 7d) or a time (2026-01-31T12:00Z)"
    message = f"marketctl: Invalid value for '--since': {span!r} is no time: {expected}"
    assert synced("wallet", "changes", f"--since={span}") == (2, "", f"{message}. Try 'marketctl wallet changes -h'.\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("USTD",), 1, "no provider lists USTD. Did you mean USDT?"),
        (("-p", "KUCON"), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("-p", "HTX"), 1, "there is no wallet snapshot of HTX yet. Next: marketctl wallet sync -p HTX."),
    ],
)
def test_changes_bad_input(synced, words, code, message):
    assert synced("wallet", "changes", *words) == (code, "", f"marketctl: {message}\n")


def test_nothing_collected_yet(ctl, folder):
    message = f"marketctl: there is no wallet snapshot in {folder}/data/wallet yet. Next: marketctl wallet sync.\n"
    assert ctl("wallet", "changes") == (1, "", message)
    assert ctl("wallet", "routes", "USDT") == (1, "", message)
    assert ctl("wallet", "unmapped") == (1, "", message)
    assert not (folder / "data").exists()


# routes -----------------------------------------------------------------------------------


def test_routes_cheapest_first(synced):
    code, out, err = synced("wallet", "routes", "usdt", "--from", "mexc", "--to", "KUCOIN")
    assert code == 0
    assert [row[:10] for row in rows(out)] == [
        ["MEXC", "KUCOIN", "ton", "0.350", "", "0.700", "withdraw", "12", "", "proven"],
        ["MEXC", "KUCOIN", "bsc", "0.373", "", "0.746", "withdraw", "12", "", "proven"],
        ["MEXC", "KUCOIN", "arbitrum-one", "0.374", "", "0.748", "withdraw", "12", "", "proven"],
        ["MEXC", "KUCOIN", "polygon", "0.427", "", "0.854", "withdraw", "12", "", "proven"],
        ["MEXC", "KUCOIN", "solana", "0.494", "", "0.988", "withdraw", "12", "", "proven"],
        ["MEXC", "KUCOIN", "ethereum", "3.15", "", "6.30", "withdraw", "12", "", "proven"],
    ]
    assert err == "6 routes of USDT\nwithdrawals closed: MEXC tron\n"


def test_routes_refuse_the_twin(synced):
    network = TWIN.networks[0]
    code, out, err = synced("wallet", "routes", TWIN.ticker, "--from", "KUCOIN", "--to", "MEXC", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    last = document["results"][-1]
    assert (last["network"], last["verdict"], last["identity"]) == (network, "twin", "twin")
    assert last["from_contract"] == TWIN.contract(network) != last["to_contract"]
    assert [one["verdict"] for one in document["results"][:-1]] == ["open"] * (len(TWIN.networks) - 1)
    code, out, err = synced("wallet", "routes", TWIN.ticker, "--from", "KUCOIN", "--to", "MEXC")
    assert rows(out)[-1][9] == "refused"
    assert rows(out)[-1][11].startswith("another coin of this name: contract ")
    assert err == f"{len(TWIN.networks) - 1} routes of {TWIN.ticker}, 1 refused: another coin of this name\n"


def test_routes_json_names_what_was_left_out(synced):
    code, out, err = synced("wallet", "routes", "USDT", "--to", "KUCOIN", "--json", "-q")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert {
        key: document[key] for key in document if key not in ("results", "run_id", "started_at", "duration_ms")
    } == {
        "schema": 1,
        "command": "wallet routes",
        "asset": "USDT",
        "left_out": [
            {"from": "BYBIT", "to": "KUCOIN", "network": "tron", "reason": "withdraw-closed"},
            {"from": "MEXC", "to": "KUCOIN", "network": "tron", "reason": "withdraw-closed"},
        ],
        "unmapped": [],
        "missing": ["WHITEBIT", "HTX", "RAPIRA", "TWELVEDATA", "OPENEXCHANGERATES"],
    }
    assert {one["from"] for one in document["results"]} == {"BYBIT", "MEXC"}


def test_routes_without_a_way_are_an_answer(synced):
    code, out, err = synced("wallet", "routes", "HALF", "--from", "MEXC")
    assert (code, out) == (0, "")
    assert err.splitlines()[1:] == ["there is now no route of HALF", "only MEXC lists it"]


def test_routes_old_data_are_marked(synced, folder):
    path = folder / "data/wallet/KUCOIN.json"
    snapshot = json.loads(path.read_text())
    path.write_text(json.dumps(snapshot | {"collected_at": "2026-01-01T00:00:00.000Z"}))
    code, out, _ = synced("wallet", "routes", "BTC", "--from", "KUCOIN", "--to", "MEXC")
    assert code == 0
    assert {row[10].rpartition(" ")[2] for row in rows(out)} == {"stale"}
    code, out, _ = synced("wallet", "routes", "BTC", "--from", "KUCOIN", "--to", "MEXC", "--json")
    (one, *_) = json.loads(out)["results"]
    assert (one["stale"], one["from_stale"], one["to_stale"]) == (True, True, False)


def test_routes_note_of_a_provider_marks_the_network(synced, folder):
    path = folder / "data/wallet/KUCOIN.json"
    snapshot = json.loads(path.read_text())
    snapshot["assets"]["BTC"]["networks"]["btc"]["note"] = "slow\x1b[2J today"
    path.write_text(json.dumps(snapshot))
    _, out, _ = synced("wallet", "routes", "BTC", "--from", "MEXC", "--to", "KUCOIN")
    assert [row[11] for row in rows(out) if row[2] == "bitcoin"] == ["! KUCOIN: slow�[2J today"]


def test_routes_one_broken_snapshot_hides_no_other(synced, folder):
    path = folder / "data/wallet/BYBIT.json"
    path.write_text("{")
    code, out, err = synced("wallet", "routes", "BTC")
    assert (code, {row[0] for row in rows(out)}) == (3, {"MEXC", "KUCOIN"})
    assert err.startswith(f"{path} is not JSON")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("USTD",), 1, "no provider lists USTD. Did you mean USDT?"),
        (("GALAX",), 1, "KUCOIN shows its GALAX as GALA. Next: marketctl wallet routes GALA."),
        (("HALF", "--from", "KUCOIN", "--to", "MEXC"), 1, "KUCOIN lists no HALF."),
        (("USDT", "--from", "KUCON"), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("USDT", "--to", "nowhere"), 4, 'No such provider "nowhere". Next: marketctl providers list.'),
        (("USDT", "--to", "HTX"), 1, "there is no wallet snapshot of HTX yet. Next: marketctl wallet sync -p HTX."),
        (
            ("USDT", "--from", "MEXC", "--to", "mexc"),
            2,
            "--from and --to name the same provider. Try 'marketctl wallet routes -h'.",
        ),
        ((), 2, "Missing argument 'ASSET'. Try 'marketctl wallet routes -h'."),
    ],
)
def test_routes_bad_input(synced, words, code, message):
    assert synced("wallet", "routes", *words) == (code, "", f"marketctl: {message}\n")


# unmapped ---------------------------------------------------------------------------------


def test_networks_without_a_common_name_are_listed_with_their_coins(synced):
    assert synced("wallet", "unmapped") == (0, "KUCOIN\tdef\tDEF\t1\tDEF\nKUCOIN\tzpt\tZPT\t1\tGALAOLD\n", "")
    code, out, _ = synced("wallet", "unmapped", "--json", "-p", "kucoin")
    assert code == 0
    document = json.loads(out)
    assert (document["schema"], document["command"]) == (1, "wallet unmapped")
    assert document["results"] == [
        {"provider": "KUCOIN", "code": "def", "name": "DEF", "assets": ["DEF"]},
        {"provider": "KUCOIN", "code": "zpt", "name": "ZPT", "assets": ["GALAOLD"]},
    ]
    assert synced("wallet", "unmapped", "-p", "BYBIT") == (0, "", "every network has a common name\n")


def test_changes_of_one_kind_and_no_small_moves(synced, folder):
    from marketctl.files.journal import append_journal

    start = now_ms()
    line = {"run_id": "r", "provider": "MEXC", "asset": "USDT", "network": "TRX", "at": to_iso(start + 1)}
    other = line | {"provider": "KUCOIN", "network": "trx", "at": to_iso(start)}
    events = [
        line | {"field": "withdraw_fee", "before": "100", "after": "100.9"},
        line | {"field": "withdraw_fee", "before": "100", "after": "105"},
        line | {"field": "deposit", "before": True, "after": False},
        other | {"field": "deposit", "before": True, "after": False},
        line | {"field": "withdraw_fee", "before": None, "after": "1"},
    ]
    append_journal(folder / "data/wallet/MEXC.changes.jsonl", [one for one in events if one["provider"] == "MEXC"])
    append_journal(folder / "data/wallet/KUCOIN.changes.jsonl", [one for one in events if one["provider"] == "KUCOIN"])
    base = ("wallet", "changes", "USDT", "--since", to_iso(start))  # what was synced came before

    def whats(*words):
        return [row[1:] for row in rows(synced(*base, *words)[1])]

    assert len(whats()) == 5  # a pipe has all of them, as ever
    closed = [["KUCOIN", "USDT", "trx", "deposit closed"], ["MEXC", "USDT", "TRX", "deposit closed"]]
    assert sorted(whats("--only", "closed")) == sorted(whats("--only", "flags")) == closed
    fees = ["fee 100 → 105", "fee unknown → 1"]
    assert [row[-1] for row in whats("--only", "fee", "--min-change", "5%")] == fees
    _, out, err = synced(*base, "--format", "table")
    header, *lines = [" ".join(line.split()[2:]) for line in out.splitlines()]
    assert header == "NETWORK WHAT PROVIDER"
    assert sorted(lines) == ["tron deposit closed KUCOIN, MEXC", "tron fee 100 → 105 MEXC", "tron fee unknown → 1 MEXC"]
    assert err == "1 moves under 1 % are not shown: --min-change 0% shows them\n"
    assert synced(*base, "--only", "prices")[0] == 2


def test_routes_of_an_amount_proven_first(synced):
    code, out, err = synced("wallet", "routes", "USDT", "--to", "KUCOIN", "--amount", "100", "--json", "-q")
    found = json.loads(out)["results"]
    assert (code, err) == (0, "")
    places = [(one["identity"] != "proven", -float(one["arrives"])) for one in found if one["arrives"]]
    assert places == sorted(places)
    one = next(one for one in found if one["fee"] == "0.350")
    assert (one["arrives"], one["cost_percent"]) == ("99.65", "0.3500")
    _, out, _ = synced("wallet", "routes", "USDT", "--to", "KUCOIN", "--amount", "0.1", "--json", "-q")
    assert {one["arrives"] for one in json.loads(out)["results"]} == {None}
    assert synced("wallet", "routes", "USDT", "--amount", "-1")[0] == 2
