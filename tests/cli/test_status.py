"""marketctl status and asset: how the desk stands. Long: both over one desk that is collected once.

Asking nobody, on a desk collected from the sandbox.
"""

import json
import re
import time

import pytest

from marketctl.cli import invoke
from marketctl.errors import StorageFailed
from marketctl.files.snapshots import read_snapshot
from marketctl.redis.connection import RedisConnection
from marketctl.sandbox.setup import write_setup
from tests.desk import asset, quote
from tests.rates.world import World, usdt

MIRROR = "(the mirror)"  # what is said while the embedded server sleeps


@pytest.fixture(scope="module")
def collected(sandbox_server, tmp_path_factory):
    """A folder with the wallets and prices of two exchanges; OPENEXCHANGERATES fails, the rest never ran."""
    sandbox_server.forget()
    folder = write_setup(sandbox_server, tmp_path_factory.mktemp("status") / "desk").parent
    start = ["--config", str(folder / "providers.toml"), "run", "--once", "-q"]
    assert invoke([*start, "-p", "KUCOIN", "-p", "MEXC", "--task", "prices", "--task", "wallet"]) == 0
    sandbox_server.fault("OPENEXCHANGERATES=html")
    assert invoke([*start, "-p", "OPENEXCHANGERATES", "--task", "prices"]) == 1
    sandbox_server.fault()
    return folder


@pytest.fixture
def folder_without_data(sandbox, tmp_path):
    return write_setup(sandbox, tmp_path / "empty")


@pytest.fixture
def ctl(collected, sandbox, capsys):
    """Run a command line, which asks no provider; return exit code, stdout, stderr (MIRROR for where Redis sleeps)."""

    def call(*words: str):
        capsys.readouterr()
        code = invoke(["--config", str(collected / "providers.toml"), *words])
        told = capsys.readouterr()
        assert all(not api.calls for api in sandbox.apis.values())
        folder = collected / "data/redis"
        return (
            code,
            told.out,
            told.err.replace(f"quotes are from the mirror: the embedded Redis in {folder} is asleep\n", MIRROR),
        )

    return call


def test_status_tells_each_job_and_asks_nobody(ctl):
    code, out, err = ctl("status", "--json")
    document = json.loads(out)
    assert (code, err, document["command"], document["healthy"]) == (0, MIRROR, "status", False)
    jobs = {(one["provider"], one["job"]): one for one in document["results"]}
    assert len(jobs) == 24
    assert [jobs["KUCOIN", job]["state"] for job in ("prices", "wallet", "stats")] == ["fresh", "fresh", "never"]
    assert jobs["KUCOIN", "prices"]["count"] == 68
    assert 0 <= jobs["KUCOIN", "prices"]["age_ms"] < 60_000
    failing = jobs["OPENEXCHANGERATES", "prices"]
    assert (failing["state"], failing["reason"], failing["failures"]) == ("failing", "blocked", 1)
    assert document["totals"] == {"fresh": 4, "never": 19, "failing": 1}


def test_status_counts_closed_doors_once_over_all_venues(ctl, collected):
    closed = json.loads(ctl("status", "--json")[1])["closed"]
    wallets = [read_snapshot(collected / "data/wallet" / f"{name}.json") for name in ("KUCOIN", "MEXC")]
    shut = [
        one["provider"]
        for one in wallets
        for network in one["assets"]["USDT"]["networks"].values()
        if network["network"] == "tron" and network["withdraw"] is False
    ]
    doors = {(one["asset"], one["network"], one["door"]): one for one in closed}
    assert len(doors) == len(closed)
    told = doors.get(("USDT", "tron", "withdraw"))
    assert shut == (sorted(told["closed"]) if told else [])


def test_status_on_a_terminal_and_of_the_bare_command(ctl, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = ctl("status", "--no-color")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["PROVIDER", "PRICES", "WALLET", "STATS", "QUOTES", "WHY"]
    assert "prices: blocked" in next(line for line in lines if line.startswith("OPENEXCHANGERATES"))
    assert lines[-1] == "4 fresh, 19 never, 1 failing"
    code, out, err = ctl("--no-color")
    assert (code, out.splitlines()[0]) == (0, lines[0])
    assert err.endswith("marketctl -h shows the commands.\n")


def test_status_of_nothing_says_closed_of_nothing(folder_without_data, capsys, monkeypatch):
    """Where no wallet is fresh it is not known what is closed: "nothing closed" would be a lie."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert invoke(["--config", str(folder_without_data), "status", "--no-color"]) == 0
    out = capsys.readouterr().out
    assert "nothing closed" not in out
    assert "unknown never" not in out
    assert re.search(r"^HTX +never +never +never$", out, flags=re.M)
    assert " ".join(out.splitlines()[-3:]).replace("     ", " ") == (
        "what is closed of USDT, USDC, BTC, ETH is not known: no fresh wallet has it. Next: marketctl wallet sync. "
        "24 never"
    )
    assert json.loads(_json(folder_without_data, capsys))["unknown"] == ["USDT", "USDC", "BTC", "ETH"]


def _json(registry, capsys) -> str:
    assert invoke(["--config", str(registry), "status", "--json"]) == 0
    return capsys.readouterr().out


def test_an_old_wallet_does_not_say_what_is_closed(ctl, monkeypatch):
    later = int(time.time() * 1000) + 86_400_000
    monkeypatch.setattr("marketctl.times.now_ms", lambda: later)
    document = json.loads(ctl("status", "--json")[1])
    assert (document["closed"], document["unknown"]) == ([], ["USDT", "USDC", "BTC", "ETH"])


HELD = '{"verdict":"jump","why":"far off","bid":"1","ask":"2","since":1767225600000}'


def test_status_of_held_expired_and_old(ctl, collected, monkeypatch):
    with RedisConnection("embedded", collected / "data", "marketctl") as store:
        store.call("HSET", "marketctl:{KUCOIN}:held", "BTC/USDT", HELD)
        store.call("RENAME", "marketctl:{MEXC}:l1", "marketctl:{MEXC}:away")
        try:
            jobs = {(one["provider"], one["job"]): one for one in json.loads(ctl("status", "--json")[1])["results"]}
            assert jobs["KUCOIN", "prices"]["held"] == 1
            assert jobs["MEXC", "prices"]["state"] == "expired"
            # All of them are held: none has expired.
            count = store.call("HGET", "marketctl:{MEXC}:l1:meta", "count")
            store.call("HSET", "marketctl:{MEXC}:l1:meta", "count", "0")
            store.call("HSET", "marketctl:{MEXC}:held", "BTC/USDT", HELD)
            jobs = {(one["provider"], one["job"]): one for one in json.loads(ctl("status", "--json")[1])["results"]}
            assert [jobs["MEXC", "prices"][name] for name in ("state", "count", "held")] == ["fresh", 0, 1]
            store.call("HSET", "marketctl:{MEXC}:l1:meta", "count", count)
            # The server lost all it had: they were there once.
            store.call("RENAME", "marketctl:{MEXC}:l1:meta", "marketctl:{MEXC}:gone")
            jobs = {(one["provider"], one["job"]): one for one in json.loads(ctl("status", "--json")[1])["results"]}
            assert jobs["MEXC", "prices"]["state"] == "expired"
            store.call("RENAME", "marketctl:{MEXC}:gone", "marketctl:{MEXC}:l1:meta")
        finally:
            store.call("DEL", "marketctl:{KUCOIN}:held", "marketctl:{MEXC}:held")
            store.call("RENAME", "marketctl:{MEXC}:away", "marketctl:{MEXC}:l1")
    later = int(time.time() * 1000) + 4 * 3_600_000
    monkeypatch.setattr("marketctl.times.now_ms", lambda: later)
    jobs = {(one["provider"], one["job"]): one["state"] for one in json.loads(ctl("status", "--json")[1])["results"]}
    assert (jobs["KUCOIN", "prices"], jobs["KUCOIN", "wallet"]) == ("stale", "stale")
    assert json.loads(ctl("status", "--json")[1])["closed"] == []  # an old wallet says nothing of now


# asset ------------------------------------------------------------------------------------


def test_asset_is_one_asset_over_all_venues(ctl):
    code, out, err = ctl("asset", "usdt", "--json")
    (found,) = json.loads(out)["results"]
    assert (code, err, found["asset"], found["name"]) == (0, MIRROR, "USDT", "Tether")
    ton = [row for row in found["networks"] if row["network"] == "ton"]
    assert [(row["provider"], row["withdraw_fee"]) for row in ton] == [("KUCOIN", "0.249"), ("MEXC", "0.350")]
    assert [price["pair"] for price in found["prices"]] == ["USDT/EUR"]


def test_asset_prices_name_the_best_venue(ctl):
    code, out, _ = ctl("asset", "BTC", "--only", "prices", "--format", "ndjson")
    rows = {row["pair"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert rows["BTC/USDT"]["venues"] == 2
    assert rows["BTC/USDT"]["bid_at"] in ("KUCOIN", "MEXC")
    assert rows["BTC/USDT"]["age_s"] < 60


def test_asset_closed_alone_and_unknown(ctl):
    _, out, _ = ctl("asset", "KAGI", "--closed", "--format", "tsv", "--columns", "provider,network,deposit,withdraw")
    assert out == "provider\tnetwork\tdeposit\twithdraw\nKUCOIN\tethereum\tno\tno\n"
    assert ctl("asset", "USDTX") == (1, "", "marketctl: no provider lists USDTX. Did you mean USDT?\n")


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (("TRX",), "", "no network of TRX is told by any wallet; its prices are shown by --only prices\n"),
        (("TRX", "--closed"), "", "no network of TRX is told by any wallet\n"),
        (("TRX", "--only", "networks"), "",
         "no network of TRX is told by any wallet; its prices are shown by --only prices\n"),
        (("TRX", "--only", "prices", "--columns", "pair,bid"), "TRX/USDT\t0.25\n", ""),
        (("USDT", "--closed"), "", "no network of USDT of those told is closed\n"),
        (("KZT", "--only", "prices"), "", "no pair of KZT is quoted\n"),
        (("TRX", "-q"), "", ""),
    ],
)  # fmt: skip
def test_asset_says_where_it_has_nothing_to_show(tmp_path, capsys, words, out, err):
    world = World(tmp_path / "desk")
    world.quotes("MEXC", **{"TRX/USDT": quote("0.25", "0.26", status="trading")})
    world.wallet("KUCOIN", USDT=usdt(withdraw_fee="1"), KZT=asset("KZT", {}, fiat=True))
    code = invoke(["--config", str(world.path), "asset", *words])
    told = capsys.readouterr()
    assert (code, told.out.strip("\n"), told.err) == (0, out.strip("\n"), err)


# prices gaps --------------------------------------------------------------------------------


def test_gaps_are_net_of_the_cheapest_open_way(ctl):
    code, out, err = ctl("prices", "gaps", "--quote", "USDT", "--json", "--all", "-q")
    found = json.loads(out)["results"]
    assert (code, err) == (0, "")
    assert found
    nets = [float(one["net_percent"]) for one in found if one["net_percent"] is not None]
    assert nets == sorted(nets, reverse=True)
    for one in found:
        assert one["pair"].endswith("/USDT")
        assert {one["buy_at"], one["sell_at"]} == {"KUCOIN", "MEXC"}
        assert float(one["bid"]) > float(one["ask"])
        if one["net_percent"] is not None:
            assert float(one["net_percent"]) <= float(one["gross_percent"])
            assert one["identity"] in ("proven", "unproven")
    _, out, err = ctl("prices", "gaps", "--min", "0.1%", "--format", "ndjson")
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["pair"] for one in found if float(one["net_percent"]) >= 0.1][:2] == ["ISG/USDT", "SFZI/USDT"]
    assert min(float(one["net_percent"]) for one in found) >= 0.1
    assert f"{len(found)} gaps of 0.1 % and more in " in err


@pytest.mark.parametrize(
    ("least", "words"), [("x", "'x' is no percent, expected one such as 0.3%"), ("-1%", "no percent")]
)
def test_gaps_bad_input(ctl, least, words):
    code, out, err = ctl("prices", "gaps", f"--min={least}")
    assert (code, out) == (2, "")
    assert words in err


def test_asset_says_whose_prices_cannot_be_read(ctl, monkeypatch):
    from marketctl.views import quotes

    code, _, told = ctl("asset", "BTC")
    assert (code, told) == (0, "")  # networks alone
    whole = quotes.snapshot

    def refuse(registry, job, provider):
        if provider == "KUCOIN":
            raise StorageFailed("cut in the middle")
        return whole(registry, job, provider)

    monkeypatch.setattr(quotes, "snapshot", refuse)
    code, out, told = ctl("asset", "BTC", "--only", "prices")
    assert (code, "KUCOIN" in out, "MEXC" in out) == (3, False, True)
    assert told == f"{MIRROR}KUCOIN: its prices cannot be read: cut in the middle\n"


@pytest.mark.parametrize("words", ["status", "status --json", "asset BTC --only prices", "prices held KUCOIN"])
def test_who_reads_the_mirror_while_redis_is_away_says_so(ctl, monkeypatch, words):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "unix:///nowhere/redis.sock")
    code, out, told = ctl(*words.split())
    assert code == 0
    assert ("BTC" in out or "KUCOIN" in out) == (words != "prices held KUCOIN")
    assert told.startswith("quotes are from the mirror: cannot reach Redis at unix:///nowhere/redis.sock: ")


def test_what_cannot_be_read_is_not_called_nothing_held(ctl, monkeypatch):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "unix:///nowhere/redis.sock")
    code, _, told = ctl("prices", "held", "HTX")  # never collected here: there is no mirror
    assert code == 3
    assert told.startswith("HTX: cannot be read: cannot reach Redis at unix:///nowhere/redis.sock: ")
    assert "nothing is held" not in told


@pytest.mark.parametrize("job", ["wallet", "prices"])
@pytest.mark.parametrize("words", [("asset", "BTC"), ("prices", "gaps"), ("wallet", "routes", "USDT")], ids=" ".join)
def test_what_cannot_be_read_is_told_and_the_rest_ends_with_3(tmp_path, capsys, job, words):
    world = World(tmp_path / "desk")
    for name in ("KUCOIN", "MEXC", "RAPIRA"):
        world.quotes(name, **{"BTC/USDT": quote("60000", "60001", status="trading")})
        world.wallet(name, USDT=usdt(withdraw_fee="1"), BTC=asset("BTC", {}))
    path = world.data / job / "KUCOIN.json"
    path.write_text(path.read_text()[:200])
    code = invoke(["--config", str(world.path), *words])
    told = capsys.readouterr()
    unused = job == "prices" and words[0] == "wallet"  # routes have no use for prices
    assert (code, f"{path} is not JSON" in told.err) == ((0, False) if unused else (3, True))
    code = invoke(["--config", str(world.path), "prices", "compare", "BTC/USDT"])
    words = f"{path} is not JSON" if job == "prices" else "KUCOIN: its wallet cannot be read: whether its coin is the"
    assert (code, words in capsys.readouterr().err) == (3, True)


def test_nobody_lists_it_is_said_of_what_could_be_read(tmp_path, capsys):
    world = World(tmp_path / "desk")
    for name in ("KUCOIN", "MEXC"):
        world.wallet(name, USDT=usdt(withdraw_fee="1"))
    path = world.data / "wallet" / "KUCOIN.json"
    path.write_text("{")
    assert invoke(["--config", str(world.path), "convert", "1", "USDT", "GEM"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"marketctl: no provider lists GEM, as far as can be read: {path} is not JSON")
    assert invoke(["--config", str(world.path), "asset", "GEM"]) == 1
    assert capsys.readouterr().err == told


def test_why_a_wallet_is_missing_may_be_unreadable_too(tmp_path, capsys):
    world = World(tmp_path / "desk")
    for name in ("KUCOIN", "MEXC"):
        world.wallet(name, USDT=usdt(withdraw_fee="1"))
    (world.data / "wallet" / "RAPIRA.json").unlink()
    (world.data / "state" / "RAPIRA.json").mkdir(parents=True)
    assert invoke(["--config", str(world.path), "wallet", "routes", "USDT"]) == 0
    told = "without a wallet, so left out: RAPIRA (storage), OPENEXCHANGERATES\n"
    assert told in capsys.readouterr().err
