"""What somebody else put into data/: one asset of another type costs that asset, told in a line by all that show it."""

import json

import pytest

from marketctl.cli import invoke
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.times import now_ms
from tests.desk import asset, quote
from tests.rates.world import World, usdt

LINE = "KUCOIN: its wallet cannot be read for USDT"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "desk")
    book = {"bid_size": "5000", "ask_size": "5000", "status": "trading"}
    world.quotes("MEXC", **{"USDT/RUB": quote("95", "95.1", **book)})
    world.quotes("KUCOIN", **{"USDT/RUB": quote("92", "92.1", **book), "BTC/USDT": quote("60000", "60001", **book)})
    sol = asset("SOL", {}, deposit=False, withdraw=False)
    for name in ("MEXC", "KUCOIN"):
        world.wallet(name, USDT=usdt(withdraw_fee="1"), SOL=sol)
    with world.path.open("a") as file:
        file.write('\n[watch]\nassets = ["USDT"]\n')
    return world


@pytest.fixture
def call(world, capsys):
    def one(words):
        code = invoke(["--config", str(world.path), *words.split()])
        told = capsys.readouterr()
        return code, told.out, told.err

    return one


def spoil(world, provider, **network):
    path = world.data / "wallet" / f"{provider}.json"
    document = json.loads(path.read_text()) | {"run_id": "20260102T030405678Z-a1b2c3"}
    document["assets"]["USDT"]["networks"]["TRX"] |= network
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("network", [{"network": []}, {"contract": 5}, {"withdraw_fee": "x"}, {"deposit": "yes"}])
def test_every_view_tells_what_of_a_wallet_cannot_be_read_and_shows_the_rest(world, call, network):
    spoil(world, "KUCOIN", **network)
    code, out, err = call("wallet show KUCOIN")
    assert (code, out, err) == (3, "SOL\t\t\tno\tno\t\t\t\t\t\t\n", f"{LINE}\n")
    assert call("wallet show KUCOIN USDT") == (
        1, "", f"marketctl: {LINE}. Next: marketctl wallet sync -p KUCOIN.\n",
    )  # fmt: skip
    code, out, err = call("wallet show KUCOIN SOL --json")
    assert (code, list(json.loads(out)["results"][0]["assets"]), err) == (0, ["SOL"], "")
    code, out, err = call("wallet unmapped --json")
    assert (code, json.loads(out)["results"], err) == (3, [], f"{LINE}\n")
    code, out, err = call("wallet routes USDT --json")
    ways = {(one["from"], one["to"]) for one in json.loads(out)["results"]}
    assert (code, ways) == (3, {("MEXC", "RAPIRA"), ("RAPIRA", "MEXC")})
    assert err.splitlines()[0] == LINE
    assert call("wallet routes USDT --from KUCOIN --to MEXC")[::2] == (
        1, f"marketctl: KUCOIN lists no USDT, as far as can be read: {LINE}. Next: marketctl wallet sync -p KUCOIN.\n",
    )  # fmt: skip
    code, out, err = call("wallet changes USDT")
    assert (code, out, err.splitlines()[0]) == (3, "", LINE)
    code, out, err = call("asset USDT --json")
    assert (code, [one["provider"] for one in json.loads(out)["results"][0]["networks"]]) == (3, ["MEXC", "RAPIRA"])
    assert LINE in err.splitlines()
    code, out, err = call("prices gaps --json")
    assert (code, [(one["pair"], one["net_percent"], one["why"]) for one in json.loads(out)["results"]]) == (3, [])
    code, out, err = call("prices gaps --all --json")
    told = [(one["buy_at"], one["sell_at"], one["why"]) for one in json.loads(out)["results"]]
    assert (code, told) == (3, [("KUCOIN", "MEXC", "a wallet cannot be read for it")])
    code, out, err = call("prices compare BTC/USDT")
    assert (code, err.splitlines()[-1]) == (
        3, "KUCOIN: its wallet cannot be read: whether its coin is the same is not known",
    )  # fmt: skip
    code, out, err = call("status --json")
    (job,) = [one for one in json.loads(out)["results"] if (one["provider"], one["job"]) == ("KUCOIN", "wallet")]
    assert (code, job["state"], job["reason"], job["message"], job["count"]) == (0, "failing", "storage", LINE, None)
    code, out, err = call("convert 100 USDT@MEXC RUB@RAPIRA --json")
    assert (code, LINE in err.splitlines(), len(json.loads(out)["results"])) == (3, True, 1)
    assert call("convert 100 USDT@MEXC RUB@RAPIRA --avoid KUCOIN")[0] == 0
    code, out, err = call(f"-q report -o {world.data}/page.html")
    assert (code, out, err) == (3, "", f"{LINE}\n")


@pytest.mark.parametrize("words", ["convert 100 USDT@MEXC RUB@RAPIRA", "report -o {data}/page.html"])
@pytest.mark.parametrize("job", ["prices", "wallet"])
def test_a_file_that_cannot_be_read_is_one_line_and_3(world, call, words, job):
    path = world.data / job / "KUCOIN.json"
    path.write_text("{")
    code, _, err = call(f"-q {words.format(data=world.data)}")
    told = [line for line in err.splitlines() if not line.startswith("assumed: ")]
    assert (code, [f"{path} is not JSON" in line for line in told]) == (3, [True])
    if words.startswith("convert"):
        # Where nothing is found that is what counts.
        assert call("convert 100 SOL@MEXC USDT@MEXC")[0] == 1


@pytest.mark.parametrize(
    ("content", "why", "unknown"),
    [
        ("{", "it is not JSON, so how its jobs ended is not known", {"prices", "wallet", "stats"}),
        ('{"jobs": {"prices": 5}}', "what it says of prices is no state, so how that ended is not known", {"prices"}),
    ],
)
def test_a_state_file_that_holds_no_state_is_one_line_and_nothing_is_guessed(world, call, content, why, unknown):
    path = world.data / "state" / "KUCOIN.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    line = f"{path}: {why}. Next: marketctl run --once -p KUCOIN."
    code, out, err = call("status --json")
    jobs = {one["job"]: one for one in json.loads(out)["results"] if one["provider"] == "KUCOIN"}
    assert (code, err, json.loads(out)["healthy"]) == (0, f"{line}\n", False)
    assert {job for job, one in jobs.items() if one["problem"] == line and one["failures"] is None} == unknown
    # What the snapshots tell is told all the same, and of what nobody knows not that it never ran.
    assert (jobs["prices"]["state"], jobs["wallet"]["state"], jobs["prices"]["count"]) == ("fresh", "fresh", 2)
    assert jobs["stats"]["state"] == ("failing" if "stats" in unknown else "never")
    assert call("-q status")[2] == f"{line}\n"
    (world.data / "prices" / "KUCOIN.json").unlink()
    assert call("prices show KUCOIN")[2].rstrip().endswith(f"{path}: {why}. Next: marketctl run --once -p KUCOIN")


def test_expired_quotes_may_have_had_a_better_way(tmp_path, capsys):
    world = World(tmp_path / "desk", "embedded")
    with EmbeddedRedis(world.data), RedisConnection("embedded", world.data, "marketctl") as store:
        told = {"run_id": "r", "interval_s": 10, "skipped": 0}
        for name in ("MEXC", "RAPIRA"):
            quotes = {"USDT/RUB": quote("92", "93", status="trading")}
            publish_l1(store, name, quotes, collected_ms=now_ms(), **told)
            world.wallet(name, USDT=usdt(withdraw_fee="1"))
        store.call("DEL", store.key("MEXC", "l1"))
        code = invoke(["--config", str(world.path), "convert", "1000", "USDT@MEXC", "RUB@RAPIRA"])
    assert (code, "MEXC: its quotes expired, the last were of 2" in capsys.readouterr().err) == (3, True)


def test_a_network_that_cannot_be_read_takes_its_direction_out(world, call):
    spoil(world, "MEXC", deposit="yes")
    (outcome,) = world.again().build().outcomes
    assert outcome.reason == "no-wallet"
    assert outcome.message == "MEXC USDT tron deposit: MEXC: its wallet cannot be read for USDT"
