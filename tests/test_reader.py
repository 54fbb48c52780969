"""The reader for programs: what is fresh is typed and exact, what is not is an exception that says why."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from marketctl.models import Quote as Sent
from marketctl.reader import NoQuote, Quote, open_quotes
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms, to_iso
from tools.torture_world import RedisServer

READERS = Path(__file__).parent.parent / "docs" / "readers"
REGISTRY = """
[settings]
redis_url = "{url}"
redis_prefix = "r"
[providers.KUCOIN]
path = "marketctl.providers.cex.kucoin:KucoinAdapter"
[providers.HTX]
path = "marketctl.providers.cex.htx:HtxAdapter"
"""


def sent(bid: str | None, ask: str | None, at_ms: int | None = None, symbol: str = "BTC-USDT") -> Sent:
    return Sent(symbol, bid, ask, "0.50", None, "1.5", None, None, None, "trading", at_ms)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedRedis(tmp_path_factory.mktemp("data")) as embedded:
        yield embedded.start()


@pytest.fixture
def registry(tmp_path: Path, server: str) -> Path:
    path = tmp_path / "providers.toml"
    path.write_text(REGISTRY.format(url=f"unix://{server}"))
    with RedisConnection(f"unix://{server}", tmp_path, "r") as store:
        store.call("FLUSHALL")
    return path


def publish(registry: Path, server: str, quotes: dict[str, Sent], age_s: float = 0, provider: str = "KUCOIN") -> int:
    collected = now_ms() - round(age_s * 1000)
    with RedisConnection(f"unix://{server}", registry.parent, "r") as store:
        publish_l1(store, provider, quotes, run_id="1", collected_ms=collected, interval_s=10, skipped=0)
    return collected


def test_a_fresh_quote_is_typed_and_exact(registry: Path, server: str) -> None:
    at = now_ms() - 2000
    collected = publish(registry, server, {"BTC/USDT": sent("0.1000000000000000000001", None, at)})
    with open_quotes(registry) as quotes:
        found = quotes.get("KUCOIN", "BTC/USDT", max_age_s=30)
    assert found == Quote(
        "KUCOIN", "BTC/USDT", "BTC-USDT", Decimal("0.1000000000000000000001"), None, Decimal("0.50"), None,
        Decimal("1.5"), None, None, None, "trading", False, datetime.fromtimestamp(at / 1000, UTC),
        datetime.fromtimestamp(collected / 1000, UTC), found.age_s, "redis",
    )  # fmt: skip
    assert 2 <= found.age_s < 10


@pytest.mark.parametrize("bid", ["abc", "", "NaN", "Infinity", "1e5000", "9" * 5000])
def test_what_is_no_price_makes_the_set_none(registry: Path, server: str, bid: str) -> None:
    publish(registry, server, {"BTC/USDT": sent("1", "2"), "OK/USDT": sent("1", "2")})
    with RedisConnection(f"unix://{server}", registry.parent, "r") as store:
        store.call("HSET", "r:{KUCOIN}:l1", "BTC/USDT", json.dumps({"bid": bid, "ask": "2", "symbol": "BTCUSDT"}))
    with open_quotes(registry) as quotes:
        words = r"^KUCOIN: cannot be read: .* key r:\{KUCOIN\}:l1 is not as marketctl writes it: BTC/USDT holds "
        with pytest.raises(NoQuote, match=words) as caught:
            quotes.get("KUCOIN", "BTC/USDT", max_age_s=30)
        assert caught.value.why == "failed"
        with pytest.raises(NoQuote, match=words):
            quotes.all("KUCOIN")


def test_a_limit_that_is_no_number_lets_nothing_through(registry: Path, server: str) -> None:
    publish(registry, server, {"BTC/USDT": sent("1", "2")})
    with open_quotes(registry) as quotes, pytest.raises(NoQuote, match="is too old"):
        quotes.get("KUCOIN", "BTC/USDT", max_age_s=float("nan"))


def test_what_is_too_old_is_never_returned(registry: Path, server: str) -> None:
    publish(registry, server, {"BTC/USDT": sent("1", "2"), "OLD/USDT": sent("1", "2", now_ms() - 120_000)}, age_s=20)
    with open_quotes(registry) as quotes:
        with pytest.raises(
            NoQuote, match=r"^KUCOIN BTC/USDT is too old: 2\d\.\d s, at most 5 s are allowed$"
        ) as caught:
            quotes.get("KUCOIN", "BTC/USDT", max_age_s=5)
        assert caught.value.why == "stale"
        with pytest.raises(NoQuote, match=r"^KUCOIN OLD/USDT is too old: 12\d\.\d s, at most 60 s are allowed$"):
            quotes.get("KUCOIN", "OLD/USDT")  # without a limit: that of `prices compare`
        assert list(quotes.all("KUCOIN")) == ["BTC/USDT"]
        assert quotes.all("KUCOIN", max_age_s=5) == {}
        assert list(quotes.pair("BTC/USDT")) == ["KUCOIN"]
        assert quotes.pair("BTC/USDT", max_age_s=5) == {}


def test_what_is_not_there_says_why(registry: Path, server: str) -> None:
    publish(registry, server, {"BTC/USDT": sent("1", "2")})
    with open_quotes(registry) as quotes:
        assert quotes.providers == ["KUCOIN", "HTX"]
        with pytest.raises(NoQuote, match=r"^KUCOIN quotes no ETH/USDT$") as caught:
            quotes.get("KUCOIN", "ETH/USDT")
        assert caught.value.why == "missing"
        with pytest.raises(NoQuote, match=r"^HTX: never published a quote$") as caught:
            quotes.all("HTX")
        assert caught.value.why == "never"


def test_the_mirror_is_read_where_there_is_no_redis(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(REGISTRY.format(url="none"))
    head = {"schema": 1, "provider": "KUCOIN", "job": "prices", "run_id": "1", "collected_at": to_iso(now_ms())}
    write_mirror(
        tmp_path / "data/prices/KUCOIN.json", head | {"version": "0", "complete": True}, {"A/B": sent("1", "2")}
    )
    with open_quotes(path) as quotes:
        found = quotes.get("KUCOIN", "A/B")
    assert (found.bid, found.ask, found.source) == (Decimal("1"), Decimal("2"), "mirror")


def test_a_program_that_goes_on_reads_redis_again_and_meanwhile_the_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketctl.reader.AGAIN_S", 0)
    with RedisServer(tmp_path / "redis") as redis:
        path = tmp_path / "providers.toml"
        path.write_text(REGISTRY.format(url=redis.url))
        head = {"schema": 1, "provider": "KUCOIN", "job": "prices", "run_id": "1", "collected_at": to_iso(now_ms())}
        mirror = tmp_path / "data/prices/KUCOIN.json"
        write_mirror(mirror, head | {"version": "0", "complete": True}, {"A/B": sent("1", "2")})
        redis.kill()
        with open_quotes(path) as quotes:
            for _ in range(2):
                assert quotes.get("KUCOIN", "A/B").source == "mirror"
                redis.start()
                with RedisConnection(redis.url, tmp_path, "r") as store:
                    publish_l1(store, "KUCOIN", {"A/B": sent("3", "4")}, run_id="1", collected_ms=now_ms(),
                               interval_s=10, skipped=0)  # fmt: skip
                assert (quotes.get("KUCOIN", "A/B").source, quotes.get("KUCOIN", "A/B").bid) == ("redis", 3)
                redis.kill()


PROGRAMS = pytest.mark.parametrize(("program", "script"), [("node", "quotes.mjs"), ("php", "quotes.php")])


@PROGRAMS
@pytest.mark.parametrize("value", ["{", "null", '{"bid": "1", "collected_ms": "x"}'])
def test_a_value_that_is_no_quote_is_one_line_in_other_languages(
    registry: Path, server: str, program: str, script: str, value: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    publish(registry, server, {"A/B": sent("1", "2")})
    with RedisConnection(f"unix://{server}", registry.parent, "r") as store:
        store.call("HSET", "r:{KUCOIN}:l1", "A/B", value)
        store.call("HSET", "r:{KUCOIN}:l1:meta", "collected_ms", "x")
    done = run_reader(program, script, server)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@PROGRAMS
def test_a_server_that_is_away_or_hangs_up_is_one_line_in_other_languages(
    tmp_path: Path, program: str, script: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    done = run_reader(program, script, str(tmp_path / "none.sock"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        done = run_reader(program, script, str(listener.getsockname()[1]))
        thread.join()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@PROGRAMS
@pytest.mark.parametrize("words", [[], ["KUCOIN", "A/B"]])
def test_a_reader_that_is_told_too_little_does_not_end_well(
    registry: Path, server: str, program: str, script: str, words: list[str]
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    publish(registry, server, {"A/B": sent("1", "2")})
    command = [program, str(READERS / script), *([server] if words else []), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("program", "script", "text"),
    [
        ("node", "quotes.mjs", "import { quote } from %s; console.log(typeof quote);"),
        ("php", "quotes.php", "<?php require %s; echo function_exists('quote') ? 'function' : '', PHP_EOL;"),
    ],
)
def test_a_program_that_takes_the_reader_in_runs_alone(tmp_path: Path, program: str, script: str, text: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    theirs = tmp_path / f"shop{Path(script).suffix}"
    theirs.write_text(text % json.dumps(str(READERS / script)))
    words = [program, str(theirs), "serve", "KUCOIN", "A/B", "30"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "function\n", "")


def run_reader(program: str, script: str, place: str) -> subprocess.CompletedProcess[str]:
    words = [program, str(READERS / script), place, "KUCOIN", "A/B", "30", "r"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@PROGRAMS
def test_readers_of_other_languages(registry: Path, server: str, program: str, script: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    assert len((READERS / script).read_text().splitlines()) <= 40
    ahead = now_ms() + 9 * 3_600_000
    rate = Sent("USD", None, None, None, None, None, "81.1", None, None, None, ahead)
    quotes = {
        "BTC/USDT": sent("0.10", "0.20"),
        "币/USDT": sent("1", "2"),
        "USD/RUB": rate,
        "A/B": sent("1", "2", ahead),
    }
    publish(registry, server, quotes, age_s=20)

    def read(pair: str, max_age: str) -> subprocess.CompletedProcess[str]:
        words = [program, str(READERS / script), server, "KUCOIN", pair, max_age, "r"]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    done = read("BTC/USDT", "30")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["bid"], found["ask"], found["symbol"]) == ("0.10", "0.20", "BTC-USDT")
    assert 20 <= found["age_s"] < 30
    assert read("币/USDT", "30").returncode == 0
    assert read("A/B", "30").returncode == 0  # a clock that runs ahead makes nothing newer than its arrival
    tomorrow = read("USD/RUB", "99999")
    assert (tomorrow.returncode, tomorrow.stderr) == (1, "too early\n")
    stale, missing = read("BTC/USDT", "5"), read("ETH/USDT", "30")
    assert (stale.returncode, stale.stderr[:10], missing.returncode, missing.stderr) == (
        1, "too old: 2", 1, "no live quote of KUCOIN ETH/USDT\n",
    )  # fmt: skip
