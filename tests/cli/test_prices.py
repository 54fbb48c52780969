"""marketctl prices: show, compare, history. Long: its commands over one desk that is collected once.

What was published from the sandbox.
"""

import json
import re
import shutil
import time

import pytest

from marketctl.cli import invoke
from marketctl.files.snapshots import write_snapshot
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.times import now_ms, to_iso

FRESH_S = 20
NAMES = ("KUCOIN", "MEXC", "HTX", "OPENEXCHANGERATES")


class Collected:
    """Prices of three exchanges and a rate source, twice: half of them moved. Collected anew before they are old."""

    def __init__(self, sandbox, setup, place):
        self.sandbox, self.setup, self.place = sandbox, setup, place
        self.at = -FRESH_S

    def data(self):
        """Return the folder of what was collected within the last seconds, Redis' file in it."""
        if time.monotonic() - self.at >= FRESH_S:
            shutil.rmtree(self.place, ignore_errors=True)
            shutil.copytree(self.setup, self.place)
            self.sandbox.forget()
            self.at = time.monotonic()
            words = ["prices", "collect", "-q", *(word for name in NAMES for word in ("-p", name))]
            with EmbeddedRedis(self.place / "data"):
                for _ in range(2):
                    assert invoke(["--config", str(self.place / "providers.toml"), *words]) == 0
        return self.place / "data"


@pytest.fixture(scope="module")
def once(sandbox_server, setup_folder, tmp_path_factory):
    return Collected(sandbox_server, setup_folder, tmp_path_factory.mktemp("prices") / "desk")


@pytest.fixture
def collected(once, ctl, folder):
    shutil.copytree(once.data(), folder / "data")
    with EmbeddedRedis(folder / "data"):  # it goes on, as between runs of cron
        yield ctl


@pytest.fixture
def redis(folder):
    """Run a Redis command in the embedded server."""

    def call(*words):
        with RedisConnection("embedded", folder / "data", "marketctl") as store:
            return store.call(*words)

    return call


def rows(text):
    return [line.split("\t") for line in text.splitlines()]


# show -------------------------------------------------------------------------------------


def test_show_one_pair(collected):
    code, out, err = collected("prices", "show", "kucoin", "btc/usdt")
    assert (code, err) == (0, "")
    ((*row, age),) = rows(out)
    assert row == ["KUCOIN", "BTC/USDT", "91197.35", "91263.45", "", "91263.45", "trading"]
    assert age.endswith(" s")


def test_show_of_what_nobody_quotes_is_told(collected):
    assert collected("prices", "show", "KUCOIN", "--quote", "gbp") == (1, "", "no quote shown is of */GBP\n")


def test_show_json(collected):
    code, out, err = collected("prices", "show", "KUCOIN", "BTC/USDT", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["schema"], document["command"], document["stale"]) == (1, "prices show", [])
    (quote,) = document["results"]
    names = "provider pair at bid ask bid_size ask_size last mid volume quote_volume status symbol derived"
    assert quote.keys() == {*names.split(), "collected_at", "age_ms", "source"}
    assert (quote["bid"], quote["symbol"], quote["source"], quote["mid"]) == ("91197.35", "BTC-USDT", "redis", None)
    assert 0 <= quote["age_ms"] < 60_000
    (provider,) = document["providers"]
    assert (provider["state"], provider["failing"], provider["source"]) == ("ok", False, "redis")


def test_show_all_names_who_never_published(collected):
    code, out, err = collected("prices", "show", "BTC/USDT")
    assert (code, [row[0] for row in rows(out)]) == (0, ["MEXC", "HTX", "KUCOIN"])
    assert err == "never published a quote: BYBIT, WHITEBIT, RAPIRA, TWELVEDATA\n"


def test_show_max_age_fails_closed(collected):
    assert collected("prices", "show", "KUCOIN", "BTC/USDT", "--max-age", "3600")[0] == 0
    code, out, err = collected("prices", "show", "KUCOIN", "BTC/USDT", "ETH/USDT", "--max-age", "0", "-q")
    assert (code, out) == (1, "")
    assert err.startswith("2 of 2 quotes are older than 0 s and not shown, the oldest ")
    assert err.endswith(": KUCOIN BTC/USDT\n")
    code, out, _ = collected("prices", "show", "KUCOIN", "BTC/USDT", "--max-age", "0", "--json")
    document = json.loads(out)
    assert (code, document["results"]) == (1, [])
    assert [(one["provider"], one["pair"]) for one in document["stale"]] == [("KUCOIN", "BTC/USDT")]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e400", "soon", ""])
def test_show_max_age_nonsense(collected, seconds):
    code, out, err = collected("prices", "show", f"--max-age={seconds}")
    assert (code, out) == (2, "")
    assert f"{seconds!r} is no number of seconds" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "KUCON"), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("show", "KUCOIN", "BTC/USD"), 1, "KUCOIN quotes no BTC/USD. Did you mean BTC/USDT?"),
        (("show", "KUCOIN", "usdt/btc"), 1, "KUCOIN quotes no USDT/BTC. Did you mean BTC/USDT?"),
        (("show", "\x1b[1m/~~~~"), 1, "no provider quotes [1M/~~~~."),
        (
            ("show", "KUCOIN", "BTCUSDT"),
            2,
            "One provider at a time; a pair is written BASE/QUOTE: KUCOIN BTCUSDT. Try 'marketctl prices show -h'.",
        ),
        (("show", "BYBIT"), 1, "BYBIT: never published a quote. Next: marketctl prices collect -p BYBIT."),
        (("compare", "BTC/USD"), 1, "no provider quotes BTC/USD. Did you mean BTC/USDT?"),
        (("compare",), 2, "Missing argument 'PAIR'. Try 'marketctl prices compare -h'."),
        (("history", "KUCOIN", "BTCUSDT"), 1, "KUCOIN quotes no BTCUSDT. Did you mean BTC/USDT?"),
        (("history", "KUCON", "BTC/USDT"), 4, 'No such provider "KUCON". Did you mean KUCOIN?'),
        (("history", "BYBIT", "A/B"), 1, "BYBIT: never published a quote. Next: marketctl prices collect -p BYBIT."),
        (
            ("history", "KUCOIN", "BTC/USDT", "--json", "--csv"),
            2,
            "--json and --csv both want stdout: choose one. Try 'marketctl prices history -h'.",
        ),
    ],
)
def test_bad_input(collected, words, code, message):
    found, out, err = collected("prices", *words, "-q")
    assert (found, out) == (code, "")
    assert err == f"marketctl: {message}\n"


def test_nothing_published_yet_starts_and_writes_nothing(ctl, folder):
    message = "marketctl: no quote was ever published. Next: marketctl prices collect.\n"
    assert ctl("prices", "show") == (1, "", message)
    assert ctl("prices", "compare", "BTC/USDT") == (1, "", message)
    code, out, err = ctl("prices", "history", "KUCOIN", "BTC/USDT")
    assert (code, out) == (1, "")
    assert err.startswith("marketctl: there is no archive of KUCOIN, and the embedded Redis never ran")
    assert not (folder / "data").exists()


def test_show_expired_quotes_fail_closed(collected, redis):
    redis("DEL", "marketctl:{KUCOIN}:l1")
    code, out, err = collected("prices", "show", "KUCOIN")
    assert (code, out) == (1, "")
    assert err.startswith("marketctl: KUCOIN: its quotes expired, the last were of 20")
    code, out, err = collected("prices", "show", "BTC/USDT")
    assert (code, [row[0] for row in rows(out)]) == (3, ["MEXC", "HTX"])
    assert err.splitlines()[0].startswith("KUCOIN: its quotes expired, the last were of 20")


def test_show_failing_since(collected, sandbox):
    sandbox.fault("KUCOIN=html")
    assert collected("prices", "collect", "-p", "KUCOIN", "-q")[0] == 1
    code, out, err = collected("prices", "show", "KUCOIN", "BTC/USDT")
    assert (code, len(rows(out))) == (0, 1)
    assert err.startswith("KUCOIN: failing since 20")
    assert "blocked" in err
    code, out, _ = collected("prices", "show", "KUCOIN", "BTC/USDT", "--json")
    (provider,) = json.loads(out)["providers"]
    assert (provider["state"], provider["failing"]) == ("ok", True)
    assert provider["last_ok_at"] is not None


def test_show_rubbish_in_redis_hides_no_other(collected, redis):
    redis("HSET", "marketctl:{KUCOIN}:l1", "BTC/USDT", "rubbish")
    code, out, err = collected("prices", "show", "BTC/USDT")
    assert (code, [row[0] for row in rows(out)]) == (3, ["MEXC", "HTX"])
    assert err.startswith("KUCOIN: cannot be read: ")
    code, out, err = collected("prices", "compare", "BTC/USDT", "-q")
    assert (code, [row[0] for row in rows(out)]) == (3, ["MEXC", "HTX"])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("none", 'redis_url is "none"'),
        ("redis://:secretpass@127.0.0.1:1/0", "cannot reach Redis at redis://127.0.0.1:1/0"),
    ],
)
def test_show_from_the_mirror_says_so(collected, monkeypatch, url, words):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", url)
    code, out, err = collected("prices", "show", "KUCOIN", "BTC/USDT")
    assert (code, rows(out)[0][:4]) == (0, ["KUCOIN", "BTC/USDT", "91197.35", "91263.45"])
    assert err == "" if url == "none" else err.startswith(f"quotes are from the mirror: {words}")
    assert "secretpass" not in err
    _, out, _ = collected("prices", "show", "KUCOIN", "BTC/USDT", "--json")
    assert json.loads(out)["results"][0]["source"] == "mirror"
    code, out, err = collected("prices", "history", "KUCOIN", "BTC/USDT")
    assert (code, [row[1] for row in rows(out)]) == (0, ["91197.35", "91197.35"])
    away, begins = err.splitlines() if url != "none" else ["", err]
    assert url == "none" or away.startswith(f"from the archive alone: {words}")
    assert begins.startswith("asked since ")


def test_history_without_an_archive_needs_redis(collected, folder, monkeypatch):
    shutil.rmtree(folder / "data/history")
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "none")
    code, out, err = collected("prices", "history", "KUCOIN", "BTC/USDT")
    assert (code, out) == (4, "")
    assert err.startswith('marketctl: there is no archive of KUCOIN, and redis_url is "none"')


def test_mirror_ages_and_broken_mirror(collected, folder, monkeypatch):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "none")
    head = {"schema": 1, "provider": "KUCOIN", "job": "prices", "collected_at": "2026-01-02T03:04:05.678Z"}
    write_snapshot(folder / "data/prices/KUCOIN.json", head, "quotes", {"BTC/USDT": {"bid": "1", "ask": "2"}})
    _, out, _ = collected("prices", "show", "KUCOIN", "BTC/USDT", "--json")
    (quote,) = json.loads(out)["results"]
    assert (quote["at"], quote["collected_at"], quote["status"]) == (None, "2026-01-02T03:04:05.678Z", None)
    assert quote["age_ms"] > 86_400_000
    assert collected("prices", "show", "KUCOIN", "--max-age", "86400")[:2] == (1, "")
    (folder / "data/prices/KUCOIN.json").write_text("{")
    code, out, err = collected("prices", "show", "BTC/USDT")
    assert (code, [row[0] for row in rows(out)]) == (3, ["MEXC", "HTX"])
    assert "KUCOIN: cannot be read: " in err


# compare ----------------------------------------------------------------------------------


def test_compare(collected):
    code, out, err = collected("prices", "compare", "btc/usdt")
    assert code == 0
    table = [[*row[:6], *row[7:]] for row in rows(out)]
    assert [row[:3] for row in table] == [
        ["MEXC", "91194.19", "91266.61"],
        ["HTX", "91352.47", "91406.91"],
        ["KUCOIN", "91197.35", "91263.45"],
    ]
    assert [row[4:6] for row in table] == [["72.42", "0.0793814"], ["54.44", "0.0595756"], ["66.10", "0.0724539"]]
    assert [row[-1] for row in table] == ["", "best bid", "best ask"]
    assert err.splitlines()[-1] == (
        "BTC/USDT: best bid 91352.47 @ HTX, best ask 91263.45 @ KUCOIN, spread -89.02 (-0.0974942 %), crossed"
    )


def test_compare_json_and_rates(collected):
    code, out, err = collected("prices", "compare", "EUR/USD", "--json", "-q")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["command"], document["pair"]) == ("prices compare", "EUR/USD")
    (row,) = document["results"]
    assert (row["provider"], row["left_out"], row["best_bid"]) == ("OPENEXCHANGERATES", "rate", False)
    assert document["best"] == {"bid": None, "ask": None, "spread": None, "spread_percent": None}
    assert len(document["providers"]) == 8


def test_compare_all_too_old(collected):
    code, out, err = collected("prices", "compare", "BTC/USDT", "--max-age", "0", "-q")
    assert code == 1
    assert {row[-1] for row in rows(out)} == {"stale"}
    assert err == "every quote of BTC/USDT is too old\n"


# history ----------------------------------------------------------------------------------


def test_history_rows_csv_and_json(collected):
    code, out, err = collected("prices", "history", "kucoin", "eth/usdt")
    assert code == 0
    assert re.fullmatch("asked since [^ ]+Z, but nothing is kept from before [^ ]+Z\n", err)
    values = [["3117.282", "3117.860", "3117.282", ""], ["3120.544", "3121.123", "3121.123", ""]]
    assert [row[1:] for row in rows(out)] == values
    _, text, _ = collected("prices", "history", "KUCOIN", "ETH/USDT", "--csv", "--since", "1h")
    head, *lines = text.splitlines()
    assert head == "at,bid,ask,last,mid"
    assert [line.split(",") for line in lines] == rows(out)
    _, text, _ = collected("prices", "history", "KUCOIN", "ETH/USDT", "--json")
    document = json.loads(text)
    assert (document["schema"], document["provider"], document["pair"]) == (1, "KUCOIN", "ETH/USDT")
    assert document["since"] < document["begins_at"] == document["results"][0]["at"]
    assert [one["bid"] for one in document["results"]] == ["3117.282", "3120.544"]
    assert document["results"][0]["mid"] is None


def test_history_without_a_change(collected):
    since = to_iso(now_ms())
    code, out, err = collected("prices", "history", "KUCOIN", "ETH/USDT", "--since", since)
    assert (code, out) == (0, "")
    assert err == f"KUCOIN ETH/USDT did not change since {since}\n"


def test_history_chart_on_a_terminal_alone(collected, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = collected("prices", "history", "KUCOIN", "ETH/USDT", "--no-color")
    assert out.splitlines()[0].split() == ["AT", "BID", "ASK", "LAST"]
    assert out.splitlines()[-1] == "▁" * 59 + "█  low 3117.571, high 3120.8335, last 3120.8335"
    assert "█" not in collected("prices", "history", "KUCOIN", "ETH/USDT", "--csv")[1]


def test_history_over_archive_and_redis_is_one_line_a_change(collected, redis):
    """What Redis trimmed comes from the archive, the rest from Redis, nothing twice."""
    (entry,) = redis("XREVRANGE", "marketctl:{KUCOIN}:h:ETH/USDT", "+", "-", "COUNT", 1)
    redis("XTRIM", "marketctl:{KUCOIN}:h:ETH/USDT", "MINID", entry[0])
    _, out, _ = collected("prices", "history", "KUCOIN", "ETH/USDT")
    assert [row[1] for row in rows(out)] == ["3117.282", "3120.544"]


# at ---------------------------------------------------------------------------------------


def test_at_shows_what_was_known_then(collected):
    document = json.loads(collected("prices", "history", "KUCOIN", "ETH/USDT", "--json")[1])
    first, second = (one["at"] for one in document["results"])
    for moment, bid in ((first, "3117.282"), (second, "3120.544"), ("2999-01-01", "3120.544")):
        code, out, err = collected("prices", "at", moment, "KUCOIN", "eth/usdt", "--json")
        (row,) = json.loads(out)["results"]
        assert (code, err, row["bid"]) == (0, "", bid)
    code, out, err = collected("prices", "at", second, "ETH/USDT")
    assert (code, [row[0] for row in rows(out)]) == (0, ["MEXC", "HTX", "KUCOIN"])
    assert err.startswith("not known yet: BYBIT, WHITEBIT, RAPIRA")
    # What was disabled since was known then.
    assert collected("providers", "disable", "MEXC", "RAPIRA")[0] == 0
    code, out, err = collected("prices", "at", second, "ETH/USDT")
    assert (code, [row[0] for row in rows(out)]) == (0, ["MEXC", "HTX", "KUCOIN"])
    assert err.startswith("not known yet: BYBIT, WHITEBIT, TWELVEDATA")


def test_at_with_an_archive_that_cannot_be_read_is_told_once(ctl, folder):
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "history").symlink_to("history")  # a loop: also root cannot look into it
    code, out, err = ctl("prices", "at", "1h")
    assert (code, out, err.count("cannot look into"), err.count("\n")) == (1, "", 1, 1)


def test_at_a_moment_before_all_says_from_when_on(collected):
    code, out, err = collected("prices", "at", "2020-01-01", "KUCOIN")
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"marketctl: nothing is known of KUCOIN at 2020-01-01T00:00:00.000Z: not known before [^ ]+Z\.?\n", err
    )


@pytest.mark.parametrize(
    ("words", "code"), [(["soon"], 2), (["1h", "KUCOIN", "MEXC"], 2), (["1s", "NOBODY"], 4), (["0s", "BTC/XXX"], 1)]
)
def test_at_bad_input(collected, words, code):
    found, out, err = collected("prices", "at", *words)
    assert (found, out) == (code, "")
    assert err


@pytest.mark.parametrize("command", ["show", "compare BTC/USDT", "show KUCOIN"])
def test_redis_that_is_away_with_no_mirror_is_not_called_never(ctl, command, monkeypatch):
    monkeypatch.setenv("MARKETCTL_REDIS_URL", "redis://127.0.0.1:1/0")
    code, out, err = ctl("prices", *command.split())
    assert (code, out) == (1, "")
    assert "cannot reach Redis at redis://127.0.0.1:1/0" in err
    assert "never" not in err
    assert err.count("cannot reach") == 1


def test_a_redis_that_is_away_and_no_mirror_is_one_sentence(ctl, folder):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('redis_url = "embedded"', 'redis_url = "redis://127.0.0.1:1/0"'))
    code, out, err = ctl("prices", "compare", "BTC/USDT")
    assert (code, out) == (1, "")
    assert "127.0.0.1:1. Connection refused, and there is no mirror. Next: " in err
